/** Reports, the worklist and files of them, as managers read them. */
import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { now } from "../foundation/clock";
import { minute, zone } from "../foundation/time";
import { wallClock } from "../foundation/wall_clock";
import { useMe } from "../me/queries";

export type Numbers = Schemas["NumbersView"];
export type Day = Schemas["DayView"];
export type Performer = Schemas["PerformerView"];
export type Period = 7 | 30 | 90 | 365;
export const PERIODS: Period[] = [7, 30, 90, 365];

const PAGE = 25;
const DAY_MS = 86_400_000;
const LOOK_MS = 1_000;
const LOOKS = 120;

export type Days = { from?: string; to?: string };

/** The first and the last of so many days until today, as the calendar of a zone has them. */
export function daysIn(timeZone: string, period: Period | undefined, at: number = now()): Days {
  if (!period) return {};
  const to = dayIn(timeZone, at);
  // Days of a calendar, not of 24 hours: where clocks change, some are longer.
  return { from: new Date(Date.parse(to) - (period - 1) * DAY_MS).toISOString().slice(0, 10), to };
}

function dayIn(timeZone: string, at: number): string {
  return wallClock(at, timeZone).slice(0, 10);
}

/** The days of a period in the program's zone, by which sends are counted; new ones from its midnight on. */
export function useDays(period: Period | undefined): Days {
  void minute.value;
  return daysIn(useMe().data?.program.time_zone ?? zone.value, period);
}

export function useOverview(period: Period) {
  const query = useDays(period);
  return useQuery({
    queryKey: ["reports", "overview", query],
    queryFn: () => answer(api.GET("/reports/overview", { params: { query } })),
  });
}

export function useActivityReport(id: string, period: Period | undefined) {
  const query = useDays(period);
  return useQuery({
    queryKey: ["reports", "activity", id, query],
    queryFn: () =>
      answer(api.GET("/activities/{activity_id}/report", { params: { path: { activity_id: id }, query } })),
  });
}

export function useCampaignReport(id: string, period: Period | undefined) {
  const query = useDays(period);
  return useQuery({
    queryKey: ["reports", "campaign", id, query],
    queryFn: () =>
      answer(api.GET("/reports/campaigns/{campaign_id}", { params: { path: { campaign_id: id }, query } })),
  });
}

type Listed = { next_cursor: string | null };
const next = (last: Listed): string | undefined => last.next_cursor ?? undefined;
const page = (cursor: string): { limit: number; cursor?: string } => ({ limit: PAGE, ...(cursor ? { cursor } : {}) });

export function usePerformers(id: string) {
  return useInfiniteQuery({
    queryKey: ["reports", "performers", id],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(
        api.GET("/activities/{activity_id}/performances", {
          params: { path: { activity_id: id }, query: page(pageParam) },
        }),
      ),
    getNextPageParam: next,
  });
}

export function useMemberReports(period: Period) {
  const days = useDays(period);
  return useInfiniteQuery({
    queryKey: ["reports", "members", days],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(api.GET("/reports/members", { params: { query: { ...page(pageParam), ...days } } })),
    getNextPageParam: next,
  });
}

export function useChannelReports(period: Period) {
  const days = useDays(period);
  return useInfiniteQuery({
    queryKey: ["reports", "channels", days],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(api.GET("/reports/channels", { params: { query: { ...page(pageParam), ...days } } })),
    getNextPageParam: next,
  });
}

export function useWorklist() {
  return useQuery({
    queryKey: ["worklist"],
    queryFn: () => answer(api.GET("/worklist")),
    refetchInterval: 60_000,
    refetchOnWindowFocus: true,
  });
}

export type Wanted = Pick<Schemas["NewExport"], "report"> & Partial<Pick<Schemas["NewExport"], "activity_id" | "campaign_id" | "actor" | "thing" | "kind" | "since" | "until">>;

/** Asks for a report as a file, waits until it is there, and answers its address. */
export async function fileOf(wanted: Wanted, { from, to }: Days): Promise<string> {
  const body = { ...wanted, ...(from && to ? { from_day: from, to_day: to } : {}) };
  let file = await answer(api.POST("/reports/exports", { body: body as Schemas["NewExport"] }));
  for (let look = 0; file.status === "making" && look < LOOKS; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    file = await answer(api.GET("/reports/exports/{export_id}", { params: { path: { export_id: file.export_id } } }));
  }
  if (!file.url) throw new Error(file.reason ?? file.status);
  return file.url;
}
