"""A chunk plan keeps to every documented rule, whichever megabyte TikTok means."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.tiktok.chunks import (
    MAX_CHUNK_BYTES,
    MAX_CHUNKS,
    MAX_VIDEO_BYTES,
    ChunkPlan,
    plan_chunks,
)

MIN_CHUNK_BYTES = 5 * 1024 * 1024
MAX_LAST_CHUNK_BYTES = 128_000_000

# Around every whole number of pieces, as well as anywhere.
SIZES = st.one_of(
    st.integers(1, MAX_VIDEO_BYTES),
    st.integers(1, 6 * MAX_CHUNK_BYTES),
    st.builds(
        lambda pieces, more: pieces * MAX_CHUNK_BYTES + more,
        st.integers(1, MAX_CHUNKS - 1),
        st.integers(-1001, 1001),
    ),
    st.sampled_from([1, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES + 1, MAX_VIDEO_BYTES]),
)


def sizes_of_chunks(chunks: ChunkPlan) -> list[int]:
    return [last - first + 1 for first, last in chunks.ranges()]


def test_the_limits_are_those_that_tiktok_documents() -> None:
    assert (MAX_CHUNK_BYTES, MAX_CHUNKS) == (64_000_000, 1000)
    assert MAX_VIDEO_BYTES == 64_000_000_000
    assert plan_chunks(1) == ChunkPlan(1, 1, 1)
    assert plan_chunks(128_000_001) == ChunkPlan(128_000_001, 42_666_667, 3)


@given(SIZES)
def test_a_plan_keeps_the_documented_rules(size_bytes: int) -> None:
    chunks = plan_chunks(size_bytes)
    sizes = sizes_of_chunks(chunks)
    assert len(sizes) == chunks.count
    assert 1 <= chunks.count <= MAX_CHUNKS
    assert chunks.count == size_bytes // chunks.chunk_bytes
    assert all(size == chunks.chunk_bytes for size in sizes[:-1])
    assert chunks.chunk_bytes <= MAX_CHUNK_BYTES
    assert chunks.chunk_bytes <= sizes[-1] <= MAX_LAST_CHUNK_BYTES
    if chunks.count == 1:
        assert chunks.chunk_bytes == size_bytes
    else:
        assert chunks.chunk_bytes >= MIN_CHUNK_BYTES


@given(SIZES)
def test_a_video_that_fits_into_one_chunk_is_sent_in_one(size_bytes: int) -> None:
    assert (plan_chunks(size_bytes).count == 1) == (size_bytes <= MAX_CHUNK_BYTES)


@given(SIZES)
def test_chunks_follow_each_other_without_gap_or_overlap(size_bytes: int) -> None:
    at = 0
    for first, last in plan_chunks(size_bytes).ranges():
        assert first == at
        assert last >= first
        at = last + 1
    assert at == size_bytes


@given(SIZES, st.data())
def test_a_torn_upload_goes_on_to_the_end_of_its_chunk(
    size_bytes: int, data: st.DataObject
) -> None:
    chunks = plan_chunks(size_bytes)
    torn_at = data.draw(st.integers(0, size_bytes - 1))
    whole, rest = list(chunks.ranges()), list(chunks.ranges(torn_at))
    assert rest[0] == (torn_at, next(last for first, last in whole if last >= torn_at))
    assert rest[1:] == whole[len(whole) - len(rest) + 1 :]
    assert chunks.end_of_chunk(torn_at) == rest[0][1] + 1


@given(st.integers(), SIZES)
def test_outside_a_video_there_is_no_chunk(byte: int, size_bytes: int) -> None:
    assume(not 0 <= byte < size_bytes)
    with pytest.raises(ValueError, match=f"byte {byte} is not in a video of {size_bytes} bytes"):
        plan_chunks(size_bytes).end_of_chunk(byte)
    assert byte < 0 or list(plan_chunks(size_bytes).ranges(byte)) == []


@pytest.mark.parametrize("size_bytes", [-1, 0, MAX_VIDEO_BYTES + 1])
def test_a_video_has_a_size_that_can_be_sent(size_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 64000000000 bytes, not {size_bytes}"):
        plan_chunks(size_bytes)
