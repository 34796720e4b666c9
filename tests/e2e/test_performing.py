"""A member sends an activity's video: awarded once, staged once, posted, or failed plainly."""

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.problems import Problem
from chalicelib.programs.model import DisclosureTick
from tests.e2e.deployed_stack import DeployedStack, Program, an_hour_ago
from tests.e2e.people import new_key
from tests.e2e.tiktok_members import TICKED, TikTokMembers, once
from tests.e2e.waiting import wait_for

AT_ONCE = 32
WORKERS = 16


def entries(deployed: DeployedStack, member_id: str) -> list[tuple[str, int]]:
    """A member's ledger: kinds and points."""
    return sorted(
        (each["kind"], int(each["points"]))
        for each in deployed.items("PointsTable")
        if each["owner"].endswith(member_id) and each["item"] != "totals"
    )


@pytest.mark.parametrize("clip", ["demo.mp4", "demo.webm"])
def test_the_whole_job_from_the_file_to_the_posted_video(
    tiktok_members: TikTokMembers, deployed: DeployedStack, clips: Path, clip: str
) -> None:
    sender = tiktok_members.one().connected()
    activity = tiktok_members.activity(
        tiktok_members.manager.upload(clips / clip)["upload_id"], points=25
    )
    item = next(
        each for each in sender.api.get("/feed").body["items"] if each["activity_id"] == activity
    )
    assert item["action"]["kind"] == "send_to_tiktok"
    assert "TikTok inbox" in item["action"]["reminder"]

    unticked = sender.api.post(f"/activities/{activity}/perform")
    assert unticked.problem == (409, "disclosure_not_acknowledged")
    answer = sender.api.post(f"/activities/{activity}/perform", TICKED)
    assert (answer.status, answer.body["points_awarded"]) == (202, 25)
    assert answer.body["reminder"] == item["action"]["reminder"]
    performance = answer.body["performance_id"]
    assert activity not in sender.api.feed()
    assert sender.points() == (25, 25)

    staged = sender.reaches(performance, "staged")
    assert "TikTok app" in staged["next_step"]
    share = sender.tiktok.share(staged["publish_id"])
    sent = (clips / clip).read_bytes()
    assert (share["size"], share["sha256"]) == (len(sent), hashlib.sha256(sent).hexdigest())
    assert share["completed_uploads"] == 1

    sender.tiktok.press(sender.name, f"{staged['publish_id']}/post")
    posted = sender.reaches(performance, "posted")
    assert posted["queued_at"] <= posted["staged_at"] <= posted["posted_at"]
    assert [each["performance_id"] for each in sender.api.get("/performances").body["items"]] == [
        performance
    ]
    assert sender.points() == (25, 25)
    assert entries(deployed, sender.member_id) == [("award", 25)]


def test_add_your_account_and_send_sends_by_itself_and_once(
    tiktok_members: TikTokMembers, valid: str
) -> None:
    sender, activity = (
        tiktok_members.one(),
        tiktok_members.activity(valid, captions=["Hi"], disclosure="Ad"),
    )
    refused = sender.api.post(f"/activities/{activity}/perform", TICKED)
    assert refused.problem == (409, "tiktok_account_required")
    assert sender.api.get("/performances").body["items"] == []
    url, cookie = sender.begin(refused)
    brought = sender.tiktok.consent(url, sender.name)
    came = sender.come_back(cookie, brought)
    assert came.status == 200
    performance = came.body["performance_id"]
    assert (came.body["points_awarded"], came.body["caption"]) == (10, "Hi\nAd")
    assert sender.come_back(cookie, brought).problem == (400, "tiktok_state_invalid")
    sender.reaches(performance, "staged")
    assert len(sender.api.get("/performances").body["items"]) == 1
    assert len(sender.tiktok.person(sender.name)["inits"]) == 1


def test_a_send_that_can_no_longer_be_made_says_so_and_the_account_stays(
    tiktok_members: TikTokMembers, valid: str
) -> None:
    sender, activity = tiktok_members.one(), tiktok_members.activity(valid)
    url, cookie = sender.begin(sender.api.post(f"/activities/{activity}/perform", TICKED))
    tiktok_members.manager.end(activity)
    came = sender.come_back(cookie, sender.tiktok.consent(url, sender.name))
    assert (came.status, came.body["problem"]) == (200, "activity_ended")
    assert came.body["performance_id"] is None
    assert sender.api.get("/tiktok/account").status == 200


def test_a_send_left_behind_between_connecting_and_performing_is_made_by_the_clock(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender, activity = tiktok_members.one().connected(), tiktok_members.activity(valid)
    deployed.change_account(
        sender.member_id,
        pending_in="pending",
        pending_at=an_hour_ago(),
        pending_activity_id=activity,
        pending_correlation_id="left-behind",
        pending_disclosure_version=TICKED["acknowledged_disclosure"],
        pending_disclosure_language="en",
        pending_disclosure_ticked_at=an_hour_ago(),
    )
    for _ in range(2):
        deployed.tick("PerformancesResumeOverdueSends")
    made = sender.api.get("/performances").body["items"]
    assert [each["activity_id"] for each in made] == [activity]
    assert "pending_in" not in deployed.stored_account(sender.member_id)
    sender.reaches(made[0]["performance_id"], "staged")


def test_performing_from_32_threads_awards_once_and_stages_once(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender, activity = tiktok_members.one().connected(), tiktok_members.activity(valid, points=7)
    caller = Caller(tiktok_members.program_id, sender.member_id, Role.MEMBER, "", "", "UTC")
    performances = deployed.container().performances
    tick = DisclosureTick(TICKED["acknowledged_disclosure"], "en", datetime.now(UTC))

    def perform(_: int) -> str | None:
        try:
            performances.perform(caller, activity, "at-once", tick=tick)
        except Problem as problem:
            return problem.code.code
        return None

    with ThreadPoolExecutor(AT_ONCE) as threads:
        outcomes = list(threads.map(perform, range(AT_ONCE)))
    assert sorted(map(str, outcomes)) == ["None"] + ["already_performed"] * (AT_ONCE - 1)
    made = sender.api.get("/performances").body["items"]
    assert len(made) == 1
    sender.reaches(made[0]["performance_id"], "staged")
    once(deployed.staging_handled, "The staging queue being empty")
    assert sender.points() == (7, 7)
    assert entries(deployed, sender.member_id) == [("award", 7)]
    person = sender.tiktok.person(sender.name)
    assert (len(person["inits"]), person["completed_uploads"]) == (1, 1)


def test_a_key_replays_the_first_answer_to_a_perform(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender, activity, key = (
        tiktok_members.one().connected(),
        tiktok_members.activity(valid),
        new_key(),
    )
    first, again = (
        sender.api.post(f"/activities/{activity}/perform", TICKED, key=key) for _ in range(2)
    )
    assert (first.status, again.status, again.raw) == (202, 202, first.raw)
    other = tiktok_members.activity(valid)
    reused = sender.api.post(f"/activities/{other}/perform", TICKED, key=key)
    assert reused.problem == (422, "idempotency_key_reused")
    assert sender.api.post(f"/activities/{other}/perform", TICKED, key="\x7f").problem == (
        422,
        "invalid_request",
    )
    deployed.unfinish(first.body["performance_id"], locked_until=int(time.time()) + 30)
    meanwhile = sender.api.post(f"/activities/{activity}/perform", TICKED, key=key)
    assert meanwhile.problem == (409, "request_in_progress")
    # As after a crash between the work and its answer: what was made is the answer.
    deployed.unfinish(first.body["performance_id"], locked_until=0)
    retried = sender.api.post(f"/activities/{activity}/perform", TICKED, key=key)
    assert (retried.status, retried.body["performance_id"]) == (202, first.body["performance_id"])


def test_an_activity_that_is_not_open_to_a_member_cannot_be_performed(
    tiktok_members: TikTokMembers, berlin: Program, deployed: DeployedStack, clips: Path, valid: str
) -> None:
    sender = tiktok_members.one().connected()
    ended = tiktok_members.activity(valid)
    tiktok_members.manager.end(ended)
    not_started = tiktok_members.activity(valid, starts_at="2029-01-15T09:00Z")
    performed = tiktok_members.activity(valid)
    sender.reaches(sender.perform(performed), "staged")
    with deployed.validation_paused():
        form = tiktok_members.manager.ask_for_upload()
        tiktok_members.manager.post_file(form, (clips / "two_seconds.mp4").read_bytes())
        rejected = tiktok_members.activity(form.upload_id)
        processing = sender.api.post(f"/activities/{rejected}/perform", TICKED)
    tiktok_members.manager.settled(rejected)
    foreign = berlin.manager.create(berlin.manager.upload(clips / "demo.mp4")["upload_id"])

    def attempt(activity_id: str) -> tuple[int, str | None]:
        return sender.api.post(f"/activities/{activity_id}/perform", TICKED).problem

    def attempt_each() -> None:
        assert attempt(ended) == (409, "activity_ended")
        assert attempt(not_started) == (409, "activity_not_started")
        assert attempt(performed) == (409, "already_performed")
        assert attempt(rejected) == (404, "not_found")
        assert attempt(foreign["activity_id"]) == (404, "not_found")
        assert attempt("act_01hzzzzzzzzzzzzzzzzzzzzzzz") == (404, "not_found")

    assert processing.problem == (404, "not_found")
    deployed.unchanged_by(attempt_each)


def test_a_history_is_ones_own_and_comes_in_pages(
    tiktok_members: TikTokMembers, berlin: Program, valid: str
) -> None:
    sender, other = tiktok_members.one().connected(), tiktok_members.one()
    made = [sender.perform(tiktok_members.activity(valid)) for _ in range(3)]
    pages = sender.api.pages("/performances", 2)
    assert [each["performance_id"] for page in pages for each in page] == made[::-1]
    cursor = sender.api.get("/performances", limit=1).body["next_cursor"]
    for stranger in (other.api, berlin.member):
        assert stranger.get("/performances", cursor=cursor).problem == (400, "invalid_cursor")
        assert stranger.get(f"/performances/{made[0]}").problem == (404, "not_found")
        assert stranger.get("/performances").body["items"] == []
    assert sender.api.get("/performances", limit=0).problem == (422, "invalid_request")


def test_a_message_that_comes_again_stages_nothing_twice(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender = tiktok_members.one().connected()
    performance = sender.perform(tiktok_members.activity(valid))
    for _ in range(2):
        deployed.stage_again(performance)
    staged = sender.reaches(performance, "staged")
    deployed.stage_again(performance)
    once(deployed.staging_handled, "The staging queue being empty")
    person = sender.tiktok.person(sender.name)
    assert (len(person["inits"]), person["completed_uploads"]) == (1, 1)
    signed = {"video_url", "video_url_expires_at"}  # anew when it is read later
    now = sender.performance(performance)
    assert {name for name in staged if now[name] != staged[name]} <= signed


def test_a_performance_whose_message_was_lost_is_queued_by_the_clock(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender, activity = tiktok_members.one().connected(), tiktok_members.activity(valid)
    with deployed.queueing_paused():
        performance = sender.perform(activity)
        assert sender.performance(performance)["status"] == "queued"
        deployed.make_overdue(performance)
        assert deployed.tick("PerformancesResumeOverdueSends") >= 1
        sender.reaches(performance, "staged")
    once(deployed.staging_handled, "The staging queue being empty")
    assert sender.tiktok.person(sender.name)["completed_uploads"] == 1


def test_a_posted_video_is_found_by_asking_when_the_webhook_never_comes(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender = tiktok_members.one().connected()
    performance = sender.perform(tiktok_members.activity(valid))
    staged = sender.reaches(performance, "staged")
    sender.tiktok.faults({"endpoint": "webhook", "kind": "drop", "times": None})
    try:
        sender.tiktok.press(sender.name, f"{staged['publish_id']}/post")
        deployed.make_overdue(performance)
        deployed.tick("PerformancesResumeOverdueSends")
        sender.reaches(performance, "posted")
    finally:
        sender.tiktok.faults()


def test_a_video_tiktok_refuses_fails_plainly_and_comes_back_to_the_feed(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender, activity = tiktok_members.one().connected(), tiktok_members.activity(valid, points=9)
    sender.tiktok.faults(
        {"endpoint": "processing", "kind": "fail", "fail_reason": "file_format_check_failed"}
    )
    try:
        failed = sender.reaches(sender.perform(activity), "failed")
    finally:
        sender.tiktok.faults()
    assert "TikTok cannot read this video" in failed["reason"]
    assert sender.points() == (0, 0)
    assert entries(deployed, sender.member_id) == [("award", 9), ("reversal", -9)]
    assert activity in sender.api.feed()
    sender.reaches(sender.perform(activity), "staged")
    assert sender.points() == (9, 9)


def test_a_rate_limit_is_waited_for(tiktok_members: TikTokMembers, valid: str) -> None:
    sender, activity = tiktok_members.one().connected(), tiktok_members.activity(valid)
    limit = {
        "endpoint": "init",
        "kind": "status",
        "status": 429,
        "error_code": "rate_limit_exceeded",
        "headers": {"Retry-After": "1"},
        "times": 1,
    }
    sender.tiktok.faults(limit)
    try:
        sender.reaches(sender.perform(activity), "staged")
    finally:
        sender.tiktok.faults()


def test_a_token_about_to_run_out_is_refreshed_before_it_is_used(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender = tiktok_members.one().connected()
    before = deployed.tokens_of(sender.member_id)
    deployed.change_account(sender.member_id, access_expires_at=an_hour_ago())
    sender.reaches(sender.perform(tiktok_members.activity(valid)), "staged")
    after = deployed.tokens_of(sender.member_id)
    assert not set(before.values()) & set(after.values())


def test_a_send_is_held_while_its_account_is_gone_and_follows_the_new_consent(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender, activity = tiktok_members.one().connected(), tiktok_members.activity(valid)
    sender.tiktok.faults({"endpoint": "webhook", "kind": "drop", "times": None})
    try:
        sender.tiktok.press(sender.name, "remove-access")
        performance = sender.perform(activity)
        once(
            lambda: "Add your TikTok" in sender.performance(performance)["next_step"],
            "The send being held",
        )
    finally:
        sender.tiktok.faults()
    assert sender.api.get("/tiktok/account").body["status"] == "reconnect_required"
    assert (sender.performance(performance)["status"], sender.points()) == ("queued", (10, 10))
    sender.connect()
    sender.reaches(performance, "staged")
    assert entries(deployed, sender.member_id) == [("award", 10)]


def test_disconnecting_settles_what_was_queued_and_gives_the_points_back(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender, activity = tiktok_members.one().connected(), tiktok_members.activity(valid)
    with deployed.queueing_paused():
        performance = sender.perform(activity)
        assert sender.api.delete("/tiktok/account").status == 204
        failed = sender.reaches(performance, "failed")
    assert "Add it again" in failed["reason"]
    assert sender.points() == (0, 0)
    assert activity in sender.api.feed()


def test_a_sixth_video_is_refused_with_the_time_its_place_is_free(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender, activity = tiktok_members.one().connected(), tiktok_members.activity(valid)
    deployed.take_places(sender.member_id, 5)
    refused = sender.api.post(f"/activities/{activity}/perform", TICKED)
    assert refused.problem == (409, "tiktok_inbox_full")
    left = datetime.fromisoformat(refused.body["retry_at"]) - datetime.now(UTC)
    assert timedelta(hours=22) < left < timedelta(hours=24)
    assert sender.points() == (0, 0)
    deployed.take_places(sender.member_id, 5, hours_ago=25)
    sender.reaches(sender.perform(activity), "staged")


def test_a_removed_member_is_revoked_at_tiktok_and_their_queued_sends_are_settled(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender, activity = tiktok_members.one().connected(), tiktok_members.activity(valid)
    with deployed.queueing_paused():
        performance = sender.perform(activity)
        deployed.change_account(sender.member_id, access_expires_at=an_hour_ago())
        assert tiktok_members.manager.delete(f"/members/{sender.member_id}").status == 204
        wait_for(
            "The performance being settled",
            lambda: deployed.stored_performance(performance)["state"] == "failed" or None,
        )
    assert sender.api.get("/me").problem == (403, "not_a_member")
    assert sender.tiktok.person(sender.name)["tokens"]["refresh_live"] == 0
    assert entries(deployed, sender.member_id) == [("award", 10), ("reversal", -10)]


def test_an_account_nobody_uses_is_renewed_before_it_lapses(
    tiktok_members: TikTokMembers, deployed: DeployedStack
) -> None:
    sender = tiktok_members.one().connected()
    before = deployed.tokens_of(sender.member_id)
    deployed.change_account(sender.member_id, refresh_expires_at=an_hour_ago())
    deployed.tick("TiktokMaintainAccounts")
    assert not set(before.values()) & set(deployed.tokens_of(sender.member_id).values())


def test_sixteen_workers_at_once_refresh_a_token_once(
    tiktok_members: TikTokMembers, deployed: DeployedStack
) -> None:
    sender = tiktok_members.one().connected()
    deployed.change_account(sender.member_id, access_expires_at=an_hour_ago())
    tokens = deployed.container().access_tokens
    with ThreadPoolExecutor(WORKERS) as threads:
        found = set(
            threads.map(
                lambda _: tokens.access_token(tiktok_members.program_id, sender.member_id).value,
                range(WORKERS),
            )
        )
    assert found == {deployed.tokens_of(sender.member_id)["access"]}
    assert sender.tiktok.person(sender.name)["tokens"]["refreshes"] == 1
    assert sender.api.get("/tiktok/account").body["status"] == "connected"


def test_correlation_runs_from_the_request_to_tiktoks_log_id(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender, activity, sent = (
        tiktok_members.one().connected(),
        tiktok_members.activity(valid),
        new_key(),
    )
    answer = sender.api.call(
        "POST",
        f"/activities/{activity}/perform",
        json=TICKED,
        headers={"X-Correlation-Id": sent},
    )
    assert answer.status == 202
    sender.reaches(answer.body["performance_id"], "staged")

    def logged() -> Any:
        lines = [
            json.loads(line) for line in deployed.log_of("PerformancesStage") if line[:1] == "{"
        ]
        mine = [line for line in lines if line.get("correlation_id") == sent]
        return [line["log_id"] for line in mine if line["message"] == "draft begun"] or None

    assert wait_for("TikTok's log id beside the request's own", logged)[0]


def test_the_ledger_adds_up_and_a_planted_difference_is_found_and_set_right(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender = tiktok_members.one().connected()
    sender.reaches(sender.perform(tiktok_members.activity(valid, points=11)), "staged")

    def rebuild(*options: str) -> Result:
        return deployed.command(
            "points", "rebuild", "--program", tiktok_members.program_id, *options
        )

    def ranked() -> bool:
        deployed.tick("PointsBuildLeaderboards")
        return bool(sender.api.get("/leaderboard", period="week").body["me"]["points"] == 11)

    wait_for("The points being on the board", ranked)
    assert rebuild().exit_code == 0
    owner = f"{tiktok_members.program_id}/{sender.member_id}"
    deployed.table("PointsTable").update_item(
        Key={"owner": owner, "item": "totals"},
        UpdateExpression="SET balance = :wrong",
        ExpressionAttributeValues={":wrong": 999},
    )
    found = rebuild()
    assert found.exit_code == 3
    assert f"{sender.member_id}: balance 999, ledger 11" in found.stdout
    assert json.loads(found.stdout.splitlines()[-1])["differences"] == 1
    assert rebuild("--repair").exit_code == 0
    assert (rebuild().exit_code, sender.points()) == (0, (11, 11))
