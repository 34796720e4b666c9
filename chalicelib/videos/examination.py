"""Examines a file in two steps: its header by ranges first, then all of it, unless that settles it.

Most refusals end with the first look, a few hundred KB read. The second look needs the file on
this machine: it is fetched once, into a file without a name, of which nothing is left however
this process ends.
"""

import tempfile
from pathlib import Path
from typing import IO, Protocol

from chalicelib.videos.examination_process import ExaminationProcess
from chalicelib.videos.model import (
    MAX_SIZE_BYTES,
    Examination,
    Playback,
    VideoFacts,
    broken_rules,
    is_verdict_settled,
    with_playback_facts,
)
from chalicelib.videos.ranges import RangeReader
from chalicelib.videos.webm import SeekableFile

MAX_HEADER_GETS = 5
FETCH_BYTES = 9 * 1024 * 1024
"""A file of the size limit comes in six pieces: with the first look's, eleven GETs at most."""


class Probes(Protocol):
    """Both steps; `ExaminationProcess` takes them in a process of its own."""

    def read_header(self, file: SeekableFile, size_bytes: int) -> VideoFacts: ...
    def examine_playback(self, ffprobe: str, file: IO[bytes], size_bytes: int) -> Playback: ...
    def close(self) -> None: ...


class Examiner:
    """Examines files, one after another. `scratch` is where a file may lie meanwhile."""

    def __init__(
        self, ffprobe: str, *, scratch: Path | None = None, probes: Probes | None = None
    ) -> None:
        self._ffprobe = ffprobe
        self._scratch = scratch
        self.probes = probes or ExaminationProcess()

    def __call__(self, reader: RangeReader, size_bytes: int) -> Examination:
        """Examine a file of this size.

        Raises `CannotExamine` when that came to no end and may be tried again, `LimitExceeded`
        when it would come to none again, and whatever reading the file raises.
        """
        if size_bytes > MAX_SIZE_BYTES:  # never fetched whole
            facts = self.probes.read_header(reader, size_bytes)
            return Examination(facts, broken_rules(facts))
        with tempfile.TemporaryFile(dir=self._scratch) as scratch:
            copy = _CopyOnDemand(reader, scratch)
            facts = self.probes.read_header(copy, size_bytes)
            problems = broken_rules(facts)
            if is_verdict_settled(problems):
                return Examination(facts, problems)
            playback = self.probes.examine_playback(self._ffprobe, copy.whole(), size_bytes)
        return Examination(
            with_playback_facts(facts, playback), broken_rules(facts, playback), playback
        )

    def close(self) -> None:
        self.probes.close()


class _CopyOnDemand:
    """A file read by ranges until it is needed whole, or until ranges cost more than that."""

    def __init__(self, reader: RangeReader, scratch: IO[bytes]) -> None:
        self._reader = reader
        self._scratch = scratch
        self._complete = False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def read(self, size: int = -1, /) -> bytes | None:
        if not self._complete and self._reader.gets >= MAX_HEADER_GETS:
            at = self._reader.tell()
            self.whole().seek(at)
        return self._source.read(size)

    def whole(self) -> IO[bytes]:
        """Fetch what the file is, once."""
        if not self._complete:
            for piece in self._reader.pieces(FETCH_BYTES):
                self._scratch.write(piece)
            self._scratch.flush()
            self._complete = True
        return self._scratch

    @property
    def _source(self) -> "RangeReader | IO[bytes]":
        return self._scratch if self._complete else self._reader
