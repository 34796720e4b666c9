/** How long to wait before asking again what became of a video: soon at first, then ever less often. */
const FIRST_MS = 1_000;
const GROWTH = 1.5;
const LONGEST_MS = 20_000;

export function pollGap(answers: number): number {
  return Math.min(FIRST_MS * GROWTH ** Math.max(0, answers - 1), LONGEST_MS);
}

/** After polling for this long, a video counts as late: members see that they need not wait. */
export const LATE_AFTER_MS = 45_000;

/** Whether the status may change soon; `staged` changes later, when the person posts. */
export function isOnItsWay(status: string): boolean {
  return status === "queued" || status === "sending";
}
