/** Wall-clock times of a zone: what a manager types, before the API makes an instant of it. */
import { zone } from "./time";

const OFFSET_OF_NAME = /GMT(?:([+-])(\d{2}):(\d{2})(?::\d{2})?)?/;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

export type WallClock =
  | { kind: "instant"; at: number }
  /** The clocks change: which one is meant has to be said by an offset. */
  | { kind: "twice" | "never"; offsets: [string, string] }
  | { kind: "unreadable" };

/** What a format says in a zone; in UTC where this browser does not know the zone yet. */
function partsOf(at: number | Date, locale: string, options: Intl.DateTimeFormatOptions, timeZone: string): Intl.DateTimeFormatPart[] {
  try {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone }).formatToParts(at);
  } catch {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" }).formatToParts(at);
  }
}

/** Minutes ahead of UTC that a zone is at an instant. */
function minutesAhead(at: number, timeZone: string): number {
  const name = partsOf(at, "en-US", { timeZoneName: "longOffset" }, timeZone).find((part) => part.type === "timeZoneName")?.value;
  const [, sign, hours = "0", minutes = "0"] = OFFSET_OF_NAME.exec(name ?? "") ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

function offsetText(minutes: number): string {
  const size = Math.abs(minutes);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/**
 * Reads `2026-12-04T18:00`, with an offset behind it or meant in `timeZone`. On a day the clocks
 * change a time may exist twice or never; then the two offsets it may be meant with are told,
 * the earlier instant's first, as the API does.
 */
export function readWallClock(text: string, timeZone: string): WallClock {
  const found = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})(?::\d{2})?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  if (!found) return { kind: "unreadable" };
  const [, wall = "", offset] = found;
  const asUtc = Date.parse(`${wall}Z`);
  if (Number.isNaN(asUtc)) return { kind: "unreadable" };
  if (offset) return { kind: "instant", at: Date.parse(`${wall}${offset}`) };
  // A zone changes its clocks by far less than a day, and not twice within two.
  const before = minutesAhead(asUtc - DAY_MS, timeZone);
  const after = minutesAhead(asUtc + DAY_MS, timeZone);
  const fits = [before, after].filter(
    (minutes) => minutesAhead(asUtc - minutes * MINUTE_MS, timeZone) === minutes,
  );
  const [first] = fits;
  if (first !== undefined && (before === after || fits.length === 1)) {
    return { kind: "instant", at: asUtc - first * MINUTE_MS };
  }
  return { kind: fits.length > 1 ? "twice" : "never", offsets: [offsetText(before), offsetText(after)] };
}

/** The wall-clock time of an instant in a zone, as `datetime-local` wants it: 2026-12-04T18:00. */
export function wallClock(iso: string | number, timeZone: string = zone.value): string {
  const digits = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  const parts = partsOf(new Date(iso), "en-GB", digits, timeZone);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? "";
  return `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}`;
}
