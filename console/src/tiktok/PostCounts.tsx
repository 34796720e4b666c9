/** TikTok's counts of a post, in the member's own history. */
import { dateTime } from "../foundation/time";
import { LinkButton } from "../foundation/ui/buttons";
import type { Schemas } from "../foundation/api/client";
import css from "./views.module.css";
import { t } from "./words.views";

export default function PostCounts({ counted }: { counted: Schemas["CountedView"] }) {
  return (
    <>
      <p class={css.counts}>
        {t("counted_views", { count: counted.views })} · {t("counted_likes", { count: counted.likes })} ·{" "}
        {t("counted_comments", { count: counted.comments })}{" "}
        <span>{t("counted_at", { when: dateTime(counted.counted_at) })}</span>
      </p>
      {counted.link ? (
        <div>
          <LinkButton size="small" icon="external" href={counted.link} target="_blank" rel="noreferrer noopener">
            {t("see_post")}
          </LinkButton>
        </div>
      ) : null}
    </>
  );
}
