"""Whether all words of a page can be read: none lies on others, is cut off or sticks out.

Words are looked at where they are painted, line by line. What scrolls is looked at as far as it is
in sight, and what lies above a page, such as a bar that sticks or a dialog, apart from the page.
"""

import re

from playwright.sync_api import BrowserContext, Page, Route

ILLEGIBLE = """() => {
  const SLACK = 2;          // fractions of pixels, and the shadow of an italic
  const LEADING = 0.2;      // a font's box is higher than its letters: lines may share that much
  const CORNER = 5;         // so much of an icon may lie under a count
  const LONGEST = 14;       // letters of a word that has to stay in one piece
  // Texts that people wrote, which lists shorten on purpose: they are read whole elsewhere.
  const SHORTENED = "[title], [class*=folded], [class*=rewards-description], " +
    "[class*=ledger-about], [class*=editor-title], [class*=editor-headLine], " +
    "[class*=commands-entry], [class*=shell-me]";
  const root = document.querySelector("dialog:modal, [popover]:popover-open [role=menuitem]")
    ?.closest("dialog, [popover]") ?? document.body;
  const page = document.documentElement.clientWidth;
  const shown = (element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    !element.closest(".visually-hidden, [class*=visuallyHidden], option, title");
  const layer = (element) => {
    for (let each = element; each && each !== root; each = each.parentElement) {
      if (/fixed|sticky/.test(getComputedStyle(each).position)) return each;
    }
    return root;
  };
  const said = (text) => text.textContent.trim().replace(/\\s+/g, " ").slice(0, 50);
  const named = (element) => `${element.tagName} ${element.className}`;
  const faults = new Set();
  const lines = [];

  const into = (element, box, text) => {
    // What is left of a box in the boxes that cut it; none if it is scrolled out of sight.
    let { left, right, top, bottom } = box;
    for (let each = element; each && each !== document.body; each = each.parentElement) {
      const style = getComputedStyle(each);
      if (style.clipPath !== "none") return null;
      if (style.position === "fixed") break;
      if (style.display === "inline" || style.overflowX === "visible") continue;
      const edge = each.getBoundingClientRect();
      const scrolls = /auto|scroll/.test(style.overflowX + style.overflowY);
      const dots = style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none";
      const slack = dots ? 0.5 : SLACK;  // dots come at once, letters have room around them
      const less = (bottom - top) * LEADING;
      const cut = left < edge.left - slack || right > edge.right + slack ||
        top + less < edge.top - slack || bottom - less > edge.bottom + slack;
      if (cut && text && !scrolls && !(dots && each.closest(SHORTENED))) {
        faults.add(`CUT "${said(text)}" by ${named(each)}`);
      }
      [left, right] = [Math.max(left, edge.left), Math.min(right, edge.right)];
      [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
      if (right - left < 1 || bottom - top < 1) return null;
    }
    return { left, right, top, bottom };
  };

  const surface = (element) => {
    // The nearest thing that is seen as a box: words have to stay within it.
    for (let each = element; each && each !== root; each = each.parentElement) {
      const style = getComputedStyle(each);
      if (style.display === "inline" || style.display === "contents") continue;
      const filled = style.backgroundColor !== "rgba(0, 0, 0, 0)";
      if (filled || parseFloat(style.borderInlineStartWidth) > 0) return each;
    }
    return null;
  };

  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const element = text.parentElement;
    if (!text.textContent.trim() || !shown(element) || element.closest("svg")) continue;
    const range = document.createRange();
    const box = surface(element)?.getBoundingClientRect();
    for (const word of text.textContent.matchAll(/[\\p{L}\\p{N}\u00ad]+/gu)) {
      // A name with digits in it is no word, and may break anywhere.
      if (word[0].length > LONGEST || /[\\p{N}\u00ad]/u.test(word[0])) continue;
      if (/@|\\w\\.\\w/.test(text.textContent)) break;  // an address has no place to break at
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const parts = [...range.getClientRects()].filter((each) => each.width > 0);
      const split = parts.some((each) => each.top > parts[0].bottom - 1);
      if (split && into(element, range.getBoundingClientRect())) {
        faults.add(`SPLIT "${word[0]}" of ${named(element)}`);
      }
    }
    range.selectNodeContents(text);
    for (const line of range.getClientRects()) {
      if (line.width < 2 || line.height < 2) continue;
      const seen = into(element, line, text);
      if (!seen) continue;
      if (seen.left < -SLACK || seen.right > page + SLACK) faults.add(`OUT "${said(text)}"`);
      if (box && (seen.left < box.left - SLACK || seen.right > box.right + SLACK)) {
        faults.add(`SPILLS "${said(text)}" out of ${named(surface(element))}`);
      }
      const less = (seen.bottom - seen.top) * LEADING;
      lines.push({ of: text, kind: "text", layer: layer(element), what: `"${said(text)}"`, ...seen,
        top: seen.top + less, bottom: seen.bottom - less });
    }
  }
  for (const control of root.querySelectorAll("input, select, textarea, svg.icon")) {
    if (!shown(control) || getComputedStyle(control).opacity === "0") continue;
    const seen = into(control, control.getBoundingClientRect());
    if (!seen) continue;
    const kind = control.matches("svg") ? "icon" : "control";
    lines.push({ of: control, kind, layer: layer(control), ...seen,
      what: kind === "icon" ? `the icon in ${named(control.parentElement)}` : named(control) });
  }
  for (let a = 0; a < lines.length; a++) {
    for (let b = a + 1; b < lines.length; b++) {
      const [one, other] = [lines[a], lines[b]];
      if (one.of === other.of || one.layer !== other.layer) continue;
      if (one.kind !== "text" && other.kind !== "text") continue;  // an arrow lies on its choice
      const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      const least = one.kind === other.kind ? SLACK : CORNER;
      if (across > least && down > least) {
        const size = `${across.toFixed(0)} x ${down.toFixed(0)} px`;
        faults.add(`OVERLAP ${one.what} and ${other.what}, ${size}`);
      }
    }
  }
  return [...faults];
}"""

_TEXT = re.compile(r":`((?:[^`\\]|\\.)*)`")
_VOWEL_OUTSIDE_OF_PLACES = re.compile(r"\{\w+\}|\\u\w{4}|\\.|([aeiou])")


def lengthened(script: str) -> str:
    """Return a built catalogue whose words are a third longer: as if in yet another language."""

    def longer(text: re.Match[str]) -> str:
        doubled = _VOWEL_OUTSIDE_OF_PLACES.sub(lambda m: m[0] * 2 if m[1] else m[0], text[1])
        return f":`{doubled}`"

    return _TEXT.sub(longer, script)


def speak_at_length(context: BrowserContext) -> None:
    """Have English words come lengthened. The context must not let service workers fetch them."""

    def rewritten(route: Route) -> None:
        answer = route.fetch(max_retries=3)
        route.fulfill(response=answer, body=lengthened(answer.text()))

    context.route(re.compile(r"/assets/\w+\.en-[^/]+\.js$"), rewritten)


def illegible(page: Page) -> list[str]:
    """Return what cannot be read on a page as it stands."""
    found: list[str] = page.evaluate(ILLEGIBLE)
    return found
