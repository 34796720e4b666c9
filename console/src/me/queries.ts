import { useQuery } from "@tanstack/preact-query";
import { answer, api, type Schemas } from "../foundation/api/client";
import { ApiProblem } from "../foundation/api/problems";
import { kept } from "../foundation/store";
import { zone } from "../foundation/time";

export type Me = Schemas["Me"];
export const ME = ["me"];

async function readMe(): Promise<Me> {
  const me = await answer(api.GET("/me"));
  // Kept, and read before anything else is drawn: what is no profile would break every start.
  if (!me.member_id || !me.program || !me.points) throw new ApiProblem("unreadable_answer", 200, "");
  zone.value = me.time_zone;
  kept.write("me", me);
  return me;
}

export const meQuery = { queryKey: ME, queryFn: readMe };

/** The signed-in person; what was known of them last, until the API has answered. */
export function useMe() {
  return useQuery({
    ...meQuery,
    initialData: () => {
      const last = kept.read<Me>("me");
      if (last) zone.value = last.time_zone;
      return last;
    },
    initialDataUpdatedAt: 0,
  });
}
