/** What is shown once a send is over: what is left to do, or why it failed; with the words of both. */
import { withWords } from "../foundation/words";

const finish = {
  en: () => import("../foundation/locales/finish.en"),
  de: () => import("../foundation/locales/finish.de"),
  es: () => import("../foundation/locales/finish.es"),
};

export const checklist = withWords(() => import("./Finish"), "sends", finish);

export const failureReason = withWords(() => import("./FailureReason"), finish);
