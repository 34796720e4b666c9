/** What needs a hand, on the manager's first screen: each with its cause, and one thing to do. */
import { useState } from "preact/hooks";
import { answer, api, type Schemas } from "../foundation/api/client";
import { queryClient } from "../foundation/api/queries";
import { calendarDay } from "../foundation/calendar";
import { t as common } from "../foundation/t";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { ErrorNote } from "../foundation/ui/parts";
import { toast } from "../foundation/ui/toasts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { reasonsInWords } from "./parts";
import { useWorklist } from "./queries";
import css from "./reports.module.css";
import { t } from "./words.manager";

type Item = Schemas["WorklistItemView"];

export default function Worklist() {
  const { data, error, isFetching, refetch } = useWorklist();
  if (!error && !data?.items.length) return null;
  return (
    <section class={css.block} aria-labelledby="worklist">
      <div class={css.blockHead}>
        <h2 id="worklist">{t("worklist")}</h2>
      </div>
      {error ? (
        <ErrorNote error={error}>
          <Button size="small" icon="refresh" busy={isFetching} onClick={() => void refetch()}>
            {common("try_again")}
          </Button>
        </ErrorNote>
      ) : null}
      {data?.items.length ? (
        <ul class={css.work}>
          {data.items.map((item) => (
            <Line key={`${item.code}${item.to_do.thing_id ?? ""}`} item={item} />
          ))}
        </ul>
      ) : null}
      {data && !data.complete ? <p class={css.muted}>{t("worklist_more")}</p> : null}
    </section>
  );
}

function Line({ item }: { item: Item }) {
  const key = `item_${item.code}`;
  const about = [item.title || item.names.join("; "), ...reasonsInWords(item.reasons).keys()];
  return (
    <li>
      <span class={css.cause}>
        <strong>{t.has(key) ? t(key, { count: item.count }) : item.cause}</strong>
        <span>
          <bdi>{about.filter(Boolean).join(" · ")}</bdi> · {t("since", { day: calendarDay(item.since) })}
        </span>
      </span>
      <Act item={item} />
    </li>
  );
}

const people = ({ member_ids: ids }: Item): string => `/manage/members?ids=${ids.join(",")}`;

const where: Record<string, (item: Item) => string> = {
  open_activity: ({ to_do }) => `/manage/activities/${to_do.thing_id}`,
  open_report: ({ to_do }) => `/manage/activities/${to_do.thing_id}/report`,
  open_redemptions: () => "/manage/redemptions",
  open_webhooks: () => "/manage/webhooks",
  open_member: people,
  open_members: people,
  invite_again: people,
};

/** The one thing to do about an item. */
function Act({ item }: { item: Item }) {
  const [busy, setBusy] = useState(false);
  const [help, setHelp] = useState(false);
  const { code, thing_id } = item.to_do;
  const key = `do_${code}`;
  const label = t.has(key) ? t(key) : item.to_do.label;
  if (code === "read_help") {
    return (
      <>
        <Button size="small" aria-expanded={help} onClick={() => setHelp(!help)}>
          {label}
        </Button>
        {help ? <p class={css.muted}>{t("app_help")}</p> : null}
      </>
    );
  }
  if (code === "invite_again" && thing_id) {
    const invite = async (): Promise<void> => {
      setBusy(true);
      try {
        await answer(api.POST("/members/{member_id}/invite", { params: { path: { member_id: thing_id } } }));
        toast(t("invited_again"));
        await queryClient.invalidateQueries({ queryKey: ["worklist"] });
      } catch (error) {
        toastProblem(error);
      } finally {
        setBusy(false);
      }
    };
    return (
      <Button size="small" busy={busy} onClick={() => void invite()}>
        {label}
      </Button>
    );
  }
  return (
    <LinkButton size="small" href={where[code]?.(item) ?? "/manage"}>
      {label}
    </LinkButton>
  );
}
