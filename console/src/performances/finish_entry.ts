/** Components shown once a send is over, the remaining steps or the failure's reason, with their texts. */
import { withWords } from "../foundation/words";

const finish = {
  en: () => import("../foundation/locales/finish.en"),
  de: () => import("../foundation/locales/finish.de"),
  es: () => import("../foundation/locales/finish.es"),
};

export const checklist = withWords(() => import("./Finish"), "sends", finish);

export const failureReason = withWords(() => import("./FailureReason"), finish);
