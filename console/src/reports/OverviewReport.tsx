/** The program's numbers: on the manager's first screen, and at the head of the reports. */
import { number } from "../foundation/time";
import { ErrorNote, Loading, Skeleton } from "../foundation/ui/parts";
import { LinkButton } from "../foundation/ui/buttons";
import { against, Bars, CsvButton, DisclosureTile, percent, Tile, TimeTile } from "./parts";
import { type Period, useOverview } from "./queries";
import css from "./reports.module.css";
import { t } from "./words.manager";

export default function OverviewReport({ period = 30, whole = false }: { period?: Period; whole?: boolean }) {
  const { data, error, isPending } = useOverview(period);
  if (isPending) {
    return (
      <Loading>
        <Skeleton height="16rem" />
      </Loading>
    );
  }
  if (!data) return <ErrorNote error={error} />;
  const { numbers, before } = data;
  const compared = (name: "sent" | "staged" | "posted"): string => against(numbers[name], before[name], period);
  return (
    <section class={css.block} aria-labelledby="overview-report">
      <div class={css.blockHead}>
        <h2 id="overview-report">{t(`days_${period}`)}</h2>
        {whole ? (
          <CsvButton wanted={{ report: "overview" }} period={period} />
        ) : (
          <LinkButton kind="quiet" size="small" href="/manage/reports">
            {t("reports_title")}
          </LinkButton>
        )}
      </div>
      <dl class={css.tiles}>
        <Tile label={t("participation")} value={data.participation === null ? "–" : percent(data.participation)}>
          {t("participation_of", { active: data.active_members, members: data.members })}
        </Tile>
        <Tile label={t("sent")} value={number(numbers.sent)}>
          {compared("sent")}
        </Tile>
        <Tile label={t("staged")} value={number(numbers.staged)}>
          {compared("staged")}
        </Tile>
        <Tile label={t("posted")} value={number(numbers.posted)}>
          {compared("posted")}
        </Tile>
      </dl>
      <Bars days={data.days} />
      {whole ? (
        <dl class={css.tiles}>
          <TimeTile label={t("time_to_perform")} times={numbers.time_to_perform} />
          <TimeTile label={t("time_to_post")} times={numbers.time_to_post} />
          <DisclosureTile numbers={numbers} />
          <Tile label={t("failed")} value={number(numbers.failed)} />
          <Tile label={t("dismissed")} value={number(numbers.dismissed)} />
        </dl>
      ) : null}
    </section>
  );
}
