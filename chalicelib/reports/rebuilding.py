"""Reports counted again from the tables: what differs is told, and can be set right.

Facts are read where they are kept (performances, marks, impressions, members) and held against
progress; counters are held against what progress adds up to. Counts that change while this looks
may seem to differ: ask again before believing it. The worklist is not held against anything: its
counters go after two weeks.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date, datetime
from typing import Protocol

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.values import dataclass
from chalicelib.performances.model import Performance
from chalicelib.points.model import NoSuchProgram
from chalicelib.programs.model import Member, owner_key
from chalicelib.programs.service import ProgramService
from chalicelib.reports.counting import (
    FactCounter,
    PersonCounter,
    counted_as,
    fact_of_performance,
    impression_fact,
)
from chalicelib.reports.model import (
    CounterKey,
    Counts,
    Dismissal,
    Fact,
    Progress,
    Scope,
    activity_gaps,
    changed_counts,
    changed_days,
    counts_of,
    merged_facts,
    sends_by_day,
)
from chalicelib.reports.store import ReportStore, Versioned, person_of

ReportProgress = Callable[[str], None]
MEMBERS_PER_PROGRESS = 500


class Performances(Protocol):
    """Reads all that a member performed."""

    def all_of(self, owner: str) -> Iterable[Performance]: ...


class Dismissals(Protocol):
    """Reads what a member has dismissed: activities and instants."""

    def dismissals(self, owner: str) -> Iterable[tuple[str, datetime]]: ...


@dataclass(frozen=True)
class FactMissing:
    """The tables say something of a member and an activity that was not counted."""

    fact: Fact

    def __str__(self) -> str:
        return f"{self.fact.member_id} with {self.fact.activity_id}: not all of it is counted"


@dataclass(frozen=True)
class DaysDiffer:
    """The days on which a member was active are not those that follow from progress."""

    member_id: str
    right: Mapping[date, int]
    version: int

    def __str__(self) -> str:
        return f"{self.member_id}: other active days than progress says"


@dataclass(frozen=True)
class CounterDiffers:
    """A counter is not what progress adds up to."""

    place: CounterKey
    name: str
    kept: int
    right: int

    def __str__(self) -> str:
        of = f"{self.place.scope.value} {self.place.thing_id or ''} {self.place.day or ''}"
        return f"{' '.join(of.split())}: {self.name} is {self.kept}, progress says {self.right}"


@dataclass(frozen=True)
class PersonDiffers:
    """A member is counted otherwise than they are."""

    member_id: str

    def __str__(self) -> str:
        return f"{self.member_id}: counted otherwise than they are"


@dataclass(frozen=True)
class AudienceDiffers:
    """A number of members is not what counted members add up to."""

    name: str
    kept: int
    right: int

    def __str__(self) -> str:
        return f"members of {self.name}: {self.kept} counted, {self.right} there"


type Finding = FactMissing | DaysDiffer | CounterDiffers | PersonDiffers | AudienceDiffers


@dataclass
class _RecountedSums:
    counts: Counts = field(default_factory=Counter)
    audience: Counter[str] = field(default_factory=Counter)
    things: set[tuple[Scope, str]] = field(default_factory=set)


class ReportsRebuilder:
    def __init__(
        self,
        *,
        store: ReportStore,
        programs: ProgramService,
        performances: Performances,
        marks: Dismissals,
        facts: FactCounter,
        people: PersonCounter,
        clock: Clock,
    ) -> None:
        self._store = store
        self._programs = programs
        self._performances = performances
        self._marks = marks
        self._facts = facts
        self._people = people
        self._clock = clock

    def findings(self, program_id: str, say: ReportProgress) -> list[Finding]:
        """Compare everything that is counted of a program. Raises `NoSuchProgram`."""
        if self._programs.program(program_id) is None:
            raise NoSuchProgram(program_id)
        sums, found, number = _RecountedSums(), list[Finding](), 0
        days = dict(self._store.all_days(program_id))
        people = dict(self._store.all_people(program_id))
        for number, member in enumerate(self._programs.members(program_id), 1):
            found += self._member_findings(member, sums, days.pop(member.member_id, Versioned({})))
            counted = people.get(member.member_id, {})
            if counted != counted_as(member, counted, self._clock.now()):
                found.append(PersonDiffers(member.member_id))
            sums.audience.update(person_of(counted).counts())
            if number % MEMBERS_PER_PROGRESS == 0:
                say(f"{number} members compared")
        say(f"{number} members compared, all there are")
        things = {(each, "") for each in (Scope.PROGRAM, Scope.CHANNELS, Scope.TOTALS)}
        kept = self._store.all_counters(program_id, sorted(things | sums.things))
        for (place, name), difference in changed_counts(kept, sums.counts).items():
            found.append(
                CounterDiffers(place, name, kept[place, name], kept[place, name] + difference)
            )
        audience = self._store.audience(program_id)
        for name in sorted(audience.keys() | sums.audience.keys()):
            if audience.get(name, 0) != sums.audience[name]:
                found.append(AudienceDiffers(name, audience.get(name, 0), sums.audience[name]))
        say("counters compared")
        return found

    def _member_findings(
        self, member: Member, sums: _RecountedSums, days: Versioned[Mapping[date, int]]
    ) -> Iterator[Finding]:
        program_id, member_id = member.program_id, member.member_id
        stored = {
            each.activity_id: each.progress
            for each in self._store.progress_items_of_member(program_id, member_id)
        }
        for fact in self._facts_of(program_id, member_id, stored):
            known = stored.get(fact.activity_id)
            if known is None or known.merged(fact.progress) != known:
                yield FactMissing(fact)
        sent: Counter[date] = Counter()
        for activity_id, progress in stored.items():
            counts = counts_of(activity_id, progress)
            sent.update(sends_by_day(counts))
            for (place, name), each in counts.items():
                if place.scope is not Scope.WORKLIST:
                    sums.counts[place, name] += each
                if place.scope in (Scope.ACTIVITY, Scope.CAMPAIGN):
                    sums.things.add((place.scope, place.thing_id))
        sums.counts.update(activity_gaps(days.thing))
        right = changed_days({}, sent)
        if right != days.thing:
            yield DaysDiffer(member_id, right, days.version)

    def _facts_of(
        self, program_id: str, member_id: str, stored: Mapping[str, Progress]
    ) -> Sequence[Fact]:
        owner = owner_key(program_id, member_id)
        facts = [
            fact
            for each in self._performances.all_of(owner)
            if (fact := fact_of_performance(each)) is not None
        ]
        facts += [
            impression_fact(program_id, member_id, activity_id, impression)
            for activity_id, impression in self._store.impressions(program_id, member_id)
        ]
        dismissed = dict(self._marks.dismissals(owner))
        facts += [
            Fact(program_id, member_id, each, Progress(dismissal=Dismissal(dismissed_at=at)))
            for each, at in dismissed.items()
        ]
        for activity_id, progress in stored.items():
            if progress.dismissal.holds and activity_id not in dismissed and not progress.attempts:
                undone = Dismissal(undone=progress.dismissal.dismissed_at)
                facts.append(Fact(program_id, member_id, activity_id, Progress(dismissal=undone)))
        return list(merged_facts(facts).values())

    def repair(
        self, program_id: str, findings: Sequence[Finding], say: ReportProgress
    ) -> list[Finding]:
        """Set right what differs; returns what differs still."""
        if not findings:
            return []
        self._facts.count(each.fact for each in findings if isinstance(each, FactMissing))
        for each in findings:
            if isinstance(each, PersonDiffers):
                self._people.count(program_id, each.member_id)
        # The rest is no missed fact but a wrong sum.
        for each in self.findings(program_id, say):
            if isinstance(each, DaysDiffer):
                self._store.put_days(program_id, each.member_id, each.right, each.version)
        sums: dict[Scope, Counts] = defaultdict(Counter)
        for each in self.findings(program_id, say):
            if isinstance(each, CounterDiffers):
                sums[each.place.scope][each.place, each.name] += each.right - each.kept
            elif isinstance(each, AudienceDiffers):
                self._store.add_audience(program_id, {each.name: each.right - each.kept})
        for counts in sums.values():
            self._store.add_to_counters(program_id, counts)
        return self.findings(program_id, say)
