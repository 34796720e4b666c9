/**
 * What goes first: who is here, and in which language. Both are asked over the network while
 * `main.tsx`, the page's second script, is still on its way; so this one imports nothing that draws.
 */
import { begin } from "./foundation/session/session";
import { loadWords } from "./foundation/words";

void begin();
void loadWords("member").catch(() => undefined);
