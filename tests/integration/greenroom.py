"""A whole Greenroom on moto: its services wired as they are deployed, and people in a program."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import count
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3

from chalicelib.activities.model import Activity, ActivityState
from chalicelib.activities.store import ActivityItem
from chalicelib.composition import Container
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.settings import Settings
from chalicelib.performances.connections.service import Connected
from chalicelib.performances.model import Performance, Reference
from chalicelib.performances.queue import StagingQueue
from chalicelib.points import worker
from chalicelib.points.boards import Board
from chalicelib.points.model import Totals, totals_of
from chalicelib.points.periods import Period
from chalicelib.programs.model import DisclosureTick
from chalicelib.tiktok.client import SCOPES, Grant, TikTokClient, TikTokSettings, TikTokUser
from chalicelib.tiktok.consents.service import ConsentRequest
from chalicelib.tiktok.errors import AccessTokenRefused, Cause, Reconnect, TikTokError
from tests.clock import StoppedClock
from tests.events import streamed
from tests.integration.database import clients, database
from tests.integration.sandbox import CLIENT_KEY, CLIENT_SECRET, REDIRECT_URI
from tests.integration.upload_services import GOOD

VIDEO = b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 40
TWO_HOURS = 7200
HALF_A_YEAR = 180 * 24 * 3600
CORRELATION = "correlation-1"
CONTEXT = SimpleNamespace(
    function_name="f", aws_request_id="r", get_remaining_time_in_millis=lambda: 300_000
)
SECRETS = {
    "cursors": "a-secret-of-at-least-thirty-two-bytes",
    "tiktok": json.dumps({"client_secret": CLIENT_SECRET}),
}


class FakeTikTok(TikTokClient):
    """Tokens and people as TikTok has them; a code is `code-` and the person's name.

    What stands in `next_of` for a call happens in its place: an error is raised, anything else
    is called before the call goes on.
    """

    def __init__(self) -> None:
        settings = TikTokSettings(
            api_url="https://api.tiktok.example",
            authorize_url="https://tiktok.example/authorize",
            client_key=CLIENT_KEY,
            redirect_uri=REDIRECT_URI,
            upload_hosts=("upload.tiktok.example",),
        )
        super().__init__(settings, lambda: CLIENT_SECRET)
        self.made: list[str] = []
        self.next_of: dict[str, list[TikTokError | Callable[[], object]]] = {}
        self.scopes = frozenset(SCOPES)
        self.expires_in = TWO_HOURS
        self.live: dict[str, tuple[str, str]] = {}
        self.revoked: list[str] = []
        self.verifiers: list[str | None] = []
        self._numbers = count(1)

    def _happens(self, name: str) -> None:
        self.made.append(name)
        waiting = self.next_of.get(name)
        step = waiting.pop(0) if waiting else None
        if isinstance(step, TikTokError):
            raise step
        if step:
            step()

    def grant(self, person: str) -> Grant:
        """Rotate a person's pair, as another worker's refresh would."""
        number = next(self._numbers)
        pair = (f"access-{person}-{number}", f"refresh-{person}-{number}")
        self.live[person] = pair
        return Grant(
            access_token=pair[0],
            refresh_token=pair[1],
            expires_in=self.expires_in,
            refresh_expires_in=HALF_A_YEAR,
            open_id=f"open-{person}",
            scopes=self.scopes,
        )

    def exchange_code(self, code: str, code_verifier: str | None = None) -> Grant:
        self.verifiers.append(code_verifier)
        self._happens("exchange_code")
        return self.grant(code.removeprefix("code-"))

    def refresh(self, refresh_token: str) -> Grant:
        self._happens("refresh")
        person = refresh_token.split("-")[1]
        if self.live.get(person, ("", ""))[1] != refresh_token:
            raise Reconnect("invalid_grant", cause=Cause.CONSENT_ENDED)
        return self.grant(person)

    def revoke(self, access_token: str) -> None:
        self._happens("revoke")
        self.revoked.append(access_token)

    def person(self, access_token: str) -> TikTokUser:
        self._happens("person")
        name = access_token.split("-")[1]
        if self.live.get(name, ("", ""))[0] != access_token:
            raise AccessTokenRefused("access_token_invalid")
        return TikTokUser(f"open-{name}", name.title(), f"https://tiktok.example/{name}.jpg")


class WatchedQueue(StagingQueue):
    """The staging queue, which remembers what it was given: SQS shows nothing that is delayed."""

    def __init__(self, sqs: Any, url: str) -> None:
        super().__init__(sqs, url)
        self.sent: list[tuple[Reference, int]] = []

    def send(self, references: Sequence[Reference], delay_seconds: int = 0) -> None:
        super().send(references, delay_seconds)
        self.sent += [(reference, delay_seconds) for reference in references]


@cache
def _dynamodb() -> Any:
    return boto3.client("dynamodb")


_members = count(1)


class Greenroom:
    """A deployment with one program; `tiktok` stands in for the client if it is given."""

    def __init__(
        self, settings: Settings, clock: StoppedClock, tiktok: TikTokClient | None = None
    ) -> None:
        self.clock, self.clients = clock, clients()
        queue, key = self.made_around()
        self.settings = settings.changed(
            staging_queue_url=queue,
            tokens_key_id=key,
            cursor_secret_id="cursors",
            tiktok_secret_id="tiktok",
            public_url=REDIRECT_URI.removesuffix("/tiktok/callback"),
        )
        self.container = Container(self.settings, clock, self.clients)
        self.queue = self.container.staging_queue = WatchedQueue(self.clients.sqs, queue)
        if tiktok is not None:
            self.container.tiktok_client = tiktok
        self.program, _, _ = self.container.programs.create_program(
            "Demo", "Europe/Berlin", "ana@demo.example"
        )
        self.manager = self.signs_in("ana@demo.example")

    def made_around(self) -> tuple[str, str]:
        """Make queues, key and secrets; returns the staging queue's address and the key's id."""
        queue, self.failed_url = (
            self.clients.sqs.create_queue(QueueName=name)["QueueUrl"]
            for name in ("staging", "failed")
        )
        for name, value in SECRETS.items():
            self.clients.secrets.create_secret(Name=name, SecretString=value)
        self.clients.events.create_event_bus(Name="events")
        return queue, self.clients.kms.create_key()["KeyMetadata"]["KeyId"]

    def again(self) -> Container:
        """Wire everything anew, as a function does that starts cold."""
        container = Container(self.settings, self.clock, self.clients)
        container.tiktok_client = self.container.tiktok_client
        return container

    def signs_in(self, email: str) -> Caller:
        return self.container.programs.caller(Claims(f"subject-{email}", email, 0))

    def member(self, name: str | None = None) -> Caller:
        email = f"{name or f'member{next(_members)}'}@demo.example"
        self.container.programs.invite(self.program, email, Role.MEMBER)
        return self.signs_in(email)

    def now(self, caller: Caller) -> Caller:
        return self.signs_in(caller.email)

    # --- connecting ---------------------------------------------------------------------------

    def asks(self, caller: Caller) -> ConsentRequest:
        return self.container.consents.begin_consent(caller, CORRELATION)

    def comes_back(
        self, begun: ConsentRequest, person: str, container: Container | None = None, **changes: Any
    ) -> Connected:
        """Bring a browser back from TikTok's consent page with what it should carry."""
        carried = {
            "state": state_of(begun),
            "nonce": begun.nonce,
            "code": f"code-{person}",
            "error": None,
            **changes,
        }
        return (container or self.container).connections.connect(**carried)

    def connects(self, caller: Caller, person: str) -> Connected:
        return self.comes_back(self.asks(caller), person)

    # --- activities and performances ----------------------------------------------------------

    def activity(self, content: bytes = VIDEO, **changes: Any) -> Activity:
        """Put an activity that is open, and its video."""
        made_at = self.clock.now() - timedelta(hours=1)
        key = f"videos/{self.program.program_id}/{new_id('upl', made_at)}/etag"
        self.clients.s3.put_object(Bucket=self.settings.videos_bucket, Key=key, Body=content)
        activity = Activity(
            program_id=self.program.program_id,
            activity_id=new_id("act", made_at),
            state=ActivityState.PUBLISHED,
            instructions="Share this",
            upload_id="upl_1",
            points=10,
            featured=False,
            starts_at=None,
            ends_at=None,
            time_zone="Europe/Berlin",
            created_by=self.manager.member_id,
            created_at=made_at,
            video=replace(GOOD, size_bytes=len(content)),
            video_key=key,
        )
        return self.keep(replace(activity, **changes))

    def keep(self, activity: Activity) -> Activity:
        database().put(ActivityItem.of(activity))
        return activity

    def perform(self, caller: Caller, activity: Activity) -> Performance:
        return self.container.performances.perform(
            caller, activity.activity_id, CORRELATION, tick=self.tick(activity)
        )

    def tick(self, activity: Activity) -> DisclosureTick | None:
        """Return a member's tick of what an activity asks them to disclose."""
        version = activity.asks.version
        return DisclosureTick(version, "en", self.clock.now()) if version else None

    def stored(self, performance: Performance) -> Performance:
        found = self.container.performance_store.get(
            f"{performance.program_id}/{performance.member_id}", performance.performance_id
        )
        assert found is not None
        return found

    def history(self, caller: Caller) -> list[Performance]:
        return list(self.container.performances.performances(caller, 100, None).items)

    def feed(self, caller: Caller) -> list[str]:
        return [
            each.activity_id for each in self.container.activities.feed(caller, 100, None).items
        ]

    def totals(self, caller: Caller) -> Totals:
        """Return a member's totals, which are always what the ledger adds up to."""
        kept = self.container.points.totals(caller.owner)
        assert kept == totals_of(self.container.point_store.entries(caller.owner))
        return kept

    def ledger(self, caller: Caller) -> list[tuple[str, int]]:
        found = self.container.point_store.entries(caller.owner)
        return [(entry.kind.value, entry.points) for entry in found]

    # --- boards -------------------------------------------------------------------------------

    def images(self) -> list[dict[str, Any]]:
        """Return all ledger entries as the table's stream shows them."""
        found = _dynamodb().scan(TableName=self.settings.points_table)["Items"]
        return [dict(each) for each in found if each["item"]["S"].startswith("entry#")]

    def counts(self, images: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Deliver entries (all of them, unless told which) to what counts them."""
        answer = worker.count_entries(
            self.container.entry_counter,
            self.container.events,
            streamed(self.images() if images is None else images),
        )
        assert answer == {"batchItemFailures": []}

    def ranks(self) -> int:
        """Let the clock tick: boards that are due are made."""
        return worker.build_leaderboards(self.container.leaderboard_builder)

    def board(self, caller: Caller, period: Period = Period.WEEK) -> Board:
        return self.container.points.leaderboard(caller, period)

    def queued(self) -> list[tuple[Reference, int]]:
        """Take out what was put into the staging queue, each with its delay in seconds."""
        sent, self.queue.sent = self.queue.sent, []
        return sent


def state_of(begun: ConsentRequest) -> str:
    return parse_qs(urlsplit(begun.authorize_url).query)["state"][0]


def reference_of(performance: Performance) -> Reference:
    return Reference(
        performance.program_id,
        performance.member_id,
        performance.performance_id,
        performance.correlation_id,
    )


def event(name: str, clock: StoppedClock, *, open_id: str = "open-ana", **content: Any) -> bytes:
    """Write an event as TikTok does: its content is JSON in a string."""
    told = {
        "client_key": CLIENT_KEY,
        "event": name,
        "create_time": int(clock.now().timestamp()),
        "user_openid": open_id,
        "content": json.dumps(content),
    }
    return json.dumps(told).encode()


def signature(body: bytes, clock: StoppedClock, secret: str = CLIENT_SECRET) -> str:
    at = int(clock.now().timestamp())
    signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},s={signed.hexdigest()}"
