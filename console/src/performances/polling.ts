/** How long to wait before asking again what became of a video: soon at first, then ever less often. */
const FIRST_MS = 1_000;
const GROWTH = 1.5;
const LONGEST_MS = 20_000;

export function pollGap(answers: number): number {
  return Math.min(FIRST_MS * GROWTH ** Math.max(0, answers - 1), LONGEST_MS);
}

/** Asked for so long, a video is late: people are told that they need not wait. */
export const LATE_AFTER_MS = 45_000;

/** Whether anything may still change soon; `staged` changes when the person posts, later. */
export function isOnItsWay(status: string): boolean {
  return status === "queued" || status === "sending";
}
