"""Simulates a deployment with its people, queue, streams, schedules and webhooks.

Functions run as in Lambda: each invocation may be killed, AWS retries it, and a killed one starts
cold. Time advances only when nothing is left to do, to the next event that is due.
"""

import base64
import heapq
import json
import random
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
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
from chalicelib.composition import Container
from chalicelib.foundation.aws import Clients
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.problems import Problem
from chalicelib.foundation.settings import Settings
from chalicelib.foundation.table import Contended
from chalicelib.performances import worker
from chalicelib.performances.model import Reference
from chalicelib.performances.queue import from_message, to_message
from chalicelib.performances.service import AccountRequired
from chalicelib.performances.staging import Stager
from chalicelib.performances.views import view_of
from chalicelib.programs.model import DisclosureTick, MemberStatus
from chalicelib.programs.store import TO_RELEASE, MemberItem
from chalicelib.tiktok.client import TikTokClient, TikTokSettings, TimeLimits
from chalicelib.tiktok.consents.service import ConsentRequest
from chalicelib.tiktok.model import InboxPlace
from chalicelib.tiktok.worker import maintain_accounts
from local import functions, template
from tests.events import streamed
from tests.faults import tiktok as sandbox
from tests.faults.boundary import Boundary, Killed, no_faults
from tests.faults.clock import SharedClock
from tests.faults.cloud import Cloud, Message
from tests.faults.expressions import Item
from tests.faults.tiktok import Share, TikTok, Webhook
from tests.integration.upload_services import GOOD

AWS_EXCEPTIONS = (BotoCoreError, ClientError, PynamoDBException, Contended)
INFRA = Path(__file__).parents[2] / "infra"
GENEROUS_LIMITS = TimeLimits(connect_seconds=60, answer_seconds=60, upload_answer_seconds=60)
"""Long limits: an answer that is late because the machine is busy would be an unplanned fault, and
the flow would differ from its recording."""

TIGHT_LIMITS = TimeLimits(connect_seconds=5, answer_seconds=0.25, upload_answer_seconds=0.25)
"""Short limits, for scenarios with slow answers only."""

SETTINGS = Settings(
    build="build-1",
    programs_table="ProgramsTable",
    uploads_table="UploadsTable",
    activities_table="ActivitiesTable",
    marks_table="MarksTable",
    points_table="PointsTable",
    performances_table="PerformancesTable",
    reports_table="ReportsTable",
    notices_table="NoticesTable",
    rewards_table="RewardsTable",
    privacy_table="PrivacyTable",
    accounts_table="AccountsTable",
    audit_table="AuditTable",
    origins_table="OriginsTable",
    webhooks_table="WebhooksTable",
    idempotency_table="IdempotencyTable",
    incoming_bucket="incoming",
    videos_bucket="videos",
    staging_queue_url="http://127.0.0.1/staging",
    event_bus="events",
    tokens_key_id="tokens",
    cursor_secret_id="cursors",
    tiktok_secret_id="tiktok",
    public_url=sandbox.REDIRECT_URI.removesuffix("/tiktok/callback"),
    tiktok_client_key=sandbox.CLIENT_KEY,
    tiktok_upload_hosts=("127.0.0.1",),
)
SECRETS = {
    "cursors": "a-secret-of-at-least-thirty-two-bytes",
    "tiktok": json.dumps({"client_secret": sandbox.CLIENT_SECRET}),
}
CORRELATION = "correlation-1"
EARLIER = "prf_earlier"
"""A performance from before the simulation."""
MINUTE = timedelta(minutes=1)
MAX_SILENCE = timedelta(minutes=10)
"""How long a member may be shown no reason why their video waits."""

_WEBM = b"\x1a\x45\xdf\xa3"
_PICTURES = bytes(range(256)) * 12
SMALL_VIDEO_BYTES = len(_WEBM) + 4 + len(_PICTURES)

UNFINISHED_STATES = frozenset({"queued", "initiated", "uploading", "delivered"})
PENDING_LOOKED_AT = MINUTE
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)
"""A function's context with much time left; the boundary enforces the real time limit."""
STREAM_ATTEMPTS = 10
MAX_ROUNDS = 5000
"""More rounds than this in one simulation mean an endless loop."""


def _function_limits() -> dict[str, timedelta]:
    declared = functions.declared(template.declarations(INFRA))
    limits = {each.name: timedelta(seconds=each.seconds) for each in declared}
    return {**limits, "http": limits[functions.API]}


@dataclass
class Person:
    """A member and their TikTok account's name."""

    caller: Caller
    name: str
    reconnects_after: timedelta | None = timedelta(minutes=10)
    """How long until they reconnect an account that needs it; None: never."""
    posts_after: Callable[[], timedelta | None] = lambda: timedelta(seconds=90)
    """How long until they post a video from their inbox; None: never."""
    retries_when_full: bool = True
    """Whether they send again later if their inbox is full."""
    pending: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Behaviour:
    """How queue and webhooks behave; a soak test randomizes it."""

    webhook_delays: Callable[[Webhook], list[timedelta]] = lambda _hook: [timedelta(seconds=1)]
    """The delay of each copy of a webhook; empty if it is lost."""
    message: Callable[[list[Message]], Message] = lambda showing: min(
        showing, key=lambda each: (each.visible_at, each.number)
    )
    """Which of the visible messages is received next."""
    redelivers: Callable[[], bool] = lambda: False
    """Whether SQS delivers a deleted message again."""
    webhook_clock_skew: timedelta = timedelta()
    """How far TikTok's signing clock is ahead."""
    on_round: Callable[[], None] = lambda: None
    """Called in every round, to print progress."""


def webhooks_after(*seconds: float) -> Behaviour:
    """Deliver a copy of each webhook after each of these waits; without waits, none."""
    delay_before_send = [timedelta(seconds=each) for each in seconds]
    return Behaviour(webhook_delays=lambda _hook: delay_before_send)


POLLING = webhooks_after()


@dataclass
class SimulationParts:
    """Parts that are created once and shared by consecutive simulations."""

    clock: SharedClock
    tiktok: TikTok
    boundary: Boundary
    clients: Clients
    dice: random.Random
    """The source of every id and secret, so that a simulation can be repeated."""
    people: Iterator[int] = field(default_factory=lambda: count(1))
    limits: Mapping[str, timedelta] = field(default_factory=_function_limits)


@contextmanager
def simulation_parts() -> Iterator[SimulationParts]:
    """Create the parts that all simulations share, and close them at the end."""
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
            yield SimulationParts(clock, tiktok, boundary, Clients(), dice)


def _urlsafe(dice: random.Random, size: int) -> str:
    return base64.urlsafe_b64encode(dice.randbytes(size)).rstrip(b"=").decode()


def _no_cloud(service: str, operation: str, _parameters: Mapping[str, Any]) -> Any:
    raise AssertionError(f"{service} {operation} outside of a simulation")


class Simulation:
    """One deployment with one program and its people."""

    def __init__(
        self,
        parts: SimulationParts,
        behaviour: Behaviour | None = None,
        limits: TimeLimits = GENEROUS_LIMITS,
        seed: int = 1,
    ) -> None:
        self._limits = limits
        parts.dice.seed(seed)
        self.clock, self.tiktok, self.boundary = parts.clock, parts.tiktok, parts.boundary
        # Every simulation begins at the same offset between two schedule ticks.
        self.clock.move_to(_next_hour(self.clock.now()))
        self.began_at = self.clock.now()
        self.behaviour = behaviour or Behaviour()
        self._parts = parts
        self.tiktok.control("reset", {})
        self.tiktok.take_webhooks()
        self.boundary.plan, self.boundary.effects = no_faults, []
        self.cloud = Cloud(self.clock, SECRETS)
        self.boundary.aws = self.cloud.call
        self.settings = SETTINGS.changed(
            tiktok_api_url=self.tiktok.url,
            tiktok_authorize_url=f"{self.tiktok.url}/v2/auth/authorize/",
        )
        self.people: dict[str, Person] = {}
        self.raised: list[str] = []
        self.unreported: set[str] = set()
        self.failed_by_aws = 0
        self.kills = 0
        self._scheduled: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._streams: list[tuple[Item, int]] = []
        self._reconnecting: set[str] = set()
        self.changes: list[tuple[Item, Item]] = []
        self._ticked_at = self.clock.now()
        self.container = self._cold_start()
        self.program, _, _ = self.container.programs.create_program(
            "Demo", "Europe/Berlin", "ana@demo.example"
        )
        self.cloud.tables.changed = self._changed
        self._activities = count(1)

    def close(self) -> None:
        self.container.tiktok_client.close()

    def _cold_start(self) -> Container:
        container = Container(self.settings, self.clock, self._parts.clients)
        container.tiktok_client = TikTokClient(
            TikTokSettings(
                api_url=self.settings.tiktok_api_url,
                authorize_url=self.settings.tiktok_authorize_url,
                client_key=sandbox.CLIENT_KEY,
                redirect_uri=sandbox.REDIRECT_URI,
                upload_hosts=self.settings.tiktok_upload_hosts,
            ),
            lambda: sandbox.CLIENT_SECRET,
            self._limits,
        )
        container.sleep = self.clock.sleep
        container.stager = Stager(
            replace(
                container.staging_dependencies,
                sleep=self.clock.sleep,
                jitter=self._parts.dice.random,
            )
        )
        return container

    # --- functions --------------------------------------------------------------------------

    def invoke(
        self,
        function: str,
        do: Callable[[Container], object],
        *,
        limit: str = "",
        cold: bool = False,
    ) -> bool:
        """Run a function; return False if it was killed or failed. Problems are raised."""
        container = self._cold_start() if cold else self.container
        try:
            with self.boundary.function(function, self._parts.limits[limit or function]):
                do(container)
        except Killed:
            self.kills += 1
            container.tiktok_client.close()
            if not cold:
                self.container = self._cold_start()
            return False
        except (Problem, AccountRequired, NotImplementedError, AssertionError):
            raise
        except Exception as error:  # noqa: BLE001  AWS retries whatever a function raised on
            self.raised.append(f"{function}: {type(error).__name__}: {error}"[:200])
            self.failed_by_aws += isinstance(error, AWS_EXCEPTIONS)
            return False
        finally:
            if cold:
                container.tiktok_client.close()
        return True

    # --- people -----------------------------------------------------------------------------

    def member(self, *, connected: bool = True, **behaviour: Any) -> Person:
        """Add a member, with a connected TikTok account by default."""
        name = f"p{next(self._parts.people)}"
        email = f"{name}@demo.example"
        self.container.programs.invite(self.program, email, Role.MEMBER)
        caller = self.container.programs.caller(Claims(f"subject-{email}", email, 0))
        person = Person(caller, name, **behaviour)
        self.people[name] = person
        if connected:
            begun = self.container.consents.begin_consent(caller, CORRELATION)
            self._finish_consent(self.container, person, begun)
        return person

    def _finish_consent(self, container: Container, person: Person, begun: ConsentRequest) -> None:
        with self.boundary.suspended():
            code = self.tiktok.authorize(person.name, begun.authorize_url)
        state = parse_qs(urlsplit(begun.authorize_url).query)["state"][0]
        container.connections.connect(state, begun.nonce, code, None)

    def activity(self, points: int = 10, size_bytes: int | None = None) -> Activity:
        """Add an open activity with a video of its own."""
        number, made_at = next(self._activities), self.clock.now() - timedelta(hours=1)
        content = _WEBM + number.to_bytes(4) + _PICTURES
        if size_bytes is not None:
            content += bytes(size_bytes - len(content))
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
            posted_bonus=3,
            featured=False,
            starts_at=None,
            ends_at=None,
            time_zone="Europe/Berlin",
            created_by="mem_1",
            created_at=made_at,
            video=replace(GOOD, size_bytes=len(content)),
            video_key=key,
        )
        self.container.database.put(ActivityItem.of(activity))
        return activity

    def content(self, activity_id: str) -> bytes:
        (found,) = (each for key, each in self.cloud.objects.items() if activity_id in key)
        return found

    def send(self, person: Person, activity: Activity, tries: int = 20) -> None:
        """Send a video, retrying with one idempotency key until there is an answer."""
        person.pending.add(activity.activity_id)
        made_id = new_id("prf", self.clock.now()).removeprefix("prf_")
        self._try_to_send(person, activity, made_id, tries)

    def _try_to_send(self, person: Person, activity: Activity, made_id: str, tries: int) -> None:
        def again(after: timedelta) -> None:
            if tries > 1:
                self.schedule(
                    after, lambda: self._try_to_send(person, activity, made_id, tries - 1)
                )
            else:
                person.pending.discard(activity.activity_id)

        try:
            answered = self.invoke(
                "perform",
                lambda container: container.performances.perform(
                    person.caller,
                    activity.activity_id,
                    CORRELATION,
                    made_id,
                    DisclosureTick("1.your_brand", "en", self.clock.now()),
                ),
                limit="http",
            )
        except AccountRequired as required:
            self._complete_consent(person, required.authorization)
            answered = False
        except Problem as problem:
            person.refused.append(problem.code.code)
            if problem.code.code == "tiktok_inbox_full" and person.retries_when_full:
                again(timedelta(hours=1))
                return
            answered = True
        if answered:
            person.pending.discard(activity.activity_id)
        else:
            again(timedelta(seconds=30))

    def _complete_consent(self, person: Person, begun: ConsentRequest) -> None:
        try:
            self.invoke(
                "callback",
                lambda container: self._finish_consent(container, person, begun),
                limit="http",
            )
        except Problem as problem:
            person.refused.append(problem.code.code)

    def reconnect(self, person: Person) -> None:
        """Connect the account again, from the settings."""
        begun: list[ConsentRequest] = []
        self.invoke(
            "connect",
            lambda container: begun.append(
                container.consents.begin_consent(person.caller, CORRELATION)
            ),
            limit="http",
        )
        for authorization in begun:
            self._complete_consent(person, authorization)

    def disconnect(self, person: Person, tries: int = 5) -> None:
        """Disconnect the account, retrying until there is an answer."""
        done = False
        try:
            done = self.invoke(
                "disconnect",
                lambda container: container.connections.disconnect(person.caller),
                limit="http",
            )
        except Problem as problem:
            person.refused.append(problem.code.code)
        if not done and tries > 1:
            self.schedule(timedelta(seconds=30), lambda: self.disconnect(person, tries - 1))

    def leave_program(self, person: Person) -> None:
        """Remove the person from the program; the table's stream then releases their account."""
        owner = (person.caller.program_id, person.caller.member_id)
        item = MemberItem(owner[0], f"member#{owner[1]}")
        self.container.database.update(
            item,
            [
                MemberItem.status.set(MemberStatus.REMOVED),
                MemberItem.release_in.set(TO_RELEASE),
                MemberItem.release_since.set(self.clock.now()),
            ],
        )
        self._release_account(owner, STREAM_ATTEMPTS)

    def _release_account(self, owner: tuple[str, str], tries: int) -> None:
        done = self.invoke(
            "performances_disconnect_removed_members",
            lambda container: container.connections.release_removed_member(*owner),
        )
        if not done and tries > 1:
            self.schedule(timedelta(seconds=1), lambda: self._release_account(owner, tries - 1))

    def renew_accounts(self, *, cold: bool = False) -> None:
        """Run the schedule that refreshes accounts before they lapse."""
        self.invoke(
            "tiktok_maintain_accounts",
            lambda container: maintain_accounts(container.tiktok, container.access_tokens, CONTEXT),
            cold=cold,
        )

    # --- events -----------------------------------------------------------------------------

    def schedule(self, after: timedelta, do: Callable[[], None]) -> None:
        heapq.heappush(self._scheduled, (self.clock.now() + after, next(self._order), do))

    def run_until_idle(
        self, horizon: timedelta = timedelta(days=9), rounds: int = MAX_ROUNDS
    ) -> bool:
        """Run until nothing is left to do; return False if that takes too long."""
        end = self.clock.now() + horizon
        for _ in range(rounds):
            self.behaviour.on_round()
            if self._run_next():
                continue
            at = self._next_event_at()
            if at is None:
                return True
            if at > end:
                return False
            self._record_silence(at)
            self.clock.move_to(at)
        return False

    def _record_silence(self, until: datetime) -> None:
        """Record performances that wait until then without showing the member a reason."""
        for person in self.people.values():
            for item in self.performances(person):
                if item["state"]["S"] not in UNFINISHED_STATES:
                    continue
                made = self.container.performances.performance(
                    person.caller, item["performance_id"]["S"]
                )
                shown = view_of(made, person.caller)
                told = shown.waiting_for
                if until < made.queued_at + MAX_SILENCE or (
                    told and until < told.next_look_at + MAX_SILENCE
                ):
                    continue
                self.unreported.add(f"{made.performance_id} is silent as {made.state}")

    def _run_next(self) -> bool:
        return (
            self._run_scheduled()
            or self._deliver_stream_record()
            or self._deliver_message()
            or self._advance_tiktok()
            or self._schedule_reconnections()
            or self._run_schedule()
        )

    def _next_event_at(self) -> datetime | None:
        overdue = self._overdue_at()
        due = self.tiktok.next_due()
        moments = [
            self._scheduled[0][0] if self._scheduled else None,
            self.cloud.queue.next_at(),
            None if overdue is None else max(_minute_after(overdue), self._ticked_at + MINUTE),
            None if due is None else datetime.fromtimestamp(due, UTC) + timedelta(milliseconds=1),
        ]
        return min((moment for moment in moments if moment), default=None)

    def _run_scheduled(self) -> bool:
        if not self._scheduled or self._scheduled[0][0] > self.clock.now():
            return False
        heapq.heappop(self._scheduled)[2]()
        return True

    def _changed(self, table: str, before: Item | None, item: Item | None) -> None:
        if table != SETTINGS.performances_table or not item:
            return
        if before is None:
            self._streams.append((item, 0))
        if before is None or before["state"] != item["state"]:
            self.changes.append((before or {}, item))

    def _deliver_stream_record(self) -> bool:
        if not self._streams:
            return False
        item, tries = self._streams.pop(0)
        failed: list[object] = []

        def relay(container: Container) -> None:
            answer = worker.relay(container.staging_queue, container.events, streamed([item]))
            failed.extend(answer["batchItemFailures"])

        done = self.invoke("performances_queue_and_relay", relay) and not failed
        if not done and tries + 1 < STREAM_ATTEMPTS:
            self.schedule(timedelta(seconds=1), lambda: self._streams.append((item, tries + 1)))
        return True

    def _deliver_message(self) -> bool:
        message = self.cloud.queue.receive(self.behaviour.message)
        if message is None:
            return False
        before = self.kills + self.failed_by_aws
        done = self.stage(message.body)
        if done and not self.behaviour.redelivers():
            self.cloud.queue.delete(message)
            return True
        message.disrupted += done or self.kills + self.failed_by_aws > before
        if done:
            message.visible_at = self.clock.now()
        return True

    def stage(self, body: str, *, cold: bool = False) -> bool:
        """Run the staging function on one message; return False if SQS has to redeliver it."""
        return self.invoke(
            "performances_stage",
            lambda container: container.stager.stage(from_message(body)),
            cold=cold,
        )

    def _advance_tiktok(self) -> bool:
        due = self.tiktok.next_due()
        moved = due is not None and due <= self.clock.time()
        if moved:
            self.tiktok.settle()
        take_webhooks = self.tiktok.take_webhooks()
        for webhook in take_webhooks:
            if webhook.event == "post.publish.inbox_delivered":
                self._schedule_post(webhook)
            for after in self.behaviour.webhook_delays(webhook):
                self.schedule(after, partial(self.deliver_webhook, webhook))
        return moved or bool(take_webhooks)

    def deliver_webhook(self, webhook: Webhook, back_off: float = 60.0) -> None:
        """Deliver a webhook; without an answer, retry with growing delays for three days."""
        heard = False
        try:
            heard = self.invoke(
                "webhook",
                lambda container: container.tiktok_webhooks.handle_webhook(
                    webhook.signature(
                        self.clock.time() + self.behaviour.webhook_clock_skew.total_seconds()
                    ),
                    webhook.body,
                ),
                limit="http",
            )
        except Problem as problem:
            self.raised.append(f"webhook: {problem.code.code}")
        if not heard and back_off < timedelta(days=3).total_seconds():
            self.schedule(
                timedelta(seconds=back_off),
                lambda: self.deliver_webhook(webhook, min(back_off * 2, 3600 * 8)),
            )

    def _schedule_post(self, webhook: Webhook) -> None:
        """Schedule when the person posts the video that arrived, if ever."""
        (share,) = self.tiktok.shares(publish_id=webhook.publish_id)
        after = self.people[share.person].posts_after()
        if after is not None:
            self.schedule(after, lambda: self.tiktok.post(share))

    def _schedule_reconnections(self) -> bool:
        """Schedule reconnections of people whose account needs it."""
        moved = False
        for name, person in self.people.items():
            gone = self.account_state(person) == "reconnect_required"
            if gone and person.reconnects_after is not None and name not in self._reconnecting:
                self._reconnecting.add(name)
                self.schedule(person.reconnects_after, partial(self._reconnect_person, person))
                moved = True
        return moved

    def _reconnect_person(self, person: Person) -> None:
        self._reconnecting.discard(person.name)
        self.reconnect(person)

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

    def _run_schedule(self) -> bool:
        overdue = self._overdue_at()
        now = self.clock.now()
        if overdue is None or overdue > now or now < self._ticked_at + MINUTE:
            return False
        self._ticked_at = now
        self.invoke(
            "performances_resume_overdue_sends",
            lambda container: worker.resume_overdue(
                container.overdue_performances, container.connections, CONTEXT
            ),
        )
        return True

    # --- state ------------------------------------------------------------------------------

    def performances(self, person: Person) -> list[Item]:
        return self.cloud.tables.owned(SETTINGS.performances_table, person.caller.owner)

    def account_state(self, person: Person) -> str | None:
        key = f"member#{person.caller.owner}"
        found = self.cloud.tables.item(SETTINGS.accounts_table, key, "account")
        return found["state"]["S"] if found else None

    def message_of(self, item: Item) -> str:
        """Return the queue message that names a performance."""
        names = ("program_id", "member_id", "performance_id", "correlation_id")
        return to_message(Reference(*(item[name]["S"] for name in names)))

    def places(self, person: Person) -> Sequence[InboxPlace]:
        """List the taken places of a person's inbox."""
        caller = person.caller
        return self.container.inbox_places.list_taken_places(caller.program_id, caller.member_id)

    def count_draft(self, person: Person, performance_id: str, lost_draft: int = 1) -> None:
        """Record a draft as taking a place in a person's inbox."""
        caller = person.caller
        place = InboxPlace(performance_id, self.clock.now(), lost_draft)
        places = self.container.inbox_places
        self.container.database.commit(
            [places.record_place(caller.program_id, caller.member_id, place)]
        )

    def shares(self, person: Person) -> list[Share]:
        return self.tiktok.shares(person.name)


def _next_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _minute_after(at: datetime) -> datetime:
    """Return the next whole minute, at which the schedule runs."""
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + MINUTE


def _instant(told: str) -> datetime:
    return datetime.strptime(told, "%Y-%m-%dT%H:%M:%S.%f%z")


def instant_of(value: Mapping[str, str]) -> datetime:
    """Parse an instant as the tables store it."""
    return _instant(value["S"])
