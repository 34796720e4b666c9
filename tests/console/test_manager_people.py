"""Members, channels, campaigns, the program's settings and the first minute, by a manager."""

import re
import secrets
from pathlib import Path

from playwright.sync_api import expect

from tests.console.managers import drop, manage, menu
from tests.console.members import DESKTOP, PHONE, People
from tests.e2e.deployed_stack import create_program
from tests.e2e.tiktok_members import once


def address() -> str:
    return f"p-{secrets.token_hex(4)}@console.example"


def test_somebody_is_invited_found_promoted_and_removed(people: People) -> None:
    email = address()
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/members")
        page.get_by_role("link", name="Invite", exact=True).click()
        dialog = page.get_by_role("dialog", name="Invite somebody")
        dialog.get_by_role("button", name="Send invitation").click()
        expect(dialog.get_by_text("Enter an e-mail address.")).to_be_visible()
        dialog.get_by_label("E-mail").fill(email)
        dialog.get_by_label("Name").fill("Zora Quill")
        dialog.get_by_role("button", name="Send invitation").click()
        expect(page.get_by_text(f"{email} is invited.")).to_be_visible()

        row = page.get_by_role("row").filter(has_text=email)
        for typed in ("zora", email[:8], email):
            page.get_by_label("Search").fill(typed)
            expect(row).to_have_count(1)
        expect(row.get_by_text("Invited", exact=True)).to_be_visible()
        menu(page, "Zora Quill", "Send the invitation again")
        expect(page.get_by_text(f"The invitation goes to {email} once more.")).to_be_visible()

        menu(page, "Zora Quill", "Make manager")
        dialog = page.get_by_role("dialog", name="Make Zora Quill a manager?")
        dialog.get_by_role("button", name="Make manager").click()
        expect(row.get_by_text("Manager", exact=True)).to_be_visible()

        menu(page, "Zora Quill", "Remove")
        dialog = page.get_by_role("dialog", name="Remove Zora Quill?")
        expect(dialog).to_contain_text("their TikTok account is disconnected")
        expect(dialog).to_contain_text("leave all channels and the leaderboard")
        dialog.get_by_role("button", name="Remove").click()
        expect(row.get_by_text("Removed", exact=True)).to_be_visible()
        page.get_by_role("button", name="Invite back").first.click()
        expect(row.get_by_text("Invited", exact=True)).to_be_visible()


def test_members_are_filtered_by_state_and_role(people: People) -> None:
    active, invited = people.member("Filter Active"), address()
    assert (
        people.manager.post("/members", {"email": invited, "name": "Filter Invited"}).status == 201
    )
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/members")
        page.get_by_label("Search").fill("filter")
        rows = page.get_by_role("table").locator("tbody tr")
        expect(rows).to_have_count(2)
        page.get_by_label("State").select_option("Active")
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text(active.person.email)
        page.get_by_label("State").select_option("Invited")
        expect(rows).to_contain_text(invited)
        page.get_by_label("Role").select_option("Manager")
        expect(page.get_by_text("Nobody found")).to_be_visible()


def test_a_list_is_looked_at_before_anything_is_sent_and_reported_line_by_line(
    people: People, tmp_path: Path
) -> None:
    known = people.member("Known Already").person.email
    fresh, other = address(), address()
    file = tmp_path / "people.csv"
    lines = (
        "E-Mail;Name;Rolle",
        f"{fresh};Zoë;",
        f"{known};Known;",
        "nobody;No;",
        f"{fresh};Twice;",
    )
    file.write_bytes("\r\n".join((*lines, f"{other};Boss;king")).encode("cp1252"))
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/members/import")
        drop(page, file)
        expect(page.get_by_text("Nothing has been sent yet.")).to_be_visible()
        page.reload()
        table = page.get_by_role("table").locator("tbody tr")
        expect(table).to_have_count(5)
        expect(table.nth(0)).to_contain_text("Zoë")
        expect(table.nth(0)).to_contain_text("Will be invited")
        expect(table.nth(2)).to_contain_text("Not an e-mail address")
        expect(table.nth(3)).to_contain_text("Already in line 2")
        expect(table.nth(4)).to_contain_text("The role must be member or manager")
        before = people.manager.get("/members", email=fresh).body["items"]
        assert before == []
        page.get_by_role("button", name="Invite 2 people").click()
        expect(page.get_by_text("This is the result for each line.")).to_be_visible()
        expect(table).to_have_count(3)  # the problems come first
        page.get_by_role("button", name="All lines").click()
        expect(table.nth(0)).to_contain_text("Invited")
        expect(table.nth(1)).to_contain_text("Already a member")
    [invited] = people.manager.get("/members", email=fresh).body["items"]
    assert invited["name"] == "Zoë"


def test_a_list_that_is_none_is_told_without_asking_anybody(people: People) -> None:
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/members/import")
        page.get_by_label("Or paste a list").fill("just some words")
        page.get_by_role("button", name="Check it").click()
        expect(page.get_by_role("alert")).to_contain_text("This list has no e-mail address")


def test_names_are_only_ever_text(people: People) -> None:
    """A name that is HTML stays one; one from right to left does not turn what is around it."""
    html, arabic = "<img src=x onerror=alert(1)> <b>Bob</b>", "نور الحسن"
    for name in (html, arabic):
        assert people.manager.post("/members", {"email": address(), "name": name}).status == 201
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/members")
        page.get_by_label("Search").fill("<img")
        expect(page.get_by_role("table").get_by_text(html)).to_be_visible()
        expect(page.locator("main img")).to_have_count(0)
        page.get_by_label("Search").fill("نور")
        expect(page.get_by_role("table").get_by_text(arabic)).to_be_visible()


def test_a_channel_is_made_filled_renamed_and_archived_with_undo(people: People) -> None:
    ana = people.member("Channel Surfer")
    name = f"Crew {secrets.token_hex(3)}"
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/channels")
        page.get_by_role("link", name="New channel").first.click()
        dialog = page.get_by_role("dialog", name="New channel")
        dialog.get_by_label("Name").fill(name)
        page.mouse.click(5, 5)
        expect(dialog.get_by_role("button", name="Close")).to_be_focused()
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        page.evaluate("history.back()")
        page.wait_for_timeout(100)
        expect(dialog.get_by_label("Name")).to_have_value(name)
        dialog.get_by_label("Private").check()
        dialog.get_by_role("button", name="Create").click()
        row = page.get_by_role("row").filter(has_text=name)
        expect(row.get_by_text("Private")).to_be_visible()

        page.get_by_role("link", name="New channel").first.click()
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_role("button", name="Create").click()
        expect(dialog.get_by_text("This name is already taken.")).to_be_visible()
        dialog.get_by_role("button", name="Cancel").click()

        row.get_by_role("link", name=name).click()
        page.get_by_role("button", name="Add members").click()
        dialog = page.get_by_role("dialog", name="Add members")
        dialog.get_by_label("Search").fill(ana.person.email)
        dialog.get_by_role("checkbox", name=re.compile(ana.person.email)).check()
        dialog.get_by_role("button", name="Add 1 member").click()
        member = page.get_by_role("row").filter(has_text=ana.person.email)
        expect(member).to_have_count(1)
        member.get_by_role("button", name=re.compile("^Remove")).click()
        expect(member).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(member).to_have_count(1)

        page.goto(f"{visit.origin}/manage/channels")
        menu(page, name, "Rename")
        dialog = page.get_by_role("dialog", name=f"Rename {name}")
        dialog.get_by_label("Name").fill(f"{name} 2")
        dialog.get_by_role("button", name="Save").click()
        row = page.get_by_role("row").filter(has_text=f"{name} 2")
        expect(row).to_have_count(1)
        menu(page, f"{name} 2", "Archive")
        expect(row).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(row).to_have_count(1)


def test_a_campaign_is_made_and_leads_to_its_activities(people: People) -> None:
    name = f"Launch {secrets.token_hex(3)}"
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/campaigns")
        page.get_by_role("link", name="New campaign").first.click()
        dialog = page.get_by_role("dialog", name="New campaign")
        dialog.get_by_label("Name").fill(name)
        dialog.get_by_role("button", name="Create").click()
        page.get_by_role("link", name=name).click()
        expect(page.get_by_text("No activity matches.")).to_be_visible()
        expect(page.get_by_label("Campaign")).to_have_value(re.compile("."))


def test_the_programs_settings_are_changed_and_unsaved_ones_survive_a_reload(
    people: People,
) -> None:
    line = f"#ad by {secrets.token_hex(3)}"
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/program")
        page.get_by_label("Disclosure line").fill(line)
        expect(page.get_by_text("Not saved yet.")).to_be_visible()
        kept = "line => JSON.stringify([{...localStorage}, {...sessionStorage}]).includes(line)"
        once(lambda: bool(page.evaluate(kept, line)), "The line being kept")
        page.reload()
        expect(page.get_by_label("Disclosure line")).to_have_value(line)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Saved", exact=True)).to_be_visible()
        assert people.manager.get("/program").body["disclosure"] == line
        page.goto(f"{visit.origin}/manage/activities/new")
        expect(page.get_by_text(f"Your program's line: {line}")).to_be_visible()
    assert people.manager.patch("/program", {"disclosure": ""}).status == 200


def test_the_first_minute_ticks_itself_off(people: People, clips: Path) -> None:
    program = create_program(people.deployed, people.witness, "Europe/Berlin")
    alone = People(people.deployed, people.witness, people.browser, program, "")
    with alone.visit(PHONE) as visit:
        page = manage(alone, visit)
        steps = page.get_by_role("region", name="Your first minute").get_by_role("listitem")
        expect(steps).to_have_count(5)
        expect(steps.filter(has_text="Connect your own TikTok")).to_have_attribute(
            "aria-current", "step"
        )
        expect(steps.filter(has_text="Upload a video")).not_to_contain_text("done")
        upload = program.manager.upload(clips / "demo.mp4")
        program.manager.create(upload["upload_id"])
        page.reload()
        for step in ("Upload a video", "Publish"):
            expect(steps.filter(has_text=step).last).to_contain_text("(done)")


def test_the_command_menu_reaches_every_screen_and_action(people: People) -> None:
    member = people.member("Commander Keen")
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit)
        for typed, heading in (
            ("new act", "New activity"),
            ("import", "Import a list"),
            ("campai", "Campaigns"),
            ("progr", "Program"),
            ("histor", "Your history"),
            ("webho", "Webhooks"),
            ("notic", "Notices"),
            ("your data", "Your data"),
        ):
            page.keyboard.press("Control+k")
            box = page.get_by_role("combobox", name="Go somewhere or do something")
            expect(box).to_be_focused()
            box.fill(typed)
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Go somewhere").fill("commander")
        expect(page.get_by_role("option", name="Commander Keen").first).to_be_visible()
        page.keyboard.press("Enter")
        expect(page.get_by_label("Search")).to_have_value(member.person.email)
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Go somewhere").fill("dark theme")
        page.keyboard.press("Enter")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_members_find_no_screen_of_managers_nor_an_action_of_theirs(people: People) -> None:
    ana = people.member()
    with people.visit(DESKTOP) as visit:
        asked: list[str] = []
        page = ana.signed_in(visit, "/manage/members")
        # Until the console knows the role, it asks for the list, which the API refuses.
        expect(page.get_by_role("heading", name="For managers")).to_be_visible()
        page.on("request", lambda request: asked.append(request.url))
        page.keyboard.press("Control+k")
        box = page.get_by_role("combobox")
        box.fill("ana")
        page.wait_for_timeout(300)  # what a manager types is looked for by then
        box.fill("")
        expect(page.get_by_role("option", name="Your points")).to_be_visible()
        expect(page.get_by_role("option").filter(has_text="Manage")).to_have_count(0)
        expect(page.get_by_role("option", name="Invite somebody")).to_have_count(0)
        assert [url for url in asked if "/v1/members" in url or "/v1/webhooks" in url] == []


def test_ids_are_copied_by_a_press(people: People) -> None:
    with people.visit(DESKTOP) as visit:
        visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = manage(people, visit, "/manage/program")
        program_id = people.manager.get("/program").body["program_id"]
        page.get_by_role("button", name=program_id).click()
        expect(page.get_by_text("Copied", exact=True)).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == program_id
