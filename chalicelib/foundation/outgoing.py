"""One request to a receiver: bounded in time and size, to an address that was checked, once.

urllib3 speaks HTTP and TLS; whom it may call, and for how long, is decided here. A name is resolved
once and the connection goes to the very address that was checked, so that a second answer of the
name server cannot lead elsewhere; the certificate is checked against the name. Redirects are not
followed, and of an answer nothing but its status is kept.
"""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from queue import Empty, SimpleQueue
from ssl import SSLError

import certifi
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.exceptions import SSLError as TlsError
from urllib3.util.ssl_match_hostname import CertificateError

from chalicelib.foundation.addresses import Address, AddressRefused, check_reachable, parse
from chalicelib.foundation.outcomes import DeliveryResult
from chalicelib.foundation.settings import Network

CONNECT_SECONDS = 3.0
"""For each of: resolving the name, connecting, and the TLS handshake."""

TOTAL_SECONDS = 10.0
MAX_ANSWER_BYTES = 4096
"""Read of an answer at most, so that a connection is closed in order; none of it is kept."""

_INTERIM_STATUSES = range(102, 200)
"""Another status follows these, such as 103 (Early Hints). `http.client` passes over 100 by itself;
101 is a last one, after which another protocol is spoken."""

_REDIRECT_STATUSES = range(300, 400)
_SUCCESS_STATUSES = range(200, 300)
_MAX_RETRY_AFTER = 86_400
_MAX_DIGITS = 6

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the IP addresses of a name, the one to prefer first. Raises OSError."""


def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver; IPv4 first, for a function has no other way out."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ordered = sorted(found, key=lambda each: each[0] != socket.AF_INET)
    return [str(address[0]) for *_, address in ordered]


class _SendFailed(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _FinalResponse(http.client.HTTPResponse):
    """Passes over interim answers, as RFC 9110 (15.2) asks of a client; the deadline bounds them.

    The library takes the first one that is not 100 for the whole answer, so an event that a
    receiver took would count as refused.
    """

    def _read_status(self) -> tuple[str, int, str]:
        found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]  # not in typeshed
        while found[1] in _INTERIM_STATUSES:
            http.client.parse_headers(self.fp)
            found = super()._read_status()  # type: ignore[misc]  # likewise
        return found


class HttpSender:
    """Sends bodies to addresses that people gave."""

    def __init__(
        self,
        own_hosts: Collection[str],
        test_networks: Sequence[Network] = (),
        *,
        resolve: Resolve = resolve,
        authorities: str | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """`authorities` is a file of certificates to trust instead of the usual ones."""
        self._own_hosts = own_hosts
        self._test_networks = test_networks
        self._resolve = resolve
        self._authorities = authorities or certifi.where()
        self._total_seconds = total_seconds

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryResult:
        """Send one body; never raises for what the receiver, or its address, does."""
        started = time.monotonic()
        status, retry_after, error = None, None, None
        try:
            address = parse(url, self._own_hosts, self._test_networks)
            ip = self._checked_ip(address)
            status, retry_after = self._exchange(
                address, ip, body, headers, started + self._total_seconds
            )
            error = _error_of(status)
        except AddressRefused as refused:
            error = refused.code
        except _SendFailed as failed:
            error = failed.code
        milliseconds = int((time.monotonic() - started) * 1000)
        return DeliveryResult(status, error, milliseconds, retry_after)

    def _checked_ip(self, address: Address) -> str:
        """Resolve a name once; all of its addresses have to be public. Returns the first."""
        found = self._resolve_within_limit(address.host, address.port)
        for each in found:
            check_reachable(each, self._test_networks)
        return found[0]

    def _resolve_within_limit(self, host: str, port: int) -> Sequence[str]:
        """Resolve in a thread of its own: the system's resolver knows no time limit."""
        answers: SimpleQueue[Sequence[str] | OSError | UnicodeError] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            found = answers.get(timeout=CONNECT_SECONDS)
        except Empty:
            raise _SendFailed("name_not_resolved") from None
        if isinstance(found, Exception) or not found:
            raise _SendFailed("name_not_resolved")
        return found

    def _exchange(
        self, address: Address, ip: str, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> tuple[int, timedelta | None]:
        connection = self._connection(address, ip)
        connection.response_class = _FinalResponse
        try:
            _connect(connection)
            with _closed_at_deadline(connection, deadline) as cut:
                try:
                    connection.request(
                        "POST",
                        address.target,
                        body=body,
                        headers={**headers, "Host": address.host_header},
                        preload_content=False,
                        decode_content=False,
                        enforce_content_length=False,
                    )
                    answer = connection.getresponse()
                    if cut.is_set():  # a head that was cut off reads as one that ended
                        raise _SendFailed("timeout")
                    # The answer counts once its head is there, however its body goes on.
                    status, asked = answer.status, answer.headers.get("Retry-After", "")
                    with contextlib.suppress(HTTPError, http.client.HTTPException, OSError):
                        answer.read(MAX_ANSWER_BYTES, decode_content=False)
                except TimeoutError:
                    raise _SendFailed("timeout") from None
                except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
                    raise _SendFailed("timeout" if cut.is_set() else "broken_answer") from error
            return status, _parse_retry_after(asked)
        finally:
            connection.close()

    def _connection(self, address: Address, ip: str) -> HTTPConnection:
        if address.scheme == "http":
            return HTTPConnection(ip, address.port, timeout=CONNECT_SECONDS)
        return HTTPSConnection(
            ip,
            address.port,
            timeout=CONNECT_SECONDS,
            server_hostname=address.host,
            assert_hostname=address.host,
            cert_reqs="CERT_REQUIRED",
            ca_certs=self._authorities,
        )


def _connect(connection: HTTPConnection) -> None:
    try:
        connection.connect()
    except (TlsError, SSLError, CertificateError) as error:
        raise _SendFailed("tls_failed") from error
    except NewConnectionError as error:  # to urllib3 it is a kind of timeout
        raise _SendFailed("not_reachable") from error
    except (ConnectTimeoutError, TimeoutError) as error:
        raise _SendFailed("connect_timeout") from error
    except (HTTPError, OSError, ValueError) as error:
        raise _SendFailed("not_reachable") from error


@contextlib.contextmanager
def _closed_at_deadline(connection: HTTPConnection, deadline: float) -> Iterator[threading.Event]:
    """Cut the connection at an instant: a time limit of a socket begins anew with each byte."""
    cut = threading.Event()

    def close() -> None:
        cut.set()
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    left = max(deadline - time.monotonic(), 0.01)
    connection.sock.settimeout(left)
    timer = threading.Timer(left, close)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()


def _error_of(status: int) -> str | None:
    if status in _SUCCESS_STATUSES:
        return None
    return "redirected" if status in _REDIRECT_STATUSES else "refused"


def _parse_retry_after(header: str) -> timedelta | None:
    """Read the seconds that a receiver asks to wait; a date is not looked at."""
    text = header.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        return None
    return timedelta(seconds=min(int(text), _MAX_RETRY_AFTER))
