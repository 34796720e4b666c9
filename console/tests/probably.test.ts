import { describe, expect, test } from "vitest";
import type { Catalogue, Language } from "../src/foundation/words";

const modules = import.meta.glob<Catalogue>("../src/*/words*.??.ts", { eager: true, import: "default" });

function word(name: string, language: Language, key: string): string {
  const text = modules[`../src/${name}.${language}.ts`]?.[key];
  if (typeof text !== "string") throw new Error(`${name}.${language} has no text ${key}`);
  return text;
}

/** The one phrase of `unconfirmed`, to its member ("your") and to managers; no other text may say it otherwise. */
const SAID = {
  en: { member: "Probably in your inbox", account: "Probably in your TikTok inbox", manager: "Probably in the inbox" },
  de: {
    member: "Wahrscheinlich im Postfach",
    account: "Wahrscheinlich in deinem TikTok-Postfach",
    manager: "Wahrscheinlich im Postfach",
  },
  es: {
    member: "Probablemente en tu bandeja",
    account: "Probablemente en tu bandeja de TikTok",
    manager: "Probablemente en la bandeja",
  },
} as const;

/** Words of doubt about where a video is, and words for what it was told to be. */
const DOUBTS = {
  en: /\b(probably|presumably|perhaps|maybe|likely|may be in)\b/i,
  de: /\b(wahrscheinlich|vermutlich|vielleicht|möglicherweise|wohl)\b/i,
  es: /\b(probablemente|seguramente|quizás?|tal vez|posiblemente)\b/i,
} as const;
const CONFIRMED = { en: /\bconfirmed\b/, de: /\bbestätigt\b/, es: /\bconfirmado\b/ } as const;
const INBOX = { en: /inbox/i, de: /postfach/i, es: /bandeja/i } as const;

describe.each(["en", "de", "es"] as const)("a video that is probably in the inbox, in %s", (language) => {
  const { member, account, manager } = SAID[language];
  const doubt = DOUBTS[language].exec(member)?.[0] ?? "";

  test("is called so in the member's history, its heading and the managers' report", () => {
    expect(word("performances/words", language, "status_unconfirmed")).toBe(member);
    expect(word("performances/words", language, "unconfirmed_title")).toBe(account);
    expect(word("reports/words.manager", language, "state_unconfirmed")).toBe(manager);
    expect(word("reports/words.manager", language, "lost_unconfirmed").startsWith(`${manager};`)).toBe(true);
  });

  test("is said not to be confirmed wherever that is explained", () => {
    for (const [name, key] of [
      ["performances/words", "unconfirmed_text"],
      ["performances/words", "next_unconfirmed"],
      ["reports/words.manager", "lost_unconfirmed"],
    ] as const) {
      const text = word(name, language, key);
      expect(text, key).toMatch(CONFIRMED[language]);
      expect(text, key).toMatch(INBOX[language]);
    }
  });

  test("is doubted with the same word in every text about an inbox", () => {
    expect(doubt).not.toBe("");
    const texts = Object.entries(modules)
      .filter(([file]) => file.endsWith(`.${language}.ts`))
      .flatMap(([file, words]) => Object.entries(words).map(([key, text]) => ({ place: `${file} ${key}`, text })))
      .flatMap(({ place, text }) => (typeof text === "string" ? [text] : Object.values(text)).map((said) => ({ place, said })))
      .filter(({ said }) => INBOX[language].test(said) && DOUBTS[language].test(said));
    expect(texts.length).toBeGreaterThanOrEqual(3);
    for (const { place, said } of texts) expect(DOUBTS[language].exec(said)?.[0].toLowerCase(), place).toBe(doubt.toLowerCase());
  });
});
