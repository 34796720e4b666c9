"""Two managers change one thing at once: nobody's change is lost without somebody choosing so."""

import secrets
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.managers import manage, menu
from tests.console.members import DESKTOP, People


def named(words: str) -> str:
    return f"{words} {secrets.token_hex(3)}"


def both_versions(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Somebody else changed this")


def of(people: People, kind: str, thing: Any) -> Any:
    """Return a channel or campaign as it is now."""
    key = f"{kind}_id"
    items = people.manager.get(f"/{kind}s", limit="100").body["items"]
    (found,) = (each for each in items if each[key] == thing[key])
    return found


def made(people: People, kind: str, name: str) -> Any:
    more = {"kind": "private"} if kind == "channel" else {}
    answer = people.manager.post(f"/{kind}s", {"name": name, **more})
    assert answer.status == 201, answer.body
    return answer.body


@pytest.mark.parametrize("kind", ["channel", "campaign"])
@pytest.mark.parametrize("kept", ["Yours", "Theirs"])
def test_two_names_at_once_are_both_shown_and_one_is_chosen(
    people: People, kind: str, kept: str
) -> None:
    names = {"Yours": named("My name"), "Theirs": named("Their name")}
    thing = made(people, kind, named("As it was"))
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, f"/manage/{kind}s")
        menu(page, thing["name"], "Rename")
        page.get_by_role("dialog").get_by_label("Name").fill(names["Yours"])
        path = f"/{kind}s/{thing[f'{kind}_id']}"
        assert people.manager.patch(path, {"name": names["Theirs"]}).status == 200
        page.get_by_role("dialog").get_by_role("button", name="Save").click()
        dialog = both_versions(page)
        for each in names.values():
            expect(dialog).to_contain_text(each)
        assert of(people, kind, thing)["name"] == names["Theirs"]
        dialog.get_by_label(kept).check()
        dialog.get_by_role("button", name="Save it like this").click()
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("row").filter(has_text=names[kept])).to_be_visible()
    now = of(people, kind, thing)
    assert (now["name"], now["version"]) == (names[kept], 3 if kept == "Yours" else 2)


def test_a_new_name_and_an_archiving_at_once_fit_together(people: People) -> None:
    channel, name = made(people, "channel", named("Put away")), named("Renamed")
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/channels")
        row = page.get_by_role("row").filter(has_text=channel["name"])
        row.get_by_role("button", name="Actions:").click()
        path = f"/channels/{channel['channel_id']}"
        assert people.manager.patch(path, {"name": name}).status == 200
        page.get_by_role("menuitem", name="Archive").click()
        dialog = both_versions(page)
        expect(dialog).to_contain_text("You changed different fields")
        expect(dialog).to_contain_text(name)
        assert of(people, "channel", channel)["archived"] is False
        dialog.get_by_role("button", name="Save it like this").click()
        # Taken back, it is on the version that came of it.
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("row").filter(has_text=name)).to_be_visible()
    now = of(people, "channel", channel)
    assert (now["name"], now["archived"], now["version"]) == (name, False, 4)


def test_what_both_did_alike_needs_no_choice(people: People) -> None:
    channel = made(people, "channel", named("Done twice"))
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/channels")
        row = page.get_by_role("row").filter(has_text=channel["name"])
        row.get_by_role("button", name="Actions:").click()
        path = f"/channels/{channel['channel_id']}"
        assert people.manager.patch(path, {"archived": True}).status == 200
        page.get_by_role("menuitem", name="Archive").click()
        expect(page.get_by_text(f"{channel['name']} is archived.")).to_be_visible()
        expect(both_versions(page)).to_have_count(0)
    assert of(people, "channel", channel)["version"] == 2


def test_settings_that_two_change_at_once_are_shown_and_chosen_from(people: People) -> None:
    before = people.manager.get("/program").body
    mine, theirs = f"#mine {secrets.token_hex(3)}", f"#theirs {secrets.token_hex(3)}"
    try:
        with people.visit(DESKTOP) as visit:
            page = manage(people, visit, "/manage/program")
            page.get_by_label("Disclosure line").fill(mine)
            page.get_by_label("Managers on the leaderboard").uncheck()
            expect(page.get_by_text("Not saved yet.")).to_be_visible()
            changed = {"disclosure": theirs, "reuse_warning_above": 77}
            assert people.manager.patch("/program", changed).status == 200
            page.reload()  # what is taken up again is still held against what it was typed over
            expect(page.get_by_label("Disclosure line")).to_have_value(mine)
            page.get_by_role("button", name="Save", exact=True).click()
            dialog = both_versions(page)
            for words in (mine, theirs, "77"):
                expect(dialog).to_contain_text(words)
            dialog.get_by_role("button", name="Look again first").click()
            assert people.manager.get("/program").body["disclosure"] == theirs
            expect(page.get_by_label("Disclosure line")).to_have_value(mine)
            page.get_by_role("button", name="Save", exact=True).click()
            dialog.get_by_label("Theirs").check()
            dialog.get_by_role("button", name="Save it like this").click()
            expect(page.get_by_text("Saved", exact=True)).to_be_visible()
            expect(page.get_by_label("Disclosure line")).to_have_value(theirs)
        now = people.manager.get("/program").body
        assert (now["disclosure"], now["reuse_warning_above"]) == (theirs, 77)
        assert now["managers_on_leaderboard"] is False
        assert now["version"] == before["version"] + 2
    finally:
        names = ("disclosure", "reuse_warning_above", "managers_on_leaderboard")
        assert people.manager.patch("/program", {each: before[each] for each in names}).status < 300


def test_a_role_that_somebody_else_changed_and_changed_back_is_written_on_their_version(
    people: People,
) -> None:
    name = f"Swing{secrets.token_hex(3)}"
    invited = people.manager.post("/members", {"email": f"{name}@demo.example", "name": name}).body
    path = f"/members/{invited['member_id']}"
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/members")
        menu(page, name, "Make manager")
        for role in ("manager", "member"):
            assert people.manager.patch(path, {"role": role}).status == 200
        page.get_by_role("dialog").get_by_role("button", name="Make manager").click()
        expect(page.get_by_text(f"The role of {name} is changed.")).to_be_visible()
    now = people.manager.get(path).body
    assert (now["role"], now["version"]) == ("manager", 4)
    assert people.manager.delete(path).status == 204


def test_a_member_who_was_removed_meanwhile_is_not_made_manager_unseen(people: People) -> None:
    name = f"Gone{secrets.token_hex(3)}"
    invited = people.manager.post("/members", {"email": f"{name}@demo.example", "name": name}).body
    path = f"/members/{invited['member_id']}"
    with people.visit(DESKTOP) as visit:
        page = manage(people, visit, "/manage/members")
        menu(page, name, "Make manager")
        assert people.manager.delete(path).status == 204
        page.get_by_role("dialog").get_by_role("button", name="Make manager").click()
        dialog = both_versions(page)
        expect(dialog).to_contain_text("Removed")
        dialog.get_by_role("button", name="Look again first").click()
        expect(dialog).to_have_count(0)
    now = people.manager.get(path).body
    assert (now["role"], now["status"], now["version"]) == ("member", "removed", 2)
