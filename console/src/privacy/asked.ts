import { useQuery } from "@tanstack/preact-query";
import type { Schemas } from "../foundation/api/client";
import { asProblem } from "../foundation/api/problems";

export type Export = Schemas["PersonalExportView"];

const LOOK_AGAIN_MS = 3_000;

/** The latest request about a person, polled while it is running; null if there is none. */
export function useAsked<Asked extends { status: string }>(what: "export" | "erasure", of: string, read: () => Promise<Asked>) {
  return useQuery({
    queryKey: [what, of],
    queryFn: async (): Promise<Asked | null> => {
      try {
        return await read();
      } catch (error) {
        if (asProblem(error).code === "not_found") return null;
        throw error;
      }
    },
    refetchInterval: ({ state }) => (["making", "erasing"].includes(state.data?.status ?? "") ? LOOK_AGAIN_MS : false),
  });
}
