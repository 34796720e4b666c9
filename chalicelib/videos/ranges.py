"""A stored object as a file that is read by ranges, and that must not change meanwhile."""

import io
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from mypy_boto3_s3 import S3Client

BLOCK_BYTES = 256 * 1024
CACHED_BLOCKS = 16
"""4 MiB: MediaInfo goes back and forth between a file's two ends, seldom further."""


class ObjectChanged(Exception):
    """The object is no longer the one that was to be read: replaced or gone."""


class RangeReader(io.RawIOBase):
    """A seekable, read-only file over something that can fetch ranges.

    `fetch(start, end)` returns the bytes from start up to, not including, end. It is asked for
    whole blocks, for neighbouring ones at once; the last `cached_blocks` are kept. `gets` and
    `bytes_fetched` count what it cost. Exceptions of `fetch` pass through; a fetch that
    brings fewer bytes than asked for is an OSError.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], bytes],
        size_bytes: int,
        *,
        block_bytes: int = BLOCK_BYTES,
        cached_blocks: int = CACHED_BLOCKS,
    ) -> None:
        super().__init__()
        self.size_bytes = size_bytes
        self.gets = 0
        self.bytes_fetched = 0
        self._fetch = fetch
        self._block_bytes = block_bytes
        self._cached_blocks = cached_blocks
        self._cache: OrderedDict[int, bytes] = OrderedDict()
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size_bytes}[whence]
        if base + offset < 0:
            raise ValueError(f"negative position {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self.size_bytes - self._at))
        if not wanted:
            return 0
        first, skip = divmod(self._at, self._block_bytes)
        last = (self._at + wanted - 1) // self._block_bytes
        filled = 0
        for block in self._blocks(first, last):
            piece = block[skip : skip + wanted - filled]
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            skip = 0
        self._at += filled
        return filled

    def pieces(self, piece_bytes: int) -> Iterator[bytes]:
        """Fetch all of it from the beginning, piece by piece, none of which is kept."""
        for start in range(0, self.size_bytes, piece_bytes):
            yield self._fetch_counted(start, start + piece_bytes)

    def _blocks(self, first: int, last: int) -> Iterator[bytes]:
        index = first
        while index <= last:
            if index in self._cache:
                self._cache.move_to_end(index)
                yield self._cache[index]
                index += 1
                continue
            stop = index + 1
            while stop <= last and stop not in self._cache:
                stop += 1
            run = self._fetch_counted(index * self._block_bytes, stop * self._block_bytes)
            for offset in range(0, len(run), self._block_bytes):
                block = run[offset : offset + self._block_bytes]
                self._cache_block(index + offset // self._block_bytes, block)
                yield block
            index = stop

    def _fetch_counted(self, start: int, end: int) -> bytes:
        end = min(end, self.size_bytes)
        content = self._fetch(start, end)
        self.gets += 1
        self.bytes_fetched += len(content)
        if len(content) != end - start:
            raise OSError(f"asked for {end - start} bytes at {start}, got {len(content)}")
        return content

    def _cache_block(self, index: int, block: bytes) -> None:
        self._cache[index] = block
        while len(self._cache) > self._cached_blocks:
            self._cache.popitem(last=False)


def s3_reader(client: "S3Client", bucket: str, key: str, etag: str, size_bytes: int) -> RangeReader:
    """Read one state of one S3 object, `size_bytes` long, by ranges.

    Every request is conditional on `etag` (with or without its quotes), so all that is read is
    of one piece; ObjectChanged is raised by the read that finds another object or none.
    """
    quoted = f'"{etag.strip('"')}"'

    def fetch(start: int, end: int) -> bytes:
        try:
            answer = client.get_object(
                Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}", IfMatch=quoted
            )
            return answer["Body"].read()
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "412", "NoSuchKey"):
                raise ObjectChanged(f"s3://{bucket}/{key} is not {etag} any more") from error
            raise

    return RangeReader(fetch, size_bytes)
