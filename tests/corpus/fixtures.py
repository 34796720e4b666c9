"""The corpus: every file, what it is, and the verdict it must get.

Everything is made here out of the small clips of tests/clips, when it is needed. A verdict names
the problem codes in order; none means that the file may be used.
"""

import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chalicelib.videos.model import MAX_SIZE_BYTES
from tests.corpus import ebml, mp4

CLIPS = Path(__file__).parent.parent / "clips"


@dataclass(frozen=True)
class Fixture:
    """`problems` are the expected codes. `make` gives the file's content."""

    name: str
    what: str
    problems: tuple[str, ...]
    make: Callable[[], bytes]


FIXTURES: list[Fixture] = []


def fixture(name: str, what: str, make: Callable[[], bytes], *problems: str) -> None:
    FIXTURES.append(Fixture(name, what, problems, make))


def clip(name: str) -> bytes:
    return (CLIPS / name).read_bytes()


def noise(length: int, seed: int = 4) -> bytes:
    return random.Random(seed).randbytes(length)


def followed(name: str, rest: bytes) -> bytes:
    return clip(name) + rest


def filled(content: bytes, start: int, end: int, filling: bytes) -> bytes:
    return content[:start] + filling.ljust(end - start, b"\0")[: end - start] + content[end:]


def share(content: bytes, part: float) -> bytes:
    return content[: int(len(content) * part)]


# Good ones, as they come from encoders, phones and browsers.

for name, what in {
    "demo.mp4": "MP4, H.264 and AAC, index at the front",
    "no_audio.mp4": "MP4 without sound, index at the end",
    "demo.webm": "WebM, VP9 and Opus",
    "vp8.webm": "WebM, VP8 and Opus",
    "browser_recorded.webm": "recorded by a browser: no length, no index, no frame rate",
    "fragmented.mp4": "fragmented MP4",
    "hevc.mp4": "H.265",
    "ten_bit.mp4": "H.265 with ten bits",
    "vp9.mp4": "VP9 in MP4",
    "rotated.mp4": "a phone held upright: 960 x 540 turned by a quarter",
    "landscape.mp4": "960 x 540 as it is",
    "square.webm": "540 x 540",
    "full_hd.mp4": "1080 x 1920",
    "widest.mp4": "4096 pixels wide, as much as TikTok takes",
    "uhd_phone.mp4": "4K in H.265 with ten bits, as phones encode it",
    "uhd_editor.mp4": "4K in H.265 with ten bits, as editors encode it",
    "huge_hevc_ten_bit.mp4": "4096 x 2304 in H.265 with ten bits and many references",
    "huge_hevc_422.mp4": "the same with 4:2:2",
    "huge_hevc_square.mp4": "4096 x 4096 in H.265",
    "huge_h264_ten_bit.mp4": "4096 x 2304 in H.264 with ten bits, open groups of pictures",
    "huge_h264_422.mp4": "the same with 4:2:2",
    "huge_vp9_ten_bit.mp4": "4096 x 2304 in VP9 with ten bits (profile 2)",
    "many_references.mp4": "1080 x 1920 in H.264 with ten bits and sixteen references",
    "two_sounds.mp4": "two sound tracks",
    "two_pictures.mp4": "two picture tracks",
    "sound_longer.mp4": "sound goes on for two seconds after the picture",
    "variable_rate.mp4": "variable frame rate",
    "film_rate.mp4": "23.976 frames per second",
    "fast_rate.mp4": "59.94 frames per second",
    "three_seconds.mp4": "exactly 3 seconds, MP4",
    "three_seconds.webm": "exactly 3 seconds, WebM",
    "sixty_seconds.mp4": "exactly 60 seconds, MP4, one key frame",
    "sixty_seconds.webm": "exactly 60 seconds, WebM, one key frame",
    "open_groups.mp4": "H.264, groups of pictures that lean on the one before",
    "hevc_open_groups.mp4": "H.265, likewise",
    "intra_refresh.mp4": "H.264 that refreshes slowly: one column of a picture at a time",
    "busy.mp4": "H.264, a key frame each second",
    "busy.webm": "VP9, a key frame each second",
    "full_colour.mp4": "H.264 with 4:4:4",
    "interlaced.mp4": "interlaced H.264",
    "phone.3gp": "3GP that is compatible with MP4, as Android writes it",
}.items():
    fixture(name, what, partial(clip, name))


def branded(brand: bytes, content: bytes | None = None) -> bytes:
    return mp4.poke(content or clip("demo.mp4"), "ftyp", 0, brand)


for brand in ("iso6", "mp42", "avc1", "dash", "XAVC", "M4V ", "3gp4", "3gp5"):
    fixture(
        f"brand_{brand.strip()}.mp4",
        f"major brand {brand.strip()}, compatible with isom",
        partial(branded, brand.encode()),
    )

fixture(
    "index_moved_front.mp4",
    "index moved to the front",
    lambda: mp4.index_first(clip("no_audio.mp4")),
)
fixture("index_moved_back.mp4", "index moved to the end", lambda: mp4.index_last(clip("demo.mp4")))
for name in ("demo.mp4", "demo.webm", "browser_recorded.webm"):
    fixture(
        f"zeros_after_{name}",
        "followed by 5,000 zero bytes",
        partial(followed, name, bytes(5000)),
    )
    fixture(
        f"noise_after_{name}",
        "followed by 5,000 random bytes",
        partial(followed, name, noise(5000)),
    )
fixture(
    "text_after.mp4",
    "followed by a line of text",
    lambda: clip("no_audio.mp4") + b"\r\n-- \r\nsent from my phone\r\n",
)
fixture(
    "free_after.mp4",
    "followed by a free box",
    lambda: clip("demo.mp4") + mp4.box(b"free", bytes(900)),
)
fixture(
    "free_before_media.mp4",
    "2 MB of free space between index and media data",
    lambda: mp4.insert_before_media(clip("demo.mp4"), mp4.box(b"free", bytes(2_000_000))),
)
fixture(
    "strange_boxes.mp4",
    "boxes nobody knows, one with a uuid",
    lambda: mp4.insert_before_media(
        clip("no_audio.mp4"), mp4.box(b"zz%n", b"?" * 50) + mp4.box(b"uuid", noise(116))
    ),
)


def at_the_limit(over: int = 0) -> bytes:
    content = clip("no_audio.mp4")
    return mp4.insert_before_media(
        content, mp4.box(b"free", bytes(MAX_SIZE_BYTES + over - len(content) - 8))
    )


def webm_at_the_limit() -> bytes:
    content = clip("demo.webm")
    return ebml.appended(content, ebml.VOID + ebml.void_size(MAX_SIZE_BYTES - len(content) - 1))


def wide_offsets() -> bytes:
    content = clip("no_audio.mp4")
    path = "moov/trak/mdia/minf/stbl/stco"
    table = mp4.body(content, path)
    count = int.from_bytes(table[4:8])
    offsets = struct.pack(f">{count}Q", *struct.unpack_from(f">{count}I", table, 8))
    return mp4.put(content, path, mp4.box(b"co64", table[:8], offsets))


def wide_media() -> bytes:
    """Let the empty box before the media data make room for a longer head."""
    content = clip("no_audio.mp4")
    start, end = mp4.lineage(content, "mdat")[-1]
    assert content[start - 8 : start] == mp4.box(b"free")
    head = (1).to_bytes(4) + b"mdat" + (end - start + 8).to_bytes(8)
    return content[: start - 8] + head + content[start + 8 :]


def endless_media() -> bytes:
    content = clip("demo.mp4")
    start, _ = mp4.lineage(content, "mdat")[-1]
    return content[:start] + bytes(4) + content[start + 4 :]


fixture("size_limit.mp4", "exactly the size limit, MP4", at_the_limit)
fixture("size_limit.webm", "exactly the size limit, WebM", webm_at_the_limit)
fixture("wide_offsets.mp4", "64-bit offsets", wide_offsets)
fixture("wide_media.mp4", "a 64-bit length of the media data", wide_media)
fixture("endless_media.mp4", "media data that goes on to the end, its length unsaid", endless_media)


def titled(text: bytes) -> bytes:
    """Put a title in, the way iTunes writes it."""
    value = mp4.box(b"data", b"\0\0\0\x01\0\0\0\0" + text)
    handler = mp4.full_box(b"hdlr", bytes(4) + b"mdirappl" + bytes(9))
    tags = mp4.box(b"ilst", mp4.box(b"\xa9nam", value))
    meta = mp4.box(b"udta", mp4.full_box(b"meta", handler, tags))
    return mp4.add(clip("no_audio.mp4"), "moov", meta)


def tagged(text: bytes) -> bytes:
    """Put a tag at the end of a WebM."""
    simple = ebml.element(
        b"\x67\xc8", ebml.element(b"\x45\xa3", b"TITLE"), ebml.element(b"\x44\x87", text)
    )
    return ebml.appended(
        clip("demo.webm"), ebml.element(ebml.TAGS, ebml.element(b"\x73\x73", simple))
    )


fixture("title_percent.mp4", "a title full of percent signs", lambda: titled(b"%n%s%Format%" * 500))
fixture(
    "title_markup.mp4",
    "a title that closes MediaInfo's answer",
    lambda: titled(b"]]></track></MediaInfo><track type='Video'><Width>9</Width>"),
)
fixture("title_bytes.mp4", "a title that is no text", lambda: titled(bytes(range(256)) * 4))
fixture("title_large.mp4", "a title of 300 KB", lambda: titled(b"a" * 300_000))
fixture(
    "title_lines.mp4",
    "a title that looks like ffprobe's output",
    lambda: titled(
        b"\nstream|index=0|codec_type=audio\npacket|stream_index=0|pts_time=900|size=1\n"
    ),
)
fixture(
    "tag_markup.webm",
    "the same in a WebM's tags",
    lambda: tagged(b"</track>\n%n%n<Width>9</Width>\nDuration=1"),
)


def turned(*, a: int, b: int, c: int, d: int) -> bytes:
    one = 1 << 16
    matrix = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    return mp4.poke(clip("no_audio.mp4"), "moov/trak/tkhd", 40, matrix)


def edited(*edits: tuple[int, int]) -> bytes:
    """Give the picture an edit list: milliseconds shown, and from where in the media (-1: none)."""
    content = clip("busy.mp4")
    scale = int.from_bytes(mp4.body(content, "moov/trak/mdia/mdhd")[12:16])
    entries = b"".join(
        struct.pack(">IiI", length, start if start < 0 else start * scale // 1000, 1 << 16)
        for length, start in edits
    )
    table = len(edits).to_bytes(4) + entries
    total = sum(length for length, _ in edits)
    content = mp4.put(content, "moov/trak/edts", mp4.box(b"edts", mp4.full_box(b"elst", table)))
    content = mp4.poke(content, "moov/trak/tkhd", 20, total.to_bytes(4))
    return mp4.poke(content, "moov/mvhd", 16, total.to_bytes(4))


fixture("turned_half.mp4", "turned by half", lambda: turned(a=-1, b=0, c=0, d=-1))
fixture(
    "turned_back.mp4",
    "540 x 960 turned by a quarter to the left",
    lambda: turned(a=0, b=-1, c=1, d=0),
)
fixture("trimmed.mp4", "an edit list shows 3 of 4 seconds", lambda: edited((3000, 1083)))
fixture(
    "delayed.mp4",
    "an edit list starts the picture half a second late",
    lambda: edited((500, -1), (4000, 83)),
)
fixture("no_cues.webm", "WebM without an index", lambda: ebml.voided(clip("demo.webm"), ebml.CUES))
fixture(
    "no_duration.webm",
    "WebM that does not say how long it is",
    lambda: ebml.voided(clip("demo.webm"), ebml.DURATION),
)
fixture(
    "no_seek_head.webm",
    "WebM without a table of contents",
    lambda: ebml.voided(clip("demo.webm"), ebml.SEEK_HEAD),
)
fixture(
    "unknown_length.webm",
    "WebM whose segment has no length",
    lambda: ebml.unknown_segment(clip("demo.webm")),
)

# Refused for what stands in the header.

CONTAINER, NOTHING = "unsupported_container", "not_a_video"
for name, what, problems in (
    ("two_seconds.mp4", "2 seconds, MP4", ["too_short"]),
    ("two_seconds.webm", "2 seconds, WebM", ["too_short"]),
    ("seventy_seconds.mp4", "70 seconds", ["too_long"]),
    ("small_480p.mp4", "480 x 854", ["resolution_too_low"]),
    ("small.webm", "270 x 480", ["resolution_too_low"]),
    ("too_wide.mp4", "4112 pixels wide", ["resolution_too_high"]),
    ("fifteen_fps.mp4", "15 frames per second", ["frame_rate_too_low"]),
    ("too_fast.mp4", "100 frames per second", ["frame_rate_too_high"]),
    ("mpeg4_part2.mp4", "MPEG-4 Visual", ["unsupported_codec"]),
    ("av1.mp4", "AV1", ["unsupported_codec"]),
    ("motion_jpeg.mp4", "Motion JPEG, 64 x 64", ["unsupported_codec", "resolution_too_low"]),
    ("quicktime.mov", "QuickTime", [CONTAINER]),
    ("matroska.mkv", "Matroska", [CONTAINER]),
    ("h264.mkv", "Matroska with H.264", [CONTAINER, "frame_rate_unknown"]),
    ("transport_stream.ts", "MPEG transport stream", [CONTAINER, "frame_rate_unknown"]),
    ("flash.flv", "Flash video", [CONTAINER]),
    ("windows.avi", "AVI with MPEG-4 Visual", [CONTAINER, "unsupported_codec"]),
    ("animated.gif", "animated GIF", [NOTHING]),
    ("picture.png", "PNG", [NOTHING]),
    ("picture.jpg", "JPEG", [NOTHING]),
    ("sound.ogg", "Ogg sound", [NOTHING]),
    ("sound.webm", "WebM with sound only", ["no_video_track"]),
    ("audio_only.mp4", "MP4 with sound only", ["no_video_track"]),
    ("cover_art.mp4", "sound with a cover", ["no_video_track"]),
    ("one_frame.mp4", "a single picture for 5 seconds, MP4", ["frame_rate_too_low"]),
    ("one_frame.webm", "a single picture, WebM", ["too_short"]),
    ("text.mp4", "text", [NOTHING]),
):
    fixture(name, what, partial(clip, name), *problems)

for name, what, content in (
    ("one_byte.mp4", "one byte", b"\0"),
    ("zeros.mp4", "100,000 zero bytes", bytes(100_000)),
    ("noise.webm", "300,000 random bytes", noise(300_000)),
    (
        "playlist.mp4",
        "a playlist of addresses",
        b"#EXTM3U\n#EXTINF:10,\nhttps://example.com/1.ts\n#EXT-X-ENDLIST\n",
    ),
    (
        "local_playlist.mp4",
        "a playlist of local files",
        b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
    ),
    (
        "manifest.mp4",
        "a DASH manifest",
        b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'/>",
    ),
    ("concat.mp4", "a list of files to join", b"ffconcat version 1.0\nfile /etc/passwd\n"),
    ("page.mp4", "a web page", b"<!doctype html><title>404</title>\n" * 30),
    ("archive.mp4", "a ZIP archive", b"PK\x05\x06" + bytes(18)),
    (
        "answer.mp4",
        "what MediaInfo answers of a good file",
        b"<MediaInfo><track type='Video'><Width>540</Width></track></MediaInfo>",
    ),
    ("only_brand.mp4", "a brand and nothing else", mp4.box(b"ftyp", b"isom\0\0\2\0isomiso2")),
    (
        "only_head.webm",
        "a head and nothing else",
        ebml.element(b"\x1a\x45\xdf\xa3", ebml.element(b"\x42\x82", b"webm")),
    ),
):
    fixture(
        name,
        what,
        partial(bytes, content),
        *(["no_video_track"] if name.startswith("only") else [NOTHING]),
    )

fixture("empty.mp4", "empty", lambda: b"", "empty_file")
fixture(
    "one_byte_over.mp4", "one byte over the size limit", lambda: at_the_limit(1), "file_too_large"
)
fixture(
    "brand_3gp_only.mp4",
    "3GP that is compatible with nothing else",
    lambda: clip("phone.3gp").replace(b"3gp6isomiso2avc1", b"3gp63gp5" * 2, 1),
    CONTAINER,
)
for brand, what in {
    "qt  ": "QuickTime",
    "heic": "a HEIF picture",
}.items():
    fixture(
        f"brand_{brand.strip()}.mp4",
        f"an MP4 that says it is {what}",
        partial(branded, brand.encode()),
        CONTAINER,
    )
fixture(
    "no_brand.mp4",
    "an MP4 without a brand, as old QuickTime wrote",
    lambda: clip("demo.mp4")[mp4.lineage(clip("demo.mp4"), "ftyp")[-1][1] :],
    CONTAINER,
)
fixture(
    "doctype.webm",
    "a WebM that says it is of another kind",
    lambda: clip("demo.webm").replace(b"\x42\x82\x84webm", b"\x42\x82\x84mkv\0", 1),
    NOTHING,
)
fixture(
    "index_lost.mp4",
    "cut off before the index at its end",
    lambda: share(clip("no_audio.mp4"), 0.6),
    "truncated",
)
fixture(
    "index_cut.mp4",
    "cut off within the index at its front",
    lambda: clip("demo.mp4")[:1200],
    "truncated",
)
fixture(
    "head_cut.webm",
    "cut off within the head",
    lambda: clip("demo.webm")[:300],
    "truncated",
)
fixture(
    "index_too_long.mp4",
    "an index that says it is longer than the file",
    lambda: mp4.poke(clip("no_audio.mp4"), "moov", -8, (2**31).to_bytes(4)),
    "truncated",
)


def sized(width: int, height: int, content: bytes) -> bytes:
    """Let the headers of an MP4 state another size of the picture."""
    content = mp4.poke(content, "moov/trak/tkhd", 76, struct.pack(">II", width << 16, height << 16))
    entry = "moov/trak/mdia/minf/stbl/stsd/avc1"
    return mp4.poke(content, entry, 24, struct.pack(">HH", width, height))


fixture(
    "size_absurd.mp4",
    "headers state 60,000 x 60,000 pixels",
    lambda: sized(60_000, 60_000, clip("no_audio.mp4")),
    "resolution_too_high",
)
fixture(
    "size_zero.mp4", "headers state no pixels at all", lambda: sized(0, 0, clip("no_audio.mp4"))
)

# What only demuxing and decoding show.

CUT = "truncated"
for part in (0.999, 0.9, 0.6):
    fixture(
        f"cut_{part:.1%}.mp4".replace("%", ""),
        f"the first {part:.1%} of an MP4",
        partial(share, clip("demo.mp4"), part),
        CUT,
    )
    fixture(
        f"cut_{part:.1%}.webm".replace("%", ""),
        f"the first {part:.1%} of a WebM",
        partial(share, clip("demo.webm"), part),
        CUT,
    )
fixture(
    "cut_byte.mp4",
    "the last byte is missing, MP4",
    lambda: mp4.index_first(clip("busy.mp4"))[:-1],
    CUT,
)
fixture(
    "cut_fragment.mp4",
    "cut off within a fragment",
    lambda: share(clip("fragmented.mp4"), 0.93),
    CUT,
)
fixture(
    "cut_recording.webm",
    "a browser's recording, cut off within a block",
    lambda: share(clip("browser_recorded.webm"), 0.93),
    CUT,
)
fixture(
    "cut_hevc.mp4",
    "the first 80% of H.265, index at the front",
    lambda: share(mp4.index_first(clip("hevc.mp4")), 0.8),
    CUT,
)


def with_media(name: str, filling: Callable[[int], bytes]) -> bytes:
    content = clip(name)
    start, end = mp4.media(content)
    return filled(content, start, end, filling(end - start))


def with_blocks(
    name: str, filling: Callable[[int], bytes], first: float = 0, last: float = 1
) -> bytes:
    content = clip(name)
    blocks = ebml.blocks(content)
    for start, end in blocks[int(len(blocks) * first) : int(len(blocks) * last)]:
        content = filled(content, start, end, filling(end - start))
    return content


PLAYS_NOT = "does_not_play"
FILLINGS: dict[str, Callable[[int], bytes]] = {
    "zeros": bytes,
    "noise": lambda length: noise(length, length),
}
for filling, fill in FILLINGS.items():
    for name, what in {
        "no_audio.mp4": "H.264",
        "hevc.mp4": "H.265",
        "vp9.mp4": "VP9 in MP4",
    }.items():
        fixture(
            f"{filling}_for_media_{name}",
            f"{what}: {filling} for media data",
            partial(with_media, name, fill),
            PLAYS_NOT,
        )
    for name, what in {"vp8.webm": "VP8", "demo.webm": "VP9"}.items():
        fixture(
            f"{filling}_for_blocks_{name}",
            f"{what}: {filling} for media data",
            partial(with_blocks, name, fill),
            PLAYS_NOT,
        )
fixture(
    "text_for_media.mp4",
    "text for media data",
    lambda: with_media("no_audio.mp4", lambda n: b"All work and no play. " * n),
    PLAYS_NOT,
)


def with_offsets(change: Callable[[int], int], name: str = "busy.mp4") -> bytes:
    content = clip(name)
    path = "moov/trak/mdia/minf/stbl/stco"
    table = mp4.body(content, path)
    (count,) = struct.unpack_from(">I", table, 4)
    offsets = [change(each) & 0xFFFFFFFF for each in struct.unpack_from(f">{count}I", table, 8)]
    return mp4.poke(content, path, 8, struct.pack(f">{count}I", *offsets))


fixture(
    "offsets_zero.mp4",
    "the index points to the file's beginning",
    lambda: with_offsets(lambda _: 0),
    PLAYS_NOT,
)
fixture(
    "offsets_shifted.mp4",
    "the index points 1,000 bytes too far",
    lambda: with_offsets(lambda at: at + 1000),
    PLAYS_NOT,
)
fixture(
    "offsets_early.mp4",
    "the index points 3 bytes too early",
    lambda: with_offsets(lambda at: at - 3),
    PLAYS_NOT,
)
fixture(
    "offsets_beyond.mp4",
    "the index points beyond the end",
    lambda: with_offsets(lambda at: at + 1_000_000),
    CUT,
    PLAYS_NOT,
)
fixture(
    "index_stale.mp4",
    "media data moved, the index not told",
    lambda: mp4.index_first(mp4.index_last(clip("demo.mp4"))).replace(
        mp4.box(b"free", b""), b"", 1
    ),
    PLAYS_NOT,
)

LENGTHS = ("moov/mvhd", "moov/trak/tkhd", "moov/trak/mdia/mdhd")
MISMATCH = "length_mismatch"
fixture(
    "says_ten.mp4",
    "4 seconds that say they are 10",
    lambda: mp4.lengthened(clip("no_audio.mp4"), 2.5, *LENGTHS),
    MISMATCH,
)
fixture(
    "says_three.mp4",
    "60 seconds that say they are 30",
    lambda: mp4.lengthened(clip("sixty_seconds.mp4"), 0.5, *LENGTHS),
    "length_mismatch",
)
fixture(
    "says_four.mp4",
    "2 seconds that say they are 4",
    lambda: mp4.lengthened(clip("two_seconds.mp4"), 2, *LENGTHS),
    "too_short",
    "length_mismatch",
)
fixture(
    "says_thirty.mp4",
    "70 seconds that say they are 30",
    lambda: mp4.lengthened(clip("seventy_seconds.mp4"), 30 / 70, *LENGTHS),
    "too_long",
    "length_mismatch",
)
fixture(
    "says_thirty.webm",
    "4 seconds that say they are 30, WebM",
    lambda: ebml.with_duration(clip("demo.webm"), 30),
    MISMATCH,
)
fixture(
    "says_four.webm",
    "2 seconds that say they are 4, WebM",
    lambda: ebml.with_duration(clip("two_seconds.webm"), 4),
    "too_short",
    MISMATCH,
)
fixture(
    "says_three.webm",
    "60 seconds that say they are 3, WebM",
    lambda: ebml.with_duration(clip("sixty_seconds.webm"), 3),
    MISMATCH,
)
fixture(
    "one_frame_says_five.webm",
    "a single picture that says it is 5 seconds",
    lambda: ebml.with_duration(clip("one_frame.webm"), 5),
    "too_short",
    "still_picture",
    "length_mismatch",
)
fixture(
    "edited_away.mp4", "an edit list shows 1 of 4 seconds", lambda: edited((1000, 83)), "too_short"
)
fixture(
    "says_540p.mp4",
    "480 x 854 in headers that say 540 x 960",
    lambda: sized(540, 960, clip("small_480p.mp4")),
    "resolution_too_low",
)


def webm_saying_540p() -> bytes:
    content = clip("small.webm")
    assert content.count(b"\xb0\x82\x01\x0e\xba\x82\x01\xe0") == 1
    return content.replace(b"\xb0\x82\x01\x0e\xba\x82\x01\xe0", b"\xb0\x82\x02\x1c\xba\x82\x03\xc0")


fixture(
    "says_540p.webm",
    "270 x 480 in a head that says 540 x 960",
    webm_saying_540p,
    "resolution_too_low",
)

DAMAGED = "damaged"


def hurt(name: str, start: float, end: float, filling: Callable[[int], bytes]) -> bytes:
    content = clip(name)
    begin, stop = mp4.media(content)
    first, last = begin + int((stop - begin) * start), begin + int((stop - begin) * end)
    return filled(content, first, last, filling(last - first))


for filling, fill in FILLINGS.items():
    for where, (start, end) in {
        "start": (0.02, 0.2),
        "middle": (0.4, 0.6),
        "between": (0.3, 0.34),
        "end": (0.9, 1),
    }.items():
        fixture(
            f"{filling}_{where}.mp4",
            f"{filling} for {start:.0%} to {end:.0%} of the media data",
            partial(hurt, "busy.mp4", start, end, fill),
            DAMAGED,
        )
    for where, (start, end) in {
        "start": (0.02, 0.2),
        "middle": (0.4, 0.6),
        "end": (0.9, 1),
    }.items():
        fixture(
            f"{filling}_{where}.webm",
            f"{filling} in {start:.0%} to {end:.0%} of the blocks",
            partial(with_blocks, "busy.webm", fill, start, end),
            DAMAGED if filling == "zeros" or where == "end" else PLAYS_NOT,
        )


def with_configuration(change: Callable[[int], bytes]) -> bytes:
    content = clip("no_audio.mp4")
    at = content.index(b"avcC") + 4
    end = at - 8 + int.from_bytes(content[at - 8 : at - 4])
    return filled(content, at, end, change(end - at))


def foreign_configuration() -> bytes:
    content = clip("no_audio.mp4")
    at = content.index(b"avcC") + 4
    return content[: at + 8] + noise(20) + content[at + 28 :]


def elsewhere() -> bytes:
    reference = mp4.box(b"url ", bytes(4) + b"file:///etc/passwd\0")
    table = mp4.full_box(b"dref", (1).to_bytes(4), reference)
    return mp4.put(clip("no_audio.mp4"), "moov/trak/mdia/minf/dinf/dref", table)


STBL = "moov/trak/mdia/minf/stbl"
fixture(
    "no_configuration.mp4",
    "the decoder's configuration is zeros",
    lambda: with_configuration(bytes),
    PLAYS_NOT,
)
fixture(
    "foreign_configuration.mp4",
    "the decoder's configuration is that of another video",
    foreign_configuration,
    PLAYS_NOT,
)
fixture(
    "named_hevc.mp4",
    "H.264 that says it is H.265",
    lambda: clip("no_audio.mp4").replace(b"avc1", b"hvc1").replace(b"avcC", b"hvcC"),
    PLAYS_NOT,
)
fixture(
    "named_vp8.webm",
    "VP9 that says it is VP8",
    lambda: clip("demo.webm").replace(b"V_VP9", b"V_VP8", 1),
    PLAYS_NOT,
)
fixture(
    "named_vp9.webm",
    "VP8 that says it is VP9",
    lambda: clip("vp8.webm").replace(b"V_VP8", b"V_VP9", 1),
    PLAYS_NOT,
)
fixture(
    "elsewhere.mp4",
    "says that its media data is another file (which nobody opens)",
    elsewhere,
)
fixture(
    "encrypted.mp4",
    "marked as encrypted",
    lambda: clip("no_audio.mp4").replace(b"avc1", b"encv"),
    "does_not_play",
)

# Made to keep whoever looks at them busy.


def nested(kind: bytes, depth: int, inside: bytes = b"") -> bytes:
    heads = [(len(inside) + 8 * level).to_bytes(4) + kind for level in range(depth, 0, -1)]
    return b"".join(heads) + inside


def nested_elements(name: bytes, depth: int) -> bytes:
    parts: list[bytes] = []
    length = 0
    for _ in range(depth):
        head = name + (length | 1 << 56).to_bytes(8)
        parts.append(head)
        length += len(head)
    return b"".join(reversed(parts))


def with_table(path: str, table: bytes) -> bytes:
    return mp4.put_body(clip("no_audio.mp4"), f"{STBL}/{path}", table)


def times_hidden() -> bytes:
    """Give a table of 2^32 times that keeps MediaInfo busy, further back than is looked at."""
    table = mp4.full_box(b"stts", struct.pack(">I", ENDLESS), bytes(800))
    content = mp4.put(clip("no_audio.mp4"), f"{STBL}/stts", table)
    first = mp4.box(b"mvhd", mp4.body(content, "moov/mvhd"))
    return mp4.put(content, "moov/mvhd", first + mp4.box(b"free", bytes(600_000)))


def many_tracks(count: int) -> bytes:
    content = clip("no_audio.mp4")
    start, end = mp4.lineage(content, "moov/trak")[-1]
    return mp4.add(content, "moov", content[start:end] * count)


def packed_zeros(before: bytes, length: int) -> bytes:
    """Compress something and so many zeros; a piece is compressed once and repeated."""
    packer, piece = zlib.compressobj(9), bytes(2**22)
    packed = [packer.compress(before), packer.flush(zlib.Z_FULL_FLUSH)]
    first = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    check = zlib.adler32(before)
    for _ in range(length // len(piece)):
        packed.append(first)
        check = zlib.adler32(piece, check)
    return b"".join(packed) + b"\x03\x00" + check.to_bytes(4)


def packed_index(length: int) -> bytes:
    """A compressed `moov`, as old QuickTime wrote it, of far more than it seems."""
    heads = (length + 16).to_bytes(4) + b"moov" + (length + 8).to_bytes(4) + b"udta"
    packed = packed_zeros(heads, length)
    content = mp4.box(b"cmvd", length.to_bytes(4) + packed)
    index = mp4.box(b"moov", mp4.box(b"cmov", mp4.box(b"dcom", b"zlib") + content))
    return mp4.put(clip("no_audio.mp4"), "moov", index)


def packed_blocks() -> bytes:
    """A WebM whose picture is packed, and whose first block unpacks to 64 MB."""
    bomb = packed_zeros(b"", 64 * 1024 * 1024)
    packing = ebml.element(b"\x50\x34", ebml.element(b"\x42\x54", b"\0"))
    encoding = ebml.element(
        b"\x6d\x80", ebml.element(b"\x62\x40", ebml.element(b"\x50\x33", b"\0"), packing)
    )
    picture = ebml.element(
        b"\xe0", ebml.element(b"\xb0", b"\x02\x1c"), ebml.element(b"\xba", b"\x03\xc0")
    )
    track = [(b"\xd7", b"\1"), (b"\x73\xc5", b"\1"), (b"\x83", b"\1"), (b"\x86", b"V_VP9")]
    entry = b"".join(ebml.element(name, value) for name, value in track)
    rate = ebml.element(b"\x23\xe3\x83", (41_666_667).to_bytes(4))
    tracks = ebml.element(ebml.TRACKS, ebml.element(b"\xae", entry, rate, picture, encoding))
    info = ebml.element(ebml.INFO, ebml.element(ebml.DURATION, struct.pack(">d", 4000)))
    blocks = [
        ebml.element(b"\xa3", b"\x81" + (number * 40).to_bytes(2) + b"\x80" + bomb)
        for number in range(100)
    ]
    cluster = ebml.element(ebml.CLUSTER, ebml.element(b"\xe7", b"\0"), *blocks)
    head = ebml.element(b"\x1a\x45\xdf\xa3", ebml.element(b"\x42\x82", b"webm"))
    return head + ebml.element(ebml.SEGMENT, info, tracks, cluster)


def many_webm_tracks(count: int) -> bytes:
    content = clip("demo.webm")
    start, begin, end = ebml.place(content, ebml.TRACKS)
    tracks = ebml.element(ebml.TRACKS, content[begin:end] * count)
    return ebml.unknown_segment(content[:start] + tracks + content[end:])


ENDLESS = 0xFFFFFFFF
fixture(
    "deep_boxes.mp4",
    "20,000 boxes within each other",
    lambda: mp4.add(clip("no_audio.mp4"), "moov", nested(b"udta", 20_000)),
    "does_not_play",
)
fixture(
    "deep_index.mp4",
    "an index of 20,000 boxes within each other, and nothing else",
    lambda: branded(b"isom", mp4.box(b"ftyp", b"isom\0\0\2\0isomiso2")) + nested(b"moov", 20_000),
    "no_video_track",
)
fixture(
    "deep_tracks.mp4",
    "an index of 20,000 tracks within each other",
    lambda: mp4.put_body(clip("no_audio.mp4"), "moov", nested(b"trak", 20_000)),
    "damaged",
)
fixture(
    "deep_tags.webm",
    "5,000 elements within each other",
    lambda: ebml.appended(
        clip("demo.webm"), ebml.element(ebml.TAGS, nested_elements(b"\x67\xc8", 5_000))
    ),
)
fixture(
    "box_of_none.mp4",
    "a box that says it has no length, in the index",
    lambda: mp4.add(clip("no_audio.mp4"), "moov", bytes(4) + b"udta" + bytes(20)),
)
fixture(
    "boxes_of_one.mp4",
    "100,000 boxes with nothing in them",
    lambda: mp4.add(clip("no_audio.mp4"), "moov", mp4.box(b"free") * 100_000),
)
fixture(
    "box_too_short.mp4",
    "a box shorter than its own head",
    lambda: mp4.add(clip("no_audio.mp4"), "moov", (4).to_bytes(4) + b"udta" + bytes(20)),
)
fixture(
    "box_endless.mp4",
    "a box of 2^63 bytes",
    lambda: clip("no_audio.mp4") + (1).to_bytes(4) + b"free" + (2**63 - 1).to_bytes(8),
)
fixture("many_tracks.mp4", "5,000 tracks", lambda: many_tracks(5_000), DAMAGED)
fixture("many_tracks.webm", "1,040 tracks, WebM", lambda: many_webm_tracks(520), DAMAGED)
fixture(
    "sizes_endless.mp4",
    "an index of 2^32 pictures",
    lambda: with_table("stsz", struct.pack(">III", 0, 1, ENDLESS)),
    "does_not_play",
)
fixture(
    "times_endless.mp4",
    "2^32 times",
    lambda: with_table("stts", struct.pack(">IIII", 0, 1, ENDLESS, 1)),
    "frame_rate_too_high",
)
fixture(
    "times_many.mp4",
    "2^32 entries of times",
    lambda: with_table("stts", struct.pack(">II", 0, ENDLESS) + bytes(800)),
    DAMAGED,
)
fixture(
    "times_hidden.mp4",
    "2^32 entries of times, behind 600 KB of other things",
    times_hidden,
    "could_not_be_examined",
)
fixture(
    "chunks_endless.mp4",
    "2^31 pictures in a chunk",
    lambda: with_table("stsc", struct.pack(">IIIII", 0, 1, 1, 2**31 - 1, 1)),
)
fixture(
    "offsets_endless.mp4",
    "2^30 offsets",
    lambda: with_table("stco", struct.pack(">II", 0, 2**30) + bytes(400)),
    DAMAGED,
)
fixture(
    "packed_index.mp4",
    "an index that unpacks to 256 MB",
    lambda: packed_index(2**28),
    "no_video_track",
)
fixture("packed_blocks.webm", "pictures that unpack to 64 MB each", packed_blocks, PLAYS_NOT)
fixture(
    "element_endless.webm",
    "an element of 2^56 bytes",
    lambda: clip("demo.webm").replace(ebml.CUES, ebml.VOID + b"\x01" + b"\xff" * 6 + b"\xfe", 1),
)
fixture(
    "tick_endless.webm",
    "times counted in units of 2^63 nanoseconds",
    lambda: ebml.unknown_segment(clip("demo.webm")).replace(
        b"\x2a\xd7\xb1\x83\x0f\x42\x40", b"\x2a\xd7\xb1\x83\xff\xff\xff", 1
    ),
    "too_long",
)

# These modules use the functions above and add their fixtures to the list, so they come last.
import tests.corpus.field  # noqa: E402
import tests.corpus.listed  # noqa: E402
import tests.corpus.mp4_variants  # noqa: E402
import tests.corpus.webm_variants  # noqa: E402, F401
