"""Every route of the document, called in this process: what is wild, and what is written down."""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import pytest

from chalicelib.audit.model import Kind
from chalicelib.foundation.identity import Caller, Role
from tests.e2e.contract import FILE, Contract, Operation
from tests.e2e.permissions import PERMISSIONS
from tests.integration.greenroom import Greenroom
from tests.integration.in_process_api import InProcessApi

CONTRACT = Contract()
DOCUMENT = json.loads(FILE.read_text(encoding="utf-8"))
GROUPS = sorted({each.path.split("/")[1] for each in CONTRACT.operations})
SHOWN_ELSEWHERE = {
    "members_invite_again": "a person is mailed again after ten minutes: test_audit.py",
    "redemptions_reject": "what the walk has fulfilled cannot be rejected: test_audit.py",
    "activities_duplicate": "its video is one of an upload: tests/e2e/test_audit.py",
    "activities_create": "likewise",
}

WILD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, 2**63, 10**30, -(10**30), 1.5, 1e308, [], [None], [[]], [{}]),
    *({}, {"a": 1}, "", " ", "\0", "\ud800", "a\0b", "\u202e\u2066x", "x" * 3000, "x" * 70_000),
    *("=1+1", "\t=1", "null", "NaN", "../../x", "a#b", "mem_1/../x", ["x"] * 300, ["a", "a"]),
    *("2026-02-30", "0001-01-01T00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-29T12:00:00Z"),
    *("https://[::1", "https://[fe80::1%25eth0]/", "https://a..b/", "https://h.example:443:443/"),
)
WILD_QUERIES = (
    *("", "x", "-1", "0", "1e3", "9" * 20, "\0", "2026-02-30", "0001-01-01", "9999-12-31", "é"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "x" * 5000, "\u0661", ",", "x,x"),
)
WILD_IDS = ("x", "x" * 65, "#", "%00", "é", "prg_1#x", "~" * 64)
WILD_BODIES = (
    *("[1,2", "[]", "null", '"x"', '{"a":' * 5000, "[" * 30_000, '"\\ud800"', "\ufeff{}", "\0"),
    *('{"amount":NaN}', '{"amount":Infinity}', '{"price":1e5}', '{"x":"' + "x" * 10_000_000 + '"}'),
)

READ_RAW = {"tiktok_webhooks_receive", "unsubscribing_switch_off"}
"""Operations that take whatever body they are sent: signed bytes, and a mail program's form."""

CALLED_BY_OTHERS = {*READ_RAW, "foundation_health", "connections_callback", "unsubscribing_ask"}
"""Operations that monitors, TikTok and mail programs call: they may add to the query."""

OF_OTHERS = {
    *("account.connected", "account.disconnected", "account.lapsed", "account.released"),
    *("account.views_allowed", "account.views_ended", "agent.called", "authenticator.reset"),
    *("activity.expired", "activity.published", "activity.rejected", "channel.joined"),
    *("channel.left", "disclosure.acknowledged", "invitation.declined", "invitation.not_mailed"),
    *("member.erasure_ended", "member.joined", "member.left", "points.rebuilt"),
    *("points.taken_back", "profile.changed", "program.created", "reports.rebuilt"),
    "webhook.disabled",
}
"""Kinds of acts of members, commands and the system, which no manager's route leaves."""

ELSEWHERE = {
    *("activity.created", "activity.duplicated", "invitation.mailed_again", "redemption.rejected"),
    "member.invited_again",  # the walk invites whom nobody removed: test_audit.py
}
"""Kinds of those routes that are shown elsewhere."""

_numbers = count()


@pytest.fixture
def greenroom(
    tables_in_memory: None, greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> Greenroom:
    names = ("personal_exports", "webhooks", "slow_webhooks", "digests", "arrivals")
    queues = {
        f"{name}_queue_url": greenroom.clients.sqs.create_queue(QueueName=name)["QueueUrl"]
        for name in names
    }
    settings = greenroom.settings.changed(
        **queues, token_issuer="https://issuer.example", token_audience="greenroom"
    )
    monkeypatch.setitem(greenroom.container.__dict__, "settings", settings)
    return greenroom


class Scene:
    """A program of its own with one of everything, and whoever calls."""

    def __init__(self, greenroom: Greenroom, api: InProcessApi) -> None:
        self._api, number = api, next(_numbers)
        programs = greenroom.container.programs
        program, _, _ = programs.create_program("Demo", "UTC", f"ana{number}@demo.example")
        self.manager = greenroom.sign_in(f"ana{number}@demo.example")
        programs.invite(program, f"ben{number}@demo.example", Role.MEMBER)
        self.member = greenroom.sign_in(f"ben{number}@demo.example")
        for each, name in ((self.member, f"ben{number}"), (self.manager, f"ana{number}")):
            greenroom.connect_account(each, name)
        activity, other = (
            greenroom.activity(program_id=program.program_id, created_by=self.manager.member_id)
            for _ in range(2)
        )
        greenroom.container.points.adjust(self.manager, self.member.member_id, 100, "Fair")
        self.ids = {
            "program_id": program.program_id,
            "member_id": self.member.member_id,
            "activity_id": activity.activity_id,
        }
        for name, path, body in (
            ("channel_id", "/channels", {"name": "Room", "kind": "public"}),
            ("campaign_id", "/campaigns", {"name": "Autumn"}),
            ("draft_id", "/drafts", {}),
            ("reward_id", "/rewards", {"title": "Mug", "price": 1}),
            ("webhook_id", "/webhooks", {"name": "Ours", "url": "https://hooks.example/x"}),
            ("export_id", "/reports/exports", {"report": "members"}),
        ):
            self.ids[name] = self._made(self.manager, path, body)[name]
        redeem = f"/rewards/{self.ids['reward_id']}/redeem"
        self.ids["redemption_id"] = self._made(self.member, redeem, {"price": 1})["redemption_id"]
        perform = f"/activities/{other.activity_id}/perform"
        ticked = {"acknowledged_disclosure": other.required_disclosure.version}
        self.ids["performance_id"] = self._made(self.member, perform, ticked)["performance_id"]
        browser = PERMISSIONS["pushing_subscribe"].content({"new": str(number)})
        devices = self._made(self.member, "/me/push/devices", browser)["devices"]
        self.ids["device_id"] = devices[0]["device_id"]
        self.ids["entry_id"] = self.entries()[0]["entry_id"]

    def _made(self, caller: Caller, path: str, body: Any) -> Any:
        status, answer = self._api.call(caller, "POST", path, body)
        assert status < 300, answer
        return answer

    def entries(self) -> list[dict[str, Any]]:
        """Return what the manager did, as the trail has it."""
        me = self.manager.member_id
        status, found = self._api.call(self.manager, "GET", "/audit", limit="100", actor=me)
        assert status == 200
        entries: list[dict[str, Any]] = found["items"]
        return entries

    def caller(self, operation: Operation) -> Caller:
        return self.manager if operation.manager_only else self.member

    def path(self, operation: Operation, ids: Mapping[str, str] | None = None) -> str:
        named = {name: self.ids.get(name, "none") for name in operation.names}
        return operation.path.format(**{**named, **(ids or {})})

    def version(self, path: str) -> int:
        """Return a thing's current version; 1 if it does not exist.

        Channels and campaigns are read from their lists: they have no route for a single one.
        """
        listing, _, thing_id = path.strip("/").partition("/")
        if listing in ("channels", "campaigns"):
            _, page = self._api.call(self.manager, "GET", f"/{listing}")
            known = {each[f"{listing[:-1]}_id"]: each for each in page["items"]}
            return int(known[thing_id]["version"]) if thing_id in known else 1
        status, thing = self._api.call(self.manager, "GET", path)
        return int(thing["version"]) if status == 200 else 1


# --- wild requests --------------------------------------------------------------------------------


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema itself: behind references, and without null."""
    while True:
        if "$ref" in schema:
            schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
        else:
            return schema


def wild_requests(
    operation: Operation, ids: Mapping[str, str]
) -> Iterator[tuple[Any, dict[str, str], dict[str, str]]]:
    """Yield bodies, queries and ids of the path, of which one thing is wild each time."""
    right: Any = PERMISSIONS[operation.operation_id].content(ids)
    document = DOCUMENT["paths"][operation.path][operation.method.lower()]
    for name in operation.names:
        yield from ((right, {}, {name: each}) for each in WILD_IDS)
    for each in document.get("parameters", ()):
        if each["in"] == "query":
            yield from ((right, {each["name"]: value}, {}) for value in WILD_QUERIES)
    if not operation.takes_body:
        return
    yield from ((each, {}, {}) for each in WILD_BODIES)
    (content,) = document["requestBody"]["content"].values()
    for name, schema in resolved(content["schema"]).get("properties", {}).items():
        for value in WILD:
            yield {**(right or {}), name: value}, {}, {}
            inner = resolved(schema)
            if inner.get("type") == "array":
                yield {**(right or {}), name: [value, value]}, {}, {}
            for part in inner.get("properties", ()):
                yield {**(right or {}), name: {part: value}}, {}, {}


@pytest.mark.parametrize("group", GROUPS)
def test_wild_requests_are_answered_as_the_document_says(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    api = InProcessApi(greenroom, monkeypatch)
    answered = 0
    for operation in CONTRACT.operations:
        if operation.path.split("/")[1] != group:
            continue
        scene = Scene(greenroom, api)
        for body, query, ids in wild_requests(
            operation, {**scene.ids, "new": "new", "upload_id": "upl_none"}
        ):
            path = scene.path(operation, ids)
            if isinstance(body, dict) and operation.method == "PATCH" and body.get("version") == 1:
                body = {**body, "version": scene.version(path)}  # noqa: PLW2901  as it is now
            status, answer = api.call(
                scene.caller(operation), operation.method, path, body, **query
            )
            said = f"{operation.method} {path} {str(query)[:200]} {str(body)[:200]}"
            assert status < 500, said
            CONTRACT.check(operation, status, api.content_type, answer)
            answered += 1
            if status < 300 and operation.method != "GET":
                scene = Scene(greenroom, api)
    assert answered or group in {"health", "worklist"}


def test_a_field_that_no_route_knows_is_refused_by_each_and_changes_nothing(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no body is taken: what nobody reads is never passed over in silence."""
    api = InProcessApi(greenroom, monkeypatch)
    scene, walked = Scene(greenroom, api), 0
    before = scene.entries()
    for operation in CONTRACT.operations:
        if operation.method == "GET" or operation.operation_id in READ_RAW:
            continue
        named = {**scene.ids, "new": "new", "upload_id": "upl_none"}
        right = PERMISSIONS[operation.operation_id].content(named) or {}
        body = {**right, "unheard_of": 1} if operation.takes_body else {"unheard_of": 1}
        path = scene.path(operation)
        status, answer = api.call(scene.caller(operation), operation.method, path, body)
        said = f"{operation.operation_id}: {status} {answer}"
        assert (status, answer["code"]) == (422, "invalid_request"), said
        field = "unheard_of" if operation.takes_body else "body"
        assert (field, "extra_forbidden") in {
            (each["field"], each["code"]) for each in answer["errors"]
        }, said
        CONTRACT.check(operation, status, api.content_type, answer)
        walked += 1
    assert walked > 60
    assert scene.entries() == before


def test_a_query_parameter_that_no_route_knows_is_refused_by_each_and_changes_nothing(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no query is taken; only those who are no clients of ours may add to one."""
    api = InProcessApi(greenroom, monkeypatch)
    scene, tolerant = Scene(greenroom, api), set()
    before = scene.entries()
    for operation in CONTRACT.operations:
        permission = PERMISSIONS[operation.operation_id]
        named = {**scene.ids, "new": "new", "upload_id": "upl_none"}
        body = permission.content(named)
        query = {**permission.query, "unheard_of": "1"}
        path = scene.path(operation)
        status, answer = api.call(scene.caller(operation), operation.method, path, body, **query)
        CONTRACT.check(operation, status, api.content_type, answer)
        fields = {(each["field"], each["code"]) for each in (answer or {}).get("errors", ())}
        if ("unheard_of", "extra_forbidden") not in fields:
            tolerant.add(operation.operation_id)
    assert tolerant == CALLED_BY_OTHERS
    assert scene.entries() == before


# --- the audit trail ------------------------------------------------------------------------------


def the_entry(scene: Scene, api: InProcessApi, operation: Operation) -> Mapping[str, Any]:
    """Make a call as the manager; return the one entry that it leaves."""
    permission, before = PERMISSIONS[operation.operation_id], scene.entries()
    named = {**scene.ids, "new": f"new{next(_numbers)}"}
    body, query = permission.content(named), dict(permission.query)
    path = scene.path(operation)
    status, answer = api.call(scene.manager, operation.method, path, body, **query)
    assert status in operation.successes, (path, answer)
    known = {each["entry_id"] for each in before}
    left = [each for each in scene.entries() if each["entry_id"] not in known]
    assert len(left) == 1, f"{operation.operation_id} leaves {len(left)} entries"
    return left[0]


def test_every_route_by_which_a_manager_does_something_leaves_exactly_one_entry(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = InProcessApi(greenroom, monkeypatch)
    scene, by_id = Scene(greenroom, api), {each.operation_id: each for each in CONTRACT.operations}
    walked, kinds = 0, set[str]()
    for operation in (by_id[name] for name in PERMISSIONS):
        writes = operation.manager_only and operation.method != "GET"
        if not writes or operation.operation_id in SHOWN_ELSEWHERE:
            continue
        entry = the_entry(scene, api, operation)
        me = scene.manager.member_id
        assert (entry["actor"], entry["role"]) == (f"member:{me}", "manager")
        kinds.add(entry["kind"])
        walked += 1
    assert walked > 25
    assert set(Kind) - kinds == OF_OTHERS | ELSEWHERE


def test_a_route_that_leaves_no_entry_or_two_fails_the_walk(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = InProcessApi(greenroom, monkeypatch)
    scene, by_id = Scene(greenroom, api), {each.operation_id: each for each in CONTRACT.operations}
    with pytest.raises(AssertionError, match="leaves 0 entries"):
        the_entry(scene, api, by_id["notifications_change"])
    remove = greenroom.container.drafts.remove

    def twice(caller: Caller, draft_id: str) -> None:
        greenroom.container.campaigns.create(caller, "Winter")
        remove(caller, draft_id)

    monkeypatch.setattr(greenroom.container.drafts, "remove", twice)
    with pytest.raises(AssertionError, match="leaves 2 entries"):
        the_entry(scene, api, by_id["drafts_remove"])
