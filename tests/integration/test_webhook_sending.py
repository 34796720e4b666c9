"""One request to a receiver, over real sockets: slow, down, redirecting, garbage, endless."""

import datetime as dates
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.foundation.outgoing import MAX_ANSWER_BYTES, HttpSender

LOOPBACK = (ip_network("127.0.0.0/8"),)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OOPS = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
LIMIT = 1.5
"""Seconds that a try may take in these tests; what it is held to is far more, on a busy machine."""

PATIENCE = 30.0

Answer = Callable[[socket.socket], None]


class Receiver:
    """A server on loopback that answers each connection by a function, and keeps what it got."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?x=1"

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        try:
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
            received = b""
            while b"\r\n\r\n" not in received or not received.endswith(b"}"):
                piece = connection.recv(65_536)
                if not piece:
                    return
                received += piece
            self.requests.append(received)
            self._answer(connection)
        except OSError:
            return  # the sender has gone
        finally:
            connection.close()


@contextmanager
def receiver(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    found = Receiver(answer, context)
    try:
        yield found
    finally:
        found.close()


def says(content: bytes) -> Answer:
    return lambda connection: connection.sendall(content)


def drips(head: bytes, piece: bytes) -> Answer:
    """Answer without an end, a piece at a time."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            time.sleep(0.02)

    return answer


def silent(connection: socket.socket) -> None:
    connection.recv(1)  # until the sender gives up


SENDER = HttpSender((), LOOPBACK, total_seconds=LIMIT)


def sends(url: str, sender: HttpSender = SENDER) -> tuple[int | None, str | None]:
    started = time.monotonic()
    outcome = sender.post(url, b'{"a": 1}', {"Content-Type": "application/json", "webhook-id": "e"})
    assert time.monotonic() - started < PATIENCE
    return outcome.status, outcome.error


def test_a_body_arrives_as_it_is_with_its_headers() -> None:
    with receiver(says(OK)) as found:
        assert sends(found.url) == (200, None)
    (request,) = found.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == b'{"a": 1}'
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /hook?x=1 http/1.1"
    assert {"webhook-id: e", f"host: 127.0.0.1:{found.port}", "content-length: 8"} <= set(lines)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (says(b"HTTP/1.1 204 No Content\r\n\r\n"), (204, None)),
        (says(OOPS), (500, "refused")),
        (says(b"HTTP/1.1 404 Gone\r\nContent-Length: 9999\r\n\r\nshort"), (404, "refused")),
        (says(b"HTTP/1.1 100 Continue\r\n\r\n" + OK), (200, None)),
        (says(EARLY_HINTS + b"HTTP/1.1 102 Processing\r\n\r\n" + OK), (200, None)),
        (says(EARLY_HINTS + OOPS), (500, "refused")),
        (says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), (101, "refused")),
        (says(EARLY_HINTS), (None, "broken_answer")),
        (drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (None, "timeout")),
        (drips(b"", EARLY_HINTS), (None, "timeout")),
        (says(b"\x00\xff not HTTP\r\n\r\n"), (None, "broken_answer")),
        (says(b""), (None, "broken_answer")),
        (says(b"HTTP/1.1 2OO OK\r\n\r\n"), (None, "broken_answer")),
        (says(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 500 + b"\r\n"), (None, "broken_answer")),
        (says(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000), (None, "broken_answer")),
        (silent, (None, "timeout")),
        (drips(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), None),
        (drips(b"HTTP/1.1 200 OK\r\nx: ", b"y"), (None, "timeout")),
        (drips(b"", b"H"), None),
        # The head counts: however its body goes on, the event was taken.
        (drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"z"), (200, None)),
        (
            drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n"),
            (200, None),
        ),
        (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), (200, None)),
        (says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nnot gzip"), (200, None)),
    ],
)
def test_a_try_ends_in_time_with_a_status_or_a_code_for_any_receiver(
    answer: Answer, expected: tuple[int | None, str | None] | None
) -> None:
    with receiver(answer) as found:
        told = sends(found.url)
    if expected is None:  # the limit of headers, or of time, whichever is first
        assert told in {(None, "timeout"), (None, "broken_answer")}
    else:
        assert told == expected


def test_of_a_huge_answer_only_a_few_kilobytes_are_read() -> None:
    sent: list[int] = []

    def huge(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(2000):
            connection.sendall(b"x" * 65_536)
            sent.append(65_536)

    with receiver(huge) as found:
        assert sends(found.url) == (200, None)
    assert sum(sent) < 64 * (MAX_ANSWER_BYTES + 65_536)  # what fits into the machine's buffers


def test_a_redirect_is_not_followed() -> None:
    with receiver(says(OK)) as inner:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n"
        with receiver(says(moved.encode())) as outer:
            assert sends(outer.url) == (307, "redirected")
        assert inner.connections == 0


def test_a_receiver_that_is_down_is_told_apart_from_one_whose_name_is_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert sends(f"http://127.0.0.1:{port}/") == (None, "not_reachable")

    def unknown(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    nobody = HttpSender((), resolve=unknown)
    assert sends("https://hooks.example/", nobody) == (None, "name_not_resolved")


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.0.0.1"], ["8.8.8.8", "169.254.169.254"], ["::ffff:10.0.0.1"]]
)
def test_a_name_that_leads_inside_is_not_connected_to(addresses: list[str]) -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return addresses

    assert sends("https://hooks.example/", HttpSender((), resolve=resolve)) == (
        None,
        "inner_address",
    )
    assert asked == ["hooks.example"]


def test_own_plain_and_local_addresses_are_refused_when_sending_too() -> None:
    sender = HttpSender(("console.example",))
    assert sends("https://console.example/", sender) == (None, "own_address")
    assert sends("http://127.0.0.1:80/", sender) == (None, "not_https")
    assert sends("https://127.0.0.1/", sender) == (None, "inner_address")


def test_a_resolver_that_never_answers_does_not_hold_a_try() -> None:
    def never(_host: str, _port: int) -> Sequence[str]:
        time.sleep(PATIENCE * 2)
        return []

    assert sends("https://hooks.example/", HttpSender((), resolve=never)) == (
        None,
        "name_not_resolved",
    )


# TLS


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for a name, and its key; whom it is trusted by is told."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dates.datetime.now(dates.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dates.timedelta(days=1))
        .not_valid_after(now + dates.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, private


class Names:
    """A name server that leads to loopback first and elsewhere after."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return ["127.0.0.1"] if self.asked == 1 else ["10.0.0.1"]


class OverTls(HttpSender):
    """Connects to the port of a receiver in place of 443, which needs another user."""

    def __init__(self, port: int, names: Names, authorities: Path) -> None:
        super().__init__(
            (),
            LOOPBACK,
            resolve=names,
            authorities=str(authorities),
            total_seconds=LIMIT,
        )
        self._own_port = port

    def _connection(self, address, ip):  # type: ignore[no-untyped-def]  # the base's
        connection = super()._connection(address, ip)
        assert connection.port == 443
        connection.port = self._own_port
        return connection


def test_a_name_is_resolved_once_and_its_certificate_checked_against_the_name(
    tmp_path: Path,
) -> None:
    pem, key = certificate(tmp_path, "hooks.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    with receiver(says(OK), context) as found:
        names = Names()
        assert sends("https://hooks.example/x", OverTls(found.port, names, pem)) == (200, None)
        assert names.asked == 1
        assert b"Host: hooks.example\r\n" in found.requests[0]
        other = OverTls(found.port, Names(), pem)
        assert sends("https://other.example/x", other) == (None, "tls_failed")
        stranger, _ = certificate(tmp_path, "stranger.example")
        untrusted = OverTls(found.port, Names(), stranger)
        assert sends("https://hooks.example/x", untrusted) == (None, "tls_failed")
    assert len(found.requests) == 1


def test_a_receiver_that_begins_tls_and_says_nothing_does_not_hold_a_try(tmp_path: Path) -> None:
    pem, _ = certificate(tmp_path, "hooks.example")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        sender = OverTls(mute.getsockname()[1], Names(), pem)
        status, error = sends("https://hooks.example/", sender)
    assert status is None
    assert error in {"connect_timeout", "tls_failed"}
