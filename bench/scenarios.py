"""Each function's typical event, run on an in-memory cloud: the scenarios of several benchmarks.

`bench.starts` measures starts with them, `bench.memory` what functions hold, and `bench.costs` what
they call.
"""

import json
import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.recorded_cloud import RecordedCloud, Recording, Server
from bench.single_start import Context
from chalicelib.foundation.settings import Settings
from local import ffprobe
from local.home import PROJECT
from tests.events import Relayed, streamed

FEED = 20
_SECRET = "a-secret-of-at-least-thirty-two-bytes"  # noqa: S105  of nobody

WITHOUT: Mapping[str, str] = {}
"""Functions without a scenario, and why: a test fails for one that has neither."""


@dataclass
class Scenario:
    """One function with an event, and the recording of its calls."""

    name: str
    function: str
    event: Any
    handler: str = ""
    recording: Recording = field(default_factory=Recording)
    warm_event: Any = None
    warm: Recording = field(default_factory=Recording)

    def written(self, tiktok_url: str) -> bytes:
        calls = [(each.service, each.operation, each.parameters) for each in self.recording.calls]
        return pickle.dumps(
            {
                "function": self.function,
                "handler": self.handler or self.function,
                "event": self.event,
                "calls": calls,
                "requests": [
                    (method, f"{tiktok_url}{path}", body)
                    for method, path, body in self.recording.requests
                ],
            }
        )


def environment(server: Server) -> dict[str, str]:
    """Return all settings that the stack would set."""
    tables = [name.removesuffix("_table") for name in Settings.all() if name.endswith("_table")]
    named = {f"{each.upper()}_TABLE": f"{each.capitalize()}Table" for each in tables}
    queues = {
        name.upper(): f"{server.aws_url}/000000000000/{name.removesuffix('_queue_url')}"
        for name in Settings.all()
        if name.endswith("_queue_url")
    }
    return {
        **named,
        **queues,
        "INCOMING_BUCKET": "incoming",
        "VIDEOS_BUCKET": "videos",
        "EXPORTS_BUCKET": "exports",
        "FFPROBE": str(ffprobe.find() or "ffprobe"),
        "CURSOR_SECRET_ID": "cursors",
        "USER_POOL_ID": "us-east-1_bench",
        "USER_POOL_CLIENT_ID": "client",
        "TOKEN_ISSUER": "https://issuer.example",
        "TOKEN_AUDIENCE": "bench",
        "KEY_SET_URL": f"{server.aws_url}/jwks.json",
        "EVENT_BUS": "bench",
        "TOKENS_KEY_ID": "tokens",
        "PUBLIC_URL": "https://bench.example/v1",
        "CONSOLE_URL": "https://bench.example",
        "NOTICES_FROM": "news@bench.example",
        "MAIL_CONFIGURATION_SET": "mails",
        "WEBHOOK_TEST_NETWORKS": "127.0.0.0/8",
        "TIKTOK_VIEWS": "true",
        "TIKTOK_API_URL": server.tiktok_url,
        "TIKTOK_AUTHORIZE_URL": "https://tiktok.example/authorize",
        "TIKTOK_UPLOAD_HOSTS": server.tiktok_url.removeprefix("http://"),
        "TIKTOK_CLIENT_KEY": "client-key",
        "TIKTOK_SECRET_ID": "tiktok",
        "TIKTOK_PKCE": "off",
        "AWS_ENDPOINT_URL": server.aws_url,
        "AWS_CA_BUNDLE": str(server.certificate),
        "SSL_CERT_FILE": str(server.certificate),
        "PYDANTIC_DISABLE_PLUGINS": "true",
    }


class Bench:
    """A program on the in-memory cloud, and each function's typical event."""

    def __init__(self, server: Server) -> None:
        # The app reads its settings when it is imported, so not before they are there.
        import app
        from chalicelib.foundation.clock import SystemClock

        self.app, self.server = app, server
        secrets = {"cursors": _SECRET, "tiktok": json.dumps({"client_secret": "secret"})}
        self.cloud = RecordedCloud(SystemClock(), secrets)
        self.changes: dict[str, list[tuple[Any, Any]]] = {}
        self.cloud.tables.changed = self._changed
        self.scenarios: list[Scenario] = []
        self._numbers = count(1)

    def _changed(self, table: str, before: Any, after: Any) -> None:
        self.changes.setdefault(table, []).append((before, after))

    def record(self) -> None:
        with self.cloud.answering():
            self._seed()
            for scenario in self._scenarios():
                self.forget()
                with self.cloud.records() as recording, self.server.noting(recording):
                    self.server.serve(recording)
                    handle = getattr(self.app, scenario.handler or scenario.function)
                    answer = handle(scenario.event, Context())
                require_success(scenario, answer)
                scenario.recording = recording
                if scenario.warm_event:
                    with self.cloud.records() as scenario.warm:
                        require_success(scenario, handle(scenario.warm_event, Context()))
                self.scenarios.append(scenario)

    def forget(self) -> None:
        """Reset the app's container as at a cold start, in place, since the router refers to it."""
        container = self.app.container
        vars(container).clear()
        type(container).__init__(container)

    # --- the program ----------------------------------------------------------------------------

    def _seed(self) -> None:
        from chalicelib.foundation.identity import Claims, Role
        from chalicelib.programs.model import DisclosureTick

        container = self.app.container
        programs = container.programs
        self.program, _, _ = programs.create_program("Bench", "UTC", "ana@bench.example")
        programs.caller(Claims("subject-ana", "ana@bench.example", 0))
        for name in ("ben", "cleo", "dan"):
            programs.invite(self.program, f"{name}@bench.example", Role.MEMBER)
            caller = programs.caller(Claims(f"subject-{name}", f"{name}@bench.example", 0))
            self.now = container.clock.now()
            if name != "dan":
                self._connect(caller)
        self.video = (PROJECT / "tests" / "clips" / "three_seconds.mp4").read_bytes()
        self.activities = [self._activity() for _ in range(FEED + 3)]
        ben = programs.caller(Claims("subject-ben", "ben@bench.example", 0))
        tick = DisclosureTick("1.your_brand", "en", self.now)
        container.performances.perform(ben, self.activities[0], "correlation-1", tick=tick)
        container.activities.dismiss(ben, self.activities[-1])
        changed = self.changes["PointsTable"]
        entries = [after for _, after in changed if after["item"]["S"].startswith("entry#")]
        self.app.points_count_entries(streamed(entries), Context())
        self.app.points_build_leaderboards(_tick(), Context())

    def _connect(self, caller: Any) -> None:
        container = self.app.container
        begun = container.consents.begin_consent(caller, "correlation-1")
        state = parse_qs(urlsplit(begun.authorize_url).query)["state"][0]
        self.server.person = caller.member_id
        container.connections.connect(state, begun.nonce, "code", None)

    def _activity(self) -> str:
        from chalicelib.activities.model import Activity, ActivityState
        from chalicelib.activities.store import ActivityItem
        from chalicelib.foundation.ids import new_id
        from tests.integration.upload_services import GOOD

        at = datetime.now(UTC) - timedelta(hours=1, seconds=next(self._numbers))
        key = f"videos/{self.program.program_id}/{new_id('upl', at)}/etag"
        self.cloud.objects[key] = self.video
        activity = Activity(
            program_id=self.program.program_id,
            activity_id=new_id("act", at),
            state=ActivityState.PUBLISHED,
            instructions="Share this video on TikTok",
            upload_id="upl_1",
            points=10,
            featured=False,
            starts_at=None,
            ends_at=None,
            time_zone="UTC",
            created_by="mem_1",
            created_at=at,
            video=replace(GOOD, container="mp4", size_bytes=len(self.video)),
            video_key=key,
        )
        self.app.container.database.put(ActivityItem.of(activity))
        return activity.activity_id

    def _upload(self) -> str:
        """Ask for an upload and put its file there; returns the file's key."""
        videos = self.app.container.videos
        upload = videos.ask_for_upload(self._caller("ana"), "video/mp4", "correlation-1").upload
        self.cloud.objects[upload.incoming_key] = self.video
        self.upload_id = upload.upload_id
        return str(upload.incoming_key)

    # --- what each function gets ----------------------------------------------------------------

    def _scenarios(self) -> Iterator[Scenario]:
        yield self._request("feed", "GET", "/feed", {"limit": [str(FEED)]})
        yield self._request("leaderboard", "GET", "/leaderboard", {"period": ["week"]})
        yield self._request("/me", "GET", "/me")
        route = "/activities/{activity_id}/perform"
        ticked = {"acknowledged_disclosure": "1.your_brand"}
        performs = [
            self._request("perform", "POST", route, path={"activity_id": each}, body=ticked)
            for each in self.activities[1:3]
        ]
        yield replace(performs[0], warm_event=performs[1].event)
        yield self._token()
        yield Scenario("programs relay", "programs_relay", self._people())
        # Before there is anything that becomes due by the time the answers are given again.
        for name in (
            "programs_mail_invitations",
            "videos_sweep_stuck_uploads",
            "points_build_leaderboards",
            "webhooks_queue_due_deliveries",
            "notifications_queue_due_digests",
            "notifications_send_pushes",
            "privacy_erase_and_queue_exports",
        ):
            yield _on_the_clock(name)
        yield Scenario("validate", "videos_validate", _arrived(self._upload()))
        from chalicelib.videos.events import events_of as events_of_uploads

        decided = self._announced("UploadsTable", events_of_uploads)
        yield Scenario("videos relay", "videos_relay", _stream_of(decided))
        key = self._upload()
        yield Scenario("reject", "videos_reject_unexaminable", _arrived(key))
        for name in (
            "tiktok_maintain_accounts",
            "activities_sweep_due_activities",
            "performances_resume_overdue_sends",
        ):
            yield _on_the_clock(name)
        yield from self._consumers()
        from chalicelib.activities.events import events_of, events_of_marks

        published = self._announced("ActivitiesTable", events_of)
        yield Scenario("activities relay", "activities_relay", _stream_of(published))
        performances = self.changes["PerformancesTable"]
        made = [each for each in performances if not each[0]]
        yield Scenario(
            "performances queue and relay", "performances_queue_and_relay", _stream_of(made[-1])
        )
        from chalicelib.performances.events import events_of as events_of_performances

        queued = Relayed(events_of_performances)
        queued.relay(_stream_of(made[-1])["Records"])
        self.queued_performance = queued.delivered()
        yield Scenario("stage", "performances_stage", _message(self._queued()))
        entries = [
            each for each in self.changes["PointsTable"] if each[1]["item"]["S"].startswith("entry")
        ]
        dismissed = self._announced("MarksTable", events_of_marks)
        yield Scenario("publish dismissals", "activities_publish_dismissals", _stream_of(dismissed))
        yield Scenario("count events", "reports_count_events", self.queued_performance)
        yield Scenario("count entries", "points_count_entries", _stream_of(entries[-1]))
        yield Scenario("build leaderboards", "points_build_leaderboards", _tick())
        yield _on_the_clock("performances_sync_views")
        for more in (
            self._rewards,
            self._webhooks,
            self._reports,
            self._notifications,
            self._privacy,
        ):
            yield from more()
        yield self._agent()

    def _rewards(self) -> Iterator[Scenario]:
        """A reward is offered; a picture that no reward took is a day old."""
        from chalicelib.programs.service import ProgramChanges
        from chalicelib.rewards.events import PictureUnused, events_of

        container, ana = self.app.container, self._caller("ana")
        container.programs.change_program(ana, ProgramChanges(rewards=True))
        container.rewards.create(ana, title="A shirt", price=100)
        offered = self._announced("RewardsTable", events_of)
        yield Scenario("rewards relay", "rewards_relay", _stream_of(offered))
        key = f"pictures/{self.program.program_id}/1.jpg"
        container.reward_store.note_picture(self.program.program_id, key, self.now)
        noted = self.changes["RewardsTable"][-1][1]
        gone = Relayed(events_of)
        gone.relay(_stream_of((noted, {}))["Records"])
        event = gone.delivered(PictureUnused)
        yield Scenario("rewards remove pictures", "rewards_remove_pictures", event)

    def _webhooks(self) -> Iterator[Scenario]:
        """A webhook is sent its first events; later it is disabled."""
        from chalicelib.webhooks.model import Format, Language

        webhook = self.app.container.webhooks.create(
            self._caller("ana"),
            name="Ours",
            url=f"{self.server.tiktok_url}/hook",
            format=Format.JSON,
            language=Language.ENGLISH,
            types=(),
        )
        item = self.changes["WebhooksTable"][0][1]
        fans_out = _message(self._public_event(1))
        yield Scenario("webhooks fan out", "webhooks_fan_out", fans_out)
        # A receiver begins as a slow one, and is a quick one from its first answer on.
        wake = _message(self._queued())
        yield Scenario(
            "webhooks deliver to slow receivers", "webhooks_deliver_to_slow_receivers", wake
        )
        self.app.container.fan_out.deliver([json.loads(self._public_event(2))["detail"]])
        yield Scenario(
            "webhooks deliver to quick receivers", "webhooks_deliver_to_quick_receivers", wake
        )
        if item["webhook_id"]["S"] != webhook.webhook_id:
            raise RuntimeError("the first change is not the webhook's")
        disabled = _stream_of((item, {**item, "state": {"S": "disabled"}}))
        yield Scenario("webhooks relay", "webhooks_relay", disabled)

    def _public_event(self, number: int) -> str:
        """Return the message that the bus's rule makes of a public event."""
        from chalicelib.foundation.events import PublicEvent
        from chalicelib.webhooks.events import MemberJoinedData

        joined = MemberJoinedData("mem_1", "member")
        program_id = self.program.program_id
        event = PublicEvent(f"evt_{number:032x}", program_id, self.now, "system:bench", joined)
        return json.dumps({"detail": json.loads(event.to_detail())})

    def _reports(self) -> Iterator[Scenario]:
        """A member saw their feed; a manager wants a report as a file."""
        from chalicelib.reports.events import ExportRequested, events_of
        from chalicelib.reports.report_exports.store import Table

        container = self.app.container
        container.reports.note_seen(self._caller("ben"), self.activities[:FEED])
        seen = self._announced("ReportsTable", events_of)
        yield Scenario("reports count impressions", "reports_count_impressions", _stream_of(seen))
        container.report_exports.request_export(self._caller("ana"), Table.OVERVIEW)
        asked = Relayed(events_of)
        asked.relay(_stream_of(self._announced("ReportsTable", events_of))["Records"])
        event = asked.delivered(ExportRequested)
        yield Scenario("reports make exports", "reports_make_exports", event)

    def _notifications(self) -> Iterator[Scenario]:
        """A video waits in a member's inbox; another member's mail is due, and comes."""
        from chalicelib.notifications.model import (
            Frequency,
            Notice,
            NoticeBox,
            NoticeCategory,
            NoticeType,
            with_notice,
        )
        from chalicelib.notifications.store import shard_of
        from chalicelib.performances.events import events_of

        staged = Relayed(events_of)
        staged.relay(_stream_of(self._announced("PerformancesTable", events_of))["Records"])
        yield Scenario(
            "notifications record events", "notifications_record_events", staged.delivered()
        )
        cleo = self._caller("cleo")
        since = self.now - timedelta(days=2)
        notice = Notice("points#1", NoticeType.POINTS_ADJUSTED, since, "pts_1", "Fair helper", 25)

        def due_now(box: NoticeBox) -> NoticeBox:
            chosen = {NoticeCategory.POINTS: Frequency.AT_ONCE}
            settings = replace(box.settings, chosen=chosen)
            return replace(with_notice(box, notice), settings=settings, mail_at=self.now)

        self.app.container.notice_store.change_box(cleo.program_id, cleo.member_id, due_now)
        due = _message(json.dumps({"shard": shard_of(cleo.member_id)}))
        yield Scenario(
            "notifications plan and send digests", "notifications_plan_and_send_digests", due
        )
        tags = {"program": [cleo.program_id], "member": [cleo.member_id], "claim": ["mai_1"]}
        sent = {"eventType": "Send", "mail": {"destination": [cleo.email], "tags": tags}}
        taken = _message(json.dumps({"detail": sent}))
        yield Scenario("notifications handle ses events", "notifications_handle_ses_events", taken)

    def _privacy(self) -> Iterator[Scenario]:
        """A member wants what is kept of them."""
        from chalicelib.privacy.queue import PersonalExportQueue

        ben, container = self._caller("ben"), self.app.container
        export = container.privacy.ask_export(ben, ben.member_id)
        queue: PersonalExportQueue = container.personal_exports_queue
        queue.send(ben.program_id, ben.member_id, export.export_id)
        yield Scenario("privacy make exports", "privacy_make_exports", _message(self._queued()))

    def _agent(self) -> Scenario:
        """Return an agent's call of a tool: its member's feed."""
        call = {"name": "read_feed", "arguments": {"limit": FEED}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        event = self._request("", "POST", "/mcp", body=message).event
        return Scenario("agents serve mcp", "agents_serve_mcp", event)

    def _caller(self, name: str) -> Any:
        from chalicelib.foundation.identity import Claims

        email = f"{name}@bench.example"
        return self.app.container.programs.caller(Claims(f"subject-{name}", email, 0))

    def _announced(self, table: str, events_of: Any) -> tuple[Any, Any]:
        """Return the latest change of a table that its relay makes an event of."""
        for before, after in reversed(self.changes[table]):
            told = Relayed(events_of)
            told.relay(_stream_of((before, after))["Records"])
            if told.events:
                return before, after
        raise RuntimeError(f"{table}: nothing to announce")

    def _queued(self) -> str:
        return self.cloud.queue.messages[-1].body

    def _people(self) -> dict[str, Any]:
        joined = [
            each
            for each in self.changes["ProgramsTable"]
            if each[1] and each[1].get("status", {}).get("S") == "active"
        ]
        return _stream_of(joined[-1])

    def _consumers(self) -> Iterator[Scenario]:
        from chalicelib.programs.events import events_of
        from chalicelib.videos.events import events_of as events_of_uploads

        decided = Relayed(events_of_uploads)
        decided.relay(_stream_of(self._announced("UploadsTable", events_of_uploads))["Records"])
        yield Scenario("apply verdicts", "activities_apply_verdicts", decided.delivered())
        people = Relayed(events_of)
        people.relay(self._people()["Records"])
        yield Scenario(
            "mark changed leaderboards", "points_mark_changed_leaderboards", people.delivered()
        )
        container = self.app.container
        members = {each.email: each for each in container.programs.members(self.program.program_id)}
        container.members.remove(self._caller("ana"), members["dan@bench.example"].member_id)
        gone = Relayed(events_of)
        gone.relay(_stream_of(self._removal())["Records"])
        yield Scenario(
            "disconnect removed members",
            "performances_disconnect_removed_members",
            gone.delivered(),
        )

    def _removal(self) -> tuple[Any, Any]:
        return next(
            (before, after)
            for before, after in reversed(self.changes["ProgramsTable"])
            if after and after.get("status", {}).get("S") == "removed"
        )

    def _request(
        self,
        name: str,
        method: str,
        route: str,
        query: Mapping[str, list[str]] | None = None,
        *,
        path: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Scenario:
        expires_at = int(time.time()) + 3600
        claims = {
            "subject": "subject-ben",
            "email": "ben@bench.example",
            "expires_at": str(expires_at),
        }
        filled = route.format(**(path or {}))
        event = {
            "resource": route,
            "path": filled,
            "httpMethod": method,
            "headers": {"accept": "application/json"},
            "multiValueHeaders": {"accept": ["application/json"]},
            "queryStringParameters": {key: value[0] for key, value in (query or {}).items()},
            "multiValueQueryStringParameters": dict(query or {}) or None,
            "pathParameters": dict(path or {}) or None,
            "stageVariables": None,
            "body": json.dumps(body) if body else None,
            "isBase64Encoded": False,
            "requestContext": {
                "resourcePath": route,
                "httpMethod": method,
                "path": filled,
                "requestId": "request-1",
                "identity": {"sourceIp": "192.0.2.1"},
                "authorizer": claims,
            },
        }
        return Scenario(name, "api_handler", event, "app", warm_event=event)

    def _token(self) -> Scenario:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        key_set = {"keys": [{**public, "kid": "1", "use": "sig", "alg": "RS256"}]}
        self.server.key_set = json.dumps(key_set).encode()
        now = int(time.time())
        claims = {
            "iss": "https://issuer.example",
            "aud": "bench",
            "sub": "subject-ben",
            "token_use": "id",
            "email": "ben@bench.example",
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
        }
        pem = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        event = {
            "type": "TOKEN",
            "authorizationToken": "Bearer "
            + jwt.encode(claims, pem, algorithm="RS256", headers={"kid": "1"}),
            "methodArn": "arn:aws:execute-api:us-east-1:000000000000:api/dev/GET/feed",
        }
        return Scenario("authorizer", "authorizer", event)


def require_success(scenario: Scenario, answer: Any) -> None:
    """Raise unless a function did its work: one that fails at once starts fast."""
    failed = isinstance(answer, dict) and (
        answer.get("batchItemFailures")
        or answer.get("statusCode", 200) >= HTTPStatus.BAD_REQUEST
        or '"isError": true' in str(answer.get("body"))
    )
    if failed:
        raise RuntimeError(f"{scenario.name}: {answer}")


def _on_the_clock(function: str) -> Scenario:
    """Return a schedule's event at which nothing is due, as at most of them."""
    tick = _tick()
    return Scenario(function.replace("_", " "), function, tick, warm_event=tick)


def _tick() -> dict[str, Any]:
    named = dict.fromkeys(("version", "account", "region", "detail-type", "source", "id"), "")
    return {**named, "time": "2026-01-01T00:00:00Z", "detail": {}, "resources": []}


def _stream_of(change: tuple[Any, Any]) -> dict[str, Any]:
    before, after = change
    return streamed([after], [before] if before else None)


def _message(body: str) -> dict[str, Any]:
    return {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": body}]}


def _arrived(key: str) -> dict[str, Any]:
    return _message(json.dumps({"Records": [{"s3": {"object": {"key": key}}}]}))
