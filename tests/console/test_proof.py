"""Views of posts: asked for in words, shown to their member and to managers, and taken back."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.console.managers import manage
from tests.console.members import DESKTOP, PHONE, People, connected, consent, quiet
from tests.e2e.test_proof import is_due, lever, posts
from tests.e2e.tiktok_members import Sender
from tests.e2e.waiting import wait_for

Axe = Callable[[Page], list[str]]


def shown_to_managers(people: People, violations: Axe, path: str) -> None:
    """Look at the campaign's page, on the screen and as it is printed."""

    def counted() -> object:
        found = people.manager.get(f"/reports{path.removeprefix('/manage')}").body
        return found["numbers"]["views"] or None

    wait_for("the campaign being counted", counted)
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, path)
        summary = page.get_by_role("region", name="On one page")
        expect(summary).to_contain_text("2,000")
        expect(summary).to_contain_text("Disclosure acknowledged")
        expect(summary).to_contain_text("7.5")
        expect(page.get_by_role("region", name="From post to views")).to_contain_text(
            "Known of 1 of 1 posts"
        )
        quiet(visit, page)
        assert violations(page) == []
        page.emulate_media(media="print")
        expect(page.get_by_role("navigation").first).to_be_hidden()
        expect(page.get_by_role("button", name="CSV")).to_be_hidden()
        expect(page.get_by_role("button", name="Print or save as PDF")).to_be_hidden()
        expect(summary).to_be_visible()
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_member_allows_views_in_words_sees_them_and_takes_it_back(
    people: People, violations: Axe
) -> None:
    ana = connected(people.member("Ana Ferreira"))
    campaign = people.manager.post("/campaigns", {"name": "Proven in the console"}).body
    activity = people.activity_for(
        ana, campaign_id=campaign["campaign_id"], instructions="Seen by many", points=15
    )
    path = f"/manage/campaigns/{campaign['campaign_id']}"
    sender = Sender(ana.api, people.tiktok, ana.tiktok_name)
    with people.visit(PHONE) as visit:
        page = ana.signed_in(visit, "/settings#tiktok")
        region = page.get_by_role("region", name="Views of your posts")
        expect(region).to_contain_text("Off. Greenroom cannot see")
        expect(region).to_contain_text("you can take it back here at any time")
        quiet(visit, page)
        assert violations(page) == []
        region.get_by_role("button", name="Allow at TikTok").click()
        expect(page.get_by_text("Read your public videos")).to_be_visible()
        consent(page, ana.tiktok_name)
        expect(page).to_have_url(re.compile("/connected"))
        expect(page.get_by_role("region", name="Views of your posts")).to_contain_text(
            "Allowed since"
        )
        quiet(visit, page)
        assert violations(page) == []

        performance, post = posts(people.deployed, sender, activity)
        lever(sender, "counts", post_id=post, views=2000, likes=21, comments=4)
        is_due(people.deployed, performance)
        people.deployed.tick("PerformancesSyncViews")
        page.goto(f"{visit.origin}/history")
        expect(page.get_by_text("2,000 views")).to_be_visible()
        link = page.get_by_role("link", name="See the post on TikTok")
        expect(link).to_have_attribute("href", re.compile(r"^https://www\.tiktok\.com/"))
        expect(link).to_have_attribute("rel", re.compile("noopener"))
        quiet(visit, page)
        assert violations(page) == []

    shown_to_managers(people, violations, path)
    with people.visit(PHONE) as visit:
        page = ana.signed_in(visit, "/settings")
        region = page.get_by_role("region", name="Views of your posts")
        region.get_by_role("button", name="Take back and remove").click()
        expect(region).to_contain_text("Off. Greenroom cannot see")
        page.goto(f"{visit.origin}/history")
        expect(page.get_by_text("Seen by many")).to_be_visible()
        expect(page.get_by_text("2,000 views")).to_have_count(0)


def test_a_member_who_denies_the_permission_is_told_and_stays_connected(people: People) -> None:
    ana = connected(people.member("Ana Ferreira"))
    with people.visit(PHONE) as visit:
        page = ana.signed_in(visit, "/settings#tiktok")
        page.get_by_role("button", name="Allow at TikTok").click()
        page.get_by_label(re.compile("Read your public videos")).uncheck()
        consent(page, ana.tiktok_name)
        expect(page).to_have_url(re.compile("/connected"))
        expect(page.get_by_text("You left this permission switched off")).to_be_visible()
        assert ana.api.get("/tiktok/account").body["status"] == "connected"
