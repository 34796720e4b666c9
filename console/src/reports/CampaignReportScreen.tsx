import { useRoute } from "preact-iso";
import { useState } from "preact/hooks";
import { t as shared } from "../foundation/t";
import { number } from "../foundation/time";
import { ErrorState, Loading, Skeleton } from "../foundation/ui/parts";
import { Bars, Funnel, ReportHead, Tile, TimeTile } from "./parts";
import { Summary, Views } from "./Proof";
import { type Period, useCampaignReport } from "./queries";
import css from "./reports.module.css";
import { t } from "./words.manager";

export default function CampaignReportScreen() {
  const { params } = useRoute();
  const id = params.id ?? "";
  const [period, setPeriod] = useState<Period | undefined>();
  const report = useCampaignReport(id, period);
  const { data } = report;
  if (report.error && !data) return <ErrorState error={report.error} onRetry={() => void report.refetch()} />;
  return (
    <div class={css.page}>
      <ReportHead
        back={{ href: "/manage/campaigns", label: shared("nav_campaigns") }}
        name={data?.name}
        onward={{ icon: "activities", href: `/manage/activities?campaign=${encodeURIComponent(id)}`, label: t("see_activities") }}
        wanted={{ report: "campaign", campaign_id: id }}
        period={period}
        onPeriod={setPeriod}
      />
      {data ? (
        <>
          <Summary numbers={data.numbers} />
          <section class={css.block} aria-labelledby="funnel">
            <h2 id="funnel">{t("funnel")}</h2>
            <Funnel steps={(["seen", "sent", "staged", "posted"] as const).map((name) => ({ name, count: data.numbers[name] }))} />
          </section>
          <Views numbers={data.numbers} />
          <section class={css.block} aria-labelledby="over-time">
            <h2 id="over-time">{t("by_day")}</h2>
            <Bars days={data.days} />
            <dl class={css.tiles}>
              <Tile label={t("failed")} value={number(data.numbers.failed)} />
              <TimeTile name="time_to_post" numbers={data.numbers} />
            </dl>
          </section>
        </>
      ) : (
        <Loading>
          <Skeleton height="24rem" />
        </Loading>
      )}
    </div>
  );
}
