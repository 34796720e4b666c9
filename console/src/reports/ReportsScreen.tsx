import { useLocation } from "preact-iso";
import { number } from "../foundation/time";
import { LinkButton } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import { List } from "../foundation/ui/pages";
import { PageHead } from "../foundation/ui/parts";
import type { Schemas } from "../foundation/api/client";
import OverviewReport from "./OverviewReport";
import { CsvButton, Periods } from "./parts";
import { type Period, PERIODS, useChannelReports } from "./queries";
import css from "./reports.module.css";
import { t } from "./words.manager";

type Row = Schemas["ChannelReportView"];

export default function ReportsScreen() {
  const { query, route, path } = useLocation();
  const period: Period = PERIODS.find((each) => String(each) === query.days) ?? 30;
  return (
    <div class={css.page}>
      <PageHead
        title={t("reports_title")}
        actions={
          <LinkButton icon="people" href="/manage/reports/members">
            {t("of_members")}
          </LinkButton>
        }
      >
        {t("reports_text")}
      </PageHead>
      <div class={css.tools}>
        <Periods value={period} onChange={(chosen) => route(`${path}?days=${chosen ?? 30}`, true)} />
      </div>
      <OverviewReport period={period} whole />
      <Channels period={period} />
    </div>
  );
}

function Channels({ period }: { period: Period }) {
  const list = useChannelReports(period);
  const rows = list.data?.pages.flatMap((each) => each.items) ?? [];
  const columns: Column<Row>[] = [
    {
      label: t("channel"),
      cell: (row) => (
        <a class={css.link} href={`/manage/channels/${row.channel_id}`} dir="auto">
          {row.name}
        </a>
      ),
    },
    { label: t("of_members"), numeric: true, cell: (row) => number(row.members) },
    { label: t("seen"), numeric: true, wide: true, cell: (row) => number(row.seen) },
    { label: t("sent"), numeric: true, cell: (row) => number(row.sent) },
    { label: t("staged"), numeric: true, wide: true, cell: (row) => number(row.staged) },
    { label: t("posted"), numeric: true, cell: (row) => number(row.posted) },
  ];
  return (
    <section class={css.block} aria-labelledby="by-channel">
      <div class={css.blockHead}>
        <h2 id="by-channel">{t("by_channel")}</h2>
        <CsvButton wanted={{ report: "channels" }} period={period} />
      </div>
      <List list={list} count={rows.length} row="3rem" empty={<p class={css.muted}>{t("no_channels")}</p>}>
        <Table caption={t("by_channel")} columns={columns} rows={rows} rowKey={(row) => row.channel_id} />
      </List>
    </section>
  );
}
