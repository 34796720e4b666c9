"""The inbox upload: init, the bytes, the status.

A chunk counts when its last byte has arrived. A torn connection leaves nothing of the chunk
behind, unless the app's setting `keep_torn_bytes` says that the bytes which did arrive stay; the
next PUT then begins at the first missing byte and ends where the chunk ends.
"""

import asyncio
import hashlib
import json
import secrets
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from local.tiktok_sandbox import rules
from local.tiktok_sandbox.answers import (
    Handler,
    envelope,
    envelope_error,
    log_id_of,
    note,
    strict,
    tolerate,
)
from local.tiktok_sandbox.bearer import caller
from local.tiktok_sandbox.drafts import Drafts
from local.tiktok_sandbox.faults import Faults
from local.tiktok_sandbox.rules import ChunkPlan, RuleBrokenError, UploadHeaders
from local.tiktok_sandbox.state import FAILED, POSTED, Share, Store, Token

MAX_UPLOAD_URL_LENGTH = 256
_COPY_BYTES = 1024 * 1024


class Inbox:
    """The three calls with which an app puts a video into a person's inbox."""

    def __init__(self, store: Store, drafts: Drafts, faults: Faults) -> None:
        self._store = store
        self._drafts = drafts
        self._faults = faults

    def routes(self) -> list[Route]:
        """Return the routes."""

        def wrapped(endpoint: str, handler: Handler) -> Handler:
            return strict(self._store, endpoint, handler, envelope_error)

        init, status = wrapped("init", self.init), wrapped("status", self.status)
        return [
            Route("/v2/post/publish/inbox/video/init/", init, methods=["POST"]),
            Route("/v2/post/publish/status/fetch/", status, methods=["POST"]),
            Route("/upload/", wrapped("upload", self.upload), methods=["PUT"]),
        ]

    # --- init -------------------------------------------------------------------------------

    async def init(self, request: Request) -> Response:
        """Return a publish id and an upload URL, if all is as documented and a slot is free."""
        body = await request.body()
        token = None
        try:
            token = caller(self._store, request, "init", per_minute=rules.INITS_PER_MINUTE)
            plan = self._check_init(request, body, token)
        except RuleBrokenError as broken:
            if token is not None:
                self._store.note_init(token.person, broken.code, None)
            raise
        share, upload_token = self._store.add_share(token.person, plan)
        self._store.note_init(token.person, "ok", share.publish_id)
        url = (
            f"{request.base_url}upload/?upload_id={share.upload_id}"
            f"&upload_token={quote(upload_token, safe='')}"
        )
        if len(url) > MAX_UPLOAD_URL_LENGTH:
            raise ValueError("the upload URL is too long")
        return envelope({"publish_id": share.publish_id, "upload_url": url}, log_id_of(request))

    def _check_init(self, request: Request, body: bytes, token: Token) -> ChunkPlan:
        if rules.UPLOAD_SCOPE not in token.scopes.split(","):
            raise RuleBrokenError(
                "scope_granted",
                f"the person did not grant {rules.UPLOAD_SCOPE}",
                code="scope_not_authorized",
                status=HTTPStatus.UNAUTHORIZED,
            )
        plan = rules.read_init(
            rules.read_json(request.headers.get("content-type"), body),
            tolerate(self._store, "init", request),
        )
        if self._store.inbox_full(token.person):
            raise RuleBrokenError(
                "pending_shares",
                f"{rules.MAX_PENDING_SHARES} shares of the last 24 hours are pending",
                code="spam_risk_too_many_pending_share",
                status=HTTPStatus.FORBIDDEN,
                avoidable=False,
            )
        return plan

    # --- bytes ------------------------------------------------------------------------------

    async def upload(self, request: Request) -> Response:
        """Take one chunk: it is streamed to disk and hashed on its way."""
        try:
            share = self._share_of(request)
            given = rules.read_upload_headers(request.headers)
            rules.check_upload_range(given, share.plan, share.uploaded_bytes, self._so_far(share))
        except RuleBrokenError:
            await _drain(request)
            raise
        part = self._store.videos / f"{share.upload_id}.{secrets.token_hex(4)}.part"
        try:
            return await self._take_chunk(request, share, given, part)
        finally:
            part.unlink(missing_ok=True)

    def _share_of(self, request: Request) -> Share:
        asked = request.query_params
        share = self._store.share_to_upload(
            asked.get("upload_id", ""), asked.get("upload_token", "")
        )
        if share is None or share.status == FAILED:
            raise _unknown_upload(share)
        if share.url_expires_at <= self._store.now():
            raise RuleBrokenError(
                "upload_url_fresh",
                "the upload URL was valid for one hour",
                code="upload_url_expired",
                status=HTTPStatus.FORBIDDEN,
                avoidable=False,
            )
        return share

    async def _take_chunk(
        self, request: Request, share: Share, given: UploadHeaders, part: Path
    ) -> Response:
        digest, received = hashlib.sha256(), 0
        try:
            with part.open("wb") as file:
                async for block in request.stream():
                    digest.update(block)
                    received += len(block)
                    file.write(block)
        except ClientDisconnect:
            self._store.note_torn(share)
            if self._store.app.keep_torn_bytes and received:
                self._add_bytes(self._current(share, given), part, received, given)
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        share = self._current(share, given)
        self._add_bytes(share, part, received, given)
        if given.last + 1 < share.video_size:
            return self._taken(request, share, HTTPStatus.PARTIAL_CONTENT)
        whole = digest.hexdigest()
        if given.first > 0:
            whole = await asyncio.to_thread(_sha256, self._store.video_file(share))
        self._complete(request, share, given, whole)
        return self._taken(request, share, HTTPStatus.CREATED)

    def _current(self, share: Share, given: UploadHeaders) -> Share:
        """The share as it is after the chunk came in: another connection may have been faster."""
        share = self._store.share(share.publish_id)
        if share.status == FAILED:  # the consent ended while the bytes came in
            raise _unknown_upload(share)
        rules.check_upload_range(given, share.plan, share.uploaded_bytes, self._so_far(share))
        return share

    def _add_bytes(self, share: Share, part: Path, received: int, given: UploadHeaders) -> None:
        """Move or append what came in behind what is there."""
        video = self._store.video_file(share)
        if given.first == 0:
            part.replace(video)
        else:
            with part.open("rb") as source, video.open("r+b") as target:
                target.seek(given.first)
                while block := source.read(_COPY_BYTES):
                    target.write(block)
        self._store.note_bytes(share, given.first + received, given.content_type)

    def _complete(self, request: Request, share: Share, given: UploadHeaders, sha256: str) -> None:
        with self._store.video_file(share).open("rb") as file:
            container = rules.container_of(file.read(16))
        fate = "file_format_check_failed" if container is None else None
        if container not in {None, given.content_type}:
            told = RuleBrokenError(
                "upload_content_type_true",
                f"{given.content_type} was announced, {container} came",
                status=HTTPStatus.CREATED,
            )
            note(self._store, "upload", request, told)
        due_at: float | None = self._store.now() + self._store.app.processing_seconds
        fault = self._faults.take("processing", person=share.person)
        if fault is not None and fault.kind == "fail":
            fate = fault.fail_reason
        elif fault is not None and fault.kind == "slow" and due_at is not None:
            due_at += fault.seconds
        elif fault is not None:
            due_at = None
        self._store.note_complete(share, sha256, fate=fate, due_at=due_at)

    def _so_far(self, share: Share) -> dict[str, str]:
        """`Content-Range` of an answer: how much is there."""
        end = share.uploaded_bytes
        if self._store.app.content_range_end == "index":
            if end == 0:
                return {"content-range": f"bytes */{share.video_size}"}
            end -= 1
        return {"content-range": f"bytes 0-{end}/{share.video_size}"}

    def _taken(self, request: Request, share: Share, status: HTTPStatus) -> Response:
        answer = self._so_far(self._store.share(share.publish_id))
        return envelope({}, log_id_of(request), status=status, headers=answer)

    # --- status -----------------------------------------------------------------------------

    async def status(self, request: Request) -> Response:
        """Return the status of a share."""
        body = await request.body()
        token = caller(
            self._store,
            request,
            "status",
            scope=rules.UPLOAD_SCOPE,
            per_minute=rules.STATUS_FETCHES_PER_MINUTE,
        )
        asked = rules.read_json(request.headers.get("content-type"), body)
        if not isinstance(asked.get("publish_id"), str):
            raise RuleBrokenError("status_body", "the body is a publish_id")
        if set(asked) != {"publish_id"}:
            only = RuleBrokenError("only_publish_id", "the body is a publish_id and nothing else")
            note(self._store, "status", request, only, status=HTTPStatus.OK)
        self._drafts.settle()
        publish_id = asked["publish_id"]
        share = self._store.find_share(publish_id)
        if len(publish_id) > rules.MAX_PUBLISH_ID_LENGTH or share is None:
            raise RuleBrokenError(
                "publish_id_known", "no such publish_id", code="invalid_publish_id"
            )
        if (share.person, share.client_key) != (token.person, token.client_key):
            raise RuleBrokenError(
                "publish_id_own",
                "the publish_id is somebody else's",
                code="token_not_authorized_for_specified_publish_id",
            )
        told: dict[str, object] = {
            "status": share.status,
            "uploaded_bytes": share.uploaded_bytes,
        }
        if share.status == FAILED:
            told["fail_reason"] = share.fail_reason
        if share.status == POSTED:
            told["publicaly_available_post_id"] = json.loads(share.post_ids)
        return envelope(told, log_id_of(request))


def _unknown_upload(share: Share | None) -> RuleBrokenError:
    return RuleBrokenError(
        "upload_known",
        "no such upload" if share is None else "this upload has failed",
        code="upload_not_found",
        status=HTTPStatus.NOT_FOUND,
        avoidable=share is None,
    )


async def _drain(request: Request) -> None:
    """Read a refused upload to its end, so that its sender gets to read the refusal."""
    try:
        async for _ in request.stream():
            pass
    except ClientDisconnect:
        return


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
