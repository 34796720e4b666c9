"""Looking into a video without fetching it whole: ranges of it, and MediaInfo over them."""

import html
import io
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from chalicelib.videos import boxes, webm
from chalicelib.videos.model import CONTAINERS, LENGTH_TOLERANCE_SECONDS, IndexFlaw, VideoFacts

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
    `bytes_fetched` count what it cost. Whatever `fetch` raises passes through; a fetch that
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
            yield self._get(start, start + piece_bytes)

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
            run = self._get(index * self._block_bytes, stop * self._block_bytes)
            for offset in range(0, len(run), self._block_bytes):
                block = run[offset : offset + self._block_bytes]
                self._keep(index + offset // self._block_bytes, block)
                yield block
            index = stop

    def _get(self, start: int, end: int) -> bytes:
        end = min(end, self.size_bytes)
        content = self._fetch(start, end)
        self.gets += 1
        self.bytes_fetched += len(content)
        if len(content) != end - start:
            raise OSError(f"asked for {end - start} bytes at {start}, got {len(content)}")
        return content

    def _keep(self, index: int, block: bytes) -> None:
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


# MediaInfo looks at frames until it is content, up to megabytes of dense video, though all the
# rules need stands in the headers. What the first helping leaves open, the second may settle
# (an index larger than that); beyond it nothing does.
_FIRST_HELPING_BYTES = 512 * 1024
_SECOND_HELPING_BYTES = 16 * 1024 * 1024

# MediaInfo's answer is taken apart by pattern, not as XML: other people's titles and tags are in
# it too, and must neither make it unreadable nor be taken for the facts. Values are escaped, and
# what a file may name itself stands under `extra`. (A template of the wanted values alone would
# be neater, but MediaInfo never returns from it when a value has a percent sign.)
_TRACK = re.compile(r'<track type="(\w+)"[^>]*>(.*?)(?:<extra>.*?)?</track>', re.DOTALL)
_VALUE = re.compile(r"^<(\w+)>([^<\n]*)</\1>$", re.MULTILINE)

_CODECS = {"AVC": "h264", "HEVC": "h265", "VP8": "vp8", "VP9": "vp9"}

# What an MP4 calls itself or, under its maker's own brand, says it is compatible with.
_MP4_BRANDS = frozenset(
    ("isom", "mp41", "mp42", "mp71", "avc1", "dash", "msdh", "msix", "cmfc", "cmf2", "cmff", "MSNV")
) | frozenset(f"iso{version}" for version in "23456789abc")

# Its relatives, by how their brand begins: whatever they are compatible with, they are not MP4.
_RELATIVES = {
    "qt": "mov",
    "3g": "3gp",
    "M4V": "m4v",
    "M4A": "m4a",
    "M4B": "m4a",
    "M4P": "m4a",
    "mj": "mj2",
    "hei": "heif",
    "hev": "heif",
    "mif": "heif",
    "msf": "heif",
    "avi": "avif",
}

_Track = dict[str, str]


def examine(file: webm.SeekableFile, size_bytes: int) -> VideoFacts:
    """What MediaInfo sees in a file, whatever the file is: nonsense gives facts, no exception.

    Only what reading the file raises is raised (ObjectChanged, an AWS error). It knows nothing
    of frames: media data that is missing or damaged looks whole to it.
    """
    if flaw := boxes.index_flaw(file, size_bytes):
        # MediaInfo would believe the index, and be busy with it for minutes.
        return VideoFacts(size_bytes=size_bytes, container="mp4", index_flaw=flaw)
    file.seek(0)
    facts = _ask(file, size_bytes, _FIRST_HELPING_BYTES)
    if facts.container not in CONTAINERS or _settled(facts):
        return facts
    if facts.container == "mp4" or not facts.has_video:
        facts = _ask(file, size_bytes, _SECOND_HELPING_BYTES)
    if facts.container == "webm":
        seen = webm.timing(file, size_bytes)
        if facts.has_video and seen.empty:
            return VideoFacts(size_bytes=size_bytes, container="webm", index_flaw=IndexFlaw.MISSING)
        facts = replace(
            facts,
            duration_seconds=facts.duration_seconds or seen.seconds,
            frame_rate=facts.frame_rate or seen.frame_rate,
        )
    return facts


def _settled(facts: VideoFacts) -> bool:
    return facts.has_video and None not in (
        facts.codec,
        facts.duration_seconds,
        facts.width,
        facts.height,
        facts.frame_rate,
    )


class _Helping:
    """At most so many bytes of a file, so that no file keeps MediaInfo reading for ever.

    MediaInfo is told of a failing read as of an end of file, for pymediainfo frees what it
    holds only when it comes to its end; the failure is kept for afterwards.
    """

    def __init__(self, file: webm.SeekableFile, limit: int) -> None:
        self.failure: Exception | None = None
        self._file = file
        self._left = limit

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int) -> bytes:
        if self._left <= 0 or self.failure:
            return b""
        try:
            content = self._file.read(min(size, self._left)) or b""
        except Exception as error:  # noqa: BLE001  raised again by _ask
            self.failure = error
            return b""
        self._left -= len(content)
        return content


def _ask(file: webm.SeekableFile, size_bytes: int, limit: int) -> VideoFacts:
    from pymediainfo import MediaInfo

    helping = _Helping(file, limit)
    try:
        answer = MediaInfo.parse(helping, parse_speed=0, output="XML", full=False)
    except (ValueError, RuntimeError):  # an answer that is no text says nothing
        answer = ""
    if helping.failure:
        raise helping.failure
    return _facts(answer or "", size_bytes)


def _facts(answer: str, size_bytes: int) -> VideoFacts:
    tracks: dict[str, list[_Track]] = {}
    for kind, content in _TRACK.findall(answer):
        # The first of two values with one name is MediaInfo's own.
        values = {name: html.unescape(value) for name, value in reversed(_VALUE.findall(content))}
        tracks.setdefault(kind, []).append(values)
    whole = tracks.get("General", [{}])[0]
    facts = VideoFacts(
        size_bytes=size_bytes,
        container=_container(whole),
        duration_seconds=_number(whole, "Duration"),
        has_audio="Audio" in tracks,
    )
    if "Video" not in tracks:
        return facts
    video = tracks["Video"][0]
    name = video.get("Format", "")
    width, height = _displayed(video)
    return replace(
        facts,
        has_video=True,
        codec=_CODECS.get(name, name.lower() or None),
        duration_seconds=_length(_number(video, "Duration"), facts.duration_seconds),
        width=width,
        height=height,
        frame_rate=_number(video, "FrameRate"),
    )


def _container(general: _Track) -> str | None:
    """Its name by content. The MPEG-4 family tells itself apart by brands alone.

    MediaInfo knows some of the brands and takes any other one for a format of its own.
    """
    name, brand = general.get("Format", "").lower(), general.get("CodecID", "").strip()
    if name == "quicktime":
        return "mov"
    if name != "mpeg-4" and name.strip() != brand.lower():
        return name or None
    for beginning, relative in _RELATIVES.items():
        if brand.startswith(beginning):
            return relative
    brands = {brand, *general.get("CodecID_Compatible", "").split("/")}
    return "mp4" if brands & _MP4_BRANDS else brand.lower() or name or None


def _displayed(video: _Track) -> tuple[int | None, int | None]:
    width, height = _number(video, "Width"), _number(video, "Height")
    if not width or not height:
        return None, None
    shape = _number(video, "PixelAspectRatio") or 1.0
    if not math.isclose(shape, 1.0, abs_tol=0.01):  # nearer than that it is rounding
        width *= shape
    if round(_number(video, "Rotation") or 0) % 180 == 90:  # noqa: PLR2004  a quarter turn
        width, height = height, width
    return round(width), round(height)


def _length(video: float | None, whole: float | None) -> float | None:
    """How long it plays: the picture, unless something else goes on for noticeably longer."""
    if video is None or whole is None:
        return whole if video is None else video
    return whole if whole - video > LENGTH_TOLERANCE_SECONDS else video


def _number(track: _Track, name: str) -> float | None:
    try:
        value = float(track.get(name, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
