import { words } from "./words";
import type en from "./words.manager.en";

export const t = words<typeof en>("foundation.manager");
