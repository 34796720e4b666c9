import { words } from "../foundation/words";
import type en from "./words.en";

export const t = words<typeof en>("performances");
