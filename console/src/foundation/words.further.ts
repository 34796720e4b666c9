import { words } from "./words";
import type en from "./words.further.en";

/** Words of problems, which the first screen does without. */
export const t = words<typeof en>("foundation.further");
