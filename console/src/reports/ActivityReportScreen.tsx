import type { ComponentChildren } from "preact";
import { useRoute } from "preact-iso";
import { useState } from "preact/hooks";
import { t as shared } from "../foundation/t";
import { dateTime, number } from "../foundation/time";
import { type Column, Table } from "../foundation/ui/data";
import { List } from "../foundation/ui/pages";
import { Badge, EmptyState, ErrorState, Loading, Skeleton, type Tone } from "../foundation/ui/parts";
import type { Schemas } from "../foundation/api/client";
import { Bars, CsvButton, DisclosureTile, Funnel, ReportHead, reasonsInWords, reasonWords, type Step, TimeTile } from "./parts";
import { type Performer, type Period, useActivityReport, usePerformers } from "./queries";
import { Views } from "./Proof";
import css from "./reports.module.css";
import { t } from "./words.manager";

type Report = Schemas["ActivityReportView"];

export default function ActivityReportScreen() {
  const { params } = useRoute();
  const id = params.id ?? "";
  const [period, setPeriod] = useState<Period | undefined>();
  const report = useActivityReport(id, period);
  const { data } = report;
  const numbers = period ? data?.numbers : data?.whole;
  // The days of a funnel's steps differ: a video seen in one period is sent in the next.
  const always = period ? <span class={css.muted}>{t("whole_life")}</span> : null;
  if (report.error && !data) return <ErrorState error={report.error} onRetry={() => void report.refetch()} />;
  return (
    <div class={css.page}>
      <ReportHead
        back={{ href: "/manage/activities", label: shared("nav_activities") }}
        name={data?.instructions}
        onward={{ icon: "edit", href: `/manage/activities/${id}`, label: t("open_activity") }}
        wanted={{ report: "activity", activity_id: id }}
        period={period}
        onPeriod={setPeriod}
      />
      {data && numbers ? (
        <>
          <div class={css.two}>
            <section class={css.block} aria-labelledby="funnel">
              <div class={css.blockHead}>
                <h2 id="funnel">{t("funnel")}</h2>
                {always}
              </div>
              <Funnel steps={stepsOf(data)} />
              {data.audience_exact ? null : <p class={css.muted}>{t("at_most_text")}</p>}
            </section>
            <section class={css.block} aria-labelledby="losses">
              <div class={css.blockHead}>
                <h2 id="losses">{t("losses")}</h2>
                {always}
              </div>
              <Losses report={data} />
            </section>
          </div>
          {data.cuts.length > 0 ? <Cuts cuts={data.cuts} /> : null}
          <Views numbers={numbers} />
          <section class={css.block} aria-labelledby="over-time">
            <h2 id="over-time">{t("by_day")}</h2>
            <Bars days={data.days} />
            <dl class={css.tiles}>
              <TimeTile name="time_to_perform" numbers={numbers} />
              <TimeTile name="time_to_post" numbers={numbers} />
              <DisclosureTile numbers={numbers} asked={data.disclosure_asked} />
            </dl>
          </section>
        </>
      ) : (
        <Loading>
          <Skeleton height="24rem" />
        </Loading>
      )}
      <Performers id={id} cuts={data?.cuts ?? []} always={always} />
    </div>
  );
}

function stepsOf(report: Report): Step[] {
  return report.funnel.map(({ name, count }) => ({
    name: name as Step["name"],
    count,
    bound: name === "audience" && !report.audience_exact,
  }));
}

function Losses({ report }: { report: Report }) {
  const { whole } = report;
  const rows = [
    { key: "unseen", label: t("lost_unseen"), count: report.not_seen },
    { key: "dismissed", label: t("lost_dismissed"), count: whole.dismissed },
    { key: "undecided", label: t("lost_undecided"), count: Math.max(0, whole.seen - whole.sent - whole.dismissed) },
    { key: "under_way", label: t("lost_under_way"), count: whole.under_way },
    { key: "unconfirmed", label: t("lost_unconfirmed"), count: whole.unconfirmed },
    ...[...reasonsInWords(whole.reasons)].map(([label, count]) => ({ key: label, label, count })),
    { key: "waiting", label: t("lost_waiting"), count: Math.max(0, whole.staged - whole.posted) },
  ].filter(({ count }) => count > 0);
  if (rows.length === 0) return <p class={css.muted}>{t("none_yet")}</p>;
  return (
    <ul class={css.losses}>
      {rows.map((row) => (
        <li key={row.key}>
          <span>{row.label}</span>
          <strong>{number(row.count)}</strong>
        </li>
      ))}
    </ul>
  );
}

const TONES: Record<Performer["status"], Tone> = {
  sent: "plain",
  unconfirmed: "warning",
  staged: "plain",
  posted: "good",
  failed: "bad",
};

type Cut = Report["cuts"][number];

/** What became of each cut of the video: members count for the one that they were dealt. */
function Cuts({ cuts }: { cuts: Cut[] }) {
  const columns: Column<Cut>[] = [
    { label: t("cut"), cell: (row) => t("cut_number", { count: row.number }) },
    ...(["sent", "staged", "posted", "failed"] as const).map((name) => ({
      label: t(name),
      numeric: true,
      cell: (row: Cut) => number(row[name]),
    })),
  ];
  return (
    <section class={css.block} aria-labelledby="cuts">
      <h2 id="cuts">{t("by_cut")}</h2>
      <Table caption={t("by_cut")} columns={columns} rows={cuts} rowKey={(row) => row.upload_id} />
    </section>
  );
}

function Performers({ id, cuts, always }: { id: string; cuts: Cut[]; always: ComponentChildren }) {
  const list = usePerformers(id);
  const rows = list.data?.pages.flatMap((each) => each.items) ?? [];
  const columns: Column<Performer>[] = [
    {
      label: t("member"),
      cell: (row) => (
        <span class={css.who}>
          <a class={css.link} href={`/manage/members?search=${encodeURIComponent(row.email)}`}>
            <bdi>{row.name || row.email || row.member_id}</bdi>
          </a>
          {row.failure ? <span>{reasonWords(row.failure)}</span> : null}
          {cuts.some((each) => each.upload_id === row.cut) ? (
            <span>{t("cut_number", { count: cuts.findIndex((each) => each.upload_id === row.cut) + 1 })}</span>
          ) : null}
        </span>
      ),
    },
    { label: t("state"), cell: (row) => <Badge tone={TONES[row.status]}>{t(`state_${row.status}`)}</Badge> },
    { label: t("sent_at"), wide: true, cell: (row) => dateTime(row.sent_at) },
  ];
  return (
    <section class={css.block} aria-labelledby="performers">
      <div class={css.blockHead}>
        <h2 id="performers">{t("performers")}</h2>
        {always}
        {rows.length > 0 ? <CsvButton wanted={{ report: "performances", activity_id: id }} /> : null}
      </div>
      <List
        list={list}
        count={rows.length}
        row="3.5rem"
        empty={
          <EmptyState icon="people" title={t("no_performers")}>
            {t("no_performers_text")}
          </EmptyState>
        }
      >
        <Table caption={t("performers")} columns={columns} rows={rows} rowKey={(row) => row.member_id} />
      </List>
    </section>
  );
}
