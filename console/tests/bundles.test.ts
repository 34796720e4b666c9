import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../src", import.meta.url));
const FILES = readdirSync(SRC, { recursive: true, encoding: "utf-8" })
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"))
  .map((name) => join(SRC, name));
const TEXTS = new Map(FILES.map((file) => [file, readFileSync(file, "utf-8")]));

function found(from: string, name: string): string | undefined {
  return [".ts", ".tsx"].map((ending) => resolve(dirname(from), name) + ending).find((file) => TEXTS.has(file));
}

/**
 * The catalogues, such as `points` or `rewards.manager`, of all that a module imports at once, and of
 * the parts that it loads later without words of their own.
 */
function cataloguesOf(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return new Set();
  seen.add(file);
  const words = /(\w+)\/words(\.manager|\.data|\.repair|\.finish|\.views|\.connected)?\.ts$/.exec(file);
  if (words && words[1] !== "foundation") return new Set([`${words[1]}${words[2] ?? ""}`]);
  const imports = (TEXTS.get(file) ?? "").matchAll(/^(?:import|export) (?!type )[^;]*?from "(\.[^"]+)";/gm);
  const parts = (TEXTS.get(file) ?? "").matchAll(/later(?:<[^(]*>)?\((?!withWords)[^;]*?import\("(\.[^"]+)"\)/g);
  const next = [...imports, ...parts].map((each) => found(file, each[1] ?? "")).filter((each) => each !== undefined);
  return new Set(next.flatMap((each) => [...cataloguesOf(each, seen)]));
}

/** The bundle that a catalogue is in, as `locales/` has it. */
function bundleOf(catalogue: string): string | undefined {
  const words = `/${catalogue.replace(/^\w+/, "$&/words")}.en";`;
  const bundles = [...TEXTS].filter(([file, text]) => file.includes("/locales/") && text.includes(words));
  return bundles.map(([file]) => basename(file, ".en.ts"))[0];
}

/** What is loaded with words: `module` and the bundles that come along. */
function loads(): { module: string; bundles: string[] }[] {
  const all: { module: string; bundles: string[] }[] = [];
  for (const [file, text] of TEXTS) {
    for (const [, name, bundles] of text.matchAll(/withWords\(\(\) => import\("([^"]+)"\), ([^)]+)\)/g)) {
      all.push({ module: found(file, name ?? "") ?? "", bundles: [...(bundles ?? "").matchAll(/\w+/g)].map(String) });
    }
  }
  const routes = join(SRC, "routes.tsx");
  const lines = TEXTS.get(routes)?.matchAll(/^  (member|manager)\(.*import\("([^"]+)"\)(.*)\),$/gm) ?? [];
  for (const [, audience, name, rest] of lines) {
    const own = [...(/(?:, "\w+")+$/.exec(rest ?? "")?.[0] ?? "").matchAll(/\w+/g)].map(String);
    const bundles = audience === "manager" ? ["further", "manager", ...own] : ["further", ...own];
    all.push({ module: found(routes, name ?? "") ?? "", bundles });
  }
  return all;
}

test.each(loads().map(({ module, bundles }) => [relative(SRC, module), bundles] as const))(
  "%s comes with the words that it shows",
  (module, bundles) => {
    const needed = [...cataloguesOf(join(SRC, module))].map(bundleOf).filter((each) => each !== "member");
    expect(needed.filter((each) => each === undefined || !bundles.includes(each))).toEqual([]);
  },
);

test("the walk over imports finds what screens show", () => {
  expect(loads().length).toBeGreaterThan(25);
  expect([...cataloguesOf(join(SRC, "tiktok/ConnectedScreen.tsx"))].sort()).toEqual(["performances", "tiktok.connected"]);
  expect(cataloguesOf(join(SRC, "activities/ActivityFields.tsx"))).toContain("performances.manager");
  expect(["activities", "points", "rewards", "tiktok", "points.manager"].map(bundleOf)).toEqual([
    ...["member", "mine", "mine", "settings", "program"],
  ]);
});
