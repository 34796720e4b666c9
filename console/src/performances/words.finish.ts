import { words } from "../foundation/words";
import type en from "./words.finish.en";

export const t = words<typeof en>("performances.finish");
