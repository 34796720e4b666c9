/** Whether Greenroom may read views of the member's posts: asked for in words, taken back at any time. */
import { answer, api } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";
import { longDate } from "../foundation/calendar";
import { Button } from "../foundation/ui/buttons";
import { ErrorNote, Note } from "../foundation/ui/parts";
import { useRequest } from "../foundation/ui/request";
import { toast } from "../foundation/ui/toasts";
import { leaveForTikTok } from "./leave";
import { ACCOUNT, useAccount } from "./queries";
import css from "./views.module.css";
import { t } from "./words.views";

/** `denied`: the member has just come back from TikTok with the permission switched off. */
export default function Views({ denied = false }: { denied?: boolean }) {
  const account = useAccount().data;
  const { busy, error, run } = useRequest();
  if (!account || !(account.views_offered || account.views_since)) return null;

  const allow = () => run(async () => leaveForTikTok((await answer(api.POST("/tiktok/views"))).authorize_url));
  const end = () =>
    run(async () => {
      await answer(api.DELETE("/tiktok/views"));
      await Promise.all([ACCOUNT, ["performances"]].map((queryKey) => queryClient.invalidateQueries({ queryKey })));
      toast(t("views_ended"));
    });
  const since = account.views_since;
  return (
    <section class={css.views} aria-labelledby="views-of-posts">
      <h3 id="views-of-posts">{t("views")}</h3>
      {error ? <ErrorNote error={error} /> : null}
      {denied && !since ? (
        <Note tone="warning">
          <p>{t("views_denied")}</p>
        </Note>
      ) : (
        <p>
          <strong>{since ? t("views_on", { when: longDate(since) }) : t("views_off")}</strong>
          {since && !account.views_offered ? ` ${t("views_not_offered")}` : null}
        </p>
      )}
      <p>{t("views_text")}</p>
      <p>{t("views_limits")}</p>
      <div>
        {since ? (
          <Button size="small" busy={busy} onClick={() => void end()}>
            {t("views_end")}
          </Button>
        ) : (
          <Button size="small" busy={busy} onClick={() => void allow()}>
            {busy ? t("views_leaving") : t("views_allow")}
          </Button>
        )}
      </div>
    </section>
  );
}
