import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { against, reasonsInWords, reasonWords } from "../src/reports/parts";
import { chooseLanguage, LANGUAGES, loadWords } from "../src/foundation/words";
import de from "../src/reports/words.manager.de";
import en from "../src/reports/words.manager.en";
import es from "../src/reports/words.manager.es";

/** The codes that the API knows words of: the keys of `FAILURE_WORDS`. */
function codesOfTheApi(): string[] {
  const model = readFileSync(resolve(__dirname, "../../chalicelib/reports/model.py"), "utf-8");
  const [, body = ""] = /^FAILURE_WORDS = \{\n([\s\S]*?)^\}/m.exec(model) ?? [];
  return [...body.matchAll(/^ {4}"(\w+)":/gm)].map(([, code = ""]) => code);
}

const REASON = "reason_";

beforeAll(async () => {
  vi.stubGlobal("navigator", { languages: [] });
  vi.stubGlobal("document", { documentElement: {} });
  await loadWords("office");
});

describe("why sends failed", () => {
  test("has words for each code that the API gives, and no others but for what is new here", () => {
    const known = Object.keys(en).filter((key) => key.startsWith(REASON));
    expect(codesOfTheApi().length).toBeGreaterThan(10);
    expect(known.map((key) => key.slice(REASON.length)).sort()).toEqual([...codesOfTheApi(), "other"].sort());
  });

  test.each(Object.entries({ en, de, es }))("has no two rows of the same words in %s", (_, catalogue) => {
    const rows = Object.entries(catalogue).filter(([key]) => key.startsWith(REASON) || key.startsWith("lost_"));
    const words = rows.map(([, text]) => text);
    expect(words.filter((text, at) => words.indexOf(text) !== at)).toEqual([]);
  });

  test.each(LANGUAGES)("adds up what is new here under one row in %s", async (language) => {
    await chooseLanguage(language);
    const reasons = [
      { code: "of_tomorrow", words: "", count: 2 },
      { code: "cancelled", words: "", count: 1 },
      { code: "of_the_day_after", words: "", count: 3 },
    ];
    expect([...reasonsInWords(reasons)]).toEqual([
      [reasonWords("of_tomorrow"), 5],
      [reasonWords("cancelled"), 1],
    ]);
  });
});

test("numbers, shares and times are told beside those of as many days before", async () => {
  await chooseLanguage("en");
  expect(against(9, 30)).toBe("9 in the previous 30 days");
  expect(against("half within 4 hours", 7)).toBe("half within 4 hours in the previous 7 days");
});
