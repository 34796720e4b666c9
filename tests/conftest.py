"""What all tests share: nothing here can reach an AWS account or a stack that somebody uses."""

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from chalicelib.foundation.logging import logger
from local.process_environment import isolate_environment

# How long an example takes says something about the machine, never about the code.
settings.register_profile(
    "greenroom", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("greenroom")
isolate_environment()
for name in [name for name in os.environ if name.startswith("TIKTOK_")]:
    del os.environ[name]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stack-home",
        type=Path,
        default=None,
        help="use the stack of this folder, starting it if need be, and leave it running",
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave modules and collected tests, which live to the end, out of all garbage collections.

    Looking at them again and again took a tenth of the processor time of the unit tests.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def clips() -> Path:
    """The folder of test videos."""
    return Path(__file__).parent / "clips"


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Capture our logger's records too: it hands nothing on, for Lambda would write it twice."""
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
