"""Activities edited, tried, dismissed, duplicated and put away over HTTP, and all it may answer."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.deployed_stack import DeployedStack, Program
from tests.e2e.people import Api, new_key, without_previews
from tests.e2e.test_lifecycle import in_seconds
from tests.e2e.tiktok_members import TICKED, Sender, TikTokMembers

NOWHERE = "act_01hzzzzzzzzzzzzzzzzzzzzzzz"
PROBLEMS: list[tuple[str, Any, dict[str, str], tuple[int, str]]] = [
    ("malformed", b"{", {}, (400, "invalid_json")),
    ("another type", b"{}", {"Content-Type": "text/plain"}, (415, "unsupported_media_type")),
    ("not its field", b'{"status": "active"}', {}, (422, "invalid_request")),
]


@pytest.fixture(scope="module")
def private(tiktok_members: TikTokMembers, deployed: DeployedStack) -> dict[str, str]:
    """A private channel and a campaign of the tiktok_members's program."""
    named = {"channel_id": "chn_1", "campaign_id": "cam_1"}
    for kind in ("channel", "campaign"):
        deployed.table("ProgramsTable").put_item(
            Item={
                "program_id": tiktok_members.program_id,
                "item": f"{kind}#{named[f'{kind}_id']}",
                f"{kind}_id": named[f"{kind}_id"],
                "name": kind,
                "kind": "private",
                "archived": False,
                "created_at": "2026-01-01T00:00:00.000000+0000",
            }
        )
    return named


@pytest.fixture(scope="module")
def sender(tiktok_members: TikTokMembers) -> Sender:
    return tiktok_members.one().connected()


@pytest.fixture(scope="module")
def chief(tiktok_members: TikTokMembers, deployed: DeployedStack) -> Sender:
    """A member who has been made a manager."""
    sender = tiktok_members.one()
    deployed.table("ProgramsTable").update_item(
        Key={"program_id": tiktok_members.program_id, "item": f"member#{sender.member_id}"},
        UpdateExpression="SET #role = :manager",
        ExpressionAttributeNames={"#role": "role"},
        ExpressionAttributeValues={":manager": "manager"},
    )
    return sender


def test_a_manager_edits_what_they_saw_and_members_see_it(
    tiktok_members: TikTokMembers, sender: Sender, valid: str, private: dict[str, str]
) -> None:
    manager = tiktok_members.manager
    made = manager.create(valid, points=1, network="tiktok_video")
    path = f"/activities/{made['activity_id']}"
    changes = {
        "points": 5,
        "featured": True,
        "campaign_id": private["campaign_id"],
        "captions": ["First", "Second"],
        "hashtags": ["ourjob"],
        "disclosure": "Advertisement",
        "ends_at": in_seconds(3600),
    }
    edited = manager.patch(path, {"version": 1, **changes})
    assert (edited.status, edited.body["version"]) == (200, 2)
    assert same(manager.activity(made["activity_id"]), edited.body)
    stale = manager.patch(path, {"version": 1, "points": 9})
    assert stale.problem == (409, "changed_meanwhile")
    assert stale.body["version"] == 2
    for finish in ("end", "archive"):
        late = manager.post(f"{path}/{finish}", {"version": 1})
        assert late.problem == (409, "changed_meanwhile")
    listed = manager.get("/activities", campaign_id=private["campaign_id"]).body["items"]
    assert same(listed, [edited.body])

    [item] = sender.api.get("/feed", campaign_id=private["campaign_id"]).body["items"]
    assert (item["points"], item["featured"]) == (5, True)
    assert item["network"] == made["network"] == "tiktok_video"
    assert item["caption"] in (
        "First\n#ourjob\nAdvertisement",
        "Second\n#ourjob\nAdvertisement",
    )
    own = sender.api.get(f"/feed/{made['activity_id']}").body
    assert same(own, {**item, "performance_id": None, "dismissed": False})

    answer = sender.api.post(f"{path}/perform", TICKED)
    assert (answer.status, answer.body["points_awarded"]) == (202, 5)
    performance = sender.performance(answer.body["performance_id"])
    assert item["caption"] == answer.body["caption"] == performance["caption"]
    assert (performance["try"], performance["disclosure"]) == (False, "Advertisement")
    own = sender.api.get(f"/feed/{made['activity_id']}").body
    assert own["performance_id"] == answer.body["performance_id"]
    assert sender.api.post(f"{path}/dismiss").problem == (409, "already_performed")


def test_of_managers_editing_at_one_moment_one_has_their_way_and_the_others_are_told(
    manager: Api, valid_upload: str
) -> None:
    made = manager.create(valid_upload)
    path, wanted = f"/activities/{made['activity_id']}", range(1, 5)
    with ThreadPoolExecutor(len(wanted)) as threads:
        answers = list(
            threads.map(lambda n: manager.patch(path, {"version": 1, "points": n}), wanted)
        )
    [edited] = [each for each in answers if each.status == 200]
    others = [each for each in answers if each is not edited]
    assert {each.problem for each in others} == {(409, "changed_meanwhile")}
    assert same(manager.activity(made["activity_id"]), edited.body)


def test_an_activity_of_a_private_channel_is_not_found_by_others(
    tiktok_members: TikTokMembers, sender: Sender, valid: str, private: dict[str, str]
) -> None:
    made = tiktok_members.manager.create(valid, channel_ids=[private["channel_id"]])
    assert tiktok_members.manager.activity(made["activity_id"])["channel_ids"] == [
        private["channel_id"]
    ]
    for api in (sender.api, tiktok_members.manager):
        assert made["activity_id"] not in api.feed()
        for method, path in (
            ("GET", "/feed/{}"),
            ("POST", "/activities/{}/perform"),
            ("POST", "/activities/{}/dismiss"),
            ("DELETE", "/activities/{}/dismiss"),
        ):
            hidden, unknown = (
                api.call(method, path.format(each)) for each in (made["activity_id"], NOWHERE)
            )
            assert hidden.problem == (404, "not_found")
            assert hidden.raw == unknown.raw


def test_a_member_dismisses_an_activity_and_takes_that_back(
    tiktok_members: TikTokMembers, sender: Sender, valid: str
) -> None:
    activity = tiktok_members.activity(valid)
    for _ in range(2):
        assert sender.api.post(f"/activities/{activity}/dismiss").status == 204
        assert activity not in sender.api.feed()
    assert sender.api.get(f"/feed/{activity}").body["dismissed"] is True
    for _ in range(2):
        assert sender.api.delete(f"/activities/{activity}/dismiss").status == 204
        assert activity in sender.api.feed()


def test_a_manager_tries_what_is_scheduled_and_it_lands_in_their_inbox_and_nowhere_else(
    tiktok_members: TikTokMembers, chief: Sender, deployed: DeployedStack, valid: str
) -> None:
    activity = tiktok_members.activity(valid, starts_at=in_seconds(3600), captions=["Hi"])
    path, key = f"/activities/{activity}/try", new_key()
    refused = chief.api.post(path)
    assert refused.problem == (409, "tiktok_account_required")
    url, cookie = chief.begin(refused)
    came = chief.come_back(cookie, chief.tiktok.consent(url, chief.name))
    assert came.body["performance_id"] is None
    tried = chief.api.post(path, key=key)
    assert tried.status == 202
    assert chief.api.post(path, key=key).raw == tried.raw
    assert goes_on(deployed, chief.api, path, None, key=key, made=tried.body["performance_id"])
    staged = chief.reaches(tried.body["performance_id"], "staged")
    assert (staged["try"], staged["points"], staged["caption"]) == (
        True,
        0,
        tried.body["caption"],
    )
    assert chief.points() == (0, 0)
    owner = f"{tiktok_members.program_id}/{chief.member_id}"
    for table in ("MarksTable", "PointsTable"):
        assert not [each for each in deployed.items(table) if each["owner"] == owner]
    assert chief.api.post(path, key="a b").problem == (422, "invalid_request")
    other = f"/activities/{tiktok_members.activity(valid)}/try"
    assert chief.api.post(other, key=key).problem == (422, "idempotency_key_reused")
    deployed.take_places(chief.member_id, 5)
    assert chief.api.post(other).problem == (409, "tiktok_inbox_full")
    deployed.take_places(chief.member_id, 5, hours_ago=25)


def test_an_activity_runs_again_as_a_duplicate_and_goes_out_of_the_list_when_put_away(
    manager: Api, deployed: DeployedStack, member: Api, valid_upload: str
) -> None:
    source = manager.create(valid_upload, points=3, ends_at=in_seconds(3600))
    path = f"/activities/{source['activity_id']}"
    archived = manager.post(f"{path}/archive", {"version": 1})
    assert (archived.status, archived.body["status"]) == (200, "archived")
    assert same(manager.post(f"{path}/archive").body, archived.body)
    assert source["activity_id"] not in member.feed()
    listed = [manager.get("/activities", limit=100, archived=each).body for each in (True, False)]
    there = [
        [each for each in page["items"] if each["activity_id"] == source["activity_id"]]
        for page in listed
    ]
    assert same(there, [[archived.body], []])
    assert manager.patch(path, {"version": 2, "points": 4}).problem == (409, "activity_ended")
    assert manager.post(f"{path}/try").problem == (409, "activity_ended")

    key = new_key()
    copy = manager.post(f"{path}/duplicate", {"points": 4}, key)
    assert copy.status == 201
    assert (copy.body["status"], copy.body["points"], copy.body["ends_at"]) == (
        "active",
        4,
        source["ends_at"],
    )
    assert manager.post(f"{path}/duplicate", {"points": 4}, key).raw == copy.raw
    made = copy.body["activity_id"]
    assert goes_on(deployed, manager, f"{path}/duplicate", {"points": 4}, key=key, made=made)
    reused = manager.post(f"{path}/duplicate", {"points": 5}, key)
    assert reused.problem == (422, "idempotency_key_reused")
    assert copy.body["activity_id"] in member.feed()


def test_a_video_is_changed_until_somebody_performed_the_activity(
    tiktok_members: TikTokMembers, sender: Sender, valid: str, clips: Path
) -> None:
    manager = tiktok_members.manager
    other = manager.upload(clips / "demo.webm")["upload_id"]
    activity = tiktok_members.activity(valid)
    changed = manager.patch(f"/activities/{activity}", {"version": 1, "upload_id": other})
    assert changed.body["video"]["container"] == "webm"
    sender.perform(activity)
    seen = manager.activity(activity)
    assert (seen["performed"], seen["version"]) == (True, 2)
    refused = manager.patch(f"/activities/{activity}", {"version": 2, "upload_id": valid})
    assert refused.problem == (409, "activity_performed")
    assert same(manager.activity(activity), seen)


@pytest.mark.parametrize(("method", "what"), [("PATCH", ""), ("POST", "/duplicate")])
def test_an_upload_that_is_no_video_is_refused(
    manager: Api, valid_upload: str, rejected_upload: str, method: str, what: str
) -> None:
    path = f"/activities/{manager.create(valid_upload)['activity_id']}{what}"
    seen = {"version": 1} if method == "PATCH" else {}
    for upload_id, problem in (
        (rejected_upload, (409, "upload_not_valid")),
        (manager.ask_for_upload().upload_id, (409, "upload_not_received")),
        ("upl_01hzzzzzzzzzzzzzzzzzzzzzzz", (404, "not_found")),
    ):
        answer = manager.call(method, path, json={**seen, "upload_id": upload_id})
        assert answer.problem == problem


def test_an_activity_without_a_valid_video_cannot_be_tried(
    manager: Api, deployed: DeployedStack, valid_upload: str
) -> None:
    activity_id = manager.create(valid_upload)["activity_id"]
    for state, code in (("processing", "activity_processing"), ("rejected", "activity_rejected")):
        deployed.change_activity(activity_id, state=state)
        assert manager.post(f"/activities/{activity_id}/try").problem == (409, code)
    refused = manager.post(f"/activities/{activity_id}/duplicate", {})
    assert refused.problem == (409, "activity_rejected")
    assert manager.post(f"/activities/{activity_id}/archive").status == 200


def test_an_unarchived_activity_is_ended_or_rejected_and_does_not_resume(
    manager: Api, deployed: DeployedStack, member: Api, valid_upload: str
) -> None:
    activity_id = manager.create(valid_upload, ends_at=in_seconds(3600))["activity_id"]
    path = f"/activities/{activity_id}"
    as_it_is = manager.post(f"{path}/unarchive", {"version": 7})
    assert (as_it_is.status, as_it_is.body["status"]) == (200, "active")
    archived = manager.post(f"{path}/archive").body
    stale = manager.post(f"{path}/unarchive", {"version": 1})
    assert stale.problem == (409, "changed_meanwhile")
    back = manager.post(f"{path}/unarchive", {"version": archived["version"]})
    assert (back.status, back.body["status"], back.body["archived_at"]) == (200, "ended", None)
    assert back.body["ended_at"] == archived["ended_at"]
    listed = manager.get("/activities", limit=100).body["items"]
    assert activity_id in [each["activity_id"] for each in listed]
    assert activity_id not in member.feed()
    assert same(manager.post(f"{path}/unarchive").body, back.body)

    told = {"field": "duration_seconds", "message": "It lasts 70 s.", "actual": 70, "limit": 60}
    problems = json.dumps([{"code": "too_long", **told}])
    deployed.change_activity(activity_id, state="rejected", problems=problems)
    assert manager.post(f"{path}/archive").status == 200
    assert manager.post(f"{path}/unarchive").body["status"] == "rejected"


@pytest.mark.parametrize("what", ["", "/end", "/duplicate", "/archive", "/unarchive"])
@pytest.mark.parametrize(("body", "headers", "problem"), [each[1:] for each in PROBLEMS])
def test_a_body_that_is_not_right_is_refused(
    manager: Api, what: str, body: bytes, headers: dict[str, str], problem: tuple[int, str]
) -> None:
    method = "POST" if what else "PATCH"
    answer = manager.call(method, f"/activities/{NOWHERE}{what}", body=body, headers=headers)
    assert answer.problem == problem


@pytest.mark.parametrize("what", ["", "/duplicate", "/archive", "/unarchive", "/try"])
def test_an_activity_of_another_program_is_like_one_that_is_not_there(
    manager: Api, berlin: Program, clips: Path, what: str
) -> None:
    upload = berlin.manager.upload(clips / "demo.mp4")["upload_id"]
    theirs = berlin.manager.create(upload)
    method, body = ("POST", {}) if what else ("PATCH", {"version": 1, "points": 1})
    json = None if what == "/try" else body
    foreign, unknown = (
        manager.call(method, f"/activities/{each}{what}", json=json)
        for each in (theirs["activity_id"], NOWHERE)
    )
    assert foreign.problem == (404, "not_found")
    assert foreign.raw == unknown.raw
    assert same(berlin.manager.activity(theirs["activity_id"]), theirs)


def same(answer: Any, other: Any) -> bool:
    """Return whether two answers say the same; addresses of videos are new each time."""
    return bool(without_previews(answer) == without_previews(other))


def goes_on(
    deployed: DeployedStack, api: Api, path: str, body: Any, *, key: str, made: str
) -> bool:
    """Return whether a request whose first try broke waits for it and then finds what it made."""
    deployed.unfinish(made, locked_until=int(time.time()) + 30)
    waits = api.post(path, body, key).problem == (409, "request_in_progress")
    deployed.unfinish(made, locked_until=0)
    again = api.post(path, body, key).body
    return waits and made in (again.get("activity_id"), again.get("performance_id"))
