/** Loaded with the first refused video, with its texts; the repair code itself is loaded later. */
import { withWords } from "../foundation/words";

const repair = {
  en: () => import("../foundation/locales/repair.en"),
  de: () => import("../foundation/locales/repair.de"),
  es: () => import("../foundation/locales/repair.es"),
};

export const panel = withWords(() => import("./RepairPanel"), "manager", repair);
export const otherWays = withWords(() => import("./RepairOtherWays"), repair);
