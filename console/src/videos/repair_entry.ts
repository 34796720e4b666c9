/** What comes with the first video that is refused, and its words; what it repairs with comes later. */
import { withWords } from "../foundation/words";

const repair = {
  en: () => import("../foundation/locales/repair.en"),
  de: () => import("../foundation/locales/repair.de"),
  es: () => import("../foundation/locales/repair.es"),
};

export const panel = withWords(() => import("./RepairPanel"), "manager", repair);
export const otherWays = withWords(() => import("./RepairOtherWays"), repair);
