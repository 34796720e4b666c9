"""A member's first card on a slow phone, beside a bare page: `python -m bench.console`.

Chromium opens the feed with nothing in its cache, its processor slowed down four times, on a line
of 1.6 Mbit/s and 150 ms; in turns with it a bare page of one script, which makes the same API
calls in the same order and writes the first activity as text. Judged are the medians: the time
until the first card is painted, and how many times the bare page's that is. Ends with 1 if a goal
is missed.
"""

import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.measurements import Report
from local import browser, deploy, stack
from local.aws import Aws
from local.home import PROJECT, Home
from local.process_environment import isolate_environment
from local.stack import Person, RunningStack
from tests.e2e.people import Api, Witness

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

PAIRS = 7
CLIP = PROJECT / "tests" / "clips" / "demo.mp4"
BYTES_A_SECOND = 1_600_000 // 8
LINE = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": BYTES_A_SECOND,
    "uploadThroughput": BYTES_A_SECOND,
}
SLOWDOWN = 4
PATIENCE_MS = 60_000

# The goals.
MOST_MS, MOST_TIMES = 2_500, 1.5

# When the first card is painted, in milliseconds after the navigation began.
WATCH = """
new MutationObserver((_, watching) => {
  if (!document.querySelector("article")) return;
  watching.disconnect();
  requestAnimationFrame(() => setTimeout(() => console.debug("painted", performance.now())));
}).observe(document, { childList: true, subtree: true });
"""
BARE_PAGE = """<!doctype html><meta charset="utf-8"><meta name="viewport"
content="width=device-width"><title>Bare</title><script defer src="/bare.js"></script>"""
BARE_SCRIPT = """(async () => {
  const calls = CALLS;
  const json = { "Content-Type": "application/json", Accept: "application/json" };
  const renewed = await fetch(calls.shift(), { method: "POST", headers: json, body: "{}" });
  const headers = { ...json, Authorization: `Bearer ${(await renewed.json()).id_token}` };
  await Promise.all(calls.map(async (path) => {
    const answer = await (await fetch(path, { headers })).json();
    if (!path.includes("/feed")) return;
    const article = document.createElement("article");
    article.textContent = answer.items[0].instructions;
    document.body.append(article);
  }));
})();"""


@dataclass
class Phone:
    """A browser without a cache on a slow line, signed in by its cookie."""

    chromium: "Browser"
    url: str
    person: Person

    def opens(self, path: str, calls: list[str] | None = None) -> float:
        """Return the milliseconds until the first card is painted; record the API calls."""
        shape: dict[str, Any] = {"viewport": browser.PHONE, "is_mobile": True, "has_touch": True}
        context = self.chromium.new_context(**shape)
        try:
            browser.sign_in(context, self.url, self.person.email, self.person.password)
            context.add_init_script(WATCH)
            page = context.new_page()
            if calls is not None:
                _note_calls(page, f"{self.url}/v1/", calls)
            debugger = context.new_cdp_session(page)
            debugger.send("Network.enable")
            debugger.send("Network.emulateNetworkConditions", LINE)
            debugger.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
            with page.expect_console_message(_is_painted, timeout=PATIENCE_MS) as told:
                page.goto(self.url + path, wait_until="commit")
            return float(told.value.text.split()[1])
        finally:
            context.close()


def _is_painted(message: "ConsoleMessage") -> bool:
    return message.text.startswith("painted ")


def _note_calls(page: "Page", to: str, calls: list[str]) -> None:
    def asked(request: Any) -> None:
        if request.url.startswith(to):
            calls.append(request.url.removeprefix(to.removesuffix("/v1/")))

    page.on("request", asked)


def run(running: RunningStack) -> bool:
    url = str(running.console_url).rstrip("/")
    member, manager = running.first("member"), running.first("manager")
    manages = Api.of(running, Witness(), manager)
    manages.create(manages.upload(CLIP)["upload_id"])
    with browser.launched() as chromium:
        phone = Phone(chromium, url, member)
        calls: list[str] = []
        phone.opens("/", calls)
        _put_bare_page(running, calls)
        phone.opens("/bare.html")
        taken: dict[str, list[float]] = {"/": [], "/bare.html": []}
        for number in range(PAIRS):
            for path in list(taken) if number % 2 else reversed(taken):
                taken[path].append(phone.opens(path))
    return _report(taken, calls)


def _put_bare_page(running: RunningStack, calls: list[str]) -> None:
    """Upload the baseline page beside the console, which serves it with the same headers."""
    local = Aws(str(running.content["aws"]["endpoint_url"]))
    deployed = deploy.find_stack(local)
    outputs = deploy.outputs_of(deployed) if deployed else {}
    for name, kind, text in (
        ("bare.html", "text/html", BARE_PAGE),
        ("bare.js", "text/javascript", BARE_SCRIPT.replace("CALLS", json.dumps(calls))),
    ):
        bucket = outputs["ConsoleBucketName"]
        local.s3.put_object(Bucket=bucket, Key=name, Body=text.encode(), ContentType=kind)


def _report(taken: dict[str, list[float]], calls: list[str]) -> bool:
    report = Report()
    report.line(f"first card, {PAIRS} pairs", "console", "bare page")
    report.line("  milliseconds, median", *(f"{statistics.median(e):.0f}" for e in taken.values()))
    report.line("  from", *(f"{min(each):.0f}" for each in taken.values()))
    report.line("  to", *(f"{max(each):.0f}" for each in taken.values()))
    report.line("  calls of the API", len(calls), len(calls))
    console, bare = (statistics.median(each) for each in taken.values())
    report.goal("first card", round(console), MOST_MS, " ms")
    report.goal("times a bare page's", round(console / bare, 2), MOST_TIMES)
    return not report.missed


def main() -> int:
    isolate_environment()
    if browser.find() is None:
        print(f"{browser.MISSING} {browser.REMEDY}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as folder:
        home = Home(Path(folder))
        supervisor = stack.start_in_background(home, ("--throwaway",))
        try:
            running = stack.wait_until_ready(home, supervisor)
            return 0 if run(running) else 1
        finally:
            supervisor.stop()


if __name__ == "__main__":
    sys.exit(main())
