"""What has to be disclosed in TikTok, from the manager's choice to the member's checklist."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.console.managers import NEW, manage
from tests.console.members import DESKTOP, PHONE, People, connected
from tests.console.test_member import ARRIVES_MS, SEND, arrived, press, tick

SETTINGS = ("content_disclosure", "reuse_warning_above")


def test_a_manager_reads_why_chooses_the_setting_and_is_warned_of_reuse(
    people: People, violations: Callable[[Page], list[str]]
) -> None:
    manager = people.manager
    before = manager.get("/program").body
    assert before["content_disclosure"] == "your_brand"
    for _ in range(2):
        people.member()
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/program")
        page.get_by_label("TikTok's disclosure setting").select_option("Branded content")
        page.get_by_label("Warn about reuse above").fill("1")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Saved", exact=True)).to_be_visible()
        page.goto(f"{visit.origin}{NEW}")
        choice = page.get_by_label("TikTok's disclosure setting")
        expect(choice).to_have_value("branded_content")
        main = page.get_by_role("main")
        expect(main).to_contain_text("TikTok requires its own setting of people who promote")
        expect(main).to_contain_text("your counsel decides what applies")
        link = page.get_by_role("link", name="TikTok's page")
        expect(link).to_have_attribute("href", re.compile(r"^https://support\.tiktok\.com/"))
        expect(main).to_contain_text(re.compile(r"About \d+ people would get this same video"))
        choice.select_option("None")
        expect(main).to_contain_text("Only if the post promotes nothing.")
        assert violations(page) == []
    manager.patch("/program", {name: before[name] for name in SETTINGS})


def test_nothing_is_sent_before_the_tick_and_what_changed_meanwhile_is_read_again(
    people: People,
) -> None:
    ana = connected(people.member())
    activity = people.activity_for(ana)
    with people.visit(PHONE) as visit:
        page = ana.signed_in(visit)
        page.get_by_role("article").get_by_role("button", name=SEND).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Your brand")
        press(page, SEND)
        expect(dialog.get_by_role("alert")).to_contain_text("Tick this first")
        expect(dialog.get_by_role("alert")).to_be_in_viewport(ratio=1)
        assert ana.performances() == []
        tick(page)
        view = people.manager.get(f"/activities/{activity}").body
        changed = {"version": view["version"], "content_disclosure": "branded_content"}
        assert people.manager.patch(f"/activities/{activity}", changed).status == 200
        press(page, SEND)
        expect(dialog).to_contain_text("This has changed since you opened it")
        expect(dialog).to_contain_text("Branded content")
        assert ana.performances() == []
        tick(page)
        press(page, SEND)
        arrived(page)
    (made,) = ana.performances()
    assert made["disclosure_steps"]["version"] == "1.branded_content"
    assert made["disclosure_acknowledged_at"] is not None


def test_the_checklist_ticks_its_last_line_itself_once_the_video_is_posted(people: People) -> None:
    ana = connected(people.member())
    people.activity_for(ana, ai_generated=True)
    with people.visit(PHONE) as visit:
        page = ana.signed_in(visit)
        page.get_by_role("article").get_by_role("button", name=SEND).click()
        tick(page)
        press(page, SEND)
        arrived(page)
        (made,) = ana.performances()
        page.goto(f"{visit.origin}/history?performance={made['performance_id']}")
        steps = page.get_by_role("region", name="Finish it in TikTok")
        for each in ("Disclose commercial content", "Your brand", "AI-generated content"):
            expect(steps).to_contain_text(each)
        for scheme in ("snssdk1233", "snssdk1180"):
            expect(steps.locator(f"a[href='{scheme}://notification']")).to_be_visible()
        steps.get_by_role("checkbox", name="I have switched it on").check()
        last = steps.get_by_role("listitem").filter(has_text=re.compile("^Post it"))
        expect(last).not_to_contain_text("(done)")
        people.tiktok.press(ana.tiktok_name, f"{made['publish_id']}/post")
        expect(last).to_contain_text("(done)", timeout=ARRIVES_MS)


def test_a_video_that_does_not_arrive_is_shared_by_hand_and_the_history_says_so(
    people: People,
) -> None:
    ana = connected(people.member())
    people.activity_for(ana)
    people.tiktok.faults({"endpoint": "processing", "kind": "stuck", "person": ana.tiktok_name})
    with people.visit(PHONE, intercepting=True) as visit:
        page = ana.signed_in(visit)
        page.evaluate(
            "window.shared = []; navigator.canShare = data => data.files.length === 1;"
            "navigator.share = async data => { window.shared.push(Object.keys(data).join()"
            " + ':' + data.files[0].size + ':' + data.files[0].type) }; null"
        )
        page.get_by_role("article").get_by_role("button", name=SEND).click()
        tick(page)
        press(page, SEND)
        press(page, "Nothing in your inbox?")
        # The phone sleeps, or its network goes, in the middle: the tap is there again.
        video = re.compile("X-Amz-Signature")
        page.route(video, lambda route: route.abort())
        press(page, "Get the video ready")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
        page.unroute(video)
        press(page, "Get the video ready")
        press(page, "Share it")
        (made,) = ana.performances()
        whole = ana.api.get(f"/performances/{made['performance_id']}").body
        told = f"files:{whole['video_size_bytes']}:{whole['video_content_type']}"
        assert page.evaluate("window.shared") == [told]
        with page.expect_download() as downloading:
            press(page, "Save the video")
        assert downloading.value.path().stat().st_size == whole["video_size_bytes"]
        press(page, "I shared it by hand")
        expect(page.get_by_role("dialog")).to_contain_text("TikTok has not confirmed it")
        page.goto(f"{visit.origin}/history")
        expect(page.get_by_text("Shared by hand, as you said")).to_be_visible()
    (now,) = ana.performances()
    assert now["shared_at"] is not None
    assert (now["status"], now["points"]) == (made["status"], made["points"])


def test_a_browser_that_shares_no_files_offers_to_save_the_video(people: People) -> None:
    ana = connected(people.member())
    people.activity_for(ana)
    with people.visit(PHONE) as visit:
        page = ana.signed_in(visit)
        page.evaluate("navigator.canShare = undefined; navigator.share = undefined")
        page.get_by_role("article").get_by_role("button", name=SEND).click()
        tick(page)
        press(page, SEND)
        arrived(page)
        press(page, "Nothing in your inbox?")
        press(page, "Get the video ready")
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Save the video")).to_be_visible()
        expect(dialog.get_by_role("button", name="Share it")).to_have_count(0)
