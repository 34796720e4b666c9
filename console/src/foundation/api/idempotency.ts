/**
 * Idempotency keys that outlive a reload and are shared by all tabs. The key of an intent is kept
 * until the API gave an answer that decides it: after a lost answer, a double tap or in a second
 * tab the same key is sent, and the first answer comes back.
 */
import { asProblem } from "./problems";
import { onPersonLeft } from "../session/session";
import { kept } from "../store";

const inMemory = new Map<string, string>();
onPersonLeft(() => inMemory.clear());

function keyFor(intent: string, ending: string): string {
  const name = `key.${intent}`;
  const known = inMemory.get(name) ?? kept.read<string>(name);
  const key = known ?? crypto.randomUUID() + ending;
  inMemory.set(name, key);
  kept.write(name, key);
  return key;
}

function settle(intent: string): void {
  const name = `key.${intent}`;
  inMemory.delete(name);
  kept.write(name, undefined);
}

const underWay = new Map<string, Promise<unknown>>();

/**
 * Runs `call` with the intent's key; a second call while the first is under way joins it. What a
 * later call has to send again with the key may be written at its end.
 */
export function once<T>(intent: string, call: (key: string) => Promise<T>, ending = ""): Promise<T> {
  const running = underWay.get(intent) as Promise<T> | undefined;
  if (running) return running;
  const begun = call(keyFor(intent, ending))
    .then(
      (value) => {
        settle(intent);
        return value;
      },
      (error: unknown) => {
        const problem = asProblem(error);
        const undecided = problem.passing || problem.code === "request_in_progress" || problem.status === 401;
        if (!undecided) settle(intent);
        throw problem;
      },
    )
    .finally(() => underWay.delete(intent));
  underWay.set(intent, begun);
  return begun;
}
