"""Measures each function's peak memory: `python -m bench.memory` writes bench/memory.json.

A function that `bench.scenarios` has a scenario for does its typical work in a process of its own,
with recorded answers; any other gets ready and imports all that the app has. Measured is the peak
of resident memory, on x86_64; Lambda's own runtime takes some 15 MB beside it. Work that grows has
its worst case from the bench that measures it (`LARGEST_WORK`).

Tests hold the memory in infra/functions.yaml against these figures, and the figures against a
process of their own.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from local.functions import declared
from local.home import PROJECT
from local.process_environment import isolate_environment
from local.template import declarations

FIGURES = PROJECT / "bench" / "memory.json"
RUNTIME_MB = 15
MEMORY_FACTOR = 2.0
"""A function's memory is at least this many times the measured peak plus Lambda's runtime."""
LARGEST_WORK: Mapping[str, tuple[int, str]] = {
    "videos_validate": (128, "a video's examiner, by its own limit (docs/videos.md)"),
    "performances_stage": (16, "a video of 50 MB on its way (`bench.staging`)"),
    "points_build_leaderboards": (160, "boards of 100,000 members (docs/data.md)"),
}
"""The memory of a function's largest work above the typical: MB, and where it was measured."""


def required_mb(figures: Mapping[str, float], function: str) -> float:
    """Return a function's peak memory in Lambda, in MB."""
    return figures[function] + LARGEST_WORK.get(function, (0, ""))[0] + RUNTIME_MB


def measure(only: Iterable[str] | None = None) -> dict[str, float]:
    """Return the peak memory of each function, or of those named, in MB."""
    from bench.recorded_cloud import Server  # noqa: PLC0415  the app reads its environment at import
    from bench.scenarios import Bench, Scenario, environment  # noqa: PLC0415  likewise
    from bench.starts import start  # noqa: PLC0415  likewise

    names = sorted(each.name for each in declared(declarations(PROJECT / "infra")))
    wanted = set(only or names)
    isolate_environment()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="greenroom-memory-") as folder:
        server = Server(Path(folder))
        os.environ.update(environment(server))
        try:
            bench = Bench(server)
            bench.record()
            file = Path(folder) / "scenario"
            for scenario in bench.scenarios:
                if scenario.function in wanted:
                    file.write_bytes(scenario.written(server.tiktok_url))
                    start("ours", scenario, file, server)  # writes bytecode
                    peak = start("ours", scenario, file, server).megabytes
                    found[scenario.function] = max(peak, found.get(scenario.function, 0))
            for name in wanted - set(found):
                ready = Scenario(name, name, None)
                file.write_bytes(ready.written(server.tiktok_url))
                start("modules", ready, file, server)
                found[name] = start("modules", ready, file, server).megabytes
        finally:
            server.close()
    return {name: round(found[name], 1) for name in names if name in found}


def kept() -> dict[str, float]:
    figures: dict[str, float] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return figures


@click.command()
@click.option("--show", multiple=True, metavar="FUNCTION", help="Measure this one, and print it.")
def main(show: tuple[str, ...]) -> None:
    """Measure all functions."""
    if show:
        click.echo(json.dumps(measure(show)))
        return
    figures = measure()
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    for each in declared(declarations(PROJECT / "infra")):
        most = required_mb(figures, each.name)
        click.echo(
            f"{each.name:40}{most:7.0f} MB of {each.memory:5}  {each.memory / most:.1f} times"
        )


if __name__ == "__main__":
    main()
