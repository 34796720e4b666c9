import { beforeEach, describe, expect, test } from "vitest";
import { learnServerTime, now } from "../src/foundation/clock";
import { zoneName } from "../src/foundation/calendar";
import { dateTime, isNear, isPast, isSameZone, length, relative } from "../src/foundation/time";
import { wallClock } from "../src/foundation/wall_clock";
import { language } from "../src/foundation/words";

const AT = Date.parse("2026-12-04T12:00:00Z");
const at = (text: string) => Date.parse(text);

beforeEach(() => {
  language.value = "en";
});

describe("an end", () => {
  test("is told in hours within a day, and truncated, never rounded up", () => {
    expect(relative("2026-12-04T15:59:00Z", AT)).toBe("in 3 hours");
    expect(isNear("2026-12-05T11:59:59Z", AT)).toBe(true);
    expect(isNear("2026-12-05T12:00:01Z", AT)).toBe(false);
  });

  test("is told in minutes in its last hour", () => {
    expect(relative("2026-12-04T12:59:59Z", AT)).toBe("in 59 minutes");
  });

  test("that has come is past, not near", () => {
    expect(isPast("2026-12-04T12:00:00Z", AT)).toBe(true);
    expect(isNear("2026-12-04T12:00:00Z", AT)).toBe(false);
  });
});

describe("a time", () => {
  test("is shown in the zone of the person, not of the device", () => {
    expect(dateTime("2026-12-04T23:30:00Z", "Europe/Berlin")).toContain("5 Dec".split(" ")[0]);
    expect(dateTime("2026-12-04T23:30:00Z", "America/New_York")).toContain("4");
  });

  test("is shown in UTC, saying so, where the browser does not know the zone", () => {
    expect(dateTime("2026-12-04T23:30:00Z", "Mars/Olympus")).toContain("UTC");
  });

  test("goes into a datetime-local input as the wall clock of the zone", () => {
    expect(wallClock("2026-07-01T22:30:00Z", "Europe/Berlin")).toBe("2026-07-02T00:30");
    expect(wallClock("2026-12-01T22:30:00Z", "Europe/Berlin")).toBe("2026-12-01T23:30");
  });
});

test("a zone is named by its city and its offset", () => {
  expect(zoneName("America/New_York")).toMatch(/^New York \(GMT-[45]\)$/);
});

test.each([
  [3, "0:03"],
  [59.6, "1:00"],
  [60, "1:00"],
])("%s seconds of video are %s", (seconds, shown) => {
  expect(length(seconds)).toBe(shown);
});

describe("the clock", () => {
  test("follows the server when the device is a day off", () => {
    learnServerTime("Fri, 04 Dec 2026 12:00:00 GMT", at("2026-12-03T12:00:00Z"));
    expect(Math.abs(now() - (Date.now() + 86_400_000))).toBeLessThan(50);
  });

  test("stays with the device when they differ by less than a slow network explains", () => {
    learnServerTime("Fri, 04 Dec 2026 12:00:00 GMT", at("2026-12-04T12:00:20Z"));
    expect(Math.abs(now() - Date.now())).toBeLessThan(50);
  });

  test("takes nothing from an answer without a date", () => {
    learnServerTime(null);
    learnServerTime("yesterday");
    expect(Math.abs(now() - Date.now())).toBeLessThan(50);
  });
});

test("a zone is the same by its old name and its new one", () => {
  expect(isSameZone("Asia/Kolkata", "Asia/Calcutta")).toBe(true);
  expect(isSameZone("Europe/Kyiv", "Europe/Kiev")).toBe(true);
  expect(isSameZone("Europe/Berlin", "Europe/Paris")).toBe(false);
});
