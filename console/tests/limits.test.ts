import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { ApiProblem } from "../src/foundation/api/problems";
import { problemWords } from "../src/foundation/problem_words";
import { chooseLanguage, format, LANGUAGES, loadWords } from "../src/foundation/words";
import further from "../src/foundation/words.further.en";
import manager from "../src/foundation/words.manager.en";

const API = resolve(__dirname, "../../chalicelib");
const BEGINNING = "problem_limit_reached_";

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith(".py") ? [readFileSync(path, "utf-8")] : [];
  });
}

/** What the API calls the limits that it has: a program's quotas, and those that nobody sets. */
function limitsOfTheApi(): string[] {
  const [, quotas = ""] = /^_MESSAGES = \{\n([\s\S]*?)^\}/m.exec(readFileSync(join(API, "foundation/quotas.py"), "utf-8")) ?? [];
  const ofQuotas = [...quotas.matchAll(/^ {4}"(\w+)":/gm)];
  const fixed = sources(API).flatMap((text) => [...text.matchAll(/"quota": "(\w+)"/g)]);
  return [...ofQuotas, ...fixed].map(([, name = ""]) => name).sort();
}

const reached = (quota: string, limit: number, used?: number): string =>
  problemWords(new ApiProblem("limit_reached", 409, "The server's words.", null, { quota, limit, used } as never));

beforeAll(async () => {
  vi.stubGlobal("navigator", { languages: [] });
  vi.stubGlobal("document", { documentElement: {} });
  await Promise.all([loadWords("further"), loadWords("manager")]);
});

describe("a limit that is reached", () => {
  test("has words for each that the API has, and for no others", () => {
    const worded = Object.keys({ ...further, ...manager }).filter((key) => key.startsWith(BEGINNING));
    expect(limitsOfTheApi().length).toBeGreaterThan(5);
    expect(worded.map((key) => key.slice(BEGINNING.length)).sort()).toEqual(limitsOfTheApi());
  });

  test("is named wherever the API says that it is reached", () => {
    const raised = sources(API).flatMap((text) => [...text.matchAll(/Problem\(\s*ProblemCode\.LIMIT_REACHED,[\s\S]*?members=(\{.*?\})/g)]);
    expect(raised.length).toBeGreaterThan(5);
    expect(raised.map(([, members = ""]) => members).filter((members) => !members.includes('"quota": '))).toEqual([]);
  });

  test.each(LANGUAGES)("is told with all numbers filled in, each in other words, in %s", async (language) => {
    await chooseLanguage(language);
    const told = limitsOfTheApi().map((quota) => reached(quota, 100, 120));
    expect(told.filter((text) => /[{}]|The server's words/.test(text))).toEqual([]);
    expect(new Set(told).size).toBe(told.length);
  });

  test("is told with what is used, and of bytes as gigabytes", async () => {
    await chooseLanguage("en");
    expect(reached("members", 100_000, 100_000)).toContain("100,000 members and invitations");
    expect(reached("video_bytes", 50 * 2 ** 30, 53_150_220_288)).toMatch(/49\.5 GB of videos; 50 GB is the limit/);
  });

  test("of which nothing is known here is told in the server's words", () => {
    expect(reached("of_tomorrow", 3, 3)).toBe("The server's words.");
  });
});

test.each(LANGUAGES)("a number of which only the least is known is in the plural in %s", async (language) => {
  const text = { one: "{count} waits", other: "{count} wait" };
  expect(format(text, { count: "25 or more" }, language)).toBe("25 or more wait");
});
