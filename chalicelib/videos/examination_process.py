"""Both looks at a file in a process of its own, which may be killed.

MediaInfo and ffprobe are native code that meets strangers' files, and even listing what they say
can be made to take minutes and gigabytes; nothing inside a process can stop that. So all of it
runs in a child process, which has no credentials and no way to S3: for the first look it asks for
the bytes it wants over a socket, and its parent fetches them; for the second it is handed an open
file. No shared memory or semaphores are used, for a Lambda has none.

    parent -> child   "H", size (8 bytes): look at the header; then, per read, length (4) and bytes
                      "P", size (8), length (2), path of ffprobe, with the file: look at playback
    child -> parent   "R", position (8), length (4): asks for bytes
                      "A", length (4), JSON: the answer, or which of the three errors ended the look
"""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from chalicelib.videos.limited_process import (
    Limits,
    allow_growth,
    allow_processor_time,
    limit_this_process,
)
from chalicelib.videos.model import (
    CannotExamine,
    ExaminerBroken,
    LimitExceeded,
    Playback,
    VideoFacts,
    facts_from,
    playback_from,
)
from chalicelib.videos.webm import SeekableFile

HEADER_LIMITS = Limits(processor_seconds=5, wall_seconds=25, memory_bytes=256 * 1024 * 1024)
"""Of one first look. A healthy file takes well under 0.1 s and 50 MB of address space, the
interpreter included."""

HEADER_GROWTH_BYTES = 72 * 1024 * 1024
"""So much address space a first look may take on top of what the process has. MediaInfo takes some
25 MB, with a cover of 12 MB in the index 45. It keeps what fragments only promise, such as 200
million pictures in a file of 35 KB; without more memory it returns what it has found."""

PLAYBACK_WALL_SECONDS = 80
"""Outer limit of one second look: a little more than its own limits, whose errors say more."""

_SIZE = struct.Struct(">Q")
_PATH = struct.Struct(">H")
_RANGE = struct.Struct(">QI")
_LENGTH = struct.Struct(">I")
_HEADER, _PLAYBACK, _READ, _ANSWER = b"H", b"P", b"R", b"A"
_PIECE_BYTES = 1024 * 1024
_MAX_LOGGED_BYTES = 2000
_PASSED_VARIABLES = ("LD_LIBRARY_PATH", "LANG", "LC_ALL")  # an interpreter in a Lambda needs them


class ExaminationProcess:
    """A child process, started when first needed, kept while it is well, killed otherwise.

    Not for several threads at once. `close` ends it; it also ends when its parent does.
    """

    def __init__(self, limits: Limits = HEADER_LIMITS) -> None:
        self.limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._words: IO[bytes] | None = None

    def read_header(self, file: SeekableFile, size_bytes: int) -> VideoFacts:
        """See `probe.read_header`. Raises `CannotExamine`, and whatever reading the file raises."""

        def ask(connection: socket.socket) -> Any:
            connection.sendall(_HEADER + _SIZE.pack(size_bytes))
            left = self.limits.wall_seconds  # the child's own time: fetching is not counted
            while True:
                before = time.monotonic()
                kind = _receive_exactly(connection, 1, left)
                if kind == _ANSWER:
                    return _receive_answer(connection, left)
                position, length = _RANGE.unpack(_receive_exactly(connection, _RANGE.size, left))
                left -= time.monotonic() - before
                file.seek(position)
                content = file.read(length) or b""
                connection.sendall(_LENGTH.pack(len(content)) + content)

        facts = facts_from(self._request(ask))
        assert facts  # noqa: S101  what the child answers names at least the size
        return facts

    def examine_playback(self, ffprobe: str, file: IO[bytes], size_bytes: int) -> Playback:
        """See `playback.examine_playback`."""
        path = ffprobe.encode()

        def ask(connection: socket.socket) -> Any:
            question = _PLAYBACK + _SIZE.pack(size_bytes) + _PATH.pack(len(path)) + path
            socket.send_fds(connection, [question], [file.fileno()])
            assert _receive_exactly(connection, 1, PLAYBACK_WALL_SECONDS) == _ANSWER  # noqa: S101
            return _receive_answer(connection, PLAYBACK_WALL_SECONDS)

        return playback_from(self._request(ask))

    def close(self) -> None:
        process, self._process = self._process, None
        connection, self._socket = self._socket, None
        words, self._words = self._words, None
        if words:
            words.close()
        if process:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # with the ffprobe that it may be running
            except ProcessLookupError:
                process.kill()
            process.wait()
        if connection:
            connection.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def _request(self, ask: Callable[[socket.socket], Any]) -> Any:
        if self._process is None or self._socket is None:
            self._words = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
            self._process, self._socket = _start_child(self.limits, self._words)
        process, well = self._process, False
        try:
            answer = ask(self._socket)
            well = True
        except (_Ended, BrokenPipeError, ConnectionResetError) as error:
            code = process.wait()
            if code == -signal.SIGXCPU:
                raise LimitExceeded("the first look used up its processor time") from error
            raise CannotExamine(f"the examination crashed ({_exit_description(code)})") from error
        finally:
            self._log_child_errors()
            if not well:
                self.close()
        if answer["broken"] is not None:
            raise ExaminerBroken(answer["broken"])
        if answer["limit_exceeded"] is not None:
            raise LimitExceeded(answer["limit_exceeded"])
        if answer["cannot_examine"] is not None:
            raise CannotExamine(answer["cannot_examine"])
        return answer["found"]

    def _log_child_errors(self) -> None:
        """Log what the child has said on its standard error, the last of it, and forget it."""
        if self._words is None or not (size := os.fstat(self._words.fileno()).st_size):
            return
        from chalicelib.foundation.logging import logger  # the child has no use for it

        told = os.pread(self._words.fileno(), _MAX_LOGGED_BYTES, max(0, size - _MAX_LOGGED_BYTES))
        logger.warning("the examination says", extra={"told": told.decode(errors="replace")})
        self._words.truncate(0)


def _exit_description(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


class _Ended(Exception):
    """The other end of the socket is closed."""


def _receive_answer(connection: socket.socket, seconds: float) -> Any:
    (length,) = _LENGTH.unpack(_receive_exactly(connection, _LENGTH.size, seconds))
    return json.loads(_receive_exactly(connection, length, seconds))


def _start_child(
    limits: Limits, words: IO[bytes]
) -> "tuple[subprocess.Popen[bytes], socket.socket]":
    here = str(Path(__file__).parents[2])
    environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join([here, *filter(None, sys.path)])
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno()), str(limits.processor_seconds)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            env=environment,
            pass_fds=[theirs.fileno()],
            process_group=0,
        )
    return process, ours


def _receive_exactly(connection: socket.socket, length: int, seconds: float) -> bytes:
    deadline = time.monotonic() + seconds
    content = bytearray()
    while len(content) < length:
        ready, _, _ = select.select([connection], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise CannotExamine("the examination stalled")
        piece = connection.recv(min(length - len(content), _PIECE_BYTES))
        if not piece:
            raise _Ended
        content += piece
    return bytes(content)


class _RemoteFile:
    """The parent's file, read by asking for it."""

    def __init__(self, connection: socket.socket, size_bytes: int) -> None:
        self._connection = connection
        self._size_bytes = size_bytes
        self._at = 0

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        left = max(0, self._size_bytes - self._at)
        size = left if size < 0 else min(size, left)
        if not size:
            return b""
        self._connection.sendall(_READ + _RANGE.pack(self._at, size))
        (length,) = _LENGTH.unpack(_receive_all(self._connection, _LENGTH.size))
        content = _receive_all(self._connection, length)
        self._at += length
        return content


def _receive_all(connection: socket.socket, length: int) -> bytes:
    content = bytearray()
    while len(content) < length:
        piece = connection.recv(min(length - len(content), _PIECE_BYTES))
        if not piece:
            raise SystemExit  # the parent is gone
        content += piece
    return bytes(content)


def _examine_header(connection: socket.socket, processor_seconds: float) -> Mapping[str, Any]:
    from chalicelib.videos.probe import read_header

    (size_bytes,) = _SIZE.unpack(_receive_all(connection, _SIZE.size))
    allow_processor_time(processor_seconds)
    allow_growth(HEADER_GROWTH_BYTES, HEADER_LIMITS)
    return asdict(read_header(_RemoteFile(connection, size_bytes), size_bytes))


def _examine_playback(connection: socket.socket, files: list[int]) -> Mapping[str, Any]:
    from chalicelib.videos.playback import LIMITS, examine_playback

    (size_bytes,) = _SIZE.unpack(_receive_all(connection, _SIZE.size))
    (length,) = _PATH.unpack(_receive_all(connection, _PATH.size))
    ffprobe = _receive_all(connection, length).decode()
    allow_processor_time(LIMITS.processor_seconds)
    limit_this_process(HEADER_LIMITS)
    with os.fdopen(files[0], "r+b", buffering=0) as file:
        return asdict(examine_playback(ffprobe, file, size_bytes))


def main() -> None:
    """Look at one file after another, until nobody asks any more."""
    connection, processor_seconds = socket.socket(fileno=int(sys.argv[1])), float(sys.argv[2])
    limit_this_process(HEADER_LIMITS)
    while True:
        question, files, _, _ = socket.recv_fds(connection, 1, 1)
        if not question:
            return
        answer: dict[str, Any] = {
            "found": None,
            "limit_exceeded": None,
            "broken": None,
            "cannot_examine": None,
        }
        try:
            answer["found"] = (
                _examine_header(connection, processor_seconds)
                if question == _HEADER
                else _examine_playback(connection, files)
            )
        except LimitExceeded as error:
            answer["limit_exceeded"] = str(error)
        except ExaminerBroken as error:
            answer["broken"] = str(error)
        except CannotExamine as error:
            answer["cannot_examine"] = str(error)
        except (ImportError, OSError) as error:  # a library that is not there, or not for here
            answer["broken"] = f"the examiner is not whole: {type(error).__name__}: {error}"
        content = json.dumps(answer).encode()
        connection.sendall(_ANSWER + _LENGTH.pack(len(content)) + content)


if __name__ == "__main__":
    main()
