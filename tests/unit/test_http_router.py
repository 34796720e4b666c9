"""The HTTP router: who gets in, what is passed on, and what every failure is answered with."""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import pytest
from chalice.app import AuthRequest, AuthResponse, Chalice
from chalice.test import Client, HTTPResponse

from chalicelib.activities.model import (
    DEFAULT_INSTRUCTIONS,
    SEND_REMINDER,
    Activity,
    ActivityState,
    PostText,
)
from chalicelib.activities.problems import ActivityProblem
from chalicelib.activities.service import ActivityService, NewActivityFields
from chalicelib.foundation import http
from chalicelib.foundation.health import HealthService
from chalicelib.foundation.http import MAX_BODY_BYTES, Router
from chalicelib.foundation.idempotency import Attempt, Idempotency, Replay
from chalicelib.foundation.identity import Caller, Claims, Role, ShownAs
from chalicelib.foundation.pages import Page
from chalicelib.foundation.problems import MEDIA_TYPE, Code, Problem, ProblemCode, all_codes
from chalicelib.me.service import MeOverview, MeService
from chalicelib.performances.connections.service import ConnectionResult, ConnectionService
from chalicelib.performances.model import Performance, State
from chalicelib.performances.service import AccountRequired, PerformanceService
from chalicelib.performances.tiktok_webhooks.service import TikTokWebhooks
from chalicelib.points.model import Totals
from chalicelib.programs.campaigns.service import CampaignService
from chalicelib.programs.model import Campaign, DisclosureTick, Member, MemberStatus, Program
from chalicelib.programs.service import Profile
from chalicelib.tiktok.consents.service import ConsentRequest
from chalicelib.tiktok.problems import TikTokProblem
from tests.clock import NOON, StoppedClock

NOON_SECONDS = int(NOON.timestamp())
CLAIMS = {
    "manager": Claims("manager", "ana@demo.example", NOON_SECONDS + 1),
    "member": Claims("member", "ben@demo.example", NOON_SECONDS + 1),
    "stranger": Claims("stranger", "eve@other.example", NOON_SECONDS + 1),
    # The gateway's cache still lets it in, but it ended this very second.
    "late": Claims("manager", "ana@demo.example", NOON_SECONDS),
}
CALLERS = {
    role.value: Caller("prg_1", f"mem_{role.value}", role, f"{role.value}@demo.example", "N", "UTC")
    for role in Role
}
ACTIVITY = {"upload_id": "upl_1"}
SENT = Performance(
    program_id="prg_1",
    member_id="mem_member",
    performance_id="prf_1",
    activity_id="act_1",
    instructions="Share this",
    video_key="videos/prg_1/upl_1/etag",
    content_type="video/mp4",
    size_bytes=10,
    points=5,
    state=State.QUEUED,
    correlation_id="correlation-1",
    queued_at=NOON,
)


class Standings(MeService):
    """Answers one standing, notes what is changed, or breaks."""

    def __init__(self) -> None:
        self.broken: Exception | None = None
        self.changes: list[tuple[str, str | None, str | None]] = []

    def overview(self, caller: Caller) -> MeOverview:
        if self.broken:
            raise self.broken
        member = Member(
            caller.program_id,
            caller.member_id,
            caller.email,
            caller.name,
            caller.role,
            MemberStatus.ACTIVE,
            caller.time_zone,
            NOON,
        )
        program = Program(caller.program_id, "Demo", "Europe/Berlin", NOON)
        return MeOverview(Profile(member, program), Totals(balance=7, earned=9), unread=2)

    def change_profile(
        self,
        caller: Caller,
        *,
        name: str | None = None,
        time_zone: str | None = None,
        shown_as: ShownAs | None = None,
        alias: str | None = None,
    ) -> MeOverview:
        assert (shown_as, alias) == (None, None)
        self.changes.append((caller.member_id, name, time_zone))
        return self.overview(caller)


class Activities(ActivityService):
    """Notes what is asked for, and makes it, or breaks."""

    def __init__(self) -> None:
        self.broken: BaseException | None = None
        self.made: list[tuple[str, str, NewActivityFields, str | None]] = []
        self.pages: list[tuple[int, str | None]] = []
        self.undismissed: list[str] = []

    def undismiss(self, caller: Caller, activity_id: str) -> None:  # noqa: ARG002  as the service
        self.undismissed.append(activity_id)

    def now(self) -> Any:
        return NOON

    def create(
        self,
        caller: Caller,
        upload_id: str,
        made_id: str | None = None,
        **wanted: Unpack[NewActivityFields],
    ) -> Activity:
        self.made.append((caller.member_id, upload_id, wanted, made_id))
        if self.broken:
            raise self.broken
        return Activity(
            program_id=caller.program_id,
            activity_id=f"act_{made_id or 'new'}",
            state=ActivityState.PROCESSING,
            instructions=wanted.get("instructions", DEFAULT_INSTRUCTIONS),
            upload_id=upload_id,
            points=wanted.get("points", 0),
            featured=wanted.get("featured", False),
            starts_at=None,
            ends_at=None,
            time_zone=caller.time_zone,
            created_by=caller.member_id,
            created_at=NOON,
        )

    def feed(
        self,
        caller: Caller,  # noqa: ARG002
        limit: int,
        cursor: str | None,
        campaign_id: str | None = None,  # noqa: ARG002
    ) -> Page[Activity]:
        self.pages.append((limit, cursor))
        return Page((), None)


class Connections(ConnectionService):
    """Answers a callback with a name or a problem."""

    def __init__(self) -> None:
        self.display_name = "Ana"
        self.problem: Problem | None = None
        self.sent: Performance | None = None
        self.came_back: list[tuple[str, str, str | None, str | None]] = []

    def connect(
        self, state: str, nonce: str, code: str | None, error: str | None
    ) -> ConnectionResult:
        self.came_back.append((state, nonce, code, error))
        if self.problem:
            raise self.problem
        return ConnectionResult(self.display_name, self.sent, None)


class Performances(PerformanceService):
    """Refuses to perform."""

    def __init__(self) -> None:
        pass

    def perform(
        self,
        caller: Caller,  # noqa: ARG002
        activity_id: str,  # noqa: ARG002
        correlation_id: str,  # noqa: ARG002
        made_id: str | None = None,  # noqa: ARG002
        tick: DisclosureTick | None = None,  # noqa: ARG002
    ) -> Performance:
        callback_url = "https://api.example/tiktok/callback"
        raise AccountRequired(ConsentRequest("https://tiktok.example/?a", "a-nonce", callback_url))


class Webhooks(TikTokWebhooks):
    """Notes webhooks."""

    def __init__(self) -> None:
        self.heard: list[tuple[str | None, bytes]] = []

    def handle_webhook(self, signature: str | None, raw_body: bytes) -> None:
        self.heard.append((signature, raw_body))


class Memory(Idempotency):
    """Remembers answers by owner and key, and what became of each attempt."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Replay] = {}
        self.steps: list[str] = []

    def begin(self, owner: str, key: str, request: bytes) -> Attempt | Replay:  # noqa: ARG002
        self.steps.append(f"begin {owner} {key}")
        self._begun = (owner, key)
        return self.answers.get((owner, key)) or Attempt("record", "made1", "attempt-1", first=True)

    def finish(self, attempt: Attempt, status: int, body: str) -> None:
        self.steps.append(f"finish {attempt.made_id}")
        self.answers[self._begun] = Replay(status, body)

    def refuse(self, attempt: Attempt) -> None:
        self.steps.append(f"refuse {attempt.made_id}")

    def release(self, attempt: Attempt) -> None:
        self.steps.append(f"release {attempt.made_id}")


class Visitor:
    """Comes to a router of their own, with fakes behind it, by way of Chalice's test client."""

    def __init__(self) -> None:
        self.standings, self.activities, self.memory = Standings(), Activities(), Memory()
        self.performances, self.connections = Performances(), Connections()
        self.webhooks = Webhooks()
        self.console_url = ""
        self.services: dict[str, Any] = {
            "me": self.standings,
            "activities": self.activities,
            "performances": self.performances,
            "connections": self.connections,
            "tiktok_webhooks": self.webhooks,
            "foundation": HealthService("build-1", {"tables": lambda: None}, StoppedClock()),
        }
        self.app = app = Chalice("router")

        @app.authorizer()
        def authorizer(request: AuthRequest) -> AuthResponse:
            claims = CLAIMS[request.token.removeprefix("Bearer ")]
            return AuthResponse(["*"], claims.subject, claims.to_context())

        router = Router(
            app,
            authorizer,
            StoppedClock(),
            service_named=lambda name: self.services[name],
            caller_of=self._caller_of,
            idempotency_of=lambda: self.memory,
            console_url=lambda: self.console_url,
        )
        router.add("GET   /health", "foundation.health", public=True)
        router.add("GET   /me", "me.read")
        router.add("PATCH /me", "me.change")
        router.add("POST  /activities", "activities.create")
        router.add("GET   /feed", "activities.feed")
        router.add("DELETE /activities/{activity_id}/dismiss", "activities.undismiss")
        router.add("POST  /campaigns", "programs.campaigns.create")
        router.add("POST  /activities/{activity_id}/perform", "performances.perform")
        router.add("GET   /tiktok/callback", "performances.connections.callback", public=True)
        router.add("POST  /tiktok/webhook", "performances.tiktok_webhooks.receive", public=True)
        self._client = Client(app)

    def _caller_of(self, claims: Claims) -> Caller:
        if claims.subject not in CALLERS:
            raise Problem(ProblemCode.NOT_A_MEMBER, "You are signed in, but not a member.")
        return CALLERS[claims.subject]

    def ask(
        self,
        route: str | Sequence[str],
        *,
        as_: str | None = "manager",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> HTTPResponse:
        """Send a request; `body` is sent as it is if it is bytes, else as JSON."""
        method, path = route.split() if isinstance(route, str) else route
        sent = dict(headers or {})
        if as_:
            sent["Authorization"] = f"Bearer {as_}"
        raw = (
            b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        if raw and "Content-Type" not in sent:
            sent["Content-Type"] = "application/json"
        return self._client.http.request(method, path, headers=sent, body=raw)


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


def problem(answer: HTTPResponse) -> dict[str, Any]:
    """Read a problem, whose status and media type are those of every problem."""
    told: dict[str, Any] = json.loads(answer.body)
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    (code,) = (each for each in all_codes() if each.code == told["code"])
    assert told["status"] == answer.status_code == code.status
    assert {"type", "title", "detail"} <= told.keys()
    return told


def test_a_public_route_asks_for_no_token(visitor: Visitor) -> None:
    answer = visitor.ask("GET /health", as_=None)
    assert answer.status_code == 200
    assert answer.json_body["status"] == "ok"


def test_a_handler_answers_json_that_nobody_caches(visitor: Visitor) -> None:
    answer = visitor.ask("GET /me", as_="member")
    assert answer.status_code == 200
    assert answer.json_body["member_id"] == "mem_member"
    assert answer.json_body["points"] == {"balance": 7, "earned": 9}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_token_that_expired_while_the_gateway_still_trusts_it_is_refused(
    visitor: Visitor,
) -> None:
    assert problem(visitor.ask("GET /me", as_="late"))["code"] == "unauthenticated"


def test_somebody_of_no_program_is_told_so(visitor: Visitor) -> None:
    assert problem(visitor.ask("GET /me", as_="stranger"))["code"] == "not_a_member"


def test_a_member_may_not_do_what_managers_do_and_nothing_happens(visitor: Visitor) -> None:
    answer = visitor.ask("POST /activities", as_="member", body=ACTIVITY)
    assert problem(answer)["code"] == "manager_only"
    assert visitor.activities.made == []


def test_a_missing_permission_is_reported_before_an_invalid_body(visitor: Visitor) -> None:
    answer = visitor.ask("POST /activities", as_="member", body=b"{")
    assert problem(answer)["code"] == "manager_only"


def test_a_manager_may_do_what_members_do(visitor: Visitor) -> None:
    assert visitor.ask("GET /feed", as_="manager").status_code == 200


@pytest.mark.parametrize("own", ["form-12345", "a.b_c-D9", "x" * 64])
def test_a_plain_correlation_id_of_the_clients_own_comes_back(visitor: Visitor, own: str) -> None:
    answer = visitor.ask("GET /health", as_=None, headers={"X-Correlation-Id": own})
    assert answer.headers["X-Correlation-Id"] == own


@pytest.mark.parametrize("own", ["short", "x" * 65, "with space", 'quo"ted12', "ünicode12", ""])
def test_any_other_correlation_id_gives_way_to_the_gateways(visitor: Visitor, own: str) -> None:
    # Chalice's test client gives requests no id, so the event is API Gateway's own here.
    event = {
        "path": "/health",
        "headers": {"X-Correlation-Id": own},
        "requestContext": {
            "httpMethod": "GET",
            "resourcePath": "/health",
            "requestId": "gateway-1",
        },
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }
    assert visitor.app(event, None)["headers"]["X-Correlation-Id"] == "gateway-1"


def test_an_internal_error_is_a_problem_with_an_id_and_no_internals(
    visitor: Visitor,
) -> None:
    visitor.standings.broken = RuntimeError("table greenroom-programs at 10.0.0.7")
    answer = visitor.ask("GET /me", headers={"X-Correlation-Id": "form-12345"})
    told = problem(answer)
    assert answer.status_code == 500
    assert told["code"] == "internal"
    assert "form-12345" in told["detail"]
    assert answer.headers["X-Correlation-Id"] == "form-12345"
    for internal in (b"RuntimeError", b"greenroom-programs", b"10.0.0.7", b"Traceback"):
        assert internal not in answer.body


def test_a_service_that_cannot_be_built_is_a_problem_too(visitor: Visitor) -> None:
    del visitor.services["me"]
    assert problem(visitor.ask("GET /me"))["code"] == "internal"


@pytest.mark.parametrize(
    "code", [ProblemCode.NOT_FOUND, ActivityProblem.UPLOAD_NOT_VALID, ProblemCode.UNAVAILABLE]
)
def test_a_packages_problem_is_answered_with_its_words_and_members(
    visitor: Visitor, code: Code
) -> None:
    visitor.standings.broken = Problem(code, "These words.", members={"upload_status": "rejected"})
    told = problem(visitor.ask("GET /me"))
    assert told["code"] == code.code
    assert told["detail"] == "These words."
    assert told["upload_status"] == "rejected"


def test_a_body_is_read_with_its_defaults(visitor: Visitor) -> None:
    answer = visitor.ask("POST /activities", body=ACTIVITY)
    assert answer.status_code == 201
    assert visitor.activities.made == [
        (
            "mem_manager",
            "upl_1",
            {},
            None,
        )
    ]


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8"],
)
def test_json_is_taken_however_its_type_is_written(visitor: Visitor, media_type: str) -> None:
    answer = visitor.ask("POST /activities", body=ACTIVITY, headers={"Content-Type": media_type})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "*/*", "video/mp4"],
)
def test_a_body_of_another_media_type_is_refused(visitor: Visitor, media_type: str) -> None:
    answer = visitor.ask("POST /activities", body=ACTIVITY, headers={"Content-Type": media_type})
    assert problem(answer)["code"] == "unsupported_media_type"
    assert visitor.activities.made == []


def test_a_body_of_the_largest_size_is_read_and_one_byte_more_is_refused(visitor: Visitor) -> None:
    largest = json.dumps(ACTIVITY).encode().ljust(MAX_BODY_BYTES)
    assert visitor.ask("POST /activities", body=largest).status_code == 201
    told = problem(visitor.ask("POST /activities", body=largest + b" "))
    assert (told["code"], told["limit"], told["actual"]) == (
        "body_too_large",
        MAX_BODY_BYTES,
        MAX_BODY_BYTES + 1,
    )
    assert len(visitor.activities.made) == 1


def test_the_limit_counts_bytes_not_letters(visitor: Visitor) -> None:
    body = b'{"upload_id": "' + "ü".encode() * (MAX_BODY_BYTES // 2) + b'"}'
    assert len(body.decode()) < MAX_BODY_BYTES
    assert problem(visitor.ask("POST /activities", body=body))["code"] == "body_too_large"


@pytest.mark.parametrize(
    "body", [b"{", b"upl_1", b'{"upload_id": }', b'{"upload_id": "a"} x', b"[" * 5000, b'"\\ud800"']
)
def test_a_body_that_is_not_json_is_refused(visitor: Visitor, body: bytes) -> None:
    assert problem(visitor.ask("POST /activities", body=body))["code"] == "invalid_json"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (None, "upload_id", "missing"),
        ({}, "upload_id", "missing"),
        ([], "body", "model_type"),
        ("text", "body", "model_type"),
        ({"upload_id": 5}, "upload_id", "string_type"),
        ({"upload_id": ""}, "upload_id", "string_too_short"),
        ({"upload_id": "x" * 65}, "upload_id", "string_too_long"),
        ({**ACTIVITY, "points": "5"}, "points", "int_type"),
        ({**ACTIVITY, "points": 5.5}, "points", "int_type"),
        ({**ACTIVITY, "points": True}, "points", "int_type"),
        ({**ACTIVITY, "points": -1}, "points", "greater_than_equal"),
        ({**ACTIVITY, "points": 10**30}, "points", "less_than_equal"),
        ({**ACTIVITY, "featured": "yes"}, "featured", "bool_type"),
        ({**ACTIVITY, "instructions": "   "}, "instructions", "string_too_short"),
        ({**ACTIVITY, "instructions": "x" * 2001}, "instructions", "string_too_long"),
        ({**ACTIVITY, "starts_at": "x" * 36}, "starts_at", "string_too_long"),
        ({**ACTIVITY, "program_id": "prg_2"}, "program_id", "extra_forbidden"),
    ],
)
def test_a_body_that_is_not_right_is_refused_naming_the_field(
    visitor: Visitor, body: object, field: str, code: str
) -> None:
    told = problem(visitor.ask("POST /activities", body=body))
    assert told["code"] == "invalid_request"
    assert [(each["field"], each["code"]) for each in told["errors"]] == [(field, code)]
    assert field in told["detail"]
    assert visitor.activities.made == []


@pytest.mark.parametrize("body", [b"[]", b"more", b'"{}"', {"more": 1}, {"caption": None}])
def test_a_body_is_refused_where_none_is_taken(visitor: Visitor, body: object) -> None:
    told = problem(visitor.ask("DELETE /activities/act_1/dismiss", body=body))
    assert [(each["field"], each["code"]) for each in told["errors"]] == [
        ("body", "extra_forbidden")
    ]


@pytest.mark.parametrize("body", [None, b" \n", {}, b"null"])
def test_a_body_that_says_nothing_is_none(visitor: Visitor, body: object) -> None:
    assert visitor.ask("DELETE /activities/act_1/dismiss", body=body).status_code == 204
    assert visitor.activities.undismissed == ["act_1"]


@pytest.mark.parametrize(
    "route", ["GET /me", "PATCH /me", "DELETE /activities/act_1/dismiss", "POST /activities"]
)
@pytest.mark.parametrize("query", ["unheard_of=1", "unheard_of=", "unheard_of=1&unheard_of=2"])
def test_a_query_is_refused_where_none_is_taken(visitor: Visitor, route: str, query: str) -> None:
    body = ACTIVITY if route == "POST /activities" else None
    told = problem(visitor.ask(f"{route}?{query}", body=body, headers=KEY))
    assert [(each["field"], each["code"]) for each in told["errors"]] == [
        ("unheard_of", "extra_forbidden")
    ]
    assert (visitor.activities.made, visitor.activities.undismissed) == ([], [])
    assert (visitor.standings.changes, visitor.memory.steps) == ([], [])


def test_every_parameter_of_a_query_that_is_not_taken_is_named(visitor: Visitor) -> None:
    told = problem(visitor.ask("GET /me?limit=1&cursor=&%3Cb%3E=2"))
    assert {each["field"] for each in told["errors"]} == {"limit", "cursor", "<b>"}
    assert visitor.ask("GET /me?").status_code == 200


def test_callers_that_are_not_clients_of_ours_may_add_to_a_query(visitor: Visitor) -> None:
    assert visitor.ask("GET /health?nocache=1", as_=None).status_code == 200
    assert visitor.ask("POST /tiktok/webhook?from=tiktok", as_=None).status_code == 200
    told = visitor.ask("GET /tiktok/callback?state=state-1&code=code-1&scopes=x", as_=None)
    assert told.status_code == 200


def test_all_that_is_wrong_is_told_at_once_with_the_limits(visitor: Visitor) -> None:
    told = problem(visitor.ask("POST /activities", body={"points": -1, "colour": "red"}))
    assert {each["field"]: each.get("limit") for each in told["errors"]} == {
        "upload_id": None,
        "points": 0,
        "colour": None,
    }


def test_a_secret_sent_by_mistake_is_not_sent_back(visitor: Visitor) -> None:
    body = {**ACTIVITY, "points": "swordfish", "password": "swordfish"}
    answer = visitor.ask("POST /activities", body=body)
    assert problem(answer)["code"] == "invalid_request"
    assert b"swordfish" not in answer.body


def test_a_query_is_read_with_its_defaults(visitor: Visitor) -> None:
    assert visitor.ask("GET /feed").status_code == 200
    assert visitor.ask("GET /feed?limit=100&cursor=abc").status_code == 200
    assert visitor.activities.pages == [(20, None), (100, "abc")]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        (f"cursor={'x' * 1025}", "cursor"),
        ("page=2", "page"),
    ],
)
def test_a_query_that_is_not_right_is_refused_naming_the_field(
    visitor: Visitor, query: str, field: str
) -> None:
    told = problem(visitor.ask(f"GET /feed?{query}"))
    assert told["code"] == "invalid_request"
    assert [each["field"] for each in told["errors"]] == [field]
    assert visitor.activities.pages == []


def test_a_change_names_only_what_changes(visitor: Visitor) -> None:
    visitor.ask("PATCH /me", as_="member", body={"name": " Ben "})
    visitor.ask("PATCH /me", as_="member", body={"time_zone": "Asia/Tokyo"})
    assert visitor.standings.changes == [
        ("mem_member", "Ben", None),
        ("mem_member", None, "Asia/Tokyo"),
    ]


KEY = {"Idempotency-Key": "key-1"}
OWNER = "prg_1/mem_manager"


def test_without_a_key_nothing_is_remembered(visitor: Visitor) -> None:
    assert visitor.ask("POST /activities", body=ACTIVITY).status_code == 201
    assert visitor.memory.steps == []


def test_with_a_key_the_work_is_done_once_and_its_answer_replayed(visitor: Visitor) -> None:
    first = visitor.ask("POST /activities", body=ACTIVITY, headers=KEY)
    second = visitor.ask("POST /activities", body=ACTIVITY, headers=KEY)
    assert first.status_code == second.status_code == 201
    assert first.body == second.body
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert [each[-1] for each in visitor.activities.made] == ["made1"]
    assert visitor.memory.steps == [
        f"begin {OWNER} key-1",
        "finish made1",
        f"begin {OWNER} key-1",
    ]


@pytest.mark.parametrize("code", ["not_a_member", "manager_only"])
def test_an_answer_is_not_replayed_to_who_may_not_ask_any_more(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    assert visitor.ask("POST /activities", body=ACTIVITY, headers=KEY).status_code == 201
    begun = list(visitor.memory.steps)
    was = CALLERS["manager"]
    monkeypatch.delitem(CALLERS, "manager")
    if code == "manager_only":
        monkeypatch.setitem(CALLERS, "manager", replace(was, role=Role.MEMBER))
    told = problem(visitor.ask("POST /activities", body=ACTIVITY, headers=KEY))
    assert told["code"] == code
    assert visitor.memory.steps == begun


def test_a_refused_request_lets_its_key_go(visitor: Visitor) -> None:
    visitor.activities.broken = Problem(ProblemCode.NOT_FOUND, "There is no such upload.")
    answer = visitor.ask("POST /activities", body=ACTIVITY, headers=KEY)
    assert problem(answer)["code"] == "not_found"
    assert visitor.memory.steps == [f"begin {OWNER} key-1", "refuse made1"]


def test_a_broken_request_keeps_its_id_for_the_retry(visitor: Visitor) -> None:
    visitor.activities.broken = RuntimeError("power cut")
    answer = visitor.ask("POST /activities", body=ACTIVITY, headers=KEY)
    assert problem(answer)["code"] == "internal"
    assert visitor.memory.steps == [f"begin {OWNER} key-1", "release made1"]


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "schlüssel"])
def test_a_key_that_is_none_is_refused_before_anything_happens(visitor: Visitor, key: str) -> None:
    answer = visitor.ask("POST /activities", body=ACTIVITY, headers={"Idempotency-Key": key})
    told = problem(answer)
    assert told["code"] == "invalid_request"
    assert told["errors"][0]["field"] == "Idempotency-Key"
    assert visitor.activities.made == []
    assert visitor.memory.steps == []


def test_a_request_that_is_not_right_takes_no_key(visitor: Visitor) -> None:
    problem(visitor.ask("POST /activities", body={}, headers=KEY))
    assert visitor.memory.steps == []


# What comes from outside: a browser led back, and TikTok itself

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_handler_is_given_the_raw_bytes_and_the_headers(visitor: Visitor) -> None:
    body = b'{"event" :  "\\u00fc"}\n'
    sent = {"TikTok-Signature": "t=1,s=2", "Content-Type": "text/whatever"}
    answer = visitor.ask("POST /tiktok/webhook", as_=None, body=body, headers=sent)
    assert (answer.status_code, answer.json_body) == (200, {"received": True})
    assert visitor.webhooks.heard == [("t=1,s=2", body)]
    visitor.ask("POST /tiktok/webhook", as_=None)
    assert visitor.webhooks.heard[1:] == [(None, b"")]


@pytest.mark.parametrize(
    "route", ["POST /tiktok/webhook", "POST /activities/act_1/perform", "POST /activities"]
)
def test_no_route_takes_a_body_beyond_the_limit(visitor: Visitor, route: str) -> None:
    answer = visitor.ask(route, body=b"x" * (MAX_BODY_BYTES + 1))
    assert problem(answer)["code"] == "body_too_large"
    assert visitor.webhooks.heard == []
    assert visitor.activities.made == []


def test_a_problem_may_bring_headers_and_members(visitor: Visitor) -> None:
    answer = visitor.ask("POST /activities/act_1/perform", as_="member")
    told = problem(answer)
    assert told["code"] == "tiktok_account_required"
    assert told["authorize_url"] == "https://tiktok.example/?a"
    assert answer.headers["Set-Cookie"].startswith("greenroom_consent=a-nonce; ")
    assert b"a-nonce" not in answer.body


def test_a_programs_callback_is_answered_in_json(visitor: Visitor) -> None:
    answer = visitor.ask(
        "GET /tiktok/callback?state=s&code=c&scopes=x", as_=None, headers={"Cookie": "a=b"}
    )
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json_body["display_name"] == "Ana"
    assert visitor.connections.came_back == [("s", "", "c", None)]


@pytest.mark.parametrize(
    ("cookie", "nonce"),
    [
        ("greenroom_consent=a-nonce", "a-nonce"),
        ("other=1; greenroom_consent=a-nonce; more=2", "a-nonce"),
        ("greenroom_consent=", ""),
        ('odd"={x}; greenroom_consent="a-nonce"', "a-nonce"),
        ("not_greenroom_consent=b; greenroom_consent=a-nonce", "a-nonce"),
        ("other=a-nonce", ""),
        ("", ""),
        ("=;==", ""),
    ],
)
def test_the_nonce_is_read_from_the_browsers_cookie(
    visitor: Visitor, cookie: str, nonce: str
) -> None:
    visitor.ask("GET /tiktok/callback?state=s&code=c", as_=None, headers={"Cookie": cookie})
    assert visitor.connections.came_back == [("s", nonce, "c", None)]


def page(answer: HTTPResponse) -> str:
    """Read a page, on which nothing can run and which nobody keeps."""
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.body.decode()


@pytest.mark.parametrize(
    "display_name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "A & B 'C'"]
)
def test_a_person_is_shown_a_page_on_which_a_tiktok_name_is_but_text(
    visitor: Visitor, display_name: str
) -> None:
    visitor.connections.display_name = display_name
    answer = visitor.ask("GET /tiktok/callback?state=s&code=c", as_=None, headers=BROWSER)
    shown = page(answer)
    assert answer.status_code == 200
    assert html.escape(display_name) in shown
    assert display_name not in shown
    assert shown.count("<h1>") == shown.count("<p>") == 1


@pytest.mark.parametrize(
    ("text", "points", "brought"),
    [
        (PostText("Hi <b>\nyou", ("#a", "#b"), "Ad & more"), 25, " and brought you 25 points."),
        (PostText("Hi"), 1, " and brought you 1 point."),
        (PostText(), 0, "Your video is on its way. "),
    ],
)
def test_a_send_after_the_consent_redirects_with_points_reminder_and_text(
    visitor: Visitor, text: PostText, points: int, brought: str
) -> None:
    visitor.connections.sent = replace(SENT, text=text, points=points)
    path = "GET /tiktok/callback?state=s&code=c"
    told = visitor.ask(path, as_=None).json_body
    assert (told["performance_id"], told["points_awarded"]) == ("prf_1", points)
    assert told["caption"] == text.whole
    assert brought in told["message"]
    assert SEND_REMINDER in told["message"]
    shown = page(visitor.ask(path, as_=None, headers=BROWSER))
    assert html.escape(told["message"]) in shown
    copied = f"<pre>{html.escape(text.whole)}</pre>" if text.whole else "</p></html>"
    assert copied in shown


def test_a_person_is_shown_problems_as_a_page_too(visitor: Visitor) -> None:
    visitor.connections.problem = Problem(
        TikTokProblem.TIKTOK_CONSENT_DENIED, "You <did> not authorize it."
    )
    answer = visitor.ask("GET /tiktok/callback?state=s&error=denied", as_=None, headers=BROWSER)
    shown = page(answer)
    assert answer.status_code == 403
    assert "You &lt;did&gt; not authorize it." in shown
    assert TikTokProblem.TIKTOK_CONSENT_DENIED.title in shown
    assert visitor.connections.came_back == [("s", "", None, "denied")]


@pytest.mark.parametrize(
    ("code", "cookie", "result"),
    [
        (TikTokProblem.TIKTOK_CONSENT_DENIED, "x", "denied"),
        (TikTokProblem.TIKTOK_SCOPE_MISSING, "x", "scope_missing"),
        (TikTokProblem.TIKTOK_ACCOUNT_TAKEN, "x", "account_taken"),
        (TikTokProblem.TIKTOK_STATE_INVALID, "greenroom_consent=n", "consent_expired"),
        (TikTokProblem.TIKTOK_STATE_INVALID, "x", "cookie_missing"),
        (ProblemCode.UNAVAILABLE, "x", "failed"),
    ],
)
def test_a_person_is_led_to_the_console_where_there_is_one(
    visitor: Visitor, code: Code, cookie: str, result: str
) -> None:
    visitor.console_url = "https://green.example"
    visitor.connections.problem = Problem(code, "Words.", activity_id="act_1")
    sent = {**BROWSER, "Cookie": cookie}
    answer = visitor.ask("GET /tiktok/callback?state=s&code=secret", as_=None, headers=sent)
    assert answer.status_code == 303
    to = f"https://green.example/connected?result={result}&activity=act_1"
    assert answer.headers["Location"] == to
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    plain = visitor.ask("GET /tiktok/callback?state=s&code=secret", as_=None, headers={})
    assert plain.status_code == code.status  # a program is answered as ever


def test_a_browser_elsewhere_is_answered_as_everybody(visitor: Visitor) -> None:
    answer = visitor.ask("GET /feed", headers=BROWSER)
    assert answer.headers["Content-Type"] == "application/json"
    assert problem(visitor.ask("GET /feed?page=2", headers=BROWSER))["code"] == "invalid_request"


class Campaigns(CampaignService):
    """Makes what is asked for."""

    def __init__(self) -> None:
        pass

    def create(self, caller: Caller, name: str, made_id: str | None = None) -> Campaign:  # noqa: ARG002
        return Campaign(caller.program_id, "cmp_1", name, archived=False, created_at=NOON)


def test_a_part_of_a_split_package_is_led_to_its_own_service(visitor: Visitor) -> None:
    visitor.services["campaigns"] = Campaigns()
    answer = visitor.ask("POST /campaigns", body={"name": "  Spring   sale "})
    assert answer.status_code == 201
    assert answer.json_body["name"] == "Spring sale"


@pytest.mark.parametrize("named", ["act_\x7f", "act_\u00e9", "x" * 65])
def test_an_id_that_none_of_ours_can_be_names_nothing(visitor: Visitor, named: str) -> None:
    answer = visitor.ask(["POST", f"/activities/{named}/perform"], headers=KEY)
    assert problem(answer)["code"] == "not_found"
    assert visitor.memory.steps == []


def test_a_line_break_in_an_id_is_no_part_of_it() -> None:
    """Chalice's client routes no such address; API Gateway does."""
    assert http._ID_PATTERN.fullmatch("act_1")  # noqa: SLF001  the pattern by itself
    assert not http._ID_PATTERN.fullmatch("act_1\n")  # noqa: SLF001  likewise
