"""What all tests share: nothing here can reach an AWS account or a stack that somebody uses."""

import os
from pathlib import Path

import pytest

from local.surroundings import keep_to_this_machine

keep_to_this_machine()
for name in [name for name in os.environ if name.startswith("TIKTOK_")]:
    del os.environ[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack-home",
        type=Path,
        default=None,
        help="use the stack of this folder, starting it if need be, and leave it running",
    )


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of test videos."""
    return Path(__file__).parent / "clips"
