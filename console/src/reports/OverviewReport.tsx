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
  const { numbers } = data;
  const before = { numbers: data.before, days: period };
  const counted = (name: "sent" | "staged" | "posted" | "failed" | "dismissed") => (
    <Tile label={t(name)} value={number(numbers[name])} before={against(data.before[name], period)} />
  );
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
        <Tile
          label={t("participation")}
          value={data.participation === null ? "–" : percent(data.participation)}
          before={against(data.active_members_before, period)}
        >
          {t("participation_of", { active: data.active_members, members: data.members })}
        </Tile>
        {counted("sent")}
        {counted("staged")}
        {counted("posted")}
      </dl>
      <Bars days={data.days} />
      {whole ? (
        <dl class={css.tiles}>
          <TimeTile name="time_to_perform" numbers={numbers} before={before} />
          <TimeTile name="time_to_post" numbers={numbers} before={before} />
          <DisclosureTile numbers={numbers} before={before} />
          {counted("failed")}
          {counted("dismissed")}
        </dl>
      ) : null}
    </section>
  );
}
