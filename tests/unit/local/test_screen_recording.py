"""How long each frame of a film is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import screen_recording
from local.failure import Failure
from local.screen_recording import LAST_SECONDS, LONGEST_SECONDS, SHORTEST_SECONDS, display_seconds


def test_a_frame_stays_until_the_next_one_comes_and_waits_are_cut_short() -> None:
    assert display_seconds([10.0, 10.5, 40.0, 40.001]) == [
        0.5,
        LONGEST_SECONDS,
        SHORTEST_SECONDS,
        LAST_SECONDS,
    ]
    assert display_seconds([]) == []


@given(st.lists(st.floats(0, 1e6), max_size=40).map(sorted))
def test_every_frame_is_shown_for_a_time_that_can_be_seen_and_waited_for(
    times: list[float],
) -> None:
    shown = display_seconds(times)
    assert len(shown) == len(times)
    assert all(SHORTEST_SECONDS <= each <= LONGEST_SECONDS for each in shown)


def test_a_machine_without_ffmpeg_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Failure) as failed:
        screen_recording.encoder()
    assert "apt-get install ffmpeg" in failed.value.next_step
