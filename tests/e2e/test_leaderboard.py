"""Performing puts a member on the board within a tick, and everybody sees their own place on it."""

from collections.abc import Callable
from typing import Any

from tests.e2e.deployed_stack import DeployedStack, Program
from tests.e2e.people import Answer, Api
from tests.e2e.tiktok_members import TikTokMembers
from tests.e2e.waiting import wait_for

PERIODS = ("week", "month", "quarter", "year", "all_time")


def once_ranked(
    deployed: DeployedStack, ask: Callable[[], Any], right: Callable[[Any], bool]
) -> Any:
    """Let the clock tick until the board is as it should be: the stream takes a moment."""

    def there() -> Any:
        deployed.tick("PointsBuildLeaderboards")
        seen = ask()
        return seen if right(seen) else None

    return wait_for("The board being made", there)


def test_a_performer_is_on_the_board_after_the_next_tick_with_their_current_name(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender = tiktok_members.one().connected()
    before = sender.api.get("/leaderboard", period="week").body
    assert before["me"]["points"] == 0
    sender.perform(tiktok_members.activity(valid, points=1000))
    for period in PERIODS:

        def ask(period: str = period) -> Any:
            return sender.api.get("/leaderboard", period=period).body

        board = once_ranked(deployed, ask, lambda seen: seen["me"]["points"] == 1000)
        assert (board["period"], board["me"]["rank"]) == (period, 1)
        assert board["podium"][0] == board["items"][0] == board["me"]["around"][0]
        assert (board["items"][0]["member_id"], board["items"][0]["is_me"]) == (
            sender.member_id,
            True,
        )
        assert board["as_of"] > before["as_of"]
        assert (board["ends_at"] is None) == (period == "all_time")
    assert sender.api.patch("/me", {"name": "Renamed"}).status == 200
    other = tiktok_members.manager.get
    named = once_ranked(
        deployed,
        lambda: other("/leaderboard", period="week").body["items"][0],
        lambda first: first["name"] == "Renamed",
    )
    assert (named["member_id"], named["is_me"]) == (sender.member_id, False)


def test_a_leaderboard_is_the_programs_own_and_may_be_switched_off(
    deployed: DeployedStack, berlin: Program
) -> None:
    def ask() -> Answer:
        return berlin.member.get("/leaderboard", period="week")

    board = ask().body
    assert (board["time_zone"], board["items"], board["me"]["rank"]) == ("Europe/Berlin", [], 1)

    def switch(*, on: bool) -> None:
        deployed.table("ProgramsTable").update_item(
            Key={"program_id": berlin.program_id, "item": "program"},
            UpdateExpression="SET leaderboard = :on",
            ExpressionAttributeValues={":on": on},
        )

    switch(on=False)
    try:
        assert ask().problem == (409, "leaderboard_off")
    finally:
        switch(on=True)
    assert ask().status == 200


def test_a_board_is_of_a_period_there_is(member: Api) -> None:
    for query in ({"period": "decade"}, {}, {"period": "week", "of": "mine"}):
        assert member.get("/leaderboard", **query).problem == (422, "invalid_request")
