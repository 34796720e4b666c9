"""The documented rules, pure: what a request must look like, and how it is refused if it does not.

Where the documents leave room, the stricter reading is taken, so that a client the sandbox
accepts is accepted by every reading. A megabyte is such a place: a chunk is at least 5 MiB but
at most 64 million bytes here.

What TikTok lets pass although it is not documented (an extra field, a missing slash) is not
refused: it goes to `tolerate`, which records it as a broken rule, so that tests can be strict.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MIN_CHUNK_BYTES = 5 * 1024 * 1024
ONE_PIECE_BELOW_BYTES = 5_000_000
MAX_CHUNK_BYTES = 64_000_000
MAX_CHUNKS = 1000

INITS_PER_MINUTE = 6
STATUS_FETCHES_PER_MINUTE = 30
VIDEO_QUERIES_PER_MINUTE = 600
MAX_QUERIED_VIDEOS = 20
MINUTE_SECONDS = 60
MAX_PENDING_SHARES = 5
PENDING_WINDOW_SECONDS = 24 * 3600
UPLOAD_URL_SECONDS = 3600
WEBHOOK_RETRY_SECONDS = 72 * 3600

MAX_PUBLISH_ID_LENGTH = 64

JSON_CONTENT_TYPE = "application/json; charset=UTF-8"
FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"
VIDEO_CONTENT_TYPES = ("video/mp4", "video/webm")

BASIC_SCOPE = "user.info.basic"
UPLOAD_SCOPE = "video.upload"
LIST_SCOPE = "video.list"
VIDEO_FIELDS = frozenset(
    {
        "id",
        "create_time",
        "cover_image_url",
        "share_url",
        "video_description",
        "duration",
        "height",
        "width",
        "title",
        "embed_html",
        "embed_link",
        "like_count",
        "comment_count",
        "share_count",
        "view_count",
    }
)
FIELDS_BY_SCOPE: Mapping[str, frozenset[str]] = {
    BASIC_SCOPE: frozenset(
        {
            "open_id",
            "union_id",
            "avatar_url",
            "avatar_url_100",
            "avatar_large_url",
            "display_name",
        }
    ),
    "user.info.profile": frozenset(
        {"bio_description", "profile_deep_link", "is_verified", "username"}
    ),
    "user.info.stats": frozenset(
        {"follower_count", "following_count", "likes_count", "video_count"}
    ),
}

FAIL_REASONS = frozenset(
    {
        "internal",
        "file_format_check_failed",
        "duration_check_failed",
        "frame_rate_check_failed",
        "picture_size_check_failed",
        "auth_removed",
        "spam_risk",
        "spam_risk_text",
        "spam_risk_too_many_posts",
        "spam_risk_user_banned_from_posting",
        "publish_cancelled",
        "video_pull_failed",
    }
)

_CONTENT_RANGE = re.compile(r"bytes (0|[1-9][0-9]*)-(0|[1-9][0-9]*)/([1-9][0-9]*)")
_FORM_FIELDS = frozenset(
    {
        "client_id",  # has a rule of its own
        "client_key",
        "client_secret",
        "code",
        "code_verifier",
        "grant_type",
        "redirect_uri",
        "refresh_token",
        "token",
    }
)
_CODE_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")


class RuleBrokenError(Exception):
    """A documented rule was broken: how TikTok refuses it, and what is written down about it.

    `rule` names the rule for the list of violations, `code` is TikTok's error code, `detail` the
    words for a person (never a token). `avoidable` is false where a careful client may get
    here as well: something expired or was revoked, or the inbox is full.
    """

    def __init__(
        self,
        rule: str,
        detail: str,
        *,
        code: str = "invalid_params",
        status: int = HTTPStatus.BAD_REQUEST,
        avoidable: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.rule = rule
        self.detail = detail
        self.code = code
        self.status = int(status)
        self.avoidable = avoidable
        self.headers = dict(headers or {})


type Tolerate = Callable[[RuleBrokenError], None]


@dataclass(frozen=True)
class ChunkPlan:
    """A cut of an upload: `total_chunk_count` chunks, the remainder rides on the last."""

    video_size: int
    chunk_size: int
    total_chunk_count: int

    def end_of_chunk(self, first: int) -> int:
        """Offset just behind the chunk in which the byte `first` lies."""
        index = min(first // self.chunk_size, self.total_chunk_count - 1)
        if index == self.total_chunk_count - 1:
            return self.video_size
        return (index + 1) * self.chunk_size


@dataclass(frozen=True)
class UploadHeaders:
    """The headers of one PUT, already known to agree with each other."""

    content_type: str
    first: int
    last: int
    total: int


@dataclass(frozen=True)
class Consent:
    """A request for a consent, as an app sends it to the authorize address."""

    redirect_uri: str
    state: str
    scopes: tuple[str, ...]
    code_challenge: str | None
    may_skip_page: bool


# --- addresses -----------------------------------------------------------------------------


def is_loopback(host: str | None) -> bool:
    """Whether a host name means this very machine."""
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_registered_url(url: str, *, what: str, plain: bool = True) -> None:
    """Check an address of the app's registration: absolute https; http on loopback only.

    With `plain` it may have neither query nor fragment. Raises ValueError.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{what} is not a URL") from error
    if not host or parts.scheme not in {"https", "http"}:
        raise ValueError(f"{what} must be an absolute https URL")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"{what} must be https (http is for loopback only)")
    if plain and ("?" in url or "#" in url):
        raise ValueError(f"{what} must have no query and no fragment")


# --- OAuth ---------------------------------------------------------------------------------


def _oauth(
    rule: str, detail: str, code: str = "invalid_request", *, avoidable: bool = True
) -> RuleBrokenError:
    status = HTTPStatus.UNAUTHORIZED if code == "invalid_client" else HTTPStatus.BAD_REQUEST
    return RuleBrokenError(rule, detail, code=code, status=status, avoidable=avoidable)


def read_pairs(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return parameters as a mapping; refuse a parameter that is given twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise _oauth("parameter_once", f"{name} was given more than once")
        found[name] = value
    return found


def _check_client_key(given: Mapping[str, str], tolerate: Tolerate) -> None:
    """OAuth libraries send `client_id`, some beside `client_key`: TikTok reads only the latter."""
    if "client_id" in given:
        broken = _oauth("client_key_not_client_id", "the parameter is called client_key")
        if not given.get("client_key"):
            raise broken
        tolerate(broken)


def check_return_address(
    asked: Mapping[str, str],
    *,
    client_key: str,
    redirect_uris: Sequence[str],
    tolerate: Tolerate,
) -> None:
    """Check what a browser cannot be sent back without: client, redirect address, state."""
    _check_client_key(asked, tolerate)
    if "client_secret" in asked:
        tolerate(_oauth("no_secret_in_address", "a browser must never see the client secret"))
    if not client_key or asked.get("client_key") != client_key:
        raise _oauth("client_key_known", "client_key is missing or unknown", "invalid_client")
    uri = asked.get("redirect_uri", "")
    try:
        check_registered_url(uri, what="redirect_uri")
    except ValueError as error:
        raise _oauth("redirect_uri_form", str(error)) from error
    if uri not in redirect_uris:
        raise _oauth("redirect_uri_registered", "redirect_uri is not exactly a registered one")
    if not asked.get("state"):
        raise _oauth("state_required", "state is missing")


def check_challenge_given(asked: Mapping[str, str]) -> None:
    """Check for the challenge that an app registered for desktop or mobile must send.

    Met in the field: "correct the following and try again: code_challenge".
    """
    if not asked.get("code_challenge"):
        raise _oauth("pkce_required", "code_challenge is missing: this app is registered with PKCE")


def read_consent(asked: Mapping[str, str], *, app_scopes: Sequence[str]) -> Consent:
    """Read the rest of an authorize request; its faults are sent to the redirect address."""
    response_type = asked.get("response_type")
    if not response_type:
        raise _oauth("response_type_required", "response_type is missing")
    if response_type != "code":
        raise _oauth(
            "response_type_code", "response_type must be code", "unsupported_response_type"
        )
    scopes = asked.get("scope", "")
    if not scopes:
        raise _oauth("scope_required", "scope is missing", "invalid_scope")
    if re.search(r"\s", scopes):
        raise _oauth("scope_comma_separated", "scopes are separated by commas", "invalid_scope")
    names = tuple(scopes.split(","))
    unknown = [name for name in names if name not in app_scopes]
    if unknown:
        raise _oauth("scope_known", "a scope this app does not have", "invalid_scope")
    if asked.get("disable_auto_auth", "0") not in {"0", "1"}:
        raise _oauth("disable_auto_auth_value", "disable_auto_auth is 0 or 1")
    challenge = asked.get("code_challenge") or None
    if challenge is not None:
        if asked.get("code_challenge_method") != "S256":
            raise _oauth("code_challenge_method", "code_challenge_method must be S256")
        if not _HEX_SHA256.fullmatch(challenge):
            raise _oauth("code_challenge_hex", "code_challenge is the hex SHA-256 of the verifier")
    return Consent(
        redirect_uri=asked["redirect_uri"],
        state=asked["state"],
        scopes=tuple(dict.fromkeys(names)),
        code_challenge=challenge,
        may_skip_page=asked.get("disable_auto_auth") != "1",
    )


def read_client_form(
    *,
    content_type: str,
    query: str,
    body: bytes,
    client_key: str,
    client_secret: str,
    tolerate: Tolerate,
) -> dict[str, str]:
    """Read the form of the token and revoke endpoints, and check the client's credentials."""
    if content_type.split(";", maxsplit=1)[0].strip().lower() != FORM_CONTENT_TYPE:
        raise _oauth("form_encoded", f"Content-Type must be {FORM_CONTENT_TYPE}")
    if query:
        raise _oauth("nothing_in_query", "parameters belong into the form, not into the address")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict"
        )
    except ValueError as error:
        raise _oauth("form_encoded", "the body is not a form") from error
    form = read_pairs(pairs)
    _check_client_key(form, tolerate)
    for name in sorted(set(form) - _FORM_FIELDS):
        tolerate(_oauth("form_fields_known", f"{name[:40]} is no parameter of this endpoint"))
    for name in ("client_key", "client_secret"):
        if not form.get(name):
            raise _oauth(f"{name}_required", f"{name} is missing")
    if not client_key or form["client_key"] != client_key:
        raise _oauth("client_key_known", "client_key is unknown", "invalid_client")
    if form["client_secret"] != client_secret:
        raise _oauth("client_secret_right", "client_secret is wrong", "invalid_client")
    return form


def require(form: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be there."""
    value = form.get(name)
    if not value:
        raise _oauth(f"{name}_required", f"{name} is missing")
    return value


def bad_grant(rule: str, detail: str, *, avoidable: bool = True) -> RuleBrokenError:
    """Return the error for a code or token that does not serve."""
    return _oauth(rule, detail, "invalid_grant", avoidable=avoidable)


def unknown_grant_type() -> RuleBrokenError:
    """Return the error for a `grant_type` that TikTok does not have."""
    return _oauth(
        "grant_type_known",
        "grant_type is authorization_code or refresh_token",
        "unsupported_grant_type",
    )


def check_verifier(form: Mapping[str, str], challenge: str | None, tolerate: Tolerate) -> None:
    """Check that the verifier hashes to the challenge of its code, in hex."""
    verifier = form.get("code_verifier", "")
    if challenge is None:
        if verifier:
            tolerate(
                _oauth("verifier_without_challenge", "no code_challenge was sent for this code")
            )
        return
    if not verifier:
        raise bad_verifier("code_verifier_required")
    digest = hashlib.sha256(verifier.encode()).hexdigest()
    if not _CODE_VERIFIER.fullmatch(verifier) or not hmac.compare_digest(digest, challenge):
        raise bad_verifier("code_verifier_right")


def bad_verifier(rule: str) -> RuleBrokenError:
    """Return the error for a missing or wrong verifier, as met in the field."""
    return _oauth(rule, "Code verifier or code challenge is invalid")


# --- calls with a bearer token -------------------------------------------------------------


def read_bearer(header: str | None) -> str:
    """Return the access token of an Authorization header."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise RuleBrokenError(
            "bearer_required",
            "Authorization: Bearer with an access token is missing",
            code="access_token_invalid",
            status=HTTPStatus.UNAUTHORIZED,
        )
    return token.strip()


def check_fields(fields: str | None, granted: Sequence[str]) -> tuple[str, ...]:
    """`fields` of user info: known ones, comma-separated, each covered by a granted scope."""
    if not fields:
        raise RuleBrokenError("fields_required", "fields is missing")
    names = tuple(fields.split(","))
    for name in names:
        scope = next((s for s, known in FIELDS_BY_SCOPE.items() if name in known), None)
        if scope is None:
            raise RuleBrokenError("fields_known", "a field that does not exist was asked for")
        if scope not in granted:
            raise RuleBrokenError(
                "scope_granted",
                f"{name} needs {scope}",
                code="scope_not_authorized",
                status=HTTPStatus.UNAUTHORIZED,
            )
    return names


def check_video_fields(fields: str | None) -> frozenset[str]:
    """`fields` of a query of videos: known ones, comma-separated."""
    if not fields:
        raise RuleBrokenError("fields_required", "fields is missing")
    names = frozenset(fields.split(","))
    if names - VIDEO_FIELDS:
        raise RuleBrokenError("fields_known", "a field that does not exist was asked for")
    return names


def read_video_query(body: Mapping[str, Any]) -> list[str]:
    """Read the body of a query of videos: `filters.video_ids`, up to twenty different strings."""
    filters = body.get("filters")
    ids = filters.get("video_ids") if isinstance(filters, dict) else None
    if set(body) != {"filters"} or not isinstance(filters, dict) or set(filters) != {"video_ids"}:
        raise RuleBrokenError("video_query_body", "the body is filters with video_ids only")
    if not isinstance(ids, list) or not all(isinstance(each, str) and each for each in ids):
        raise RuleBrokenError("video_query_ids", "video_ids is a list of strings")
    if not 0 < len(ids) <= MAX_QUERIED_VIDEOS or len(set(ids)) != len(ids):
        raise RuleBrokenError(
            "video_query_ids", f"1 to {MAX_QUERIED_VIDEOS} different videos at a time"
        )
    return ids


def read_json(content_type: str | None, body: bytes) -> dict[str, Any]:
    """Read a JSON object under exactly the documented content type."""
    given = re.sub(r"\s*;\s*", "; ", (content_type or "").strip())
    if given.lower() != JSON_CONTENT_TYPE.lower():
        raise RuleBrokenError("json_content_type", f"Content-Type must be {JSON_CONTENT_TYPE}")
    try:
        value = json.loads(body.decode("utf-8"))
    except ValueError as error:
        raise RuleBrokenError("json_body", "the body is not JSON in UTF-8") from error
    if not isinstance(value, dict):
        raise RuleBrokenError("json_body", "the body is not a JSON object")
    return value


# --- inbox init ----------------------------------------------------------------------------


def read_init(body: Mapping[str, Any], tolerate: Tolerate) -> ChunkPlan:
    """Read the body of an inbox init: `source_info`, FILE_UPLOAD with a legal plan.

    TikTok ignores whatever else is there, such as the `post_info` of a direct post.
    """
    if set(body) - {"source_info"}:
        tolerate(
            RuleBrokenError(
                "only_source_info", "the inbox takes source_info only: no caption, no privacy"
            )
        )
    source = body.get("source_info")
    if not isinstance(source, dict):
        raise RuleBrokenError("source_info_required", "source_info is missing or not an object")
    kind = source.get("source")
    if kind == "PULL_FROM_URL":
        _check_pull(source, tolerate)
    if kind != "FILE_UPLOAD":
        raise RuleBrokenError("source_known", "source is FILE_UPLOAD or PULL_FROM_URL")
    numbers = ("video_size", "chunk_size", "total_chunk_count")
    if set(source) - {"source", *numbers}:
        tolerate(RuleBrokenError("source_info_fields", "source_info has a field it does not know"))
    for name in numbers:
        if type(source.get(name)) is not int or source[name] < 1:
            raise RuleBrokenError("whole_numbers", f"{name} must be a whole number from 1")
    return check_chunk_plan(source["video_size"], source["chunk_size"], source["total_chunk_count"])


def _check_pull(source: Mapping[str, Any], tolerate: Tolerate) -> None:
    url = source.get("video_url")
    if not isinstance(url, str):
        raise RuleBrokenError("pull_url_required", "PULL_FROM_URL takes a video_url")
    if set(source) != {"source", "video_url"}:
        tolerate(RuleBrokenError("pull_fields", "PULL_FROM_URL takes video_url and nothing else"))
    if not url.startswith("https://"):
        raise RuleBrokenError("pull_https", "video_url must be https")
    raise RuleBrokenError(
        "url_ownership",
        "no domain is verified for this app",
        code="url_ownership_unverified",
        status=HTTPStatus.FORBIDDEN,
    )


def check_chunk_plan(video_size: int, chunk_size: int, total_chunk_count: int) -> ChunkPlan:
    """Check every documented rule about cutting a video into chunks.

    A video under 5 MB goes whole, in a chunk of its own size. One up to 64 MB may go whole
    likewise, or in the one chunk that floor(video_size / chunk_size) gives. That the last chunk
    has at most 128 MB follows: it is less than two chunks of 64 MB.
    """

    def broken(rule: str, detail: str) -> RuleBrokenError:
        return RuleBrokenError(rule, detail)

    if total_chunk_count > MAX_CHUNKS:
        raise broken("chunk_count_limit", f"at most {MAX_CHUNKS} chunks")
    if video_size < ONE_PIECE_BELOW_BYTES and total_chunk_count > 1:
        raise broken("small_in_one", f"under {ONE_PIECE_BELOW_BYTES} bytes in one piece")
    if video_size < ONE_PIECE_BELOW_BYTES and chunk_size != video_size:
        raise broken(
            "one_chunk_is_all", f"under {ONE_PIECE_BELOW_BYTES} bytes chunk_size is video_size"
        )
    if total_chunk_count == 1 and video_size > MAX_CHUNK_BYTES:
        raise broken("large_in_several", f"over {MAX_CHUNK_BYTES} bytes in several chunks")
    if total_chunk_count == 1 and chunk_size == video_size:
        return ChunkPlan(video_size, chunk_size, 1)
    if chunk_size < MIN_CHUNK_BYTES:
        raise broken("chunk_too_small", f"a chunk has at least {MIN_CHUNK_BYTES} bytes")
    if chunk_size > MAX_CHUNK_BYTES:
        raise broken("chunk_too_large", f"a chunk has at most {MAX_CHUNK_BYTES} bytes")
    if total_chunk_count != video_size // chunk_size:
        raise broken("chunk_count_is_floor", "total_chunk_count = floor(video_size / chunk_size)")
    return ChunkPlan(video_size, chunk_size, total_chunk_count)


# --- upload --------------------------------------------------------------------------------


def read_upload_headers(headers: Mapping[str, str]) -> UploadHeaders:
    """Read the headers of a PUT: 400 if any is missing, malformed or contradicts another."""
    if "authorization" in headers:
        raise RuleBrokenError(
            "upload_without_authorization", "no Authorization header goes to the upload URL"
        )
    content_type = headers.get("content-type", "")
    if content_type not in VIDEO_CONTENT_TYPES:
        raise RuleBrokenError("upload_content_type", "Content-Type is video/mp4 or video/webm")
    if "transfer-encoding" in headers or "content-length" not in headers:
        raise RuleBrokenError("upload_content_length", "Content-Length is required")
    found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if not found:
        raise RuleBrokenError("upload_content_range", "Content-Range: bytes FIRST-LAST/TOTAL")
    first, last, total = (int(number) for number in found.groups())
    if not first <= last < total:
        raise RuleBrokenError("upload_content_range", "FIRST <= LAST < TOTAL does not hold")
    if int(headers["content-length"]) != last - first + 1:
        raise RuleBrokenError("upload_length_is_range", "Content-Length is not LAST - FIRST + 1")
    return UploadHeaders(content_type, first, last, total)


def check_upload_range(
    given: UploadHeaders, plan: ChunkPlan, uploaded: int, answer: Mapping[str, str]
) -> None:
    """Check the range against what is there already: 416, and `answer` says how much that is.

    A wrong TOTAL is a malformed header, whatever is there: 400.
    """

    def broken(rule: str, detail: str) -> RuleBrokenError:
        return RuleBrokenError(
            rule,
            detail,
            code="invalid_params",
            status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            headers=answer,
        )

    if given.total != plan.video_size:
        raise RuleBrokenError(
            "upload_total_is_video_size", "TOTAL is not the video_size of the init"
        )
    if uploaded == plan.video_size:
        raise broken("upload_only_once", "all bytes are already there")
    if given.first != uploaded:
        raise broken("upload_in_order", f"FIRST is {given.first}, {uploaded} bytes are there")
    if given.last + 1 != plan.end_of_chunk(uploaded):
        raise broken("upload_chunk_size", "the range is not one chunk of the plan")


def container_of(head: bytes) -> str | None:
    """Return the content type that a file begins like, or None for neither MP4 nor WebM."""
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm"
    return None
