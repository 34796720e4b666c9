"""Recording acts, and reading what was recorded."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

from chalicelib.audit.model import AuditEntry, EntryFilter, member_of
from chalicelib.audit.store import ENTRY_ID_KIND, AuditStore, OriginStore
from chalicelib.foundation import actors
from chalicelib.foundation.acts import Act
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.logging import logger
from chalicelib.foundation.pages import MAX_LIMIT, Cursors, Page
from chalicelib.foundation.problems import invalid_field, not_found
from chalicelib.foundation.table import Put
from chalicelib.foundation.values import dataclass

MAX_EXAMINED = 200
"""Entries that one page looks through where it filters by more than one criterion: one query."""

FIRST_YEAR, LAST_YEAR = 2000, 2999
_LIST_NAME = "audit"


class AuditRecorder:
    """Makes the entries of acts, and keeps the addresses of requests apart from them."""

    def __init__(
        self,
        entries: AuditStore,
        origins: Callable[[], OriginStore],
        clock: Clock,
        kept_days: int,
    ) -> None:
        """`origins` is called when a request's address is kept: functions of the system do not."""
        self._entries = entries
        self._origins = origins
        self._clock = clock
        self._kept = timedelta(days=kept_days)

    def record(self, act: Act) -> list[Put]:
        """Parts: the entry of an act, and the address of the request by which a member did it."""
        now, actor = self._clock.now(), actors.current()
        origin = actors.origin() if member_of(actor) else None
        entry = AuditEntry(
            program_id=act.program_id,
            entry_id=new_id(ENTRY_ID_KIND, now),
            at=now,
            kind=act.kind,
            thing=act.thing,
            title=act.title,
            actor=actor,
            role=origin.role if origin else None,
            correlation_id=logger.get_correlation_id(),
            before=act.before,
            after=act.after,
            # DynamoDB counts in seconds: never a second too early.
            expires_at=(now + self._kept).replace(microsecond=0) + timedelta(seconds=1),
        )
        parts = [self._entries.put_entry(entry)]
        if origin and origin.address:
            parts.append(self._origins().put_origin(entry, origin.address))
        return parts

    def commit_act(self, act: Act) -> None:
        """Record an act that writes nothing else, such as handing out a form."""
        self._entries.commit([act])

    def forget_addresses(self, program_id: str, member_id: str) -> int:
        """Remove the addresses of a member's requests; returns how many. Safe to call again.

        Entries stay: they name the member by id alone.
        """
        return self._origins().forget(program_id, member_id)


class NamedMember(Protocol):
    """A member, as far as the trail shows them."""

    @property
    def name(self) -> str: ...


class PersonReader(Protocol):
    """Reads members of a program, as far as the trail needs them."""

    def members_by_id(
        self, program_id: str, member_ids: Collection[str]
    ) -> Mapping[str, NamedMember]:
        """Return members by id: a call for each hundred."""


@dataclass(frozen=True)
class ExportedEntry:
    """An entry as it is exported: with its address, and the names of whom it names."""

    entry: AuditEntry
    names: Mapping[str, str]


class AuditService:
    """Reads the trail, for managers of the program."""

    def __init__(
        self,
        entries: AuditStore,
        origins: OriginStore,
        people: PersonReader,
        cursors: Cursors,
        clock: Clock,
    ) -> None:
        self._entries = entries
        self._origins = origins
        self._people = people
        self._cursors = cursors
        self._clock = clock

    def entries(
        self, caller: Caller, wanted: EntryFilter, limit: int, cursor: str | None
    ) -> Page[AuditEntry]:
        """List the entries that pass a filter, newest first, without addresses: one query.

        With more than one criterion beside the time a page has what is found among `MAX_EXAMINED`
        entries: fewer than `limit`, or none, though there is a next one. Raises the problems
        `invalid_request` for a time range that ends before it begins, and `invalid_cursor`.
        """
        check_times(wanted)
        listing, before = f"{_LIST_NAME}/{_fingerprint(wanted)}", None
        if cursor is not None:
            before = str(self._cursors.read(caller.program_id, listing, cursor)["before"])
        examined = MAX_EXAMINED if wanted.criteria_count > 1 else limit + 1
        found = self._entries.newest(caller.program_id, wanted, before, examined)
        now = self._clock.now()
        passing = [each for each in found if wanted.matches(each) and each.expires_at > now]
        page = tuple(passing[:limit])
        if len(passing) > limit:
            last = page[-1]
        elif len(found) == examined:
            last = found[-1]
        else:
            return Page(page, None)
        position = {"before": last.entry_id}
        return Page(page, self._cursors.make(caller.program_id, listing, position))

    def entry(self, caller: Caller, entry_id: str) -> AuditEntry:
        """Read an entry with the address of its request: one call.

        Raises the problem `not_found`.
        """
        entry, address = self._entries.read_together(
            [
                self._entries.read(caller.program_id, entry_id),
                self._origins.read(caller.program_id, entry_id),
            ]
        )
        if entry is None or entry.expires_at <= self._clock.now():
            raise not_found("entry")
        found: AuditEntry = replace(entry, address=address)
        return found

    def names(self, caller: Caller, member_ids: Collection[str]) -> dict[str, str]:
        """Return the names that members have now, by id, removed ones too: one call.

        An erased person has the name that erasure gave them, or is left out.
        """
        return self._names(caller.program_id, set(member_ids))

    def export_entries(self, caller: Caller, wanted: EntryFilter) -> Iterator[ExportedEntry]:
        """Yield all entries that pass a filter with addresses and names: three calls a hundred."""
        cursor: str | None = None
        while True:
            page = self.entries(caller, wanted, MAX_LIMIT, cursor)
            yield from self._export_entries(caller.program_id, page.items)
            cursor = page.next_cursor
            if cursor is None:
                return

    def _export_entries(
        self, program_id: str, entries: Sequence[AuditEntry]
    ) -> Iterator[ExportedEntry]:
        if not entries:
            return
        addresses = self._origins.addresses(program_id, [each.entry_id for each in entries])
        names = self._names(program_id, {each for entry in entries for each in entry.people()})
        for each in entries:
            yield ExportedEntry(replace(each, address=addresses.get(each.entry_id)), names)

    def _names(self, program_id: str, member_ids: Collection[str]) -> dict[str, str]:
        found = self._people.members_by_id(program_id, member_ids) if member_ids else {}
        return {member_id: each.name for member_id, each in found.items()}


def check_times(wanted: EntryFilter) -> None:
    """Raise the problem `invalid_request` for a time range that there is not."""
    for name in ("since", "until"):
        instant: datetime | None = getattr(wanted, name)
        if instant and not FIRST_YEAR <= instant.year <= LAST_YEAR:
            raise invalid_field(
                name, "out_of_range", f"Years from {FIRST_YEAR} to {LAST_YEAR} can be asked for."
            )
    if wanted.since and wanted.until and wanted.until <= wanted.since:
        raise invalid_field("until", "before_since", "The range ends before it begins.")


def _fingerprint(wanted: EntryFilter) -> str:
    """Return a short name of a filter: its cursors are good for nothing else."""
    times = (each and each.astimezone(UTC).isoformat() for each in (wanted.since, wanted.until))
    named = [wanted.actor, wanted.thing, wanted.kind and wanted.kind.value, *times]
    return sha256(repr(named).encode()).hexdigest()[:16]
