import { words } from "../foundation/words";
import type en from "./words.manager.en";

export const t = words<typeof en>("performances.manager");
