import { words } from "../foundation/words";
import type en from "./words.notices.en";

export const t = words<typeof en>("notifications.notices");
