/** A member's ledger entries, newest first, each with its reason. */
import { later } from "../foundation/later";
import { dateTime, number } from "../foundation/time";
import { Button } from "../foundation/ui/buttons";
import { Icon, type IconName } from "../foundation/ui/Icon";
import { EmptyState, ErrorState, Loading, Skeleton } from "../foundation/ui/parts";
import css from "./ledger.module.css";
import { type Entry, useLedger } from "./queries";
import { t } from "./words";

const ICONS: Record<Entry["kind"], IconName> = {
  award: "send",
  bonus: "check",
  reversal: "refresh",
  adjustment: "edit",
  spending: "gift",
  refund: "refresh",
};
const ROWS = 4;
const inServersWords = { default: ({ performance }: { performance: Entry }) => <>{performance.reason}</> };
const FailureReason = later(() => import("../performances/finish_entry").then((it) => it.failureReason()).catch(() => inServersWords));

export function Ledger({ memberId }: { memberId?: string }) {
  const ledger = useLedger(memberId);
  const items = ledger.data?.pages.flatMap((page) => page.items) ?? [];
  if (ledger.isPending) {
    return (
      <Loading>
        <div class={css.list}>
          {Array.from({ length: ROWS }, (_, index) => (
            <Skeleton key={index} height="3.5rem" />
          ))}
        </div>
      </Loading>
    );
  }
  if (ledger.error && items.length === 0) return <ErrorState error={ledger.error} onRetry={() => void ledger.refetch()} />;
  if (items.length === 0) {
    return (
      <EmptyState icon="sparkle" title={t("ledger_empty_title")}>
        {memberId ? null : t("ledger_empty_text")}
      </EmptyState>
    );
  }
  return (
    <>
      <ul class={css.list}>
        {items.map((entry) => (
          <Line key={entry.entry_id} entry={entry} />
        ))}
      </ul>
      {ledger.hasNextPage ? (
        <div class={css.more}>
          <Button busy={ledger.isFetchingNextPage} onClick={() => void ledger.fetchNextPage()}>
            {t("show_more")}
          </Button>
        </div>
      ) : null}
    </>
  );
}

function Line({ entry }: { entry: Entry }) {
  const gained = entry.points >= 0;
  return (
    <li class={css.line}>
      <span class={gained ? css.mark : `${css.mark} ${css.less}`}>
        <Icon name={ICONS[entry.kind]} />
      </span>
      <div class={css.what}>
        <strong>{t(`entry_${entry.kind}`)}</strong>
        {entry.about ? <bdi class={css.about}>{entry.about}</bdi> : null}
        {entry.reason ? <bdi class={css.reason}>{entry.failure ? <FailureReason performance={entry} /> : entry.reason}</bdi> : null}
        <small>{dateTime(entry.made_at)}</small>
      </div>
      <span class={gained ? css.gained : css.lost}>
        <span aria-hidden="true">{`${gained ? "+" : "−"}${number(Math.abs(entry.points))}`}</span>
        <span class="visually-hidden">{t(gained ? "gained" : "lost", { count: Math.abs(entry.points) })}</span>
      </span>
    </li>
  );
}
