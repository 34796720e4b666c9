import { words } from "../foundation/words";
import type en from "./words.data.en";

export const t = words<typeof en>("privacy.data");
