"""A whole Greenroom on moto: its services wired as deployed, with people in a program."""

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
from chalicelib.performances.connections.service import ConnectionResult
from chalicelib.performances.model import Performance, Reference
from chalicelib.performances.queue import StagingQueue
from chalicelib.points import worker
from chalicelib.points.boards import Board
from chalicelib.points.model import Totals, sum_entries
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
    """A fake of TikTok's tokens and people; a code is `code-` and the person's name.

    `next_steps` maps a call's name to steps that run at its next calls: an error is raised instead
    of the call, anything else is called before it.
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
        self.next_steps: dict[str, list[TikTokError | Callable[[], object]]] = {}
        self.scopes = frozenset(SCOPES)
        self.expires_in = TWO_HOURS
        self.token_pairs: dict[str, tuple[str, str]] = {}
        self.revoked: list[str] = []
        self.verifiers: list[str | None] = []
        self._numbers = count(1)

    def _run_next_step(self, name: str) -> None:
        self.made.append(name)
        waiting = self.next_steps.get(name)
        step = waiting.pop(0) if waiting else None
        if isinstance(step, TikTokError):
            raise step
        if step:
            step()

    def grant(self, person: str) -> Grant:
        """Rotate a person's token pair, as another worker's refresh would."""
        number = next(self._numbers)
        pair = (f"access-{person}-{number}", f"refresh-{person}-{number}")
        self.token_pairs[person] = pair
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
        self._run_next_step("exchange_code")
        return self.grant(code.removeprefix("code-"))

    def refresh(self, refresh_token: str) -> Grant:
        self._run_next_step("refresh")
        person = refresh_token.split("-")[1]
        if self.token_pairs.get(person, ("", ""))[1] != refresh_token:
            raise Reconnect("invalid_grant", cause=Cause.CONSENT_ENDED)
        return self.grant(person)

    def revoke(self, access_token: str) -> None:
        self._run_next_step("revoke")
        self.revoked.append(access_token)

    def person(self, access_token: str) -> TikTokUser:
        self._run_next_step("person")
        name = access_token.split("-")[1]
        if self.token_pairs.get(name, ("", ""))[0] != access_token:
            raise AccessTokenRefused("access_token_invalid")
        return TikTokUser(f"open-{name}", name.title(), f"https://tiktok.example/{name}.jpg")


class RecordingQueue(StagingQueue):
    """The staging queue, recording what is sent, since SQS does not show delayed messages."""

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
    """A deployment with one program; `tiktok`, if given, replaces the client."""

    def __init__(
        self, settings: Settings, clock: StoppedClock, tiktok: TikTokClient | None = None
    ) -> None:
        self.clock, self.clients = clock, clients()
        queue, key = self.create_infrastructure()
        self.settings = settings.changed(
            staging_queue_url=queue,
            tokens_key_id=key,
            cursor_secret_id="cursors",
            tiktok_secret_id="tiktok",
            public_url=REDIRECT_URI.removesuffix("/tiktok/callback"),
        )
        self.container = Container(self.settings, clock, self.clients)
        self.queue = self.container.staging_queue = RecordingQueue(self.clients.sqs, queue)
        if tiktok is not None:
            self.container.tiktok_client = tiktok
        self.program, _, _ = self.container.programs.create_program(
            "Demo", "Europe/Berlin", "ana@demo.example"
        )
        self.manager = self.sign_in("ana@demo.example")

    def create_infrastructure(self) -> tuple[str, str]:
        """Create queues, key and secrets; return the staging queue's URL and the key's id."""
        queue, self.failed_url = (
            self.clients.sqs.create_queue(QueueName=name)["QueueUrl"]
            for name in ("staging", "failed")
        )
        for name, value in SECRETS.items():
            self.clients.secrets.create_secret(Name=name, SecretString=value)
        self.clients.events.create_event_bus(Name="events")
        return queue, self.clients.kms.create_key()["KeyMetadata"]["KeyId"]

    def cold_container(self) -> Container:
        """Create a new container, as a cold start does."""
        container = Container(self.settings, self.clock, self.clients)
        container.tiktok_client = self.container.tiktok_client
        return container

    def sign_in(self, email: str) -> Caller:
        return self.container.programs.caller(Claims(f"subject-{email}", email, 0))

    def member(self, name: str | None = None) -> Caller:
        email = f"{name or f'member{next(_members)}'}@demo.example"
        self.container.programs.invite(self.program, email, Role.MEMBER)
        return self.sign_in(email)

    def now(self, caller: Caller) -> Caller:
        return self.sign_in(caller.email)

    # --- connecting ---------------------------------------------------------------------------

    def asks(self, caller: Caller) -> ConsentRequest:
        return self.container.consents.begin_consent(caller, CORRELATION)

    def complete_consent(
        self, begun: ConsentRequest, person: str, container: Container | None = None, **changes: Any
    ) -> ConnectionResult:
        """Call the OAuth callback as a browser that returns from TikTok's consent page."""
        carried = {
            "state": state_of(begun),
            "nonce": begun.nonce,
            "code": f"code-{person}",
            "error": None,
            **changes,
        }
        return (container or self.container).connections.connect(**carried)

    def connect_account(self, caller: Caller, person: str) -> ConnectionResult:
        return self.complete_consent(self.asks(caller), person)

    # --- activities and performances ----------------------------------------------------------

    def activity(self, content: bytes = VIDEO, **changes: Any) -> Activity:
        """Store an open activity and its video."""
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
        return self.put_activity(replace(activity, **changes))

    def put_activity(self, activity: Activity) -> Activity:
        database().put(ActivityItem.of(activity))
        return activity

    def perform(self, caller: Caller, activity: Activity) -> Performance:
        return self.container.performances.perform(
            caller, activity.activity_id, CORRELATION, tick=self.disclosure_tick(activity)
        )

    def disclosure_tick(self, activity: Activity) -> DisclosureTick | None:
        """Return a member's confirmation of the disclosure that an activity asks for."""
        version = activity.required_disclosure.version
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
        """Return a member's totals, checked against the sum of the ledger."""
        kept = self.container.points.totals(caller.owner)
        assert kept == sum_entries(self.container.point_store.entries(caller.owner))
        return kept

    def ledger(self, caller: Caller) -> list[tuple[str, int]]:
        found = self.container.point_store.entries(caller.owner)
        return [(entry.kind.value, entry.points) for entry in found]

    # --- boards -------------------------------------------------------------------------------

    def images(self) -> list[dict[str, Any]]:
        """Return all ledger entries as images of the table's stream."""
        found = _dynamodb().scan(TableName=self.settings.points_table)["Items"]
        return [dict(each) for each in found if each["item"]["S"].startswith("entry#")]

    def count_entries(self, images: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Deliver ledger entries (by default all) to the leaderboard counter."""
        answer = worker.count_entries(
            self.container.entry_counter,
            self.container.events,
            streamed(self.images() if images is None else images),
        )
        assert answer == {"batchItemFailures": []}

    def build_leaderboards(self) -> int:
        """Run the schedule that builds the leaderboards that are due."""
        return worker.build_leaderboards(self.container.leaderboard_builder)

    def board(self, caller: Caller, period: Period = Period.WEEK) -> Board:
        return self.container.points.leaderboard(caller, period)

    def take_queued(self) -> list[tuple[Reference, int]]:
        """Return and forget what was sent to the staging queue, with delays in seconds."""
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
    """Return a webhook's body as TikTok writes it: its content is JSON in a string."""
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
