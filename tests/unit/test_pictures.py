"""Pictures are what their bytes are: JPEG or PNG, whole, nothing else beside, of bounded size."""

import base64
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
    MAX_PIXELS,
    MAX_SIDE,
    MIN_SIDE,
    PNG,
    PictureRefused,
    examine_picture,
)
from tests.pictures import chunk, jpeg, png, png_of, segment

CLIP = (Path(__file__).parents[1] / "clips" / "picture.jpg").read_bytes()


def facts(content: bytes) -> tuple[str, int, int]:
    found = examine_picture(content)
    return found.content_type, found.width, found.height


def refused(content: bytes) -> str:
    with pytest.raises(PictureRefused) as refusal:
        examine_picture(content)
    assert refusal.value.message.endswith(".")
    return refusal.value.code


@pytest.mark.parametrize("side", [MIN_SIDE, 600, MAX_SIDE // 2])
def test_a_png_and_a_jpeg_are_told_with_their_size(side: int) -> None:
    assert facts(png(side, side + 1)) == (PNG, side, side + 1)
    assert facts(jpeg(side, side + 1)) == (JPEG, side, side + 1)


def test_pictures_of_encoders_are_read() -> None:
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
def test_files_that_are_no_pictures_are_refused_by_their_content(what: str) -> None:
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


def test_a_refusal_says_which_bound_was_broken_and_the_consoles_words_fit_both() -> None:
    for size, limit in (((100, MAX_SIDE + 1), MAX_SIDE), ((4000, 4000), MAX_PIXELS)):
        with pytest.raises(PictureRefused) as refusal:
            examine_picture(png(*size))
        assert refusal.value.limit == limit
        assert f"{limit:,}" in refusal.value.message
    words = Path(__file__).parents[2] / "console" / "src" / "foundation"
    for language in ("en", "de", "es"):
        told = (words / f"words.manager.{language}.ts").read_text()
        (line,) = [each for each in told.splitlines() if "field_too_many_pixels" in each]
        plain = line.replace(",", "").replace(".", "")
        assert str(MAX_SIDE) in plain
        assert f"{MAX_PIXELS // 1_000_000} mil" in plain.lower()
        assert "{limit}" not in line


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
def test_data_that_phones_append_to_a_jpeg_is_left_out(what: str, whole: bytes) -> None:
    assert examine_picture(whole + BEHIND[what]) == examine_picture(whole)


@given(st.binary(max_size=100))
def test_any_data_after_a_jpegs_end_is_left_out(more: bytes) -> None:
    assert examine_picture(jpeg(100, 80) + more).shown == jpeg(100, 80)


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
            examine_picture(start + content)


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
    whole = png_of(100, 80, depth=8, colour=3, more=chunk(b"PLTE", bytes(3)))
    assert facts(whole) == (PNG, 100, 80)


# --- whether the data are whole -------------------------------------------------------------------

_FRAME, _SCAN = segment(0xC0, b"\x08\0\x50\0\x64\x01\x01\x11\0"), b"\xff\xda"


def png_with(*data: bytes, between: bytes = b"", end: bytes = b"") -> bytes:
    """A PNG of 100 x 80 greys with these chunks of data."""
    header = struct.pack(">IIBBBBB", 100, 80, 8, 0, 0, 0, 0)
    packed = between.join(chunk(b"IDAT", each) for each in data)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + packed + chunk(b"IEND", end)


_ROWS = bytes(101 * 80)
_PACKED = zlib.compress(_ROWS)


def progressive(scans: bytes) -> bytes:
    """A progressive grey JPEG of 100 x 80 with these scans."""
    whole = jpeg(100, 80).replace(b"\xff\xc0", b"\xff\xc2", 1)
    return whole[: whole.index(_SCAN)] + scans + b"\xff\xd9"


_DC = segment(0xDA, b"\1\1\0\0\0\0") + bytes(17)
_AC = segment(0xDA, b"\1\1\0\1\x3f\0") + bytes(1)


def with_restarts(marks: int, interval: int = 10) -> bytes:
    """A grey JPEG of 130 blocks with a restart marker behind every tenth."""
    whole = jpeg(100, 80)
    at = whole.index(_SCAN)
    coded = b"".join(bytes(3) + bytes([0xFF, 0xD0 + n % 8]) for n in range(marks)) + bytes(3)
    scan = segment(0xDA, b"\1\1\0\0\x3f\0") + coded
    return whole[:at] + segment(0xDD, struct.pack(">H", interval)) + scan + b"\xff\xd9"


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(
    ("colour", "depth"),
    [
        (0, 1),
        (0, 2),
        (0, 4),
        (0, 8),
        (0, 16),
        (2, 8),
        (2, 16),
        (3, 1),
        (3, 4),
        (3, 8),
        (4, 8),
        (4, 16),
        (6, 8),
        (6, 16),
    ],
)
def test_a_png_of_any_kind_holds_all_its_rows_and_not_one_byte_else(
    colour: int, depth: int, interlaced: bool
) -> None:
    def made(pixels: Callable[[bytes], bytes]) -> bytes:
        more = chunk(b"PLTE", bytes(6)) if colour == 3 else b""
        return png_of(
            43, 50, depth=depth, colour=colour, interlaced=interlaced, more=more, pixels=pixels
        )

    whole = made(lambda rows: rows)
    assert facts(whole) == (PNG, 43, 50)
    assert examine_picture(whole).shown == whole
    assert refused(made(lambda rows: rows[:-1])) == "damaged_picture"
    assert refused(made(lambda rows: rows + b"\0")) == "damaged_picture"
    assert refused(made(lambda rows: b"\5" + rows[1:])) == "damaged_picture"


BROKEN = {
    "a PNG without data": png_with(b""),
    "text for data": png_with(b"this is no picture"),
    "half of the data": png_with(_PACKED[: len(_PACKED) // 2]),
    "data without their checksum": png_with(_PACKED[:-4]),
    "data with a wrong checksum": png_with(_PACKED[:-1] + b"x"),
    "something behind the data": png_with(_PACKED + b"<script>"),
    "something in a chunk behind the data": png_with(_PACKED, b"<script>"),
    "many times what is demanded": png_with(zlib.compress(bytes(50_000_000), level=1)),
    "data in two places": png_with(_PACKED[:9], _PACKED[9:], between=chunk(b"tEXt", b"")),
    "something in the end": png_with(_PACKED, end=b"<script>"),
    "a JPEG cut in its scan": jpeg(100, 80)[:-20] + b"\xff\xd9",
    "a scan before the frame": jpeg(100, 80).replace(_FRAME, b"").replace(b"\xff\xd9", b"")
    + _FRAME
    + b"\xff\xd9",
    "no quantization table": jpeg(100, 80).replace(segment(0xDB, bytes([0, *[1] * 64])), b""),
    "no Huffman table": jpeg(100, 80).replace(b"\xff\xc4", b"\xff\xfe"),
    "a scan of another component": jpeg(100, 80).replace(b"\xda\0\x08\1\1", b"\xda\0\x08\1\2"),
    "thousands of scans": progressive(_DC * 20_000 + _AC),
    "no fine scans": progressive(_DC),
    "a cut progressive scan": progressive(_DC[:-12] + _AC),
    "too few restart markers": with_restarts(8),
    "too many restart markers": with_restarts(40),
    "restart markers out of turn": with_restarts(12).replace(b"\xff\xd3", b"\xff\xd5", 1),
    "restart markers without an interval": with_restarts(12, 0),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_picture_whose_data_are_not_whole_is_refused(what: str) -> None:
    assert refused(BROKEN[what]) == "damaged_picture"


def test_the_same_pictures_whole_are_taken() -> None:
    wholes = (
        png_with(_PACKED),
        png_with(_PACKED[:9], b"", _PACKED[9:]),
        progressive(_DC + _AC),
        progressive(_DC * 99 + _AC),
        with_restarts(12),
        with_restarts(13),
    )
    for whole in wholes:
        assert examine_picture(whole).shown == whole


ENCODED = {
    "colours at half the size": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwg
IyYnKSopGR8tMC0oMCUoKSj/2wBDAQcHBwoIChMKChMoGhYaKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgo
KCgoKCgoKCgoKCgoKCj/wAARCAAvAD0DASIAAhEBAxEB/8QAGwAAAwEAAwEAAAAAAAAAAAAAAwQFAgABBgf/xAApEAACAgIC
AQIGAgMAAAAAAAABAgMRACEEEjEiQRMyUWFxgQXBkaHR/8QAGgEAAgMBAQAAAAAAAAAAAAAAAwQCBQcBBv/EACERAAEEAwAC
AwEAAAAAAAAAAAEAAgMRBAUhEjEGEyKh/9oADAMBAAIRAxEAPwD50kwRh3Vjuxu/3guVIwIkBorR0PP6xbYsDqR5GDmYtRSy
PcVlZkal8DuCwtifs/J/7NKvC45MMZNN1Gyfzm0QaIsKPat/5yRx5yj9BVg+KyhDMB6mF2N1jGNhhw8XBPRZ7XDp6nkgd7Zv
kC6Hb/edRcgxX27MtbUeM5xOSBYFFv3Q/GdzKYu0y0wP952bVAAtATLJw8dKNM0U0QkjjAB+a18nJ87iOZwg19rFYROVGsxL
NQPzX7HBck/Ek9Kq482d5TP10kXoGlGNzA6w7+qfG8UnSSgjKLIJ/O8E79eQSCVH7r84hNOzLsqWA2wNk/nBtKCmyO3swNVm
0x6i/wAPFrL59kOuviuGOF4+6sCQKI8YtxZ5OMXSRT11RvJa82VIenqKONm/OLvyHdmUGwD9fIyvm0zYH+qUYNp9VEdK9QJ0
LKVYMKxxpSSerFwUAABzxo5Dq59wKI3vGo/5BySUr2Fg6wOTrDIy29Kt4PkDD1/Fak6MgBbqSNk/bFhM6E06n9XgRyFn4/YO
NHbX4ydPzCshDR9vuFxNmE4jxeEKbeR35MKwJkvqQe31/wC4KapNCtb85lmZg2xSj74NyFkCuAR75rMUQaaAXgJJ/KOltYpG
Qjsvo1ROKBnVvmOj+8dhCxS9d/bN88iWQaF+wAoDAT40cxLT7SbcpwdSBFIZo37epgb7VdYBJQOwba7yjw+KURmjJ7+4PjGn
4q8iG28V7f3iUOB9RN+lJ+UXWb4pvCclSFarF7NYF2K+g76/X+sYCfDPw3FKR6SN+MUlvtbCid6OHZrY5BdIYf8Ao9X/2Q==
""",
    "colours at a quarter": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAYEBQYFBAYGBQYHBwYIChAKCgkJChQODwwQFxQYGBcUFhYaHSUfGhsjHBYWICwg
IyYnKSopGR8tMC0oMCUoKSj/2wBDAQcHBwoIChMKChMoGhYaKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgo
KCgoKCgoKCgoKCgoKCj/wAARCAAvAD0DAUEAAhEBAxEB/8QAGQAAAwEBAQAAAAAAAAAAAAAAAgMEBQEH/8QAKRAAAgICAgEC
BgIDAAAAAAAAAQIDEQAhBBIxIkETMlFhcYEFwZGh0f/EABgBAAMBAQAAAAAAAAAAAAAAAAMFBgQH/8QAIxEAAQQCAQMFAAAA
AAAAAAAAAQACAwQREiEFQVETIzFxsf/aAAwDAQACEQMRAD8A86SYIw7qx3Y3f7xXKkYESA0Vo6Hn9ZVC45MMZNN1Gyfzhog0
RYUe1b/ziKrBlxY5d4in3e7CekDvbN8gXQ7f7zkXIMV9uzLW1HjHzNFNEJI4wAfmtfJzPncRzOEGvtYrMluExuBCI4kuDgsz
YsDqR5GLmYtRSyPcVh8eco/QVYPis0IZgPUwuxusqHVTHZPhTta0A8tPyreJyQLAot+6H4zsymLtMtMD/eJTlRrMSzUD81+x
xXJPxJPSquPNneB6hTL8kJ2ydmo2WfG8UnSSgjKLIJ/O8U79eQSCVH7r85SY4Xj7qwJAojxk3Fnk4xdJFPXVG8r7FIlrZR+K
BbYHr5yrBOhZSrBhWWNKST1YuCgAAOQydGQAt1JGyftkwmdCadT+rzFLDmUjyE+kn9sPB7rPmnZl2VLAbYGyfzi2lBTZHb2Y
Gqzi82VIenqKONm/OTvyHdmUGwD9fIy3sVS2HbsCufvtAvKIch1c+4FEb3lUf8g5JKV7CwdZWOQs/H7Bxo7a/GZ0/MKyENH2
+4XElmqS8SAcLSOpaxaE4P2gEyX1IPb6/wDcVNUmhWt+cBYpGQjsvo1ROSBnVvmOj+8vJ4A+DVTUs2HggqmKQzRv29TA32q6
xCSgdg213lPCclSFarF7NYl2K+g76/X+sUx1N4wCgTSlzuDwnszMG2KUffFuQsgVwCPfGwhYpeu/th88iWQaF+wAoDKI8AAd
ys878kI+HxSiM0ZPf3B8ZU/FXkQ23ivb+8zwnwz8NxSkekjfjJJb7WwonejgoIg12gQw8OK//9k=
""",
    "grey, progressive": """
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDREN
Dg8QEBEQCgwSExIQEw8QEBD/wgALCAAvAD0BAREA/8QAGgABAAMBAQEAAAAAAAAAAAAABAECAwAFB//aAAgBAQAAAAH5DXWU
czzPOmFLnOg6MFsweAojLkNBjnxlHaeaJtorzhf/xAAdEAACAwEAAwEAAAAAAAAAAAABAgADERIEEyIh/9oACAEBAAEFAkbG
tJgPsQZBWzRLikdq7FsIWwfkfWiuQVbJVbGBSC5Q9hLspradFbStTKrtXAw0uYeSO2Us5nQIHkOELsZ2dW9t6FtbWkN2IfqC
tyNIKE2KHEobQW5jbDgasBG8j6amkqppFq88xyd//8QAJhAAAgEEAgECBwAAAAAAAAAAAAERAhIhMUFRIgMQYXGBkaGxwf/a
AAgBAQAGPwLKfZd0U8kkvUdmZa6L6KIneB2r+HAnTLLei58mNj9RcmXvZhJiqhKDEoupY6al+RQ5O8CUxJiozE9m89luYqHn
R+jxLlVrkh0T9COezgiV4mxztcjuIpcSW9HyIqUkfb2bpefiZLKudGT/xAAgEAEAAwACAgIDAAAAAAAAAAABABEhMUFRYXHB
gZGh/9oACAEBAAE/IRA5lN/sMhQ9CWhqhtw2DYHVbx5lzxM/aciqaOIFEKaxcLUr1w/UbgEc8SpSOypVta0gUDBtQDq/lR8R
ikn2lypLa8zAb5djF52i8e4sWB9tVKBFCmv5H2ayki2cGIVGqSr2deTbihT+o4pIchu/mNih6W4n5NV8x0aFwvJEXqhTFgo6
M4lKDWjqOB+wY9a/BK4rGxIOlSzEtjKU2l5uoVos2WNgL1qPR77fUTHcmiMO/icl7FTwXxwETN1ThPD/AK8+5d1UDXPE2jS7
jP/aAAgBAQAAABCL2v8Aj8RX/8QAJRABAAEEAgMAAgIDAAAAAAAAAREAITFBUWFxgaGR8MHxsdHh/9oACAEBAAE/EH3rEAys
+GjqziniMZhh9fm18VJSanAS84z7pQLRaOAw5+HgpmDiVy3bBzJzzT7AAJFRjPf2Kg0wYykX3GyQPtnSm2CjoSJvOaUWewuX
ZhmYqDKZSlF+56k73p0qZIIx+bcR/NDKvIovdvPnX2pkR0s+AhxB+IoY1MsptnM9+fbZF06QCJBUSnSHuRJn+f8AVRBEBAAJ
5c+qbBZdjJT7RKBXAMuHW5d1NvkbCGYGc3SP6XBgMBFjHXnJalZFgUmyvbPwZoKZUUMpp9z8vQIlYxMiLYkxUeDrIOZlJH7l
qAayBFWnVifnVEgoxZJBm0zzRtQI5Bj6/wBRUbAICyW1ulyIEtyIzO8Fr0NmVvp8208Z8dshzZT2yFBvUMSJ4n3k79VKMggW
JnhLyB4qRAMt9xHzihq+RILqxfvx/movGpHJJZeKNZ1GVldmLX+1zlCxI3ytv3VW4XSZos5U4iKsvQBZS7rv/tOVwwWybve9
TQU5hU3XMYgbeLvpX4CAkRbu9P7emKrlBROjzBQucwWVEC5BGbP7uCuOFEdvfFQKg2cn78r/2Q==
""",
    "black and white, interlaced": """
iVBORw0KGgoAAAANSUhEUgAAAD0AAAAvAQAAAAEPAM9CAAAABGdBTUEAALGPC/xhBQAAAAJiS0dEAAHdihOkAAAAB3RJTUUH
6gwBACQ01hsNMwAAAP5JREFUGNNj+M/wnyGfQZ4BBP4z7AdiVgj7Pwi172do8GeAgP//oOj7P4br3xjS/jG0v2NoYGNABv//
g5TACcn9QOKaJ5BI6v3/icGFW+8fgwGD0wMGbACo4w868RvO2gYiet8Dieu//r9h+PkbyHp++n8Fw8zd7/8wrDxQfoEh4Ea6
A4MOAzsLg4PYQhEGBmYHAQYiwH8I+EEUo3w/TOQ2jJEb/x7MePMxtP7//98ZDJXr1td9//91BUPsOjnTt/+/bmC4NUVMy6v+
1Q2GlSE8Eg7O6wIYfDq5hBq9Uh0YGDw4jym6mTqAXMLIKMDQwNAEZHOAuCpA7EKMD5ABAEkvvlxtsJ6GAAAAJXRFWHRkYXRl
OmNyZWF0ZQAyMDI2LTEyLTAxVDAwOjM2OjIzKzAwOjAwJueb8gAAACV0RVh0ZGF0ZTptb2RpZnkAMjAyNi0xMi0wMVQwMDoz
NjoyMyswMDowMFe6I04AAAAASUVORK5CYII=
""",
    "packed by another encoder": """
iVBORw0KGgoAAAANSUhEUgAAAD0AAAAvAQAAAAB4B//UAAAACXBIWXMAAAAAAAAAAQCEeRdzAAAAkklEQVR4nGWOQQ7DIAwE
V1Yrod588B3xlvgBkez/cO4r+tTGNCVAlttoGBml5BKDn0Os4lMvQii0Oim9UsJAclPy3HnXWiEu/w7CodnBkRkIgXLB6uDn
REhAVOJhuud0dt+l/6IgtnZYmFmE0SV33VR9G5y27rSO7bapXURujurReTxvHR4cMzc1Wx3huaNxUwdf2pk292HolCAAAAAA
SUVORK5CYII=
""",
}


@pytest.mark.parametrize("what", ENCODED)
def test_pictures_of_encoders_are_accepted(what: str) -> None:
    whole = base64.b64decode(ENCODED[what])
    assert facts(whole)[1:] == (61, 47)
    assert examine_picture(examine_picture(whole).shown) == examine_picture(whole)


def test_a_chunk_of_another_length_than_its_kind_has_stays_behind() -> None:
    whole = with_chunks(
        chunk(b"gAMA", b"<script>"), chunk(b"pHYs", bytes(9)), chunk(b"pHYs", bytes(9))
    )
    assert examine_picture(whole).shown == with_chunks(chunk(b"pHYs", bytes(9)))


# --- what is left out -----------------------------------------------------------------------------

PLACE = b"52.5163 N 13.3777 E, by somebody"


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
def test_metadata_of_a_picture_is_removed(what: str) -> None:
    whole = TELLING[what]
    assert PLACE[:7] in whole
    found = examine_picture(whole)
    assert PLACE[:7] not in found.shown
    assert (found.width, found.height) == (100, 80)
    assert examine_picture(found.shown) == found


def test_data_that_affects_the_rendering_is_kept() -> None:
    profile = segment(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(64))
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01")
    coloured = with_segments(profile, adobe)
    assert examine_picture(coloured).shown == coloured
    seen = [chunk(b"gAMA", b"\0\0\xb1\x8f"), chunk(b"iCCP", b"a\0\0x"), chunk(b"tRNS", bytes(6))]
    assert examine_picture(with_chunks(*seen)).shown == with_chunks(*seen)
    for whole in (jpeg(100, 80), png(100, 80)):
        assert examine_picture(whole).shown == whole
    scan = CLIP.index(b"\xff\xda")
    assert CLIP[scan:] in examine_picture(CLIP).shown


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
        found = examine_picture(whole)
        assert PLACE not in found.shown
        assert (found.width, found.height) == ((80, 100) if orientation > 4 else (100, 80))
        again = examine_picture(found.shown)
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
        found = examine_picture(whole)
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
def test_cleaning_a_jpeg_keeps_its_tables_and_scans_and_is_idempotent(
    parts: list[tuple[int, bytes, bytes]],
) -> None:
    # A colour profile stays as it is, whatever it holds; hypothesis knows how one begins.
    assume(not any((start + held).startswith(b"ICC_PROFILE\0") for _, start, held in parts))
    beside = [segment(marker, start + held + PLACE) for marker, start, held in parts]
    found = examine_picture(with_segments(*beside))
    bare = jpeg(100, 80)
    assert found.shown.endswith(bare[20:])  # all behind its JFIF segment
    assert PLACE not in found.shown
    assert examine_picture(found.shown).shown == found.shown


@given(
    st.lists(st.tuples(st.from_regex(rb"[a-z][A-Za-z]{3}", fullmatch=True), st.binary(max_size=40)))
)
def test_cleaning_a_png_keeps_its_pixels_and_is_idempotent(
    parts: list[tuple[bytes, bytes]],
) -> None:
    shown = {b"tRNS", b"bKGD", b"pHYs", b"sBIT", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP"}
    shown |= {b"mDCV", b"cLLI", b"acTL", b"eXIf"}
    beside = [chunk(kind, held + PLACE) for kind, held in parts if kind not in shown]
    found = examine_picture(with_chunks(*beside))
    assert found.shown == png(100, 80)
    assert examine_picture(found.shown) == found
