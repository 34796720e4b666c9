import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type Catalogue, format, LANGUAGES, type Text } from "../src/foundation/words";

const SRC = resolve(__dirname, "../src");
/** `src/activities/words.manager.en.ts` is the catalogue `activities.manager`. */
function namespaceOf(file: string): string {
  const [, folder = "", part = ""] = /(\w+)\/words(\.\w+)?\.\w\w\.ts$/.exec(file) ?? [];
  return folder + part;
}

const modules = import.meta.glob<Catalogue>("../src/*/words*.??.ts", { eager: true, import: "default" });
const namespaces = new Map<string, Record<string, Catalogue>>();
for (const [file, catalogue] of Object.entries(modules)) {
  const language = /\.(\w\w)\.ts$/.exec(file)?.[1] ?? "";
  const namespace = namespaceOf(file);
  namespaces.set(namespace, { ...namespaces.get(namespace), [language]: catalogue });
}

const forms = (text: Text): string[] => (typeof text === "string" ? [text] : Object.values(text));
const places = (text: Text): string[] =>
  [...new Set(forms(text).flatMap((form) => [...form.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "")))].sort();

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.tsx?$/.test(entry.name) && !/^words/.test(entry.name) ? [path] : [];
  });
}

/** Which words the screens use: exact keys, and beginnings of those that are put together. */
function used(): Map<string, { exact: Set<string>; beginnings: Set<string> }> {
  const found = new Map<string, { exact: Set<string>; beginnings: Set<string> }>();
  for (const file of sources(SRC)) {
    const text = readFileSync(file, "utf-8");
    const imports = [
      ...text.matchAll(/import \{([^}]*)\} from "([./\w-]*\/(?:t|words|words\.\w+))";/g),
    ];
    for (const [, names = "", from = ""] of imports) {
      const target = relative(SRC, resolve(dirname(file), from));
      const namespace = target === "foundation/t" ? "foundation" : target.replace(/\/words(\.\w+)?$/, "$1");
      if (!namespaces.has(namespace) || target === "foundation/words") continue;
      const alias = /\bt as (\w+)/.exec(names)?.[1] ?? "t";
      const entry = found.get(namespace) ?? { exact: new Set(), beginnings: new Set() };
      found.set(namespace, entry);
      for (const [, key = ""] of text.matchAll(new RegExp(`\\b${alias}\\(\\s*"(\\w+)"`, "g"))) entry.exact.add(key);
      for (const [, key = ""] of text.matchAll(new RegExp(`\\b${alias}\\(\\s*\`(\\w*)\\$\\{`, "g"))) entry.beginnings.add(key);
      // A key that is chosen first and looked up later: any string of this file that is one.
      for (const [, key = ""] of text.matchAll(/"(\w+)"/g)) {
        if (namespaces.get(namespace)?.en?.[key] !== undefined) entry.exact.add(key);
      }
      for (const [, key = ""] of text.matchAll(/`(\w+_)\$\{/g)) entry.beginnings.add(key);
    }
  }
  // routes.tsx names the words of the navigation without calling for them.
  const routes = readFileSync(join(SRC, "routes.tsx"), "utf-8");
  for (const [, key = ""] of routes.matchAll(/label: "(\w+)"/g)) found.get("foundation")?.exact.add(key);
  return found;
}

describe.each([...namespaces])("the words of %s", (namespace, catalogues) => {
  const english = catalogues.en ?? {};

  test.each(LANGUAGES)("have a text for every key, with the same places, in %s", (language) => {
    const translated = catalogues[language] ?? {};
    expect(Object.keys(translated).sort()).toEqual(Object.keys(english).sort());
    for (const [key, text] of Object.entries(english)) {
      const other = translated[key] ?? "";
      expect(forms(other).every((form) => form.trim() !== ""), key).toBe(true);
      expect(places(other), key).toEqual(places(text));
    }
  });

  test("are translated, not left in English", () => {
    // Short words may well be the same in two languages; whole sentences are not.
    for (const language of ["de", "es"]) {
      for (const [key, text] of Object.entries(english)) {
        for (const form of forms(text).filter((each) => each.split(" ").length > 3)) {
          expect(forms(catalogues[language]?.[key] ?? ""), `${language} ${key}`).not.toContain(form);
        }
      }
    }
  });

  test("are all used, and none that is used is missing", () => {
    const { exact, beginnings } = used().get(namespace) ?? { exact: new Set(), beginnings: new Set() };
    const unused = Object.keys(english).filter(
      (key) => !exact.has(key) && ![...beginnings].some((beginning) => beginning !== "" && key.startsWith(beginning)),
    );
    expect(unused).toEqual([]);
    expect([...exact].filter((key) => english[key] === undefined)).toEqual([]);
  });
});

test.each(LANGUAGES)("each catalogue is in one bundle, in %s", (language) => {
  const bundles = import.meta.glob<Record<string, Catalogue>>("../src/foundation/locales/*.ts", { eager: true, import: "default" });
  const bundled = Object.entries(bundles).flatMap(([file, bundle]) => (file.endsWith(`.${language}.ts`) ? Object.entries(bundle) : []));
  expect(bundled.map(([name]) => name).sort()).toEqual([...namespaces.keys()].sort());
  for (const [name, catalogue] of bundled) expect(catalogue).toBe(namespaces.get(name)?.[language]);
});

const englishOf = (...names: string[]): Catalogue => Object.assign({}, ...names.map((name) => namespaces.get(name)?.en));

/** What only a client that sends nonsense is answered: the server's own words do. */
const FAULTS_OF_CLIENTS = ["invalid_json", "malformed_event", "method_not_allowed", "signature_refused", "tiktok_views_off", "unsubscribe_link_invalid", "unsupported_media_type"];

test("every problem that the API may answer has words, but for faults of clients", () => {
  const openapi = JSON.parse(readFileSync(resolve(SRC, "../../openapi.json"), "utf-8"));
  const codes: string[] = openapi.components.schemas.Problem.properties.code.enum;
  const english = englishOf("foundation", "foundation.further", "foundation.manager", "foundation.session");
  const known = codes.filter((code) => english[`problem_${code}`] !== undefined);
  expect(codes.filter((code) => !known.includes(code) && !FAULTS_OF_CLIENTS.includes(code))).toEqual([]);
});

/** What no form of this console sends: codes of values in another shape than fields have. */
const NEVER_OF_A_FORM = [
  ...["extra_forbidden", "not_a_key", "model_type", "model_attributes_type", "is_instance_of", "enum"],
  ...["string_type", "string_unicode", "bool_type", "bool_parsing", "list_type"],
  ...["string_pattern_mismatch", "date_type", "date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"],
  ...["int_type", "int_parsing", "int_parsing_size", "int_from_float"],
  ...["invalid_key", "one_way", "one_way_at_a_time", "one_of_two", "invalid_base64"],
  ...["before_from", "before_since", "out_of_range"], // periods are chosen, not written
  ...["datetime_type", "datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"],
  ...["timezone_aware", "timezone_offset"],
  "repeated", // each place for a cut has an upload of its own
];

test("every code that the API may give to a field has words, but for what no form sends", () => {
  const openapi = JSON.parse(readFileSync(resolve(SRC, "../../openapi.json"), "utf-8"));
  const codes: string[] = openapi.components.schemas.Problem.properties.errors.items.properties.code.enum;
  const english = englishOf("foundation.further", "foundation.manager", "foundation.session");
  expect(codes.length).toBeGreaterThan(NEVER_OF_A_FORM.length);
  const wordless = codes.filter((code) => english[`field_${code}`] === undefined);
  expect(wordless.sort()).toEqual([...NEVER_OF_A_FORM].sort());
});

test("a number chooses the plural form, and is written as the language writes numbers", () => {
  const points = { one: "{count} Punkt", other: "{count} Punkte" };
  expect(format(points, { count: 1 }, "de")).toBe("1 Punkt");
  expect(format(points, { count: 0 }, "de")).toBe("0 Punkte");
  expect(format(points, { count: 12_000 }, "de")).toBe("12.000 Punkte");
});

test("a place without a value stays seen, so that it is missed", () => {
  expect(format("until {when}", {}, "en")).toBe("until {when}");
});

test("a value from right to left is isolated from the sentence around it, and no other is", () => {
  const isolated = ["\u05d3\u05e0\u05d4", "\u0644\u064a\u0644\u0649 (2)"];
  for (const name of isolated) expect(format("Remove {name}?", { name }, "en")).toBe(`Remove \u2068${name}\u2069?`);
  for (const name of ["Ana", "\u6797", "<b>"]) expect(format("Remove {name}?", { name }, "en")).toBe(`Remove ${name}?`);
});
