"""When members are mailed of what is open: the digests of a program, hour by hour of its zones.

The clock finds the programs in which somebody's digest is due, or something opened or is about to
end. Of each it queues one message; the function behind that walks the members and queues them in
chunks; a chunk reads a hundred boxes in one call, and writes to those that a mail is due to. All of
it may be done twice: what was mailed is known by the box.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import IsLate, no_time_limit
from chalicelib.foundation.values import dataclass
from chalicelib.notifications.model import (
    Bulletin,
    Notice,
    NoticeBox,
    NoticeType,
    ProgramPlan,
    Reader,
    ScanResult,
    Slot,
    begin_slot_scan,
    chunked,
    finish_slot_scan,
    is_due_between,
    is_slot_scan_due,
    is_slot_scan_over,
    last_digest,
    next_due_at,
    plan_mail,
    scan_round_of,
    with_mail_scheduled,
    with_notice,
)
from chalicelib.notifications.store import SHARDS, NoticeStore
from chalicelib.programs.model import Member, MemberStatus, Program
from chalicelib.programs.service import ProgramService

if TYPE_CHECKING:
    from chalicelib.notifications.bulletins import BulletinWriter

CHUNK_SIZE = 100
"""Members of one message: their boxes are read in one call."""

CHUNKS_PER_SECOND = 4
"""As they become visible: fewer than the functions work off beside the mails, so that nothing else
that is queued waits behind all of a large program. Several large ones at once are more than that:
then the queue's groups keep other programs, and the mails, before them."""

MAX_SPREAD_SECONDS = 240
"""Seconds over which the chunks of however large a program are spread. `SLOT_SCAN_TIME_LIMIT`
has room for no more."""


class Queue(Protocol):
    """Takes messages; `chalicelib.notifications.queue` does."""

    def send(self, messages: Sequence[str], seconds: float = 0, group: str = "") -> None: ...


class Worklists(Protocol):
    """Reads how many things on a worklist need a hand, as far as notices need it."""

    def worklist(self, caller: Caller) -> "WorklistFound": ...


class WorklistFound(Protocol):
    @property
    def items(self) -> Sequence[object]: ...


@dataclass(frozen=True)
class Chunk:
    """Members of a program to be looked at: all of them where no ids are given.

    With `learns` the program's slots are learned from what its members have now: of a program it
    is the round, of a chunk the walk that made it, as its number `number`.
    """

    program_id: str
    member_ids: tuple[str, ...] = ()
    learns: str = ""
    number: int = 0

    def to_message(self) -> str:
        fields = {"program_id": self.program_id, "member_ids": list(self.member_ids)}
        scan = {"learns": self.learns, "number": self.number}
        return json.dumps({**fields, **scan} if self.learns else fields)

    @classmethod
    def read(cls, body: str) -> "Chunk":
        fields = json.loads(body)
        scan = fields.get("learns", ""), fields.get("number", 0)
        return cls(fields["program_id"], tuple(fields["member_ids"]), *scan)


class DueDigests:
    """Finds the programs whose digests are due, and the shards in which mails are."""

    def __init__(
        self,
        store: NoticeStore,
        programs: ProgramService,
        queue: Callable[[], Queue],
        clock: Clock,
    ) -> None:
        """`queue` is called when a program is due."""
        self._store = store
        self._programs = programs
        self._queue = queue
        self._clock = clock

    def begin_due(self, is_late: IsLate = no_time_limit) -> int:
        """Queue the programs that are due, and return how many; then look when they are again.

        A message that is queued twice, because this died in between, does no harm.
        """
        begun = 0
        for program_id in self._store.due_programs(self._clock.now()):
            if is_late():
                break
            begun += self._queue_program(program_id)
        return begun

    def _queue_program(self, program_id: str) -> bool:
        now = self._clock.now()
        program = self._programs.program(program_id)  # with the zone that it has now
        plan, bulletin = self._store.plan(program_id), self._store.bulletin(program_id)
        if program is None:
            self._store.change_plan(program_id, lambda plan: replace(plan, due_at=None))
            return False
        run_to = plan.run_to or now - timedelta(days=1)
        due = is_due_between(plan.slots, bulletin, program.time_zone, run_to, now)
        found = (
            self._store.scan_result(program_id) if is_slot_scan_over(plan, now) else ScanResult()
        )

        def move_on(known: ProgramPlan) -> ProgramPlan:
            becomes = finish_slot_scan(known, found, now)
            if due and is_slot_scan_due(becomes, now):
                becomes = begin_slot_scan(becomes, now)
            if known.version != plan.version:  # news came meanwhile, which a later look finds
                return replace(becomes, due_at=now)
            at = next_due_at(becomes, bulletin, program.time_zone, now)
            return replace(becomes, run_to=now, due_at=at)

        expected = move_on(plan)
        anew = expected.learned_from != plan.learned_from
        if due or anew:
            learns_by = scan_round_of(now) if anew else ""
            message = Chunk(program_id, learns=learns_by).to_message()
            self._queue().send([message], group=program_id)
        if expected.learning_walks > 1 and anew:
            logger.warning("hours of digests learned once more", extra={"program_id": program_id})
        self._store.change_plan(program_id, move_on)
        return due or anew

    def shards_due(self) -> list[int]:
        """Return the shards in which somebody's mail is due: a query each."""
        now = self._clock.now()
        return [each for each in range(SHARDS) if next(self._store.due_members(each, now), None)]


class DigestPlanner:
    """Finds whom a mail is due to; `mails` says whether anybody is mailed."""

    def __init__(
        self,
        *,
        store: NoticeStore,
        programs: ProgramService,
        bulletins: "BulletinWriter",
        worklists: Callable[[], Worklists],
        queue: Callable[[], Queue],
        clock: Clock,
        mails: Callable[[], bool],
    ) -> None:
        """`worklists` and `queue` are called when they are needed: a due mail needs neither."""
        self._store = store
        self._programs = programs
        self._bulletins = bulletins
        self._worklists = worklists
        self._queue = queue
        self._clock = clock
        self._mails = mails

    def plan_chunk(self, chunk: Chunk) -> int:
        """Look at a chunk of members, or walk a whole program into chunks; return how many."""
        if not chunk.member_ids:
            return self._queue_chunks(chunk.program_id, chunk.learns)
        program = self._programs.cached_program(chunk.program_id)
        if program is None:
            return 0
        bulletin = self._store.bulletin(chunk.program_id)
        members = self._programs.members_by_id(chunk.program_id, chunk.member_ids)
        boxes = self._store.boxes(chunk.program_id, list(members))
        active = [each for each in members.values() if each.status is MemberStatus.ACTIVE]
        if chunk.learns:
            slots = {Slot(each.time_zone, boxes[each.member_id].settings.hour) for each in active}
            self._store.add_scanned_slots(chunk.program_id, chunk.learns, chunk.number, slots)
        due = sum(
            self._plan_member(program, bulletin, each, boxes[each.member_id]) for each in active
        )
        logger.info("digests looked at", extra={"members": len(members), "due": due})
        return len(members)

    def _queue_chunks(self, program_id: str, learns_by: str) -> int:
        """Queue all active members in chunks; few of them are looked at right here.

        First the bulletin is written anew, for an event may have been lost.
        """
        self._bulletins.refresh(program_id)
        members = [
            each.member_id
            for each in self._programs.members(program_id)
            if each.status is MemberStatus.ACTIVE
        ]
        pages = list(chunked(members, CHUNK_SIZE))
        walk = new_id("wlk", self._clock.now()) if learns_by else ""
        if learns_by:
            self._store.begin_slot_scan(program_id, learns_by, walk, len(pages))
        chunks = [Chunk(program_id, tuple(each), walk, number) for number, each in enumerate(pages)]
        if len(chunks) > 1:
            seconds = min(len(chunks) / CHUNKS_PER_SECOND, MAX_SPREAD_SECONDS)
            self._queue().send([each.to_message() for each in chunks], seconds, program_id)
        for each in chunks if len(chunks) == 1 else ():
            self.plan_chunk(each)
        return len(members)

    def _plan_member(
        self, program: Program, bulletin: Bulletin, member: Member, box: NoticeBox
    ) -> bool:
        """Schedule a member's mail if one is due; for a manager, with the worklist's notice."""
        now = self._clock.now()
        zone = ZoneInfo(member.time_zone or program.time_zone)
        caller = self._programs.as_caller(member)
        reader = Reader(caller.channels, caller.tiktok, caller.is_manager)
        notice = self._worklist_notice(caller, box, zone, now) if caller.is_manager else None

        def change(box: NoticeBox) -> NoticeBox:
            noted = with_notice(box, notice) if notice else box
            if not self._mails():
                return noted
            return (
                with_mail_scheduled(noted, now)
                if plan_mail(noted, bulletin, reader, zone, now).due
                else noted
            )

        becomes = self._store.change_box(box.program_id, box.member_id, change, box)
        return becomes.mail_at is not None and becomes.mail_at <= now

    def _worklist_notice(
        self, caller: Caller, box: NoticeBox, zone: ZoneInfo, now: datetime
    ) -> Notice | None:
        """Return the notice of a day's worklist at its manager's hour, None if there is nothing.

        The app shows it each day, however often it is mailed.
        """
        at = last_digest(now, box.settings, zone, weekly=False)
        notice_id = f"worklist#{at.astimezone(zone).date()}"
        if notice_id in box.notices or at < now - timedelta(hours=1):
            return None
        number = len(self._worklists().worklist(caller).items)
        return Notice(notice_id, NoticeType.WORKLIST, at, "", "", number) if number else None
