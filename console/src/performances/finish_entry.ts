/** What comes with a video that is in somebody's inbox, and its words. */
import { withWords } from "../foundation/words";

const finish = {
  en: () => import("../foundation/locales/finish.en"),
  de: () => import("../foundation/locales/finish.de"),
  es: () => import("../foundation/locales/finish.es"),
};

export const checklist = withWords(() => import("./Finish"), "sends", finish);
