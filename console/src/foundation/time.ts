/** Times as people read them, in the zone their profile names, by `Intl` alone. */
import { signal } from "@preact/signals";
import { now } from "./clock";
import { language, localeTag } from "./words";

/** The zone of the signed-in person, from `/me`; the browser's until that is known. */
export const zone = signal(browserZone());

export function browserZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Whether two names are of one zone, such as Asia/Kolkata and Asia/Calcutta. */
export function isSameZone(one: string, other: string): boolean {
  const [first, second] = [one, other].map((each) => formatter({}, each).resolvedOptions().timeZone);
  return one === other || first === second;
}

/** Ticks twice a minute while the page is seen, so that "in 3 hours" stays true. */
export const minute = signal(0);
const TICK_MS = 30_000;
if (typeof document !== "undefined") {
  setInterval(() => {
    if (document.visibilityState === "visible") minute.value += 1;
  }, TICK_MS);
}

const formats = new Map<string, Intl.DateTimeFormat>();

export function formatter(options: Intl.DateTimeFormatOptions, timeZone: string): Intl.DateTimeFormat {
  void language.value;
  const key = JSON.stringify([localeTag(), timeZone, options]);
  let known = formats.get(key);
  if (!known) {
    try {
      known = new Intl.DateTimeFormat(localeTag(), { ...options, timeZone });
    } catch {
      // A zone that this browser does not know yet: better in UTC, and saying so, than not at all.
      known = new Intl.DateTimeFormat(localeTag(), { ...options, timeZone: "UTC", timeZoneName: "short" });
    }
    formats.set(key, known);
  }
  return known;
}

const sameYear = (a: number, b: number): boolean => new Date(a).getUTCFullYear() === new Date(b).getUTCFullYear();

/** "Fri, 4 Dec, 18:00"; with the year when it is not this one. */
export function dateTime(iso: string, timeZone: string = zone.value): string {
  const instant = Date.parse(iso);
  const year = sameYear(instant, now()) ? {} : ({ year: "numeric" } as const);
  return formatter(
    { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit", ...year },
    timeZone,
  ).format(instant);
}

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** "in 3 hours", "2 days ago", "now": of the largest unit of which there is a whole one. */
export function relative(iso: string, at: number = now()): string {
  const difference = Date.parse(iso) - at;
  const format = new Intl.RelativeTimeFormat(localeTag(), { numeric: "auto" });
  for (const [unit, length] of UNITS) {
    if (Math.abs(difference) >= length) return format.format(Math.trunc(difference / length), unit);
  }
  return format.format(0, "second");
}

export const NEAR_MS = 86_400_000;

/** Whether an end is so near that the hours left say more than the date. */
export function isNear(iso: string, at: number = now()): boolean {
  const left = Date.parse(iso) - at;
  return left > 0 && left < NEAR_MS;
}

export function isPast(iso: string, at: number = now()): boolean {
  return Date.parse(iso) <= at;
}

/** "0:14" for a video's length. */
export function length(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export function number(value: number): string {
  void language.value;
  return new Intl.NumberFormat(localeTag()).format(value);
}
