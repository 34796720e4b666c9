"""What is wrong gets its problem and changes nothing: one line each, and one way to check them."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.contract import Contract, Operation
from tests.e2e.deployed_stack import DeployedStack, Program
from tests.e2e.people import Answer, Api, new_key

UNKNOWN = {
    "program_id": "prg_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "upload_id": "upl_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "activity_id": "act_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "performance_id": "prf_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "member_id": "mem_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "channel_id": "chn_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "campaign_id": "cmp_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "entry_id": "aud_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "export_id": "exp_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "reward_id": "rwd_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "webhook_id": "whk_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "redemption_id": "rdm_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "device_id": "dev_01hzzzzzzzzzzzzzzzzzzzzzzz",
    "draft_id": "dft_01hzzzzzzzzzzzzzzzzzzzzzzz",
}
MP4 = {"content_type": "video/mp4"}
LIMIT = 65_536
CLIPS = Path(__file__).parent.parent / "clips"
OPERATIONS = Contract().operations
READ_RAW = {"tiktok_webhooks_receive", "unsubscribing_switch_off"}
"""Operations that take whatever body they are sent: signed bytes, and a mail program's form."""


@dataclass(frozen=True)
class Scene:
    """Who and what the lines below speak of."""

    manager: Api
    member: Api
    berlin: Program
    valid: str
    rejected: str
    without_file: str
    theirs_valid: str
    theirs_activity: str
    cursors: dict[str, str]
    theirs_cursors: dict[str, str]


@pytest.fixture(scope="module", autouse=True)
def _clock_stopped(deployed: DeployedStack) -> Iterator[None]:
    """What the clock ends, or goes on to erase of earlier tests, would look like a change."""
    with deployed.clock_stopped(), deployed.clock_stopped("PrivacyEraseAndQueueExports"):
        yield


@pytest.fixture(scope="module")
def scene(
    manager: Api, member: Api, berlin: Program, valid_upload: str, rejected_upload: str
) -> Scene:
    theirs = berlin.manager.upload(CLIPS / "demo.mp4")["upload_id"]
    their_activities = [berlin.manager.create(theirs)["activity_id"] for _ in range(2)]
    for _ in range(2):
        manager.create(valid_upload)
    return Scene(
        manager=manager,
        member=member,
        berlin=berlin,
        valid=valid_upload,
        rejected=rejected_upload,
        without_file=manager.ask_for_upload().upload_id,
        theirs_valid=theirs,
        theirs_activity=their_activities[0],
        cursors=_cursors(manager),
        theirs_cursors=_cursors(berlin.manager),
    )


@pytest.fixture(scope="module")
def untouched(deployed: DeployedStack, scene: Scene) -> Iterator[None]:
    """Nothing that is kept has changed after the last of these tests.

    Which of them changed something shows when they are run one by one (`-k`): reading all that is
    kept takes ten times as long as a request.
    """
    assert scene
    before = deployed.state()
    yield
    assert deployed.state() == before


def _cursors(api: Api) -> dict[str, str]:
    return {path: api.get(path, limit=1).body["next_cursor"] for path in ("/feed", "/activities")}


def ahead(**by: float) -> str:
    return (datetime.now(UTC) + timedelta(**by)).strftime("%Y-%m-%dT%H:%M:%SZ")


def tampered(cursor: str) -> str:
    """Change one letter in the middle of the signed part."""
    at = len(cursor) // 2
    return f"{cursor[:at]}{'A' if cursor[at] != 'A' else 'B'}{cursor[at + 1 :]}"


def resigned(cursor: str) -> str:
    """Put zeroes in the place of a cursor's signature, its first 32 bytes."""
    content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    return base64.urlsafe_b64encode(bytes(32) + content[32:]).rstrip(b"=").decode()


def raw(method: str, path: str, body: bytes, **headers: str) -> Callable[[Scene], Answer]:
    return lambda scene: scene.manager.call(method, path, body=body, headers=headers)


def uploads(**body: Any) -> Callable[[Scene], Answer]:
    return lambda scene: scene.manager.post("/uploads", body)


def activity(**body: Any) -> Callable[[Scene], Answer]:
    return lambda scene: scene.manager.post("/activities", {"upload_id": scene.valid, **body})


def in_berlin(**body: Any) -> Callable[[Scene], Answer]:
    return lambda scene: scene.berlin.manager.post(
        "/activities", {"upload_id": scene.theirs_valid, **body}
    )


def me(**body: Any) -> Callable[[Scene], Answer]:
    return lambda scene: scene.member.patch("/me", body)


def listed(path: str, **query: Any) -> Callable[[Scene], Answer]:
    return lambda scene: scene.manager.get(path, **query)


def later(line: Callable[[], Callable[[Scene], Answer]]) -> Callable[[Scene], Answer]:
    """Reckon a line's times when it is sent."""

    def send(scene: Scene) -> Answer:
        return line()(scene)

    return send


INVALID = (422, "invalid_request")
Line = tuple[str, Callable[[Scene], Answer], tuple[int, str], tuple[str, str] | None]

# What is wrong | the request | status and code | the field named, and the field's own code
LINES: list[Line] = [
    # The body as such
    *(
        line
        for method, path in (("POST", "/uploads"), ("POST", "/activities"), ("PATCH", "/me"))
        for line in (
            (
                f"{path}: cut JSON",
                raw(method, path, b'{"content_type": '),
                (400, "invalid_json"),
                None,
            ),
            (f"{path}: no JSON at all", raw(method, path, b"video"), (400, "invalid_json"), None),
            (f"{path}: a list", raw(method, path, b"[]"), INVALID, None),
            (f"{path}: null", raw(method, path, b"null"), INVALID, None),
            (f"{path}: a string", raw(method, path, b'"x"'), INVALID, None),
            (
                f"{path}: deep nesting",
                raw(method, path, b"[" * 30_000),
                (400, "invalid_json"),
                None,
            ),
            (
                f"{path}: a byte over the limit",
                raw(method, path, b" " * (LIMIT - 1) + b"{}"),
                (413, "body_too_large"),
                None,
            ),
            (
                f"{path}: far over the limit",
                raw(method, path, b'{"name": "' + b"x" * 3_000_000 + b'"}'),
                (413, "body_too_large"),
                None,
            ),
            *(
                (
                    f"{path}: {media_type} sent",
                    raw(method, path, b"{}", **{"Content-Type": media_type}),
                    (415, "unsupported_media_type"),
                    None,
                )
                for media_type in ("text/plain", "application/x-www-form-urlencoded", "video/mp4")
            ),
        )
    ),
    # Uploads
    ("no content type", uploads(), INVALID, ("content_type", "missing")),
    (
        "a content type of no video",
        uploads(content_type="image/gif"),
        INVALID,
        ("content_type", "enum"),
    ),
    ("content type a number", uploads(content_type=4), INVALID, ("content_type", "enum")),
    ("content type null", uploads(content_type=None), INVALID, ("content_type", "enum")),
    ("an unknown field", uploads(**MP4, size=3), INVALID, ("size", "extra_forbidden")),
    ("a foreign key of the form", uploads(**MP4, key="x"), INVALID, ("key", "extra_forbidden")),
    # Activities
    ("no upload", raw("POST", "/activities", b"{}"), INVALID, ("upload_id", "missing")),
    ("upload a number", activity(upload_id=5), INVALID, ("upload_id", "string_type")),
    ("upload empty", activity(upload_id=""), INVALID, ("upload_id", "string_too_short")),
    ("upload id too long", activity(upload_id="u" * 65), INVALID, ("upload_id", "string_too_long")),
    ("an unknown field", activity(title="x"), INVALID, ("title", "extra_forbidden")),
    ("an unknown network", activity(network="tiktok_photo"), INVALID, ("network", "enum")),
    ("a field of the answer", activity(status="active"), INVALID, ("status", "extra_forbidden")),
    (
        "instructions too long",
        activity(instructions="x" * 2001),
        INVALID,
        ("instructions", "string_too_long"),
    ),
    (
        "instructions blank",
        activity(instructions="  "),
        INVALID,
        ("instructions", "string_too_short"),
    ),
    ("instructions null", activity(instructions=None), INVALID, ("instructions", "string_type")),
    ("points below nothing", activity(points=-1), INVALID, ("points", "greater_than_equal")),
    ("points too many", activity(points=1_000_001), INVALID, ("points", "less_than_equal")),
    ("points a fraction", activity(points=1.5), INVALID, ("points", "int_type")),
    ("points a string", activity(points="5"), INVALID, ("points", "int_type")),
    ("points true", activity(points=True), INVALID, ("points", "int_type")),
    ("points huge", activity(points=10**400), INVALID, ("points", "less_than_equal")),
    ("featured a word", activity(featured="yes"), INVALID, ("featured", "bool_type")),
    ("featured a number", activity(featured=1), INVALID, ("featured", "bool_type")),
    ("a start in words", activity(starts_at="tomorrow"), INVALID, ("starts_at", "invalid_time")),
    (
        "a day there is not",
        activity(ends_at="2027-02-30T09:00"),
        INVALID,
        ("ends_at", "invalid_time"),
    ),
    ("a day without a time", activity(ends_at="2027-02-03"), INVALID, ("ends_at", "invalid_time")),
    ("the year 0", activity(ends_at="0000-01-01T09:00"), INVALID, ("ends_at", "in_the_past")),
    (
        "a thousand years ago",
        activity(starts_at="1027-01-01T00:00"),
        INVALID,
        ("starts_at", "in_the_past"),
    ),
    (
        "the first moment, further east",
        activity(starts_at="0001-01-01T00:00+14:00"),
        INVALID,
        ("starts_at", "in_the_past"),
    ),
    (
        "the last moment, further west",
        activity(ends_at="9999-12-31T23:59-12:00"),
        INVALID,
        ("ends_at", "too_far_ahead"),
    ),
    ("a start a number", activity(starts_at=5), INVALID, ("starts_at", "string_type")),
    ("a start too long", activity(starts_at="2" * 36), INVALID, ("starts_at", "string_too_long")),
    (
        "a start in the past",
        later(lambda: activity(starts_at=ahead(minutes=-6))),
        INVALID,
        ("starts_at", "in_the_past"),
    ),
    (
        "an end in the past",
        later(lambda: activity(ends_at=ahead(seconds=-1))),
        INVALID,
        ("ends_at", "in_the_past"),
    ),
    (
        "an end before its start",
        later(lambda: activity(starts_at=ahead(hours=2), ends_at=ahead(hours=1))),
        INVALID,
        ("ends_at", "before_start"),
    ),
    (
        "an end at its start",
        activity(starts_at="2027-05-01T09:00Z", ends_at="2027-05-01T09:00Z"),
        INVALID,
        ("ends_at", "before_start"),
    ),
    (
        "an end in six years",
        later(lambda: activity(ends_at=ahead(days=6 * 366))),
        INVALID,
        ("ends_at", "too_far_ahead"),
    ),
    (
        "a time the clocks leap over",
        in_berlin(starts_at="2027-03-28T02:30"),
        INVALID,
        ("starts_at", "time_does_not_exist"),
    ),
    (
        "a time the clocks show twice",
        in_berlin(ends_at="2027-10-31T02:30"),
        INVALID,
        ("ends_at", "time_exists_twice"),
    ),
    ("an unknown upload", activity(upload_id=UNKNOWN["upload_id"]), (404, "not_found"), None),
    ("an upload id that is none", activity(upload_id="../../x"), (404, "not_found"), None),
    (
        "an activity for an upload",
        activity(upload_id=UNKNOWN["activity_id"]),
        (404, "not_found"),
        None,
    ),
    (
        "an upload of another program",
        lambda scene: scene.manager.post("/activities", {"upload_id": scene.theirs_valid}),
        (404, "not_found"),
        None,
    ),
    (
        "an upload not valid",
        lambda scene: scene.manager.post("/activities", {"upload_id": scene.rejected}),
        (409, "upload_not_valid"),
        None,
    ),
    (
        "an upload without its file",
        lambda scene: scene.manager.post("/activities", {"upload_id": scene.without_file}),
        (409, "upload_not_received"),
        None,
    ),
    # One's own profile
    ("an unknown field", me(role="manager"), INVALID, ("role", "extra_forbidden")),
    ("another's e-mail", me(email="x@y.example"), INVALID, ("email", "extra_forbidden")),
    ("a name too long", me(name="x" * 101), INVALID, ("name", "string_too_long")),
    ("a blank name", me(name=" "), INVALID, ("name", "string_too_short")),
    ("a name a number", me(name=3), INVALID, ("name", "string_type")),
    (
        "no such time zone",
        me(time_zone="Europe/Atlantis"),
        INVALID,
        ("time_zone", "unknown_time_zone"),
    ),
    (
        "a file's path",
        me(time_zone="../../etc/passwd"),
        INVALID,
        ("time_zone", "unknown_time_zone"),
    ),
    (
        "a zone in other letters",
        me(time_zone="europe/berlin"),
        INVALID,
        ("time_zone", "unknown_time_zone"),
    ),
    ("an empty zone", me(time_zone=""), INVALID, ("time_zone", "unknown_time_zone")),
    ("a zone too long", me(time_zone="x" * 65), INVALID, ("time_zone", "string_too_long")),
    # Pages
    *(
        line
        for path, other in (("/feed", "/activities"), ("/activities", "/feed"))
        for line in (
            (f"{path}: limit 0", listed(path, limit=0), INVALID, ("limit", "greater_than_equal")),
            (f"{path}: limit 101", listed(path, limit=101), INVALID, ("limit", "less_than_equal")),
            (f"{path}: limit a word", listed(path, limit="all"), INVALID, ("limit", "int_parsing")),
            (
                f"{path}: an unknown name",
                listed(path, page=2),
                INVALID,
                ("page", "extra_forbidden"),
            ),
            (f"{path}: a garbage cursor", listed(path, cursor="x"), (400, "invalid_cursor"), None),
            (f"{path}: an empty cursor", listed(path, cursor=""), (400, "invalid_cursor"), None),
            (
                f"{path}: a cursor too long",
                listed(path, cursor="x" * 1025),
                INVALID,
                ("cursor", "string_too_long"),
            ),
            (
                f"{path}: a tampered cursor",
                lambda scene, path=path: scene.manager.get(
                    path, cursor=tampered(scene.cursors[path])
                ),
                (400, "invalid_cursor"),
                None,
            ),
            (
                f"{path}: a cursor without signature",
                lambda scene, path=path: scene.manager.get(
                    path, cursor=resigned(scene.cursors[path])
                ),
                (400, "invalid_cursor"),
                None,
            ),
            (
                f"{path}: a cursor of another list",
                lambda scene, path=path, other=other: scene.manager.get(
                    path, cursor=scene.cursors[other]
                ),
                (400, "invalid_cursor"),
                None,
            ),
            (
                f"{path}: a cursor of another program",
                lambda scene, path=path: scene.manager.get(path, cursor=scene.theirs_cursors[path]),
                (400, "invalid_cursor"),
                None,
            ),
        )
    ),
    (
        "/feed: a cursor of another member",
        lambda scene: scene.member.get("/feed", cursor=scene.cursors["/feed"]),
        (400, "invalid_cursor"),
        None,
    ),
    # Ids in paths
    *(
        line
        for method, path in (
            ("GET", "/uploads/{}"),
            ("GET", "/activities/{}"),
            ("POST", "/activities/{}/end"),
        )
        for line in (
            (
                f"{method} {path}: unknown",
                lambda scene, method=method, path=path: scene.manager.call(
                    method, path.format(UNKNOWN["activity_id"])
                ),
                (404, "not_found"),
                None,
            ),
            (
                f"{method} {path}: foreign",
                lambda scene, method=method, path=path: scene.manager.call(
                    method,
                    path.format(scene.theirs_valid if "uploads" in path else scene.theirs_activity),
                ),
                (404, "not_found"),
                None,
            ),
            *(
                (
                    f"{method} {path}: {given[:20]}",
                    lambda scene, method=method, path=path, given=given: scene.manager.call(
                        method, path.format(given)
                    ),
                    (404, "not_found"),
                    None,
                )
                for given in ("x", "%00", "%F0%9F%92%83", "..%2F..%2Fme", "u" * 1500)
            ),
        )
    ),
    # Idempotency-Key
    *(
        (
            f"{path}: {what} for a key",
            raw("POST", path, b"{}" if body is None else body, **{"Idempotency-Key": key}),
            INVALID,
            ("Idempotency-Key", "invalid_key"),
        )
        for path, body in (
            ("/uploads", b'{"content_type": "video/mp4"}'),
            ("/activities", b'{"upload_id": "upl_x"}'),
        )
        for what, key in (
            ("256 characters", "k" * 256),
            ("a space", "a b"),
            ("letters beyond", "k\xe9"),
        )
    ),
]


@pytest.mark.parametrize(
    ("request_", "problem", "field"),
    [pytest.param(*line[1:], id=f"{number}-{line[0]}") for number, line in enumerate(LINES)],
)
def test_invalid_input_gets_its_problem_and_changes_nothing(
    scene: Scene,
    untouched: None,
    request_: Callable[[Scene], Answer],
    problem: tuple[int, str],
    field: tuple[str, str] | None,
) -> None:
    answer = request_(scene)
    assert answer.problem == problem, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["detail"]
    if field:
        assert field in {(each["field"], each["code"]) for each in answer.body["errors"]}


def test_all_that_is_wrong_with_a_body_is_said_at_once(scene: Scene) -> None:
    answer = scene.manager.post("/activities", {"points": -1, "instructions": "", "more": 1})
    assert {each["field"] for each in answer.body["errors"]} == {
        "upload_id",
        "points",
        "instructions",
        "more",
    }


@pytest.mark.parametrize(
    ("wall_clock", "offsets"),
    [("2027-03-28T02:30", {"+01:00", "+02:00"}), ("2027-10-31T02:30", {"+02:00", "+01:00"})],
)
def test_a_time_on_a_day_the_clocks_change_comes_back_with_the_offsets_to_choose_from(
    scene: Scene, wall_clock: str, offsets: set[str]
) -> None:
    answer = in_berlin(ends_at=wall_clock)(scene)
    assert set(answer.body["offsets"]) == offsets
    assert wall_clock in answer.body["detail"]


def told(
    keep: Callable[[Operation], bool], ask: Callable[[Operation], Answer]
) -> dict[Any, set[str]]:
    """Ask each operation of a kind; returns who answered what."""
    found: dict[Any, set[str]] = {}
    for each in filter(keep, OPERATIONS):
        found.setdefault(ask(each).problem, set()).add(each.operation_id)
    return found


def test_a_member_is_told_apart_before_anything_they_send_is_read(
    member: Api, scene: Scene
) -> None:
    for answer in (
        member.call("POST", "/activities", body=b"{"),
        member.get(f"/uploads/{scene.valid}"),
        member.get(f"/uploads/{UNKNOWN['upload_id']}"),
        member.post("/uploads", MP4, new_key()),
    ):
        assert answer.problem == (403, "manager_only")


def test_a_body_too_large_is_refused_wherever_one_can_be_sent(
    manager: Api, untouched: None
) -> None:
    def too_much(operation: Operation) -> Answer:
        path = operation.path.format(**UNKNOWN)
        return manager.call(operation.method, path, body=b" " * (LIMIT + 1))

    answers = told(lambda each: each.method != "GET" and not each.public, too_much)
    assert set(answers) == {(413, "body_too_large")}, answers


@pytest.mark.parametrize(
    ("body", "content_type", "problem"),
    [
        (b"{", "application/json", (400, "invalid_json")),
        (b"{}", "text/csv", (415, "unsupported_media_type")),
        (b'{"unheard_of": 1}', "application/json", (422, "invalid_request")),
    ],
    ids=["no JSON", "another type", "an unknown field"],
)
def test_a_body_that_cannot_be_meant_is_refused_wherever_one_can_be_sent(
    manager: Api,
    untouched: None,
    body: bytes,
    content_type: str,
    problem: tuple[int, str],
) -> None:
    def sent(operation: Operation) -> Answer:
        return manager.call(
            operation.method,
            operation.path.format(**UNKNOWN),
            body=body,
            headers={"Content-Type": content_type},
        )

    def takes_one(operation: Operation) -> bool:
        return operation.takes_body and problem in operation.codes and not operation.public

    answers = told(takes_one, sent)
    assert set(answers) == {problem}, answers


def test_a_body_is_refused_wherever_none_is_taken(
    manager: Api, nobody: Api, untouched: None
) -> None:
    def sent(operation: Operation) -> Answer:
        api = nobody if operation.public else manager
        return api.call(operation.method, operation.path.format(**UNKNOWN), body=b'{"more": 1}')

    def takes_none(operation: Operation) -> bool:
        return (
            operation.method != "GET"
            and not operation.takes_body
            and operation.operation_id not in READ_RAW
        )

    answers = told(takes_none, sent)
    assert set(answers) == {(422, "invalid_request")}, answers


def test_a_query_that_is_not_known_is_refused_wherever_one_can_be_sent(
    manager: Api, untouched: None
) -> None:
    def asked(operation: Operation) -> Answer:
        return manager.get(operation.path.format(**UNKNOWN), unheard_of="1")

    takes_query = (422, "invalid_request")
    answers = told(
        lambda each: each.method == "GET" and takes_query in each.codes and not each.public, asked
    )
    assert set(answers) == {takes_query}, answers
