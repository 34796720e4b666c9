"""Makes key frames of H.264 decodable alone, without memory for the pictures of an earlier group.

A decoder that begins at a key frame in the middle of a numbered row of pictures (no IDR) makes a
picture for each number that seems to be missing, as many as the stream says that pictures lean on.
Where the parameters say that none leans on any, it makes none. Only key frames are decoded rightly
then. (ITU-T H.264, 7.3.2.1.)

Leaves as it is what it cannot read; nothing raises.
"""

from chalicelib.videos.nal_units import (
    CHROMA_444,
    BitReader,
    UnreadableBits,
    add_emulation_prevention,
    nal_unit_ranges,
    remove_emulation_prevention,
)

_IDR, _SPS = 5, 7
_NAL_TYPE_MASK = 0x1F
_SPS_HEAD = 4  # the unit's kind, profile, constraints, level
_SMALL_LISTS, _LISTS, _LISTS_444 = 6, 8, 12  # scaling lists: of 4x4, and with those of 8x8
_CONFIGURATION_HEAD = 6  # bytes of avcC before its first sequence parameter set
_PROFILES_WITH_CHROMA = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))


def nal_length_bytes(configuration: bytes) -> int:
    """Return how many bytes the length of a NAL unit takes, by the content of a box `avcC`."""
    return (configuration[4] & 3) + 1 if len(configuration) >= _CONFIGURATION_HEAD else 4


def is_idr(sample: bytes, width: int) -> bool:
    """Return whether a key frame begins a row of numbers anew (IDR)."""
    return any(
        sample[start] & _NAL_TYPE_MASK == _IDR for start, _ in nal_unit_ranges(sample, width)
    )


def with_single_reference(configuration: bytes) -> bytes | None:
    """Return the content of a box `avcC` of the same length, by which no picture leans on another.

    None if it cannot be read.
    """
    made, at = bytearray(configuration), _CONFIGURATION_HEAD
    for _ in range(configuration[5] & _NAL_TYPE_MASK if len(configuration) >= at else 0):
        length = int.from_bytes(configuration[at : at + 2])
        begin, at = at + 2, at + 2 + length
        try:
            written = _with_single_reference(configuration[begin:at])
        except UnreadableBits:
            return None
        if len(written) > length or at > len(configuration):
            return None
        # Zeros after a NAL unit belong to it and mean nothing.
        made[begin:at] = written.ljust(length, b"\0")
    return bytes(made) if at > _CONFIGURATION_HEAD else None


def _with_single_reference(unit: bytes) -> bytes:
    if len(unit) < _SPS_HEAD or unit[0] & _NAL_TYPE_MASK != _SPS:
        raise UnreadableBits
    plain, _ = remove_emulation_prevention(unit[1:])
    bits = BitReader(plain)
    profile = bits.read(8)
    bits.read(16)
    bits.unsigned_up_to(31)
    if profile in _PROFILES_WITH_CHROMA:
        _skip_chroma(bits)
    bits.unsigned_up_to(12)
    _skip_picture_order(bits)
    begin = bits.at
    bits.unsigned_up_to(16)  # how many pictures others may lean on
    before, length = bits.slice(0, begin)
    after, more = bits.slice(bits.at, len(plain) * 8)
    value, length = (before << 1 | 1) << more | after, length + 1 + more
    padding = -length % 8
    written = (value << padding).to_bytes((length + padding) // 8)
    return unit[:1] + add_emulation_prevention(written.rstrip(b"\0"))


def _skip_chroma(bits: BitReader) -> None:
    chroma_format = bits.unsigned_up_to(3)
    if chroma_format == CHROMA_444:
        bits.read(1)
    bits.unsigned()
    bits.unsigned()
    bits.read(1)
    if bits.flag():
        for number in range(_LISTS_444 if chroma_format == CHROMA_444 else _LISTS):
            if bits.flag():
                _skip_matrix(bits, 4 * 4 if number < _SMALL_LISTS else 8 * 8)


def _skip_matrix(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _skip_picture_order(bits: BitReader) -> None:
    """Read past how pictures are put in order."""
    kind = bits.unsigned_up_to(2)
    if kind == 0:
        bits.unsigned_up_to(12)
    elif kind == 1:
        bits.read(1)
        bits.unsigned()
        bits.unsigned()
        for _ in range(bits.unsigned_up_to(255)):
            bits.unsigned()
