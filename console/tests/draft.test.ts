import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readDraft, setAside } from "../src/activities/draft";
import { type ActivityView, changedFields, EMPTY, fieldsOf } from "../src/activities/form";
import { merge } from "../src/activities/merge";
import { publish, publishedAs } from "../src/activities/manager_queries";
import { signedIn } from "../src/foundation/session/session";
import { kept } from "../src/foundation/store";
import { zone } from "../src/foundation/time";

const texts = new Map<string, string>();

beforeEach(() => {
  texts.clear();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => texts.get(name) ?? null,
    setItem: (name: string, text: string) => void texts.set(name, text),
    removeItem: (name: string) => void texts.delete(name),
  });
  zone.value = "Europe/Berlin";
});

afterEach(() => vi.unstubAllGlobals());

const NAME = "draft.activity.act_1";
const BASE = { ...EMPTY, instructions: "As it was", points: "5", starts: "2026-12-04T18:00" };

test("what somebody else changed since a draft was kept is theirs, and what both changed is asked about", () => {
  const mine = { ...BASE, points: "9", hashtags: "mine" };
  kept.write(NAME, { fields: mine, base: { version: 3, fields: BASE }, zone: "Europe/Berlin" });
  const draft = readDraft(NAME);
  const theirs = { ...BASE, instructions: "As they left it", points: "7" };
  if (!draft?.base) throw new Error("the draft has no base");
  expect(draft.base.version).toBe(3);
  const { merged, conflicts } = merge(draft.base.fields, draft.fields, theirs);
  expect(merged.instructions).toBe("As they left it");
  expect(conflicts).toEqual(["points"]);
});

test("a change of one's zone changes no time of a draft, nor what counts as changed", () => {
  const mine = { ...BASE, ends: "2026-12-05T09:00" };
  kept.write(NAME, { fields: mine, base: { version: 3, fields: BASE }, zone: "Europe/Berlin" });
  zone.value = "America/New_York";
  const draft = readDraft(NAME);
  expect([draft?.fields.starts, draft?.fields.ends]).toEqual(["2026-12-04T12:00", "2026-12-05T03:00"]);
  expect(changedFields(draft?.base?.fields ?? EMPTY, draft?.fields ?? EMPTY)).toEqual(["ends"]);
});

test("what was set aside for an activity that is held back is all that counts as changed", () => {
  const held = {
    activity_id: "act_2",
    version: 1,
    status: "processing",
    instructions: "Held back",
    points: 0,
    posted_bonus: 0,
    featured: false,
    channel_ids: [],
    campaign_id: null,
    captions: [],
    hashtags: [],
    disclosure: null,
    starts_at: "2027-11-30T00:00:00Z",
    ends_at: null,
    content_disclosure: "your_brand",
    ai_generated: false,
    further_upload_ids: [],
    created_at: "2026-12-01T00:00:00Z",
  } as unknown as ActivityView;
  setAside(held, { ...fieldsOf(held, zone.value), ends: "2026-12-24T18:00" });
  const draft = readDraft("draft.activity.act_2");
  expect(draft?.base?.version).toBe(1);
  expect(changedFields(draft?.base?.fields ?? EMPTY, draft?.fields ?? EMPTY)).toEqual(["ends"]);
});

test("an upload that this browser published is not published again, from whatever tab", async () => {
  const sent: string[] = [];
  vi.stubGlobal("fetch", async (url: string, init?: RequestInit) => {
    if (url === "/config.json") return Response.json({ api_base: "/v1" });
    sent.push(`${init?.method} ${url}`);
    return Response.json({ activity_id: "act_7", version: 1 });
  });
  signedIn({ id_token: "a.eyJzdWIiOiJtZSJ9.c", expires_at: new Date(Date.now() + 3_600_000).toISOString() });
  const body = { upload_id: "upl_7" } as Parameters<typeof publish>[0];
  expect((await publish(body)).activity_id).toBe("act_7");
  expect((await publish(body)).activity_id).toBe("act_7");
  expect(sent).toEqual(["POST /v1/activities", "GET /v1/activities/act_7"]);
  expect([publishedAs("upl_7"), publishedAs("upl_8")]).toEqual(["act_7", undefined]);
});
