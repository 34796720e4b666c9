"""The process that serves the front: `python -m local.front_server PORT PLAN`."""

import asyncio
import gzip
import re
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import boto3
import httpx
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local import mail, ports, push_service
from local.failure import Failure
from local.front import HEALTH, MAILS, Plan, key_of, ready
from local.home import read_json
from local.process_environment import ACCESS_KEY, REGION, SECRET_KEY

API = "/v1"
PICTURES = "/pictures/"
UPSTREAM_SECONDS = 180.0  # a busy laptop starts a dozen functions at once slowly
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
GRACE_SECONDS = 2
METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
# Between two parties of a connection, not between the browser and the API.
HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("te", "trailer", "transfer-encoding", "upgrade", "host", "content-length"),
    }
)
SET_HERE = HOP_BY_HOP | {"x-origin-key", "x-forwarded-for"}


COMPRESSED = re.compile(r"text/|application/(javascript|json|manifest\+json)|image/svg\+xml")
COMPRESSION = 6
LEAST_BYTES = 1_000


def compress(answer: Response) -> None:
    """Compress a file as the distribution does, which is told to: of text, if it is not tiny."""
    if len(answer.body) < LEAST_BYTES or not COMPRESSED.match(answer.headers["Content-Type"]):
        return
    answer.body = gzip.compress(bytes(answer.body), COMPRESSION)
    answer.headers["Content-Length"] = str(len(answer.body))
    answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    if "ETag" in answer.headers:
        answer.headers["ETag"] = f"W/{answer.headers['ETag']}"


class Front:
    """Routes each request to one of the two halves."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._pushes = push_service.PushServer().service
        self._upstream = httpx.URL(plan.api_url)
        self._api = httpx.AsyncClient(
            timeout=UPSTREAM_SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_connections=64),
        )
        self._kept: dict[tuple[str, bool], Response] = {}
        self._s3 = boto3.client(
            "s3",
            endpoint_url=plan.endpoint_url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=32),
        )

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with self._api:
            yield

    async def lead(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii", "backslashreplace").partition("?")[0]
        if path == HEALTH:
            return Response("ok")
        if path == MAILS:
            return await asyncio.to_thread(self._mails)
        if path.startswith(push_service.PATH) or path == push_service.PAGE:
            return await self._push(request, path)
        if path.startswith(f"{API}/"):
            return await self._ask_api(request, path)
        if request.method not in {"GET", "HEAD"}:
            return Response(status_code=403)  # as the distribution answers
        if request.url.path.startswith(PICTURES):
            return await asyncio.to_thread(self._picture, request.url.path)
        return await asyncio.to_thread(
            self._file, request.url.path, "gzip" in request.headers.get("accept-encoding", "")
        )

    async def _ask_api(self, request: Request, path: str) -> Response:
        query: bytes = request.scope["query_string"]
        asked = path.removeprefix(API).encode() + (b"?" + query if query else b"")
        try:
            got = await self._api.request(
                request.method,
                self._upstream.copy_with(raw_path=self._upstream.raw_path + asked),
                headers=self._sent(request),
                content=await request.body(),
            )
        except httpx.HTTPError as error:
            print(f"no answer of the API: {type(error).__name__}", flush=True)
            return Response(status_code=502)
        answer = Response(got.content, got.status_code)
        answer.raw_headers = [
            (name, value)
            for name, value in got.headers.raw
            # The body comes decoded.
            if name.decode().lower() not in {*HOP_BY_HOP, "content-encoding", "date"}
        ]
        answer.headers["Content-Length"] = str(len(got.content))
        for name, text in self._plan.api_headers.items():
            answer.headers.setdefault(name, text)
        return answer

    def _sent(self, request: Request) -> list[tuple[bytes, bytes]]:
        """Return the headers that the browser sent, and those that the distribution adds."""
        sent = [each for each in request.headers.raw if each[0].decode() not in SET_HERE]
        viewer = request.client.host if request.client else ports.LOOPBACK
        chain = filter(None, (request.headers.get("x-forwarded-for"), viewer))
        sent.append((b"x-forwarded-for", ", ".join(chain).encode("latin-1")))
        sent.append((b"x-origin-key", self._plan.origin_key.encode()))
        return sent

    def _mails(self) -> Response:
        try:
            shown = mail.page(mail.kept(self._plan.endpoint_url))
        except Failure as failure:
            return Response(str(failure), 502)
        headers = {"Content-Security-Policy": MAIL_POLICY, "Cache-Control": "no-store"}
        return Response(shown, headers=headers, media_type="text/html")

    async def _push(self, request: Request, path: str) -> Response:
        """Answer for the push service: subscriptions, and a list of what came."""
        pushes, name = self._pushes, path.removeprefix(push_service.PATH)
        if path == push_service.PAGE:
            if "json" in request.headers.get("accept", ""):
                return JSONResponse(pushes.to_json(), headers={"Cache-Control": "no-store"})
            headers = {"Content-Security-Policy": MAIL_POLICY, "Cache-Control": "no-store"}
            shown = push_service.page(pushes.to_json())
            return Response(shown, headers=headers, media_type="text/html")
        if request.method == "DELETE":
            pushes.unsubscribe(name)
            return Response(status_code=204)
        if path == push_service.SUBSCRIPTIONS:
            asked = await request.json()
            try:
                made = pushes.subscribe(str(asked.get("applicationServerKey")))
            except push_service.InvalidPush as refused:
                return Response(str(refused), refused.status)
            return JSONResponse(made, 201)
        return Response(status_code=404)

    def _picture(self, path: str) -> Response:
        plan = self._plan
        return self._object(plan.pictures_bucket, path.removeprefix("/"), plan.picture_headers)

    def _file(self, path: str, compressed: bool) -> Response:
        wanted = key_of(path), compressed
        if wanted in self._kept:
            return self._kept[wanted]
        answer = self._object(self._plan.bucket, key_of(path), self._plan.console_headers)
        if compressed:
            compress(answer)
        # As the distribution does: what never changes under its name is read from the bucket once.
        if "immutable" in answer.headers.get("Cache-Control", ""):
            self._kept[wanted] = answer
        return answer

    def _object(self, bucket: str, key: str, more: dict[str, str]) -> Response:
        try:
            found = self._s3.get_object(Bucket=bucket or "none", Key=key)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return Response("There is no such file here.", status, headers=more)
        headers = {"Content-Type": found["ContentType"], "ETag": found["ETag"]}
        if "CacheControl" in found:
            headers["Cache-Control"] = found["CacheControl"]
        return Response(found["Body"].read(), headers=headers | more)


def build(plan: Plan) -> Starlette:
    """Return the front as an ASGI app."""
    front = Front(plan)
    return Starlette(
        routes=[Route("/{path:path}", front.lead, methods=METHODS)], lifespan=front.lifespan
    )


class _Server(uvicorn.Server):
    """Prints when it serves, which another program on its port does not."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or ():
            print(ready(bound.getsockname()[1]), flush=True)


def main() -> None:
    """Serve until told to stop."""
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    config = uvicorn.Config(
        build(Plan(**read_json(file))),
        host=ports.LOOPBACK,
        port=port,
        log_level="warning",
        access_log=False,  # queries hold codes and states of consents
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    _Server(config).run(sockets=[config.bind_socket()])


if __name__ == "__main__":
    main()
