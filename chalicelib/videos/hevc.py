"""Makes key frames of H.265 decodable alone, without memory for the pictures of an earlier group.

A key frame of an open group of pictures (CRA, BLA) names pictures before it: those that follow it
in the file, yet come before it on the screen, lean on them. A decoder that begins there makes a
grey picture for each, up to sixteen, only to leave out what leans on them. Written as an IDR
picture the same key frame names none: a few bits of its slice headers go, its data stay as they
are. (ITU-T H.265, 7.3.2 and 7.3.6.)

Leaves as it is what it cannot read, or what uses an extension unknown here; nothing raises.
"""

from collections.abc import Iterator, Sequence
from dataclasses import field

from chalicelib.foundation.values import dataclass
from chalicelib.videos.nal_units import (
    CHROMA_444,
    BitReader,
    UnreadableBits,
    add_emulation_prevention,
    nal_unit_ranges,
    remove_emulation_prevention,
)

_BLA, _IDR, _CRA = range(16, 19), 20, 21
_SPS, _PPS = 33, 34
_NAL_HEAD = 2
_I_SLICE = 2  # slice_type
_LENGTH_WIDTH_AT = 21  # of hvcC: the byte that ends in lengthSizeMinusOne
_CONFIGURATION_HEAD = 23  # bytes of hvcC before its lists of parameter sets
_MAX_PARAMETER_SET_BYTES = 4096
_MAX_SLICE_HEADER_BYTES = 4096
_MAX_REFERENCE_PICTURES = 16
_MAX_ENTRY_POINTS = 2048
_COEFFICIENTS, _LARGEST_MATRIX = 64, 3


ReferenceSet = tuple[tuple[int, ...], tuple[int, ...]]
"""Distances to earlier and to later pictures, the nearest first."""


@dataclass(frozen=True, slots=True)
class _SequenceParameters:
    """The fields of a sequence parameter set on which slice headers depend.

    `reference_sets`: of each, how far away the pictures are that it names. `long_term`: how many
    others it names for long; None if it cannot.
    """

    address_bits: int
    order_bits: int
    reference_sets: tuple[ReferenceSet, ...]
    long_term: int | None
    temporal: bool
    separate_planes: bool
    chroma: bool
    adaptive_offset: bool


@dataclass(frozen=True, slots=True)
class _PictureParameters:
    """The fields of a picture parameter set on which slice headers depend."""

    sequence: int
    dependent: bool
    output_flag: bool
    extra_bits: int
    chroma_offsets: bool
    chroma_lists: bool
    entry_points: bool
    across_slices: bool
    override: bool
    filter_disabled: bool
    extended: bool


@dataclass(slots=True)
class ParameterSets:
    """The parameter sets of a stream, and how many bytes the length of a NAL unit takes."""

    width: int = 4
    sequences: dict[int, _SequenceParameters] = field(default_factory=dict)
    pictures: dict[int, _PictureParameters] = field(default_factory=dict)

    def add_parameter_set(self, unit: bytes) -> None:
        """Take a NAL unit in, if it is a parameter set that can be read."""
        kind = unit[0] >> 1 & 0x3F if len(unit) > _NAL_HEAD else None
        if kind not in (_SPS, _PPS):
            return
        bits = BitReader(remove_emulation_prevention(unit[_NAL_HEAD:_MAX_PARAMETER_SET_BYTES])[0])
        try:
            if kind == _SPS:
                number, sequence = _read_sequence_parameters(bits)
                self.sequences[number] = sequence
            else:
                number, picture = _read_picture_parameters(bits)
                self.pictures[number] = picture
        except UnreadableBits:
            return


def parameter_sets(configuration: bytes) -> ParameterSets:
    """Read the parameter sets of a track from the content of its `hvcC` box."""
    told = configuration[_LENGTH_WIDTH_AT : _LENGTH_WIDTH_AT + 1]
    sets = ParameterSets(width=(told[0] & 3) + 1 if told else 4)
    at = _CONFIGURATION_HEAD
    for _ in range(configuration[at - 1] if len(configuration) >= at else 0):
        count = int.from_bytes(configuration[at + 1 : at + 3])
        at += 3
        for _ in range(min(count, 64)):
            length = int.from_bytes(configuration[at : at + 2])
            sets.add_parameter_set(configuration[at + 2 : at + 2 + length])
            at += 2 + length
    return sets


def has_references(sample: bytes, sets: ParameterSets) -> bool:
    """Return whether a key frame refers to other pictures; True if unknown."""
    for start, end in _base_units(sample, sets.width):
        unit = sample[start:end]
        sets.add_parameter_set(unit)
        kind = unit[0] >> 1 & 0x3F
        if kind in _BLA or kind == _CRA:
            try:
                return _read_slice_header(unit, kind, sets).named > 0
            except UnreadableBits:
                return True
    return False


def as_idr_picture(sample: bytes, sets: ParameterSets) -> bytes | None:
    """Return a key frame of an open group, as an IDR picture of the same number of bytes.

    None if it is none, or cannot be read.
    """
    made = bytearray(sample)
    changed = False
    for start, end in _base_units(sample, sets.width):
        unit = sample[start:end]
        sets.add_parameter_set(unit)
        kind = unit[0] >> 1 & 0x3F
        if kind in _BLA or kind == _CRA:
            try:
                written = _as_idr_unit(unit, kind, sets)
            except UnreadableBits:
                return None
            if len(written) > len(unit):
                return None
            # Zeros after a NAL unit belong to it and mean nothing.
            made[start:end] = written.ljust(len(unit), b"\0")
            changed = True
    return bytes(made) if changed else None


def _base_units(sample: bytes, width: int) -> Iterator[tuple[int, int]]:
    """Yield where NAL units of the base layer begin and end."""
    for start, end in nal_unit_ranges(sample, width):
        if end - start >= _NAL_HEAD and not (sample[start] & 1 or sample[start + 1] >> 3):
            yield start, end


@dataclass(frozen=True, slots=True)
class _SliceHeader:
    """Places of bits in a slice header: of what an IDR picture lacks, and of its end."""

    begin: int
    until: int
    end: int
    named: int


def _as_idr_unit(unit: bytes, kind: int, sets: ParameterSets) -> bytes:
    header = _read_slice_header(unit, kind, sets)
    plain, guards = remove_emulation_prevention(
        unit[_NAL_HEAD : _NAL_HEAD + _MAX_SLICE_HEADER_BYTES]
    )
    bits = BitReader(plain)
    bits.at = header.end
    if not bits.flag():  # the bit that ends a header
        raise UnreadableBits
    data_at = -(-bits.at // 8)
    before, length = bits.slice(0, header.begin)
    after, more = bits.slice(header.until, header.end)
    value, length = (before << more | after) << 1 | 1, length + more + 1
    padding = -length % 8
    written = (value << padding).to_bytes((length + padding) // 8)
    # Guards within the data stay, those of the header are set anew. None is needed where the two
    # meet: a header ends with a byte that is not zero.
    data = unit[_NAL_HEAD + data_at + sum(place <= data_at for place in guards) :]
    return bytes([_IDR << 1 | unit[0] & 0x81, unit[1]]) + add_emulation_prevention(written) + data


def _read_slice_header(unit: bytes, kind: int, sets: ParameterSets) -> _SliceHeader:
    bits = BitReader(
        remove_emulation_prevention(unit[_NAL_HEAD : _NAL_HEAD + _MAX_SLICE_HEADER_BYTES])[0]
    )
    first = bits.flag()
    bits.read(1)  # whether earlier pictures are put out
    picture = sets.pictures.get(bits.unsigned())
    sequence = sets.sequences.get(picture.sequence) if picture else None
    if picture is None or sequence is None or kind not in (*_BLA, _CRA):
        raise UnreadableBits
    dependent = False
    if not first:
        dependent = picture.dependent and bits.flag()
        bits.read(sequence.address_bits)
    begin = until = bits.at
    named = 0
    if not dependent:
        begin, until, named = _read_independent_slice(bits, picture, sequence)
    if picture.entry_points and (count := bits.unsigned_up_to(_MAX_ENTRY_POINTS)):
        width = bits.unsigned_up_to(31) + 1
        bits.read(width * count)
    if picture.extended:
        bits.read(8 * bits.unsigned_up_to(256))
    return _SliceHeader(begin, until, bits.at, named)


def _read_independent_slice(
    bits: BitReader, picture: _PictureParameters, sequence: _SequenceParameters
) -> tuple[int, int, int]:
    """Read what a dependent slice takes from the slice before it."""
    bits.read(picture.extra_bits)
    if bits.unsigned() != _I_SLICE:  # a key frame has no others
        raise UnreadableBits
    if picture.output_flag:
        bits.read(1)
    if sequence.separate_planes:
        bits.read(2)
    begin = bits.at
    bits.read(sequence.order_bits)
    named = _read_references(bits, sequence)
    if sequence.temporal:
        bits.read(1)
    until = bits.at
    luma = chroma = False
    if sequence.adaptive_offset:
        luma = bits.flag()
        chroma = sequence.chroma and bits.flag()
    bits.unsigned()  # the quantiser
    if picture.chroma_offsets:
        bits.unsigned()
        bits.unsigned()
    if picture.chroma_lists:
        bits.read(1)
    filtered = _read_deblocking_filter(bits, picture)
    if picture.across_slices and (luma or chroma or filtered):
        bits.read(1)
    return begin, until, named


def _read_deblocking_filter(bits: BitReader, picture: _PictureParameters) -> bool:
    """Return whether a slice's blocks are smoothed."""
    disabled = picture.filter_disabled
    if picture.override and bits.flag():
        disabled = bits.flag()
        if not disabled:
            bits.unsigned()
            bits.unsigned()
    return not disabled


def _read_references(bits: BitReader, sequence: _SequenceParameters) -> int:
    """Read which earlier pictures are named, and return how many."""
    sets = sequence.reference_sets
    if not bits.flag():
        chosen = _read_reference_set(bits, sets, in_slice=True)
    else:
        number = bits.read((len(sets) - 1).bit_length()) if len(sets) > 1 else 0
        if number >= len(sets):
            raise UnreadableBits
        chosen = sets[number]
    named = sum(map(len, chosen))
    if sequence.long_term is not None:
        known = bits.unsigned_up_to(_MAX_REFERENCE_PICTURES) if sequence.long_term else 0
        count = known + bits.unsigned_up_to(_MAX_REFERENCE_PICTURES)
        for number in range(count):
            if number >= known:
                bits.read(sequence.order_bits + 1)
            elif sequence.long_term > 1:
                bits.read((sequence.long_term - 1).bit_length())
            if bits.flag():
                bits.unsigned()
        named += count
    return named


def _read_reference_set(
    bits: BitReader, before: Sequence[ReferenceSet], *, in_slice: bool = False
) -> ReferenceSet:
    """Read a set of reference pictures; those before it are what it may differ from (7.4.8)."""
    if before and bits.flag():
        distance = bits.unsigned_up_to(len(before) - 1) + 1 if in_slice else 1
        backwards = bits.flag()
        shift = (bits.unsigned_up_to(1 << 15) + 1) * (-1 if backwards else 1)
        return _shift_reference_set(bits, before[-distance], shift)
    counts = (
        bits.unsigned_up_to(_MAX_REFERENCE_PICTURES),
        bits.unsigned_up_to(_MAX_REFERENCE_PICTURES),
    )
    found: list[tuple[int, ...]] = []
    for count, sign in zip(counts, (-1, 1), strict=True):
        at, places = 0, list[int]()
        for _ in range(count):
            at += sign * (bits.unsigned_up_to(1 << 15) + 1)
            places.append(at)
            bits.read(1)
        found.append(tuple(places))
    return found[0], found[1]


def _shift_reference_set(bits: BitReader, known: ReferenceSet, shift: int) -> ReferenceSet:
    earlier, later = known
    kept = []
    for place in (*earlier, *later, 0):
        used = bits.flag()
        if used or bits.flag():
            kept.append(place + shift)
    if len(kept) > _MAX_REFERENCE_PICTURES:
        raise UnreadableBits
    return (
        tuple(sorted((place for place in kept if place < 0), reverse=True)),
        tuple(sorted(place for place in kept if place > 0)),
    )


def _read_sequence_parameters(bits: BitReader) -> tuple[int, _SequenceParameters]:
    bits.read(4)
    sublayers = _skip_profile(bits)
    number = bits.unsigned_up_to(15)
    chroma_format = bits.unsigned_up_to(3)
    separate = chroma_format == CHROMA_444 and bits.flag()
    width, height = bits.unsigned_up_to(1 << 16), bits.unsigned_up_to(1 << 16)
    if bits.flag():  # cropped
        for _ in range(4):
            bits.unsigned()
    bits.unsigned()  # bits of a sample
    bits.unsigned()
    order_bits = bits.unsigned_up_to(12) + 4
    for _ in range(sublayers + 1 if bits.flag() else 1):
        for _ in range(3):
            bits.unsigned()
    block = bits.unsigned_up_to(3) + 3
    block = 1 << block + bits.unsigned_up_to(3)
    for _ in range(4):
        bits.unsigned()
    if bits.flag() and bits.flag():
        _skip_matrices(bits)
    bits.read(1)  # blocks of unequal halves
    adaptive_offset = bits.flag()
    if bits.flag():  # samples without transform
        bits.read(8)
        bits.unsigned()
        bits.unsigned()
        bits.read(1)
    sets, long_term = _read_reference_sets(bits, order_bits)
    blocks = -(-width // block) * -(-height // block)
    return number, _SequenceParameters(
        address_bits=max(0, blocks - 1).bit_length(),
        order_bits=order_bits,
        reference_sets=tuple(sets),
        long_term=long_term,
        temporal=bits.flag(),
        separate_planes=separate,
        chroma=chroma_format != 0 and not separate,
        adaptive_offset=adaptive_offset,
    )


def _skip_profile(bits: BitReader) -> int:
    """Read past profile, tier and level, and return how many sublayers are there besides one."""
    sublayers = bits.read(3)
    bits.read(1 + 96)
    present = [(bits.flag(), bits.flag()) for _ in range(sublayers)]
    if sublayers:
        bits.read(2 * (8 - sublayers))
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    return sublayers


def _read_reference_sets(bits: BitReader, order_bits: int) -> tuple[list[ReferenceSet], int | None]:
    sets: list[ReferenceSet] = []
    for _ in range(bits.unsigned_up_to(64)):
        sets.append(_read_reference_set(bits, sets))
    if not bits.flag():
        return sets, None
    long_term = bits.unsigned_up_to(32)
    bits.read(long_term * (order_bits + 1))
    return sets, long_term


def _skip_matrices(bits: BitReader) -> None:
    """Read matrices of quantisers past."""
    for size in range(4):
        for _ in range(2 if size == _LARGEST_MATRIX else 6):
            if not bits.flag():
                bits.unsigned()
                continue
            for _ in range(min(_COEFFICIENTS, 16 << 2 * size) + (size > 1)):
                bits.unsigned()


def _read_picture_parameters(bits: BitReader) -> tuple[int, _PictureParameters]:
    number, sequence = bits.unsigned_up_to(63), bits.unsigned_up_to(15)
    dependent, output_flag = bits.flag(), bits.flag()
    extra_bits = bits.read(3)
    bits.read(2)
    for _ in range(3):
        bits.unsigned()
    bits.read(1)
    transform_skipped = bits.flag()
    if bits.flag():  # quantisers of their own for blocks
        bits.unsigned()
    bits.unsigned()
    bits.unsigned()
    chroma_offsets = bits.flag()
    bits.read(3)
    tiles, rows_in_parallel = bits.flag(), bits.flag()
    if tiles:
        _skip_tiles(bits)
    across_slices = bits.flag()
    override = filter_disabled = False
    if bits.flag():
        override, filter_disabled = bits.flag(), bits.flag()
        if not filter_disabled:
            bits.unsigned()
            bits.unsigned()
    if bits.flag():
        _skip_matrices(bits)
    bits.read(1)
    bits.unsigned()
    extended = bits.flag()
    chroma_lists = bits.flag() and _read_range_extension(bits, transform_skipped=transform_skipped)
    return number, _PictureParameters(
        sequence=sequence,
        dependent=dependent,
        output_flag=output_flag,
        extra_bits=extra_bits,
        chroma_offsets=chroma_offsets,
        chroma_lists=chroma_lists,
        entry_points=tiles or rows_in_parallel,
        across_slices=across_slices,
        override=override,
        filter_disabled=filter_disabled,
        extended=extended,
    )


def _read_range_extension(bits: BitReader, *, transform_skipped: bool) -> bool:
    """Read the extension for more than 4:2:0, and return whether it has lists for chroma."""
    ranges = bits.flag()
    if bits.read(7):
        raise UnreadableBits  # scalable, multiview, 3D, screen contents
    if not ranges:
        return False
    if transform_skipped:
        bits.unsigned()
    bits.read(1)
    return bits.flag()


def _skip_tiles(bits: BitReader) -> None:
    columns, rows = bits.unsigned_up_to(64), bits.unsigned_up_to(64)
    if not bits.flag():
        for _ in range(columns + rows):
            bits.unsigned()
    bits.read(1)
