"""A client for the part of TikTok that puts a video into a person's inbox.

A library of its own: it knows no table, stores no token, waits for nothing and repeats nothing,
except that within one upload it goes on where TikTok says it has got to. The caller decides by the
kind of the error (`errors`) what to do next.

    client = TikTokClient(settings, client_secret=lambda: "...")
    grant = client.exchange_code(code)
    session = client.begin_upload(grant.access_token, size_bytes)  # store session.publish_id now
    client.send(session, "video/mp4", size_bytes, open_at)
    client.status(grant.access_token, session.publish_id).state

Its calls raise `TikTokError`s, and ValueErrors for arguments that no caller may pass, nothing else;
`send` lets through what its source raises. Results and errors carry TikTok's `log_id`.
"""

import hashlib
import http.client
import json
import logging
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol, TypeGuard
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import requests
from urllib3.exceptions import HTTPError as Urllib3Error

from chalicelib.foundation.texts import clean_external_line
from chalicelib.tiktok.chunks import ChunkPlan, plan_chunks
from chalicelib.tiktok.errors import (
    AccessTokenRefused,
    Cause,
    ErrorFacts,
    Failure,
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

SCOPES = ("user.info.basic", "video.upload")
"""The scopes asked for. All of them are needed: the person's name and their inbox."""

VIEWS_SCOPE = "video.list"
"""Asked for only by itself, of a person who allows that the counts of their posts are read."""

VIDEO_CONTENT_TYPES = ("video/mp4", "video/webm")

MAX_PUBLISH_ID_LENGTH = 64
MAX_UPLOAD_URL_LENGTH = 256
"""Both as documented."""

MAX_TOKEN_LENGTH = 1000
MAX_NAME_LENGTH = 512
MAX_AVATAR_URL_LENGTH = 2048
"""TikTok's are far shorter; the limits keep an answer from filling a table, and a pair of tokens
within the 4,096 bytes that KMS encrypts, however they are escaped."""

MAX_VIDEOS = 20
"""Maximum videos whose counts one call reads (TikTok, Display API, `/v2/video/query/`)."""

MAX_ANSWER_BYTES = 64 * 1024
"""TikTok's answers have less than 2 KB, those about twenty videos some 8 KB."""

MAX_RETRY_AFTER_SECONDS = 24 * 3600.0
"""No limit of TikTok's lasts longer than a day; a longer Retry-After is a mistake."""

BLOCK_BYTES = 256 * 1024
"""The part of a video that is in memory at a time. Larger ones are no faster, and each has to leave
within the connect limit (sockets have no other one for sending): that takes a line of 26 KB/s."""

IDLE_SECONDS = 30.0
"""A connection unused for longer is not used again: after a Lambda was frozen, or behind a NAT
that forgot it, it is dead without saying so, and a call would end with its outcome unknown."""

MAX_REALIGNMENTS = 3
"""The number of times one upload follows TikTok's own count: wrong by a byte, torn meanwhile."""


@dataclass(frozen=True)
class TimeLimits:
    """Seconds without progress after which a call is abandoned.

    TikTok answers calls within a second and is seldom slower than ten; an upload's answer comes
    only once it has put the bytes away. Connecting takes milliseconds or does not happen.
    """

    connect_seconds: float = 10.0
    answer_seconds: float = 20.0
    upload_answer_seconds: float = 60.0


@dataclass(frozen=True)
class TikTokSettings:
    """The TikTok to call, and the app that calls it.

    `upload_hosts` are the hosts a video may be sent to: exact ones, or with a leading dot all
    below one; an entry with a port means that port alone. Addresses are https; only if `api_url`
    is http (a stand-in on loopback), upload URLs may be as well.
    """

    api_url: str
    authorize_url: str
    client_key: str
    redirect_uri: str
    upload_hosts: tuple[str, ...]


@dataclass(frozen=True)
class Grant:
    """A token pair that a person granted. Both tokens are secrets. Believe the seconds it says.

    With a new grant the old refresh token is dead: store this one before using it.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_expires_in: int
    open_id: str
    scopes: frozenset[str]
    log_id: str | None = None

    @property
    def missing_scopes(self) -> frozenset[str]:
        """The scopes that the person switched off on TikTok's page."""
        return frozenset(SCOPES) - self.scopes

    @property
    def has_views(self) -> bool:
        """True if the person allowed reading the counts of their posts."""
        return VIEWS_SCOPE in self.scopes


@dataclass(frozen=True)
class TikTokUser:
    """The person to whom an access token belongs. `avatar_url` is signed by TikTok and expires."""

    open_id: str
    display_name: str
    avatar_url: str | None
    log_id: str | None = None


@dataclass(frozen=True)
class UploadSession:
    """A begun upload. The URL is a secret and good for one hour; store the publish id first."""

    publish_id: str
    upload_url: str = field(repr=False)
    log_id: str | None = None


@dataclass(frozen=True)
class UploadReceipt:
    """An upload of which TikTok has all bytes; `sent_bytes` of them were sent by this call."""

    size_bytes: int
    sent_bytes: int
    log_id: str | None = None


class ShareState(StrEnum):
    """The state of a share. UNKNOWN is a word TikTok has not documented: wait as for pending."""

    PROCESSING_UPLOAD = "processing_upload"
    PROCESSING_DOWNLOAD = "processing_download"
    IN_INBOX = "in_inbox"
    POSTED = "posted"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def is_pending(self) -> bool:
        """True if it should be asked for again."""
        return self not in {ShareState.IN_INBOX, ShareState.POSTED, ShareState.FAILED}


_SHARE_STATES = {
    "PROCESSING_UPLOAD": ShareState.PROCESSING_UPLOAD,
    "PROCESSING_DOWNLOAD": ShareState.PROCESSING_DOWNLOAD,
    "SEND_TO_USER_INBOX": ShareState.IN_INBOX,
    "PUBLISH_COMPLETE": ShareState.POSTED,
    "FAILED": ShareState.FAILED,
}


@dataclass(frozen=True)
class ShareStatus:
    """`fail` says why a FAILED one failed. `uploaded_bytes` is None if TikTok did not say.

    `post_ids` are strings: they are larger than the numbers JavaScript can count. They may come
    later than POSTED, or never, for a post that is not public.
    """

    state: ShareState
    fail: Failure | None = None
    uploaded_bytes: int | None = None
    post_ids: tuple[str, ...] = ()
    log_id: str | None = None


@dataclass(frozen=True)
class VideoCounts:
    """TikTok's counts of a posted video until now, and the address of the post.

    `share_url` is None unless it leads to tiktok.com by https.
    """

    views: int
    likes: int
    comments: int
    shares: int
    share_url: str | None


class ByteSource(Protocol):
    """Bytes in order; empty at the end. If it has a `close`, it is called."""

    def read(self, size: int, /) -> bytes: ...


class TikTokClient:
    """One app at one TikTok. May be shared by threads; keeps its connections for further calls."""

    def __init__(
        self,
        settings: TikTokSettings,
        client_secret: Callable[[], str],
        limits: TimeLimits | None = None,
    ) -> None:
        """`client_secret` is called for each call that needs it.

        Raises ValueError for settings that cannot work.
        """
        for url in (settings.api_url, settings.authorize_url):
            if not _URL_PATTERN.fullmatch(url):
                raise ValueError("TikTok's addresses must be absolute http or https URLs")
        self._settings = settings
        self._client_secret = client_secret
        self._limits = limits or TimeLimits()
        self._schemes = {"https", urlsplit(settings.api_url).scheme}
        # Where calls and uploads go to one host, a video takes a fifth longer over a connection
        # that made small calls before (measured on loopback).
        self._calls, self._uploads = _Session(), _Session()
        _hide_queries_in_logs()

    def authorize_url(
        self, state: str, code_verifier: str | None = None, *, views: bool = False
    ) -> str:
        """Return the address of TikTok's consent page for this state; it is shown, never skipped.

        With `views`, the person is also asked to let the counts of their posts be read.
        With `code_verifier`, its challenge goes along: TikTok wants the SHA-256 in hex, where
        RFC 7636 has base64url. Apps registered for desktop or mobile need it, for web it is
        optional. The same verifier has to come with the code.
        """
        if not state:
            raise ValueError("a state is needed")
        if code_verifier is not None and not _CODE_VERIFIER_PATTERN.fullmatch(code_verifier):
            raise ValueError("a code verifier has 43 to 128 letters, digits and - . _ ~")
        asked = {
            "client_key": self._settings.client_key,
            "response_type": "code",
            "scope": ",".join((*SCOPES, VIEWS_SCOPE) if views else SCOPES),
            "redirect_uri": self._settings.redirect_uri,
            "state": state,
            "disable_auto_auth": "1",
        }
        if code_verifier is not None:
            asked["code_challenge"] = hashlib.sha256(code_verifier.encode()).hexdigest()
            asked["code_challenge_method"] = "S256"
        return f"{self._settings.authorize_url}?{urlencode(asked, quote_via=quote)}"

    def exchange_code(self, code: str, code_verifier: str | None = None) -> Grant:
        """Exchange a callback's code, URL-decoded once, for a grant. It is good once, for minutes.

        Raises Reconnect for a code that is used, expired or unknown, OutcomeUnknown if the
        answer was lost (the code is most likely used up), Refused, TryLater, TryNow.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._settings.redirect_uri,
        }
        if code_verifier is not None:
            form["code_verifier"] = code_verifier
        return self._request_grant(form, code, code_verifier)

    def refresh(self, refresh_token: str) -> Grant:
        """Return a new pair; the old refresh token is dead as soon as TikTok has made it.

        Only Reconnect says that the consent is gone, and only after the token in store was read
        again: another worker may have refreshed meanwhile. OutcomeUnknown if the answer was
        lost: try the same token again. Refused (our app's fault), TryLater, TryNow.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self._request_grant(form, refresh_token)

    def revoke(self, access_token: str) -> None:
        """Revoke the consent; every token of the person is dead afterwards.

        Raises AccessTokenRefused for a token that is dead already: refresh it and try again; if
        the refresh says Reconnect, the consent was gone. Refused, TryLater, TryNow.
        """
        answer = self._post_form("/v2/oauth/revoke/", {"token": access_token}, access_token)
        if isinstance(answer, _Answer):
            if answer.code == "invalid_grant":
                raise AccessTokenRefused(answer.code, **answer.error_facts)
            if answer.is_success and answer.content is not None and not answer.content.strip():
                return
        self._successful_content(answer, lost=TryLater)

    def person(self, access_token: str) -> TikTokUser:
        """Read whose token it is. Raises AccessTokenRefused, Reconnect, Refused, TryLater."""
        url = f"{self._api_url}/v2/user/info/?fields=open_id,display_name,avatar_url"
        answer = self._request("GET", url, _bearer(access_token), None, secrets=(access_token,))
        data, answer = self._data(answer, lost=TryLater)
        user = data.get("user")
        if not isinstance(user, dict) or not _is_token(user.get("open_id")):
            raise TryLater(_UNREADABLE_CODE, **answer.error_facts)
        avatar = user.get("avatar_url")
        return TikTokUser(
            open_id=user["open_id"],
            display_name=clean_external_line(user.get("display_name"), MAX_NAME_LENGTH),
            avatar_url=avatar if _is_web_address(avatar) else None,
            log_id=answer.log_id,
        )

    def begin_upload(self, access_token: str, size_bytes: int) -> UploadSession:
        """Announce a video; at most six times a minute per token. Sends no byte of it.

        Raises OutcomeUnknown if the answer was lost, or is an error of TikTok's own: nothing can be
        in the inbox, but a place may be used up. AccessTokenRefused, Reconnect, InboxFull, Refused,
        TryLater, TryNow.
        """
        chunks = plan_chunks(size_bytes)
        source = {
            "source": "FILE_UPLOAD",
            "video_size": size_bytes,
            "chunk_size": chunks.chunk_bytes,
            "total_chunk_count": chunks.count,
        }
        answer = self._post_json(
            "/v2/post/publish/inbox/video/init/", access_token, {"source_info": source}
        )
        try:
            data, answer = self._data(answer, lost=OutcomeUnknown)
        except TryLater as error:
            if error.was_turned_away:
                raise
            known = ErrorFacts(
                log_id=error.log_id, message=error.message, http_status=error.http_status
            )
            raise OutcomeUnknown(error.code, **known) from None
        publish_id, upload_url = data.get("publish_id"), data.get("upload_url")
        if not (
            _is_word(publish_id, MAX_PUBLISH_ID_LENGTH)
            and _is_word(upload_url, MAX_UPLOAD_URL_LENGTH)
        ):
            raise OutcomeUnknown(_UNREADABLE_CODE, **answer.error_facts)
        self._check_upload_url(upload_url, answer.error_facts)
        return UploadSession(publish_id, upload_url, answer.log_id)

    def send(
        self,
        session: UploadSession | str,
        content_type: str,
        size_bytes: int,
        open_at: Callable[[int], ByteSource],
        first_byte: int = 0,
    ) -> UploadReceipt:
        """Stream the video, or what is left of it from `first_byte`, in one pass.

        `session` may be the upload URL alone. `open_at(byte)` opens the video at that byte; it is
        asked once, and once more for each time TikTok says that it has got elsewhere. To go on
        after an error, take `uploaded_bytes` of the status as `first_byte`: whether TikTok counts
        or gives the last byte's index is found out.

        After any error but UploadGone, Refused and ValueError, ask the status before sending
        again. Raises TryNow (a chunk was not taken), OutcomeUnknown (torn, or no answer),
        UploadGone, Refused, TryLater; UploadOffset, also with `received_bytes` of the whole video:
        that a chunk was refused proves no delivery, whatever range comes with it. EOFError if the
        source ends early; what `open_at` and `read` raise passes through.
        """
        url = session.upload_url if isinstance(session, UploadSession) else session
        if self._has_former_port(url):
            raise UploadGone("upload_port_changed")
        self._check_upload_url(url, {})
        if content_type not in VIDEO_CONTENT_TYPES:
            raise ValueError(f"TikTok takes {' and '.join(VIDEO_CONTENT_TYPES)} only")
        chunks = plan_chunks(size_bytes)
        if not 0 <= first_byte <= size_bytes:
            raise ValueError(f"there is no byte {first_byte} in {size_bytes}")
        upload = _Upload(url, content_type, chunks, open_at)
        realignments = 0
        while first_byte < size_bytes:
            try:
                self._send_from(upload, first_byte)
            except UploadOffset as elsewhere:
                realignments += 1
                received = elsewhere.received_bytes
                if received in {None, size_bytes} or realignments > MAX_REALIGNMENTS:
                    raise
                upload.log_id = elsewhere.log_id
                first_byte = received
            else:
                break
        return UploadReceipt(size_bytes, upload.sent_bytes, upload.log_id)

    def status(self, access_token: str, publish_id: str) -> ShareStatus:
        """Read the status of a share; at most 30 times a minute per token.

        Raises AccessTokenRefused, Reconnect, Refused, TryLater (lost answers too), TryNow.
        """
        answer = self._post_json(
            "/v2/post/publish/status/fetch/", access_token, {"publish_id": publish_id}
        )
        data, answer = self._data(answer, lost=TryLater)
        word = data.get("status")
        if not isinstance(word, str):
            raise TryLater(_UNREADABLE_CODE, **answer.error_facts)
        state = _SHARE_STATES.get(word, ShareState.UNKNOWN)
        fail = None
        if state is ShareState.FAILED:
            fail = failure_from_reason(str(data.get("fail_reason")), log_id=answer.log_id)
        return ShareStatus(
            state=state,
            fail=fail,
            uploaded_bytes=_parse_count(data.get("uploaded_bytes")),
            post_ids=_post_ids(data),
            log_id=answer.log_id,
        )

    def videos(self, access_token: str, video_ids: Collection[str]) -> dict[str, VideoCounts]:
        """Read the counts of up to `MAX_VIDEOS` posts of the person, by their ids.

        `POST /v2/video/query/` of TikTok's Display API (page *Query Videos*), scope `video.list`,
        600 calls a minute for the app (page *Rate limits*). TikTok leaves out videos that are
        deleted, not public or not the person's; this drops any that TikTok adds unasked.

        Raises ValueError for more, AccessTokenRefused, Reconnect (without the scope too, with that
        cause), Refused, TryLater (lost answers too), TryNow.
        """
        if not 0 < len(video_ids) <= MAX_VIDEOS:
            raise ValueError(f"1 to {MAX_VIDEOS} videos at a time")
        answer = self._post_json(
            f"/v2/video/query/?fields={_VIDEO_FIELDS}",
            access_token,
            {"filters": {"video_ids": sorted(video_ids)}},
        )
        data, answer = self._data(answer, lost=TryLater)
        listed = data.get("videos")
        if not isinstance(listed, list):
            raise TryLater(_UNREADABLE_CODE, **answer.error_facts)
        found = (_counts_of(each) for each in listed)
        return {each[0]: each[1] for each in found if each and each[0] in video_ids}

    def close(self) -> None:
        """Close the connections."""
        self._calls.close()
        self._uploads.close()

    # --- the calls' common parts ------------------------------------------------------------

    @property
    def _api_url(self) -> str:
        return self._settings.api_url.rstrip("/")

    def _request_grant(self, form: Mapping[str, str], *secrets: str | None) -> Grant:
        answer = self._post_form("/v2/oauth/token/", form, *secrets)
        data, answer = self._successful_content(answer, lost=OutcomeUnknown)
        access_token, refresh_token = data.get("access_token"), data.get("refresh_token")
        expires_in, refresh_expires_in = (
            _parse_count(data.get("expires_in")),
            _parse_count(data.get("refresh_expires_in")),
        )
        open_id, scope = data.get("open_id"), data.get("scope")
        if not (
            _is_token(access_token)
            and _is_token(refresh_token)
            and _is_token(open_id)
            and expires_in
            and refresh_expires_in
            and isinstance(scope, str)
        ):
            raise OutcomeUnknown(_UNREADABLE_CODE, **answer.error_facts)
        return Grant(
            access_token=access_token,
            refresh_token=refresh_token,
            expires_in=expires_in,
            refresh_expires_in=refresh_expires_in,
            open_id=open_id,
            scopes=frozenset(re.split(r"[,\s]+", scope)) - {""},
            log_id=answer.log_id,
        )

    def _post_form(
        self, path: str, form: Mapping[str, str], *secrets: str | None
    ) -> "_Answer | _NoAnswer":
        client_secret = self._client_secret()
        client = {"client_key": self._settings.client_key, "client_secret": client_secret}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = _RequestBody([urlencode({**client, **form}).encode()])
        hidden = [client_secret, *(secret for secret in secrets if secret)]
        return self._request("POST", self._api_url + path, headers, body, secrets=hidden)

    def _post_json(
        self, path: str, access_token: str, asked: Mapping[str, object]
    ) -> "_Answer | _NoAnswer":
        headers = {**_bearer(access_token), "Content-Type": "application/json; charset=UTF-8"}
        body = _RequestBody([json.dumps(asked).encode()])
        return self._request("POST", self._api_url + path, headers, body, secrets=(access_token,))

    def _data(
        self, answer: "_Answer | _NoAnswer", *, lost: "type[TryLater | OutcomeUnknown]"
    ) -> "tuple[Mapping[str, Any], _Answer]":
        """Return the `data` of an answer in the envelope that every call but OAuth has."""
        payload, answer = self._successful_content(answer, lost=lost)
        data = payload.get("data")
        if answer.code != "ok" or not isinstance(data, dict):
            raise lost(_UNREADABLE_CODE, **answer.error_facts)
        return data, answer

    def _successful_content(
        self, answer: "_Answer | _NoAnswer", *, lost: "type[TryLater | OutcomeUnknown]"
    ) -> "tuple[Mapping[str, Any], _Answer]":
        """Return the content of a successful answer; raise its error, or `lost` if it says nothing.

        The code in the body decides. The content type is not looked at: a rotated token is not
        thrown away for a wrong label, and a web page is not JSON.
        """
        if isinstance(answer, _NoAnswer):
            raise lost("no_answer") if answer.was_sent else TryNow("not_sent")
        if answer.code not in {None, "ok"}:
            raise answer.error()
        if answer.is_success and answer.json_object is not None:
            return answer.json_object, answer
        if answer.http_status in {
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.SERVICE_UNAVAILABLE,
        }:
            raise answer.error()
        raise lost(_UNREADABLE_CODE, **answer.error_facts)

    # --- the bytes --------------------------------------------------------------------------

    def _check_upload_url(self, url: str, known: ErrorFacts) -> None:
        """Raise Refused unless this is a URL on a host that a video may go to."""
        found = _URL_PATTERN.fullmatch(url)
        host = found["host"].lower() if found else "?"
        with_port = f"{host}:{found['port']}" if found and found["port"] else host
        allowed = any(
            host.endswith(entry.lower())
            if entry.startswith(".")
            else entry.lower() in {host, with_port}
            for entry in self._settings.upload_hosts
        )
        if not found or found["scheme"] not in self._schemes or not allowed:
            facts: ErrorFacts = {**known, "message": f"upload_hosts does not have {host}"}
            raise TikTokRefused("upload_host_not_allowed", cause=Cause.APP_SETTINGS, **facts)

    def _has_former_port(self, url: str) -> bool:
        """Return whether a stored address names an allowed host at a port that it no longer has.

        Only a stand-in on loopback moves to another port; then its settings name the port.
        """
        found = _URL_PATTERN.fullmatch(url)
        if not found or not found["port"]:
            return False
        ports = {
            port
            for host, _, port in (entry.partition(":") for entry in self._settings.upload_hosts)
            if host.lower() == found["host"].lower()
        }
        return bool(ports) and "" not in ports and found["port"] not in ports

    def _send_from(self, upload: "_Upload", first_byte: int) -> None:
        """Send every chunk from this byte on. Raises UploadOffset with where to go on."""
        source = upload.open_at(first_byte)
        try:
            for first, last in upload.chunks.ranges(first_byte):
                self._send_chunk(upload, source, first, last)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _send_chunk(self, upload: "_Upload", source: ByteSource, first: int, last: int) -> None:
        total = upload.chunks.size_bytes
        headers = {
            "Content-Type": upload.content_type,
            "Content-Range": f"bytes {first}-{last}/{total}",
        }
        body = _VideoBody(source, last + 1 - first)
        answer = self._request(
            "PUT",
            upload.url,
            headers,
            body,
            secrets=upload.secrets,
            uploads=True,
        )
        upload.sent_bytes += body.sent_bytes
        if isinstance(answer, _NoAnswer):
            raise OutcomeUnknown("no_answer") if answer.was_sent else TryNow("not_sent")
        upload.log_id = answer.log_id
        whole = last + 1 == total
        if answer.http_status == (HTTPStatus.CREATED if whole else HTTPStatus.PARTIAL_CONTENT):
            if answer.is_final_refusal:
                raise answer.error()
            return
        raise _chunk_error(answer, first, upload.chunks)

    # --- HTTP -------------------------------------------------------------------------------

    def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: "_RequestBody | None",
        *,
        secrets: Collection[str],
        uploads: bool = False,
    ) -> "_Answer | _NoAnswer":
        """Send one request; return its answer, or that none came. Raises what the body raises."""
        limits = self._limits
        seconds = limits.upload_answer_seconds if uploads else limits.answer_seconds
        session = self._uploads if uploads else self._calls
        session.close_if_idle()
        broken: Exception | None = None
        try:
            with session.request(
                method,
                url,
                data=body,
                headers=dict(headers),
                timeout=(limits.connect_seconds, seconds),
                stream=True,
                allow_redirects=False,
            ) as response:
                return _Answer.read(response, seconds, secrets)
        except _VideoSourceError as wrapped:
            broken = wrapped.error
        except _NO_ANSWER_ERRORS:
            # Its words may hold the URL, so it ends here and is nobody's `__context__`.
            pass
        finally:
            session.used_at = time.time()
        if broken is not None:
            raise broken
        return _NoAnswer(was_sent=body is None or body.begun)


_UNREADABLE_CODE = "unreadable_answer"
_NO_ANSWER_ERRORS = (requests.RequestException, Urllib3Error, http.client.HTTPException, OSError)

_URL_PATTERN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?][A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)
"""An address that all parsers read alike: no user, no backslash, no fragment."""

_CODE_VERIFIER_PATTERN = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_WORD_PATTERN = re.compile(r"[!-~]+")
_CONTENT_RANGE_PATTERN = re.compile(r"bytes (?:0-(?P<end>[0-9]{1,18})|\*)/(?P<total>[0-9]{1,18})")


class _Session(requests.Session):
    """A session that keeps connections and nothing else: no cookies, environment or redirects."""

    def __init__(self) -> None:
        super().__init__()
        self.used_at = time.time()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self.headers.update({"User-Agent": "greenroom", "Accept-Encoding": "identity"})

    def close_if_idle(self) -> None:
        """Close connections that may be dead without saying so."""
        if time.time() - self.used_at > IDLE_SECONDS:
            self.close()
        self.used_at = time.time()

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target: looking for one would read the answer without a bound."""


class _RequestBody:
    """A request's body. `begun`: some of it was read, so the headers are out."""

    def __init__(self, blocks: Collection[bytes], length: int | None = None) -> None:
        self._blocks = blocks
        self._length = sum(map(len, blocks)) if length is None else length
        self.begun = False

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        yield from self._blocks


class _VideoSourceError(Exception):
    """Wraps an error of a video's source, so that no HTTP library takes it for its own."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class _VideoBody(_RequestBody):
    """A number of bytes of a source, block by block."""

    def __init__(self, source: ByteSource, length: int) -> None:
        super().__init__((), length)
        self._source = source
        self.sent_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        while left := self._length - self.sent_bytes:
            try:
                block = self._source.read(min(BLOCK_BYTES, left))
                if not block:
                    raise EOFError(f"the source ended {left} bytes early")  # noqa: TRY301
            except Exception as error:
                raise _VideoSourceError(error) from error
            yield block
            self.sent_bytes += len(block)


@dataclass
class _Upload:
    """One attempt to send a video, and how far it has got."""

    url: str = field(repr=False)
    content_type: str
    chunks: ChunkPlan
    open_at: Callable[[int], ByteSource]
    sent_bytes: int = 0
    log_id: str | None = None

    @property
    def secrets(self) -> list[str]:
        values = [value for _, value in parse_qsl(urlsplit(self.url).query)]
        return [self.url, *values]


@dataclass(frozen=True)
class _NoAnswer:
    """No answer came. If not even the body was begun, TikTok cannot have done anything."""

    was_sent: bool


@dataclass(frozen=True)
class _Answer:
    """An answer, read whole or not at all (`content` None); `json_object`: its JSON, if an object.

    `code` is the error code of either shape, the flat one of OAuth or the envelope; None if
    there is none. Nothing but `content` and `json_object` can hold a secret.
    """

    http_status: int
    content: bytes | None = field(repr=False)
    json_object: Mapping[str, Any] | None = field(repr=False)
    code: str | None
    message: str
    log_id: str | None
    retry_after_seconds: float | None
    content_range: str

    @classmethod
    def read(
        cls, response: requests.Response, seconds: float, secrets: Collection[str]
    ) -> "_Answer":
        content = _read_bounded(response, seconds)
        data = _json_object(content)
        code, message, log_id = _read_error(data or {})
        secrets = [secret for secret in secrets if secret]
        return cls(
            http_status=response.status_code,
            content=content,
            json_object=data,
            code=None if code is None else safe_name(code, secrets) or "unreadable_code",
            message=safe_message(message, secrets),
            log_id=(
                safe_name(log_id, secrets) or safe_name(response.headers.get("X-Tt-Logid"), secrets)
            ),
            retry_after_seconds=_parse_retry_after(response.headers.get("Retry-After")),
            content_range=response.headers.get("Content-Range", ""),
        )

    @property
    def error_facts(self) -> ErrorFacts:
        return {"log_id": self.log_id, "message": self.message, "http_status": self.http_status}

    @property
    def is_success(self) -> bool:
        return HTTPStatus.OK <= self.http_status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def is_final_refusal(self) -> bool:
        """True if the code names a reason in the account or video that ends the upload."""
        if self.code in {None, "ok"}:
            return False
        error = self.error()
        if isinstance(error, TikTokRefused):
            return error.cause is not Cause.UNKNOWN and not error.needs_owner
        return isinstance(error, Reconnect | InboxFull)

    def error(self) -> TikTokError:
        return error_from_code(
            self.code if self.code not in {None, "ok"} else _UNREADABLE_CODE,
            retry_after_seconds=self.retry_after_seconds,
            **self.error_facts,
        )


def _chunk_error(answer: _Answer, first: int, chunks: ChunkPlan) -> TikTokError:
    """Return the error that an answer to a refused chunk means."""
    if answer.is_final_refusal:
        return answer.error()
    code = answer.code if answer.code not in {None, "ok"} else f"http_{answer.http_status}"
    later, status = answer.retry_after_seconds, answer.http_status
    if status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        return UploadGone(code, **answer.error_facts)
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        received = received_bytes(answer.content_range, first, chunks)
        return UploadOffset(code, received_bytes=received, **answer.error_facts)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return error_from_code(code, retry_after_seconds=later, **answer.error_facts)
    if status == HTTPStatus.REQUEST_TIMEOUT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        if later:
            return TryLater(code, retry_after_seconds=later, **answer.error_facts)
        return TryNow(code, **answer.error_facts)
    if status >= HTTPStatus.BAD_REQUEST:
        return TikTokRefused(code, cause=Cause.BAD_REQUEST, **answer.error_facts)
    return OutcomeUnknown(_UNREADABLE_CODE, **answer.error_facts)


def received_bytes(content_range: str, first_byte: int, chunks: ChunkPlan) -> int | None:
    """Return how many bytes TikTok has, by the `Content-Range` with which it refused this one.

    `bytes 0-N/TOTAL`, where N is a count by some documents and the last byte's index by others.
    A number that was just refused cannot be right, and an end of a chunk is more likely than a
    byte before it; else it is taken for the count, and if that is refused, for the index.
    `bytes 0-0` at the very first byte is a count: nothing is there.
    """
    found = _CONTENT_RANGE_PATTERN.fullmatch(content_range.strip())
    if not found or int(found["total"]) != chunks.size_bytes:
        return None
    if found["end"] is None:
        return 0 if first_byte else None
    end = int(found["end"])
    if end > chunks.size_bytes:
        return None
    if end == first_byte:
        return end + 1 if end else 0
    if end in {first_byte - 1, chunks.size_bytes}:
        return end
    return end + 1 if chunks.end_of_chunk(end) == end + 1 else end


def _read_bounded(response: requests.Response, seconds: float) -> bytes | None:
    """Return the whole body, or None if it is too long, too slow, or breaks off."""
    deadline = time.monotonic() + seconds
    content = b""
    try:
        while len(content) <= MAX_ANSWER_BYTES and time.monotonic() < deadline:
            piece = response.raw.read1(MAX_ANSWER_BYTES, decode_content=True)
            if not piece:
                return content
            content += piece
    except _NO_ANSWER_ERRORS:
        return None
    return None


def _json_object(content: bytes | None) -> Mapping[str, Any] | None:
    try:
        value = json.loads(content or b"")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read_error(data: Mapping[str, Any]) -> tuple[str | None, object, object]:
    """Return code, message and log id, from the flat shape or from the envelope."""
    error = data.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        return code if isinstance(code, str) else None, error.get("message"), error.get("log_id")
    flat = error if isinstance(error, str) and error else None
    return flat, data.get("error_description"), data.get("log_id")


def _parse_retry_after(header: str | None) -> float | None:
    """Return the seconds in either form of the header, a day at most; None for anything else."""
    if header is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        seconds = float(header)
    else:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _bearer(access_token: str) -> dict[str, str]:
    if not _is_token(access_token):
        raise AccessTokenRefused("not_sent", message="this is not an access token")
    return {"Authorization": f"Bearer {access_token}"}


def _is_word(value: object, longest: int) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= longest and bool(_WORD_PATTERN.fullmatch(value))


def _is_token(value: object) -> TypeGuard[str]:
    return _is_word(value, MAX_TOKEN_LENGTH)


def _is_web_address(value: object) -> TypeGuard[str]:
    return _is_word(value, MAX_AVATAR_URL_LENGTH) and value.startswith(("https://", "http://"))


def _parse_count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _post_ids(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the post ids, under TikTok's spelling or under the correct one."""
    ids = data.get("publicaly_available_post_id") or data.get("publicly_available_post_id")
    if not isinstance(ids, list):
        return ()
    found = (str(post_id) for post_id in ids if isinstance(post_id, int | str))
    return tuple(post_id for post_id in found if _is_word(post_id, MAX_PUBLISH_ID_LENGTH))


_VIDEO_FIELDS = "id,view_count,like_count,comment_count,share_count,share_url"
_MAX_COUNT = 10**12
"""More than all people together could have seen one video: a number beyond is a mistake."""
_SHARE_URL_PATTERN = re.compile(r"https://(?:[a-z0-9-]+\.)*tiktok\.com/[!-~]*")


def _counts_of(video: object) -> tuple[str, VideoCounts] | None:
    """Return a video's id and counts; None if they cannot be read."""
    if not isinstance(video, dict):
        return None
    video_id = video.get("id")
    views, likes, comments, shares = (
        _parse_count(video.get(f"{each}_count")) for each in ("view", "like", "comment", "share")
    )
    if isinstance(video_id, int) and not isinstance(video_id, bool):
        video_id = str(video_id)
    if not _is_word(video_id, MAX_PUBLISH_ID_LENGTH) or views is None or views > _MAX_COUNT:
        return None
    url = video.get("share_url")
    leads_there = _is_web_address(url) and bool(_SHARE_URL_PATTERN.fullmatch(url))
    return video_id, VideoCounts(
        views=views,
        likes=min(likes or 0, _MAX_COUNT),
        comments=min(comments or 0, _MAX_COUNT),
        shares=min(shares or 0, _MAX_COUNT),
        share_url=url if leads_there else None,
    )


class _QueryHidingFilter(logging.Filter):
    """Hides queries in logs: upload URLs are secrets, and urllib3 logs every request's address."""

    _QUERY = re.compile(r"\?[^\s\"']+")

    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if "?" in said:
            record.msg, record.args = self._QUERY.sub("?...", said), ()
        return True


_QUERY_FILTER = _QueryHidingFilter()


def _hide_queries_in_logs() -> None:
    for name in ("connection", "connectionpool", "poolmanager", "util.retry"):
        logging.getLogger(f"urllib3.{name}").addFilter(_QUERY_FILTER)  # once: the same object
