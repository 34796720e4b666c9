import { words } from "../foundation/words";
import type en from "./words.views.en";

export const t = words<typeof en>("tiktok.views");
