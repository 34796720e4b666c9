"""Walks over screens: each is opened once on a device, and all that is to be looked at is noted."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Self

from playwright.sync_api import Page

from local import browser
from tests.console.axe import OF_COLOURS, Axe
from tests.console.legible import illegible
from tests.console.members import (
    DESKTOP,
    PHONE,
    Device,
    Somebody,
    Visit,
    overflowing,
    quiet,
)

NARROW = 320  # as a desktop's window at 400 %
ZOOMED = 640  # as a desktop's window at 200 %
WIDTHS = {PHONE.width: (PHONE.width, NARROW), DESKTOP.width: (DESKTOP.width, ZOOMED)}
DEVICES = (replace(PHONE, moving=True), replace(DESKTOP, moving=True))
MOST_TABS = 120

SMALL_TARGETS = """() => [...document.querySelectorAll("button, a, input, select")]
  // A label around a box, and a line of text around a link, are pressed as well.
  .filter((each) => !each.closest("label, p") && !each.hidden)
  .map((each) => [each.outerHTML.slice(0, 120), each.getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && Math.min(box.width, box.height) < 24)
  .map(([html]) => html)"""

FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const known = (window.reachedByTab ??= new Set());
  if (known.has(at)) return null;
  known.add(at);
  const shown = (element) => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  };
  // A control that is drawn by what surrounds it shows its focus there.
  return [at, at.parentElement, at.closest("label")].some((each) => each && shown(each))
    ? "" : at.outerHTML.slice(0, 120);
}"""

# Notes what each Tab key led to as it comes up, so that several are pressed in a row.
NOTE_TABS = f"""() => {{
  const led = {FOCUS};
  window.ledByTab = [];
  addEventListener("keyup", ({{ key }}) => key === "Tab" && window.ledByTab.push(led()), true);
}}"""
TABS_AT_ONCE = 8

# All that axe's rules may look at but colours: elements with their attributes, texts and places.
ALL_BUT_COLOURS = """() => document.body.outerHTML + [...document.querySelectorAll("body *")]
  .map((each) => each.getBoundingClientRect())
  .map(({ x, y, width, height }) => [x, y, width, height].map(Math.round))"""


type Found = dict[str, list[str]]


@dataclass
class Walk:
    """What was found wrong, by the place where it was, and how much the Tab key reached."""

    visit: Visit
    device: Device
    axe: Axe
    violations: Found = field(default_factory=dict)
    sideways: Found = field(default_factory=dict)
    illegible: Found = field(default_factory=dict)
    small: Found = field(default_factory=dict)
    unseen_focus: Found = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)

    def over(
        self,
        somebody: Somebody,
        paths: Iterable[str],
        also: Mapping[str, Callable[[Page], None]],
    ) -> Self:
        """Look at each path, and at what `also` brings up on the first screen."""
        visit, person = self.visit, somebody.person
        browser.sign_in(visit.context, visit.origin, person.email, person.password)
        page = visit.tab("/")
        for path in paths:
            page.goto(visit.origin + path)
            self._look(page, path)
        for name, bring_up in also.items():
            page.goto(visit.origin)
            quiet(visit, page)
            bring_up(page)
            self._look(page, name)
        return self

    def _look(self, page: Page, place: str) -> None:
        quiet(self.visit, page)
        self.small[place] = page.evaluate(SMALL_TARGETS)
        self._look_with_axe(page, place)
        width, height = self.device.width, self.device.height
        for narrower in WIDTHS[width]:
            page.set_viewport_size({"width": narrower, "height": height})
            for direction in ("rtl", "ltr"):
                page.evaluate("to => { document.documentElement.dir = to }", direction)
                browser.next_frame(page)
                as_it_is = f"{place} {narrower} px {direction}"
                self.sideways[as_it_is] = overflowing(page)
                if narrower == width:
                    self.illegible[as_it_is] = illegible(page)
        page.set_viewport_size({"width": width, "height": height})
        self._tab_through(page, place)

    def _look_with_axe(self, page: Page, place: str) -> None:
        """Hold a screen against all rules in light, and in dark against those that may then differ.

        A theme changes nothing but colours. Where more differs, such as a time that is counted, the
        dark screen is held against all rules too.
        """
        page.emulate_media(color_scheme="light")
        browser.settle(page)  # axe reads colours as they are
        before = page.evaluate(ALL_BUT_COLOURS)
        self.violations[f"{place} light"] = self.axe(page)
        page.emulate_media(color_scheme="dark")
        browser.settle(page)
        same = page.evaluate(ALL_BUT_COLOURS) == before
        self.violations[f"{place} dark"] = self.axe(page, OF_COLOURS if same else ())

    def _tab_through(self, page: Page, place: str) -> None:
        page.evaluate(NOTE_TABS)
        led: list[str | None] = []
        for pressed in range(1, MOST_TABS + 1):
            page.keyboard.press("Tab")
            if pressed % TABS_AT_ONCE == 0:
                led = page.evaluate("window.ledByTab")
                if None in led:  # past the last one, or round to the first
                    break
        reached = list(takewhile(lambda at: at is not None, led))
        self.unseen_focus[place] = [at for at in reached if at]
        self.reached[place] = len(reached)


def wrong(found: Found) -> Found:
    return {place: each for place, each in found.items() if each}
