"""Reads and writes the bits of NAL units, of which H.264 and H.265 are made."""

from collections.abc import Iterator

CHROMA_444 = 3
"""`chroma_format_idc` of pictures with as much colour as brightness (4:4:4)."""


class UnreadableBits(Exception):
    """Cut off, absurd, or of an extension that is not known here."""


class BitReader:
    """Reads numbers of bits, the first first."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._length = len(data) * 8
        self.at = 0

    def read(self, count: int) -> int:
        if self.at + count > self._length:
            raise UnreadableBits
        self.at += count
        return self._value >> (self._length - self.at) & ((1 << count) - 1)

    def flag(self) -> bool:
        return bool(self.read(1))

    def unsigned(self) -> int:
        """Read an unsigned Exp-Golomb number."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:  # noqa: PLR2004  longer ones are in no stream
                raise UnreadableBits
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        """Read a signed Exp-Golomb number."""
        number = self.unsigned()
        return (number + 1) // 2 if number % 2 else -(number // 2)

    def unsigned_up_to(self, limit: int) -> int:
        """Read an unsigned number that no decoder takes above a limit."""
        value = self.unsigned()
        if value > limit:
            raise UnreadableBits
        return value

    def slice(self, begin: int, end: int) -> tuple[int, int]:
        """Return the bits from one place to another, as a number, and how many they are."""
        length = end - begin
        return self._value >> (self._length - end) & ((1 << length) - 1), length


def nal_unit_ranges(sample: bytes, width: int) -> Iterator[tuple[int, int]]:
    """Yield where NAL units begin and end as far as they fit, with lengths of `width` bytes."""
    at = 0
    while at + width < len(sample):
        start = at + width
        at = start + int.from_bytes(sample[at:start])
        if at > len(sample) or at == start:
            return
        yield start, at


def remove_emulation_prevention(data: bytes) -> tuple[bytes, list[int]]:
    """Remove the bytes that keep start codes out; also return where in the result each was."""
    plain, guards, begin = bytearray(), list[int](), 0
    while (found := data.find(b"\0\0\3", begin)) >= 0:
        plain += data[begin : found + 2]
        guards.append(len(plain))
        begin = found + 3
    return bytes(plain + data[begin:]), guards


def add_emulation_prevention(data: bytes) -> bytes:
    guarded, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte <= 3:  # noqa: PLR2004  the standard's own numbers
            guarded.append(3)
            zeros = 0
        guarded.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(guarded)
