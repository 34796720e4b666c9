/** The queries to read again once a member or a manager changed something about rewards. */
import { queryClient } from "../foundation/api/queries";
import { ME } from "../me/queries";

export const OFFERS = ["offers"];
export const REDEMPTIONS = ["redemptions"];

export function rewardsChanged(): void {
  for (const key of [OFFERS, REDEMPTIONS, ME, ["ledger"]]) void queryClient.invalidateQueries({ queryKey: key });
}
