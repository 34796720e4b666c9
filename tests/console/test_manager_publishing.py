"""Publishing, from a dropped file to a member's feed, and all that may come between."""

import json
import re
from functools import partial
from pathlib import Path

from playwright.sync_api import Page, Request, Route, expect

from tests.console.managers import NEW, READY_MS, add_video, drop, is_ready, manage, menu, padded
from tests.console.members import DESKTOP, PHONE, People, connected

MEGABYTE = 1_048_576
LINE = {"offline": False, "latency": 20, "downloadThroughput": -1, "uploadThroughput": -1}
WATCH = """words => {
  window.seen = false
  new MutationObserver(() => {
    window.seen ||= document.querySelector("main").textContent.includes(words)
  }).observe(document.body, { childList: true, subtree: true })
}"""
"""Notes whether a page says these words from now on, be it for a moment."""
FULL = "() => { throw new DOMException('', 'QuotaExceededError') }"


def uploads_begun(page: Page) -> list[str]:
    """Watches a page: what it asks the API for uploads."""
    begun: list[str] = []

    def asked(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/v1/uploads"):
            begun.append(request.url)

    page.on("request", asked)
    return begun


def publish(page: Page) -> None:
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page).to_have_url(re.compile(r"/manage/activities/act_"), timeout=READY_MS)


def made(page: Page) -> str:
    return page.url.rpartition("/")[2].partition("?")[0]


def test_the_published_activity_stays_visible_until_the_next_screen_is_loaded(
    people: People, clips: Path
) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        page.get_by_label("Instructions").fill("Still here")
        page.evaluate(WATCH, "Add a video first.")
        publish(page)
        expect(page.get_by_role("heading", name="Still here").first).to_be_visible()
        assert not page.evaluate("window.seen")
        page.goto(f"{visit.origin}{NEW}")
        expect(page.get_by_role("button", name="Add your video")).to_be_visible()
        expect(page.get_by_label("Instructions")).not_to_have_value("Still here")


def test_a_video_of_40_mb_dropped_anywhere_is_published_while_it_is_checked(
    people: People, clips: Path, tmp_path: Path
) -> None:
    video = padded(clips / "demo.mp4", 40 * MEGABYTE, tmp_path)
    member = people.member()
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        drop(page, video)
        expect(page.get_by_text("large.mp4")).to_be_visible()
        drop(page, clips / "demo.webm")
        dialog = page.get_by_role("dialog", name="Choose another video")
        expect(dialog).to_contain_text("demo.webm")
        dialog.get_by_role("button", name="Cancel").click()
        page.get_by_label("Instructions").fill("Drop, write, done")
        page.get_by_label("Points", exact=True).fill("35")
        page.get_by_label("Caption", exact=False).first.fill("What a day")
        page.get_by_label("Hashtags").fill("coffee #NewJob")
        preview = page.get_by_role("region", name="What members see")
        expect(preview).to_contain_text("Drop, write, done")
        expect(preview).to_contain_text("What a day")
        expect(preview).to_contain_text("#coffee #NewJob")
        expect(preview).to_contain_text("+35")
        publish(page)
        expect(page.get_by_text("Live", exact=True).first).to_be_visible(timeout=READY_MS)
        activity = people.manager.get(f"/activities/{made(page)}").body
    assert activity["points"] == 35
    assert activity["captions"] == ["What a day"]
    assert activity["hashtags"] == ["#coffee", "#NewJob"]
    assert activity["video"]["size_bytes"] == 40 * MEGABYTE
    with people.visit(PHONE) as visit:
        page = member.signed_in(visit)
        expect(page.get_by_role("article").filter(has_text="Drop, write, done")).to_be_visible()


def test_a_mov_is_refused_before_a_byte_is_sent_and_told_how_to_become_an_mp4(
    people: People, clips: Path
) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        begun = uploads_begun(page)
        add_video(page, clips / "quicktime.mov")
        problem = page.get_by_role("alert").filter(has_text="This is a MOV video")
        expect(problem).to_contain_text("How to get an MP4 from it today")
        expect(problem).to_contain_text("HandBrake")
        assert begun == []


def test_all_that_this_browser_can_tell_is_told_at_once(people: People, clips: Path) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        begun = uploads_begun(page)
        add_video(page, clips / "seventy_seconds.mp4")
        expect(
            page.get_by_role("alert").filter(has_text="1:10 long; it may last up to 1:00")
        ).to_be_visible()
        page.locator("main input[type=file]").first.set_input_files(clips / "small_480p.mp4")
        expect(
            page.get_by_role("alert").filter(has_text="it must have at least 540")
        ).to_be_visible()
        assert begun == []


def test_problems_that_only_the_server_finds_are_shown_in_words(
    people: People, tmp_path: Path
) -> None:
    """A file without an extension, whose content this browser knows nothing about."""
    strange = tmp_path / "holiday"
    strange.write_bytes(b"these are words, no pictures " * 400)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        add_video(page, strange)
        refused = page.get_by_role("alert").filter(has_text="This is not a readable video")
        expect(refused).to_be_visible(timeout=READY_MS)
        expect(page.get_by_role("main").get_by_text("The video was refused")).to_be_visible()


def test_files_of_nothing_of_another_kind_and_of_3_gb_are_refused_here(
    people: People, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    picture = tmp_path / "picture.mp4"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2_000))
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        begun = uploads_begun(page)
        add_video(page, empty)
        expect(page.get_by_role("alert").filter(has_text="This file is empty")).to_be_visible()
        page.locator("main input[type=file]").first.set_input_files(picture)
        no_video = page.get_by_role("alert").filter(has_text="This is not a readable video")
        expect(no_video).to_be_visible()
        page.evaluate(
            """() => {
              const piece = new Blob([new Uint8Array(64 * 1024 * 1024)]);
              const file = new File(Array(48).fill(piece), "film.mp4", { type: "video/mp4" });
              const transfer = new DataTransfer();
              transfer.items.add(file);
              const how = { bubbles: true, cancelable: true, dataTransfer: transfer };
              const event = new DragEvent("drop", how);
              document.body.dispatchEvent(event);
            }"""
        )
        too_large = page.get_by_role("alert").filter(has_text="videos here can be up to 50 MB")
        expect(too_large).to_contain_text("3,072 MB")
        assert begun == []


def test_a_draft_survives_a_reload_with_its_video(people: People, clips: Path) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        page.get_by_label("Instructions").fill("Not done yet")
        page.get_by_role("button", name="Add another caption").click()
        page.get_by_role("textbox", name="Caption 2").fill("Second")
        expect(page.get_by_text("Your draft is kept in this browser.")).to_be_visible()
        begun = uploads_begun(page)
        page.reload()
        expect(page.get_by_label("Instructions")).to_have_value("Not done yet")
        expect(page.get_by_role("textbox", name="Caption 2")).to_have_value("Second")
        is_ready(page)
        assert begun == []
        second = visit.tab(NEW)
        is_ready(second)
        publish(page)
        expect(second).to_have_url(page.url)  # nor is it published from there once more


def test_leaving_asks_first_by_link_and_by_back_and_the_draft_can_be_thrown_away(
    people: People,
) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/activities")
        page.get_by_role("link", name="New activity").first.click()
        page.get_by_label("Instructions").fill("Half a thought")
        page.get_by_role("link", name="Members").click()
        dialog = page.get_by_role("dialog", name="Leave without publishing?")
        dialog.get_by_role("button", name="Stay here").click()
        expect(page.get_by_label("Instructions")).to_have_value("Half a thought")
        page.go_back()
        dialog.get_by_role("button", name="Leave, keep it").click()
        expect(page.get_by_role("heading", name="Activities", exact=True)).to_be_visible()
        page.get_by_role("link", name="New activity").first.click()
        expect(page.get_by_label("Instructions")).to_have_value("Half a thought")
        page.get_by_role("link", name="Members").click()
        dialog.get_by_role("button", name="Discard it").click()
        page.goto(visit.origin + NEW)
        expect(page.get_by_label("Instructions")).to_have_value("Share this video on TikTok")


# In one task of the page, as a fast hand on a slow machine: nothing of the page runs in between.
TYPE_AND_GO_BACK = """() => {
  const field = document.querySelector("main textarea");
  const { set } = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value");
  set.call(field, "Typed in haste");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  history.back();
}"""
STAY_AND_GO_BACK = """() => {
  const buttons = [...document.querySelectorAll("dialog button")];
  buttons.find((each) => each.textContent === "Stay here").click();
  history.back();
}"""


def test_back_pressed_at_once_after_typing_or_after_staying_asks_all_the_same(
    people: People,
) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/activities")
        page.get_by_role("link", name="New activity").first.click()
        expect(page.get_by_label("Instructions")).to_be_visible()
        dialog = page.get_by_role("dialog", name="Leave without publishing?")
        page.evaluate(TYPE_AND_GO_BACK)
        for _ in range(5):
            expect(dialog).to_be_visible()
            page.evaluate(STAY_AND_GO_BACK)
        expect(dialog).to_be_visible()
        page.wait_for_timeout(300)  # for what the browser reports late
        expect(dialog).to_be_visible()
        expect(page.get_by_label("Instructions")).to_have_value("Typed in haste")
        dialog.get_by_role("button", name="Discard it").click()


def test_without_room_in_the_browsers_storage_it_says_so_and_publishes_all_the_same(
    people: People, clips: Path
) -> None:
    with people.visit(DESKTOP) as visit:
        visit.context.add_init_script(
            f"Storage.prototype.setItem = IDBObjectStore.prototype.put = {FULL}"
        )
        page = manage(people, visit, NEW)
        page.get_by_label("Instructions").fill("Nowhere to keep this")
        expect(page.get_by_text("This browser cannot keep a draft")).to_be_visible()
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        publish(page)


def test_an_upload_that_stalls_says_so_and_begins_again_with_a_fresh_form(
    people: People, clips: Path
) -> None:
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit, NEW)
        begun = uploads_begun(page)
        to_storage = f"{visit.storage}/**"
        page.route(to_storage, lambda _route: None)  # taken, and never let go on
        add_video(page, clips / "demo.mp4")
        expect(page.get_by_text("Nothing has moved for a while.")).to_be_visible(timeout=READY_MS)
        page.get_by_role("button", name="Cancel the upload").click()
        page.unroute(to_storage)
        stopped = page.get_by_role("alert").filter(has_text="so it starts again with a fresh form")
        stopped.get_by_role("button", name="Send it again").click()
        is_ready(page)
        assert len(begun) == 2


def test_offline_in_the_middle_of_an_upload_it_waits_for_a_press_and_then_goes_through(
    people: People, clips: Path
) -> None:
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit, NEW)
        to_storage = f"{visit.storage}/**"
        under_way: list[Route] = []
        # Playwright sets an attribute on the handler, which a bound method of a list refuses.
        page.route(to_storage, lambda route: under_way.append(route))  # noqa: PLW0108  Playwright marks it
        with page.expect_request(to_storage):
            add_video(page, clips / "demo.mp4")
        expect(page.get_by_role("button", name="Cancel the upload")).to_be_visible()
        visit.context.set_offline(True)
        # Chromium lets what is under way go on when a page is put offline: it is broken off here.
        under_way[0].abort("internetdisconnected")
        stopped = page.get_by_role("alert").filter(has_text="You went offline in the middle of it")
        stopped.get_by_role("button", name="Send it again").click()
        still = page.get_by_role("alert").filter(has_text="You are offline. Everything")
        expect(still).to_be_visible()
        page.unroute(to_storage)
        visit.context.set_offline(False)
        still.get_by_role("button", name="Send it again").click()
        is_ready(page)


def test_an_upload_tells_speed_and_time_left_and_can_be_cancelled(
    people: People, clips: Path, tmp_path: Path
) -> None:
    video = padded(clips / "demo.mp4", 20 * MEGABYTE, tmp_path)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        line = visit.context.new_cdp_session(page)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", {**LINE, "uploadThroughput": MEGABYTE})
        add_video(page, video)
        expect(page.get_by_text("a second", exact=False)).to_be_visible(timeout=READY_MS)
        expect(page.get_by_text(re.compile(r"seconds? left"))).to_be_visible(timeout=READY_MS)
        page.get_by_role("button", name="Cancel the upload").click()
        expect(page.get_by_text("You cancelled the upload.")).to_be_visible()


def test_a_form_that_the_storage_refuses_is_told_in_words_and_a_fresh_one_helps(
    people: People, clips: Path
) -> None:
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit, NEW)
        spoilt: list[str] = []

        def spoil(route: Route) -> None:
            if spoilt:
                return route.continue_()
            answer = route.fetch()
            content = answer.json()
            signature = next(
                name for name in content["form"]["fields"] if "signature" in name.lower()
            )
            content["form"]["fields"][signature] = "0" * 64
            spoilt.append(signature)
            return route.fulfill(response=answer, body=json.dumps(content))

        page.route("**/v1/uploads", spoil)
        add_video(page, clips / "demo.mp4")
        stopped = page.get_by_role("alert").filter(has_text="starts again with a fresh form")
        expect(stopped).to_be_visible(timeout=READY_MS)
        stopped.get_by_role("button", name="Send it again").click()
        is_ready(page)
        assert spoilt


def test_a_session_that_ends_while_typing_loses_nothing(people: People, clips: Path) -> None:
    somebody = people.managing()
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = somebody.signed_in(visit, NEW)
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        page.get_by_label("Instructions").fill("Typed before it ended")
        visit.context.clear_cookies()
        page.route(
            "**/v1/activities",
            lambda route: route.fulfill(
                status=401, json={"code": "unauthenticated", "status": 401}
            ),
            times=1,
        )
        page.get_by_role("button", name="Publish", exact=True).click()
        again = page.get_by_role("dialog", name="Sign in again")
        expect(again).to_be_visible()
        again.get_by_label("Password", exact=True).fill(somebody.person.password)
        again.get_by_role("button", name="Sign in", exact=True).click()
        expect(page).to_have_url(re.compile(r"/manage/activities/act_"), timeout=READY_MS)
        activity = people.manager.get(f"/activities/{made(page)}").body
    assert activity["instructions"] == "Typed before it ended"


BAD_ANSWERS: tuple[tuple[int | None, object, str], ...] = (
    (403, {"code": "manager_only", "status": 403}, "Only managers may do that."),
    (409, {"code": "of_tomorrow", "detail": "Words of the server."}, "Words of the server."),
    (429, {"code": "too_many_requests", "status": 429}, "Too many requests at once."),
    (503, None, "Greenroom is not available right now."),
    (200, "<html>a proxy</html>", "The answer could not be read."),
    (None, None, "Greenroom did not answer."),
)


def test_a_bad_answer_to_publishing_is_told_with_its_reference_and_loses_nothing(
    people: People, clips: Path
) -> None:
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit, NEW)
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        page.get_by_label("Instructions").fill("Keep me")
        for status, body, words in BAD_ANSWERS:
            page.route("**/v1/activities", partial(answered, status, body))
            page.get_by_role("button", name="Publish", exact=True).click()
            told = page.get_by_role("alert").filter(has_text=words)
            expect(told).to_be_visible()
            if status is not None:
                reference = f"Reference: ref-{status}"
                expect(told.get_by_role("button", name=reference)).to_be_visible()
            expect(page.get_by_label("Instructions")).to_have_value("Keep me")
            page.unroute("**/v1/activities")
        publish(page)


def answered(status: int | None, body: object, route: Route) -> None:
    """Answer what is posted in the API's place; with no status, not at all."""
    if route.request.method != "POST":
        route.continue_()
    elif status is None:
        route.abort()
    else:
        text = body if isinstance(body, str) else json.dumps(body)
        headers = {
            "X-Correlation-Id": f"ref-{status}",
            "Content-Type": "application/problem+json",
        }
        route.fulfill(status=status, body=text, headers=headers)


def test_a_time_that_exists_twice_or_never_is_asked_about_and_meant_exactly(
    people: People, clips: Path
) -> None:
    """The program is in Berlin; the clocks go back on 31 Oct 2027, forward on 28 Mar 2027."""
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        expect(page.get_by_text("Times are in your own zone, Berlin")).to_be_visible()
        page.get_by_label("Starts").fill("2027-03-28T02:30")
        expect(page.get_by_text("so this time does not exist")).to_be_visible()
        page.get_by_label("Starts").fill("2027-10-31T02:30")
        expect(page.get_by_text("so this time happens twice")).to_be_visible()
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_text("This time happens twice that day.")).to_be_visible()
        page.get_by_label("The second (UTC+01:00)").check()
        publish(page)
        activity = people.manager.get(f"/activities/{made(page)}").body
    assert activity["starts_at"] == "2027-10-31T01:30:00Z"


def test_long_instructions_and_thirty_channels_are_counted_and_told(people: People) -> None:
    for number in range(30):
        named = {"name": f"Team {number:02} عربي", "kind": "private"}
        assert people.manager.post("/channels", named).status == 201
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        page.get_by_label("Instructions").fill("x" * 4000)
        for number in range(21):
            page.get_by_label(f"Team {number:02} عربي").check()
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_text("At most 2,000 characters: 2,000 too many.")).to_be_visible()
        expect(page.get_by_text("At most 20 channels: 1 too many.")).to_be_visible()
        expect(page.get_by_label("Instructions")).to_be_focused()
        page.get_by_label("Find a channel").fill("Team 29")
        expect(page.locator("label", has_text="Team 2")).to_have_count(1)


UNKNOWN = {"code": "of_tomorrow", "detail": "No channels today."}


def test_the_audience_is_shown_in_words_and_never_guessed(people: People) -> None:
    for name, kind in (("Open air", "public"), ("Inner circle", "private")):
        assert people.manager.post("/channels", {"name": name, "kind": kind}).status == 201
    with people.visit(DESKTOP, intercepting=True) as visit:
        page = manage(people, visit, NEW)
        expect(page.get_by_text(re.compile("^Everybody in .* will see it"))).to_be_visible()
        page.get_by_label("Inner circle").check()
        expect(
            page.get_by_text("Only members of Inner circle, chosen by managers, will see it")
        ).to_be_visible()
        page.get_by_label("Open air").check()
        both = page.get_by_text("Any member may join the public ones")
        expect(both).to_be_visible()
        expect(page.get_by_text("Your draft is kept in this browser.")).to_be_visible()
        page.route("**/v1/channels?**", lambda route: route.fulfill(status=409, json=UNKNOWN))
        page.reload()
        told = page.get_by_role("alert").filter(has_text=UNKNOWN["detail"])
        expect(told).to_be_visible()
        expect(page.get_by_text("will see it")).to_have_count(0)  # not "Everybody", above all
        page.unroute("**/v1/channels?**")
        told.get_by_role("button", name="Try again").click()
        expect(both).to_be_visible()


def test_two_managers_at_once_are_shown_both_versions(people: People, clips: Path) -> None:
    upload = people.manager.upload(clips / "demo.mp4")
    activity = people.manager.create(upload["upload_id"], instructions="As it was", points=5)
    path = f"/activities/{activity['activity_id']}"
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage{path}")
        page.get_by_label("Instructions").fill("My words")
        page.get_by_label("Hashtags").fill("#mine")
        version = people.manager.get(path).body["version"]
        theirs = {"version": version, "instructions": "Their words", "points": 8}
        assert people.manager.patch(path, theirs).status == 200
        page.reload()  # what is taken up again is still held against what it was typed over
        expect(page.get_by_label("Instructions")).to_have_value("My words")
        page.get_by_role("button", name="Save", exact=True).click()
        dialog = page.get_by_role("dialog", name="Somebody else changed this")
        expect(dialog).to_contain_text("My words")
        expect(dialog).to_contain_text("Their words")
        dialog.get_by_label("Theirs").check()
        dialog.get_by_role("button", name="Save it like this").click()
        expect(page.get_by_text("Saved", exact=True)).to_be_visible()
        drop(page, clips / "demo.webm")
        expect(page.get_by_role("main").get_by_text("demo.webm")).to_be_visible()
        now = people.manager.get(path).body
    assert (now["instructions"], now["points"], now["hashtags"]) == ("Their words", 8, ["#mine"])


def test_an_activity_is_held_back_tried_on_oneself_and_then_published(
    people: People, clips: Path
) -> None:
    member, manager = people.member(), connected(people.managing())
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, NEW)
        add_video(page, clips / "demo.mp4")
        is_ready(page)
        page.get_by_label("Instructions").fill("Tried before it is seen")
        page.get_by_role("button", name="Hold back and try it first").click()
        expect(page.get_by_text("Nobody but you sees this yet.")).to_be_visible(timeout=READY_MS)
        feed = member.api.get("/feed").body["items"]
        assert "Tried before it is seen" not in [each["instructions"] for each in feed]
        page.get_by_role("button", name="Try it on me").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("This stages the video in your own TikTok inbox")
        dialog.get_by_role("button", name="Try it on me").click()
        arrived = page.get_by_role("heading", name="In your TikTok inbox")
        expect(arrived).to_be_visible(timeout=READY_MS)
        tried = manager.performances()[0]
        assert (tried["status"], tried["try"], tried["points"]) == ("staged", True, 0)
        assert tried["publish_id"] in people.tiktok.person(manager.tiktok_name)["inbox"]
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Publish now").click()
        expect(page.get_by_text("Live", exact=True).first).to_be_visible()
        feed = member.api.get("/feed").body["items"]
    assert "Tried before it is seen" in [each["instructions"] for each in feed]


def test_ending_asks_duplicating_holds_back_and_archiving_can_be_undone(
    people: People, clips: Path
) -> None:
    upload = people.manager.upload(clips / "demo.mp4")
    people.manager.create(upload["upload_id"], instructions="Once more, please")
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/activities")
        menu(page, "Once more, please", "End now")
        dialog = page.get_by_role("dialog", name="End it now?")
        expect(dialog).to_contain_text("It leaves every feed at once")
        dialog.get_by_role("button", name="End now").click()
        row = page.get_by_role("row").filter(has_text="Once more, please")
        expect(row.get_by_text("Ended", exact=True).last).to_be_visible()
        menu(page, "Once more, please", "Archive")
        expect(row).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(row).to_have_count(1)
        menu(page, "Once more, please", "Archive")
        expect(row).to_have_count(0)
        page.goto(f"{visit.origin}/manage/activities?archived=")
        expect(row).to_have_count(1)
        menu(page, "Once more, please", "Bring back")
        expect(row).to_have_count(0)
        page.get_by_role("button", name="Current").click()
        expect(row.get_by_text("Ended", exact=True).last).to_be_visible()
        menu(page, "Once more, please", "Duplicate")
        expect(page.get_by_text("Nobody but you sees this yet.")).to_be_visible(timeout=READY_MS)
        page.goto(f"{visit.origin}/manage/activities")
        expect(row).to_have_count(2)


def test_the_table_is_walked_with_arrow_keys_and_filtered_in_its_address(
    people: People, clips: Path
) -> None:
    upload = people.manager.upload(clips / "demo.mp4")
    campaign = people.manager.post("/campaigns", {"name": "Walking"}).body["campaign_id"]
    for name in ("Walk one", "Walk two"):
        people.manager.create(upload["upload_id"], instructions=name, campaign_id=campaign)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/activities")
        page.get_by_label("Campaign").select_option("Walking")
        expect(page.get_by_role("table").locator("tbody tr")).to_have_count(2)
        expect(page).to_have_url(re.compile("campaign="))
        page.get_by_role("link", name="Walk two").focus()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("link", name="Walk one")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Walk one", level=1)).to_be_visible()
        page.go_back()
        expect(page.get_by_role("table").locator("tbody tr")).to_have_count(2)
