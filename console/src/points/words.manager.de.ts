import type { Translation } from "../foundation/words";
import type en from "./words.manager.en";

export default {
  points_of: "Punkte",
  adjust_title: "Punkte von {name}",
  give_or_take: "Geben oder nehmen",
  give_points: "Punkte geben",
  take_points: "Punkte nehmen",
  amount: "Wie viele",
  adjust_reason: "Grund",
  adjust_reason_hint: "Steht für das Mitglied bei seinen Punkten",
  error_amount: "Eine ganze Zahl von 1 bis {limit}.",
  error_reason: "Sag, warum: Das Mitglied liest es.",
  adjusted_toast: "{name} hat jetzt {balance} Punkte.",
  so_far: "Bisher",
} satisfies Translation<typeof en>;
