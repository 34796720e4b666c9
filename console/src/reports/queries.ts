/** Reports, the worklist and files of them, as managers read them. */
import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { now } from "../foundation/clock";

export type Numbers = Schemas["NumbersView"];
export type Day = Schemas["DayView"];
export type Performer = Schemas["PerformerView"];
export type Period = 7 | 30 | 90 | 365;
export const PERIODS: Period[] = [7, 30, 90, 365];

const PAGE = 25;
const DAY_MS = 86_400_000;
const LOOK_MS = 1_000;
const LOOKS = 120;

/** The first of so many days until today, by the clock of UTC: a report names its own days. */
function days(period: Period | undefined): { from?: string; to?: string } {
  if (!period) return {};
  const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
  return { from: day(now() - (period - 1) * DAY_MS), to: day(now()) };
}

export function useOverview(period: Period) {
  return useQuery({
    queryKey: ["reports", "overview", period],
    queryFn: () => answer(api.GET("/reports/overview", { params: { query: days(period) } })),
  });
}

export function useActivityReport(id: string, period: Period | undefined) {
  return useQuery({
    queryKey: ["reports", "activity", id, period],
    queryFn: () =>
      answer(api.GET("/activities/{activity_id}/report", { params: { path: { activity_id: id }, query: days(period) } })),
  });
}

export function useCampaignReport(id: string, period: Period | undefined) {
  return useQuery({
    queryKey: ["reports", "campaign", id, period],
    queryFn: () =>
      answer(api.GET("/reports/campaigns/{campaign_id}", { params: { path: { campaign_id: id }, query: days(period) } })),
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
  return useInfiniteQuery({
    queryKey: ["reports", "members", period],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(api.GET("/reports/members", { params: { query: { ...page(pageParam), ...days(period) } } })),
    getNextPageParam: next,
  });
}

export function useChannelReports(period: Period) {
  return useInfiniteQuery({
    queryKey: ["reports", "channels", period],
    initialPageParam: "",
    queryFn: ({ pageParam }) =>
      answer(api.GET("/reports/channels", { params: { query: { ...page(pageParam), ...days(period) } } })),
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
export async function fileOf(wanted: Wanted, period: Period | undefined): Promise<string> {
  const { from, to } = days(period);
  const body = { ...wanted, ...(from && to ? { from_day: from, to_day: to } : {}) };
  let file = await answer(api.POST("/reports/exports", { body: body as Schemas["NewExport"] }));
  for (let look = 0; file.status === "making" && look < LOOKS; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    file = await answer(api.GET("/reports/exports/{export_id}", { params: { path: { export_id: file.export_id } } }));
  }
  if (!file.url) throw new Error(file.reason ?? file.status);
  return file.url;
}
