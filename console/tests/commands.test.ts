import { beforeAll, describe, expect, test } from "vitest";
import { ACTIONS, actions, FURTHER, screens } from "../src/foundation/commands/actions";
import { fits } from "../src/foundation/commands/fits";
import { commandMenu } from "../src/foundation/commands/entry";
import { loadWords } from "../src/foundation/words";
import { SCREENS } from "../src/routes";

/** Shown once TikTok's consent page leads back. */
const REACHED_BY_TIKTOK_ONLY = "/connected";
/** What is found by its name, and the screen that shows it. */
const FOUND = ["/manage/activities/:id", "/manage/channels/:id", "/manage/campaigns/:id", "/manage/rewards/:id"];
/** A button on a screen that is found. */
const BEHIND_FOUND = ["/manage/activities/:id/report"];

beforeAll(async () => {
  await loadWords("member");
  await commandMenu();
});

const nowhere = (): void => undefined;
const paths = (audience: "member" | "manager"): string[] => SCREENS.filter((each) => each.audience === audience).map(({ path }) => path);
const isReached = (path: string): boolean => !path.includes(":") && path !== REACHED_BY_TIKTOK_ONLY;

test("a manager reaches every screen that needs no id, and no other path", () => {
  const reached = screens({ manager: true, rewards: true }, nowhere).map(({ id }) => id);
  expect(reached.length).toBeGreaterThan(20);
  expect(reached.sort()).toEqual([...paths("manager"), ...paths("member")].filter(isReached).sort());
});

test("every screen with an id is found by what it shows", () => {
  expect(paths("manager").filter((path) => path.includes(":")).sort()).toEqual([...FOUND, ...BEHIND_FOUND].sort());
});

test("a member reaches every screen of theirs and none of managers", () => {
  const reached = screens({ manager: false, rewards: true }, nowhere).map(({ id }) => id);
  expect(reached.sort()).toEqual(paths("member").filter(isReached).sort());
  expect(actions({ manager: false, rewards: true }, nowhere).filter(({ id }) => id.startsWith("to-/manage"))).toEqual([]);
});

test("where rewards are off, nothing leads to them but requests that are still open", () => {
  const who = { manager: true, rewards: false };
  const all = [...screens(who, nowhere), ...actions(who, nowhere)].map(({ id }) => id);
  expect(all.filter((id) => /\/rewards/.test(id))).toEqual([]);
  expect(all).toContain("/manage/redemptions");
});

describe.each([...ACTIONS.manager, ...ACTIONS.member])("the action that leads to $to", ({ to }) => {
  test("leads to a screen that there is", () => {
    const path = to.replace(/[?#].*/, "");
    expect(SCREENS.map((each) => each.path)).toContain(path);
  });
});

test("a screen that is named for the menu is there, and is not in the navigation already", () => {
  for (const path of Object.keys(FURTHER)) {
    const screen = SCREENS.find((each) => each.path === path);
    expect(screen, path).toBeDefined();
    expect(screen?.nav, path).toBeUndefined();
  }
});

test("no two commands have the same id, and each has words of its own", () => {
  const who = { manager: true, rewards: true };
  const all = [...screens(who, nowhere), ...actions(who, nowhere)];
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  const words = all.map(({ label, hint }) => `${label} ${hint ?? ""}`);
  expect(new Set(words).size).toBe(words.length);
  expect(words.filter((each) => /_/.test(each))).toEqual([]); // a key without words
});

test("what is chosen leads to where it is done", () => {
  const went: string[] = [];
  for (const { to } of ACTIONS.manager) actions({ manager: true, rewards: true }, (path) => went.push(path)).find(({ id }) => id === `to-${to}`)?.run();
  expect(went).toEqual(ACTIONS.manager.map(({ to }) => to));
});

test("words fit in any order, without accents and case, each somewhere in the label", () => {
  expect(fits("Nueva campaña", "campana nue")).toBe(true);
  expect(fits("Nueva campaña", "campaña vieja")).toBe(false);
  expect(fits("Anything", " ")).toBe(true);
});
