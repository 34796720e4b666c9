"""Both eyes upon a file: its header over ranges first, then, unless that breaks a rule, all of it.

Most refusals end with the first eye, a few hundred KB read. The second eye needs the file on
this machine: it is fetched once, into a file without a name, of which nothing is left however
this process ends.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from chalicelib.videos import decode
from chalicelib.videos.child import Child
from chalicelib.videos.model import MAX_SIZE_BYTES, Examination, Playback, corrected, judge
from chalicelib.videos.probe import RangeReader

FIRST_EYE_GETS = 5
PIECE_BYTES = 9 * 1024 * 1024
"""A file of the size limit comes in six pieces: with the first eye's, eleven GETs at most."""


class Examiner:
    """Looks at files, one after another. `scratch` is where a file may lie meanwhile."""

    def __init__(
        self,
        ffprobe: str,
        *,
        scratch: Path | None = None,
        child: Child | None = None,
        watch: Callable[[str, IO[bytes], int], Playback] = decode.watch,
    ) -> None:
        self._ffprobe = ffprobe
        self._scratch = scratch
        self._child = child or Child()
        self._watch = watch

    def __call__(self, reader: RangeReader, size_bytes: int) -> Examination:
        """Examine a file of this size.

        Raises `CannotExamine` when that came to no end and may be tried again, and whatever
        reading the file raises.
        """
        if size_bytes > MAX_SIZE_BYTES:  # never fetched whole
            facts = self._child.examine(reader, size_bytes)
            return Examination(facts, judge(facts))
        with tempfile.TemporaryFile(dir=self._scratch) as scratch:
            copy = _Copy(reader, scratch)
            facts = self._child.examine(copy, size_bytes)
            problems = judge(facts)
            if problems:
                return Examination(facts, problems)
            playback = self._watch(self._ffprobe, copy.whole(), size_bytes)
        return Examination(corrected(facts, playback), judge(facts, playback), playback)

    def close(self) -> None:
        self._child.close()


class _Copy:
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
        if not self._complete and self._reader.gets >= FIRST_EYE_GETS:
            at = self._reader.tell()
            self.whole().seek(at)
        return self._source.read(size)

    def whole(self) -> IO[bytes]:
        """Fetch what the file is, once."""
        if not self._complete:
            for piece in self._reader.pieces(PIECE_BYTES):
                self._scratch.write(piece)
            self._scratch.flush()
            self._complete = True
        return self._scratch

    @property
    def _source(self) -> "RangeReader | IO[bytes]":
        return self._scratch if self._complete else self._reader
