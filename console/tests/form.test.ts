import { describe, expect, test } from "vitest";
import { type ActivityView, bodyOf, changedFields, check, EMPTY, fieldsOf, inZone, isHeldBack } from "../src/activities/form";
import { merge } from "../src/activities/merge";
import { zone } from "../src/foundation/time";

const ACTIVITY = {
  activity_id: "act_1",
  version: 3,
  status: "scheduled",
  instructions: "Pour it",
  points: 5,
  featured: false,
  channel_ids: ["b", "a"],
  campaign_id: null,
  captions: [],
  hashtags: ["#one"],
  disclosure: null,
  starts_at: "2026-10-25T01:30:00Z",
  ends_at: null,
  further_upload_ids: [],
  created_at: "2026-10-01T00:00:00Z",
} as unknown as ActivityView;

describe("what is sent of a form", () => {
  test("is what its fields say", () => {
    zone.value = "Europe/Berlin";
    expect(bodyOf({ ...EMPTY, points: "12", captions: ["One", " "], hashtags: "a b", starts: "2026-12-01T09:00" })).toEqual({
      instructions: "Share this video on TikTok",
      captions: ["One"],
      hashtags: ["#a", "#b"],
      disclosure: null,
      channel_ids: [],
      starts_at: "2026-12-01T08:00:00.000Z", // an instant: by now the profile may be in another zone
      ends_at: null,
      points: 12,
      posted_bonus: 0,
      campaign_id: null,
      featured: false,
      ai_generated: false,
      further_upload_ids: [],
    });
  });

  test("names TikTok's setting only once it is chosen: until then the program's own holds", () => {
    expect(bodyOf({ ...EMPTY, setting: "none", ai: true }, ["setting", "ai"])).toEqual({
      content_disclosure: "none",
      ai_generated: true,
    });
    expect(bodyOf(EMPTY, ["setting"])).toEqual({});
  });

  test("is only what was changed, and typing something and taking it back is no change", () => {
    const before = fieldsOf(ACTIVITY, "Europe/Berlin");
    expect(changedFields(before, { ...before, hashtags: " one " })).toEqual([]);
    expect(changedFields(before, { ...before, points: "6", captions: ["New"] })).toEqual(["captions", "points"]);
  });

  test("names no offset but where the time exists twice", () => {
    expect(fieldsOf(ACTIVITY, "Europe/Berlin").starts).toBe("2026-10-25T02:30+01:00");
    expect(fieldsOf({ ...ACTIVITY, starts_at: "2026-10-26T01:30:00Z" }, "Europe/Berlin").starts).toBe("2026-10-26T02:30");
  });
});

test("an activity that starts in a year is held back, and its form shows no start", () => {
  const held = { ...ACTIVITY, starts_at: "2027-10-01T00:00:00Z" };
  expect(isHeldBack(held)).toBe(true);
  expect(fieldsOf(held, "UTC").starts).toBe("");
  expect(isHeldBack(ACTIVITY)).toBe(false);
  expect(isHeldBack({ ...held, status: "ended" })).toBe(false);
});

describe("two managers at once", () => {
  const base = fieldsOf(ACTIVITY, "UTC");

  test("changing different things keeps both", () => {
    const { merged, conflicts, theirs } = merge(base, { ...base, points: "9" }, { ...base, instructions: "Theirs" });
    expect(merged.points).toBe("9");
    expect(merged.instructions).toBe("Theirs");
    expect(conflicts).toEqual([]);
    expect(theirs).toEqual(["instructions"]);
  });

  test("changing the same is a conflict, in which mine is proposed", () => {
    const { merged, conflicts } = merge(base, { ...base, points: "9" }, { ...base, points: "7" });
    expect(conflicts).toEqual(["points"]);
    expect(merged.points).toBe("9");
  });

  test("changing the same to the same is none", () => {
    expect(merge(base, { ...base, points: "9" }, { ...base, points: "9" }).conflicts).toEqual([]);
  });
});

describe("the rules that are told at once", () => {
  const errors = (changed: Partial<typeof EMPTY>): string[] => Object.keys(check({ ...EMPTY, ...changed }, "Europe/Berlin"));

  test.each([
    ["nothing is wrong with what stands there at the beginning", {}, []],
    ["instructions are needed", { instructions: "  " }, ["instructions"]],
    ["instructions of 4,000 characters", { instructions: "x".repeat(4000) }, ["instructions"]],
    ["instructions of 2,000 emoji fit: characters count, not units", { instructions: "👋".repeat(2000) }, []],
    ["points that are no number", { points: "many" }, ["points"]],
    ["points below zero", { points: "-1" }, ["points"]],
    ["more points than possible", { points: "1000001" }, ["points"]],
    ["30 channels", { channels: Array.from({ length: 30 }, (_, index) => `ch_${index}`) }, ["channels"]],
    ["a caption too long with its disclosure", { captions: ["x".repeat(1900)] }, ["captions"]],
    ["the same caption without one", { captions: ["x".repeat(1900)], disclosure: { kind: "none" as const, text: "" } }, []],
    ["an end before the start", { starts: "2026-12-02T09:00", ends: "2026-12-01T09:00" }, ["ends"]],
    ["a start that does not exist", { starts: "2026-03-29T02:30" }, ["starts"]],
    ["a start that exists twice", { starts: "2026-10-25T02:30" }, ["starts"]],
    ["the same start with its offset", { starts: "2026-10-25T02:30+01:00" }, []],
  ])("%s", (_, changed, expected) => {
    expect(errors(changed)).toEqual(expected);
  });
});

describe("a draft that is taken up again", () => {
  const times = (starts: string, ends = "") => ({ ...EMPTY, starts, ends });

  test("means the same instants in another zone", () => {
    const berlin = times("2026-12-04T18:00", "2026-12-05T09:30");
    expect(inZone(berlin, "Europe/Berlin", "America/New_York")).toEqual(times("2026-12-04T12:00", "2026-12-05T03:30"));
    expect(inZone(berlin, "Europe/Berlin", "Europe/Berlin")).toEqual(berlin);
  });

  test("names the offset of a time that exists twice in the other zone, and keeps what means no instant", () => {
    expect(inZone(times("2026-10-25T01:30"), "UTC", "Europe/Berlin").starts).toBe("2026-10-25T02:30+01:00");
    expect(inZone(times("2026-10-25T02:30+02:00"), "Europe/Berlin", "UTC").starts).toBe("2026-10-25T00:30");
    expect(inZone(times("2026-03-29T02:30"), "Europe/Berlin", "UTC").starts).toBe("2026-03-29T02:30");
  });
});
