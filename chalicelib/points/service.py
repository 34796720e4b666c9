"""Awarding points and taking them back, as parts of whoever's transaction; and adding them up."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.audit.model import Kind, act
from chalicelib.foundation import actors
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import Problem, ProblemCode, invalid_field, not_found
from chalicelib.foundation.table import Conflict, Part, Read
from chalicelib.foundation.values import dataclass
from chalicelib.points.boards import Board, LeaderboardReader
from chalicelib.points.model import (
    EntryKind,
    LedgerEntry,
    Source,
    SourceKind,
    Totals,
    entry_id_of,
    points_phrase,
    shorten,
)
from chalicelib.points.periods import Period
from chalicelib.points.problems import PointProblem
from chalicelib.points.store import PointStore
from chalicelib.programs.model import Member, MemberStatus, owner_key
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.service import ProgramService

ADJUST_ATTEMPTS = 12
"""Within 4 s: one of those who change a balance at the same time succeeds at each."""


@dataclass(frozen=True)
class AdjustmentResult:
    """An adjustment, and what its member has after it."""

    entry: LedgerEntry
    totals: Totals


class PointService:
    def __init__(
        self,
        *,
        store: PointStore,
        boards: Callable[[], LeaderboardReader],
        programs: ProgramService,
        cursors: Cursors,
        clock: Clock,
        sleep: Callable[[float], None],
    ) -> None:
        self._sleep = sleep
        self._store = store
        self._boards = boards
        self._programs = programs
        self._cursors = cursors
        self._clock = clock

    def award(
        self, owner: str, points: int, performance_id: str, about: str | None = None
    ) -> list[Part]:
        """Parts: award the points of a performance, once."""
        awarded = self._performance_entry(EntryKind.AWARD, points, performance_id, about)
        return self._store.add(owner, awarded)

    def take_back(
        self,
        owner: str,
        points: int,
        performance_id: str,
        *,
        about: str | None = None,
        reason: str | None = None,
        failure: str | None = None,
    ) -> list[Part]:
        """Parts: compensate an award whose performance failed for good, once.

        A member owes what they spent meanwhile: the balance may be less than nothing after it.
        """
        reversed_ = self._performance_entry(EntryKind.REVERSAL, -points, performance_id, about)
        return self._store.add(owner, replace(reversed_, reason=reason, failure=failure))

    def award_bonus(
        self, owner: str, points: int, performance_id: str, about: str | None = None
    ) -> list[Part]:
        """Parts: award the bonus of a performance whose video was posted, once; none for 0."""
        if not points:
            return []
        bonus = self._performance_entry(EntryKind.BONUS, points, performance_id, about)
        return self._store.add(owner, bonus)

    def _performance_entry(
        self, kind: EntryKind, points: int, performance_id: str, about: str | None
    ) -> LedgerEntry:
        entry_id = entry_id_of(performance_id, kind)
        source = Source(
            SourceKind.BONUS if kind is EntryKind.BONUS else SourceKind.PERFORMANCE, performance_id
        )
        told = shorten(about) if about else None
        return LedgerEntry(entry_id, kind, points, source, self._clock.now(), told)

    def spend(self, owner: str, points: int, redemption_id: str, about: str) -> list[Part]:
        """Parts: spend points on a redemption, once. Fails with `BalanceTooLow`."""
        spent = self._redemption_entry(EntryKind.SPENDING, -points, redemption_id, about)
        return self._store.add(owner, spent, covered=True)

    def refund(
        self, owner: str, points: int, redemption_id: str, *, about: str, reason: str | None
    ) -> list[Part]:
        """Parts: give back what was spent on a redemption that was rejected, once."""
        refunded = self._redemption_entry(EntryKind.REFUND, points, redemption_id, about)
        return self._store.add(owner, replace(refunded, reason=reason))

    def _redemption_entry(
        self, kind: EntryKind, points: int, redemption_id: str, about: str
    ) -> LedgerEntry:
        entry_id = entry_id_of(redemption_id, kind)
        source = Source(SourceKind.REDEMPTION, redemption_id)
        return LedgerEntry(entry_id, kind, points, source, self._clock.now(), shorten(about))

    def adjust(
        self,
        caller: Caller,
        member_id: str,
        amount: int,
        reason: str,
        made_id: str | None = None,
    ) -> AdjustmentResult:
        """Adjust a member's points by hand, for a reason that they read.

        Raises problems: `not_found`, `member_removed`, `invalid_request` for nothing at all, and
        `balance_too_low` (with `balance`) for more than they have, and `changed_meanwhile` if the
        balance changed during each of `ADJUST_ATTEMPTS`.
        """
        if not amount:
            raise invalid_field("amount", "zero", "Give or take at least one point.")
        now, owner = self._clock.now(), owner_key(caller.program_id, member_id)
        entry_id = f"adj_{made_id}" if made_id else new_id("adj", now)
        entry = LedgerEntry(
            entry_id,
            EntryKind.ADJUSTMENT,
            amount,
            Source(SourceKind.ADJUSTMENT, entry_id),
            now,
            reason=reason,
            made_by=actors.current(),
        )
        for attempt in range(ADJUST_ATTEMPTS):
            if attempt:
                self._sleep(min(0.02 * 2**attempt, 0.5) * secrets.randbelow(100) / 100)
            try:
                return AdjustmentResult(entry, self._adjust(caller, member_id, entry))
            except (Conflict, Problem) as refused:
                made = self._store.entry(owner, entry_id) if made_id else None
                if made:  # by the same request, whose answer was lost
                    return AdjustmentResult(made, self._store.totals(owner))
                if isinstance(refused, Problem):
                    raise
        raise Problem(
            ProblemCode.CHANGED_MEANWHILE, "The member's points keep changing. Try again."
        )

    def _adjust(self, caller: Caller, member_id: str, entry: LedgerEntry) -> Totals:
        """Write an adjustment, with the balance before and after it on the audit trail: two calls.

        Returns the totals after it. Raises `Conflict` if the balance changes meanwhile.
        """
        owner = owner_key(caller.program_id, member_id)
        member, totals = self._store.read_together(
            [
                self._programs.read_of_member(caller.program_id, member_id),
                self._store.read_of_totals(owner),
            ]
        )
        if member is None:
            raise not_found("member")
        if member.status is MemberStatus.REMOVED:
            raise Problem(
                ProgramProblem.MEMBER_REMOVED,
                f"{member.name} was removed from the program. Invite them again first.",
            )
        before = totals or Totals()
        after = Totals(before.balance + entry.points, before.earned + entry.earned)
        if entry.points < 0 and after.balance < 0:
            raise Problem(
                PointProblem.BALANCE_TOO_LOW,
                f"{member.name} has {points_phrase(before.balance)}; "
                f"{-entry.points:,} cannot be taken.",
                members={"balance": before.balance},
            )
        adjusted = act(
            Kind.POINTS_ADJUSTED,
            caller.program_id,
            member_id,
            {"balance": before.balance},
            {"balance": after.balance, "points": entry.points, "entry": entry.entry_id},
        )
        self._store.commit([*self._store.add(owner, entry, held=before), adjusted])
        logger.info("points adjusted", extra={"entry_id": entry.entry_id, "points": entry.points})
        return after

    def _member(self, caller: Caller, member_id: str) -> Member:
        member = self._programs.member(caller.program_id, member_id)
        if member is None:
            raise not_found("member")
        return member

    def ledger(self, caller: Caller, limit: int, cursor: str | None) -> Page[LedgerEntry]:
        """List the entries of the caller's own ledger, newest first."""
        return self._page(caller.program_id, caller.member_id, limit, cursor)

    def ledger_of(
        self, caller: Caller, member_id: str, limit: int, cursor: str | None
    ) -> Page[LedgerEntry]:
        """List the entries of a member's ledger, newest first. Raises the problem `not_found`."""
        page = self._page(caller.program_id, member_id, limit, cursor)
        if not page.items:
            self._member(caller, member_id)
        return page

    def _page(
        self, program_id: str, member_id: str, limit: int, cursor: str | None
    ) -> Page[LedgerEntry]:
        def fetch(at: dict[str, Any], count: int) -> Sequence[LedgerEntry]:
            after = (datetime.fromisoformat(at["made_at"]), at["entry_id"]) if at else None
            return self._store.newest(owner_key(program_id, member_id), after, count)

        return self._cursors.page(
            program_id,
            f"points/{member_id}",
            cursor,
            limit,
            fetch=fetch,
            position_of=lambda last: {
                "made_at": last.made_at.isoformat(),
                "entry_id": last.entry_id,
            },
        )

    def totals(self, owner: str) -> Totals:
        """Read a member's totals, never behind."""
        return self._store.totals(owner)

    def read_of_totals(self, owner: str) -> Read[Totals]:
        """Return the read of a member's totals, to be made together with others."""
        return self._store.read_of_totals(owner)

    def leaderboard(self, caller: Caller, period: Period) -> Board:
        """Read the program's board of a period. Raises the problem `leaderboard_off`."""
        return self._boards().read(caller, period)
