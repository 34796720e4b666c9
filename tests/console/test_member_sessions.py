"""Signing in and out, sessions that end, and bad times: offline, lost answers, removal."""

import contextlib
import json
import re
from datetime import UTC, datetime, timedelta
from functools import partial

from playwright.sync_api import Page, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from local.stack import Person
from tests.console.members import DESKTOP, People, Visit, invite_with_first_password, sign_in
from tests.e2e.waiting import wait_for

OWN = "A few random words 7"
TABS = 3


def test_a_wrong_password_is_refused_in_words_and_the_right_one_opens_the_page_asked_for(
    people: People,
) -> None:
    ana = people.member()
    with people.visit() as visit:
        page = visit.tab("/history")
        sign_in(page, Person(ana.person.email, "Not-the-password-1", "", None))
        expect(page.get_by_role("alert")).to_contain_text("do not match")
        sign_in(page, ana.person)
        expect(page.get_by_role("heading", name="Your history")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Your history")).to_be_visible()


def test_a_first_password_is_exchanged_for_ones_own(people: People) -> None:
    email, first = invite_with_first_password(people)
    with people.visit() as visit:
        page = visit.tab()
        sign_in(page, Person(email, first, "", None))
        expect(page.get_by_role("heading", name="Choose your password")).to_be_focused()
        page.get_by_label("New password").fill("weak")
        page.get_by_role("button", name="Save and sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("too weak")
        page.get_by_label("New password").fill(OWN)
        page.get_by_role("button", name="Save and sign in").click()
        expect(page.get_by_role("heading", name="Your feed")).to_be_visible()


def test_forgetting_a_password_tells_nobody_who_has_an_account(people: People) -> None:
    ana = people.member()
    with people.visit() as visit:
        page = visit.tab()
        for email in (ana.person.email, "nobody@console.example"):
            page.goto(f"{visit.origin}/forgot")
            page.get_by_label("E-mail").fill(email)
            page.get_by_role("button", name="Send a code").click()
            expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()
            expect(page.get_by_text(f"If {email} belongs to somebody here")).to_be_visible()
        page.get_by_label("Code from the mail").fill("000000")
        page.get_by_label("New password").fill(OWN)
        page.get_by_role("button", name="Set new password").click()
        expect(page.get_by_role("alert")).to_contain_text("wrong or too old")


def test_no_token_lies_where_a_script_can_find_it(people: People) -> None:
    ana = people.member()
    with people.visit() as visit:
        page = ana.signed_in(visit)
        expect(page.get_by_role("heading", name="Your feed")).to_be_visible()
        kept = page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
        )
        assert not re.search(r"eyJ[\w-]{20,}", kept)


def test_signing_out_in_one_tab_reaches_the_other_and_forgets_the_person(people: People) -> None:
    ana = people.member()
    people.activity_for(ana)
    with people.visit() as visit:
        first = ana.signed_in(visit)
        expect(first.get_by_role("article")).to_have_count(1)
        second = visit.tab("/settings")
        second.get_by_role("button", name="Sign out", exact=True).click()
        for page in (first, second):
            expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
        assert first.evaluate("Object.keys(localStorage)") == []
        first.reload()
        expect(first.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_an_answer_that_arrives_after_signing_out_is_not_kept(people: People) -> None:
    ana = people.member()
    with people.visit(intercepting=True) as visit:
        first = ana.signed_in(visit)
        expect(first.get_by_role("heading", name="Your feed")).to_be_visible()
        held: list[Route] = []
        # The browser's driver hangs a note on what it calls, which a list's method does not take.
        first.route("**/v1/me", lambda route: held.append(route))  # noqa: PLW0108  Playwright marks it
        first.reload()
        while not held:
            first.wait_for_timeout(50)
        second = visit.tab("/settings")
        second.get_by_role("button", name="Sign out", exact=True).click()
        expect(first.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
        with first.expect_response("**/v1/me"):
            held[0].continue_()
        first.wait_for_timeout(200)
        assert first.evaluate("Object.keys(localStorage)") == []


def test_signing_out_everywhere_ends_the_session_of_another_browser(people: People) -> None:
    ana = people.member()
    with people.visit() as here, people.visit() as there:
        page, other = ana.signed_in(here, "/settings"), ana.signed_in(there)
        page.get_by_role("button", name="Sign out everywhere").click()
        expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
        other.reload()
        expect(other.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def lose_session(page: Page, path: str) -> None:
    """Take the cookie away, and have the API refuse the token at its next use, as it does late."""
    page.context.clear_cookies()
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        problem = {"code": "unauthenticated", "detail": "The token has expired."}
        route.fulfill(status=401, content_type="application/problem+json", body=json.dumps(problem))

    page.route(path, refuse_once)


def every_way_in_is_above_what_was_typed(page: Page, person: Person) -> None:
    """Take another step than the password, forget the password, and nearly sign out."""
    dialog = page.get_by_role("dialog")
    asked = {"status": "new_password_required", "challenge": "asked"}
    page.route("**/v1/session", lambda route: route.fulfill(json=asked), times=1)
    dialog.get_by_label("Password", exact=True).fill(person.password)
    dialog.get_by_role("button", name="Sign in", exact=True).click()
    expect(dialog.get_by_role("heading", name="Choose your password")).to_be_focused()
    dialog.get_by_role("button", name="Back to sign in").click()
    dialog.get_by_role("button", name="Forgot your password?").click()
    expect(dialog.get_by_role("heading", name="Forgot your password?")).to_be_focused()
    expect(dialog.get_by_label("E-mail")).to_have_value(person.email)
    dialog.get_by_role("button", name="Back to sign in").click()
    dialog.get_by_role("button", name="Sign out").click()
    expect(dialog.get_by_role("alert")).to_contain_text("will be deleted")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog.get_by_role("alert")).to_have_count(0)


def test_a_session_that_ends_while_typing_loses_nothing(people: People) -> None:
    ana = people.member()
    with people.visit(intercepting=True) as visit:
        page = ana.signed_in(visit, "/settings")
        page.get_by_label("Name").fill("Typed before it ended")
        lose_session(page, "**/v1/me")
        page.get_by_role("button", name="Save").click()
        dialog = page.get_by_role("dialog", name="Sign in again")
        expect(dialog.get_by_label("E-mail")).to_have_value(ana.person.email)
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        expect(dialog).to_be_visible()
        every_way_in_is_above_what_was_typed(page, ana.person)
        dialog.get_by_label("Password", exact=True).fill(ana.person.password)
        dialog.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        expect(page.get_by_label("Name")).to_have_value("Typed before it ended")
    assert ana.api.get("/me").body["name"] == "Typed before it ended"


def test_shell_and_last_feed_open_without_a_network_and_go_on_with_one(people: People) -> None:
    ana = people.member()
    people.activity_for(ana, instructions="Readable on the train")
    with people.visit() as visit:
        page = ana.signed_in(visit)
        expect(page.get_by_role("article")).to_have_count(1)
        page.evaluate("navigator.serviceWorker.ready")
        # A worker that has just taken over has not yet kept what was fetched before it.
        page.reload()
        expect(page.get_by_role("article")).to_have_count(1)
        visit.context.set_offline(True)
        page.reload()
        expect(page.get_by_text("You are offline.", exact=False).first).to_be_visible()
        expect(page.get_by_role("article")).to_contain_text("Readable on the train")
        send = page.get_by_role("article").get_by_role("button", name=re.compile("Send$"))
        expect(send).to_be_disabled()
        assert "X-Amz-Signature" not in page.evaluate("JSON.stringify({...localStorage})")
        visit.context.set_offline(False)
        expect(send).to_be_enabled()


BAD_ANSWERS: tuple[tuple[int | None, str, str], ...] = (
    (503, "<html>busy</html>", "not available"),
    (200, "<html>sign in to the hotel</html>", "could not be read"),
    (200, "", "could not be read"),
    (429, "{}", "Too many requests at once"),
    (403, '{"code": "forbidden", "detail": "No."}', "may not"),
    (409, '{"code": "never_heard_of", "detail": "Words of the server."}', "Words of the server"),
    (None, "", "did not answer"),
)


def answered(status: int | None, body: str, route: Route) -> None:
    """Answer in the API's place; with no status, not at all."""
    if status is None:
        route.abort()
        return
    content_type = "text/html" if body.startswith("<") else "application/problem+json"
    headers = {"X-Correlation-Id": f"a-reference-{status}", "Content-Type": content_type}
    route.fulfill(status=status, body=body, headers=headers)


def test_an_answer_that_fails_is_told_in_words_with_its_reference_and_a_way_to_try_again(
    people: People,
) -> None:
    ana = people.member()
    people.activity_for(ana)
    with people.visit(intercepting=True) as visit:
        page = ana.signed_in(visit, "/history")
        alert = page.get_by_role("main").get_by_role("alert")
        for number, (status, body, words) in enumerate(BAD_ANSWERS):
            page.route("**/v1/feed?**", partial(answered, status, body))
            if number == 0:
                page.get_by_role("link", name="Feed", exact=True).click()
            else:
                alert.get_by_role("button", name="Try again").click()
            expect(alert).to_contain_text(words)
            if status is not None:
                reference = alert.get_by_role("button", name=re.compile(f"a-reference-{status}"))
                expect(reference).to_be_visible()
            page.unroute("**/v1/feed?**")
        alert.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("article")).to_have_count(1)


def test_a_problem_in_a_members_toast_names_its_reference(people: People) -> None:
    ana = people.member()
    people.activity_for(ana)
    with people.visit(intercepting=True) as visit:
        page = ana.signed_in(visit)
        headers = {"X-Correlation-Id": "a-reference-2", "Content-Type": "application/problem+json"}
        answer = {"status": 409, "body": '{"code": "new", "detail": "No."}', "headers": headers}
        page.route("**/dismiss", lambda route: route.fulfill(**answer))
        page.get_by_role("button", name="More about this video").click()
        page.get_by_role("menuitem", name="Not for me").click()
        told = page.get_by_role("status").filter(has_text="No. Reference: a-reference-2")
        expect(told.get_by_role("button", name="Copy")).to_be_visible()
        expect(page.get_by_role("article")).to_have_count(1)


def renewed_at_once(people: People, visit: Visit) -> tuple[int, int]:
    """Open tabs that all have to renew, each answer held until all of them ask or wait.

    Return how many renewals were under way at one time at most, and how many there were.
    """
    ana = people.member()
    page = ana.signed_in(visit)
    expect(page.get_by_role("heading", name="Your feed")).to_be_visible()
    held: list[Route] = []
    most = told = 0
    # The browser's driver hangs a note on what it calls, which a list's method does not take.
    visit.context.route("**/v1/session/renew", lambda route: held.append(route))  # noqa: PLW0108  Playwright marks it
    tabs = [visit.tab() for _ in range(TABS)]
    waiting = "navigator.locks?.query().then(({ pending }) => pending.length) ?? 0"

    def all_ask() -> bool:
        return len(held) + int(page.evaluate(waiting)) >= TABS

    while not all_ask():
        page.wait_for_timeout(50)
    while held:
        most = max(most, len(held))
        told += 1
        answered = held.pop()
        with answered.request.frame.page.expect_response("**/v1/session/renew"):
            answered.continue_()
        page.wait_for_timeout(200)
    for tab in tabs:
        expect(tab.get_by_role("heading", name="Your feed")).to_be_visible()
    return most, told


def test_of_several_tabs_one_renews_at_a_time_and_the_others_take_its_token(
    people: People,
) -> None:
    with people.visit(DESKTOP, intercepting=True) as visit:
        assert renewed_at_once(people, visit) == (1, 1)


def test_without_web_locks_all_tabs_would_renew_at_once(people: People) -> None:
    """What the test before this one would tell if no tab waited for another."""
    with people.visit(DESKTOP, intercepting=True) as visit:
        visit.context.add_init_script("delete Navigator.prototype.locks")
        most, _ = renewed_at_once(people, visit)
        assert most == TABS


def test_a_member_who_is_removed_while_using_it_is_told(people: People) -> None:
    ana = people.member()
    with people.visit() as visit:
        page = ana.signed_in(visit)
        expect(page.get_by_role("heading", name="All done for now")).to_be_visible()
        assert people.manager.delete(f"/members/{ana.member_id}").status == 204

        title = page.get_by_role("heading", name="You are not in a program")

        def told() -> bool:
            if not title.is_visible():
                with contextlib.suppress(PlaywrightTimeoutError):  # the page changed meanwhile
                    page.get_by_role("button", name="Refresh").click(timeout=1_000)
            return title.is_visible()

        wait_for("The page telling that it is closed", lambda: told() or None, 90)


def test_a_managers_page_is_closed_to_members(people: People) -> None:
    ana = people.member()
    with people.visit() as visit:
        page = ana.signed_in(visit, "/manage")
        expect(page.get_by_role("heading", name="For managers")).to_be_visible()


def test_a_device_whose_clock_is_a_day_off_stays_signed_in_and_tells_true_ends(
    people: People,
) -> None:
    ana = people.member()
    ends_at = (datetime.now(UTC) + timedelta(hours=3)).isoformat(timespec="seconds")
    people.activity_for(ana, instructions="Ends soon", ends_at=ends_at)
    with people.visit() as visit:
        page = visit.tab()
        page.clock.install()
        page.clock.set_system_time(page.evaluate("Date.now()") + 86_400_000)
        sign_in(page, ana.person)
        expect(page.get_by_role("article")).to_have_count(1)
        expect(page.get_by_role("article")).to_contain_text(re.compile("Ends in [23] hours"))
        page.get_by_role("link", name="History").click()
        expect(page.get_by_role("heading", name="Your history")).to_be_visible()


def test_storage_that_is_full_or_forbidden_hinders_nobody(people: People) -> None:
    ana = people.member()
    people.activity_for(ana)
    with people.visit() as visit:
        visit.context.add_init_script(
            "const refuse = name => () => { throw new DOMException('', name) };"
            "Storage.prototype.setItem = refuse('QuotaExceededError');"
            "Storage.prototype.getItem = refuse('SecurityError');"
        )
        page = ana.signed_in(visit)
        expect(page.get_by_role("article")).to_have_count(1)


def test_all_of_it_is_done_by_keyboard_and_the_focus_comes_back(people: People) -> None:
    ana = people.member()
    people.activity_for(ana)
    with people.visit(DESKTOP) as visit:
        page = visit.tab()
        page.get_by_label("E-mail").focus()
        page.keyboard.type(ana.person.email)
        page.keyboard.press("Tab")
        page.keyboard.type(ana.person.password)
        page.keyboard.press("Enter")
        expect(page.get_by_role("article")).to_have_count(1)
        opener = page.get_by_role("article").get_by_role("button", name="Add Your Account & Send")
        for _ in range(40):
            page.keyboard.press("Tab")
            if opener.evaluate("element => element === document.activeElement"):
                break
        outline = "element => getComputedStyle(element).outlineStyle"
        assert opener.evaluate(outline) != "none"
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        for _ in range(6):
            page.keyboard.press("Tab")
            # Or on the browser's own controls, which a page sees as its body.
            assert page.evaluate("!document.activeElement.closest('nav, article, header')")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(opener).to_be_focused()
