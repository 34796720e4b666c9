"""Compares cold starts of functions with a plain boto3 handler: `python -m bench.starts`.

Each function does a typical piece of work in a process of its own, with recorded answers over TLS
(`bench.recorded_cloud`), and so does a handler that makes the same calls and nothing else. The
goals are ratios of processor seconds, medians of nine alternating runs of each side: from process
start to the first answer (`whole`), and the first invocation alone (`first`), which Lambda runs on
a fraction of a processor.

Then, in this process and with answers from memory, what a warm request costs (`warm`).

Ends with 1 if a ratio is above its goal. It needs no engine, and no stack that runs.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.httpsession import URLLib3Session

from bench.recorded_cloud import Recording, Server
from bench.scenarios import Bench, Scenario, environment, require_success
from bench.single_start import PACKAGED_DESCRIPTIONS, Context, bare
from local import botocore_models
from local.home import PROJECT
from local.process_environment import isolate_environment

MAX_RATIOS = 1.5
"""Times the bare handler: of the whole start, of the first invocation, and of a warm request."""
RUNS = 9
WARM_BLOCKS, WARM_CALLS = 15, 40


@dataclass(frozen=True)
class Start:
    """Processor seconds of one start."""

    initialised: float
    invoked: float
    megabytes: float = 0

    @property
    def whole(self) -> float:
        return self.initialised + self.invoked


def start(side: str, scenario: Scenario, file: Path, server: Server) -> Start:
    server.serve(scenario.recording)
    environment = {
        # Both sides run from bytecode, as the packaged function does, wherever this runs.
        **{each: value for each, value in os.environ.items() if each != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(file.parent / "bytecode"),
    }
    if side == "ours":
        packaged = file.parent / "descriptions"
        if not packaged.is_dir():
            botocore_models.copy_short(packaged)
        environment[PACKAGED_DESCRIPTIONS] = str(packaged)
    ran = subprocess.run(
        [sys.executable, "-m", "bench.single_start", side, str(file)],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"{scenario.name}, {side}: {ran.stderr[-2000:]}")
    if server.unknown or server.served < len(scenario.recording.calls):
        raise RuntimeError(f"{scenario.name}, {side}: not what was recorded: {server.unknown}")
    initialised, invoked, told, megabytes = json.loads(ran.stdout.splitlines()[-1])
    if os.environ.get("SHOW_IMPORTS") and side == "ours":
        print(scenario.name, told)
    return Start(initialised, invoked, megabytes)


def compare(scenario: Scenario, folder: Path, server: Server, runs: int) -> tuple[Start, Start]:
    """Return the medians of both sides, run alternately."""
    file = folder / "scenario"
    file.write_bytes(scenario.written(server.tiktok_url))
    found: dict[str, list[Start]] = {"ours": [], "bare": []}
    for turn in range(runs + 1):
        for side in ("ours", "bare") if turn % 2 else ("bare", "ours"):
            each = start(side, scenario, file, server)
            if turn:  # the first ones write bytecode and fill the disk's cache
                found[side].append(each)
    ours, theirs = (
        Start(
            statistics.median(each.initialised for each in found[side]),
            statistics.median(each.invoked for each in found[side]),
        )
        for side in ("ours", "bare")
    )
    return ours, theirs


class Answers:
    """A recording's answers from memory, each operation's in turns."""

    def __init__(self, recording: Recording) -> None:
        headers: Any = HeadersDict({"Content-Type": "application/x-amz-json-1.0"})
        self._answers = {
            name: [AWSResponse("", 200, headers, Raw(told)) for told in bodies]
            for name, bodies in recording.bodies().items()
        }
        self.begin()

    def begin(self) -> None:
        self._left = {name: cycle(answers) for name, answers in self._answers.items()}

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        name = target.decode() if isinstance(target, bytes) else target
        return next(self._left[name.rpartition(".")[2]])


class Raw:
    """The body of an answer, which may be read again and again."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def warm(scenario: Scenario, bench: Bench) -> tuple[float, float]:
    """Return milliseconds of one warm request, ours and bare, as medians of blocks in turns."""
    handle = getattr(bench.app, scenario.handler)
    calls = [(each.service, each.operation, each.parameters) for each in scenario.warm.calls]
    plain = bare({"calls": calls, "requests": []}, warm=True)[2]
    answers = Answers(scenario.recording)
    bench.forget()

    def ours() -> None:
        require_success(scenario, handle(scenario.warm_event, Context()))

    def milliseconds(work: Callable[[], object]) -> float:
        answers.begin()
        begun = time.process_time()
        for _ in range(WARM_CALLS):
            work()
        return (time.process_time() - begun) / WARM_CALLS * 1000

    def send(_: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        return answers.send(request)

    # Programs are cached from the first request to the last, however busy this machine is.
    cached = patch("chalicelib.programs.service.CACHED_FOR", timedelta(days=1))
    with patch.object(URLLib3Session, "send", send), cached:
        require_success(scenario, handle(scenario.event, Context()))
        answers = Answers(scenario.warm)
        ours()
        plain()
        pairs = [(milliseconds(ours), milliseconds(plain)) for _ in range(WARM_BLOCKS)]
    own, theirs = zip(*pairs, strict=True)
    return statistics.median(own), statistics.median(theirs)


@click.command()
@click.option("--only", multiple=True, help="Only scenarios whose name contains one of these.")
@click.option("--runs", default=RUNS, show_default=True, help="Starts of each side.")
def main(only: tuple[str, ...], runs: int) -> None:
    """Compare the starts of all functions, and four warm requests, with plain handlers."""
    from chalicelib.foundation.logging import logger

    isolate_environment()
    missed = False
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as name:
        folder = Path(name)
        server = Server(folder)
        os.environ.update(environment(server))
        bench = Bench(server)
        bench.record()
        for each in logger.handlers:
            each.setLevel("ERROR")
        print(f"{'processor ms':38}{'init':>7}{'bare':>7}{'first':>7}{'bare':>7}   ratios")
        wanted = [
            each for each in bench.scenarios if not only or any(part in each.name for part in only)
        ]
        for scenario in wanted:
            ours, theirs = compare(scenario, folder, server, runs)
            whole, first = ours.whole / theirs.whole, ours.invoked / theirs.invoked
            over = max(whole, first) > MAX_RATIOS
            missed = missed or over
            figures = "".join(
                f"{each * 1000:7.0f}"
                for each in (
                    ours.initialised,
                    theirs.initialised,
                    ours.invoked,
                    theirs.invoked,
                )
            )
            words = " OVER" if over else ""
            print(f"{scenario.name:38}{figures}   whole {whole:.2f} first {first:.2f}{words}")
        for scenario in wanted:
            if scenario.warm_event and scenario.function == "api_handler":
                own, plain = warm(scenario, bench)
                over = own / plain > MAX_RATIOS
                missed = missed or over
                words = " OVER" if over else ""
                print(f"warm {scenario.name:33}{own:7.2f}{plain:7.2f}   {own / plain:.2f}{words}")
        server.close()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
