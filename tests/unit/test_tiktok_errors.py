"""Every word TikTok can refuse with leads to one kind of error, and none of them tells a secret."""

import pytest

from chalicelib.tiktok.errors import (
    MAX_MESSAGE_LENGTH,
    AccessTokenRefused,
    Cause,
    InboxFull,
    OutcomeUnknown,
    Reconnect,
    TikTokError,
    TikTokRefused,
    TryLater,
    TryNow,
    UploadGone,
    UploadOffset,
    error_from_code,
    failure_from_reason,
    safe_message,
    safe_name,
)

type Kind = tuple[type[TikTokError], Cause | None]

CODES: list[tuple[str, int | None, Kind]] = [
    # every call
    ("access_token_invalid", 401, (AccessTokenRefused, None)),
    ("access_token_invalid", 200, (AccessTokenRefused, None)),
    ("scope_not_authorized", 401, (Reconnect, Cause.SCOPE_MISSING)),
    ("scope_permission_missed", 401, (Reconnect, Cause.SCOPE_MISSING)),
    ("rate_limit_exceeded", 429, (TryLater, None)),
    ("rate_limit_exceeded", 200, (TryLater, None)),
    ("internal_error", 500, (TryLater, None)),
    ("internal_error", 200, (TryLater, None)),
    ("invalid_param", 400, (TikTokRefused, Cause.BAD_REQUEST)),
    ("invalid_params", 400, (TikTokRefused, Cause.BAD_REQUEST)),
    ("invalid_params", 500, (TikTokRefused, Cause.BAD_REQUEST)),
    # inbox init and upload
    ("invalid_file_upload", 400, (TikTokRefused, Cause.VIDEO_FORMAT)),
    ("url_ownership_unverified", 403, (TikTokRefused, Cause.BAD_REQUEST)),
    ("reached_active_user_cap", 403, (TikTokRefused, Cause.APP_USER_CAP)),
    ("reached_active_user_cap", 200, (TikTokRefused, Cause.APP_USER_CAP)),
    (
        "unaudited_client_can_only_post_to_private_accounts",
        403,
        (TikTokRefused, Cause.APP_SETTINGS),
    ),
    ("app_version_check_failed", 403, (TikTokRefused, Cause.TIKTOK_APP_TOO_OLD)),
    ("spam_risk_too_many_pending_share", 403, (InboxFull, None)),
    ("spam_risk_too_many_pending_share", 200, (InboxFull, None)),
    ("spam_risk_user_banned_from_posting", 403, (TikTokRefused, Cause.ACCOUNT_BANNED)),
    ("spam_risk_user_banned_from_posting", 200, (TikTokRefused, Cause.ACCOUNT_BANNED)),
    ("spam_risk_too_many_posts", 403, (TikTokRefused, Cause.TOO_MANY_POSTS)),
    ("spam_risk_text", 403, (TikTokRefused, Cause.SPAM_RISK)),
    ("spam_risk", 200, (TikTokRefused, Cause.SPAM_RISK)),
    # status
    ("invalid_publish_id", 400, (TikTokRefused, Cause.UNKNOWN_SHARE)),
    ("token_not_authorized_for_specified_publish_id", 400, (TikTokRefused, Cause.UNKNOWN_SHARE)),
    # OAuth
    ("access_denied", None, (Reconnect, Cause.CONSENT_DENIED)),
    ("invalid_client", 401, (TikTokRefused, Cause.APP_SETTINGS)),
    ("invalid_grant", 400, (Reconnect, Cause.CONSENT_ENDED)),
    ("invalid_grant", 200, (Reconnect, Cause.CONSENT_ENDED)),
    ("invalid_request", 400, (TikTokRefused, Cause.BAD_REQUEST)),
    ("invalid_scope", None, (TikTokRefused, Cause.APP_SETTINGS)),
    ("unauthorized_client", 400, (TikTokRefused, Cause.APP_SETTINGS)),
    ("server_error", 500, (TryLater, None)),
    ("server_error", None, (TryLater, None)),
    ("temporarily_unavailable", 503, (TryLater, None)),
    ("temporarily_unavailable", 200, (TryLater, None)),
    # not documented: the status decides, and a substring never does
    ("brand_new_code", 200, (TikTokRefused, Cause.UNKNOWN)),
    ("brand_new_code", 400, (TikTokRefused, Cause.UNKNOWN)),
    ("brand_new_code", 403, (TikTokRefused, Cause.UNKNOWN)),
    ("brand_new_code", None, (TikTokRefused, Cause.UNKNOWN)),
    ("brand_new_code", 401, (AccessTokenRefused, None)),
    ("brand_new_code", 429, (TryLater, None)),
    ("brand_new_code", 402, (TikTokRefused, Cause.UNKNOWN)),
    ("brand_new_code", 428, (TikTokRefused, Cause.UNKNOWN)),
    ("brand_new_code", 430, (TikTokRefused, Cause.UNKNOWN)),
    ("brand_new_code", 499, (TikTokRefused, Cause.UNKNOWN)),
    ("brand_new_code", 500, (TryLater, None)),
    ("brand_new_code", 599, (TryLater, None)),
    ("internal_but_final", 400, (TikTokRefused, Cause.UNKNOWN)),
    ("spam_risk_of_a_new_sort", 200, (TikTokRefused, Cause.UNKNOWN)),
    ("INVALID_GRANT", 400, (TikTokRefused, Cause.UNKNOWN)),
    ("", 400, (TikTokRefused, Cause.UNKNOWN)),
]

FAIL_REASONS: list[tuple[str, Kind]] = [
    ("internal", (TryLater, None)),
    ("video_pull_failed", (TryLater, None)),
    ("file_format_check_failed", (TikTokRefused, Cause.VIDEO_FORMAT)),
    ("duration_check_failed", (TikTokRefused, Cause.VIDEO_LENGTH)),
    ("frame_rate_check_failed", (TikTokRefused, Cause.VIDEO_FRAME_RATE)),
    ("picture_size_check_failed", (TikTokRefused, Cause.VIDEO_RESOLUTION)),
    ("auth_removed", (Reconnect, Cause.CONSENT_ENDED)),
    ("spam_risk", (TikTokRefused, Cause.SPAM_RISK)),
    ("spam_risk_text", (TikTokRefused, Cause.SPAM_RISK)),
    ("spam_risk_too_many_posts", (TikTokRefused, Cause.TOO_MANY_POSTS)),
    ("spam_risk_user_banned_from_posting", (TikTokRefused, Cause.ACCOUNT_BANNED)),
    ("publish_cancelled", (TikTokRefused, Cause.CANCELLED)),
    ("internal_check_failed", (TikTokRefused, Cause.UNKNOWN)),
    ("brand_new_reason", (TikTokRefused, Cause.UNKNOWN)),
    ("", (TikTokRefused, Cause.UNKNOWN)),
]

TOKEN = "act.example12345Example12345Example!4567.e1"


def kind_of(error: TikTokError) -> Kind:
    return type(error), getattr(error, "cause", None)


@pytest.mark.parametrize(("code", "status", "kind"), CODES)
def test_a_code_decides_the_kind(code: str, status: int | None, kind: Kind) -> None:
    error = error_from_code(code, http_status=status, log_id="2026", message="so it is")
    assert kind_of(error) == kind
    assert (error.http_status, error.log_id, error.message) == (status, "2026", "so it is")


@pytest.mark.parametrize(("reason", "kind"), FAIL_REASONS)
def test_a_fail_reason_decides_the_kind(reason: str, kind: Kind) -> None:
    failure = failure_from_reason(reason, log_id="2026")
    assert kind_of(failure) == kind
    assert failure.log_id == "2026"


@pytest.mark.parametrize(
    ("code", "status", "told", "seconds"),
    [
        ("rate_limit_exceeded", 429, None, None),
        ("rate_limit_exceeded", 200, None, None),
        ("rate_limit_exceeded", 429, 7.0, 7.0),
        ("rate_limit_exceeded", 429, 0.0, 0.0),
        ("brand_new_code", 429, None, None),
        ("internal_error", 500, None, None),
        ("temporarily_unavailable", 503, 30.0, 30.0),
    ],
)
def test_later_says_when_if_it_is_known(
    code: str, status: int, told: float | None, seconds: float | None
) -> None:
    error = error_from_code(code, http_status=status, retry_after_seconds=told)
    assert isinstance(error, TryLater)
    assert error.retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("code", "status", "limited", "turned_away"),
    [
        ("rate_limit_exceeded", 429, True, True),
        ("rate_limit_exceeded", 200, True, True),
        ("brand_new_code", 429, True, True),
        ("temporarily_unavailable", 503, False, True),
        ("internal_error", 500, False, False),
        ("brand_new_code", 502, False, False),
    ],
)
def test_of_what_is_for_later_it_is_known_whether_anything_was_begun(
    code: str, status: int, limited: bool, turned_away: bool
) -> None:
    error = error_from_code(code, http_status=status)
    assert isinstance(error, TryLater)
    assert (error.is_rate_limit, error.was_turned_away) == (limited, turned_away)


@pytest.mark.parametrize(
    ("code", "owners"),
    [
        ("reached_active_user_cap", True),
        ("invalid_client", True),
        ("invalid_params", True),
        ("spam_risk", False),
        ("invalid_publish_id", False),
        ("brand_new_code", False),
    ],
)
def test_errors_only_the_owner_can_fix_differ_from_members_errors(code: str, owners: bool) -> None:
    error = error_from_code(code, http_status=400)
    assert isinstance(error, TikTokRefused)
    assert error.needs_owner is owners


def test_causes_are_stored_and_shown_by_these_names() -> None:
    assert {cause.value for cause in Cause} == {
        "video_format",
        "video_length",
        "video_frame_rate",
        "video_resolution",
        "account_banned",
        "too_many_posts",
        "spam_risk",
        "cancelled",
        "unknown_share",
        "bad_request",
        "app_settings",
        "app_user_cap",
        "tiktok_app_too_old",
        "consent_denied",
        "consent_ended",
        "scope_missing",
        "unknown",
    }


def test_every_cause_has_words_for_a_person() -> None:
    for cause in Cause:
        assert cause.words.endswith(".")
        assert "_" not in cause.words


def test_an_error_says_what_support_asks_for() -> None:
    error = TikTokRefused(
        "spam_risk", cause=Cause.SPAM_RISK, log_id="2026ab", message="Too odd.", http_status=200
    )
    assert str(error) == "spam_risk (spam_risk, HTTP 200, log id 2026ab: Too odd.)"
    assert repr(TryNow("not_sent")) == "TryNow(not_sent)"
    assert str(UploadOffset("http_416", received_bytes=3)) == "http_416"


def test_kinds_do_not_contain_each_other() -> None:
    kinds = [
        TryLater,
        TryNow,
        OutcomeUnknown,
        TikTokRefused,
        AccessTokenRefused,
        Reconnect,
        InboxFull,
        UploadGone,
        UploadOffset,
    ]
    assert all(not issubclass(a, b) for a in kinds for b in kinds if a is not b)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("The access token is invalid or not found", "The access token is invalid or not found"),
        (f"Token {TOKEN} is expired", "Token ... is expired"),
        ("upload 3739321145001354048 failed", "upload ... failed"),
        ("scope_not_authorized here", "scope_not_authorized here"),
        ("code short!1 was used", "code ... was used"),
        (f"GET https://open.tiktokapis.com/v2/?access_token={TOKEN} failed", "GET ... failed"),
        ("see upload?upload_id=1&upload_token=ab", "see ..."),
        ("see http://a.b/c now", "see ... now"),
        ("see x?y=z now", "see ... now"),
        ("see x?y and http: now", "see x?y and http: now"),
        ("one\ntwo\x00\x1b[31m", "one two[31m"),
        ("word " * 100, ("word " * 40).strip()),
        (None, ""),
        ({"not": "words"}, ""),
    ],
)
def test_a_message_is_made_safe(said: object, kept: str) -> None:
    made = safe_message(said, [TOKEN, "short!1"])
    assert made == kept
    assert len(made) <= MAX_MESSAGE_LENGTH


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("a1" + "b" * 13, True),
        ("a1" + "b" * 14, False),
        ("b" * 24, True),
        ("b" * 25, False),
        ("b" * 23 + "1", False),
    ],
)
def test_only_a_word_that_may_be_a_token_is_taken_out(word: str, kept: bool) -> None:
    assert safe_message(f"so {word} said") == f"so {word if kept else '...'} said"


def test_a_secret_within_another_is_taken_out_with_it() -> None:
    assert safe_message("it was one-two", ["one", "one-two"]) == "it was ..."
    assert safe_message("it was one", ["one", "one-two"]) == "it was ..."


def test_the_longest_message_and_name_are_kept_whole() -> None:
    message = "word " * (MAX_MESSAGE_LENGTH // 5 - 1) + "words"
    assert (MAX_MESSAGE_LENGTH, len(message)) == (200, 200)
    assert safe_message(message) == message
    assert safe_message(message + "!") == message
    assert safe_name("a" * 64) == "a" * 64


def test_an_errors_fields_are_readable() -> None:
    error = TikTokError("code", log_id="2026", message="so it is", http_status=400)
    assert (error.code, error.log_id, error.message, error.http_status) == (
        "code",
        "2026",
        "so it is",
        400,
    )
    assert str(error) == "code, HTTP 400, log id 2026: so it is"
    bare = TikTokError("code")
    assert (bare.log_id, bare.message, bare.http_status) == (None, "", None)
    assert str(bare) == "code"
    assert str(TikTokError("code", log_id="2026")) == "code, log id 2026"
    assert str(TikTokError("code", message="so it is")) == "code: so it is"
    assert TryLater("code").retry_after_seconds is None
    assert UploadOffset("code", received_bytes=None).received_bytes is None


def test_a_code_or_log_id_is_a_name_and_no_secret() -> None:
    assert safe_name("20261122AB-cd_9") == "20261122AB-cd_9"
    for not_a_name in (None, 7, "", "two words", "a" * 65, "a\nb", "http://x", "s3cret"):
        assert safe_name(not_a_name, ["s3cret"]) is None
    assert error_from_code("<html>").code == "unreadable_code"
    assert failure_from_reason("<html>").code == "unreadable_reason"
