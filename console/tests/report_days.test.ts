import { describe, expect, test } from "vitest";
import { daysIn } from "../src/reports/queries";

const at = (iso: string): number => Date.parse(iso);

describe("the days of a report", () => {
  test.each([
    ["Pacific/Auckland", "2026-12-03T11:30:00Z", "2026-12-04"], // 00:30, while UTC has the day before
    ["Pacific/Auckland", "2026-12-03T10:59:00Z", "2026-12-03"],
    ["Pacific/Honolulu", "2026-12-04T09:59:00Z", "2026-12-03"], // 23:59, while UTC has the day after
    ["Pacific/Honolulu", "2026-12-04T10:00:00Z", "2026-12-04"],
    ["Europe/Berlin", "2026-12-03T22:59:00Z", "2026-12-03"],
    ["Europe/Berlin", "2026-12-03T23:00:00Z", "2026-12-04"],
    ["Europe/Berlin", "2026-07-03T22:00:00Z", "2026-07-04"],
    ["Moon/Tranquility", "2026-12-03T23:59:00Z", "2026-12-03"], // a zone that no browser knows: UTC
  ])("end today in %s at %s", (zone, now, today) => {
    expect(daysIn(zone, 7, at(now)).to).toBe(today);
  });

  test.each([
    [7, "2026-11-28"],
    [30, "2026-11-05"],
    [90, "2026-09-06"],
    [365, "2025-12-05"],
  ] as const)("are %d with today, across clocks that change", (period, first) => {
    expect(daysIn("Pacific/Auckland", period, at("2026-12-03T11:30:00Z"))).toEqual({ from: first, to: "2026-12-04" });
  });

  test.each([
    ["2026-10-25T22:30:00Z", "2026-10-19", "2026-10-25"], // 23:30 of a day of 25 hours
    ["2026-10-25T23:30:00Z", "2026-10-20", "2026-10-26"],
    ["2026-03-29T21:30:00Z", "2026-03-23", "2026-03-29"], // 23:30 of a day of 23 hours
    ["2026-03-29T22:30:00Z", "2026-03-24", "2026-03-30"],
  ])("of Berlin are seven at %s, when the clocks change", (now, from, to) => {
    expect(daysIn("Europe/Berlin", 7, at(now))).toEqual({ from, to });
  });

  test("are not named for a whole life", () => {
    expect(daysIn("Europe/Berlin", undefined)).toEqual({});
  });
});
