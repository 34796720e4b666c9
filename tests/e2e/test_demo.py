"""The demo's walk through the deployed stack, with videos that pass and files that do not."""

from pathlib import Path

import pytest

from local import demo
from local.demo import DONE, REFUSED, Result
from local.stack import RunningStack
from tests.corpus.fixtures import FIXTURES
from tests.e2e.deployed_stack import DeployedStack

LARGEST_BYTES = 52_428_800


@pytest.mark.parametrize("name", ["demo.mp4", "demo.webm"])
def test_a_good_video_becomes_an_activity_in_the_feed(
    stack: RunningStack, clips: Path, name: str
) -> None:
    result = Result()
    assert demo.run_steps(stack, clips / name, result) == DONE
    assert result.upload_status == "valid"
    assert result.activity_status == "active"
    assert result.problems == []
    assert result.sent_bytes == (clips / name).stat().st_size
    assert "find_in_feed" in result.seconds


@pytest.mark.parametrize(
    "name",
    [
        *("playlist.mp4", "index_lost.mp4"),
        *("says_four.mp4", "zeros_middle.mp4", "cut_90.0.webm"),
    ],
)
def test_a_bad_file_gets_over_http_the_verdict_it_gets_in_the_corpus(
    stack: RunningStack, tmp_path: Path, name: str
) -> None:
    (fixture,) = (each for each in FIXTURES if each.name == name)
    video = tmp_path / name
    video.write_bytes(fixture.make())
    result = Result()
    assert demo.run_steps(stack, video, result) == REFUSED
    assert result.upload_status == "rejected"
    assert result.problems == list(fixture.problems)
    assert result.activity_status is None


@pytest.mark.parametrize(
    ("size", "problem"), [(0, "empty_file"), (LARGEST_BYTES + 1, "file_too_large")]
)
def test_a_size_the_form_refuses_is_a_refused_video(
    stack: RunningStack, deployed: DeployedStack, tmp_path: Path, size: int, problem: str
) -> None:
    video = tmp_path / "video.mp4"
    with video.open("wb") as stream:
        stream.truncate(size)
    result = Result()
    with deployed.not_recording():
        assert demo.run_steps(stack, video, result) == REFUSED
    assert result.problems == [problem]
