"""The browser that tests and screenshots drive: this machine's Chromium, through Playwright."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.failure import Failure

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

SETTING = "CHROMIUM"
"""Where Chromium is, if not under one of the usual names on PATH."""

REQUIRED = "BROWSER_TESTS_REQUIRED"
"""Set where a run without a browser shall fail instead of leaving its tests out."""

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WITHOUT_WINDOWS = ("chromium-headless-shell",)
"""The same Chromium built without windows, in a package of its own.

Measured: a visit to the console takes it two thirds of the processor time. It has no settings of a
profile.
"""
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
MISSING = "There is no Chromium here: nothing was tried in a browser."
REMEDY = f"Install it (apt-get install chromium), or name one with {SETTING}=path."


def find(
    environment: Mapping[str, str] = os.environ, names: tuple[str, ...] = WITHOUT_WINDOWS + NAMES
) -> Path | None:
    """Return the path of this machine's Chromium, or None."""
    if named := environment.get(SETTING):
        return Path(named)
    found = next(filter(None, map(shutil.which, names)), None)
    return Path(found) if found else None


# For what is typed into its address bar Chromium opens a hidden page with each page: measured, a
# third of the processor time that a visit to the console takes. Nobody types here.
ADDRESS_BAR = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup")
# Of two lists Chromium takes the last one, so this repeats what Playwright 1.65 switches off.
SWITCHED_OFF = (
    *ADDRESS_BAR,
    *("AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *("AimEnabled", "DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable"),
    *("HttpsUpgrades", "LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying"),
    *("OptimizationHints", "PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning"),
)


@contextmanager
def launched() -> Iterator["Browser"]:
    """Yield a started Chromium without a window. Raises `Failure` where there is none."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  only browsers' users load it

    options = _options()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options)
        try:
            yield browser
        finally:
            browser.close()


def _options(names: tuple[str, ...] = WITHOUT_WINDOWS + NAMES) -> dict[str, Any]:
    executable = find(names=names)
    if executable is None:
        raise Failure(MISSING, REMEDY)
    # Chromium's own sandbox needs a user that is not root, and containers have little /dev/shm.
    arguments = [
        "--disable-dev-shm-usage",
        f"--disable-features={','.join(SWITCHED_OFF)}",
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
    ]
    return {"executable_path": str(executable), "args": arguments}


@contextmanager
def with_windows(browser: "Browser") -> Iterator["Browser"]:
    """Yield another browser of this kind, the whole Chromium, if it is here.

    Built without windows it shows no notifications, and denies pages the permission for them.
    """
    started = browser.browser_type.launch(**_options(NAMES + WITHOUT_WINDOWS))
    try:
        yield started
    finally:
        started.close()


@contextmanager
def with_settings(
    browser: "Browser", folder: Path, settings: Mapping[str, Any], **shape: Any
) -> Iterator["BrowserContext"]:
    """Yield another browser of this kind, with a profile in `folder` that has these settings."""
    profile = folder / "Default" / "Preferences"
    profile.parent.mkdir(parents=True)
    profile.write_text(json.dumps(settings), encoding="utf-8")
    options = _options(NAMES + WITHOUT_WINDOWS)
    context = browser.browser_type.launch_persistent_context(folder, **options, **shape)
    try:
        yield context
    finally:
        context.close()


def sign_in(context: "BrowserContext", console_url: str, email: str, password: str) -> None:
    """Sign a browser in past the form: its cookies alone, which the console renews from."""
    answer = context.request.post(
        f"{console_url}/v1/session",
        data={"email": email, "password": password},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    if not answer.ok:
        raise Failure(f"{email} could not sign in: {answer.status}.", "Look at the stack's logs.")


def next_frame(page: "Page") -> None:
    """Wait until the page has been laid out anew."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def settle(page: "Page") -> None:
    """Wait until what moves into its place is there; what moves for ever is not waited for."""
    page.evaluate(
        "Promise.allSettled(document.getAnimations()"
        ".filter(each => each.effect.getComputedTiming().iterations < Infinity)"
        ".map(each => each.finished)).then(() => null)"
    )
