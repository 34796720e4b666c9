/** Ledgers: one's own, and for managers a member's. */
import { useInfiniteQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";

export type Entry = Schemas["LedgerEntryView"];
type Page = Schemas["LedgerPage"];

export const LEDGER = ["ledger"];
const PAGE = 20;

/** Of a member by id, or one's own. */
export function useLedger(memberId?: string) {
  return useInfiniteQuery({
    queryKey: [...LEDGER, memberId ?? "own"],
    queryFn: ({ pageParam }): Promise<Page> => {
      const query = { limit: PAGE, ...(pageParam ? { cursor: pageParam } : {}) };
      return memberId
        ? answer(api.GET("/members/{member_id}/points", { params: { path: { member_id: memberId }, query } }))
        : answer(api.GET("/points", { params: { query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}
