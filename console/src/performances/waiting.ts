import type { Performance } from "./queries";
import { t } from "./words";

/** What a performance waits for, in the person's language; a kind that is new here in the server's. */
export function waitingWords({ waiting_for, next_step }: Performance): string {
  if (!waiting_for) return next_step;
  const key = `waiting_${waiting_for.code}`;
  return t.has(key) ? t(key) : waiting_for.words;
}
