/**
 * Reads the actions of the screen in sight as commands. Its own buttons declare them, by the name that
 * a screen reader says; there is no second list that could lack one of them.
 */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Command } from "./command";

const PRESSED = "button, [role=menuitem], [role=switch], a[class*=ui-button], label[class*=ui-button]";
const UNFIT = ":disabled, [aria-disabled=true], [aria-pressed=true], [aria-haspopup], [aria-busy=true]";
const ROW = "li, tr, article";
const TITLE = "h2, h3, h4, legend, [dir=auto], bdi, strong";
const LONGEST = 80;

export type OnScreen = Command & {
  /** The one of several things in a list that it is about. */
  inList: boolean;
};

const text = (element: Element | null | undefined): string => element?.textContent?.replaceAll("\u00ad", "").trim() ?? "";

function nameOf(element: HTMLElement): string {
  if (element.ariaLabel) return element.ariaLabel;
  // Of a switch its words, without the hint in an element of its own.
  const words = element instanceof HTMLInputElement ? element.labels?.[0]?.querySelector("span") : undefined;
  return words ? text({ textContent: words.firstChild?.textContent ?? "" } as Element) : text(element);
}

/** The name of the thing that a button is about, or of the part of the screen that it is in. */
function aboutOf(element: HTMLElement): string {
  const menu = element.closest("[role=menu]")?.ariaLabel;
  if (menu) return menu.replace(/^[^:]*: /, "").replace(/[\u2068\u2069]/g, "");
  const group = element.closest("[role=group][aria-label]")?.ariaLabel;
  return (group ?? text((element.closest(ROW) ?? element.closest("section, fieldset"))?.querySelector(TITLE))).slice(0, LONGEST);
}

function isThere(element: HTMLElement): boolean {
  if (element.matches(UNFIT) || element.closest("dialog, [inert]")) return false;
  // A menu's entries are there before it is opened.
  return (element.closest("[role=menu]")?.parentElement ?? element).checkVisibility();
}

type Found = { key: string; element: HTMLElement; name: string; about: string };

function look(screen: Element): Found[] {
  const times = new Map<string, number>();
  return [...screen.querySelectorAll<HTMLElement>(PRESSED)].filter(isThere).flatMap((element) => {
    const name = nameOf(element);
    if (!name) return [];
    const about = aboutOf(element);
    const words = `${name}\n${about}`;
    const nth = times.get(words) ?? 0;
    times.set(words, nth + 1);
    return [{ key: `${words}\n${nth}`, element, name, about: about === name ? "" : about }];
  });
}

const main = (): Element => document.getElementById("main") ?? document.body;

/** Presses what is by then in its place: the screen may have drawn itself anew. */
function press({ key, element }: Found): void {
  const now = element.isConnected ? element : look(main()).find((each) => each.key === key)?.element;
  now?.click();
}

export type Seen = { title: string; commands: OnScreen[] };

/** The screen's title and what can be done on it, kept up to date as long as the menu is open. */
export function useOnScreen(): Seen {
  const ids = useRef(new Map<string, string>()).current;
  const read = (): Seen => ({
    title: text(main().querySelector("h1")),
    commands: look(main()).map((found): OnScreen => {
      const { key, element, name, about } = found;
      const id = ids.get(key) ?? `on-screen-${ids.size}`;
      ids.set(key, id);
      const icon = element.querySelector("svg") ?? "sparkle";
      return { id, label: name, hint: about, icon, inList: element.closest(ROW) !== null, run: () => press(found) };
    }),
  });
  const [seen, setSeen] = useState(read);
  useLayoutEffect(() => {
    let frame = 0;
    const again = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => setSeen(read()));
    };
    const observer = new MutationObserver(again);
    const attributeFilter = ["aria-disabled", "aria-busy", "aria-pressed", "aria-label"];
    observer.observe(main(), { childList: true, subtree: true, characterData: true, attributeFilter });
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame);
    };
  }, []);
  return seen;
}
