"""Files with more of what readers put in lists than any encoder writes, and files with some."""

import struct
from collections.abc import Callable
from functools import partial

from tests.corpus import ebml, mp4
from tests.corpus.fixtures import clip, fixture


def _place(number: int) -> bytes:
    """Where it was filmed, in a language of its own."""
    language = (number % 2**15).to_bytes(2)
    return mp4.full_box(b"loci", language, b"here\0", b"\0", struct.pack(">iii", 0, 0, 0), b"\0\0")


def _title(number: int) -> bytes:
    """Return a title as QuickTime writes it, in a language of its own."""
    return mp4.box(b"\xa9nam", (1).to_bytes(2), (0x400 + number).to_bytes(2), b"x")


def _defaults(number: int) -> bytes:
    return mp4.full_box(b"trex", struct.pack(">5I", number + 2, 1, 0, 0, 0))


def _with_user_data(make: Callable[[int], bytes], count: int) -> bytes:
    boxes = b"".join(make(number) for number in range(count))
    return mp4.add(clip("no_audio.mp4"), "moov", mp4.box(b"udta", boxes))


def _with_defaults(count: int) -> bytes:
    content = clip("no_audio.mp4")
    boxes = b"".join(_defaults(number) for number in range(count))
    return mp4.add(content, "moov", mp4.box(b"mvex", boxes))


for make, what in ((_place, "places where it was filmed"), (_title, "titles")):
    name = make.__name__.strip("_")
    fixture(f"some_{name}s.mp4", f"200 {what}", partial(_with_user_data, make, 200))
    fixture(
        f"many_{name}s.mp4",
        f"2,001 {what}",
        partial(_with_user_data, make, 2001),
        "could_not_be_examined",
    )
fixture(
    "many_defaults.mp4",
    "1,001 tracks that fragments may go on with",
    partial(_with_defaults, 1001),
    "could_not_be_examined",
)


def with_cues(count: int) -> bytes:
    """Put places to seek to before the pictures, from the last to the first."""
    cues = b"".join(
        b"\xbb\x8d\xb3\x84" + number.to_bytes(4) + b"\xb7\x85\xf7\x81\x01\xf1\x80"
        for number in range(count, 0, -1)
    )
    content = ebml.unknown_segment(clip("demo.webm"))
    start, _, _ = ebml.place(content, ebml.CLUSTER)
    return content[:start] + ebml.element(ebml.CUES, cues) + content[start:]


fixture("some_cues.webm", "5,000 places to seek to, the last first", partial(with_cues, 5000))
fixture(
    "many_cues.webm",
    "100,001 places to seek to, the last first",
    partial(with_cues, 100_001),
    "could_not_be_examined",
)
