"""Videos that are repaired in the manager's browser: whatever it makes, the server finds valid.

A file is chosen, refused, repaired and sent as a manager does it; the verdict is the stack's own.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.console import repairable
from tests.console.managers import NEW, READY_MS, add_video, is_ready, manage
from tests.console.members import DESKTOP, People
from tests.console.test_manager_publishing import uploads_begun

WORK_MS = 180_000
FIX = "Fix it for me"
TEXT = b"\0\0\0\x14ftypqt  " + b"these are words, no pictures " * 400
WITHOUT_WEBCODECS = "for (const name of ['Video', 'Audio']) {" + (
    " delete globalThis[`${name}Encoder`]; delete globalThis[`${name}Decoder`]; }"
)


@pytest.fixture
def page(people: People) -> Iterator[Page]:
    with people.visit(DESKTOP) as visit:
        yield manage(people, visit, NEW)


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name=FIX)


def take(page: Page) -> None:
    panel(page).get_by_role("button", name=FIX).click(timeout=READY_MS)


def repaired(page: Page) -> None:
    """Takes the repair as it is proposed, and waits for the server's verdict on it."""
    take(page)
    start = panel(page).get_by_role("button", name="Start", exact=True)
    note = page.get_by_text("Repaired in this browser from")
    expect(start.or_(note)).to_be_visible(timeout=WORK_MS)
    if start.is_visible():
        start.click()
    expect(note).to_be_visible(timeout=WORK_MS)
    is_ready(page)


def refused_by_the_server(page: Page) -> None:
    expect(page.get_by_role("main").get_by_text("The video was refused")).to_be_visible(
        timeout=READY_MS
    )


SEEN_HERE = ("quicktime.mov", "matroska.mkv", "h264.mkv", "seventy_seconds.mp4")
SEEN_BY_THE_SERVER = ("fifteen_fps.mp4", "too_fast.mp4", "av1.mp4", "transport_stream.ts")


@pytest.mark.parametrize("clip", SEEN_HERE + SEEN_BY_THE_SERVER)
def test_a_repaired_clip_is_valid(page: Page, clips: Path, clip: str) -> None:
    add_video(page, clips / clip)
    repaired(page)


@pytest.mark.parametrize("kind", repairable.REPAIRED)
def test_a_repaired_file_is_valid(page: Page, tmp_path: Path, kind: str) -> None:
    if not repairable.has_ffmpeg():
        pytest.skip(repairable.MISSING)
    add_video(page, repairable.REPAIRED[kind](tmp_path))
    repaired(page)


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        ("small_480p.mp4", "Enlarging it would only blur it"),
        ("too_wide.mp4", "The picture is so narrow"),
        ("two_seconds.mp4", "It is too short"),
        ("mpeg4_part2.mp4", "This browser cannot read the format of the picture"),
        ("picture.png", "There is no video in this file"),
    ],
)
def test_an_unrepairable_file_shows_the_reason(
    page: Page, clips: Path, clip: str, words: str
) -> None:
    add_video(page, clips / clip)
    offer = panel(page).get_by_role("button", name=FIX)
    said = panel(page).get_by_text(words)
    expect(offer.or_(said).first).to_be_visible(timeout=READY_MS)
    if offer.is_visible():
        offer.click()
    expect(said).to_be_visible()
    expect(panel(page).get_by_role("button", name="Start")).to_have_count(0)


def test_prores_is_said_to_be_unreadable(page: Page, tmp_path: Path) -> None:
    if not repairable.has_ffmpeg():
        pytest.skip(repairable.MISSING)
    add_video(page, repairable.prores(tmp_path))
    take(page)
    expect(panel(page)).to_contain_text("cannot read the format of the picture")


def test_a_browser_that_cannot_encode_says_so_before_it_tries(people: People, clips: Path) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        page.evaluate(WITHOUT_WEBCODECS)
        add_video(page, clips / "fifteen_fps.mp4")
        expect(panel(page)).to_contain_text("cannot encode videos", timeout=READY_MS)
        expect(panel(page).get_by_role("button", name=FIX)).to_have_count(0)
        # Another container takes no encoding.
        page.locator("main input[type=file]").first.set_input_files(clips / "quicktime.mov")
        repaired(page)


def test_the_part_is_chosen_with_the_keyboard_and_the_original_taken_again(
    page: Page, clips: Path
) -> None:
    begun = uploads_begun(page)
    add_video(page, clips / "seventy_seconds.mp4")
    take(page)
    start = panel(page).get_by_role("slider", name="Start")
    end = panel(page).get_by_role("slider", name="End")
    expect(start).to_have_attribute("aria-valuetext", "0:00.0")
    expect(end).to_have_attribute("aria-valuetext", "1:00.0")
    start.press("End")
    expect(start).to_have_attribute("aria-valuetext", "1:07.0")
    expect(end).to_have_attribute("aria-valuetext", "1:10.0")
    end.press("ArrowLeft")
    expect(start).to_have_attribute("aria-valuetext", "1:06.9")
    end.press("Home")
    expect(end).to_have_attribute("aria-valuetext", "0:03.0")
    end.press("PageUp")
    # The preview shows where the handle is that was moved last.
    preview = panel(page).locator("video")
    expect(preview).to_be_visible()
    shown = "([video, at]) => Math.abs(video.currentTime - at) < 0.3"
    at = float(end.input_value())
    page.wait_for_function(shown, arg=[preview.element_handle(), at])
    assert begun == []
    panel(page).get_by_role("button", name="Start", exact=True).click()
    is_ready(page)
    page.get_by_role("button", name="Take the original again").click()
    expect(page.get_by_role("alert").filter(has_text="1:10 long")).to_be_visible()
    expect(panel(page).get_by_role("button", name=FIX)).to_be_visible()


def test_a_repair_that_is_cancelled_or_left_sends_nothing_and_can_begin_again(
    page: Page, clips: Path, tmp_path: Path
) -> None:
    if not repairable.has_ffmpeg():
        pytest.skip(repairable.MISSING)
    begun = uploads_begun(page)
    add_video(page, repairable.ninety_megabytes(tmp_path))
    take(page)
    panel(page).get_by_role("button", name="Start", exact=True).click()
    panel(page).get_by_role("button", name="Cancel").click()
    expect(panel(page)).to_contain_text("You cancelled it")
    panel(page).get_by_role("button", name="Try again").click()
    panel(page).get_by_role("button", name="Start", exact=True).click()
    progress = panel(page).get_by_role("progressbar")
    expect(progress).to_be_visible()
    expect(panel(page)).to_contain_text(
        re.compile(r"\d+ (seconds?|minutes?) left"), timeout=WORK_MS
    )
    # Another file in the middle of it: that one counts.
    page.locator("main input[type=file]").first.set_input_files(clips / "seventy_seconds.mp4")
    expect(page.get_by_role("alert").filter(has_text="1:10 long")).to_be_visible()
    assert begun == []
    repaired(page)
    expect(page.get_by_text(re.compile("seventy_seconds.mp4")).first).to_be_visible()
    assert len(begun) == 1


def test_a_repaired_file_that_the_server_refuses_says_why_and_leaves_the_original(
    people: People, clips: Path
) -> None:
    """As if the server saw what this browser did not."""

    def refused(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        if body.get("status") == "valid":
            problem = {"code": "does_not_play", "actual": None, "limit": None}
            told = {**problem, "field": "file", "message": "The video does not play."}
            body |= {"status": "rejected", "video": None, "problems": [told]}
        route.fulfill(response=answer, json=body)

    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit, NEW)
        page.route(re.compile(r"/v1/uploads/upl_[^/]+$"), refused)
        add_video(page, clips / "quicktime.mov")
        take(page)
        refused_by_the_server(page)
        expect(panel(page)).to_contain_text("cannot be fixed here")
        expect(panel(page).get_by_role("button", name=FIX)).to_have_count(0)
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page).to_have_url(re.compile(f"{NEW}$"))
        page.get_by_role("button", name="Take the original again").click()
        expect(
            page.get_by_role("alert").filter(has_text="videos here are MP4 or WebM")
        ).to_be_visible()
        expect(panel(page).get_by_role("button", name=FIX)).to_be_visible()


BROKEN = {
    "an index that never came": ("quicktime.mov", 0.02, "damaged"),
    "half of its pictures": ("quicktime.mov", 0.5, "damaged"),
    "words under the first bytes of a film": ("text.mov", 1.0, "damaged"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_cut_off_or_no_video_is_not_repaired(
    page: Page, clips: Path, tmp_path: Path, case: str
) -> None:
    name, share, words = BROKEN[case]
    content = TEXT if name == "text.mov" else (clips / name).read_bytes()
    file = tmp_path / "IMG_0001.mov"
    file.write_bytes(content[: round(len(content) * share)])
    add_video(page, file)
    take(page)
    expect(panel(page).get_by_role("alert")).to_contain_text(words, timeout=WORK_MS)
    expect(page.get_by_text("Repaired in this browser from")).to_have_count(0)


def test_an_empty_file_is_offered_nothing(page: Page, tmp_path: Path) -> None:
    (tmp_path / "empty.mov").touch()
    add_video(page, tmp_path / "empty.mov")
    expect(page.get_by_role("alert").filter(has_text="This file is empty")).to_be_visible()
    expect(page.get_by_role("button", name=FIX)).to_have_count(0)
