"""Every file of the corpus gets the verdict it must get, and the documentation says so."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from chalicelib.videos.playback import examine_playback
from local.home import PROJECT
from tests.corpus import ffprobe
from tests.corpus.fixtures import CLIPS, FIXTURES, Fixture, clip, noise
from tests.corpus.table import PAGE, table, with_table
from tests.corpus.verdicts import Verdict, verdicts

UHD = ("uhd_phone.mp4", "uhd_editor.mp4")
HUGE = (
    *("huge_hevc_ten_bit.mp4", "huge_hevc_422.mp4", "huge_hevc_square.mp4"),
    *("huge_h264_ten_bit.mp4", "huge_h264_422.mp4", "huge_vp9_ten_bit.mp4", "many_references.mp4"),
)
HOSTILE = (
    *("many_edits.mp4", "samples_on_each_other.mp4", "laces_of_nothing.webm"),
    *("many_boxes.mp4", "many_elements.webm", "tiny_units.mp4", "packed_index.mp4"),
    *("promised_pictures.mp4",),
)


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
        if verdict.look == "header":
            assert verdict.gets <= 3, verdict.fixture.name
            assert verdict.bytes_fetched <= 1_300_000, verdict.fixture.name


MOST_SECONDS = 20
"""Of a processor, for one verdict: far below the limits, which end what never ends."""


def test_no_file_keeps_a_processor_busy_for_long() -> None:
    assert [each.fixture.name for each in examined().values() if each.seconds > MOST_SECONDS] == []
    assert [each.fixture.name for each in examined().values() if each.look == "neither"] == [
        "times_hidden.mp4",
        "promised_pictures.mp4",
        "many_places.mp4",
        "many_titles.mp4",
        "many_defaults.mp4",
        "many_cues.webm",
        "heads_in_media_indexed.mp4",
    ]


MOST_BYTES = 128 * 1024 * 1024
LOOKING = """
import json, resource, sys
from chalicelib.videos.limited_process import allow_growth, limit_this_process
from chalicelib.videos.examination_process import HEADER_GROWTH_BYTES, HEADER_LIMITS
from chalicelib.videos.playback import examine_playback
from chalicelib.videos.probe import read_header

def own():
    with open("/proc/self/status") as status:
        [kilobytes] = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    return kilobytes

with open(sys.argv[2], "r+b") as file:
    size = file.seek(0, 2)
    allow_growth(HEADER_GROWTH_BYTES, HEADER_LIMITS)
    read_header(file, size)
    first = own()
    limit_this_process(HEADER_LIMITS)
    try:
        found = examine_playback(sys.argv[1], file, size)
        told = [found.tried, found.decoded, found.damaged]
    except Exception as error:
        told = [type(error).__name__]
theirs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"told": told, "bytes": max(first, own() + theirs) * 1024}))
"""
"""What a process of its own does to a file. It says what it held at most at the first look, or it
and ffprobe at the second: more than they ever held at a time."""


def looked_at(content: bytes, folder: Path) -> dict[str, Any]:
    file = folder / "video"
    file.write_bytes(content)
    command = [sys.executable, "-c", LOOKING, ffprobe.found(), str(file)]
    ran = subprocess.run(command, check=True, capture_output=True, cwd=PROJECT)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


needs_lean_ffprobe = pytest.mark.skipif(
    b"--disable-all"
    not in subprocess.run([ffprobe.found(), "-version"], check=True, capture_output=True).stdout
    or not Path("/proc/self/status").exists(),
    reason="only the ffprobe of the media layer is as small as that, and only Linux tells",
)


@needs_lean_ffprobe
@pytest.mark.parametrize("name", ["full_hd.mp4", "widest.mp4", *UHD, *HUGE])
def test_pictures_of_any_size_are_decoded_in_128_megabytes(name: str, tmp_path: Path) -> None:
    found = looked_at(clip(name), tmp_path)
    tried, decoded, damaged = found["told"]
    assert decoded == tried > 0
    assert not damaged
    assert found["bytes"] <= MOST_BYTES


@needs_lean_ffprobe
@pytest.mark.parametrize("name", HOSTILE)
def test_files_made_to_need_memory_get_no_more_than_128_megabytes(
    name: str, tmp_path: Path
) -> None:
    [fixture] = [each for each in FIXTURES if each.name == name]
    assert looked_at(fixture.make(), tmp_path)["bytes"] <= MOST_BYTES


@pytest.mark.parametrize("name", [*UHD, *HUGE])
@pytest.mark.parametrize("key", [True, False], ids=["key frame", "between key frames"])
def test_a_damaged_packet_is_seen_where_memory_is_for_few_pictures(name: str, key: bool) -> None:
    content = clip(name)
    place = next(place for place, is_key in packets_of(name)[20:] if is_key is key)
    hurt = content[: place.start] + noise(len(place)) + content[place.stop :]
    with tempfile.TemporaryFile() as file:
        file.write(hurt)
        file.flush()
        found = examine_playback(ffprobe.found(), file, len(hurt))
    assert found.damaged or found.decoded < found.tried


def packets_of(name: str) -> list[tuple[range, bool]]:
    """Return where the packets of a clip lie in it, and whether they are key frames."""
    entries = "packet=pos,size,flags"
    command = [ffprobe.found(), "-v", "error", "-select_streams", "v", "-show_entries", entries]
    listed = subprocess.run(
        [*command, "-of", "json", str(CLIPS / name)], check=True, capture_output=True
    )
    return [
        (range(int(each["pos"]), int(each["pos"]) + int(each["size"])), "K" in each["flags"])
        for each in json.loads(listed.stdout)["packets"]
    ]


PLAYLIST = (
    f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{CLIPS / 'demo.mp4'}\n#EXT-X-ENDLIST\n"
).encode()


@pytest.mark.parametrize(
    "content",
    [PLAYLIST, clip("animated.gif"), clip("picture.png"), clip("transport_stream.ts")],
    ids=["playlist", "gif", "png", "ts"],
)
def test_the_second_look_sees_nothing_in_other_formats_nor_in_files_they_name(
    content: bytes,
) -> None:
    """Without its lists of what may be opened, ffprobe finds pictures in each of these."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        playback = examine_playback(ffprobe.found(), file, len(content))
    assert (playback.frames, playback.decoded) == (0, 0)


def test_no_verdict_takes_more_than_twelve_gets() -> None:
    assert all(verdict.gets <= 12 for verdict in examined().values())


def test_the_page_about_videos_has_the_table_of_this_corpus() -> None:
    page = PAGE.read_text()
    assert with_table(page, table(list(examined().values()))) == page, (
        "python -m tests.corpus --write-docs"
    )
