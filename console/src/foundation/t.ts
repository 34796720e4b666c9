import type en from "./words.en";
import { words } from "./words";

/** The words that every screen needs. */
export const t = words<typeof en>("foundation");
