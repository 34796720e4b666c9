"""Errors as people meet them: RFC 9457 problems with a stable code.

A room raises `Problem(ProblemCode.X, "words for a person")`; the HTTP door turns it into an answer.
The table below is all there are: code, HTTP status, title. OpenAPI lists them from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

MEDIA_TYPE = "application/problem+json"


class ProblemCode(Enum):
    """Every code an answer can carry, as `CODE = (HTTP status, title)`."""

    INVALID_JSON = (400, "The body is not JSON")
    INVALID_CURSOR = (400, "The cursor is not one of this list")
    UNAUTHENTICATED = (401, "Sign in first")
    NOT_A_MEMBER = (403, "You are not a member of a program here")
    MANAGER_ONLY = (403, "Only managers may do this")
    FORBIDDEN = (403, "This is not allowed")
    NOT_FOUND = (404, "There is no such thing here")
    METHOD_NOT_ALLOWED = (405, "This address does not take that method")
    CHANGED_MEANWHILE = (409, "Somebody else changed this meanwhile")
    REQUEST_IN_PROGRESS = (409, "The same request is still being handled")
    TIKTOK_STATE_INVALID = (400, "This consent is not under way")
    TIKTOK_CODE_REFUSED = (400, "TikTok did not confirm the consent")
    TIKTOK_CONSENT_DENIED = (403, "The consent was not given")
    TIKTOK_SCOPE_MISSING = (403, "A permission is missing")
    TIKTOK_ACCOUNT_TAKEN = (409, "This TikTok account belongs to another member")
    TIKTOK_ACCOUNT_REQUIRED = (409, "Add your TikTok account first")
    TIKTOK_INBOX_FULL = (409, "Your TikTok inbox is full")
    ALREADY_PERFORMED = (409, "You have done this already")
    ACTIVITY_NOT_STARTED = (409, "The activity has not started")
    SIGNATURE_REFUSED = (401, "The signature is not right")
    MALFORMED_EVENT = (400, "The event cannot be read")
    UPLOAD_NOT_VALID = (409, "The upload is not a valid video")
    UPLOAD_NOT_RECEIVED = (409, "The upload has no file yet")
    ACTIVITY_ENDED = (409, "The activity has ended")
    ACTIVITY_REJECTED = (409, "The activity was rejected")
    NAME_TAKEN = (409, "Something else has this name")
    LIMIT_REACHED = (409, "There cannot be more of these")
    CHANNEL_ARCHIVED = (409, "The channel is archived")
    ALREADY_A_MEMBER = (409, "This person is in the program already")
    MEMBER_REMOVED = (409, "This person was removed")
    LAST_MANAGER = (409, "A program needs a manager")
    LEADERBOARD_OFF = (409, "The program has no leaderboard")
    ACTIVITY_PROCESSING = (409, "The activity's video is still being validated")
    ACTIVITY_PERFORMED = (409, "The activity has been performed")
    BODY_TOO_LARGE = (413, "The body is too large")
    UNSUPPORTED_MEDIA_TYPE = (415, "The body must be JSON")
    INVALID_REQUEST = (422, "Something in the request is not right")
    IDEMPOTENCY_KEY_REUSED = (422, "This Idempotency-Key belongs to another request")
    TOO_MANY_REQUESTS = (429, "Too many requests")
    INTERNAL = (500, "Something broke on our side")
    UNAVAILABLE = (503, "Something we depend on does not answer")

    @property
    def code(self) -> str:
        return self.name.lower()

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def title(self) -> str:
        return self.value[1]


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; `limit` is the bound that was broken, when there is one."""

    field: str
    code: str
    message: str
    limit: Any = None

    def to_dict(self) -> dict[str, Any]:
        told = {"field": self.field, "code": self.code, "message": self.message}
        return told if self.limit is None else {**told, "limit": self.limit}


@dataclass
class Problem(Exception):
    """An answer that is not the one hoped for; `members` are further members of the problem."""

    code: ProblemCode
    detail: str
    errors: tuple[FieldError, ...] = ()
    members: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code.code}: {self.detail}"

    def to_dict(self) -> dict[str, Any]:
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": self.code.title,
            "status": self.code.status,
            "code": self.code.code,
            "detail": self.detail,
        }
        if self.errors:
            problem["errors"] = [error.to_dict() for error in self.errors]
        return {**problem, **self.members}


def not_found(what: str) -> Problem:
    """Answer for what does not exist and, to the letter, for what is another program's."""
    return Problem(ProblemCode.NOT_FOUND, f"There is no such {what}.")


def invalid_field(name: str, code: str, message: str, limit: Any = None) -> Problem:
    """Answer for one field that is not right."""
    return Problem(ProblemCode.INVALID_REQUEST, message, (FieldError(name, code, message, limit),))
