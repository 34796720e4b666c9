/** Whether unsaved input is on the screen, and what waits until its owner says that it may be left. */
import { signal } from "@preact/signals";

export const asked = signal<(() => void) | undefined>(undefined);
export const guard = { on: false };

/** Goes somewhere by `go`, unless unsaved input is on the screen and its owner wants to stay. */
export function leave(go: () => void): void {
  if (guard.on) asked.value = go;
  else go();
}
