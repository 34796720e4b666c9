"""Quotas hold whoever comes between the calls of a request, and however many come at once.

The local engine never answers a `TransactionConflict`; here one is answered as DynamoDB does.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from chalicelib.activities.model import Activity, ActivityState
from chalicelib.composition import Container
from chalicelib.foundation.headroom import INDEX_LAG, MAX_COUNTS, RECOUNT_AFTER, NoHeadroom
from chalicelib.foundation.problems import Problem
from chalicelib.foundation.quotas import Quotas
from chalicelib.foundation.table import Contended, Part
from chalicelib.videos.model import MAX_SIZE_BYTES, RECHECK_DELAY, UploadStatus
from tests.clock import StoppedClock
from tests.integration.greenroom import CORRELATION
from tests.integration.in_memory_greenroom import InMemoryGreenroom, ScriptedTikTok

TOGETHER = 30


@pytest.fixture
def greenroom(clock: StoppedClock) -> Iterator[InMemoryGreenroom]:
    made = InMemoryGreenroom(clock, ScriptedTikTok())
    yield made
    made.close()


class Scene:
    """A program, and quotas that its services keep to."""

    def __init__(self, greenroom: InMemoryGreenroom, number: int = 0, **quotas: int) -> None:
        self.greenroom = greenroom
        self.container: Container = greenroom.cold_container()
        self.container.quotas = replace(Quotas(), **quotas)
        programs = self.container.programs
        boss = f"boss{number}@demo.example"
        programs.create_program(f"P{number}", "UTC", boss)
        self.manager = greenroom.sign_in(boss)
        self.store = self.container.activity_store

    def asks(self, made_id: str | None = None) -> Any:
        videos = self.container.videos
        return videos.ask_for_upload(self.manager, "video/mp4", CORRELATION, made_id).upload

    def uploads_waiting(self) -> int:
        items = self.greenroom.cloud.tables.items(self.greenroom.settings.uploads_table)
        mine = [each for each in items if each["program_id"]["S"] == self.manager.program_id]
        return sum(each.get("state", {}).get("S") == "awaiting_file" for each in mine)

    def activity(self, state: ActivityState, name: str) -> Activity:
        """Put an activity of this program past all services."""
        made = self.greenroom.activity(
            program_id=self.manager.program_id, state=state, activity_id=f"act_{name}"
        )
        assert made.state is state
        return made

    def valid(self) -> str:
        """Make a valid upload past all quotas; returns its id."""
        here = self.greenroom.manager
        try:
            self.greenroom.manager = self.manager
            return self.greenroom.valid_upload()
        finally:
            self.greenroom.manager = here

    def held(self) -> set[str]:
        program_id = self.manager.program_id
        return {
            each.activity_id
            for found in (self.store.open_activities, self.store.waiting_activities)
            for each in found(program_id)
        }

    @contextmanager
    def index_shows(self, shown: Sequence[Any]) -> Iterator[None]:
        """Let the index of open activities be behind: it shows these, whatever came since."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.store, "open_activities", lambda _: iter(shown))
            yield


def outcome(act: Callable[[], object]) -> str:
    """Return how a request ends: done, or the reason why not."""
    try:
        act()
    except Problem as problem:
        used = (problem.members.get("used", 0), problem.members.get("limit", 0))
        return problem.code.code if used[0] >= used[1] else f"refused at {used}"
    except Contended:
        return "contended"
    return "done"


@contextmanager
def before_call(at: int, act: Callable[[], object]) -> Iterator[Counter[str]]:
    """Act before the call number `at` that the block makes; yields a count of its calls."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  where all clients' calls pass
    made = Counter[str]()

    def between(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        made[operation] += 1
        if made.total() == at:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(BaseClient, "_make_api_call", call)
                act()
        return call(client, operation, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", between)
        yield made


def meet[End](at: int, mine: Callable[[], End], other: Callable[[], End]) -> list[End]:
    """Run `mine`, and `other` before its call number `at`.

    Returns how both end; one alone if `mine` makes fewer calls.
    """
    ends: list[End] = []
    with before_call(at, lambda: ends.append(other())):
        ends.append(mine())
    return ends


@pytest.mark.parametrize("quota", ["uploads_waiting", "video_gigabytes"])
def test_of_two_who_ask_for_the_last_upload_one_gets_it_wherever_they_meet(
    greenroom: InMemoryGreenroom, quota: str
) -> None:
    at, met = 1, 0
    while True:
        limits = {"uploads_waiting": 3} if quota == "uploads_waiting" else {"video_gigabytes": 1}
        scene = Scene(greenroom, at, **limits)
        most = 3 if quota == "uploads_waiting" else -(-(1 << 30) // MAX_SIZE_BYTES)
        for _ in range(most - 1):
            scene.asks()
        ends = meet(at, partial(outcome, scene.asks), partial(outcome, scene.asks))
        if len(ends) == 1:
            break
        assert Counter(ends) == {"done": 1, "limit_reached": 1}, at
        assert scene.uploads_waiting() == most
        at, met = at + 1, met + 1
    assert met >= 1


WAYS: Mapping[str, Callable[[Scene, str], object]] = {
    "create": lambda scene, valid: scene.container.activities.create(scene.manager, valid),
    "duplicate": lambda scene, _: scene.container.activities.duplicate(scene.manager, "act_source"),
    "reopen": lambda scene, valid: scene.container.activities.edit(
        scene.manager, "act_rejected", 1, upload_id=valid
    ),
}


def full_but_one(greenroom: InMemoryGreenroom, number: int) -> tuple[Scene, str]:
    """Make a program with room for one more activity, of which nobody knows yet."""
    scene = Scene(greenroom, number, activities_open=3)
    valid = scene.valid()
    for name in ("one", "two"):
        scene.activity(ActivityState.PUBLISHED, name)
    source = scene.activity(ActivityState.ENDED, "source")
    greenroom.put_activity(replace(source, upload_id=valid))
    scene.activity(ActivityState.REJECTED, "rejected")
    return scene, valid


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
def test_of_two_who_open_the_last_activity_one_may_wherever_they_meet(
    greenroom: InMemoryGreenroom, first: str, second: str
) -> None:
    """However far the index is behind: it shows nothing that came since the beginning."""
    at, met = 1, 0
    while True:
        scene, valid = full_but_one(greenroom, at)
        shown = list(scene.store.open_activities(scene.manager.program_id))
        mine, other = (partial(WAYS[way], scene, valid) for way in (first, second))
        with scene.index_shows(shown):
            met_ends = meet(at, partial(outcome, mine), partial(outcome, other))
        if len(met_ends) == 1:
            break
        ends = Counter(met_ends)
        # A conflict with another change of the same activity is reported before the quota.
        assert ends in (
            {"done": 1, "limit_reached": 1},
            {"done": 1, "changed_meanwhile": 1},
        ), (at, ends)
        assert first == second == "reopen" or ends["limit_reached"] == 1
        assert len(scene.held()) == 3
        at, met = at + 1, met + 1
    assert met > 3


def test_an_activity_that_moves_within_the_index_while_it_is_counted_is_not_missed(
    greenroom: InMemoryGreenroom,
) -> None:
    """Its verdict comes after the waiting ones were read, and the index lacks it among the open."""
    scene, valid = full_but_one(greenroom, 0)
    waiting = scene.activity(ActivityState.PROCESSING, "waits")
    greenroom.put_activity(replace(waiting, upload_id=valid))
    program_id = scene.manager.program_id
    verdicts = scene.container.verdicts
    verdict = verdicts.verdict(program_id, valid)
    assert verdict
    verdict = replace(verdict, waiting_activities=(waiting.activity_id,))
    shown = list(scene.store.open_activities(program_id))

    def published_meanwhile(_: str) -> Iterator[Any]:
        scene.container.activity_lifecycle.apply_verdict(verdict, verdicts)
        return iter(())

    with scene.index_shows(shown), pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene.store, "waiting_activities", published_meanwhile)
        assert outcome(lambda: WAYS["create"](scene, valid)) == "limit_reached"
    assert len(scene.held()) == 3


def test_an_ended_activity_is_not_counted_even_if_it_was_just_opened(
    greenroom: InMemoryGreenroom,
) -> None:
    scene = Scene(greenroom, activities_open=1)
    valid = scene.valid()
    activities = scene.container.activities
    for _ in range(3):
        made = activities.create(scene.manager, valid)
        assert outcome(lambda: activities.create(scene.manager, valid)) == "limit_reached"
        activities.end(scene.manager, made.activity_id)
    greenroom.clock.advance(INDEX_LAG)
    activities.create(scene.manager, valid)
    (kept,) = (
        each
        for each in greenroom.cloud.tables.items(greenroom.settings.activities_table)
        if each["program_id"]["S"] == f"{scene.manager.program_id}/headroom"
    )
    assert len(kept["recent"]["SS"]) == 1  # what the index has by now is forgotten


def test_use_is_counted_once_for_many_requests_and_again_for_other_limits_and_days(
    greenroom: InMemoryGreenroom,
) -> None:
    scene = Scene(greenroom, uploads_waiting=100)

    def calls() -> Counter[str]:
        with before_call(0, lambda: None) as made:
            scene.asks()
        return made

    counting = {"TransactWriteItems": 2, "GetItem": 2, "Query": 1}
    assert calls() == counting
    for _ in range(5):
        assert calls() == {"TransactWriteItems": 1}
    greenroom.clock.advance(RECOUNT_AFTER)
    assert calls() == counting
    assert calls() == {"TransactWriteItems": 1}
    scene.container = greenroom.cold_container()
    scene.container.quotas = replace(Quotas(), uploads_waiting=6)
    greenroom.clock.advance(timedelta(minutes=1))
    assert outcome(scene.asks) == "done"
    assert [outcome(scene.asks) for _ in range(4)] == ["done", "done", "done", "limit_reached"]


def test_an_expired_upload_that_is_asked_for_again_takes_a_place_anew(
    greenroom: InMemoryGreenroom,
) -> None:
    scene = Scene(greenroom, uploads_waiting=1)
    first = scene.asks("1")
    assert scene.asks("1").upload_id == first.upload_id  # it waits already
    greenroom.clock.advance(timedelta(hours=2))
    later = greenroom.clock.now() + RECHECK_DELAY
    overdue = scene.container.upload_store.overdue(greenroom.clock.now(), 10)
    (mine,) = (each for each in overdue if each.upload_id == first.upload_id)
    taken = scene.container.upload_store.take_for_look(mine, later, while_validating=later)
    assert taken
    assert scene.container.upload_store.expire(taken, later, later)
    scene.asks("2")
    assert outcome(lambda: scene.asks("1")) == "limit_reached"
    greenroom.clock.advance(timedelta(hours=2))
    again = scene.asks("1")
    assert again.upload_id == first.upload_id
    found = scene.container.videos.upload(scene.manager, first.upload_id)
    assert found.state is UploadStatus.AWAITING_FILE
    assert outcome(lambda: scene.asks("3")) == "limit_reached"  # old as its id is, it is counted


def test_a_request_that_others_forestall_each_time_ends_and_may_be_repeated(
    greenroom: InMemoryGreenroom,
) -> None:
    scene = Scene(greenroom)
    tried: list[Part] = []

    def forestalled(part: Part) -> None:
        tried.append(part)
        raise NoHeadroom

    store, program_id = scene.container.upload_store, scene.manager.program_id
    headroom = store.headroom(program_id, Quotas(), greenroom.clock.now())
    with pytest.raises(Contended):
        headroom.admit(forestalled, lambda _: 1)
    assert len(tried) == 2 * MAX_COUNTS
    scene.asks()


def test_one_programs_headroom_is_no_other_programs(greenroom: InMemoryGreenroom) -> None:
    full, other = Scene(greenroom, 1, uploads_waiting=1), Scene(greenroom, 2, uploads_waiting=1)
    full.asks()
    assert outcome(full.asks) == "limit_reached"
    at = 1
    with before_call(at, lambda: outcome(full.asks)):
        assert outcome(other.asks) == "done"


def imports(scene: Scene, name: str) -> object:
    """Import 30 people; returns how many were invited, or the quota that refused them."""
    people = "\n".join(f"{name}{each}@demo.example" for each in range(30))
    try:
        return len(scene.container.members.import_roster(scene.manager, people))
    except Problem as problem:
        return problem.members["quota"]


def test_of_two_rosters_for_the_last_places_one_fits_and_the_other_is_told_of_members(
    greenroom: InMemoryGreenroom,
) -> None:
    """Though there is room for some of it, as for the first 25, which are invited together."""
    at, met = 1, 0
    while True:
        scene = Scene(greenroom, at, members=1 + 40)
        ends = meet(at, partial(imports, scene, "cleo"), partial(imports, scene, "ben"))
        if len(ends) == 1:
            break
        assert Counter(ends) == {30: 1, "members": 1}, at
        at, met = at + 1, met + 1
    assert met > 2


class Engine:
    """Answers transactions as DynamoDB does: one on an item that another is at fails at once."""

    def __init__(self) -> None:
        self._call = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  where all clients' calls pass
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._pause = threading.Event()
        self.tried = self.conflicts = 0

    def replacement(self) -> Callable[..., Any]:
        """Return what takes the place of the clients' own method."""

        def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
            return self._answer(client, operation, parameters)

        return call

    def _answer(self, client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation != "TransactWriteItems":
            with self._lock:
                return self._call(client, operation, parameters)
        items = [next(iter(each.values())) for each in parameters["TransactItems"]]
        keys = [_key(each) for each in items]
        with self._lock:
            self.tried += 1
            taken = [key in self._busy for key in keys]
            if any(taken):
                self.conflicts += 1
                raise _conflict(taken)
            self._busy |= set(keys)
        self._pause.wait(0.005)  # as long as a transaction takes
        with self._lock:
            try:
                return self._call(client, operation, parameters)
            finally:
                self._busy -= set(keys)


def _key(part: Mapping[str, Any]) -> str:
    names = ("program_id", "upload_id", "activity_id", "item", "entry_id")
    item = part.get("Key") or part["Item"]
    return f"{part['TableName']} {[item[name]['S'] for name in names if name in item]}"


def _conflict(taken: list[bool]) -> ClientError:
    reasons = [{"Code": "TransactionConflict" if each else "None"} for each in taken]
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "Transaction cancelled"},
        "CancellationReasons": reasons,
    }
    return ClientError(answer, "TransactWriteItems")


@pytest.mark.parametrize("room", [TOGETHER, 7])
@pytest.mark.parametrize("what", ["uploads", "activities"])
def test_of_30_at_once_as_many_come_through_as_there_is_room_for(
    greenroom: InMemoryGreenroom, what: str, room: int
) -> None:
    if what == "uploads":
        scene = Scene(greenroom, uploads_waiting=room)
        ask: Callable[[], object] = scene.asks
    else:
        scene = Scene(greenroom, activities_open=room + 1)
        upload_id = scene.valid()
        scene.container.activities.create(scene.manager, upload_id)  # the upload is used from here
        ask = partial(scene.container.activities.create, scene.manager, upload_id)
    engine = Engine()

    def insists(_: int) -> str:
        """Ask again when told to, as people do."""
        while (end := outcome(ask)) in {"contended", "changed_meanwhile"}:
            pass
        return end

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", engine.replacement())
        with ThreadPoolExecutor(TOGETHER) as pool:
            ends = Counter(pool.map(insists, range(TOGETHER)))
    expected = (
        {"done": room, "limit_reached": TOGETHER - room} if room < TOGETHER else {"done": room}
    )
    assert ends == expected
    assert engine.conflicts > 0  # they did meet
