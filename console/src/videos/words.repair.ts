import { words } from "../foundation/words";
import type en from "./words.repair.en";

export const t = words<typeof en>("videos.repair");
