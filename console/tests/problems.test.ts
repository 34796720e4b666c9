import { beforeEach, describe, expect, test, vi } from "vitest";
import { once } from "../src/foundation/api/idempotency";
import { ApiProblem, asProblem, problemOf } from "../src/foundation/api/problems";
import { fieldProblemWords, fieldWords, problemWords } from "../src/foundation/problem_words";
import { chooseLanguage, loadWords } from "../src/foundation/words";

describe("an answer that is none of ours", () => {
  test.each([
    [502, "<html>", "unavailable"],
    [429, undefined, "too_many_requests"],
    [401, null, "unauthenticated"],
    [418, { code: 7 }, "unreadable_answer"],
    [403, "<html>", "unreadable_answer"],
    [404, "gone", "not_found"],
    [408, undefined, "no_answer"],
    [413, "<html>", "body_too_large"],
    [504, "<html>", "no_answer"],
  ])("%s with %j is told as %s", (status, body, code) => {
    expect(problemOf(status, body, "an-id").code).toBe(code);
    expect(problemOf(status, body, "an-id").correlationId).toBe("an-id");
  });
});

test("a problem of the API keeps its code, its words and its members", () => {
  const problem = problemOf(409, { code: "tiktok_inbox_full", detail: "Full.", retry_at: "2026-12-04T12:00:00Z" }, null);
  expect([problem.code, problem.detail, problem.body.retry_at]).toEqual(["tiktok_inbox_full", "Full.", "2026-12-04T12:00:00Z"]);
  expect(problem.passing).toBe(false);
});

test("no network, and no answer in time, are told apart", () => {
  vi.stubGlobal("navigator", { onLine: false });
  expect(asProblem(new TypeError("Failed to fetch")).code).toBe("offline");
  vi.stubGlobal("navigator", { onLine: true });
  expect(asProblem(new TypeError("Failed to fetch")).code).toBe("no_answer");
  expect(asProblem(new DOMException("", "TimeoutError")).code).toBe("no_answer");
});

describe("an error of a field", () => {
  const told = (code: string, limit?: number) => ({ field: "captions.1", code, message: "The server's words.", limit });

  test("is told in the person's language by its code", async () => {
    vi.stubGlobal("navigator", { languages: [] });
    vi.stubGlobal("document", { documentElement: {} });
    await loadWords("further");
    expect(fieldProblemWords(told("string_too_long", 2000))).toBe("At most 2,000 characters.");
    await chooseLanguage("de");
    expect(fieldProblemWords(told("string_too_long", 2000))).toBe("Höchstens 2.000 Zeichen.");
    const problem = new ApiProblem("invalid_request", 422, "", null, { errors: [told("missing")] } as never);
    expect(fieldWords(problem, "captions")).toBe("Füll das aus.");
    expect(fieldWords(problem, "name")).toBeUndefined();
  });

  test("is told in the server's words where the code is not known, or a limit is missing", () => {
    expect(fieldProblemWords(told("of_tomorrow"))).toBe("The server's words.");
    expect(fieldProblemWords(told("string_too_long"))).toBe("The server's words.");
  });
});

test.each([
  ["session", "reset_refused", "Dieser Code ist falsch oder zu alt. Lass dir einen neuen schicken."],
  ["manager", "name_taken", "Diesen Namen gibt es schon."],
] as const)("a problem is told by the words of the bundle %s", async (bundle, code, words) => {
  await loadWords("further");
  await chooseLanguage("de");
  const problem = new ApiProblem(code, 409, "The server's words.");
  expect(problemWords(problem)).toBe("The server's words.");
  await loadWords(bundle);
  expect(problemWords(problem)).toBe(words);
});

describe("sending once", () => {
  let intent = 0;
  beforeEach(() => {
    intent += 1;
  });
  const keys = (name: string, answers: (() => Promise<string>)[]) => {
    const sent: string[] = [];
    const send = () =>
      once(name, (key) => {
        sent.push(key);
        return answers.shift()?.() ?? Promise.resolve("made");
      });
    return { sent, send };
  };
  const fails = (code: string, status: number) => () => Promise.reject(new ApiProblem(code, status, ""));

  test("a double tap joins the call that is under way", async () => {
    const { sent, send } = keys(`double-${intent}`, []);
    expect(await Promise.all([send(), send()])).toEqual(["made", "made"]);
    expect(sent).toHaveLength(1);
  });

  test.each([
    ["no_answer", 0],
    ["unavailable", 503],
    ["request_in_progress", 409],
    ["unauthenticated", 401],
  ])("after %s, which decides nothing, the same key is sent again", async (code, status) => {
    const { sent, send } = keys(`again-${intent}-${code}`, [fails(code, status)]);
    await expect(send()).rejects.toMatchObject({ code });
    await send();
    expect(sent[1]).toBe(sent[0]);
  });

  test.each([
    ["tiktok_account_required", 409],
    ["activity_ended", 409],
  ])("after %s, which decides, a new key is sent", async (code, status) => {
    const { sent, send } = keys(`decided-${intent}-${code}`, [fails(code, status)]);
    await expect(send()).rejects.toMatchObject({ code });
    await send();
    expect(sent[1]).not.toBe(sent[0]);
  });

  test("what was made lets go of its key, so that the next time is another time", async () => {
    const { sent, send } = keys(`made-${intent}`, []);
    await send();
    await send();
    expect(sent[1]).not.toBe(sent[0]);
  });
});
