import { words } from "./words";
import type en from "./words.session.en";

/** Words of the ways in, and of what may be refused there. */
export const t = words<typeof en>("foundation.session");
