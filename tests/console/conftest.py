"""The console in a browser, as people have it: a deployed stack, real pages, nothing mocked.

`browser_page` opens a page and holds it to be clean in the end: no script broke, nothing was
refused by the content security policy. `sign_in` gets past the form; the form has its own test.
Where there is no Chromium these tests are left out, and `make test` says so; with
BROWSER_TESTS_REQUIRED they fail instead.
"""

import fcntl
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local import browser, console
from local import stack as stacks
from local.home import PROJECT, Home
from local.stack import Person, RunningStack
from tests.console.axe import Axe
from tests.console.members import People, open_people
from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Witness

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

FAILURES = PROJECT / ".local" / "console-failures"
AXE = PROJECT / console.SOURCES / "node_modules" / "axe-core" / "axe.min.js"
REFUSED_BY_POLICY = re.compile("Content Security Policy|Trusted Types|TrustedScript")
PATIENCE_MS = 15_000
LONGEST_FIRST = (
    *("test_repair", "test_manager_looks", "test_member_looks", "test_attacks"),
    *("test_member", "test_manager_publishing", "test_rewards", "test_privacy"),
)
"""Files that take longest, by measurement: begun last, one would run on beside idle processes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order files as `LONGEST_FIRST` does; a file's own tests stay as they are."""
    turns = {name: turn for turn, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: turns.get(item.path.stem, len(turns)))


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    if browser.find() is None:
        if os.environ.get(browser.REQUIRED):
            pytest.fail(f"{browser.MISSING} {browser.REMEDY}")
        pytest.skip(browser.MISSING)
    with browser.launched() as started:
        yield started


@pytest.fixture(scope="session")
def stack(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    chromium: "Browser",  # before a stack is made for nothing
) -> Iterator[RunningStack]:
    """A stack with the built console; `--stack-home DIR` takes, or leaves, a running one.

    Processes of one run share it: the first starts it, the last stops it.
    """
    chosen: Path | None = request.config.getoption("--stack-home")
    run = tmp_path_factory.getbasetemp()
    shared = run.parent if "PYTEST_XDIST_WORKER" in os.environ else run
    home = Home(chosen.resolve() if chosen else shared / "console-stack")
    home.root.mkdir(parents=True, exist_ok=True)
    users = home.root / "tests.txt"
    with locked(users) as others:
        running = stacks.find(home)
        if running is None:
            supervisor = stacks.start_in_background(home, () if chosen else ("--throwaway",))
            try:
                running = stacks.wait_until_ready(home, supervisor)
            except BaseException:
                supervisor.stop()
                raise
            supervisor.leave()
        users.write_text(str(others + 1), encoding="utf-8")
    try:
        assert running.console_url, "The console was not built: make console says why."
        yield running
    finally:
        with locked(users) as all_of_us:
            users.write_text(str(all_of_us - 1), encoding="utf-8")
            if all_of_us == 1 and not chosen:
                stacks.stop(home)


@contextmanager
def locked(users: Path) -> Iterator[int]:
    """Hold the file in which processes that share a stack are counted; yield how many there are."""
    with users.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield int(file.read() or 0)


@pytest.fixture(scope="session")
def deployed(stack: RunningStack) -> DeployedStack:
    return DeployedStack(stack)


@pytest.fixture(scope="session")
def witness() -> Witness:
    return Witness()


@pytest.fixture(scope="session")
def console_url(stack: RunningStack) -> str:
    return str(stack.console_url)


@pytest.fixture(scope="session")
def manager(stack: RunningStack) -> Person:
    return stack.first("manager")


@pytest.fixture(scope="session")
def member(stack: RunningStack) -> Person:
    return stack.first("member")


class Browsing:
    """Contexts and pages of one test, each a browser of its own; watched for what goes wrong."""

    def __init__(self, chromium: "Browser", console_url: str) -> None:
        self._chromium = chromium
        self.console_url = console_url
        self.contexts: list[BrowserContext] = []
        self.wrong: list[str] = []

    def context(self, *, phone: bool = False, **options: Any) -> "BrowserContext":
        """Open a browser with cookies of its own; a phone has a touch screen, too."""
        viewport = browser.PHONE if phone else browser.DESKTOP
        shape = {"viewport": viewport, "has_touch": phone, "is_mobile": phone, "locale": "en-GB"}
        options.setdefault("reduced_motion", "reduce")  # see Device.moving
        context = self._chromium.new_context(**{**shape, **options})
        context.set_default_timeout(PATIENCE_MS)
        context.on("weberror", lambda error: self.wrong.append(f"script: {error.error}"))
        context.on("console", self._hear)
        self.contexts.append(context)
        return context

    def page(
        self, path: str = "/", person: Person | None = None, *, phone: bool = False, **options: Any
    ) -> "Page":
        """Open a page of the console in a browser of its own, signed in as `person` if given."""
        context = self.context(phone=phone, **options)
        if person:
            browser.sign_in(context, self.console_url, person.email, person.password)
        page = context.new_page()
        page.goto(f"{self.console_url}{path}")
        return page

    def _hear(self, message: Any) -> None:
        if message.type == "error" and REFUSED_BY_POLICY.search(message.text):
            self.wrong.append(f"refused by policy: {message.text}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Remember on the test whether it failed, for the fixture that keeps pictures."""
    report: Any = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


FAILED = pytest.StashKey[bool]()


@pytest.fixture
def browsing(
    request: pytest.FixtureRequest, chromium: "Browser", console_url: str
) -> Iterator[Browsing]:
    """Browsers for a test. What they show when it fails is kept in `.local/console-failures`."""
    found = Browsing(chromium, console_url)
    yield found
    failed = request.node.stash.get(FAILED, False)
    for number, page in enumerate(page for each in found.contexts for page in each.pages):
        if failed:
            FAILURES.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=FAILURES / f"{request.node.name}-{number}.png", full_page=True)
    for context in found.contexts:
        context.close()
    assert found.wrong == []


@pytest.fixture(scope="session")
def violations() -> Axe:
    """Look at a page with axe: what WCAG 2.2 AA finds wrong on it, in words."""
    return Axe(AXE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def people(
    deployed: DeployedStack, witness: Witness, chromium: "Browser", clips: Path
) -> Iterator[People]:
    """A program of the module's own, with as many members as are asked for."""
    with open_people(deployed, witness, chromium, clips / "demo.mp4") as opened:
        yield opened
