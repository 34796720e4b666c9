import { describe, expect, test } from "vitest";
import { readWallClock, wallClock } from "../src/foundation/wall_clock";

const BERLIN = "Europe/Berlin";

describe("a wall-clock time", () => {
  test("is an instant in the zone it is meant in", () => {
    expect(readWallClock("2026-12-04T18:00", BERLIN)).toEqual({ kind: "instant", at: Date.parse("2026-12-04T17:00Z") });
    expect(readWallClock("2026-07-04T18:00", BERLIN)).toEqual({ kind: "instant", at: Date.parse("2026-07-04T16:00Z") });
    expect(readWallClock("2026-12-04T18:00", "Asia/Kolkata")).toEqual({ kind: "instant", at: Date.parse("2026-12-04T12:30Z") });
  });

  test("is one of UTC where the browser does not know the zone", () => {
    expect(readWallClock("2026-12-04T18:00", "Mars/Base")).toEqual({ kind: "instant", at: Date.parse("2026-12-04T18:00Z") });
    expect(wallClock("2026-12-04T18:00Z", "Mars/Base")).toBe("2026-12-04T18:00");
  });

  test("that exists twice offers both offsets, the earlier instant's first", () => {
    expect(readWallClock("2026-10-25T02:30", BERLIN)).toEqual({ kind: "twice", offsets: ["+02:00", "+01:00"] });
  });

  test("that does not exist offers the offsets before and after the change", () => {
    expect(readWallClock("2026-03-29T02:30", BERLIN)).toEqual({ kind: "never", offsets: ["+01:00", "+02:00"] });
  });

  test.each([
    ["just before the clocks go back", "2026-10-25T01:59", "2026-10-24T23:59Z"],
    ["just after they went back", "2026-10-25T03:00", "2026-10-25T02:00Z"],
    ["just before they go forward", "2026-03-29T01:59", "2026-03-29T00:59Z"],
    ["just after they went forward", "2026-03-29T03:00", "2026-03-29T01:00Z"],
  ])("%s is one instant", (_, wall, utc) => {
    expect(readWallClock(wall, BERLIN)).toEqual({ kind: "instant", at: Date.parse(utc) });
  });

  test("with an offset means that instant, whatever the clocks do", () => {
    expect(readWallClock("2026-10-25T02:30+01:00", BERLIN)).toEqual({ kind: "instant", at: Date.parse("2026-10-25T01:30Z") });
    expect(readWallClock("2026-10-25T02:30Z", BERLIN)).toEqual({ kind: "instant", at: Date.parse("2026-10-25T02:30Z") });
  });

  test.each(["", "tomorrow", "2026-13-41T99:00", "2026-12-04"])("%j cannot be read", (text) => {
    expect(readWallClock(text, BERLIN).kind).toBe("unreadable");
  });
});
