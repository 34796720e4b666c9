"""Only what TikTok signed lately is listened to, and every documented event is understood."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.tiktok.errors import Cause, Reconnect, TikTokRefused, TryLater
from chalicelib.tiktok.webhooks import (
    MAX_AGE,
    MAX_CLOCK_SKEW,
    EventKind,
    MalformedEvent,
    SignatureRefused,
    TikTokWebhookEvent,
    parse_event,
    verify_signature,
)

SECRET = "client-secret"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BODY = b'{"event": "post.publish.complete",  "odd spacing":"\xc3\xa9"}'


def digest(signed_at: str, body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), signed_at.encode() + b"." + body, hashlib.sha256).hexdigest()


def signature(at: datetime = NOW, body: bytes = BODY, secret: str = SECRET) -> str:
    signed_at = str(int(at.timestamp()))
    return f"t={signed_at},s={digest(signed_at, body, secret)}"


T = str(int(NOW.timestamp()))
S = digest(T)


@pytest.mark.parametrize(
    "header",
    [
        f"t={T},s={S}",
        f"s={S},t={T}",
        f" t={T} , s={S} ",
        f"t={T},s={S.upper()}",
        f"t={T},s={S},v=2",
    ],
)
def test_a_webhook_signed_by_tiktok_is_accepted(header: str) -> None:
    verify_signature(header, BODY, SECRET, NOW)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=72), MAX_AGE, -MAX_CLOCK_SKEW])
def test_retries_and_a_clock_ahead_are_accepted(age: timedelta) -> None:
    verify_signature(signature(NOW - age), BODY, SECRET, NOW)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (None, "not signed"),
        ("", "not signed"),
        (S, "one t and one s"),
        (f"t={T}", "one t and one s"),
        (f"s={S}", "one t and one s"),
        (f"t={T},s={S},s={S}", "one t and one s"),
        (f"t={T},t={T},s={S}", "one t and one s"),
        (f"t={T},s=", "time and a SHA-256"),
        (f"t={T},s={S[:-1]}", "time and a SHA-256"),
        (f"t={T},s={S}0", "time and a SHA-256"),
        (f"t={T},s={'é' * 64}", "time and a SHA-256"),
        (f"t=,s={S}", "time and a SHA-256"),
        (f"t=-1,s={S}", "time and a SHA-256"),
        (f"t=1e9,s={S}", "time and a SHA-256"),
        (f"t={'9' * 13},s={S}", "time and a SHA-256"),
        (f"t=\u0661,s={S}", "time and a SHA-256"),
        (f"t={T},s={'0' * 64}", "signature is wrong"),
        (f"t=0{T},s={S}", "signature is wrong"),
        (f"t={int(T) + 1},s={S}", "signature is wrong"),
        (signature(secret="another"), "signature is wrong"),
        (signature(body=BODY + b" "), "signature is wrong"),
        (signature(NOW - MAX_AGE - timedelta(seconds=1)), "7 days ago"),
        (signature(NOW + MAX_CLOCK_SKEW + timedelta(seconds=1)), "in the future"),
    ],
)
def test_everything_else_is_refused(header: str | None, why: str) -> None:
    with pytest.raises(SignatureRefused, match=why) as refused:
        verify_signature(header, BODY, SECRET, NOW)
    assert SECRET not in str(refused.value)
    assert S not in str(refused.value)


def test_signatures_are_taken_for_a_week_and_an_hour_ahead() -> None:
    assert timedelta(days=7) == MAX_AGE
    assert timedelta(hours=1) == MAX_CLOCK_SKEW


def test_a_time_of_twelve_digits_is_a_time_and_far_ahead() -> None:
    with pytest.raises(SignatureRefused, match="in the future"):
        verify_signature(f"t={'9' * 12},s={digest('9' * 12)}", BODY, SECRET, NOW)


def test_without_a_secret_nothing_is_accepted() -> None:
    with pytest.raises(SignatureRefused, match="no client secret"):
        verify_signature(signature(secret=""), BODY, "", NOW)


@given(st.text(), st.binary())
def test_verifying_never_breaks(header: str, body: bytes) -> None:
    with pytest.raises(SignatureRefused):
        verify_signature(header, body, SECRET, NOW)


def told(event: str, content: object, /, **changes: Any) -> bytes:
    body = {
        "client_key": "key",
        "event": event,
        "create_time": int(NOW.timestamp()),
        "user_openid": "-000open",
        "content": content if isinstance(content, str) else json.dumps(content),
        **changes,
    }
    return json.dumps({name: value for name, value in body.items() if value is not ...}).encode()


MAX_PER_PROGRAM = {"publish_id": "v_inbox_file~v2.1", "publish_type": "INBOX_SHARE"}
POST_ID = 7_412_345_678_901_234_567


@pytest.mark.parametrize(
    ("event", "content", "kind", "more"),
    [
        ("authorization.removed", {"reason": 1}, EventKind.AUTHORIZATION_REMOVED, {"reason": "1"}),
        ("authorization.removed", {"reason": 0}, EventKind.AUTHORIZATION_REMOVED, {"reason": "0"}),
        ("post.publish.inbox_delivered", MAX_PER_PROGRAM, EventKind.INBOX_DELIVERED, {}),
        ("post.publish.complete", MAX_PER_PROGRAM, EventKind.POST_COMPLETE, {}),
        (
            "post.publish.failed",
            {**MAX_PER_PROGRAM, "reason": "internal"},
            EventKind.POST_FAILED,
            {"reason": "internal"},
        ),
        (
            "post.publish.publicly_available",
            {**MAX_PER_PROGRAM, "post_id": POST_ID},
            EventKind.POST_PUBLIC,
            {"post_id": str(POST_ID)},
        ),
        (
            "post.publish.no_longer_publicaly_available",
            {**MAX_PER_PROGRAM, "post_id": str(POST_ID)},
            EventKind.POST_NOT_PUBLIC,
            {"post_id": str(POST_ID)},
        ),
    ],
)
def test_every_documented_event_is_understood(
    event: str, content: dict[str, object], kind: EventKind, more: dict[str, str]
) -> None:
    publish_id = content.get("publish_id")
    assert publish_id is None or isinstance(publish_id, str)
    expected = TikTokWebhookEvent(kind, event, "key", "-000open", NOW, publish_id, **more)
    assert parse_event(told(event, content)) == expected
    assert (
        parse_event(told(event, "", content=content)) == expected
    )  # an object is as good as a string


@pytest.mark.parametrize(
    ("reason", "kind", "cause"),
    [
        ("internal", TryLater, None),
        ("file_format_check_failed", TikTokRefused, Cause.VIDEO_FORMAT),
        ("auth_removed", Reconnect, Cause.CONSENT_ENDED),
        ("brand_new", TikTokRefused, Cause.UNKNOWN),
        ("", TikTokRefused, Cause.UNKNOWN),
    ],
)
def test_a_failed_post_says_what_it_means(
    reason: str, kind: type[Exception], cause: Cause | None
) -> None:
    failure = parse_event(
        told("post.publish.failed", {**MAX_PER_PROGRAM, "reason": reason})
    ).failure
    assert type(failure) is kind
    assert getattr(failure, "cause", None) == cause


@pytest.mark.parametrize(
    ("field", "value", "told_as"),
    [
        ("publish_id", "p" * 64, "p" * 64),
        ("publish_id", "!~", "!~"),
        ("post_id", 0, "0"),
        ("post_id", "", None),
        ("post_id", None, None),
        ("reason", "", None),
        ("reason", "r" * 65, "r" * 64),
        ("reason", "of a new sort, in words", "of a new sort, in words"),
        ("reason", {"a": 1}, None),
        ("reason", True, None),
    ],
)
def test_ids_are_read_up_to_their_longest(field: str, value: object, told_as: str | None) -> None:
    event = parse_event(told("post.publish.complete", {**MAX_PER_PROGRAM, field: value}))
    assert getattr(event, field) == told_as


def test_an_event_without_its_client_key_is_read() -> None:
    assert (
        parse_event(told("post.publish.complete", MAX_PER_PROGRAM, client_key=...)).client_key == ""
    )


def test_a_removal_needs_no_publish_id_and_no_reason() -> None:
    event = parse_event(told("authorization.removed", {}))
    assert (event.publish_id, event.reason, event.post_id) == (None, None, None)
    assert event.failure is None


def test_the_longest_name_of_an_event_is_read() -> None:
    event = parse_event(told("x" * 100, MAX_PER_PROGRAM))
    assert event == TikTokWebhookEvent(EventKind.UNKNOWN, "x" * 100, "", "", None)


def test_other_events_have_no_failure() -> None:
    assert (
        parse_event(
            told("post.publish.complete", {**MAX_PER_PROGRAM, "reason": "internal"})
        ).failure
        is None
    )


@pytest.mark.parametrize(
    "body",
    [
        told("post.publish.something_new", "<<not JSON>>"),
        told("video.upload.failed", {}, user_openid=..., create_time=..., content=...),
        told("unknown", {}, user_openid=["a"], create_time="now", content=3),
    ],
)
def test_an_unknown_event_is_never_malformed(body: bytes) -> None:
    event = parse_event(body)
    assert event.kind is EventKind.UNKNOWN
    assert event.name == json.loads(body)["event"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"<<not JSON>>",
        b"[]",
        b'"post.publish.complete"',
        b"null",
        b"[" * 50_000,
        b'{"create_time":' + b"9" * 5000 + b"}",
        b"{}",
        told("", MAX_PER_PROGRAM),
        told("post publish\ncomplete", MAX_PER_PROGRAM),
        told("x" * 101, MAX_PER_PROGRAM),
        told("post.publish.complete", MAX_PER_PROGRAM, event=7),
        told("post.publish.complete", MAX_PER_PROGRAM, user_openid=...),
        told("post.publish.complete", MAX_PER_PROGRAM, user_openid=""),
        told("post.publish.complete", MAX_PER_PROGRAM, user_openid="a b"),
        told("post.publish.complete", MAX_PER_PROGRAM, user_openid={"$ne": ""}),
        told("post.publish.complete", MAX_PER_PROGRAM, create_time=...),
        told("post.publish.complete", MAX_PER_PROGRAM, create_time="1763812800"),
        told("post.publish.complete", MAX_PER_PROGRAM, create_time=1.5),
        told("post.publish.complete", MAX_PER_PROGRAM, create_time=True),
        told("post.publish.complete", MAX_PER_PROGRAM, create_time=10**15),
        told("post.publish.complete", MAX_PER_PROGRAM, content=...),
        told("post.publish.complete", MAX_PER_PROGRAM, content=7),
        told("post.publish.complete", "<<not JSON>>"),
        told("post.publish.complete", "[]"),
        told("post.publish.complete", {}),
        told("post.publish.complete", {"publish_id": "x" * 65}),
        told("post.publish.complete", {"publish_id": "../../x y"}),
        told("post.publish.complete", {"publish_id": ["a"]}),
        told("post.publish.complete", {"publish_id": True}),
        told("post.publish.publicly_available", {**MAX_PER_PROGRAM, "post_id": 1.5}),
    ],
)
def test_a_body_that_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedEvent):
        parse_event(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {"event": st.sampled_from([*EventKind]) | JSON},
        optional=dict.fromkeys(("client_key", "create_time", "user_openid", "content"), JSON),
    )
)
def test_reading_never_breaks(body: dict[str, object]) -> None:
    try:
        event = parse_event(json.dumps(body).encode())
    except MalformedEvent:
        return
    assert isinstance(event, TikTokWebhookEvent)
