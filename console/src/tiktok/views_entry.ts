/** Components and texts for views of posts, loaded only where views are read. */
import { withWords } from "../foundation/words";

const views = {
  en: () => import("../foundation/locales/views.en"),
  de: () => import("../foundation/locales/views.de"),
  es: () => import("../foundation/locales/views.es"),
};

export const consent = withWords(() => import("./Views"), views);

export const postCounts = withWords(() => import("./PostCounts"), views);
