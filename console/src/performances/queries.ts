import { useInfiniteQuery, useQuery } from "@tanstack/preact-query";
import { api, answer, type Schemas } from "../foundation/api/client";
import { once } from "../foundation/api/idempotency";
import { language } from "../foundation/words";
import { isOnItsWay, pollGap } from "./polling";

export type Performance = Schemas["PerformanceView"];
export type OwnPerformance = Schemas["OwnPerformanceView"];
export type Performed = Schemas["Performed"];

export const PERFORMANCES = ["performances"];
const STAGED_GAP_MS = 15_000;

/**
 * One key per activity until an answer decides: a double tap or a second tab sends once. What was
 * ticked is in the key's name, for a key with another body is refused.
 */
export function perform(activityId: string, version: string | null = null): Promise<Performed> {
  const body = version ? { acknowledged_disclosure: version, disclosure_language: language.peek() } : {};
  return once(`perform.${activityId}.${Object.values(body).join(".")}`, (key) =>
    answer(
      api.POST("/activities/{activity_id}/perform", {
        params: { path: { activity_id: activityId }, header: { "Idempotency-Key": key } },
        body,
      } as never),
    ),
  );
}

/** Marks a video as shared by hand, or takes that back. */
export function markShared(performanceId: string, shared: boolean): Promise<OwnPerformance> {
  const params = { params: { path: { performance_id: performanceId } } };
  return answer(
    shared
      ? api.POST("/performances/{performance_id}/shared", params)
      : api.DELETE("/performances/{performance_id}/shared", params),
  );
}

/** Asks with growing gaps while it is on its way; rests while the page is hidden, asks when it is back. */
export function usePerformance(performanceId: string | undefined) {
  return useQuery({
    queryKey: ["performance", performanceId],
    queryFn: () =>
      answer(api.GET("/performances/{performance_id}", { params: { path: { performance_id: performanceId ?? "" } } })),
    enabled: performanceId !== undefined,
    staleTime: 0,
    refetchInterval: (query) => {
      const status = query.state.data?.status;
      if (status === "posted" || status === "failed") return false;
      if (status === "staged" || status === "unconfirmed") return STAGED_GAP_MS;
      return pollGap(query.state.dataUpdateCount + query.state.errorUpdateCount);
    },
    refetchIntervalInBackground: false,
    refetchOnWindowFocus: "always",
  });
}

export function useHistory() {
  return useInfiniteQuery({
    queryKey: PERFORMANCES,
    queryFn: ({ pageParam }) =>
      answer(api.GET("/performances", { params: { query: { limit: 20, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchOnWindowFocus: "always",
    refetchInterval: (query) => {
      const moving = query.state.data?.pages.some((page) => page.items.some((item) => isOnItsWay(item.status)));
      return moving ? pollGap(query.state.dataUpdateCount + 3) : false;
    },
  });
}
