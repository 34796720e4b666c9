import { words } from "../foundation/words";
import type en from "./words.connected.en";

export const t = words<typeof en>("tiktok.connected");
