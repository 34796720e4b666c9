"""What members do with a phone, in a browser, against the deployed stack."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console.members import DESKTOP, PHONE, People, connected, consent, consent_again, quiet
from tests.e2e.tiktok_members import once
from tests.e2e.waiting import wait_for

SEND = "Send to TikTok"
ADD = "Add Your Account & Send"
BOARD_SECONDS = 150.0
ARRIVES_MS = 120_000  # on a busy machine; a second on an idle one
MOST_TABS = 20
STAYING_TOASTS = """(() => {
  const set = window.setTimeout;
  window.setTimeout = (act, ms, ...more) => set(act, ms >= 6_000 ? 2 ** 30 : ms, ...more);
})()"""


def open_reminder(page: Page, button: str = SEND) -> None:
    page.get_by_role("article").first.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    tick(page)


def tick(page: Page) -> None:
    """Acknowledge what has to be disclosed in TikTok."""
    page.get_by_role("checkbox", name=re.compile("^Before I post this video")).check()


def press(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


def arrived(page: Page) -> None:
    heading = page.get_by_role("heading", name="In your TikTok inbox")
    expect(heading).to_be_visible(timeout=ARRIVES_MS)


def test_a_member_connects_sends_posts_and_finds_it_in_history_and_on_the_board(
    people: People,
) -> None:
    ana = people.member()
    people.activity_for(ana, points=40, instructions="The winter menu is here!")
    with people.visit(PHONE) as visit:
        page = ana.signed_in(visit)
        open_reminder(page, ADD)
        dialog = page.get_by_role("dialog")
        for step in ("Open the TikTok app", "Tap the notification", "Add the caption and post it"):
            expect(dialog).to_contain_text(step)
        press(page, ADD)
        consent(page, ana.tiktok_name)
        expect(page).to_have_url(re.compile(r"/connected\?"))
        expect(page.get_by_role("heading", name="Connected, and on its way")).to_be_visible()
        arrived(page)
        page.get_by_role("button", name="Copy caption").click()
        expect(page.get_by_text("Caption copied.", exact=False).first).to_be_visible()

        made = ana.performances()[0]
        people.tiktok.press(ana.tiktok_name, f"{made['publish_id']}/post")
        page.goto(f"{visit.origin}/history")
        row = page.get_by_role("listitem").filter(has_text="The winter menu is here!")
        expect(row.get_by_text("Posted", exact=True)).to_be_visible(timeout=ARRIVES_MS)
        expect(row).to_contain_text("+40")

        def counted() -> bool:
            people.deployed.tick("PointsBuildLeaderboards")
            page.goto(f"{visit.origin}/leaderboard?period=all_time")
            quiet(visit, page)
            place = page.get_by_role("region", name="Your place")
            return place.is_visible() and "40 points" in place.inner_text()

        wait_for("The board counting 40 points", lambda: counted() or None, BOARD_SECONDS)
        expect(page.get_by_role("main").get_by_text(re.compile("As of "))).to_be_visible()


def test_a_denied_consent_says_so_and_begins_again_right_there(people: People) -> None:
    ana = people.member()
    people.activity_for(ana)
    with people.visit() as visit:
        page = ana.signed_in(visit)
        open_reminder(page, ADD)
        press(page, ADD)
        consent(page, ana.tiktok_name, authorize=False)
        expect(page.get_by_role("heading", name="You said no, and that is fine")).to_be_visible()
        tick(page)
        page.get_by_role("button", name="Begin again right here").click()
        consent(page, ana.tiktok_name)
        arrived(page)
    assert len(ana.performances()) == 1


def test_a_missing_scope_is_told_and_named(people: People) -> None:
    ana = people.member()
    people.activity_for(ana)
    with people.visit() as visit:
        page = ana.signed_in(visit)
        open_reminder(page, ADD)
        press(page, ADD)
        consent(page, ana.tiktok_name, scopes=False)
        expect(page.get_by_role("heading", name="One permission is missing")).to_be_visible()


def test_a_consent_that_ends_in_another_browser_explains_and_begins_again(people: People) -> None:
    """The cookie is missing there; signed in there, one goes on from there."""
    ana = people.member()
    people.activity_for(ana)
    with people.visit() as first, people.visit() as second:
        page = ana.signed_in(first)
        open_reminder(page, ADD)
        press(page, ADD)
        expect(page.locator("#new_person")).to_be_visible()
        elsewhere = ana.signed_in(second)
        elsewhere.goto(page.url)
        consent(elsewhere, ana.tiktok_name)
        title = "You came back in another browser"
        expect(elsewhere.get_by_role("heading", name=title)).to_be_visible()
        elsewhere.get_by_role("button", name="Begin again right here").click()
        consent(elsewhere, ana.tiktok_name)
        expect(elsewhere.get_by_role("heading", name="TikTok is connected")).to_be_visible()


def test_a_tiktok_account_that_somebody_else_added_is_refused_in_words(people: People) -> None:
    ben = connected(people.member("Ben Okafor"))
    ana = people.member()
    with people.visit() as visit:
        page = ana.signed_in(visit, "/settings")
        page.get_by_role("button", name="Add your TikTok account").click()
        consent_again(page, ben.tiktok_name)
        title = "This TikTok account cannot be added"
        expect(page.get_by_role("heading", name=title)).to_be_visible()


def test_a_double_tap_sends_once_and_what_became_of_it_is_read_aloud(people: People) -> None:
    ana = connected(people.member())
    people.activity_for(ana)
    with people.visit() as visit:
        page = ana.signed_in(visit)
        open_reminder(page)
        page.get_by_role("dialog").get_by_role("button", name=SEND, exact=True).dblclick()
        arrived(page)
        # Outside of an open dialog a screen reader would not hear it.
        said = page.get_by_role("dialog").locator(".visually-hidden[aria-live]")
        expect(said).to_have_text("In your TikTok inbox")
    assert len(ana.performances()) == 1


def test_a_toast_that_comes_while_a_dialog_is_open_is_within_it_and_reached_by_keyboard(
    people: People,
) -> None:
    """Outside of it neither a screen reader nor the Tab key would get there."""
    ana = connected(people.member())
    for instructions in ("Stays", "Goes and comes back"):
        people.activity_for(ana, instructions=instructions)
    held: list[Route] = []
    with people.visit(DESKTOP) as visit:
        # A busy machine may take longer to get there than toasts stay.
        visit.context.add_init_script(STAYING_TOASTS)
        page = ana.signed_in(visit)
        cards = page.get_by_role("article")
        page.route("**/dismiss", lambda route: held.append(route))  # noqa: PLW0108  Playwright marks it
        gone = cards.filter(has_text="Goes and comes back")
        gone.get_by_role("button", name="More about this video").click()
        page.get_by_role("menuitem", name="Not for me").click()
        expect(cards).to_have_count(1)
        open_reminder(page)
        dialog = page.get_by_role("dialog")
        held[0].continue_()
        undo = dialog.get_by_role("status").get_by_role("button", name="Undo")
        expect(undo).to_be_visible()
        for _ in range(MOST_TABS):
            page.keyboard.press("Tab")
            if undo.evaluate("element => element === document.activeElement"):
                break
        expect(undo).to_be_focused()
        page.keyboard.press("Enter")
        expect(cards).to_have_count(2)
        expect(dialog).to_be_visible()


def test_two_tabs_send_once_and_both_see_it_arrive(people: People) -> None:
    ana = connected(people.member())
    people.activity_for(ana)
    with people.visit() as visit:
        first = ana.signed_in(visit)
        second = visit.tab()
        for page in (first, second):
            open_reminder(page)
        for page in (first, second):
            press(page, SEND)
        for page in (first, second):
            arrived(page)
    assert len(ana.performances()) == 1


UNDECIDED: tuple[tuple[int | None, str, str], ...] = (
    (None, "", "did not answer"),
    (200, "<html>sign in to the hotel</html>", "could not be read"),
    (503, "", "not available"),
    (429, "", "Too many requests at once"),
)
"""Answers to a send that was made all the same, and what a member reads."""


def test_an_answer_that_decides_nothing_is_told_and_pressing_again_sends_no_second_time(
    people: People,
) -> None:
    ana = connected(people.member())
    people.activity_for(ana)
    keys: list[str | None] = []

    def lose(route: Route) -> None:
        keys.append(route.request.headers.get("idempotency-key"))
        status, body, _ = UNDECIDED[len(keys) - 1]
        if len(keys) == 1:
            route.fetch()
        if status is None:
            route.abort()
        else:
            route.fulfill(status=status, body=body)

    held: list[Route] = []

    def hold(route: Route) -> None:
        keys.append(route.request.headers.get("idempotency-key"))
        held.append(route)

    with people.visit(PHONE, intercepting=True) as visit:
        page = ana.signed_in(visit)
        page.route("**/perform", lose)
        open_reminder(page)
        for _, _, words in UNDECIDED:
            press(page, SEND)
            told = page.get_by_role("dialog").get_by_role("alert")
            expect(told).to_contain_text(words)
            expect(told).to_be_in_viewport(ratio=1)
        page.unroute("**/perform")
        page.route("**/perform", hold)
        with page.expect_request("**/perform"):
            press(page, SEND)
        for _ in range(2):  # Chromium closes a dialog at the second, whatever a page says
            page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.wait_for_timeout(100)
        held[0].continue_()
        arrived(page)
    assert len(keys) == len(UNDECIDED) + 1
    assert keys[0] is not None
    assert set(keys) == {keys[0]}
    assert len(ana.performances()) == 1


def test_a_full_inbox_shows_five_places_and_when_the_next_is_free(people: People) -> None:
    ana = connected(people.member())
    people.activity_for(ana)
    people.deployed.take_places(ana.member_id, 5)
    with people.visit() as visit:
        page = ana.signed_in(visit)
        open_reminder(page)
        press(page, SEND)
        dialog = page.get_by_role("dialog", name="Your TikTok inbox is full")
        expect(dialog.get_by_role("listitem")).to_have_count(5)
        expect(dialog).to_contain_text("A slot frees up by")


def test_a_video_that_tiktok_refuses_says_why_and_leads_back_to_the_card(people: People) -> None:
    ana = connected(people.member())
    people.activity_for(ana, points=25, instructions="This one fails at first")
    why = "TikTok does not accept a video of this length"
    people.tiktok.faults(
        {
            "endpoint": "processing",
            "kind": "fail",
            "fail_reason": "duration_check_failed",
            "person": ana.tiktok_name,
        }
    )
    try:
        with people.visit() as visit:
            page = ana.signed_in(visit)
            open_reminder(page)
            press(page, SEND)
            dialog = page.get_by_role("dialog")
            title = dialog.get_by_role("heading", name="It did not arrive")
            expect(title).to_be_visible(timeout=ARRIVES_MS)
            expect(dialog).to_contain_text(why)
            expect(dialog).to_contain_text("The points were taken back")
            page.goto(f"{visit.origin}/history")
            row = page.get_by_role("listitem").filter(has_text="This one fails at first")
            expect(row.get_by_text("Failed", exact=True)).to_be_visible()
            expect(row).to_contain_text(why)
            in_german = "TikTok nimmt von diesem Konto kein Video dieser Länge an"
            for language, code, told in (("Deutsch", "de", in_german), ("English", "en", why)):
                page.goto(f"{visit.origin}/settings")
                page.get_by_role("button", name=language).click()
                expect(page.locator("html")).to_have_attribute("lang", code)
                page.goto(f"{visit.origin}/points")
                taken_back = page.get_by_role("listitem").filter(has_text="\u221225")
                expect(taken_back).to_contain_text(told)
                page.goto(f"{visit.origin}/history")
                expect(row).to_contain_text(told)
            row.get_by_role("link", name="Send again").click()
            card = page.get_by_role("article")
            expect(card).to_have_count(1)
            expect(card).to_contain_text("This one fails at first")
            open_reminder(page)
            press(page, SEND)
            arrived(page)
    finally:
        people.tiktok.faults()
    assert sorted(each["status"] for each in ana.performances()) == ["failed", "staged"]


def test_an_account_that_lost_its_access_is_connected_again_in_settings(people: People) -> None:
    ana = connected(people.member())
    people.tiktok.press(ana.tiktok_name, "remove-access")
    with people.visit() as visit:
        page = ana.signed_in(visit, "/settings")
        again = page.get_by_role("button", name="Connect again")
        expect(again).to_be_visible(timeout=ARRIVES_MS)
        again.click()
        consent_again(page, ana.tiktok_name)
        expect(page.get_by_role("heading", name="TikTok is connected")).to_be_visible()


def test_dismissing_takes_a_card_out_and_undo_brings_it_back(people: People) -> None:
    ana = people.member()
    people.activity_for(ana)
    with people.visit() as visit:
        page = ana.signed_in(visit)
        cards = page.get_by_role("article")
        cards.first.get_by_role("button", name="More about this video").click()
        page.get_by_role("menuitem", name="Not for me").click()
        expect(cards).to_have_count(0)
        expect(page.get_by_role("heading", name="All done for now")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(cards).to_have_count(1)
        page.reload()
        expect(cards).to_have_count(1)


def test_no_byte_of_a_video_is_fetched_before_it_is_tapped_and_then_it_is_muted(
    people: People,
) -> None:
    ana = people.member()
    people.activity_for(ana)
    with people.visit() as visit:
        page = ana.signed_in(visit)
        fetched: list[str] = []
        page.on("request", lambda asked: fetched.append(asked.resource_type))
        page.reload()
        play = page.get_by_role("button", name=re.compile("^Play the video"))
        expect(play).to_be_visible()
        quiet(visit, page)
        assert "media" not in fetched
        play.click()
        video = page.locator("video")
        once(lambda: video.evaluate("element => element.currentTime > 0"), "The video playing")
        assert "media" in fetched
        assert page.evaluate("document.querySelector('video').muted") is True


def test_the_feed_is_filtered_by_campaign_and_featured_comes_first(people: People) -> None:
    ana = people.member()
    names = ("Winter menu", "Refer a friend")
    made = [people.manager.post("/campaigns", {"name": name}).body for name in names]
    people.activity_for(ana, instructions="One", campaign_id=made[0]["campaign_id"], featured=True)
    people.activity_for(ana, instructions="Two", campaign_id=made[1]["campaign_id"])
    with people.visit() as visit:
        page = ana.signed_in(visit)
        cards = page.get_by_role("article")
        expect(cards).to_have_count(2)
        expect(cards.first).to_contain_text("Featured")
        page.get_by_role("button", name="Refer a friend").click()
        expect(cards).to_have_count(1)
        expect(cards.first).to_contain_text("Two")
        page.get_by_role("button", name="All", exact=True).click()
        expect(cards).to_have_count(2)


def pull(page: Page, by: int) -> None:
    """Draw a finger down from below the heading, as Chromium hears it from a touch screen."""
    touch = page.context.new_cdp_session(page)
    x, top, steps = PHONE.width // 2, 200, 12

    def finger(kind: str, *at: int) -> None:
        points = [{"x": x, "y": y} for y in at]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    finger("touchStart", top)
    for step in range(1, steps + 1):
        finger("touchMove", top + by * step // steps)
    finger("touchEnd")
    touch.detach()


def test_pulling_the_feed_down_far_enough_reads_it_anew(people: People) -> None:
    ana = people.member()
    people.activity_for(ana, instructions="There from the start")
    with people.visit(PHONE) as visit:
        page = ana.signed_in(visit)
        cards = page.get_by_role("article")
        expect(cards).to_have_count(1)
        people.activity_for(ana, instructions="Published meanwhile")
        quiet(visit, page)
        asked: list[str] = []
        page.on("request", lambda each: asked.append(each.url) if "/v1/feed" in each.url else None)
        pull(page, 90)
        quiet(visit, page)
        assert asked == []
        pull(page, 260)
        expect(cards).to_have_count(2)
        assert page.evaluate("document.querySelector('main h1').getBoundingClientRect().top") < 200


def test_an_endless_feed_loads_on_by_cursor(people: People) -> None:
    ana = people.member()
    for number in range(14):
        people.activity_for(ana, instructions=f"Number {number}")
    with people.visit() as visit:
        page = ana.signed_in(visit)
        cards = page.get_by_role("article")
        expect(cards.first).to_be_visible()
        page.mouse.wheel(0, 20_000)
        expect(cards).to_have_count(14)
        expect(page.get_by_text("That is all for now.")).to_be_visible()


def test_a_refused_clipboard_shows_the_text_selected(people: People) -> None:
    ana = connected(people.member())
    people.activity_for(ana, captions=["Words to paste"])
    with people.visit() as visit:
        page = ana.signed_in(visit)
        page.evaluate(
            "navigator.clipboard.writeText = () => Promise.reject(new Error('refused'));"
            "document.execCommand = () => false"
        )
        open_reminder(page)
        press(page, SEND)
        arrived(page)
        press(page, "Copy caption")
        text = page.get_by_label("Caption to paste")
        expect(text).to_be_focused()
        selected = "element => element.value.slice(element.selectionStart, element.selectionEnd)"
        assert "Words to paste" in text.evaluate(selected)


def test_asking_for_progress_rests_while_the_page_is_hidden(people: People) -> None:
    ana = connected(people.member())
    people.activity_for(ana)
    stuck = {"endpoint": "processing", "kind": "stuck", "person": ana.tiktok_name}
    people.tiktok.faults(stuck)
    with people.visit() as visit:
        page = ana.signed_in(visit)
        asked: list[str] = []
        page.on(
            "request", lambda each: asked.append(each.url) if "/performances/" in each.url else None
        )
        open_reminder(page)
        press(page, SEND)
        expect(page.get_by_role("heading", name="On its way")).to_be_visible()
        with page.expect_request("**/performances/*"):
            pass
        show(page, visible=False)
        page.wait_for_timeout(500)  # for what was asked at the very moment of hiding
        before = len(asked)
        page.wait_for_timeout(4_000)  # nothing can be waited for: the gaps so far are below 4 s
        assert len(asked) == before
        with page.expect_request("**/performances/*"):
            show(page, visible=True)


def show(page: Page, *, visible: bool) -> None:
    """Make the page believe that it is seen or not, as switching apps does."""
    state = "visible" if visible else "hidden"
    page.evaluate(
        "state => { const told = {value: state, configurable: true};"
        "Object.defineProperty(document, 'visibilityState', told);"
        "document.dispatchEvent(new Event('visibilitychange', {bubbles: true})) }",
        state,
    )


def test_channels_are_joined_left_and_the_leaving_undone(people: People) -> None:
    ana = people.member()
    made = people.manager.post("/channels", {"name": "Latte art club", "kind": "public"})
    assert made.status == 201
    with people.visit() as visit:
        page = ana.signed_in(visit, "/channels")
        page.get_by_role("button", name="Join Latte art club").click()
        leave = page.get_by_role("button", name="Leave Latte art club")
        leave.click()
        expect(page.get_by_role("button", name="Join Latte art club")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(leave).to_be_visible()


def test_settings_change_name_zone_language_and_theme_and_keep_them(people: People) -> None:
    ana = people.member()
    with people.visit(DESKTOP) as visit:
        page = ana.signed_in(visit, "/settings")
        page.get_by_label("Name").fill("Ana María")
        page.get_by_label("Time zone").select_option("America/New_York")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        expect(page.get_by_text("This device is in Berlin")).to_be_visible()
        page.get_by_role("button", name="Dark").click()
        page.get_by_role("button", name="Deutsch").click()
        expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate("document.documentElement.lang") == "de"
    assert ana.api.get("/me").body["name"] == "Ana María"
    assert ana.api.get("/me").body["time_zone"] == "America/New_York"


def test_an_account_is_disconnected_after_saying_what_that_does(people: People) -> None:
    ana = connected(people.member())
    with people.visit() as visit:
        page = ana.signed_in(visit, "/settings")
        page.get_by_role("button", name="Disconnect").click()
        expect(page.get_by_role("dialog")).to_contain_text("gives its permission back")
        press(page, "Disconnect")
        expect(page.get_by_role("button", name="Add your TikTok account")).to_be_visible()
    assert ana.api.get("/tiktok/account").status == 404


HTML = '<img src=x onerror="document.title=1">'
RTL = "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd"


@pytest.mark.parametrize(
    "text",
    [HTML, RTL, "\U0001f469\U0001f3fd\u200d\U0001f373 " * 60, "Words " * 330],
    ids=["html", "rtl", "emoji", "long"],
)
def test_any_text_of_people_is_shown_as_text_and_breaks_no_layout(
    people: People, text: str
) -> None:
    ana = people.member(text[:60].strip())
    people.activity_for(ana, instructions=text, captions=[text[:500]])
    with people.visit() as visit:
        page = ana.signed_in(visit)
        heading = page.get_by_role("article").first.get_by_role("heading")
        assert heading.inner_text().strip() == text.strip()
        assert page.locator("main img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
