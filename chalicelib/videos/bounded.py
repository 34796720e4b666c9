"""Programs that may crash, stall or swallow all memory: run within limits, killed beyond them."""

import os
import resource
import selectors
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

_PIECE_BYTES = 64 * 1024


class CannotExamine(Exception):
    """An examination did not come to its end: it crashed, stalled or wanted too much.

    That says nothing for sure about the file (the machine may have been short of something), so
    it may be tried again; after some tries `could_not_be_examined` is all that can be said.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may use: seconds on the clock and of a processor, bytes of address space
    and of output.
    """

    seconds: float
    memory_bytes: int
    output_bytes: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program wrote and how it ended (a negative code: by which signal)."""

    output: bytes
    errors: bytes
    code: int


def run(command: Sequence[str], limits: Limits, *, pass_fds: Sequence[int] = ()) -> Ran:
    """Run a program to its end, with nothing to read and no environment.

    Raises `CannotExamine` if it goes beyond its limits or is not there. Of what it says about
    errors only the first part is kept; more of that is not a reason to stop.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise CannotExamine(f"{command[0]} cannot be run: {error}") from error
    with process:
        try:
            hold_to(process.pid, limits)
            output, errors = _read(process, limits)
            code = process.wait(limits.seconds)
        except subprocess.TimeoutExpired as error:
            raise CannotExamine(f"{command[0]} took longer than {limits.seconds} s") from error
        finally:
            process.kill()
    if code < 0:
        raise CannotExamine(f"{command[0]} was ended by signal {-code}")
    return Ran(output, errors, code)


def hold_to(pid: int, limits: Limits) -> None:
    """Bind a process to limits from outside: its own start may not be run in a forked copy of
    this one, which may have threads.
    """
    try:
        resource.prlimit(pid, resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
        processor = round(limits.seconds) + 1
        resource.prlimit(pid, resource.RLIMIT_CPU, (processor, processor))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    except ProcessLookupError:
        pass  # it has ended already


def _read(process: "subprocess.Popen[bytes]", limits: Limits) -> tuple[bytes, bytes]:
    deadline = time.monotonic() + limits.seconds
    output, errors = process.stdout, process.stderr
    assert output and errors  # noqa: S101, PT018  asked for above
    written: dict[IO[bytes], bytearray] = {output: bytearray(), errors: bytearray()}
    with selectors.DefaultSelector() as selector:
        for stream in written:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise subprocess.TimeoutExpired(process.args, limits.seconds)
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE_BYTES)
                if not piece:
                    selector.unregister(key.fileobj)
                elif key.fileobj is output:
                    written[output] += piece
                elif len(written[errors]) < _PIECE_BYTES:
                    written[errors] += piece
            if len(written[output]) > limits.output_bytes:
                raise CannotExamine(f"more than {limits.output_bytes} bytes were written")
    return bytes(written[output]), bytes(written[errors])
