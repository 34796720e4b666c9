"""Looks at pages with axe, which finds what breaks WCAG 2.2 AA."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.sync_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
OF_COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of these tags that look at colours; all others look at elements, texts and sizes."""

# Of what axe tells, only what is wrong leaves the page: the rest is a hundred times as much.
_RUN = """options => axe.run(document, { ...options, resultTypes: ["violations"] })
  .then(({ violations }) => violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ html }) => `${id} (${impact}): ${html.slice(0, 200)}`)))"""


@dataclass(frozen=True)
class Axe:
    source: str

    def __call__(self, page: Page, rules: Sequence[str] = ()) -> list[str]:
        """Return what is wrong on a page, by all rules or only by some."""
        if not page.evaluate("'axe' in window"):
            # Evaluated by the browser's debugger: a script element would be refused by policy.
            page.evaluate(self.source)
        only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
        found: list[str] = page.evaluate(_RUN, {"runOnly": only})
        return found

    def of_colours(self, page: Page) -> set[str]:
        """Return the rules of these tags that axe itself says to be of colours."""
        page.evaluate(self.source)
        rules: list[dict[str, list[str]]] = page.evaluate(f"axe.getRules({json.dumps(TAGS)})")
        return {str(each["ruleId"]) for each in rules if "cat.color" in each["tags"]}
