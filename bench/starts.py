"""What starting a function costs, beside a bare boto3 handler: `python -m bench.starts`.

Each function does a typical piece of work in a process of its own, with recorded answers over TLS
(`bench.recorded`), and so does a handler that makes the same calls and nothing else. Judged are
processor seconds, as medians of nine runs of each side in turns: from nothing to the first answer
(`whole`), and the first invocation alone (`first`), which Lambda runs on a fraction of a processor.

Then, in this process and with answers from memory, what a warm request costs (`warm`).

Ends with 1 if a ratio is above its goal. It needs no engine, and no stack that runs.
"""

import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count, cycle
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import click
import jwt
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.httpsession import URLLib3Session
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.recorded import RecordedCloud, Recording, Server
from bench.started import Context, bare
from chalicelib.foundation.settings import Settings
from local import ffprobe
from local.home import PROJECT
from local.surroundings import keep_to_this_machine
from tests.events import Relayed, streamed

MOST = 1.5
"""Times the bare handler: of the whole start, of the first invocation, and of a warm request."""
RUNS = 9
WARM_BLOCKS, WARM_CALLS = 15, 40
FEED = 20
_SECRET = "a-secret-of-at-least-thirty-two-bytes"  # noqa: S105  of nobody


@dataclass
class Scenario:
    """One function with an event, and what it called when it was given that."""

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
    """Return the settings that the stack would give, all of them."""
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
    """A program in the cloud in memory, and each function's typical event."""

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
                _insist(scenario, answer)
                scenario.recording = recording
                if scenario.warm_event:
                    with self.cloud.records() as scenario.warm:
                        _insist(scenario, handle(scenario.warm_event, Context()))
                self.scenarios.append(scenario)

    def forget(self) -> None:
        """Make the app's container as it is at a cold start; the router holds on to the object."""
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
        from chalicelib.foundation.identity import Claims

        container = self.app.container
        ana = container.programs.caller(Claims("subject-ana", "ana@bench.example", 0))
        upload = container.videos.ask_for_upload(ana, "video/mp4", "correlation-1").upload
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
        for name in ("programs_mail_invitations", "videos_sweep_stuck_uploads"):
            yield Scenario(name.replace("_", " "), name, _tick())
        yield Scenario("validate", "videos_validate", _arrived(self._upload()))
        from chalicelib.videos.events import events_of as events_of_uploads

        decided = self._announced("UploadsTable", events_of_uploads)
        yield Scenario("videos relay", "videos_relay", _stream_of(decided))
        key = self._upload()
        yield Scenario("reject", "videos_reject_unexaminable", _arrived(key))
        for name in (
            "tiktok_refresh_lapsing_accounts",
            "activities_end_due",
            "performances_sweep_overdue",
        ):
            yield Scenario(name.replace("_", " "), name, _tick())
        yield from self._consumers()
        from chalicelib.activities.events import events_of, events_of_marks

        published = self._announced("ActivitiesTable", events_of)
        yield Scenario("activities relay", "activities_relay", _stream_of(published))
        performances = self.changes["PerformancesTable"]
        made = [each for each in performances if not each[0]]
        yield Scenario("performances relay", "performances_relay", _stream_of(made[-1]))
        from chalicelib.performances.events import events_of as events_of_performances

        queued = Relayed(events_of_performances)
        queued.relays(_stream_of(made[-1])["Records"])
        self.queued_performance = queued.delivered()
        yield Scenario("stage", "performances_stage", _message(self._queued()))
        entries = [
            each for each in self.changes["PointsTable"] if each[1]["item"]["S"].startswith("entry")
        ]
        dismissed = self._announced("MarksTable", events_of_marks)
        yield Scenario("relay dismissals", "activities_relay_dismissals", _stream_of(dismissed))
        yield Scenario("count events", "reports_count_events", self.queued_performance)
        yield Scenario("count entries", "points_count_entries", _stream_of(entries[-1]))
        yield Scenario("build leaderboards", "points_build_leaderboards", _tick())

    def _announced(self, table: str, events_of: Any) -> tuple[Any, Any]:
        """Return the latest change of a table that its relay makes an event of."""
        for before, after in reversed(self.changes[table]):
            told = Relayed(events_of)
            told.relays(_stream_of((before, after))["Records"])
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
        decided.relays(_stream_of(self._announced("UploadsTable", events_of_uploads))["Records"])
        yield Scenario("apply verdicts", "activities_apply_verdicts", decided.delivered())
        people = Relayed(events_of)
        people.relays(self._people()["Records"])
        yield Scenario("mark leaderboards", "points_mark_leaderboards", people.delivered())
        container = self.app.container
        members = {each.email: each for each in container.programs.members(self.program.program_id)}
        dan, ana = members["dan@bench.example"], members["ana@bench.example"]
        from chalicelib.foundation.identity import Claims

        caller = container.programs.caller(Claims("subject-ana", ana.email, 0))
        container.members.remove(caller, dan.member_id)
        gone = Relayed(events_of)
        gone.relays(_stream_of(self._removal())["Records"])
        yield Scenario(
            "release removed members", "performances_release_removed_members", gone.delivered()
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


def _insist(scenario: Scenario, answer: Any) -> None:
    """See that a function did its work: what fails at once starts fast."""
    failed = isinstance(answer, dict) and (
        answer.get("batchItemFailures") or answer.get("statusCode", 200) >= HTTPStatus.BAD_REQUEST
    )
    if failed:
        raise RuntimeError(f"{scenario.name}: {answer}")


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


# --- the runs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """Processor seconds of one start."""

    initialised: float
    invoked: float
    megabytes: float = 0

    @property
    def whole(self) -> float:
        return self.initialised + self.invoked


def start(side: str, scenario: Scenario, file: Path, server: Server) -> Start:
    server.serve(scenario.recording)
    surroundings = {
        # Both sides run from bytecode, as the packaged function does, wherever this runs.
        **{each: value for each, value in os.environ.items() if each != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(file.parent / "bytecode"),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "bench.started", side, str(file)],
        cwd=PROJECT,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"{scenario.name}, {side}: {ran.stderr[-2000:]}")
    if server.unknown or server.served < len(scenario.recording.calls):
        raise RuntimeError(f"{scenario.name}, {side}: not what was recorded: {server.unknown}")
    initialised, invoked, told, megabytes = json.loads(ran.stdout.splitlines()[-1])
    if os.environ.get("SHOW_IMPORTS") and side == "ours":
        print(scenario.name, told)
    return Start(initialised, invoked, megabytes)


def compared(scenario: Scenario, folder: Path, server: Server, runs: int) -> tuple[Start, Start]:
    """Return the medians of both sides, run in turns."""
    file = folder / "scenario"
    file.write_bytes(scenario.written(server.tiktok_url))
    found: dict[str, list[Start]] = {"ours": [], "bare": []}
    for turn in range(runs + 1):
        for side in ("ours", "bare") if turn % 2 else ("bare", "ours"):
            each = start(side, scenario, file, server)
            if turn:  # the first ones write bytecode and fill the disk's cache
                found[side].append(each)
    ours, theirs = (
        Start(
            statistics.median(each.initialised for each in found[side]),
            statistics.median(each.invoked for each in found[side]),
        )
        for side in ("ours", "bare")
    )
    return ours, theirs


class Answers:
    """A recording's answers from memory, each operation's in turns."""

    def __init__(self, recording: Recording) -> None:
        headers: Any = HeadersDict({"Content-Type": "application/x-amz-json-1.0"})
        self._answers = {
            name: [AWSResponse("", 200, headers, Raw(told)) for told in bodies]
            for name, bodies in recording.bodies().items()
        }
        self.begin()

    def begin(self) -> None:
        self._left = {name: cycle(answers) for name, answers in self._answers.items()}

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        name = target.decode() if isinstance(target, bytes) else target
        return next(self._left[name.rpartition(".")[2]])


class Raw:
    """The body of an answer, which may be read again and again."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def warm(scenario: Scenario, bench: Bench) -> tuple[float, float]:
    """Return milliseconds of one warm request, ours and bare, as medians of blocks in turns."""
    handle = getattr(bench.app, scenario.handler)
    calls = [(each.service, each.operation, each.parameters) for each in scenario.warm.calls]
    plain = bare({"calls": calls, "requests": []}, warm=True)[2]
    answers = Answers(scenario.recording)
    bench.forget()

    def ours() -> None:
        _insist(scenario, handle(scenario.warm_event, Context()))

    def milliseconds(work: Callable[[], object]) -> float:
        answers.begin()
        begun = time.process_time()
        for _ in range(WARM_CALLS):
            work()
        return (time.process_time() - begun) / WARM_CALLS * 1000

    def send(_: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        return answers.send(request)

    # Programs are cached from the first request to the last, however busy this machine is.
    cached = patch("chalicelib.programs.service.CACHED_FOR", timedelta(days=1))
    with patch.object(URLLib3Session, "send", send), cached:
        _insist(scenario, handle(scenario.event, Context()))
        answers = Answers(scenario.warm)
        ours()
        plain()
        pairs = [(milliseconds(ours), milliseconds(plain)) for _ in range(WARM_BLOCKS)]
    own, theirs = zip(*pairs, strict=True)
    return statistics.median(own), statistics.median(theirs)


@click.command()
@click.option("--only", help="Only scenarios whose name contains this.")
@click.option("--runs", default=RUNS, show_default=True, help="Starts of each side.")
def main(only: str | None, runs: int) -> None:
    """Hold the starts of all functions, and four warm requests, against bare handlers."""
    from chalicelib.foundation.logging import logger

    keep_to_this_machine()
    missed = False
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as name:
        folder = Path(name)
        server = Server(folder)
        os.environ.update(environment(server))
        bench = Bench(server)
        bench.record()
        for each in logger.handlers:
            each.setLevel("ERROR")
        print(f"{'processor ms':38}{'init':>7}{'bare':>7}{'first':>7}{'bare':>7}   ratios")
        for scenario in bench.scenarios:
            if only and only not in scenario.name:
                continue
            ours, theirs = compared(scenario, folder, server, runs)
            whole, first = ours.whole / theirs.whole, ours.invoked / theirs.invoked
            over = max(whole, first) > MOST
            missed = missed or over
            figures = "".join(
                f"{each * 1000:7.0f}"
                for each in (
                    ours.initialised,
                    theirs.initialised,
                    ours.invoked,
                    theirs.invoked,
                )
            )
            words = " OVER" if over else ""
            print(f"{scenario.name:38}{figures}   whole {whole:.2f} first {first:.2f}{words}")
        for scenario in bench.scenarios:
            if scenario.warm_event and not (only and only not in scenario.name):
                own, plain = warm(scenario, bench)
                over = own / plain > MOST
                missed = missed or over
                words = " OVER" if over else ""
                print(f"warm {scenario.name:33}{own:7.2f}{plain:7.2f}   {own / plain:.2f}{words}")
        server.close()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
