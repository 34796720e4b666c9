/** One query client for all screens, with rules for retrying that follow the API's problems. */
import { QueryCache, QueryClient } from "@tanstack/preact-query";
import { onPersonLeft } from "../session/session";
import { asProblem } from "./problems";

const MAX_RETRIES = 2;

/** What says that the person is no longer who they were here: their role and place are read anew. */
const TURNED_OUT = new Set(["not_a_member", "member_removed", "manager_only"]);

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      if (query.queryKey[0] !== "me" && TURNED_OUT.has(asProblem(error).code)) {
        void queryClient.invalidateQueries({ queryKey: ["me"] });
      }
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      gcTime: 600_000,
      // A paused query would show a skeleton for ever; an error says that one is offline.
      networkMode: "always",
      retry: (failures, error) => {
        const problem = asProblem(error);
        return problem.passing && problem.code !== "offline" && failures < MAX_RETRIES;
      },
      retryDelay: (attempt, error) => {
        const retryAt = Date.parse(asProblem(error).body.retry_at ?? "");
        const asked = Number.isNaN(retryAt) ? 0 : Math.min(retryAt - Date.now(), 10_000);
        return Math.max(asked, 600 * 2 ** attempt);
      },
    },
    mutations: { networkMode: "always", retry: false },
  },
});

onPersonLeft(() => queryClient.clear());
