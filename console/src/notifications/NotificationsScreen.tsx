import { useState } from "preact/hooks";
import { relative } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { Icon, type IconName } from "../foundation/ui/Icon";
import { EmptyState, ErrorState, Loading, PageHead, Skeleton } from "../foundation/ui/parts";
import { toastProblem } from "../foundation/ui/toast_problem";
import { useMe } from "../me/queries";
import css from "./notifications.module.css";
import { noteRead, type Notice, useNotices } from "./queries";
import { t } from "./words.notices";

const LOOKS: Record<Notice["what"], [IconName, string]> = {
  activity_opened: ["feed", "/"],
  activity_ending: ["clock", "/"],
  video_waiting: ["inbox", "/history"],
  account_to_reconnect: ["alert", "/settings#tiktok"],
  reward_fulfilled: ["gift", "/rewards"],
  reward_rejected: ["refresh", "/rewards"],
  points_adjusted: ["sparkle", "/points"],
  worklist: ["check", "/manage"],
};

/** The member's notices, latest first. */
export default function NotificationsScreen() {
  const notices = useNotices();
  const rewards = useMe().data?.program.rewards ?? true;
  const [busy, setBusy] = useState(false);
  const items = notices.data?.items ?? [];
  const unread = items.filter((each) => !each.read).map((each) => each.notice_id);
  const read = async (ids: string[]): Promise<void> => {
    setBusy(true);
    await noteRead(ids).catch((error: unknown) => toastProblem(error));
    setBusy(false);
  };
  return (
    <>
      <PageHead
        title={t("title")}
        actions={
          unread.length > 0 ? (
            <Button icon="check" busy={busy} onClick={() => void read(unread)}>
              {t("all_read")}
            </Button>
          ) : null
        }
      />
      {notices.isPending ? (
        <Loading>
          <Skeleton height="12rem" />
        </Loading>
      ) : null}
      {notices.error && !notices.data ? <ErrorState error={notices.error} onRetry={() => void notices.refetch()} /> : null}
      {notices.data && items.length === 0 ? (
        <EmptyState icon="inbox" title={t("empty_title")}>
          {t("empty_text")}
        </EmptyState>
      ) : null}
      <ul class={css.list}>
        {items.map((notice) => (
          <Line key={notice.notice_id} notice={notice} rewards={rewards} onOpen={() => void read(notice.read ? [] : [notice.notice_id])} />
        ))}
      </ul>
    </>
  );
}

function Line({ notice, rewards, onOpen }: { notice: Notice; rewards: boolean; onOpen: () => void }) {
  const [icon, leads] = LOOKS[notice.what];
  // Without rewards their screen is not there: what was spent, and what came back, is among the points.
  const href = leads === "/rewards" && !rewards ? "/points" : leads;
  return (
    <li>
      <a class={notice.read ? css.line : `${css.line} ${css.fresh}`} href={href} onClick={onOpen}>
        <span class={css.mark}>
          <Icon name={icon} />
        </span>
        <span class={css.what}>
          <strong>{t(`what_${notice.what}`, { count: notice.number })}</strong>
          {notice.title ? <bdi>{notice.title}</bdi> : null}
          <small>
            {notice.what === "points_adjusted" ? `${t("points", { count: notice.number })} · ` : ""}
            <time dateTime={notice.at}>{relative(notice.at)}</time>
          </small>
        </span>
        {notice.read ? null : <span class={css.dot}>{t("unread")}</span>}
      </a>
    </li>
  );
}
