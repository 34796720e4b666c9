"""TikTok's failures as a small tree. Callers decide by the kind of error, never by its words.

    TikTokError
    ├ TryLater            the same again later is right; `retry_after_seconds` if it was told
    ├ TryNow              the same again at once is right: a call that never left, a chunk not taken
    ├ OutcomeUnknown      it went out, and its answer never came or cannot be read
    ├ Refused             never: `cause` says why, `cause.words` says it to a person
    ├ AccessTokenRefused  the access token is not good (any more): refresh it and try again
    ├ Reconnect           the person must connect again; `cause` says why
    ├ InboxFull           five shares of the last 24 hours wait in the person's inbox
    ├ UploadGone          the upload URL has expired or is not known: only a new draft helps
    └ UploadOffset        the bytes do not go on where they were sent; `received_bytes` if told

Every attribute, `str()` and `repr()` may be logged: no token, code, secret or URL is in them, and
no error carries the one it came from, whose words may hold a URL.
"""

import re
from collections.abc import Collection
from enum import StrEnum
from http import HTTPStatus
from typing import TypedDict, Unpack

from chalicelib.foundation.texts import clean_external_line, clean_line

MAX_MESSAGE_LENGTH = 200
MAX_NAME_LENGTH = 64
"""Maximum length of an error code and of a log id; TikTok's are shorter."""


class Cause(StrEnum):
    """The reason for which TikTok refuses, however often it is asked."""

    VIDEO_FORMAT = "video_format"
    VIDEO_LENGTH = "video_length"
    VIDEO_FRAME_RATE = "video_frame_rate"
    VIDEO_RESOLUTION = "video_resolution"
    ACCOUNT_BANNED = "account_banned"
    TOO_MANY_POSTS = "too_many_posts"
    SPAM_RISK = "spam_risk"
    CANCELLED = "cancelled"
    UNKNOWN_SHARE = "unknown_share"
    BAD_REQUEST = "bad_request"
    APP_SETTINGS = "app_settings"
    APP_USER_CAP = "app_user_cap"
    TIKTOK_APP_TOO_OLD = "tiktok_app_too_old"
    CONSENT_DENIED = "consent_denied"
    CONSENT_ENDED = "consent_ended"
    SCOPE_MISSING = "scope_missing"
    UNKNOWN = "unknown"

    @property
    def words(self) -> str:
        """A sentence or two for the person who owns the video or account."""
        return _CAUSE_TEXTS[self]


_CAUSE_TEXTS = {
    Cause.VIDEO_FORMAT: "TikTok cannot read this video file.",
    Cause.VIDEO_LENGTH: "TikTok does not accept a video of this length from this account.",
    Cause.VIDEO_FRAME_RATE: "TikTok does not accept this frame rate.",
    Cause.VIDEO_RESOLUTION: "TikTok does not accept this picture size.",
    Cause.ACCOUNT_BANNED: "TikTok does not let this account post.",
    Cause.TOO_MANY_POSTS: "This account has reached TikTok's limit of posts for one day.",
    Cause.SPAM_RISK: "TikTok is holding this video back as possible spam.",
    Cause.CANCELLED: "Sending this video to TikTok was cancelled.",
    Cause.UNKNOWN_SHARE: "TikTok does not know this video as sent from this account.",
    Cause.BAD_REQUEST: "TikTok did not understand the request. This is a fault in Greenroom.",
    Cause.APP_SETTINGS: (
        "The TikTok app of this installation is not set up correctly. Its owner has to mend that."
    ),
    Cause.APP_USER_CAP: (
        "TikTok limits how many people this installation may serve in a day, and as many were."
        " Its owner can ask TikTok for more."
    ),
    Cause.TIKTOK_APP_TOO_OLD: (
        "The TikTok app on your phone is too old for this. Update it, then send again."
    ),
    Cause.CONSENT_DENIED: "The connection to TikTok was not allowed on TikTok's page.",
    Cause.CONSENT_ENDED: "The connection to TikTok has ended. Connect the account again.",
    Cause.SCOPE_MISSING: (
        "TikTok was not allowed to take videos from here. Connect the account again and leave"
        " every switch on TikTok's page on."
    ),
    Cause.UNKNOWN: "TikTok refused it for a reason unknown to Greenroom.",
}


class ErrorFacts(TypedDict, total=False):
    """Facts that every error may carry besides its code."""

    log_id: str | None
    message: str
    http_status: int | None


class TikTokError(Exception):
    """TikTok did not do what a call asked for.

    `code` is TikTok's, or one of ours where there was none: `not_sent`, `no_answer`,
    `unreadable_answer`. `log_id` is what TikTok's support asks for. `message` is TikTok's, made
    safe and at most 200 characters. `http_status` is None when there was no answer.
    """

    def __init__(
        self,
        code: str,
        *,
        log_id: str | None = None,
        message: str = "",
        http_status: int | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.log_id = log_id
        self.message = message
        self.http_status = http_status

    def __str__(self) -> str:
        known = [self.code]
        if self.http_status is not None:
            known.append(f"HTTP {self.http_status}")
        if self.log_id is not None:
            known.append(f"log id {self.log_id}")
        told = ", ".join(known)
        return f"{told}: {self.message}" if self.message else told

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"


class TryLater(TikTokError):
    """Not now: too many calls, or TikTok is out of order. The same call later may succeed.

    `retry_after_seconds` is what TikTok asked for, None if it did not say: wait ever longer then.
    """

    def __init__(
        self, code: str, *, retry_after_seconds: float | None = None, **known: Unpack[ErrorFacts]
    ) -> None:
        super().__init__(code, **known)
        self.retry_after_seconds = retry_after_seconds

    @property
    def is_rate_limit(self) -> bool:
        """True if TikTok was called too often, with this token or by this app."""
        limited = self.http_status == HTTPStatus.TOO_MANY_REQUESTS
        return limited or self.code == "rate_limit_exceeded"

    @property
    def was_turned_away(self) -> bool:
        """True if TikTok began nothing: too many calls, or not in service.

        Any other failure at TikTok's side may have come after the effect.
        """
        return self.is_rate_limit or self.http_status == HTTPStatus.SERVICE_UNAVAILABLE


class TryNow(TikTokError):
    """It may go well at once; after a few times, treat it as TryLater.

    A call that raised it had no effect. A sending that raised it may have: ask the status for
    the bytes TikTok has and go on from there.
    """


class OutcomeUnknown(TikTokError):
    """It may have been done or not: the answer never came, or cannot be read."""


class _WithCause(TikTokError):
    def __init__(self, code: str, *, cause: Cause, **known: Unpack[ErrorFacts]) -> None:
        super().__init__(code, **known)
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.cause} ({super().__str__()})"


class TikTokRefused(_WithCause):
    """Never, for `cause`, or not before the owner has mended what only the owner can."""

    @property
    def needs_owner(self) -> bool:
        """True if this app or this software is at fault, not a person's video or account."""
        return self.cause in _OWNER_CAUSES


class Reconnect(_WithCause):
    """The person must go through TikTok's consent page again, for `cause`."""


class AccessTokenRefused(TikTokError):
    """The access token has expired or was revoked. The refresh decides which."""


class InboxFull(TikTokError):
    """At most five pending shares in any 24 hours; posting one frees its place."""


class UploadGone(TikTokError):
    """The upload URL lived its hour (403), or there is no such upload (any more) (404)."""


class UploadOffset(TikTokError):
    """TikTok reports, at each attempt, another number of bytes than the upload resumes from.

    `received_bytes` is how many TikTok seems to have, None if it did not say.
    """

    def __init__(
        self, code: str, *, received_bytes: int | None, **known: Unpack[ErrorFacts]
    ) -> None:
        super().__init__(code, **known)
        self.received_bytes = received_bytes


_OWNER_CAUSES = frozenset({Cause.APP_SETTINGS, Cause.APP_USER_CAP, Cause.BAD_REQUEST})

type Failure = TikTokRefused | TryLater | Reconnect
"""The reason why a share failed at TikTok. TryLater: begin a new one."""

type _Kind = (
    tuple[type[TryLater | AccessTokenRefused | InboxFull]]
    | tuple[type[TikTokRefused | Reconnect], Cause]
)

_ERRORS_BY_CODE: dict[str, _Kind] = {
    # every call
    "access_token_invalid": (AccessTokenRefused,),
    "scope_not_authorized": (Reconnect, Cause.SCOPE_MISSING),
    "scope_permission_missed": (Reconnect, Cause.SCOPE_MISSING),
    "rate_limit_exceeded": (TryLater,),
    "internal_error": (TryLater,),
    "invalid_param": (TikTokRefused, Cause.BAD_REQUEST),  # in the tables
    "invalid_params": (TikTokRefused, Cause.BAD_REQUEST),  # from the live API
    # inbox upload
    "invalid_file_upload": (TikTokRefused, Cause.VIDEO_FORMAT),
    "url_ownership_unverified": (TikTokRefused, Cause.BAD_REQUEST),
    "reached_active_user_cap": (TikTokRefused, Cause.APP_USER_CAP),  # met with HTTP 200 too
    "unaudited_client_can_only_post_to_private_accounts": (TikTokRefused, Cause.APP_SETTINGS),
    "app_version_check_failed": (TikTokRefused, Cause.TIKTOK_APP_TOO_OLD),
    "spam_risk": (TikTokRefused, Cause.SPAM_RISK),
    "spam_risk_text": (TikTokRefused, Cause.SPAM_RISK),
    "spam_risk_too_many_posts": (TikTokRefused, Cause.TOO_MANY_POSTS),
    "spam_risk_too_many_pending_share": (InboxFull,),
    "spam_risk_user_banned_from_posting": (TikTokRefused, Cause.ACCOUNT_BANNED),
    # status
    "invalid_publish_id": (TikTokRefused, Cause.UNKNOWN_SHARE),
    "token_not_authorized_for_specified_publish_id": (TikTokRefused, Cause.UNKNOWN_SHARE),
    # OAuth, in an answer or in the query of the callback
    "access_denied": (Reconnect, Cause.CONSENT_DENIED),
    "invalid_grant": (Reconnect, Cause.CONSENT_ENDED),
    "invalid_client": (TikTokRefused, Cause.APP_SETTINGS),
    "invalid_request": (TikTokRefused, Cause.BAD_REQUEST),
    "invalid_scope": (TikTokRefused, Cause.APP_SETTINGS),
    "unauthorized_client": (TikTokRefused, Cause.APP_SETTINGS),
    "server_error": (TryLater,),
    "temporarily_unavailable": (TryLater,),
}

_FAILURES_BY_REASON: dict[
    str, tuple[type[TryLater]] | tuple[type[TikTokRefused | Reconnect], Cause]
] = {
    "internal": (TryLater,),
    "video_pull_failed": (TryLater,),
    "file_format_check_failed": (TikTokRefused, Cause.VIDEO_FORMAT),
    "duration_check_failed": (TikTokRefused, Cause.VIDEO_LENGTH),
    "frame_rate_check_failed": (TikTokRefused, Cause.VIDEO_FRAME_RATE),
    "picture_size_check_failed": (TikTokRefused, Cause.VIDEO_RESOLUTION),
    "auth_removed": (Reconnect, Cause.CONSENT_ENDED),
    "spam_risk": (TikTokRefused, Cause.SPAM_RISK),
    "spam_risk_text": (TikTokRefused, Cause.SPAM_RISK),
    "spam_risk_too_many_posts": (TikTokRefused, Cause.TOO_MANY_POSTS),
    "spam_risk_user_banned_from_posting": (TikTokRefused, Cause.ACCOUNT_BANNED),
    "publish_cancelled": (TikTokRefused, Cause.CANCELLED),
}


def error_from_code(
    code: str, *, retry_after_seconds: float | None = None, **known: Unpack[ErrorFacts]
) -> TikTokError:
    """Return the error for a code: of an API call, of OAuth, or in the callback's query.

    The code decides. The HTTP status does so only for a code that is not known: 401 is a refused
    access token, 429 and 5xx are for later, everything else is refused for ever.
    """
    code = safe_name(code) or "unreadable_code"
    status = known.get("http_status") or HTTPStatus.BAD_REQUEST
    kind = _ERRORS_BY_CODE.get(code) or _kind_by_status(status)
    if kind[0] is TryLater:
        return TryLater(code, retry_after_seconds=retry_after_seconds, **known)
    if len(kind) == 1:
        return kind[0](code, **known)
    return kind[0](code, cause=kind[1], **known)


def _kind_by_status(status: int) -> _Kind:
    if status == HTTPStatus.UNAUTHORIZED:
        return (AccessTokenRefused,)
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return (TryLater,)
    return (TikTokRefused, Cause.UNKNOWN)


def failure_from_reason(reason: str, *, log_id: str | None = None) -> Failure:
    """Return the failure for a `fail_reason`. An unknown one is refused: that share is over."""
    reason = safe_name(reason) or "unreadable_reason"
    kind = _FAILURES_BY_REASON.get(reason, (TikTokRefused, Cause.UNKNOWN))
    if len(kind) == 1:
        return kind[0](reason, log_id=log_id)
    return kind[0](reason, cause=kind[1], log_id=log_id)


_NAME_PATTERN = re.compile(r"[A-Za-z0-9_-]+")
_URL_PATTERN = re.compile(r"\S+://\S+|\S*\?\S+=\S*")
_LONG_WORD_PATTERN = re.compile(r"(?=\S*[0-9])\S{16,}|\S{25,}")


def safe_name(name: object, secrets: Collection[str] = ()) -> str | None:
    """Return an error code or log id as TikTok writes them, or None for anything else."""
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH or name in secrets:
        return None
    return name if _NAME_PATTERN.fullmatch(name) else None


def safe_message(message: object, secrets: Collection[str] = ()) -> str:
    """Return TikTok's words without `secrets`, URLs and anything long enough to be a token."""
    if not isinstance(message, str):
        return ""
    for secret in sorted(secrets, key=len, reverse=True):
        message = message.replace(secret, "...")
    message = _LONG_WORD_PATTERN.sub("...", _URL_PATTERN.sub("...", clean_line(message)))
    return clean_external_line(message, MAX_MESSAGE_LENGTH)
