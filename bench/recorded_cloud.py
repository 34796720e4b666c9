"""Recorded answers of AWS and TikTok, served to a child process: AWS's over TLS, as in production.

Functions run once in this process against the cloud in memory; every call they make is kept with
its answer. A server then gives the same answers to child processes, so that what is measured there
is a function's own work, connections and TLS included, and no engine's.
"""

import base64
import datetime
import ipaddress
import json
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.faults.cloud import Body, Cloud

_S3 = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "CopyObject", "DELETE": "DeleteObject"}
_EXPORTS = "/exports/"
"""Where files are put that no form posts."""
_MAILS = "/v2/email/outbound-emails"
_ETAG = '"0123456789abcdef0123456789abcdef"'


@dataclass(frozen=True)
class Call:
    """A call and its answer."""

    service: str
    operation: str
    parameters: dict[str, Any]
    answer: Mapping[str, Any]


@dataclass
class Recording:
    """A function's calls in order: AWS's operations, and requests to other addresses."""

    calls: list[Call] = field(default_factory=list)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)

    def bodies(self) -> dict[str, list[bytes]]:
        """Return the bodies of JSON answers by operation, in order."""
        found: dict[str, list[bytes]] = defaultdict(list)
        for call in self.calls:
            found[call.operation].append(_json(call.answer))
        return found


class RecordedCloud(Cloud):
    """The in-memory cloud with the S3 calls that videos need; records calls and answers."""

    recording: Recording | None = None

    @contextmanager
    def records(self) -> Iterator[Recording]:
        self.recording = Recording()
        try:
            yield self.recording
        finally:
            self.recording = None

    def call(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Any:
        if hasattr(parameters.get("Body"), "read"):
            parameters = {**parameters, "Body": parameters["Body"].read()}
        answer = self._answer(service, operation, parameters)
        if self.recording is not None:
            kept = dict(answer)
            if "Body" in kept:
                kept["Body"] = kept["Body"].read()
                answer = {**answer, "Body": Body(kept["Body"], None)}
            self.recording.calls.append(Call(service, operation, dict(parameters), kept))
        return answer

    def _answer(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Any:
        match operation:
            case "HeadObject":
                return {"ContentLength": len(self._object(parameters)), "ETag": _ETAG}
            case "GetObject":
                content = self._object(parameters)
                first, _, last = (
                    parameters.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
                )
                part = content[int(first) : int(last) + 1 if last else None]
                return {
                    "Body": Body(part, None),
                    "ContentLength": len(part),
                    "ContentRange": f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}",
                    "ETag": _ETAG,
                }
            case "CopyObject":
                self.objects[parameters["Key"]] = self.objects[parameters["CopySource"]["Key"]]
                return {"CopyObjectResult": {"ETag": _ETAG}}
            case "DeleteObject":
                self.objects.pop(parameters["Key"], None)
                return {}
            case "SendEmail":
                return {"MessageId": "1"}
            case "AdminGetUser":
                email = parameters["Username"]
                known = {"sub": f"subject-{email.partition('@')[0]}", "email": email}
                attributes = [{"Name": name, "Value": value} for name, value in known.items()]
                made = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
                state = {"UserStatus": "CONFIRMED", "UserCreateDate": made}
                return {"Username": "1", "UserAttributes": attributes, **state}
        return super().call(service, operation, parameters)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Answer all AWS clients of this process."""

        def call(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
            return self.call(client.meta.service_model.service_name, operation, parameters)

        with patch.object(BaseClient, "_make_api_call", call):
            yield


class Server:
    """Serves one recording at a time, and TikTok's answers, which depend on nothing."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "certificate.pem"
        key = folder / "key.pem"
        _make_certificate(self.certificate, key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._secure, self._plain = self._listening(context), self._listening(None)
        self.aws_url = f"https://127.0.0.1:{self._secure.server_port}"
        self.tiktok_url = f"http://127.0.0.1:{self._plain.server_port}"
        self._answers: dict[str, list[Mapping[str, Any]]] = {}
        self._recording: Recording | None = None
        self.served = 0
        self.unknown: list[str] = []
        self.person, self.key_set = "bench", b""
        for each in (self._secure, self._plain):
            threading.Thread(target=each.serve_forever, daemon=True).start()

    def close(self) -> None:
        for each in (self._secure, self._plain):
            each.shutdown()
            each.server_close()

    def serve(self, recording: Recording) -> None:
        """Answer from the beginning of a recording."""
        answers: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for call in recording.calls:
            answers[call.operation].append(call.answer)
        self._answers, self.served = answers, 0

    @contextmanager
    def noting(self, recording: Recording) -> Iterator[None]:
        """Add requests to addresses other than AWS's to a recording."""
        self._recording = recording
        try:
            yield
        finally:
            self._recording = None

    def _listening(self, context: ssl.SSLContext | None) -> ThreadingHTTPServer:
        handler = type("Handler", (_Handler,), {"server_of_answers": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        return server

    def answer(
        self, method: str, path: str, target: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        self.served += 1
        if target:
            return 200, {"Content-Type": "application/x-amz-json-1.0"}, _json(self._next(target))
        if path == _MAILS:
            return 200, {"Content-Type": "application/json"}, _json(self._next("SendEmail"))
        if method == "PUT" and path.startswith(_EXPORTS):
            self._next("PutObject")
            return 200, {"ETag": _ETAG}, b""
        if path.startswith((_EXPORTS, "/incoming/", "/videos/")):
            return _object(method, self._next(_S3[method]))
        if path == "/jwks.json":
            return 200, {"Content-Type": "application/json"}, self.key_set
        if self._recording is not None:
            self._recording.requests.append((method, path, body))
        return self._tiktok(method, path)

    def _next(self, target: str) -> Mapping[str, Any]:
        answers = self._answers.get(target.rpartition(".")[2])
        if not answers:
            self.unknown.append(target)
            return {}
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _tiktok(self, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        if method == "PUT":
            return 201, {}, b""
        told: dict[str, Any] = {
            "access_token": "act.bench",
            "refresh_token": "rft.bench",
            "expires_in": 86400,
            "refresh_expires_in": 31_536_000,
            "open_id": f"open-{self.person}",
            "scope": "user.info.basic,video.upload",
            "token_type": "Bearer",
        }
        if "/oauth/" not in path:
            data = {
                "user": {
                    "open_id": f"open-{self.person}",
                    "display_name": "B",
                    "avatar_url": "https://x.example/a",
                },
                "publish_id": "v_inbox_file~v2.1",
                "upload_url": f"{self.tiktok_url}/upload?id=1",
                "status": "SEND_TO_USER_INBOX",
            }
            told = {"data": data, "error": {"code": "ok", "message": "", "log_id": "1"}}
        return 200, {"Content-Type": "application/json"}, json.dumps(told).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of_answers: Server

    def _handle(self) -> None:
        body = self._body()
        status, headers, content = self.server_of_answers.answer(
            self.command, self.path, self.headers.get("X-Amz-Target", ""), body
        )
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts: list[bytes] = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815  named by the library

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _json(answer: Mapping[str, Any]) -> bytes:
    def told(value: Any) -> str:
        return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)

    return json.dumps(answer, default=told).encode()


def _object(method: str, answer: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    if method == "PUT":
        copied = f"<CopyObjectResult><ETag>{_ETAG}</ETag></CopyObjectResult>"
        return 200, {"Content-Type": "application/xml"}, copied.encode()
    if method == "DELETE":
        return 204, {}, b""
    headers = {"ETag": _ETAG, "Content-Length": str(answer["ContentLength"])}
    if method == "HEAD":
        return 200, headers, b""
    return 206, {**headers, "Content-Range": answer["ContentRange"]}, answer["Body"]


def _make_certificate(certificate: Path, key: Path) -> None:
    """Make a certificate of this machine's loopback address for a day."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
