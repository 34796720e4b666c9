"""Pictures are what their bytes are: JPEG or PNG, whole, nothing else beside, of bounded size."""

import contextlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.rewards.pictures import (
    JPEG,
    MAX_BYTES,
    MAX_SIDE,
    MIN_SIDE,
    PNG,
    PictureRefused,
    examine,
)
from tests.pictures import chunk, jpeg, png

CLIP = (Path(__file__).parents[1] / "clips" / "picture.jpg").read_bytes()


def facts(content: bytes) -> tuple[str, int, int]:
    found = examine(content)
    return found.content_type, found.width, found.height


def refused(content: bytes) -> str:
    with pytest.raises(PictureRefused) as refusal:
        examine(content)
    assert refusal.value.message.endswith(".")
    return refusal.value.code


@pytest.mark.parametrize("side", [MIN_SIDE, 600, MAX_SIDE // 2])
def test_a_png_and_a_jpeg_are_told_with_their_size(side: int) -> None:
    assert facts(png(side, side + 1)) == (PNG, side, side + 1)
    assert facts(jpeg(side, side + 1)) == (JPEG, side, side + 1)


def test_what_an_encoder_wrote_is_read() -> None:
    content_type, width, height = facts(CLIP)
    assert content_type == JPEG
    assert min(width, height) >= MIN_SIDE


NOT_PICTURES = {
    "an SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "a page": b"<!doctype html><script>alert(1)</script>",
    "a GIF": b"GIF89a" + bytes(100),
    "a WebP": b"RIFF" + struct.pack("<I", 100) + b"WEBPVP8 " + bytes(100),
    "nothing": b"",
    "a video": b"\0\0\0\x18ftypmp42" + bytes(100),
    "the beginning of a PNG": png(100, 100)[:8],
    "the beginning of a JPEG": b"\xff\xd8\xff",
}


@pytest.mark.parametrize("what", NOT_PICTURES)
def test_whatever_is_no_picture_is_refused_by_its_content(what: str) -> None:
    assert refused(NOT_PICTURES[what]) in ("unsupported_picture", "damaged_picture")


@pytest.mark.parametrize("make", [png, jpeg])
@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((20_000, 100), "too_many_pixels"),
        ((100, MAX_SIDE + 1), "too_many_pixels"),
        ((4000, 4000), "too_many_pixels"),
        ((MIN_SIDE - 1, 100), "too_small"),
        ((0, 0), "too_small"),
    ],
)
def test_a_picture_of_a_size_that_no_phone_should_meet_is_refused(
    make: Callable[[int, int], bytes], size: tuple[int, int], code: str
) -> None:
    assert refused(make(*size)) == code


def test_a_picture_over_a_megabyte_is_refused() -> None:
    padded = png(100, 100, more=chunk(b"tEXt", bytes(MAX_BYTES)))
    assert refused(padded) == "too_large"


@pytest.mark.parametrize("make", [png, jpeg])
@pytest.mark.parametrize("size", [(4032, 3024), (3072, 4096), (4000, 3000)])
def test_a_picture_of_a_phones_twelve_megapixels_is_taken(
    make: Callable[[int, int], bytes], size: tuple[int, int]
) -> None:
    assert facts(make(*size))[1:] == size


def test_a_png_that_is_something_else_too_is_refused() -> None:
    for more in (b"<script>alert(1)</script>", b"PK\x03\x04", b"\0", jpeg(100, 80)):
        assert refused(png(100, 80) + more) == "damaged_picture"


BEHIND = {
    "the film of a motion photo": b"\0\0\0\x18ftypmp42" + bytes(100),
    "the gain map of an HDR photo": jpeg(50, 40),
    "previews, each after a gap": bytes(37) + jpeg(50, 40) + bytes(12) + jpeg(5000, 5000),
    "a vendor's notes": b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1780000000000SEFHf\0\0\0SEFT",
    "a page": b"<!doctype html><script>alert(1)</script>",
    "an archive": b"PK\x03\x04" + bytes(100),
    "a picture that is cut off": jpeg(50, 40)[:-9],
    "one more end": b"\xff\xd9",
}


@pytest.mark.parametrize("whole", [jpeg(100, 80), CLIP])
@pytest.mark.parametrize("what", BEHIND)
def test_what_a_phone_wrote_behind_a_jpeg_is_left_out(what: str, whole: bytes) -> None:
    assert examine(whole + BEHIND[what]) == examine(whole)


@given(st.binary(max_size=100))
def test_whatever_lies_behind_a_jpeg_nothing_of_it_is_shown(more: bytes) -> None:
    assert examine(jpeg(100, 80) + more).shown == jpeg(100, 80)


@pytest.mark.parametrize("whole", [png(100, 80), jpeg(100, 80), CLIP])
@given(data=st.data())
def test_a_picture_that_is_cut_off_is_refused_and_nothing_else_breaks(
    whole: bytes, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert refused(whole[:cut])


@given(st.binary(max_size=300))
def test_any_bytes_are_examined_or_refused(content: bytes) -> None:
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"):
        with contextlib.suppress(PictureRefused):
            examine(start + content)


def test_a_png_whose_checksum_is_wrong_is_refused() -> None:
    whole = bytearray(png(100, 80))
    whole[20] ^= 1
    assert refused(bytes(whole)) == "damaged_picture"
    assert zlib.crc32(bytes(whole)) != zlib.crc32(png(100, 80))


def test_a_picture_that_moves_is_refused() -> None:
    assert refused(png(100, 80, more=chunk(b"acTL", struct.pack(">II", 2, 0)))) == (
        "animated_picture"
    )


def test_a_jpeg_that_no_browser_shows_is_refused() -> None:
    lossless = jpeg(100, 80).replace(b"\xff\xc0", b"\xff\xc3", 1)
    frame = struct.pack(">BHHB", 8, 80, 100, 1)
    deep = jpeg(100, 80).replace(frame, struct.pack(">BHHB", 12, 80, 100, 1), 1)
    of_two = jpeg(100, 80).replace(frame, struct.pack(">BHHB", 8, 80, 100, 2), 1)
    for each in (lossless, deep, of_two):
        assert refused(each) == "unsupported_picture"


@pytest.mark.parametrize(
    "header",
    [
        (7, 2, 0, 0, 0),
        (8, 5, 0, 0, 0),
        (16, 3, 0, 0, 0),
        (8, 2, 1, 0, 0),
        (8, 2, 0, 1, 0),
        (8, 2, 0, 0, 2),
        (8, 3, 0, 0, 0),
    ],
)
def test_a_png_of_colours_that_there_are_not_is_refused(header: tuple[int, ...]) -> None:
    """The last one is of a palette that it does not have."""
    right, wrong = (struct.pack(">IIBBBBB", 100, 80, *each) for each in ((8, 2, 0, 0, 0), header))
    broken = png(100, 80).replace(chunk(b"IHDR", right), chunk(b"IHDR", wrong))
    assert broken != png(100, 80)
    assert refused(broken) == "damaged_picture"


def test_a_png_with_its_palette_is_taken() -> None:
    right, palette = (struct.pack(">IIBBBBB", 100, 80, 8, each, 0, 0, 0) for each in (2, 3))
    whole = png(100, 80, more=chunk(b"PLTE", bytes(3)))
    assert facts(whole.replace(chunk(b"IHDR", right), chunk(b"IHDR", palette))) == (PNG, 100, 80)


# --- what is left out -----------------------------------------------------------------------------

PLACE = b"52.5163 N 13.3777 E, by somebody"


def segment(marker: int, held: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(held) + 2) + held


def exif(orientation: int | None = None, *, order: str = "<", more: bytes = PLACE) -> bytes:
    """Make an EXIF block with a place in it and, unless None, an orientation."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    entries = [struct.pack(f"{order}HHII", 0x010F, 2, len(more), 60)]
    if orientation is not None:
        entries.append(struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0))
    listed = struct.pack(f"{order}IH", 8, len(entries)) + b"".join(entries) + bytes(4)
    return (start + listed).ljust(60, b"\0") + more


def with_segments(*segments: bytes) -> bytes:
    """A JPEG with these segments behind its start."""
    return b"\xff\xd8" + b"".join(segments) + jpeg(100, 80)[2:]


def with_chunks(*chunks: bytes) -> bytes:
    return png(100, 80, more=b"".join(chunks))


TELLING = {
    "where a phone took it": with_segments(segment(0xE1, b"Exif\0\0" + exif())),
    "XMP of an editor": with_segments(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PLACE)),
    "IPTC of an agency": with_segments(segment(0xED, b"Photoshop 3.0\0" + PLACE)),
    "a second picture's index": with_segments(segment(0xE2, b"MPF\0" + PLACE)),
    "a comment": with_segments(segment(0xFE, PLACE)),
    "an application's own": with_segments(segment(0xEB, PLACE), segment(0xEF, PLACE)),
    "a reserved segment": with_segments(segment(0xF3, PLACE)),
    "a thumbnail beside": with_segments(segment(0xE0, b"JFXX\0\x10" + PLACE)),
    "a thumbnail within": b"\xff\xd8"
    + segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\x04\x03" + PLACE.ljust(36, b"."))
    + jpeg(100, 80)[20:],
    "behind Adobe's colours": with_segments(segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01" + PLACE)),
    "a text": with_chunks(chunk(b"tEXt", b"Comment\0" + PLACE)),
    "a packed text": with_chunks(chunk(b"zTXt", b"Comment\0\0" + PLACE)),
    "a foreign text": with_chunks(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PLACE)),
    "EXIF in a PNG": with_chunks(chunk(b"eXIf", exif())),
    "a program's own chunk": with_chunks(chunk(b"prVt", PLACE)),
    "a time": with_chunks(chunk(b"tIME", PLACE[:7])),
}


@pytest.mark.parametrize("what", TELLING)
def test_what_a_file_tells_beside_its_picture_is_not_shown(what: str) -> None:
    whole = TELLING[what]
    assert PLACE[:7] in whole
    found = examine(whole)
    assert PLACE[:7] not in found.shown
    assert (found.width, found.height) == (100, 80)
    assert examine(found.shown) == found


def test_what_decides_what_is_seen_stays_as_it_was() -> None:
    profile = segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(64))
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01")
    coloured = with_segments(profile, adobe)
    assert examine(coloured).shown == coloured
    seen = [chunk(b"gAMA", b"\0\0\xb1\x8f"), chunk(b"iCCP", b"a\0\0x"), chunk(b"tRNS", bytes(6))]
    assert examine(with_chunks(*seen)).shown == with_chunks(*seen)
    for whole in (jpeg(100, 80), png(100, 80)):
        assert examine(whole).shown == whole
    scan = CLIP.index(b"\xff\xda")
    assert CLIP[scan:] in examine(CLIP).shown


def test_a_png_that_needs_what_no_browser_knows_is_refused() -> None:
    assert refused(with_chunks(chunk(b"ABCD", b""))) == "damaged_picture"


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stays_turned_and_its_size_is_the_one_displayed(
    orientation: int, order: str
) -> None:
    told = exif(orientation, order=order)
    for whole in (
        with_segments(segment(0xE1, b"Exif\0\0" + told)),
        with_chunks(chunk(b"eXIf", told)),
    ):
        found = examine(whole)
        assert PLACE not in found.shown
        assert (found.width, found.height) == ((80, 100) if orientation > 4 else (100, 80))
        again = examine(found.shown)
        assert (again.width, again.height) == (found.width, found.height)
        turned = struct.pack(">HHIH", 0x0112, 3, 1, orientation)
        assert (turned in found.shown) is (orientation > 1)


@given(
    told=st.one_of(
        st.binary(max_size=80),
        st.binary(max_size=60).map(lambda more: b"MM\0*" + more),
        st.builds(
            exif, st.integers(0, 65535), order=st.sampled_from("<>"), more=st.binary(max_size=9)
        ),
    )
)
def test_an_orientation_is_read_from_any_bytes_or_left_out(told: bytes) -> None:
    for whole in (
        with_segments(segment(0xE1, b"Exif\0\0" + told)),
        with_chunks(chunk(b"eXIf", told)),
    ):
        found = examine(whole)
        assert {found.width, found.height} == {100, 80}
        assert len(found.shown) <= len(jpeg(100, 80)) + len(png(100, 80)) + 50


_PARTS = st.lists(
    st.tuples(
        st.sampled_from([0xE0, 0xE1, 0xE2, 0xE5, 0xED, 0xEE, 0xEF, 0xF0, 0xFE]),
        st.sampled_from([b"", b"JFIF\0", b"Exif\0\0", b"MPF\0", b"Adobe"]),
        st.binary(max_size=40),
    ),
    max_size=6,
)


@given(_PARTS)
def test_whatever_lies_beside_a_jpeg_its_tables_and_scans_stay_and_cleaning_is_final(
    parts: list[tuple[int, bytes, bytes]],
) -> None:
    # A colour profile stays as it is, whatever it holds; hypothesis knows how one begins.
    assume(not any((start + held).startswith(b"ICC_PROFILE\0") for _, start, held in parts))
    beside = [segment(marker, start + held + PLACE) for marker, start, held in parts]
    found = examine(with_segments(*beside))
    bare = jpeg(100, 80)
    assert found.shown.endswith(bare[20:])  # all behind its JFIF segment
    assert PLACE not in found.shown
    assert examine(found.shown).shown == found.shown


@given(
    st.lists(st.tuples(st.from_regex(rb"[a-z][A-Za-z]{3}", fullmatch=True), st.binary(max_size=40)))
)
def test_whatever_lies_beside_a_png_its_pixels_stay_and_cleaning_is_final(
    parts: list[tuple[bytes, bytes]],
) -> None:
    shown = {b"tRNS", b"bKGD", b"pHYs", b"sBIT", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP"}
    shown |= {b"mDCV", b"cLLI", b"acTL", b"eXIf"}
    beside = [chunk(kind, held + PLACE) for kind, held in parts if kind not in shown]
    found = examine(with_chunks(*beside))
    assert found.shown == png(100, 80)
    assert examine(found.shown) == found
