"""The first eye in a process of its own, which may be killed.

MediaInfo is native code that meets strangers' files: a damaged header can keep it busy for
minutes, and nothing inside a process can stop that. So it looks in a child, which has no
credentials and no way to S3: it asks for the bytes it wants over a pipe, and whoever started it
fetches them. No shared memory or semaphores are used, for a Lambda has none.

    parent -> child   size of the file (8 bytes); then, per wish, length (4) and bytes
    child -> parent   "R", position (8), length (4): a wish; "F", length (4), JSON: the facts
"""

import json
import os
import resource
import select
import struct
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO

from chalicelib.videos.bounded import CannotExamine, Limits
from chalicelib.videos.model import VideoFacts, facts_from
from chalicelib.videos.webm import SeekableFile

LIMITS = Limits(seconds=10, memory_bytes=256 * 1024 * 1024)
"""A healthy file takes well under 0.1 s and 50 MB of address space, the interpreter included."""

_SIZE = struct.Struct(">Q")
_WISH = struct.Struct(">QI")
_LENGTH = struct.Struct(">I")
_READ, _FACTS = b"R", b"F"
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "LANG", "LC_ALL")  # an interpreter in a Lambda needs them


class Child:
    """A child that is started when first needed, kept while it is well, and killed otherwise.

    Not for several threads at once. `close` ends it; it also ends when its parent does.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def examine(self, file: SeekableFile, size_bytes: int) -> VideoFacts:
        """See `probe.examine`. Raises `CannotExamine`, and whatever reading the file raises."""
        process = self._process = self._process or _start()
        well = False
        try:
            facts = self._talk(process, file, size_bytes)
            well = True
        except BrokenPipeError as error:
            raise CannotExamine("MediaInfo crashed") from error
        else:
            return facts
        finally:
            if not well:
                self.close()

    def close(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def _talk(
        self, process: "subprocess.Popen[bytes]", file: SeekableFile, size_bytes: int
    ) -> VideoFacts:
        stdin, stdout = process.stdin, process.stdout
        assert stdin and stdout  # noqa: S101, PT018  asked for in _start
        stdin.write(_SIZE.pack(size_bytes))
        left = self._limits.seconds  # the child's own time: fetching is not counted
        while True:
            before = time.monotonic()
            kind = _exactly(stdout, 1, left)
            if kind == _FACTS:
                (length,) = _LENGTH.unpack(_exactly(stdout, _LENGTH.size, left))
                facts = facts_from(json.loads(_exactly(stdout, length, left)))
                assert facts  # noqa: S101  what the child answers names at least the size
                return facts
            position, length = _WISH.unpack(_exactly(stdout, _WISH.size, left))
            left -= time.monotonic() - before
            file.seek(position)
            content = file.read(length) or b""
            stdin.write(_LENGTH.pack(len(content)) + content)


def _start() -> "subprocess.Popen[bytes]":
    here = str(Path(__file__).parents[2])
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join([here, *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-m", "chalicelib.videos.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        bufsize=0,
    )


def _exactly(stream: IO[bytes], length: int, seconds: float) -> bytes:
    deadline = time.monotonic() + seconds
    content = b""
    while len(content) < length:
        ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise CannotExamine("MediaInfo stalled")
        piece = os.read(stream.fileno(), length - len(content))
        if not piece:
            raise CannotExamine("MediaInfo crashed")
        content += piece
    return content


class _Wished:
    """The parent's file, read by asking for it."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], size_bytes: int) -> None:
        self._stdin, self._stdout = stdin, stdout
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
        self._stdout.write(_READ + _WISH.pack(self._at, size))
        self._stdout.flush()
        (length,) = _LENGTH.unpack(self._given(_LENGTH.size))
        content = self._given(length)
        self._at += length
        return content

    def _given(self, length: int) -> bytes:
        content = self._stdin.read(length)
        if len(content) < length:
            raise SystemExit  # the parent is gone
        return content


def main() -> None:
    """Examine one file after another, until nobody asks any more."""
    stdin = sys.stdin.buffer
    # What native code prints must not get between the answers.
    stdout = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (LIMITS.memory_bytes, LIMITS.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from chalicelib.videos.probe import examine

    while question := stdin.read(_SIZE.size):
        used = resource.getrusage(resource.RUSAGE_SELF)
        allowed = round(used.ru_utime + used.ru_stime + LIMITS.seconds) + 1
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, most))
        (size_bytes,) = _SIZE.unpack(question)
        facts = examine(_Wished(stdin, stdout, size_bytes), size_bytes)
        answer = json.dumps(asdict(facts)).encode()
        stdout.write(_FACTS + _LENGTH.pack(len(answer)) + answer)
        stdout.flush()


if __name__ == "__main__":
    main()
