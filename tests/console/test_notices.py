"""The bell, the list of notices and the settings of mails in a browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from chalicelib.notifications.unsubscribing.service import Unsubscription
from tests.console.members import DESKTOP, PHONE, Device, People, overflowing


@pytest.mark.parametrize("device", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_bell_counts_what_was_not_read_and_the_list_marks_it_read(
    people: People, device: Device, violations: Callable[[Page], list[str]]
) -> None:
    name = "Noa Berg" if device is PHONE else "Nils Berg"
    noa = people.member(name)
    for reason in ("Spoke at the fair", "Helped a colleague"):
        given = {"amount": 20, "reason": reason}
        path = f"/members/{noa.member_id}/points"
        assert people.manager.post(path, given).status == 201
    with people.visit(device) as visit:
        page = noa.signed_in(visit, "/notifications")
        lines = page.get_by_role("main").get_by_role("listitem")
        told = lines.filter(has_text="Your points were changed")
        while told.count() < 2:  # events take some seconds
            page.wait_for_timeout(500)
            page.reload()
            expect(page.get_by_role("heading", name="Notices")).to_be_visible()
        expect(told.first).to_contain_text("20 points")
        expect(told.first).to_contain_text("New")
        bell = page.get_by_role("link", name="Notices, ").locator("visible=true")
        expect(bell).to_be_visible()
        assert violations(page) == []
        assert overflowing(page) == []
        page.get_by_role("button", name="Mark all as read").click()
        expect(page.get_by_role("button", name="Mark all as read")).to_have_count(0)
        expect(
            page.get_by_role("link", name="Notices, 0 unread").locator("visible=true")
        ).to_be_visible()
        told.first.get_by_role("link").click()
        expect(page).to_have_url(f"{visit.origin}/points")
    assert noa.api.get("/me").body["unread_notices"] == 0


def test_a_member_chooses_mails_in_the_settings_and_stops_some_by_a_mails_link(
    people: People, violations: Callable[[Page], list[str]]
) -> None:
    ida = people.member("Ida Lund")
    with people.visit(PHONE) as visit:
        page = ida.signed_in(visit, "/settings")
        points = page.get_by_label("My points changed")
        expect(points).to_have_value("daily")
        expect(page.get_by_label("Weekly e-mails on")).to_have_count(0)
        points.select_option("weekly")
        expect(page.get_by_text("Saved.")).to_be_visible()
        page.get_by_label("Weekly e-mails on").select_option(label="Friday")
        page.get_by_label("Daily and weekly e-mails at").select_option(label="07:00")
        expect(page.get_by_label("Daily and weekly e-mails at")).to_have_value("7")
        expect(page.get_by_label("What needs a hand")).to_have_count(0)
        assert violations(page) == []
        page.reload()
        expect(points).to_have_value("weekly")
        expect(page.get_by_label("Weekly e-mails on")).to_have_value("4")
        mail = ida.api.get("/notifications").body["mail"]
        assert (mail["kinds"]["points"], mail["hour"], mail["weekday"]) == ("weekly", 7, 4)
        of = Unsubscription(people.program.program_id, ida.member_id, "points")
        page.goto(people.deployed.container().unsubscribing.url(of))
        stop = page.get_by_role("button", name="Switch them off")
        expect(stop).to_be_visible()
        assert (violations(page), overflowing(page)) == ([], [])
        stop.click()
        expect(page.get_by_role("heading", name="No more mails")).to_be_visible()
        expect(stop).to_have_count(0)
        assert (violations(page), overflowing(page)) == ([], [])
    assert ida.api.get("/notifications").body["mail"]["kinds"]["points"] == "never"
