/** What reports are made of: numbers, bars by day, a funnel, each with a table of the same. */
import { useState } from "preact/hooks";
import { calendarDay } from "../foundation/calendar";
import { number } from "../foundation/time";
import { Button, LinkButton } from "../foundation/ui/buttons";
import { type Column, Table } from "../foundation/ui/data";
import type { IconName } from "../foundation/ui/Icon";
import { BackLink } from "../foundation/ui/pages";
import { useTitle } from "../foundation/ui/parts";
import { Segments } from "../foundation/ui/Segments";
import { toastProblem } from "../foundation/ui/toast_problem";
import { toast } from "../foundation/ui/toasts";
import { localeTag } from "../foundation/words";
import { type Day, fileOf, type Numbers, type Period, PERIODS, useDays, type Wanted } from "./queries";
import css from "./reports.module.css";
import { t } from "./words.manager";

const WEEK = 7;
const MOST_BARS = 62;

export function percent(share: number): string {
  return new Intl.NumberFormat(localeTag(), { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 }).format(share);
}

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** "4 hours" of seconds. */
export function duration(seconds: number): string {
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) ?? UNITS[2];
  return new Intl.NumberFormat(localeTag(), { style: "unit", unit, unitDisplay: "long" }).format(Math.round(seconds / length));
}

export function Periods({ value, onChange, whole }: { value: Period | undefined; onChange: (period: Period | undefined) => void; whole?: boolean }) {
  const options = PERIODS.map((each) => ({ value: String(each), label: t(`days_${each}`) }));
  return (
    <Segments
      label={t("period")}
      value={value ? String(value) : ""}
      options={whole ? [{ value: "", label: t("whole_life") }, ...options] : options}
      onChange={(chosen) => onChange(PERIODS.find((each) => String(each) === chosen))}
    />
  );
}

/** Above the report of one thing: its name, and once that is known what to look at and where to go on. */
export function ReportHead({
  back,
  name,
  onward,
  wanted,
  period,
  onPeriod,
}: {
  back: { href: string; label: string };
  name: string | undefined;
  onward: { icon: IconName; href: string; label: string };
  wanted: Wanted;
  period: Period | undefined;
  onPeriod: (period: Period | undefined) => void;
}) {
  useTitle(name ?? t("report"));
  return (
    <>
      <header class={css.head}>
        <BackLink href={back.href}>{back.label}</BackLink>
        <h1 tabIndex={-1} dir="auto" class={css.title}>
          {name ?? t("report")}
        </h1>
      </header>
      {name === undefined ? null : (
        <div class={css.tools}>
          <Periods whole value={period} onChange={onPeriod} />
          <span class={css.buttons}>
            <LinkButton size="small" icon={onward.icon} href={onward.href}>
              {onward.label}
            </LinkButton>
            <CsvButton wanted={wanted} period={period} />
          </span>
        </div>
      )}
    </>
  );
}

/** A file is made aside and comes by a link that is good for minutes. */
export function CsvButton({ wanted, period }: { wanted: Wanted; period?: Period | undefined }) {
  const [busy, setBusy] = useState(false);
  const days = useDays(period);
  const fetchFile = async (): Promise<void> => {
    setBusy(true);
    try {
      const link = document.createElement("a");
      link.href = await fileOf(wanted, days);
      link.rel = "noopener";
      link.click();
      toast(t("csv_ready"));
    } catch (error) {
      if (error instanceof Error && !("code" in error)) toast(t("csv_failed"));
      else toastProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button size="small" icon="archive" busy={busy} onClick={() => void fetchFile()}>
      {busy ? t("csv_making") : t("csv")}
    </Button>
  );
}

/** The same numbers of as many days before. */
export type Before = { numbers: Numbers; days: number };

type TileProps = { label: string; value: string; words?: boolean; before?: string | undefined; children?: string | undefined };

export function Tile({ label, value, words, before, children }: TileProps) {
  return (
    <div class={css.tile}>
      <dt>{label}</dt>
      <dd>
        <strong class={words ? css.words : undefined}>{value}</strong>
        {children ? <span>{children}</span> : null}
        {before ? <span>{before}</span> : null}
      </dd>
    </div>
  );
}

/** Of those who sent, how many acknowledged what to disclose in TikTok. */
export function DisclosureTile({ numbers, asked = true, before }: { numbers: Numbers; asked?: boolean; before?: Before }) {
  const { disclosed, sent } = numbers;
  const share = (of: Numbers): string => (of.sent > 0 ? percent(of.disclosed / of.sent) : "–");
  return (
    <Tile label={t("disclosed")} value={share(numbers)} before={before && against(share(before.numbers), before.days)}>
      {asked || disclosed > 0 ? t("disclosed_of", { disclosed, sent }) : t("disclosed_not_asked")}
    </Tile>
  );
}

/** How long something took by half of those of whom it is known. */
export function TimeTile({ name, numbers, before }: { name: "time_to_perform" | "time_to_post"; numbers: Numbers; before?: Before }) {
  const { count } = numbers[name];
  const told = (of: Numbers): string => (of[name].count > 0 ? median(of[name]) : t("none_yet"));
  return (
    <Tile label={t(name)} value={told(numbers)} words before={before && against(told(before.numbers), before.days)}>
      {count > 0 ? t("measured", { count }) : undefined}
    </Tile>
  );
}

/** "12 in the 30 days before". */
export function against(before: string | number, days: number): string {
  return t("before", { number: before, days });
}

function median(times: Numbers["time_to_post"]): string {
  const most = times.bounds_seconds[times.bounds_seconds.length - 1] ?? 0;
  const within = times.median_at_most_seconds;
  return within === null ? t("half_beyond", { time: duration(most) }) : t("half_within", { time: duration(within) });
}

type Bar = { key: string; label: string; sent: number; posted: number; day: Day };

function barsOf(days: Day[]): Bar[] {
  if (days.length <= MOST_BARS) {
    return days.map((day) => ({ key: day.day, label: calendarDay(day.day), sent: day.sent, posted: day.posted, day }));
  }
  const weeks: Bar[] = [];
  for (let at = 0; at < days.length; at += WEEK) {
    const week = days.slice(at, at + WEEK);
    const sum = (name: "seen" | "sent" | "staged" | "posted" | "failed"): number => week.reduce((so, each) => so + each[name], 0);
    const [first] = week;
    if (!first) break;
    const day = { day: first.day, seen: sum("seen"), sent: sum("sent"), staged: sum("staged"), posted: sum("posted"), failed: sum("failed") };
    weeks.push({ key: first.day, label: t("week_of", { day: calendarDay(first.day) }), sent: day.sent, posted: day.posted, day });
  }
  return weeks;
}

/** Sent and posted by day, or by week where days would be too thin; the same as a table below. */
export function Bars({ days }: { days: Day[] }) {
  const bars = barsOf(days);
  const highest = Math.max(1, ...bars.map((each) => Math.max(each.sent, each.posted)));
  const total = (name: "sent" | "posted"): number => bars.reduce((so, each) => so + each[name], 0);
  const [first, last] = [bars[0], bars[bars.length - 1]];
  if (!first || !last) return null;
  const columns: Column<Bar>[] = [
    { label: t("day"), cell: (bar) => bar.label },
    ...(["seen", "sent", "staged", "posted", "failed"] as const).map((name) => ({
      label: t(name),
      numeric: true,
      wide: name === "seen" || name === "failed",
      cell: (bar: Bar) => number(bar.day[name]),
    })),
  ];
  const words = { sent: total("sent"), posted: total("posted"), from: first.label, to: last.label };
  return (
    <section class={css.chart}>
      <div class={css.legend} aria-hidden="true">
        <span class={css.keySent}>{t("sent")}</span>
        <span class={css.keyPosted}>{t("posted")}</span>
        <span class={css.highest}>{number(highest)}</span>
      </div>
      <div class={css.bars} role="img" aria-label={t("chart", words)}>
        {bars.map((bar) => (
          <span key={bar.key} class={css.slot} title={`${bar.label}: ${t("sent")} ${bar.sent}, ${t("posted")} ${bar.posted}`}>
            <span class={css.sentBar} style={{ blockSize: `${(bar.sent / highest) * 100}%` }} />
            <span class={css.postedBar} style={{ blockSize: `${(bar.posted / highest) * 100}%` }} />
          </span>
        ))}
      </div>
      <div class={css.axis} aria-hidden="true">
        <span>{first.label}</span>
        {last === first ? null : <span>{last.label}</span>}
      </div>
      <details class={css.details}>
        <summary>{t("as_table")}</summary>
        <Table caption={t(bars.length < days.length ? "by_week" : "by_day")} columns={columns} rows={[...bars].reverse()} rowKey={(bar) => bar.key} />
      </details>
    </section>
  );
}

export type Step = { name: "audience" | "seen" | "sent" | "staged" | "posted"; count: number; bound?: boolean };

/** Each step as a bar against the first, in a table that says the same in numbers. */
export function Funnel({ steps }: { steps: Step[] }) {
  const widest = Math.max(1, ...steps.map((each) => each.count));
  return (
    <div class={css.funnelBox}>
      <table class={css.funnel}>
        <caption class="visually-hidden">{t("funnel")}</caption>
        <thead class="visually-hidden">
          <tr>
            <th scope="col">{t("step")}</th>
            <th scope="col">{t("members_count")}</th>
            <th scope="col">{t("of_before")}</th>
          </tr>
        </thead>
        <tbody>
          {steps.map((step, at) => {
            const before = steps[at - 1]?.count;
            return (
              <tr key={step.name}>
                <th scope="row">{t(step.name)}</th>
                <td>
                  <span class={css.track} aria-hidden="true">
                    <span class={css.fill} style={{ inlineSize: `${(step.count / widest) * 100}%` }} />
                  </span>
                  <strong>
                    {step.bound ? `${t("at_most")} ` : ""}
                    {number(step.count)}
                  </strong>
                </td>
                <td class={css.share}>{before ? percent(step.count / before) : ""}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

export function reasonWords(code: string): string {
  const key = `reason_${code}`;
  return t(t.has(key) ? key : "reason_other");
}

/** Why sends failed, in words: what is new here under one, with the sum of their counts. */
export function reasonsInWords(reasons: Numbers["reasons"]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { code, count } of reasons) counts.set(reasonWords(code), (counts.get(reasonWords(code)) ?? 0) + count);
  return counts;
}
