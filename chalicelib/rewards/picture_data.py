"""Checks that a PNG or JPEG has as much data as its headers demand, without decoding it.

A PNG's are inflated and counted, so a cut or foreign one is told for sure. The codes of a JPEG's
scans are not decoded, which Python cannot do in time: tables, scans and restart markers have to fit
together, and a scan has to have the fewest bits that its blocks can take. A baseline scan without
restart markers that was cut later than that is taken.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field

from chalicelib.foundation.values import dataclass

MAX_SCANS = 100
"""Each scan of a progressive JPEG goes over all blocks again: this bounds what a phone decodes."""

_PIECE_BYTES = 32_768
_LAST_FILTER = 4
_MAX_HUFFMAN = 1_000
"""Tables; ten for each scan are plenty, and each takes time."""
_SAMPLES_BY_COLOUR_TYPE = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples per pixel by a PNG's colour type."""
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""First pixel and step of each pass of an interlaced PNG, in x and y."""

_PROGRESSIVE = 0xC2
_RESTART = 0xDD
_RESTART_MARKS = re.compile(rb"\xff([\xd0-\xd7])")
_BLOCK, _COEFFICIENTS = 8, 64
_MAX_SAMPLING, _MAX_TABLE, _MAX_SHIFT, _MAX_MCU_BLOCKS = 4, 3, 13, 10
_AC_TABLE_BIT = 0x10
"""In a Huffman table's key: it is one for AC coefficients."""


class DataBroken(ValueError):
    """The data are not those of a whole picture."""


def _require(holds: bool) -> None:
    if not holds:
        raise DataBroken


# PNG


@dataclass(frozen=True)
class PngHeader:
    """The description of the pixels in a PNG's header."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    def passes(self) -> Iterator[tuple[int, int]]:
        """Yield the bytes of a row, its filter's included, and how many rows, of each pass."""
        bits = self.depth * _SAMPLES_BY_COLOUR_TYPE[self.colour]
        for left, top, across, down in _ADAM7 if self.interlaced else ((0, 0, 1, 1),):
            columns = -(-(self.width - left) // across)
            rows = -(-(self.height - top) // down)
            if columns > 0 and rows > 0:
                yield 1 + -(-columns * bits // 8), rows


def check_png(header: PngHeader, packed: Iterable[bytes]) -> None:
    """Raise `DataBroken` unless the data inflate to exactly the rows that the header demands.

    Nothing is kept of what is inflated, and no more of it is than a piece beyond what is demanded.
    """
    passes = list(header.passes())
    demanded = sum(row * rows for row, rows in passes)
    inflater, done = zlib.decompressobj(), 0
    for piece in _pieces(packed):
        _require(not inflater.eof)
        given, more = piece, True
        while more:
            try:
                inflated = inflater.decompress(given, _PIECE_BYTES)
            except zlib.error as error:
                raise DataBroken from error
            _require(done + len(inflated) <= demanded)
            _check_filters(passes, inflated, done)
            done += len(inflated)
            given = inflater.unconsumed_tail
            more = bool(given) or len(inflated) == _PIECE_BYTES
    _require(done == demanded and inflater.eof and not inflater.unused_data)


def _pieces(packed: Iterable[bytes]) -> Iterator[bytes]:
    for each in packed:
        for at in range(0, len(each), _PIECE_BYTES):
            yield each[at : at + _PIECE_BYTES]


def _check_filters(passes: Sequence[tuple[int, int]], inflated: bytes, begun: int) -> None:
    """Check the filters of the rows that begin within what was inflated, from byte `begun` on."""
    at = -begun
    for row, rows in passes:
        end = at + row * rows
        if end > 0 and at < len(inflated):
            first = at if at >= 0 else at % row
            _require(max(inflated[first : max(end, 0) : row], default=0) <= _LAST_FILTER)
        at = end


# JPEG


@dataclass(frozen=True)
class _Component:
    across: int
    down: int
    quantization: int


@dataclass
class JpegScans:
    """Follows a JPEG's tables, its frame and its scans. Methods raise `DataBroken`.

    `IndexError` and `struct.error` mean the same.
    """

    _quantizations: set[int] = field(default_factory=set)
    _shortest: dict[int, int] = field(default_factory=dict)
    """The fewest bits that a coefficient takes, by Huffman table."""
    _restart: int = 0
    _progressive: bool = False
    _size: tuple[int, int] = (0, 0)
    _components: dict[int, _Component] = field(default_factory=dict)
    _missing: dict[int, list[int | None]] = field(default_factory=dict)
    """By component and coefficient how many of its lower bits have not come; None: nothing has."""
    _scans: int = 0
    _huffman: int = 0
    _too_few: bool = False

    def table(self, marker: int, held: bytes) -> None:
        """Take a segment with tables or with a number."""
        match marker:
            case 0xDB:  # DQT
                self._take_quantizations(held)
            case 0xC4:  # DHT
                self._take_huffman(held)
            case _:
                _require(len(held) == 2)  # noqa: PLR2004  one number
                if marker == _RESTART:
                    (self._restart,) = struct.unpack(">H", held)

    def _take_quantizations(self, held: bytes) -> None:
        at = 0
        while at < len(held):
            wide, table = divmod(held[at], 16)
            _require(wide <= 1 and table <= _MAX_TABLE)
            self._quantizations.add(table)
            at += 1 + _COEFFICIENTS * (1 + wide)
        _require(at == len(held))

    def _take_huffman(self, held: bytes) -> None:
        at = 0
        while at < len(held):
            key, counts = held[at], held[at + 1 : at + 17]
            self._huffman += 1
            _require(self._huffman <= _MAX_HUFFMAN)
            _require(key & ~_AC_TABLE_BIT <= _MAX_TABLE and len(counts) == 16)  # noqa: PLR2004  of 1 to 16 bits
            at += 17
            code, shortest = 0, 0
            for length, count in enumerate(counts, 1):
                code = 2 * code + count
                _require(not count or code < 1 << length)  # no code is all ones
                for symbol in held[at : at + count]:
                    bits = length + symbol % 16
                    shortest = min(shortest or bits, bits)
                at += count
            _require(shortest > 0)
            self._shortest[key] = shortest
        _require(at == len(held))

    def frame(self, marker: int, held: bytes) -> None:
        """Take the frame, of which there is one."""
        height, width, count = struct.unpack_from(">HHB", held, 1)
        _require(len(held) == 6 + 3 * count and not self._components)
        for at in range(6, len(held), 3):
            across, down = divmod(held[at + 1], 16)
            _require(1 <= across <= _MAX_SAMPLING and 1 <= down <= _MAX_SAMPLING)
            self._components[held[at]] = _Component(across, down, held[at + 2])
            self._missing[held[at]] = [None] * _COEFFICIENTS
        _require(len(self._components) == count)
        self._size = width, height
        self._progressive = marker == _PROGRESSIVE

    def scan(self, held: bytes, coded: bytes) -> None:
        """Take a scan's header and its data."""
        self._scans += 1
        count = held[0]
        _require(self._scans <= MAX_SCANS and len(held) == 4 + 2 * count)
        named = {held[at]: divmod(held[at + 1], 16) for at in range(1, 1 + 2 * count, 2)}
        _require(0 < count == len(named) and named.keys() <= self._components.keys())
        first, last, shifts = held[-3:]
        before, shift = divmod(shifts, 16)
        if self._progressive:
            _require(first <= last < _COEFFICIENTS and shift <= _MAX_SHIFT)
            _require(last == 0 if first == 0 else count == 1)
            _require(before in (0, shift + 1))
        else:
            first, last, before, shift = 0, _COEFFICIENTS - 1, 0, 0
        units, blocks = self._blocks(list(named))
        bits = 0
        for name, (dc, ac) in named.items():
            _require(self._components[name].quantization in self._quantizations)
            self._missing[name][first : last + 1] = [shift] * (last + 1 - first)
            if first == 0:
                bits += blocks[name] * (1 if before else self._shortest_of(dc))
            if last > 0:
                of_each = self._shortest_of(ac | _AC_TABLE_BIT)
                # A run of a progressive scan ends up to 32,767 blocks by one code.
                bits += 1 if self._progressive else blocks[name] * of_each
        marks = b"".join(_RESTART_MARKS.findall(coded))
        self._check_marks(marks, -(-units // self._restart) - 1 if self._restart else 0)
        given = len(coded) - coded.count(b"\xff\0") - 2 * len(marks)
        self._too_few |= 8 * given < bits

    def _shortest_of(self, table: int) -> int:
        _require(table in self._shortest)
        return self._shortest[table]

    def _check_marks(self, marks: bytes, wanted: int) -> None:
        """Check the restart markers of a scan; some encoders write one more behind the last."""
        _require(not marks or self._restart > 0)
        in_turn = (bytes(range(0xD0, 0xD8)) * (len(marks) // 8 + 1))[: len(marks)]
        _require(marks == in_turn)
        self._too_few |= not wanted <= len(marks) <= wanted + 1

    def _blocks(self, names: Sequence[int]) -> tuple[int, dict[int, int]]:
        """Return how many units a scan of these components has, and blocks of each component."""
        width, height = self._size
        most_across = max(each.across for each in self._components.values())
        most_down = max(each.down for each in self._components.values())
        if len(names) == 1:
            only = self._components[names[0]]
            columns = -(-width * only.across // (most_across * _BLOCK))
            rows = -(-height * only.down // (most_down * _BLOCK))
            return columns * rows, {names[0]: columns * rows}
        units = -(-width // (most_across * _BLOCK)) * -(-height // (most_down * _BLOCK))
        each_has = {
            name: self._components[name].across * self._components[name].down for name in names
        }
        _require(sum(each_has.values()) <= _MAX_MCU_BLOCKS)
        return units, {name: units * of_unit for name, of_unit in each_has.items()}

    def finish(self) -> None:
        """Check that all that a whole picture has was there."""
        _require(not self._too_few and self._scans > 0)
        _require(all(not any(each is None or each for each in m) for m in self._missing.values()))
