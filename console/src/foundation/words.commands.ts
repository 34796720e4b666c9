import { words } from "./words";
import type en from "./words.commands.en";

export const t = words<typeof en>("foundation.commands");
