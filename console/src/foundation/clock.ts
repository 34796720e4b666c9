/**
 * The time by the server's clock. A device may be a day off; every answer of the API carries a
 * `Date`, which is taken over when it differs by more than what a slow network explains.
 */
const TOLERATED_MS = 30_000;
let offset = 0;

export function learnServerTime(date: string | null, deviceNow = Date.now()): void {
  const server = date ? Date.parse(date) : Number.NaN;
  if (Number.isNaN(server)) return;
  const difference = server - deviceNow;
  offset = Math.abs(difference) > TOLERATED_MS ? difference : 0;
}

export function now(): number {
  return Date.now() + offset;
}
