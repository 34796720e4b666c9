import type { Performance } from "./queries";
import { t } from "./words";

/** The reason why a performance waits, in the person's language; in the server's for an unknown kind. */
export function waitingWords({ waiting_for, next_step }: Performance): string {
  if (!waiting_for) return next_step;
  const key = `waiting_${waiting_for.code}`;
  return t.has(key) ? t(key) : waiting_for.words;
}
