import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const SRC = resolve(__dirname, "../src");

function files(folder: string, ending: RegExp): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path, ending);
    return ending.test(entry.name) ? [path] : [];
  });
}

const classesOf = (file: string): Set<string> =>
  new Set([...readFileSync(file, "utf-8").matchAll(/\.([a-zA-Z][\w-]*)(?=[^{}]*\{)/g)].map(([, name = ""]) => name));

const uses = files(SRC, /\.tsx?$/).flatMap((file) => {
  const text = readFileSync(file, "utf-8");
  const code = text.replace(/^import .*$/gm, "");
  const sheets = [...text.matchAll(/import (\w+) from "([./\w-]+\.module\.css)";/g)].map(([, name = "", from = ""]) => ({
    name,
    sheet: resolve(dirname(file), from),
  }));
  // `{ ...shared, ...own }` has the classes of both.
  const merged = /const css = \{ \.\.\.(\w+), \.\.\.(\w+) \}/.exec(text)?.slice(1) ?? [];
  const named = merged.length > 0 ? [{ name: "css", sheets: sheets.map(({ sheet }) => sheet) }] : sheets.map(({ name, sheet }) => ({ name, sheets: [sheet] }));
  return named.map(({ name, sheets: of }) => ({
    file: relative(SRC, file),
    sheets: of,
    used: [...code.matchAll(new RegExp(`\\b${name}\\.([a-zA-Z]\\w*)`, "g"))].map(([, used = ""]) => used),
    chosen: new RegExp(`\\b${name}\\[`).test(code),
  }));
});

test("every class that a screen names is one of its style sheet's", () => {
  const unknown = uses.flatMap(({ file, sheets, used }) => {
    const known = new Set(sheets.flatMap((sheet) => [...classesOf(sheet)]));
    return used.filter((name) => !known.has(name)).map((name) => `${file}: ${name}`);
  });
  expect([...new Set(unknown)]).toEqual([]);
});

test("every class of a style sheet is named by a screen, or chosen there by what is shown", () => {
  const unused = files(SRC, /\.module\.css$/).flatMap((sheet) => {
    const users = uses.filter(({ sheets }) => sheets.includes(sheet));
    if (users.some(({ chosen }) => chosen)) return [];
    const used = new Set(users.flatMap((each) => each.used));
    return [...classesOf(sheet)].filter((name) => !used.has(name)).map((name) => `${relative(SRC, sheet)}: ${name}`);
  });
  expect(unused).toEqual([]);
});
