import { readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { addressOf, answer, api } from "../src/foundation/api/client";
import { problemWords } from "../src/foundation/problem_words";
import { bearer, personNumber, sessionState, signedIn } from "../src/foundation/session/session";
import en from "../src/foundation/words.further.en";

const sent = vi.fn<typeof fetch>();
const soon = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString();

beforeEach(() => {
  vi.stubGlobal("fetch", sent);
  sent.mockImplementation(async (url) =>
    String(url) === "/config.json" ? Response.json({ api_base: "/v1" }) : Response.json({ items: [], next_cursor: null }),
  );
  signedIn({ id_token: "a.eyJzdWIiOiJtZSJ9.c", expires_at: soon(60) });
});

afterEach(() => {
  vi.unstubAllGlobals();
  sent.mockReset();
});

test("an address escapes what it is filled with, and leaves out what is not there", () => {
  expect(addressOf("/a/{one}/b/{two}", { one: "x/y", two: "é?" })).toBe("/a/x%2Fy/b/%C3%A9%3F");
  expect(addressOf("/a", {}, { q: "a b&c=+", none: null, missing: undefined, limit: 20, no: false })).toBe(
    "/a?q=a%20b%26c%3D%2B&limit=20&no=false",
  );
  expect(addressOf("/a", {}, { state: ["draft", "open"] })).toBe("/a?state=draft&state=open");
});

test("a call carries the bearer, its headers and its body as JSON", async () => {
  await answer(api.POST("/campaigns", { body: { name: "Spring" }, params: { header: { "Idempotency-Key": "k" } } }));
  const [url, init] = sent.mock.calls.at(-1) ?? [];
  expect([url, init?.method, init?.body]).toEqual(["/v1/campaigns", "POST", '{"name":"Spring"}']);
  expect(init?.headers).toEqual({
    "Idempotency-Key": "k",
    "Content-Type": "application/json",
    Authorization: "Bearer a.eyJzdWIiOiJtZSJ9.c",
  });
});

test("a call without a body says nothing of one", async () => {
  await answer(api.GET("/feed"));
  const [, init] = sent.mock.calls.at(-1) ?? [];
  expect([init?.body, init?.headers]).toEqual([null, { Authorization: "Bearer a.eyJzdWIiOiJtZSJ9.c" }]);
});

test("a call waits for the same request under way, and is told what became of it or that it goes on", async () => {
  vi.useFakeTimers();
  const busy = (): Response => Response.json({ code: "request_in_progress", detail: "Wait." }, { status: 409 });
  const press = () =>
    answer(api.POST("/campaigns", { body: { name: "Spring" }, params: { header: { "Idempotency-Key": "k" } } }));
  try {
    sent.mockReset();
    sent.mockImplementationOnce(async () => busy()).mockImplementationOnce(async () => busy());
    sent.mockImplementation(async () => Response.json({ campaign_id: "cmp_1" }, { status: 201 }));
    const made = press();
    await vi.runAllTimersAsync();
    expect(await made).toEqual({ campaign_id: "cmp_1" });
    expect(sent).toHaveBeenCalledTimes(3);

    sent.mockReset();
    sent.mockImplementation(async () => busy());
    const refused = expect(press()).rejects.toMatchObject({ code: "request_in_progress" });
    const begun = Date.now();
    await vi.runAllTimersAsync();
    await refused;
    expect(Date.now() - begun).toBeLessThan(30_000);
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  ["a page of a proxy", new Response("<html>", { status: 200 }), "unreadable_answer"],
  ["nothing at all", new Response("", { status: 200 }), "unreadable_answer"],
  ["a page of an error", new Response("<html>", { status: 502 }), "unavailable"],
  ["a problem", Response.json({ code: "activity_ended", detail: "Over." }, { status: 409 }), "activity_ended"],
])("%s is told as a problem", async (_what, response, code) => {
  sent.mockResolvedValue(response);
  await expect(answer(api.GET("/me"))).rejects.toMatchObject({ code, status: response.status });
});

test("what the API refuses has its words, though the first screen came without them", async () => {
  sent.mockResolvedValue(Response.json({ code: "activity_ended", detail: "Over." }, { status: 409 }));
  const refused = await answer(api.GET("/me")).catch((error: unknown) => error);
  expect(problemWords(refused)).toBe(en.problem_activity_ended);
});

test("a call that is refused as nobody's goes on with a renewed token, or once the person has signed in again", async () => {
  signedIn({ id_token: "a.eyJzdWIiOiJtZSJ9.old", expires_at: soon(60) });
  vi.stubGlobal("navigator", {}); // without locks: there is one tab
  const bearers: string[] = [];
  let renewals: Response[] = [];
  sent.mockImplementation(async (url, init) => {
    if (String(url) === "/config.json") return Response.json({ api_base: "/v1" });
    if (String(url) === "/v1/session/renew") return renewals.shift() ?? Response.json({ code: "unauthenticated" }, { status: 401 });
    const sentWith = new Headers(init?.headers).get("Authorization") ?? "";
    bearers.push(sentWith);
    return sentWith.endsWith("old") ? Response.json({ code: "unauthenticated" }, { status: 401 }) : Response.json({ items: [] });
  });

  renewals = [Response.json({ id_token: "a.eyJzdWIiOiJtZSJ9.new", expires_at: soon(60) })];
  await expect(answer(api.GET("/campaigns"))).resolves.toEqual({ items: [] });
  expect(bearers).toEqual(["Bearer a.eyJzdWIiOiJtZSJ9.old", "Bearer a.eyJzdWIiOiJtZSJ9.new"]);

  signedIn({ id_token: "a.eyJzdWIiOiJtZSJ9.old", expires_at: soon(60) });
  bearers.length = 0;
  const read = answer(api.GET("/campaigns"));
  const written = answer(api.POST("/campaigns", { body: { name: "Typed before it ended" } }));
  await vi.waitFor(() => expect(sessionState.value).toBe("ended"));
  signedIn({ id_token: "a.eyJzdWIiOiJtZSJ9.again", expires_at: soon(60) });
  await expect(Promise.all([read, written])).resolves.toEqual([{ items: [] }, { items: [] }]);
  expect(bearers.filter((each) => each.endsWith("again"))).toHaveLength(2);
});

test("an answer without content is no problem", async () => {
  sent.mockResolvedValue(new Response(null, { status: 204 }));
  const path = { activity_id: "an-id" };
  await expect(answer(api.POST("/activities/{activity_id}/dismiss", { params: { path } }))).resolves.toBeUndefined();
});

test("no two stylesheets have the same name, which their classes are called after", () => {
  const files = readdirSync(resolve(__dirname, "../src"), { recursive: true, encoding: "utf-8" });
  const names = files.filter((file) => file.endsWith(".module.css")).map((file) => basename(file));
  expect(names.length).toBeGreaterThan(1);
  expect(new Set(names).size).toBe(names.length);
});

const somebodyElse = { id_token: `a.${btoa('{"sub":"somebody-else"}')}.c`, expires_at: soon(60) };

test("an answer that arrives after somebody else signed in is nobody's", async () => {
  let arrive: (answered: Response) => void = () => undefined;
  sent.mockImplementation((url) =>
    String(url) === "/config.json"
      ? Promise.resolve(Response.json({ api_base: "/v1" }))
      : new Promise((resolve) => {
          arrive = resolve;
        }),
  );
  const asked = answer(api.GET("/me"));
  await vi.waitFor(() => expect(sent.mock.calls.at(-1)?.[0]).toBe("/v1/me"));
  signedIn(somebodyElse);
  arrive(Response.json({ name: "Ana" }));
  await expect(asked).rejects.toMatchObject({ code: "unauthenticated" });
});

test("a call that waits for the same request under way is not sent for somebody else", async () => {
  let tries = 0;
  sent.mockImplementation(async (url) => {
    if (String(url) === "/config.json") return Response.json({ api_base: "/v1" });
    tries += 1;
    signedIn(tries === 1 ? somebodyElse : { id_token: "a.eyJzdWIiOiJtZSJ9.c", expires_at: soon(60) });
    return Response.json({ code: "request_in_progress" }, { status: 409 });
  });
  await expect(answer(api.POST("/campaigns", { body: { name: "Spring" } }))).rejects.toMatchObject({
    code: "unauthenticated",
  });
  expect(tries).toBe(1);
});

test.each([null, [], {}, "text", { id_token: "a.e30.c", expires_at: soon(60) }, { id_token: "a.eyJzdWIiOiJtZSJ9.c", expires_at: "later" }])(
  "a renewal that answers %j signs nobody in, and nobody out",
  async (body) => {
    const before = personNumber();
    vi.stubGlobal("navigator", {}); // without locks: there is one tab
    sent.mockImplementation(async (url) => Response.json(String(url) === "/config.json" ? { api_base: "/v1" } : body));
    await expect(bearer("a.eyJzdWIiOiJtZSJ9.c")).rejects.toMatchObject({ code: "unreadable_answer" });
    expect([sessionState.value, personNumber()]).toEqual(["signed_in", before]);
  },
);

test.each([null, [], {}, "text"])("an answer that is %j is none of ours", async (body) => {
  sent.mockImplementation(async () => Response.json(body));
  await expect(answer(api.GET("/feed"))).rejects.toMatchObject({ code: "unreadable_answer" });
});
