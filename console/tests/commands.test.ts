import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const SRC = resolve(__dirname, "../src");
const read = (name: string): string => readFileSync(resolve(SRC, name), "utf-8");

/** Shown once TikTok's consent page leads back. */
const REACHED_BY_TIKTOK_ONLY = "/connected";

test("the command menu reaches every screen that needs no id", () => {
  const lines = read("routes.tsx").matchAll(/^ {2}(?:first|member|manager)\("([^"]+)"(.*)$/gm);
  const screens = [...lines].map(([, path = "", rest = ""]) => ({ path, inNavigation: rest.includes("label:") }));
  const menu = read("foundation/shell/CommandMenu.tsx");
  const missing = screens
    .filter(({ path, inNavigation }) => !inNavigation && !path.includes(":") && path !== REACHED_BY_TIKTOK_ONLY)
    .map(({ path }) => path)
    .filter((path) => !menu.includes(`"${path}"`));
  expect(screens.length).toBeGreaterThan(20);
  expect(missing).toEqual([]);
});
