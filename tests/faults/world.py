"""A Greenroom among everything that keeps it going: people, queue, stream, schedule, webhooks.

Functions are run as Lambda runs them: each invocation may die, what it was invoked for comes
again as AWS brings it again, and a dead one starts cold. Time passes only when there is nothing
left to do, and then up to the next thing that is due.
"""

import base64
import heapq
import json
import random
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import tenacity.nap
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from chalicelib.activities.model import Activity, ActivityState
from chalicelib.activities.store import ActivityItem
from chalicelib.composition import House
from chalicelib.foundation.aws import Clients
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.problems import Problem
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.table import commit
from chalicelib.performances import worker
from chalicelib.performances.model import Reference
from chalicelib.performances.queue import from_message, to_message
from chalicelib.performances.service import AccountRequired
from chalicelib.programs.model import MemberStatus
from chalicelib.programs.store import DEPARTING, MemberItem
from chalicelib.tiktok.client import TikTokClient, TikTokSettings, TimeLimits
from chalicelib.tiktok.model import Place
from chalicelib.tiktok.service import Authorization
from chalicelib.tiktok.worker import renew
from tests.faults import tiktok as sandbox
from tests.faults.boundary import Boundary, Killed, as_it_should_be
from tests.faults.clock import SharedClock
from tests.faults.cloud import Cloud, Message
from tests.faults.expressions import Item
from tests.faults.tiktok import Hook, Share, TikTok
from tests.integration.arrivals import GOOD

FROM_AWS = (BotoCoreError, ClientError, PynamoDBException)
CHALICE = Path(__file__).parents[2] / ".chalice" / "config.json"
PATIENT = TimeLimits(connect_seconds=5, answer_seconds=5, upload_answer_seconds=5)
IMPATIENT = TimeLimits(connect_seconds=5, answer_seconds=0.25, upload_answer_seconds=0.25)
"""For answers that are to be too slow; no others are, however busy this machine is."""

SETTINGS = Settings(
    build="build-1",
    programs_table="ProgramsTable",
    uploads_table="UploadsTable",
    activities_table="ActivitiesTable",
    marks_table="MarksTable",
    points_table="PointsTable",
    performances_table="PerformancesTable",
    accounts_table="AccountsTable",
    idempotency_table="IdempotencyTable",
    incoming_bucket="incoming",
    videos_bucket="videos",
    staging_queue_url="http://127.0.0.1/staging",
    tokens_key_id="tokens",
    cursor_secret_id="cursors",
    tiktok_secret_id="tiktok",
    public_url=sandbox.REDIRECT_URI.removesuffix("/tiktok/callback"),
    tiktok_client_key=sandbox.CLIENT_KEY,
    tiktok_upload_hosts="127.0.0.1",
)
SECRETS = {
    "cursors": "a-secret-of-at-least-thirty-two-bytes",
    "tiktok": json.dumps({"client_secret": sandbox.CLIENT_SECRET}),
}
CORRELATION = "correlation-1"
EARLIER = "prf_earlier"
"""A performance of before there was this world."""
MINUTE = timedelta(minutes=1)
PENDING_LOOKED_AT = MINUTE
IN_TIME = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)
"""A function's context: these worlds are small, its time limit is the boundary's."""
TRIES_OF_A_STREAM = 10
MAX_ROUNDS = 5000
"""More rounds than this in one world means that something comes again for ever."""


def _function_limits() -> dict[str, timedelta]:
    told = json.loads(CHALICE.read_text())
    functions = told["stages"]["v1"]["lambda_functions"]
    limits = {name: timedelta(seconds=each["lambda_timeout"]) for name, each in functions.items()}
    return {**limits, "http": timedelta(seconds=told["lambda_timeout"])}


@dataclass
class Person:
    """A member, and who they are at TikTok."""

    caller: Caller
    name: str
    comes_back: timedelta | None = timedelta(minutes=10)
    """How long until they connect an account anew that needs it; None: never."""
    posts: Callable[[], timedelta | None] = lambda: timedelta(seconds=90)
    """How long until they post what came into their inbox; None: never."""
    insists: bool = True
    """Whether they press again some time when their inbox is full."""
    under_way: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Habits:
    """What the world around does with what it is given; a soak rolls dice here."""

    hook_after: Callable[[Hook], list[timedelta]] = lambda _hook: [timedelta(seconds=1)]
    """When each copy of a webhook comes; none: it is lost."""
    message: Callable[[list[Message]], Message] = lambda showing: min(
        showing, key=lambda each: (each.visible_at, each.number)
    )
    """Which of the messages that show is handed out."""
    delivered_twice: Callable[[], bool] = lambda: False
    """Whether SQS forgets that a message was deleted."""
    before_round: Callable[[], None] = lambda: None
    """Told of every round, to show how far it is."""


POLLING = Habits(hook_after=lambda _hook: [])


@dataclass
class Theatre:
    """What is made once and used by one world after the other."""

    clock: SharedClock
    tiktok: TikTok
    boundary: Boundary
    clients: Clients
    dice: random.Random
    """Every id and secret comes from it, so that a world can be had again."""
    people: Iterator[int] = field(default_factory=lambda: count(1))
    limits: Mapping[str, timedelta] = field(default_factory=_function_limits)


@contextmanager
def theatre() -> Iterator[Theatre]:
    """Make what all worlds share, and take it away again."""
    clock = SharedClock()
    with tempfile.TemporaryDirectory() as folder, sandbox.running(Path(folder), clock) as tiktok:
        boundary = Boundary(clock, _no_cloud)
        with boundary.installed(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=clock.sleep))
            dice = random.Random()
            patch.setattr(secrets, "randbits", dice.getrandbits)
            patch.setattr(secrets, "randbelow", dice.randrange)
            patch.setattr(secrets, "token_bytes", lambda size=32: dice.randbytes(size or 32))
            patch.setattr(secrets, "token_hex", lambda size=32: dice.randbytes(size or 32).hex())
            patch.setattr(secrets, "token_urlsafe", lambda size=32: _urlsafe(dice, size or 32))
            yield Theatre(clock, tiktok, boundary, Clients(), dice)


def _urlsafe(dice: random.Random, size: int) -> str:
    return base64.urlsafe_b64encode(dice.randbytes(size)).rstrip(b"=").decode()


def _no_cloud(service: str, operation: str, _parameters: Mapping[str, Any]) -> Any:
    raise AssertionError(f"{service} {operation} outside of a world")


class World:
    """One deployment with one program, and its people."""

    def __init__(
        self,
        stage: Theatre,
        habits: Habits | None = None,
        limits: TimeLimits = PATIENT,
        seed: int = 1,
    ) -> None:
        self._limits = limits
        stage.dice.seed(seed)
        self.clock, self.tiktok, self.boundary = stage.clock, stage.tiktok, stage.boundary
        # Every world begins at the same place between two ticks.
        self.clock.move_to(_next_hour(self.clock.now()))
        self.began_at = self.clock.now()
        self.habits = habits or Habits()
        self._stage = stage
        self.tiktok.control("reset", {})
        self.tiktok.hooks()
        self.boundary.plan, self.boundary.effects = as_it_should_be, []
        self.cloud = Cloud(self.clock, SECRETS)
        self.boundary.aws = self.cloud.call
        self.settings = replace(
            SETTINGS,
            tiktok_api_url=self.tiktok.url,
            tiktok_authorize_url=f"{self.tiktok.url}/v2/auth/authorize/",
        )
        self.people: dict[str, Person] = {}
        self.raised: list[str] = []
        self.failed_by_aws = 0
        self.kills = 0
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._streams: list[tuple[Reference, int]] = []
        self._returning: set[str] = set()
        self._ticked_at = self.clock.now()
        self.house = self._cold_start()
        self.program, _, _ = self.house.programs.create_program(
            "Demo", "Europe/Berlin", "ana@demo.example"
        )
        self.cloud.tables.changed = self._changed
        self._activities = count(1)

    def close(self) -> None:
        self.house._tiktok_client.close()

    def _cold_start(self) -> House:
        house = House(self.settings, self.clock, self._stage.clients)
        house._tiktok_client = TikTokClient(
            TikTokSettings(
                api_url=self.settings.tiktok_api_url,
                authorize_url=self.settings.tiktok_authorize_url,
                client_key=sandbox.CLIENT_KEY,
                redirect_uri=sandbox.REDIRECT_URI,
                upload_hosts=(self.settings.tiktok_upload_hosts,),
            ),
            lambda: sandbox.CLIENT_SECRET,
            self._limits,
        )
        house.tiktok._sleep = self.clock.sleep
        house.stager._sleep = self.clock.sleep
        return house

    # --- functions --------------------------------------------------------------------------

    def invoke(
        self, function: str, do: Callable[[House], object], *, limit: str = "", cold: bool = False
    ) -> bool:
        """Run a function; False if it died or raised. Problems are answers, and raised."""
        house = self._cold_start() if cold else self.house
        try:
            with self.boundary.function(function, self._stage.limits[limit or function]):
                do(house)
        except Killed:
            self.kills += 1
            house._tiktok_client.close()
            if not cold:
                self.house = self._cold_start()
            return False
        except (Problem, AccountRequired, NotImplementedError, AssertionError):
            raise
        except Exception as error:  # noqa: BLE001  AWS brings again what a function raised on
            self.raised.append(f"{function}: {type(error).__name__}: {error}"[:200])
            self.failed_by_aws += isinstance(error, FROM_AWS)
            return False
        finally:
            if cold:
                house._tiktok_client.close()
        return True

    # --- people -----------------------------------------------------------------------------

    def member(self, *, connected: bool = True, **habits: Any) -> Person:
        """Make a member who has an account at TikTok."""
        name = f"p{next(self._stage.people)}"
        email = f"{name}@demo.example"
        self.house.programs.invite(self.program, email, Role.MEMBER)
        caller = self.house.programs.caller(Claims(f"subject-{email}", email, 0))
        person = Person(caller, name, **habits)
        self.people[name] = person
        if connected:
            begun = self.house.tiktok.authorize(caller, CORRELATION)
            self._comes_back(self.house, person, begun)
        return person

    def _comes_back(self, house: House, person: Person, begun: Authorization) -> None:
        with self.boundary.unwatched():
            code = self.tiktok.consents(person.name, begun.authorize_url)
        state = parse_qs(urlsplit(begun.authorize_url).query)["state"][0]
        house.performances.connect(state, begun.nonce, code, None)

    def activity(self, points: int = 10) -> Activity:
        """Put an open activity with a video of its own."""
        number, made_at = next(self._activities), self.clock.now() - timedelta(hours=1)
        content = b"\x1a\x45\xdf\xa3" + number.to_bytes(4) + bytes(range(256)) * 12
        activity_id = new_id("act", made_at)
        key = f"videos/{self.program.program_id}/{activity_id}/etag"
        self.cloud.objects[key] = content
        activity = Activity(
            program_id=self.program.program_id,
            activity_id=activity_id,
            state=ActivityState.PUBLISHED,
            instructions="Share this",
            upload_id="upl_1",
            points=points,
            featured=False,
            starts_at=None,
            ends_at=None,
            time_zone="Europe/Berlin",
            created_by="mem_1",
            created_at=made_at,
            video=replace(GOOD, size_bytes=len(content)),
            video_key=key,
        )
        self.house.activities  # noqa: B018  binds the table
        ActivityItem.of(activity).save()
        return activity

    def content(self, activity_id: str) -> bytes:
        (found,) = (each for key, each in self.cloud.objects.items() if activity_id in key)
        return found

    def sends(self, person: Person, activity: Activity, tries: int = 20) -> None:
        """Press Send to TikTok, with one idempotency key, until there is an answer."""
        person.under_way.add(activity.activity_id)
        made_id = new_id("prf", self.clock.now()).removeprefix("prf_")
        self._press(person, activity, made_id, tries)

    def _press(self, person: Person, activity: Activity, made_id: str, tries: int) -> None:
        def again(after: timedelta) -> None:
            if tries > 1:
                self.later(after, lambda: self._press(person, activity, made_id, tries - 1))
            else:
                person.under_way.discard(activity.activity_id)

        try:
            answered = self.invoke(
                "perform",
                lambda house: house.performances.perform(
                    person.caller, activity.activity_id, CORRELATION, made_id
                ),
                limit="http",
            )
        except AccountRequired as required:
            self._connects(person, required.authorization)
            answered = False
        except Problem as problem:
            person.refused.append(problem.code.code)
            if problem.code.code == "tiktok_inbox_full" and person.insists:
                again(timedelta(hours=1))
                return
            answered = True
        if answered:
            person.under_way.discard(activity.activity_id)
        else:
            again(timedelta(seconds=30))

    def _connects(self, person: Person, begun: Authorization) -> None:
        try:
            self.invoke(
                "callback", lambda house: self._comes_back(house, person, begun), limit="http"
            )
        except Problem as problem:
            person.refused.append(problem.code.code)

    def reconnects(self, person: Person) -> None:
        """Add the account again, from the settings."""
        begun: list[Authorization] = []
        self.invoke(
            "connect",
            lambda house: begun.append(house.tiktok.authorize(person.caller, CORRELATION)),
            limit="http",
        )
        for authorization in begun:
            self._connects(person, authorization)

    def disconnects(self, person: Person, tries: int = 5) -> None:
        """Take the account away, until there is an answer."""
        done = False
        try:
            done = self.invoke(
                "disconnect",
                lambda house: house.performances.disconnect(person.caller),
                limit="http",
            )
        except Problem as problem:
            person.refused.append(problem.code.code)
        if not done and tries > 1:
            self.later(timedelta(seconds=30), lambda: self.disconnects(person, tries - 1))

    def leaves(self, person: Person) -> None:
        """Be removed from the program; the table's stream tells of it."""
        owner = (person.caller.program_id, person.caller.member_id)
        item = MemberItem(owner[0], f"member#{owner[1]}")
        item.update(
            [
                MemberItem.status.set(MemberStatus.REMOVED.value),
                MemberItem.departing_in.set(DEPARTING),
                MemberItem.departing_at.set(self.clock.now()),
            ]
        )
        self._departs(owner, TRIES_OF_A_STREAM)

    def _departs(self, owner: tuple[str, str], tries: int) -> None:
        done = self.invoke("depart", lambda house: house.performances.depart(*owner))
        if not done and tries > 1:
            self.later(timedelta(seconds=1), lambda: self._departs(owner, tries - 1))

    def renews(self, *, cold: bool = False) -> None:
        """Let the clock tick for accounts that would lapse."""
        self.invoke("renew", lambda house: renew(house.tiktok, IN_TIME), cold=cold)

    # --- what goes on around ----------------------------------------------------------------

    def later(self, after: timedelta, do: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.clock.now() + after, next(self._order), do))

    def goes_on(self, horizon: timedelta = timedelta(days=9), rounds: int = MAX_ROUNDS) -> bool:
        """Let the world go on until nothing is left to do; False if that takes too long."""
        end = self.clock.now() + horizon
        for _ in range(rounds):
            self.habits.before_round()
            if self._does_something():
                continue
            at = self._next_at()
            if at is None:
                return True
            if at > end:
                return False
            self.clock.move_to(at)
        return False

    def _does_something(self) -> bool:
        return (
            self._next_of_agenda()
            or self._next_of_stream()
            or self._next_message()
            or self._tiktok_moves()
            or self._people_move()
            or self._schedule_ticks()
        )

    def _next_at(self) -> datetime | None:
        overdue = self._overdue_at()
        due = self.tiktok.next_due()
        moments = [
            self._agenda[0][0] if self._agenda else None,
            self.cloud.queue.next_at(),
            None if overdue is None else max(_minute_after(overdue), self._ticked_at + MINUTE),
            None if due is None else datetime.fromtimestamp(due, UTC) + timedelta(milliseconds=1),
        ]
        return min((moment for moment in moments if moment), default=None)

    def _next_of_agenda(self) -> bool:
        if not self._agenda or self._agenda[0][0] > self.clock.now():
            return False
        heapq.heappop(self._agenda)[2]()
        return True

    def _changed(self, table: str, before: Item | None, item: Item | None) -> None:
        if table == SETTINGS.performances_table and item and before is None:
            image = {name: value["S"] for name, value in item.items() if "S" in value}
            self._streams.append((from_message(image), 0))

    def _next_of_stream(self) -> bool:
        if not self._streams:
            return False
        reference, tries = self._streams.pop(0)

        done = self.invoke("enqueue", lambda house: house.staging_queue.send([reference]))
        if not done and tries + 1 < TRIES_OF_A_STREAM:
            self.later(timedelta(seconds=1), lambda: self._streams.append((reference, tries + 1)))
        return True

    def _next_message(self) -> bool:
        message = self.cloud.queue.receive(self.habits.message)
        if message is None:
            return False
        before = self.kills + self.failed_by_aws
        done = self.stages(message.body)
        if done and not self.habits.delivered_twice():
            self.cloud.queue.delete(message)
            return True
        message.hindered += done or self.kills + self.failed_by_aws > before
        if done:
            message.visible_at = self.clock.now()
        return True

    def stages(self, body: str, *, cold: bool = False) -> bool:
        """Give one message to the staging function; False if it is to come again."""
        return self.invoke("stage", lambda house: house.stager.stage(from_message(body)), cold=cold)

    def _tiktok_moves(self) -> bool:
        due = self.tiktok.next_due()
        moved = due is not None and due <= self.clock.time()
        if moved:
            self.tiktok.settle()
        hooks = self.tiktok.hooks()
        for hook in hooks:
            if hook.event == "post.publish.inbox_delivered":
                self._finds(hook)
            for after in self.habits.hook_after(hook):
                self.later(after, lambda hook=hook: self._comes(hook, 60.0))  # type: ignore[misc]
        return moved or bool(hooks)

    def _comes(self, hook: Hook, back_off: float) -> None:
        """Deliver a webhook; without an answer it comes again, ever later, for three days."""
        heard = False
        try:
            heard = self.invoke(
                "webhook",
                lambda house: house.performances.hear(hook.signature(self.clock.time()), hook.body),
                limit="http",
            )
        except Problem as problem:
            self.raised.append(f"webhook: {problem.code.code}")
        if not heard and back_off < timedelta(days=3).total_seconds():
            self.later(
                timedelta(seconds=back_off), lambda: self._comes(hook, min(back_off * 2, 3600 * 8))
            )

    def _finds(self, hook: Hook) -> None:
        """The person finds the video in the inbox, and posts it some time or never."""
        (share,) = self.tiktok.shares(publish_id=hook.publish_id)
        after = self.people[share.person].posts()
        if after is not None:
            self.later(after, lambda: self.tiktok.posts(share))

    def _people_move(self) -> bool:
        """Who needs to connect again notices some time."""
        moved = False
        for name, person in self.people.items():
            gone = self.account_state(person) == "reconnect_required"
            if gone and person.comes_back is not None and name not in self._returning:
                self._returning.add(name)
                self.later(person.comes_back, lambda person=person: self._returns(person))  # type: ignore[misc]
                moved = True
        return moved

    def _returns(self, person: Person) -> None:
        self._returning.discard(person.name)
        self.reconnects(person)

    def _overdue_at(self) -> datetime | None:
        unfinished = self.cloud.tables.having(SETTINGS.performances_table, "unfinished_in")
        pending = self.cloud.tables.having(SETTINGS.accounts_table, "pending_in")
        looks = [
            _instant(min(item["look_at"]["S"] for item in unfinished)) if unfinished else None,
            _instant(min(item["pending_at"]["S"] for item in pending)) + PENDING_LOOKED_AT
            if pending
            else None,
        ]
        return min((look for look in looks if look), default=None)

    def _schedule_ticks(self) -> bool:
        overdue = self._overdue_at()
        now = self.clock.now()
        if overdue is None or overdue > now or now < self._ticked_at + MINUTE:
            return False
        self._ticked_at = now
        self.invoke(
            "follow_up",
            lambda house: worker.follow_up(house.follow_up, house.performances, IN_TIME),
        )
        return True

    # --- what there is ----------------------------------------------------------------------

    def performances(self, person: Person) -> list[Item]:
        return self.cloud.tables.owned(SETTINGS.performances_table, person.caller.owner)

    def account_state(self, person: Person) -> str | None:
        key = f"member#{person.caller.owner}"
        found = self.cloud.tables.item(SETTINGS.accounts_table, key, "account")
        return found["state"]["S"] if found else None

    def message_of(self, item: Item) -> str:
        """Write the message that names a performance."""
        return to_message(from_message({name: each.get("S") for name, each in item.items()}))

    def places(self, person: Person) -> list[str]:
        """List whose drafts are counted as taking a place in a person's inbox."""
        caller = person.caller
        taken = self.house.tiktok.taken_places(caller.program_id, caller.member_id)
        return [place.share_id for place in taken]

    def counts_draft(self, person: Person, share_id: str) -> None:
        """Count a draft as taking a place in a person's inbox."""
        caller, place = person.caller, Place(share_id, self.clock.now())
        commit([self.house.tiktok.count_place(caller.program_id, caller.member_id, place)])

    def shares(self, person: Person) -> list[Share]:
        return self.tiktok.shares(person.name)


def _next_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _minute_after(at: datetime) -> datetime:
    """The schedule ticks at whole minutes."""
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + MINUTE


def _instant(told: str) -> datetime:
    return datetime.strptime(told, "%Y-%m-%dT%H:%M:%S.%f%z")


def instant_of(value: Mapping[str, str]) -> datetime:
    """Read an instant as the tables keep it."""
    return _instant(value["S"])
