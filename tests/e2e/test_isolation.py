"""Two programs in one deployment know nothing of each other, not even that the other is there."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.deployed_stack import Program
from tests.e2e.people import Answer, Api


@dataclass(frozen=True)
class Theirs:
    upload: str
    activity: str


@pytest.fixture(scope="module")
def theirs(berlin: Program, clips: Any) -> Theirs:
    upload = berlin.manager.upload(clips / "demo.mp4")["upload_id"]
    activities = [berlin.manager.create(upload)["activity_id"] for _ in range(2)]
    return Theirs(upload, activities[0])


def same(one: Answer, other: Answer) -> bool:
    """Nothing tells them apart: status, body to the byte, headers but for those of the moment."""
    of_the_moment = ("x-correlation-id", "date", "x-amzn-requestid", "x-amz-request-id")
    headers = [
        {
            name.lower(): value
            for name, value in each.headers.items()
            if name.lower() not in of_the_moment
        }
        for each in (one, other)
    ]
    return (one.status, one.raw) == (other.status, other.raw) and headers[0] == headers[1]


@pytest.mark.parametrize("path", ["/feed", "/activities"])
def test_a_cursor_of_another_program_answers_exactly_like_one_made_up(
    manager: Api, berlin: Program, theirs: Theirs, path: str
) -> None:
    cursor = berlin.manager.get(path, limit=1).body["next_cursor"]
    assert berlin.manager.get(path, limit=1, cursor=cursor).status == 200
    foreign = manager.get(path, cursor=cursor)
    assert foreign.problem == (400, "invalid_cursor")
    assert same(foreign, manager.get(path, cursor="made-up"))


def test_lists_and_feeds_hold_only_what_is_ones_own(
    manager: Api, member: Api, berlin: Program, theirs: Theirs, valid_upload: str
) -> None:
    ours = manager.create(valid_upload)["activity_id"]
    assert ours in member.feed()
    assert theirs.activity in berlin.member.feed()
    for own, foreign, people in (
        (ours, theirs.activity, (manager, member)),
        (theirs.activity, ours, (berlin.manager, berlin.member)),
    ):
        assert all(own in each.feed() and foreign not in each.feed() for each in people)
        listed = [
            each["activity_id"] for page in people[0].pages("/activities", 100) for each in page
        ]
        assert own in listed
        assert foreign not in listed


def test_me_names_ones_own_program_and_role(manager: Api, member: Api, berlin: Program) -> None:
    told = [each.get("/me").body for each in (manager, member, berlin.manager, berlin.member)]
    assert [each["role"] for each in told] == ["manager", "member"] * 2
    programs = [each["program"]["program_id"] for each in told]
    assert programs[0] == programs[1] != programs[2] == programs[3] == berlin.program_id
    assert told[2]["time_zone"] == "Europe/Berlin"
