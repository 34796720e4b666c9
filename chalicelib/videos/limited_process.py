"""Runs programs that may crash, stall or use up all memory within limits, and ends them beyond.

The limits that decide count processor time and memory, which are the same on a busy machine and an
idle one. Wall-clock time is only an outer bound.
"""

import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from chalicelib.foundation.values import dataclass
from chalicelib.videos.model import CannotExamine, ExaminerBroken, LimitExceeded

_PIECE_BYTES = 64 * 1024
_NOT_STARTED_CODES = (126, 127)  # of a shell: the program is no program, or is not there
_SHELL = "/bin/sh"
_KILL_GRACE_SECONDS = 2  # seconds of a processor that remain to a program that ignores its limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The resources that a program may use.

    `processor_seconds` of a processor, `wall_seconds` on the clock, `memory_bytes` of address
    space, of which `data_bytes` may be its own data, and `output_bytes` written.
    """

    processor_seconds: float
    wall_seconds: float
    memory_bytes: int
    data_bytes: int | None = None
    output_bytes: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CompletedRun:
    """The output of a program, its error messages and its exit code."""

    output: bytes
    errors: bytes
    code: int


def run_limited(
    command: Sequence[str], limits: Limits, *, pass_fds: Sequence[int] = ()
) -> CompletedRun:
    """Run a program to its end, with nothing to read and no environment.

    Only the first 64 KB of its error messages are kept; more of them do not stop it. Raises
    `LimitExceeded` if it used up its processor time or wrote too much, `CannotExamine` if it took
    too long on the clock or crashed, `ExaminerBroken` if it is not there or may not run.
    """
    name = command[0]
    try:
        process = subprocess.Popen(
            [_SHELL, "-c", _limiting_command(limits), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise ExaminerBroken(f"{name} cannot be run: {error}") from error
    with process:
        try:
            output, errors = _read_output(process, limits)
            code = process.wait(limits.wall_seconds)
        except subprocess.TimeoutExpired as error:
            raise CannotExamine(f"{name} took longer than {limits.wall_seconds} s") from error
        finally:
            process.kill()
    if code in _NOT_STARTED_CODES:
        raise ExaminerBroken(f"{name} cannot be run: {errors.decode(errors='replace').strip()}")
    if -code == signal.SIGXCPU:
        raise LimitExceeded(f"{name} used up {limits.processor_seconds} s of a processor")
    if code < 0:
        raise CannotExamine(f"{name} was ended by signal {-code}")
    return CompletedRun(output, errors, code)


def _limiting_command(limits: Limits) -> str:
    """Write the shell command that sets the limits on itself and then becomes the program.

    The limits cannot be set from outside (a Lambda may refuse that) nor between fork and exec
    (this process may have threads).
    """
    processor = max(1, round(limits.processor_seconds))
    settings = [
        "-c 0",
        # At the soft limit the signal says why, at the hard one it would not. The soft one that
        # is inherited may be above this hard one.
        f"-S -t {processor}",
        f"-H -t {processor + _KILL_GRACE_SECONDS}",
        f"-v {limits.memory_bytes // 1024}",
    ]
    if limits.data_bytes:
        settings.append(f"-d {limits.data_bytes // 1024}")
    every = " && ".join(f"ulimit {each}" for each in settings)
    return f'{{ {every}; }} || exit {_NOT_STARTED_CODES[0]}; exec "$0" "$@"'


def limit_this_process(limits: Limits) -> None:
    """Bind the calling process to limits, from now on; a child of it may have others."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    _set_limit(resource.RLIMIT_AS, (limits.memory_bytes, most))
    _set_limit(resource.RLIMIT_CORE, (0, 0))


def allow_growth(growth_bytes: int, limits: Limits) -> None:
    """Limit how much address space the calling process may take on top of what it has now.

    Never more than `limits` allow; where the system does not tell what it has, they stand alone.
    """
    allowed = limits.memory_bytes
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        allowed = min(allowed, pages * resource.getpagesize() + growth_bytes)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    _set_limit(resource.RLIMIT_AS, (allowed, most))


def allow_processor_time(seconds: float) -> None:
    """Limit the processor time that the calling process may use from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    allowed = round(used.ru_utime + used.ru_stime + seconds) + 1
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    _set_limit(resource.RLIMIT_CPU, (allowed, most))


def _set_limit(which: int, values: tuple[int, int]) -> None:
    """Set a limit; where a sandbox refuses, say so and go on under the sandbox's own limits."""
    try:
        resource.setrlimit(which, values)
    except (OSError, ValueError) as error:
        print(f"limit {which} was refused: {error}", file=sys.stderr, flush=True)  # noqa: T201


def processor_seconds_used() -> float:
    """Processor time of the calling process and of the children that it has waited for."""
    own, children = (
        resource.getrusage(which) for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _read_output(process: "subprocess.Popen[bytes]", limits: Limits) -> tuple[bytes, bytes]:
    deadline = time.monotonic() + limits.wall_seconds
    output, errors = process.stdout, process.stderr
    assert output and errors  # noqa: S101, PT018  asked for above
    written: dict[IO[bytes], bytearray] = {output: bytearray(), errors: bytearray()}
    with selectors.DefaultSelector() as selector:
        for stream in written:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise subprocess.TimeoutExpired(process.args, limits.wall_seconds)
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE_BYTES)
                if not piece:
                    selector.unregister(key.fileobj)
                elif key.fileobj is output:
                    written[output] += piece
                elif len(written[errors]) < _PIECE_BYTES:
                    written[errors] += piece
            if len(written[output]) > limits.output_bytes:
                raise LimitExceeded(f"more than {limits.output_bytes} bytes were written")
    return bytes(written[output]), bytes(written[errors])
