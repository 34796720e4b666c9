"""Cuts a video into the chunks of an upload: pure arithmetic by TikTok's documented rules.

A chunk has 5 to 64 MB, the last up to 128 MB; 1 to 1,000 chunks, strictly in order;
`total_chunk_count = floor(video_size / chunk_size)`, and the remainder rides on the last. With one
chunk `chunk_size` is the video's size. Where a megabyte may be a million bytes or 1024 * 1024,
the plan keeps to both. Uploads of several chunks have been refused at some accounts, while one
piece of up to 64,000,000 bytes is taken: so whatever fits into one piece goes in one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_CHUNK_BYTES = 64_000_000
MAX_CHUNKS = 1000
MAX_VIDEO_BYTES = MAX_CHUNK_BYTES * MAX_CHUNKS


@dataclass(frozen=True)
class ChunkPlan:
    """`count` chunks of `chunk_bytes` each; the last one also has the remainder."""

    size_bytes: int
    chunk_bytes: int
    count: int

    def end_of_chunk(self, byte: int) -> int:
        """Return the offset behind the chunk that holds this byte. Raises ValueError outside."""
        if not 0 <= byte < self.size_bytes:
            raise ValueError(f"byte {byte} is not in a video of {self.size_bytes} bytes")
        index = min(byte // self.chunk_bytes, self.count - 1)
        return self.size_bytes if index == self.count - 1 else (index + 1) * self.chunk_bytes

    def ranges(self, first_byte: int = 0) -> Iterator[tuple[int, int]]:
        """Yield the ranges to send from this byte on, as (first, last), last inclusive.

        The first range is the rest of a chunk if the upload was torn inside it.
        """
        while first_byte < self.size_bytes:
            end = self.end_of_chunk(first_byte)
            yield first_byte, end - 1
            first_byte = end


def plan_chunks(size_bytes: int) -> ChunkPlan:
    """Return a plan of the fewest chunks of equal size.

    Raises ValueError beyond 1 byte to 64,000,000,000.
    """
    if not 0 < size_bytes <= MAX_VIDEO_BYTES:
        raise ValueError(f"a video has 1 to {MAX_VIDEO_BYTES} bytes, not {size_bytes}")
    count = -(-size_bytes // MAX_CHUNK_BYTES)
    return ChunkPlan(size_bytes, size_bytes // count, count)
