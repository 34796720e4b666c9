/** What is read anew once something about rewards changed, by a member or by a manager. */
import { queryClient } from "../foundation/api/queries";
import { ME } from "../me/queries";

export const OFFERS = ["offers"];
export const REDEMPTIONS = ["redemptions"];

export function rewardsChanged(): void {
  for (const key of [OFFERS, REDEMPTIONS, ME, ["ledger"]]) void queryClient.invalidateQueries({ queryKey: key });
}
