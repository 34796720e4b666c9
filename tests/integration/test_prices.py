"""What a request costs at its worst: nothing was asked for a while, and nothing is remembered."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.audit.model import EntryFilter
from chalicelib.foundation.identity import Caller
from chalicelib.performances.views import view_of
from chalicelib.points.periods import Period
from chalicelib.programs.model import DisclosureTick
from chalicelib.programs.service import CACHED_FOR, ProgramChanges
from tests.integration.conftest import Calls
from tests.integration.greenroom import CORRELATION, Greenroom

PAGE, EACH, MOST = 20, 3, 100


class Reader:
    """Somebody who reads in what is answered all that a screen shows."""

    def __init__(self, greenroom: Greenroom, caller: Caller, activities: list[str]) -> None:
        self.greenroom, self.container, self.caller = greenroom, greenroom.container, caller
        self.activities = activities

    def pages(self, limit: int) -> None:
        page = self.container.activities.feed(self.caller, limit, None)
        assert len(page.items) == limit
        for each in page.items:
            assert self.container.activities.text_for(self.caller, each).disclosure == "#ad"
        self.reads_times()

    def feed(self) -> None:
        self.pages(PAGE)

    def longest_feed(self) -> None:
        self.pages(MOST)

    def item(self) -> None:
        offered = self.container.activities.offered(self.caller, self.activities[0])
        assert offered.text.disclosure == "#ad"
        self.reads_times()

    @property
    def tick(self) -> DisclosureTick:
        return DisclosureTick("1.your_brand", "en", self.container.clock.now())

    def perform(self) -> None:
        made = self.container.performances.perform(
            self.caller, self.activities.pop(), CORRELATION, tick=self.tick
        )
        assert view_of(made, self.caller).queued_at_local

    def leaderboard(self) -> None:
        self.container.points.leaderboard(self.caller, Period.WEEK)
        self.reads_times()

    def history(self) -> None:
        (made,) = self.greenroom.history(self.caller)
        assert view_of(made, self.caller).queued_at_local

    def listed(self) -> None:
        assert len(self.container.activities.activities(self.caller, PAGE, None).items) == PAGE
        self.reads_times()

    def members(self) -> None:
        assert self.container.members.members(self.caller, PAGE, None).items

    def notices(self) -> None:
        found = self.container.notifications.overview(self.caller)
        assert found.unread == len(found.items)

    def audit(self) -> None:
        manager = self.greenroom.manager
        page = self.container.audit.entries(manager, EntryFilter(), PAGE, None)
        assert len(page.items) > EACH

    def reads_times(self) -> None:
        assert self.caller.time_zone == "Europe/Berlin"


@pytest.fixture
def reader(tables_in_memory: None, greenroom: Greenroom) -> Reader:
    ben = greenroom.member("ben")
    greenroom.connect_account(ben, "ben")
    activities = [greenroom.activity().activity_id for _ in range(MOST + EACH + 2)]
    changed = ProgramChanges(disclosure="#ad")
    greenroom.container.programs.change_program(greenroom.manager, changed)
    reader = Reader(greenroom, greenroom.now(ben), activities)
    reader.perform()
    greenroom.count_entries()
    greenroom.build_leaderboards()
    return reader


def cost(reader: Reader, calls: Calls, use: Callable[[], None]) -> list[int]:
    """Count the calls of a request that comes after a quiet time, and of two that follow it."""
    counted = []
    use()  # what is read once for all, such as a secret
    reader.greenroom.clock.advance(CACHED_FOR)
    for _ in range(EACH):
        reader.greenroom.clock.advance(timedelta(seconds=1))
        calls.made.clear()
        reader.caller = reader.greenroom.now(reader.caller)
        use()
        counted.append(len(calls.names))
    return counted


@pytest.mark.parametrize(
    ("pattern", "calls_each"),
    [
        ("feed", [4, 4, 4]),
        # What reads things together answers less at once than what reads many of a kind.
        ("longest_feed", [5, 4, 4]),
        ("item", [3, 3, 3]),
        ("perform", [3, 3, 3]),
        ("leaderboard", [4, 4, 4]),
        ("members", [2, 2, 2]),
        ("notices", [2, 2, 2]),
        ("audit", [2, 2, 2]),
    ],
)
def test_a_quiet_minute_makes_nothing_dearer(
    reader: Reader, calls: Calls, pattern: str, calls_each: list[int]
) -> None:
    assert cost(reader, calls, getattr(reader, pattern)) == calls_each


@pytest.mark.parametrize("pattern", ["history", "listed"])
def test_a_list_with_times_costs_one_more_once_a_minute_to_who_has_chosen_no_zone(
    reader: Reader, calls: Calls, pattern: str
) -> None:
    """A query has no room for an item beside it."""
    use = getattr(reader, pattern)
    assert cost(reader, calls, use) == [3, 2, 2]
    reader.container.programs.change_profile(reader.caller, name=None, time_zone="Europe/Berlin")
    assert cost(reader, calls, use) == [2, 2, 2]
