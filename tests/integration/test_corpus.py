"""Every file of the corpus gets the verdict it must get, and the documentation says so."""

import tempfile
from collections.abc import Iterator
from functools import cache

import pytest

from chalicelib.videos.child import LIMITS as FIRST_EYE
from chalicelib.videos.decode import LIMITS as SECOND_EYE
from chalicelib.videos.decode import watch
from tests.corpus import ffprobe
from tests.corpus.fixtures import CLIPS, FIXTURES, Fixture, clip
from tests.corpus.table import PAGE, table, with_table
from tests.corpus.verdicts import HASTY, Verdict, verdicts


@cache
def examined() -> dict[str, Verdict]:
    # All of them once, some at a time; the tests look each theirs up.
    return {each.fixture.name: each for each in verdicts(ffprobe.found(), FIXTURES)}


@pytest.fixture(scope="module", autouse=True)
def _forget_afterwards() -> Iterator[None]:
    yield
    examined.cache_clear()


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda fixture: fixture.name)
def test_a_file_gets_its_verdict(fixture: Fixture) -> None:
    verdict = examined()[fixture.name]
    assert verdict.problems == verdict.fixture.problems


def test_the_corpus_is_what_it_shall_be() -> None:
    names = [fixture.name for fixture in FIXTURES]
    assert len(set(names)) == len(names)
    assert sum(not fixture.problems for fixture in FIXTURES) >= 55
    assert sum(bool(fixture.problems) for fixture in FIXTURES) >= 75


def test_a_refusal_by_the_header_costs_little() -> None:
    for verdict in examined().values():
        if verdict.eye == "header":
            assert verdict.gets <= 3, verdict.fixture.name
            assert verdict.bytes_fetched <= 1_300_000, verdict.fixture.name


def test_no_file_keeps_anybody_busy_for_longer_than_the_limits() -> None:
    longest = FIRST_EYE.seconds + 2 * SECOND_EYE.seconds
    assert [each.fixture.name for each in examined().values() if each.seconds > longest] == []
    (endless,) = (each for each in examined().values() if each.eye == "neither")
    assert HASTY.seconds <= endless.seconds


PLAYLIST = (
    f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{CLIPS / 'demo.mp4'}\n#EXT-X-ENDLIST\n"
).encode()


@pytest.mark.parametrize(
    "content",
    [PLAYLIST, clip("animated.gif"), clip("picture.png"), clip("transport_stream.ts")],
    ids=["playlist", "gif", "png", "ts"],
)
def test_the_second_eye_sees_nothing_in_other_formats_nor_in_files_they_name(
    content: bytes,
) -> None:
    """Without its lists of what may be opened, ffprobe finds pictures in each of these."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        playback = watch(ffprobe.found(), file, len(content))
    assert (playback.frames, playback.decoded) == (0, 0)


def test_no_verdict_takes_more_than_twelve_gets() -> None:
    assert all(verdict.gets <= 12 for verdict in examined().values())


def test_the_page_about_videos_has_the_table_of_this_corpus() -> None:
    page = PAGE.read_text()
    assert with_table(page, table(list(examined().values()))) == page, (
        "python -m tests.corpus --write-docs"
    )
