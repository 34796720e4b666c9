"""Awarding points and taking them back, as parts of whoever's transaction; and adding them up."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.table import Part
from chalicelib.points.boards import Board, Leaderboard
from chalicelib.points.model import (
    Entry,
    EntryKind,
    Totals,
    award_id,
    reversal_id,
)
from chalicelib.points.periods import Period
from chalicelib.points.store import PointStore
from chalicelib.programs.service import Profile, ProgramService


@dataclass(frozen=True)
class Standing:
    """A member with their points."""

    profile: Profile
    points: Totals


class PointService:
    def __init__(
        self,
        store: PointStore,
        programs: ProgramService,
        boards: Callable[[], Leaderboard],
        clock: Clock,
    ) -> None:
        self._store = store
        self._programs = programs
        self._boards = boards
        self._clock = clock

    def award(self, owner: str, points: int, activity_id: str, performance_id: str) -> list[Part]:
        """Parts: award the points of a performance, once."""
        return self._store.add(
            owner,
            Entry(
                award_id(performance_id),
                EntryKind.AWARD,
                points,
                activity_id,
                performance_id,
                self._clock.now(),
            ),
        )

    def take_back(
        self, owner: str, points: int, activity_id: str, performance_id: str
    ) -> list[Part]:
        """Parts: compensate an award whose performance failed for good, once."""
        return self._store.add(
            owner,
            Entry(
                reversal_id(performance_id),
                EntryKind.REVERSAL,
                -points,
                activity_id,
                performance_id,
                self._clock.now(),
            ),
        )

    def standing(self, caller: Caller) -> Standing:
        """Tell who one is and what one has."""
        profile = self._programs.profile(caller)
        return Standing(profile, self._store.totals(caller.owner))

    def change_profile(
        self, caller: Caller, *, name: str | None, time_zone: str | None
    ) -> Standing:
        profile = self._programs.change_profile(caller, name=name, time_zone=time_zone)
        return Standing(profile, self._store.totals(caller.owner))

    def leaderboard(self, caller: Caller, period: Period) -> Board:
        """Read the program's board of a period. Raises the problem `leaderboard_off`."""
        return self._boards().read(caller, period)
