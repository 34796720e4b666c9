import { useLocation } from "preact-iso";
import type { Schemas } from "../foundation/api/client";
import { dateTime, number } from "../foundation/time";
import { type Column, Table } from "../foundation/ui/data";
import { BackLink, List } from "../foundation/ui/pages";
import { Badge, useTitle } from "../foundation/ui/parts";
import { CsvButton, Periods } from "./parts";
import { type Period, PERIODS, useMemberReports } from "./queries";
import css from "./reports.module.css";
import { t } from "./words.manager";

type Row = Schemas["MemberReportView"];

export default function MemberReportsScreen() {
  const { query, route, path } = useLocation();
  const period: Period = PERIODS.find((each) => String(each) === query.days) ?? 30;
  const list = useMemberReports(period);
  const rows = list.data?.pages.flatMap((each) => each.items) ?? [];
  useTitle(t("by_member"));
  const columns: Column<Row>[] = [
    {
      label: t("member"),
      cell: (row) => (
        <span class={css.who}>
          <a class={css.link} href={`/manage/members?search=${encodeURIComponent(row.email)}`}>
            <bdi>{row.name || row.email}</bdi>
          </a>
          <span>
            {t("last_sent")}: {row.last_sent_at ? dateTime(row.last_sent_at) : t("never")}
          </span>
        </span>
      ),
    },
    { label: t("account"), wide: true, cell: (row) => <Account state={row.tiktok} /> },
    { label: t("seen"), numeric: true, wide: true, cell: (row) => number(row.seen) },
    { label: t("sent"), numeric: true, cell: (row) => number(row.sent) },
    { label: t("staged"), numeric: true, wide: true, cell: (row) => number(row.staged) },
    { label: t("posted"), numeric: true, cell: (row) => number(row.posted) },
    { label: t("failed"), numeric: true, wide: true, cell: (row) => number(row.failed) },
  ];
  return (
    <div class={css.page}>
      <header class={css.head}>
        <BackLink href="/manage/reports">{t("back")}</BackLink>
        <h1 tabIndex={-1}>{t("by_member")}</h1>
      </header>
      <div class={css.tools}>
        <Periods value={period} onChange={(chosen) => route(`${path}?days=${chosen ?? 30}`, true)} />
        <CsvButton wanted={{ report: "members" }} period={period} />
      </div>
      <List list={list} count={rows.length} row="3.5rem" empty={null}>
        <Table caption={t("by_member")} columns={columns} rows={rows} rowKey={(row) => row.member_id} />
      </List>
    </div>
  );
}

function Account({ state }: { state: string | null }) {
  if (state === "connected") return <Badge icon="check">{t("account_connected")}</Badge>;
  if (state === "reconnect_required") {
    return (
      <Badge tone="warning" icon="alert">
        {t("account_reconnect_required")}
      </Badge>
    );
  }
  return <span class={css.muted}>{t("account_none")}</span>;
}
