"""Counts of posted videos: what TikTok's Display API takes and tells, and what is believed."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.tiktok.client import (
    MAX_VIDEOS,
    SCOPES,
    VIEWS_SCOPE,
    TikTokClient,
    VideoCounts,
    _counts_of,
)
from chalicelib.tiktok.errors import AccessTokenRefused, Cause, Reconnect, TryLater
from tests.integration.sandbox import Sandbox, Tokens, tokens_of
from tests.integration.sandboxed_greenroom import HookedTikTokClient

ALL = (*SCOPES, VIEWS_SCOPE)
VIDEO = b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 40
PATH = "/v2/video/query/?fields=id,view_count"


@pytest.fixture
def sandbox(process: Sandbox) -> Sandbox:
    process.reset()
    return process


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[TikTokClient]:
    client = HookedTikTokClient(sandbox.url)
    yield client
    client.close()


def allows(sandbox: Sandbox, person: str) -> Tokens:
    """Let a person allow that their public videos are read."""
    asked = sandbox.authorize_url(scope=",".join(ALL))
    code = sandbox.consent(person, url=asked, scopes=ALL)["code"]
    return tokens_of(sandbox.exchange(code))


def posts(sandbox: Sandbox, person: str, **counts: int) -> tuple[Tokens, str]:
    """Let a person post a video; returns their tokens and the post's id."""
    tokens = allows(sandbox, person)
    publish_id = sandbox.stage(tokens, VIDEO)
    sandbox.wait_for_status(publish_id, "SEND_TO_USER_INBOX")
    sandbox.person_posts(person, publish_id)
    (post_id,) = sandbox.record()["shares"][publish_id]["post_ids"]
    sandbox.control("counts", {"post_id": str(post_id), **counts})
    return tokens, str(post_id)


def avoidable(sandbox: Sandbox) -> list[str]:
    return [each["rule"] for each in sandbox.record()["violations"] if each["avoidable"]]


def test_counts_of_ones_own_public_posts_are_told_and_of_no_others(
    sandbox: Sandbox, client: TikTokClient
) -> None:
    tokens, post = posts(sandbox, "ana", views=1500, likes=20, comments=3, shares=1)
    _, other = posts(sandbox, "ben", views=7)
    told = client.videos(tokens.access, [post, other, "123"])
    assert set(told) == {post}
    found = told[post]
    assert (found.views, found.likes, found.comments, found.shares) == (1500, 20, 3, 1)
    assert found.share_url == f"https://www.tiktok.com/@ana/video/{post}"
    assert avoidable(sandbox) == []


def test_without_the_permission_it_has_to_be_asked_for(
    sandbox: Sandbox, client: TikTokClient
) -> None:
    tokens = sandbox.connect("ana")
    with pytest.raises(Reconnect) as raised:
        client.videos(tokens.access, ["1"])
    assert raised.value.cause is Cause.SCOPE_MISSING


def test_a_dead_token_and_too_many_calls_are_told_apart(
    sandbox: Sandbox, client: TikTokClient
) -> None:
    tokens = allows(sandbox, "ana")
    rule = {"endpoint": "video_query", "kind": "status", "status": 429}
    sandbox.faults({**rule, "error_code": "rate_limit_exceeded", "headers": {"Retry-After": "90"}})
    with pytest.raises(TryLater) as busy:
        client.videos(tokens.access, ["1"])
    assert (busy.value.is_rate_limit, busy.value.retry_after_seconds) == (True, 90)
    sandbox.control("tokens", {"person": "ana", "expire": ["access"]})
    with pytest.raises(AccessTokenRefused):
        client.videos(tokens.access, ["1"])


@pytest.mark.parametrize("kind", ["malformed", "truncated", "reset"])
def test_an_answer_that_cannot_be_read_is_for_later(
    sandbox: Sandbox, client: TikTokClient, kind: str
) -> None:
    tokens = allows(sandbox, "ana")
    sandbox.faults({"endpoint": "video_query", "kind": kind})
    with pytest.raises(TryLater):
        client.videos(tokens.access, ["1"])
    assert client.videos(tokens.access, ["1"]) == {}


@pytest.mark.parametrize("number", [0, MAX_VIDEOS + 1])
def test_no_more_are_asked_for_than_tiktok_takes(client: TikTokClient, number: int) -> None:
    with pytest.raises(ValueError, match="videos at a time"):
        client.videos("act.1", [str(each) for each in range(number)])


@pytest.mark.parametrize(
    ("path", "body", "rule"),
    [
        (PATH, {"filters": {"video_ids": [str(each) for each in range(21)]}}, "video_query_ids"),
        (PATH, {"filters": {"video_ids": []}}, "video_query_ids"),
        (PATH, {"filters": {"video_ids": [1]}}, "video_query_ids"),
        (PATH, {"video_ids": ["1"]}, "video_query_body"),
        (PATH.partition("?")[0], {"filters": {"video_ids": ["1"]}}, "fields_required"),
        (f"{PATH},shape", {"filters": {"video_ids": ["1"]}}, "fields_known"),
    ],
)
def test_the_sandbox_refuses_what_is_not_as_documented(
    sandbox: Sandbox, path: str, body: dict[str, Any], rule: str
) -> None:
    answer = sandbox.call(path, allows(sandbox, "ana"), body)
    assert answer.status_code == 400
    assert avoidable(sandbox) == [rule]


GOOD = {"id": "1", "view_count": 5, "like_count": 1, "comment_count": 2, "share_count": 3}


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://www.tiktok.com/@a/video/1",
        "https://www.tiktok.com.evil.example/",
        "https://evil.example/?https://www.tiktok.com/",
        "https://user@evil.example/.tiktok.com/",
        "https://www.tiktok.com/ \n",
        7,
        None,
    ],
)
def test_a_link_that_leads_elsewhere_is_not_believed(url: object) -> None:
    found = _counts_of({**GOOD, "share_url": url})
    assert found is not None
    assert found[1].share_url is None


@pytest.mark.parametrize(
    "told",
    [None, [], {}, {**GOOD, "id": ""}, {**GOOD, "view_count": -1}, {**GOOD, "view_count": "5"}],
)
def test_invalid_counts_of_a_video_are_left_out(told: object) -> None:
    assert _counts_of(told) is None


def test_counts_that_are_missing_count_nothing() -> None:
    assert _counts_of({"id": 7, "view_count": 5}) == ("7", VideoCounts(5, 0, 0, 0, None))
