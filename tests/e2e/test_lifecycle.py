"""An activity's times, its end, and the order in which members see activities."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.deployed_stack import DeployedStack, Program, create_program
from tests.e2e.people import Api, Witness, without_previews
from tests.e2e.waiting import wait_for


@pytest.fixture(scope="module")
def crowded(
    deployed: DeployedStack, witness: Witness, clips: Any
) -> tuple[Program, list[str], list[str]]:
    """A program with 23 open activities, every fifth of them featured; ids as they were made."""
    program = create_program(deployed, witness)
    upload = program.manager.upload(clips / "demo.mp4")["upload_id"]
    made = [
        program.manager.create(upload, featured=number % 5 == 0)["activity_id"]
        for number in range(23)
    ]
    return program, made, [each for number, each in enumerate(made) if number % 5 == 0]


def in_seconds(seconds: float) -> str:
    """A time that far ahead, in whole seconds, with its offset."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_scheduled_activity_is_in_no_feed(manager: Api, member: Api, valid_upload: str) -> None:
    made = manager.create(valid_upload, starts_at=in_seconds(3600))
    assert made["status"] == "scheduled"
    assert made["activity_id"] not in member.feed() + manager.feed()
    assert manager.activity(made["activity_id"])["status"] == "scheduled"


def test_a_start_a_moment_ago_is_taken_and_the_activity_is_open(
    manager: Api, member: Api, valid_upload: str
) -> None:
    made = manager.create(valid_upload, starts_at=in_seconds(-120))
    assert made["status"] == "active"
    assert made["activity_id"] in member.feed()


def test_an_activity_opens_and_closes_to_the_second_without_any_sweep(
    manager: Api, member: Api, deployed: DeployedStack, valid_upload: str
) -> None:
    with deployed.clock_stopped():
        made = manager.create(valid_upload, starts_at=in_seconds(2), ends_at=in_seconds(4))
        activity_id = made["activity_id"]
        starts_at, ends_at = instant(made["starts_at"]), instant(made["ends_at"])
        seen: list[str] = []

        def look() -> bool:
            """Look at status and feed; what they say must fit the time of asking."""
            before = datetime.now(UTC)
            status = manager.activity(activity_id)["status"]
            shown = activity_id in member.feed()
            after = datetime.now(UTC)
            if after < starts_at:
                assert (status, shown) == ("scheduled", False)
            if before >= starts_at and after < ends_at:
                assert (status, shown) == ("active", True)
            if before >= ends_at:
                assert (status, shown) == ("ended", False)
            seen.append(status)
            return before >= ends_at

        wait_for("The end of the activity", look)
        assert list(dict.fromkeys(seen)) == ["scheduled", "active", "ended"]
        assert deployed.stored_activity(activity_id)["state"] == "published"  # no sweep came


def test_the_sweep_ends_what_is_due_and_nothing_else(
    manager: Api, member: Api, deployed: DeployedStack, valid_upload: str
) -> None:
    with deployed.clock_stopped():
        due = [
            manager.create(valid_upload, ends_at=in_seconds(2))["activity_id"] for _ in range(30)
        ]
        later = manager.create(valid_upload, ends_at=in_seconds(3600))["activity_id"]
        wait_for("The end", lambda: manager.activity(due[-1])["status"] == "ended")
        assert deployed.tick() >= len(due)
        stored = [deployed.stored_activity(each) for each in due]
        assert {each["state"] for each in stored} == {"ended"}
        assert not [each for each in stored if {"open_in", "due_in"} & set(each)]
        assert deployed.tick() == 0
    told = manager.activity(due[0])
    assert told["ended_at"] == told["ends_at"]
    assert manager.activity(later)["status"] == "active"
    assert later in member.feed()


def test_an_ended_activity_leaves_the_feed_at_once_and_can_be_ended_again(
    manager: Api, member: Api, valid_upload: str
) -> None:
    activity_id = manager.create(valid_upload, ends_at=in_seconds(3600))["activity_id"]
    assert activity_id in member.feed()
    ended = manager.end(activity_id)
    assert activity_id not in member.feed()
    assert ended["status"] == "ended"
    assert abs(instant(ended["ended_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    for again in (manager.end(activity_id), manager.activity(activity_id)):
        assert without_previews(again) == without_previews(ended)


def test_a_scheduled_activity_can_be_ended_before_it_begins(
    manager: Api, valid_upload: str
) -> None:
    activity_id = manager.create(valid_upload, starts_at=in_seconds(3600))["activity_id"]
    assert manager.end(activity_id)["status"] == "ended"


def test_times_are_meant_in_the_managers_zone_and_shown_in_the_readers(
    berlin: Program, clips: Any
) -> None:
    upload = berlin.manager.upload(clips / "demo.mp4")["upload_id"]
    made = berlin.manager.create(upload, ends_at="2027-07-15T09:00")
    assert made["time_zone"] == "Europe/Berlin"
    assert instant(made["ends_at"]) == datetime(2027, 7, 15, 7, tzinfo=UTC)
    assert made["ends_at_local"] == "2027-07-15T09:00:00+02:00"

    zone = berlin.member.get("/me").body["time_zone"]
    berlin.member.patch("/me", {"time_zone": "Asia/Kathmandu"})
    item = berlin.member.get("/feed").body["items"][0]
    berlin.member.patch("/me", {"time_zone": zone})
    assert item["activity_id"] == made["activity_id"]
    assert instant(item["ends_at"]) == instant(made["ends_at"])
    assert item["ends_at_local"] == "2027-07-15T12:45:00+05:45"


def test_the_zone_of_an_activity_stays_when_its_manager_moves(berlin: Program, clips: Any) -> None:
    upload = berlin.manager.upload(clips / "demo.mp4")["upload_id"]
    made = berlin.manager.create(upload, ends_at="2027-01-15T09:00")
    berlin.manager.patch("/me", {"time_zone": "America/New_York"})
    moved = berlin.manager.activity(made["activity_id"])
    berlin.manager.patch("/me", {"time_zone": "Europe/Berlin"})
    assert (moved["ends_at"], moved["time_zone"]) == (made["ends_at"], "Europe/Berlin")
    assert moved["ends_at_local"] == "2027-01-15T03:00:00-05:00"


@pytest.mark.parametrize(
    ("wall_clock", "meant"),
    [
        ("2027-10-31T02:30+02:00", "2027-10-31T00:30:00Z"),
        ("2027-10-31T02:30+01:00", "2027-10-31T01:30:00Z"),
        ("2027-03-28T02:30+01:00", "2027-03-28T01:30:00Z"),
    ],
)
def test_an_offset_settles_a_time_on_a_day_the_clocks_change(
    berlin: Program, clips: Any, wall_clock: str, meant: str
) -> None:
    upload = berlin.manager.upload(clips / "demo.mp4")["upload_id"]
    made = berlin.manager.create(upload, ends_at=wall_clock)
    assert instant(made["ends_at"]) == instant(meant)
    shown = instant(meant).astimezone(ZoneInfo("Europe/Berlin")).isoformat()
    assert made["ends_at_local"] == shown


@pytest.mark.parametrize("limit", [1, 4, 23, 100])
def test_a_feed_in_pages_shows_each_activity_once_featured_first_then_newest(
    crowded: tuple[Program, list[str], list[str]], limit: int
) -> None:
    program, made, featured = crowded
    pages = program.member.pages("/feed", limit)
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]
    shown = [each["activity_id"] for page in pages for each in page]
    plain = [each for each in made if each not in featured]
    assert shown == [*reversed(featured), *reversed(plain)]


@pytest.mark.parametrize("limit", [1, 4, 23, 100])
def test_the_managers_list_in_pages_shows_each_activity_once_newest_first(
    crowded: tuple[Program, list[str], list[str]], limit: int
) -> None:
    program, made, _ = crowded
    pages = program.manager.pages("/activities", limit)
    assert all(len(page) == limit for page in pages[:-1])
    assert [each["activity_id"] for page in pages for each in page] == made[::-1]


@pytest.mark.parametrize("path", ["/feed", "/activities"])
def test_a_page_has_twenty_unless_told_otherwise(
    crowded: tuple[Program, list[str], list[str]], path: str
) -> None:
    body = crowded[0].manager.get(path).body
    assert len(body["items"]) == 20
    assert body["next_cursor"]


@pytest.mark.parametrize("path", ["/feed", "/activities"])
def test_additions_and_ends_between_two_pages_repeat_and_skip_nothing(
    deployed: DeployedStack, witness: Witness, clips: Any, path: str
) -> None:
    program = create_program(deployed, witness)
    upload = program.manager.upload(clips / "demo.mp4")["upload_id"]
    made = [program.manager.create(upload)["activity_id"] for _ in range(6)]
    first = program.manager.get(path, limit=3).body
    program.manager.create(upload)
    program.manager.end(made[4])  # on the page already read
    second = program.manager.get(path, limit=3, cursor=first["next_cursor"]).body
    shown = [each["activity_id"] for each in first["items"] + second["items"]]
    assert shown == made[::-1]
    assert second["next_cursor"] is None


def test_ended_and_scheduled_activities_do_not_thin_out_the_pages_of_a_feed(
    deployed: DeployedStack, witness: Witness, clips: Any
) -> None:
    program = create_program(deployed, witness)
    upload = program.manager.upload(clips / "demo.mp4")["upload_id"]
    still_open: list[str] = []
    for _ in range(4):
        still_open.append(program.manager.create(upload)["activity_id"])
        program.manager.create(upload, starts_at=in_seconds(3600))
        program.manager.end(program.manager.create(upload)["activity_id"])
    pages = program.member.pages("/feed", 2)
    assert [len(page) for page in pages] == [2, 2]
    assert [each["activity_id"] for page in pages for each in page] == still_open[::-1]
