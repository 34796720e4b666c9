import type { Tone } from "../foundation/ui/parts";
import type { RewardView } from "./manager_queries";

export const LOOKS: Record<RewardView["status"], Tone> = {
  draft: "plain",
  scheduled: "honour",
  on_offer: "good",
  sold_out: "warning",
  ended: "plain",
  archived: "plain",
};
