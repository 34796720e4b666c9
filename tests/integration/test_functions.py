"""A function whose settings are not right does not start."""

import os
import subprocess
import sys

import pytest

from local.home import PROJECT


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"FUNCTION": "programs_relay"}, "SettingMissing: The setting EVENT_BUS is missing"),
        (
            {
                "FUNCTION": "performances_queue_and_relay",
                "EVENT_BUS": "bus",
                "STAGING_QUEUE_URL": "queue",
            },
            "STAGING_QUEUE_URL is no http(s) address",
        ),
    ],
)
def test_importing_the_app_stops_a_function_whose_settings_are_not_right(
    environment: dict[str, str], told: str
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "import app"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert told in ran.stderr.splitlines()[-1]
