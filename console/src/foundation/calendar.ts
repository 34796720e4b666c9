/** Days and zones in words, which the first screen does without. */
import { now } from "./clock";
import { formatter, zone } from "./time";

/** "4 December 2026" for an instant. */
export function longDate(iso: string, timeZone: string = zone.value): string {
  return formatter({ day: "numeric", month: "long", year: "numeric" }, timeZone).format(Date.parse(iso));
}

/** "4 Dec" for a calendar day such as 2026-12-04, which has no zone. */
export function calendarDay(day: string): string {
  return formatter({ day: "numeric", month: "short" }, "UTC").format(Date.parse(`${day}T00:00Z`));
}

/** "Berlin (GMT+1)": a zone in words, with its offset now. */
export function zoneName(timeZone: string): string {
  const city = (timeZone.split("/").pop() ?? timeZone).replace(/_/g, " ");
  const offset = formatter({ timeZoneName: "shortOffset" }, timeZone)
    .formatToParts(now())
    .find((part) => part.type === "timeZoneName")?.value;
  return offset ? `${city} (${offset})` : city;
}

export function allZones(): string[] {
  const zones = Intl.supportedValuesOf("timeZone");
  return zones.includes("UTC") ? zones : [...zones, "UTC"];
}
