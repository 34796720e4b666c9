"""The console's rules that need no browser: types, words, times, polling, sending once."""

import subprocess

from local import console
from local.home import PROJECT

MINUTES_ENOUGH = 300


def test_types_and_rules_of_the_console_hold() -> None:
    console.build(print)  # installs what the rules are run with
    npm, environment = console.npm()
    ran = subprocess.run(
        [*npm, "test"],
        cwd=PROJECT / console.SOURCES,
        env=environment,
        capture_output=True,
        text=True,
        timeout=MINUTES_ENOUGH,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
