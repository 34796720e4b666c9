"""What phones, editors and recorders write that is unusual and plays, and what only looks like it.

Made from the small clips by putting their samples together anew; see `remux`.
"""

import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from tests.corpus import ebml, mp4, remux, remux_webm
from tests.corpus.fixtures import clip, fixture, noise, with_media
from tests.corpus.remux import Layout, Movie, Sample, Track

PLAIN = Layout()


def movie(name: str = "demo.mp4") -> Movie:
    return remux.read(clip(name))


def written(change: Callable[[], Movie], layout: Layout = PLAIN) -> bytes:
    return remux.write(change(), layout)


def with_side_track(kind: str, seconds: float, *, first: bool = False) -> Movie:
    side = remux.side_track(kind, seconds)
    return (side, *movie()) if first else (*movie(), side)


# Tracks that are neither picture nor sound, shorter and longer than these.

for kind, what in {
    "tx3g": "subtitles",
    "tx3g_text": "subtitles as a track of text",
    "tx3g_empty": "subtitles without a line",
    "wvtt": "WebVTT",
    "stpp": "TTML",
    "c608": "CEA-608 captions",
    "c708": "CEA-708 captions",
    "quicktime_text": "QuickTime text, as chapters have it",
    "vobsub": "VobSub",
    "timecode": "a timecode",
    "gopro_sensors": "GoPro's sensors",
    "gopro_recovery": "GoPro's recovery data",
    "apple_metadata": "Apple's timed metadata",
    "android_sensors": "Android's sensors",
    "timed_metadata": "timed metadata",
    "hints": "hints for a streaming server",
}.items():
    fixture(
        f"side_{kind}.mp4",
        f"{what}, for 9 seconds beside 4 of picture",
        partial(written, partial(with_side_track, kind, 9)),
    )
for kind in ("tx3g", "timecode"):
    fixture(
        f"side_first_{kind}.mp4",
        f"{kind} as the first track, in fragments",
        partial(written, partial(with_side_track, kind, 2, first=True), Layout(fragment=500)),
    )


def with_text(kind: str, seconds: int, *, empty: bool = False) -> bytes:
    return remux_webm.write(
        remux_webm.with_text(remux_webm.read(clip("demo.webm")), kind, seconds, empty=empty)
    )


for kind in remux_webm.TEXT_TRACKS:
    fixture(f"side_{kind}.webm", f"{kind}, WebM, for 9 seconds", partial(with_text, kind, 9))
fixture("side_empty.webm", "WebVTT without a line", partial(with_text, "webvtt", 9, empty=True))

# Cut without encoding anew: pictures from the key frame on, the first of them edited out.

for name in ("busy", "open_groups", "hevc_open_groups", "demo"):
    for start in (0.3, 0.7):
        fixture(
            f"cut_at_{start}_{name}.mp4",
            f"{name}.mp4 cut at {start} s without encoding",
            partial(written, partial(remux.cut, movie(f"{name}.mp4"), start, 3.1)),
        )
fixture(
    "cut_fragments.mp4",
    "cut without encoding, then written in fragments",
    partial(written, partial(remux.cut, movie("busy.mp4"), 0.5, 3.1), Layout(fragment=500)),
)


def ended(name: str, pictures: int) -> Movie:
    """End so many pictures after the last key frame, of which some cannot be shown after a seek."""
    (video,) = movie(name)
    last = max(number for number, sample in enumerate(video.samples) if sample.key)
    return (replace(video, samples=video.samples[: last + pictures], edits=()),)


for name in ("open_groups", "hevc_open_groups"):
    for pictures in (3, 4, 5):
        fixture(
            f"ends_after_{pictures}_{name}.mp4",
            f"{name}.mp4 up to picture {pictures} of its last group",
            partial(written, partial(ended, f"{name}.mp4", pictures)),
        )


def begun_refreshing() -> Movie:
    """Begin in the middle, where a decoder has no whole picture for a second or two."""
    (video,) = movie("intra_refresh.mp4")
    second = [number for number, sample in enumerate(video.samples) if sample.key][1]
    return (replace(video, samples=video.samples[second:], edits=()),)


fixture(
    "begins_refreshing.mp4",
    "intra_refresh.mp4 from the middle on: no picture is whole at first",
    partial(written, begun_refreshing),
)
fixture(
    "two_edits.mp4",
    "an edit list of two parts that follow each other",
    partial(written, partial(remux.in_two_edits, movie("open_groups.mp4"), 1700)),
)


def in_parts(*edits: tuple[int, int]) -> Movie:
    """Show parts of a clip, in milliseconds: how long, and from where."""
    (video,) = movie("busy.mp4")
    return (
        replace(video, edits=tuple((length, at * video.scale // 1000) for length, at in edits)),
    )


def lengthened(name: str, length: int) -> Movie:
    """Show a clip from its first picture on, for so many milliseconds by its edit."""
    return tuple(replace(track, edits=((length, 0),)) for track in movie(name))


fixture(
    "middle_left_out.mp4",
    "an edit list of two parts that leaves out half a second between them",
    partial(written, partial(in_parts, (1600, 83), (1700, 2183))),
)
fixture(
    "parts_swapped.mp4",
    "an edit list that shows the second half first",
    partial(written, partial(in_parts, (1800, 2083), (1900, 83))),
)
fixture(
    "edit_of_zero.mp4",
    "an edit without a length, which means to the end",
    partial(written, partial(in_parts, (0, 83))),
)
for more, problems in ((0.4, ()), (0.9, ()), (3, ("length_mismatch",))):
    fixture(
        f"edit_longer_by_{more}.mp4",
        f"an edit that goes on for {more} seconds after its media",
        partial(written, partial(in_parts, (4000 + round(more * 1000), 83))),
        *problems,
    )
fixture(
    "second_edit_longer.mp4",
    "two edits, the second of which goes on for 0.6 seconds after the media",
    partial(written, partial(in_parts, (1500, 83), (2600, 2083))),
)
fixture(
    "edit_to_60.4.mp4",
    "a minute of pictures, and an edit of 60.4 seconds",
    partial(written, lambda: lengthened("sixty_seconds.mp4", 60_400)),
)
fixture(
    "cut_short_by_edits.mp4",
    "an edit list that shows 2 of 4 seconds, in two parts",
    partial(written, partial(in_parts, (1000, 83), (1000, 2083))),
    "too_short",
)

# Fragments.

FRAGMENTED = {
    "every_picture": ("a fragment for each picture", Layout(fragment=0)),
    "key_frames": ("a fragment for each key frame", Layout(fragment=0, at_keys=True)),
    "index": ("fragments with an index of them in front", Layout(fragment=300, index=True)),
    "alone": ("a fragment for each track", Layout(fragment=500, alone=True)),
    "absolute": ("fragments with positions in the file", Layout(fragment=500, absolute=True)),
    "stated": ("fragments, and a head that says how long", Layout(fragment=500, stated=True)),
    "padded": ("70,000 bytes of nothing before each", Layout(fragment=200, padding=70_000)),
}
for name, (what, layout) in FRAGMENTED.items():
    fixture(f"fragments_{name}.mp4", what, partial(written, movie, layout))
fixture(
    "fragments_two_seconds.mp4",
    "2 seconds in fragments",
    partial(written, partial(movie, "two_seconds.mp4"), Layout(fragment=500)),
    "too_short",
)
fixture(
    "fragments_fifteen_fps.mp4",
    "15 frames per second in fragments",
    partial(written, partial(movie, "fifteen_fps.mp4"), Layout(fragment=500)),
    "frame_rate_too_low",
)
fixture(
    "fragments_cut.mp4",
    "fragments of which the last is cut off",
    lambda: remux.write(movie(), Layout(fragment=500))[:-3000],
    "truncated",
)

# Thumbnails and other pictures.


def thumbnail(*, enabled: bool, size: tuple[int, int] = (160, 284)) -> Track:
    sides = struct.pack(">HH", *size)
    entry = mp4.box(
        b"jpeg",
        *(bytes(6), b"\0\1", bytes(16), sides, b"\0\x48\0\0\0\x48\0\0", bytes(4)),
        *(b"\0\1", bytes(32), b"\0\x18\xff\xff"),
    )
    header = mp4.full_box(b"vmhd", bytes(8))
    picture = (Sample(clip("picture.jpg"), 4000),)
    return Track(b"vide", 1000, remux.stsd(entry), header, picture, size=size, enabled=enabled)


fixture(
    "thumbnail_first_on.mp4",
    "a thumbnail as first track of pictures, enabled",
    partial(written, lambda: (thumbnail(enabled=True), *movie())),
)
fixture(
    "thumbnail_first_off.mp4",
    "a thumbnail as first track of pictures, not enabled",
    partial(written, lambda: (thumbnail(enabled=False), *movie())),
)
fixture(
    "thumbnail_large.mp4",
    "a thumbnail larger than the video",
    partial(written, lambda: (thumbnail(enabled=True, size=(4032, 3024)), *movie())),
)
fixture(
    "small_one_switched_off.mp4",
    "a smaller video before the one that is shown, switched off",
    partial(
        written,
        lambda: (replace(movie("small_480p.mp4")[0], enabled=False), *movie("full_hd.mp4")),
    ),
)

# Starts that differ, and numbers that are unusual.

for handler, what in ((b"vide", "picture"), (b"soun", "sound")):
    fixture(
        f"later_{handler.decode()}.mp4",
        f"the {what} begins half a second late",
        partial(written, partial(remux.delayed, movie(), 500, handler)),
    )
for seconds, name in ((5, "demo.mp4"), (90, "busy.mp4"), (3600, "demo.mp4")):
    fixture(
        f"late_by_{seconds}.mp4",
        f"picture and sound begin at {seconds} seconds, by an edit in which nothing is shown",
        partial(written, partial(remux.delayed, movie(name), seconds * 1000)),
    )
fixture(
    "late_and_short.mp4",
    "2 seconds, the first picture at 50 seconds",
    partial(written, partial(remux.delayed, movie("two_seconds.mp4"), 50_000)),
    "too_short",
)
fixture(
    "late_and_long.mp4",
    "70 seconds, the first picture at 5 seconds",
    partial(written, partial(remux.delayed, movie("seventy_seconds.mp4"), 5000)),
    "too_long",
)
fixture(
    "sound_later_by_2.5.mp4",
    "the sound begins two and a half seconds late",
    partial(written, partial(remux.delayed, movie(), 2500, b"soun")),
)
fixture(
    "counted_from_300.mp4",
    "times counted from 300 seconds on, without an edit",
    partial(
        written,
        lambda: remux.counted_from(
            tuple(replace(track, edits=()) for track in movie()), 300, fragmented=False
        ),
    ),
)
for edited in (True, False):
    fixture(
        f"fragments_from_two_hours{'_edited' if edited else ''}.mp4",
        f"fragments cut out of a recording of hours, {'with' if edited else 'without'} edits",
        partial(
            written,
            lambda: remux.counted_from(movie("busy.mp4"), 7200, fragmented=True),
            Layout(fragment=500, edited=edited),
        ),
    )
fixture(
    "fine_units.mp4",
    "times counted a hundred times finer",
    partial(written, partial(remux.rescaled, movie(), 100)),
)


def sound_of_another_codec(name: bytes) -> Movie:
    """Let the sound be of a codec that no decoder here opens."""
    video, sound = movie()
    stereo = b"\0\2\0\x10" + bytes(4) + b"\xbb\x80\0\0"
    entry = mp4.box(name, bytes(6), b"\0\1", bytes(8), stereo)
    return video, replace(sound, entry=remux.stsd(entry))


fixture(
    "sound_unknown.mp4",
    "a sound of which nobody knows the codec",
    partial(written, partial(sound_of_another_codec, b"zzzz")),
)


def sound_of_nonsense() -> bytes:
    """Let nothing but ones be where the sound is described."""
    content = clip("demo.mp4")
    at = content.index(b"mp4a") + 20
    return content[:at] + b"\xff" * 40 + content[at + 40 :]


fixture(
    "sound_of_nonsense.mp4",
    "a sound of 65,535 channels",
    sound_of_nonsense,
    "damaged",
)


def sound_of_aac_profile(profile: int) -> bytes:
    """Let the sound say that it is AAC of a profile above 31, such as 42, xHE-AAC."""
    content = clip("demo.mp4")
    at = content.index(b"\x05\x80\x80\x80", content.index(b"esds")) + 5
    escaped = 0b11111 << 11 | (profile - 32) << 5 | 0b0011 << 1
    return content[:at] + escaped.to_bytes(2) + content[at + 2 :]


fixture("sound_xhe_aac.mp4", "xHE-AAC sound", partial(sound_of_aac_profile, 42))

# Rates that vary.


def idle(pauses: int) -> Movie:
    """Let a recording of the screen stand still: one picture lasts while nothing moves."""
    video = movie("fast_rate.mp4")[0]
    samples = list(video.samples)
    for number in range(pauses):
        at = (number + 1) * len(samples) // (pauses + 1)
        samples[at] = replace(samples[at], duration=video.scale * 9)
    return (replace(video, samples=tuple(samples), edits=()),)


fixture(
    "screen_idle.mp4",
    "60 frames per second, but twice nothing moves for 9 seconds",
    partial(written, partial(idle, 2)),
)
fixture(
    "sound_of_60.15.mp4",
    "a picture of 60.0 and a sound of 60.15 seconds",
    lambda: remux.write((*movie("sixty_seconds.mp4"), silence(60.15))),
)


def silence(seconds: float) -> Track:
    sound = next(track for track in movie("demo.mp4") if track.handler == b"soun")
    length = round(seconds * sound.scale / 1024)
    samples = tuple(sound.samples[1 + n % 100] for n in range(length))
    return replace(sound, samples=samples, edits=())


# Two files in one.

fixture(
    "joined.webm",
    "two WebM files, one behind the other",
    lambda: clip("demo.webm") + clip("vp8.webm"),
    "joined_files",
)
fixture(
    "joined_recordings.webm",
    "two recordings of a browser, one behind the other",
    lambda: clip("browser_recorded.webm") * 2,
    "joined_files",
)
fixture(
    "joined.mp4",
    "two MP4 files, one behind the other",
    lambda: clip("no_audio.mp4") + clip("demo.mp4"),
    "joined_files",
)


def growing(small: str, large: str, milliseconds: int = 400, until: int = 60_000) -> bytes:
    """A call that begins small: the head says the first size, later pictures are larger."""
    first, rest = (remux_webm.read(clip(name)) for name in (small, large))
    beginning = [b for b in first.blocks if b.track == 1 and b.time < milliseconds]
    behind = [
        replace(block, time=block.time + milliseconds + 17)
        for block in rest.blocks
        if block.track == 1 and block.time < until
    ]
    return remux_webm.write(
        remux_webm.Movie(first.head, first.tracks, (*beginning, *behind)),
        remux_webm.Layout(live=True),
    )


fixture(
    "growing.webm",
    "begins with 270 x 480, goes on with 540 x 960",
    partial(growing, "small.webm", "demo.webm"),
)
fixture(
    "shrinking.webm",
    "begins with 540 x 960, goes on with 270 x 480",
    partial(growing, "demo.webm", "small.webm"),
    "resolution_too_low",
)

fixture(
    "mostly_small.webm",
    "270 x 480 for 2.5 seconds, 540 x 960 for 1.5",
    partial(growing, "small.webm", "demo.webm", 2500, 1500),
    "resolution_too_low",
)


def growing_mp4(small: int, large: int) -> bytes:
    """Show so many pictures of 270 x 480, then of 540 x 960; the head knows the first alone."""
    video = next(track for track in movie("vp9.mp4") if track.handler == b"vide")
    first = [b for b in remux_webm.read(clip("small.webm")).blocks if b.track == 1][:small]
    lasts = video.samples[0].duration
    samples = [Sample(block.data, lasts, key=block.key) for block in first]
    entry = video.entry[:40] + struct.pack(">HH", 270, 480) + video.entry[44:]
    return remux.write(
        (
            replace(
                video,
                samples=(*samples, *video.samples[:large]),
                entry=entry,
                size=(270, 480),
                edits=(),
            ),
        )
    )


fixture(
    "growing.mp4",
    "MP4, 10 pictures of 270 x 480, then 80 of 540 x 960",
    partial(growing_mp4, 10, 80),
)
fixture(
    "mostly_small.mp4",
    "MP4, 60 pictures of 270 x 480, then 40 of 540 x 960",
    partial(growing_mp4, 60, 40),
    "resolution_too_low",
)

# Files that begin late.


def late(name: str, milliseconds: int) -> bytes:
    return remux_webm.write(remux_webm.delayed(remux_webm.read(clip(name)), milliseconds))


for offset in (57, 3600):
    fixture(
        f"late_by_{offset}.webm",
        f"its first picture at {offset} seconds",
        partial(late, "demo.webm", offset * 1000),
    )
fixture(
    "late_and_short.webm",
    "2 seconds, the first picture at 50 seconds",
    partial(late, "two_seconds.webm", 50_000),
    "too_short",
)
fixture(
    "index_repeated.mp4",
    "its index a second time at the end",
    lambda: clip("demo.mp4") + mp4.box(b"moov", mp4.body(clip("demo.mp4"), "moov")),
)

# Files that are made to cost as much as they can.


def all_on_one(size: int, count: int) -> bytes:
    """Let all samples lie on the same bytes."""
    (video,) = movie("no_audio.mp4")
    payload = video.samples[0].data + noise(size)
    content = remux.write((replace(video, samples=(Sample(payload, 512),)),))
    stbl = "moov/trak/mdia/minf/stbl"
    offset = mp4.body(content, f"{stbl}/stco")[8:12]
    times = mp4.full_box(b"stts", struct.pack(">III", 1, count, 512))
    for kind, table in {
        "stts": times,
        "stsz": mp4.full_box(b"stsz", struct.pack(">II", len(payload), count)),
        "stsc": mp4.full_box(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        "stco": mp4.full_box(b"stco", count.to_bytes(4), offset * count),
    }.items():
        content = mp4.put(content, f"{stbl}/{kind}", table)
    length = count * 512 * 1000 // video.scale
    content = mp4.poke(content, "moov/trak/tkhd", 20, length.to_bytes(4))
    content = mp4.poke(content, "moov/trak/mdia/mdhd", 16, (count * 512).to_bytes(4))
    return mp4.poke(content, "moov/mvhd", 16, length.to_bytes(4))


fixture(
    "samples_on_each_other.mp4",
    "96 pictures on the same 20 MB",
    partial(all_on_one, 20_000_000, 96),
    "damaged",
)
fixture(
    "tiny_units.mp4",
    "pictures of nothing but units of one byte",
    lambda: with_media("no_audio.mp4", lambda n: b"\0\0\0\1\x09" * (n // 5 + 1)),
    "does_not_play",
)
fixture(
    "many_boxes.mp4",
    "100,000 empty boxes behind the video",
    lambda: clip("no_audio.mp4") + mp4.box(b"free") * 100_000,
)
fixture(
    "many_elements.webm",
    "300,000 empty elements behind the video",
    lambda: ebml.unknown_segment(clip("demo.webm")) + b"\xec\x80" * 300_000,
)
fixture(
    "many_edits.mp4",
    "an edit list of 20,000 parts",
    partial(written, partial(in_parts, *((1, 83 + n % 3000) for n in range(20_000)))),
    "too_short",
    "length_mismatch",
)


def promised(pictures: int, boxes: int) -> bytes:
    """Put a fragment in front whose boxes promise so many pictures each, without a byte of any."""
    defaults = (0x020038).to_bytes(4) + struct.pack(">4I", 1, 1, 1, 0)
    runs = mp4.box(b"trun", struct.pack(">3I", 1, pictures, 100)) * boxes
    fragment = mp4.box(
        b"moof", mp4.full_box(b"mfhd", bytes(4)), mp4.box(b"traf", mp4.box(b"tfhd", defaults), runs)
    )
    content = written(movie, Layout(fragment=500))
    first = content.index(b"moof") - 4
    return content[:first] + fragment + content[first:]


fixture(
    "promised_pictures.mp4",
    "a fragment of 800 bytes that promises 2.5 million pictures",
    partial(promised, 50_000, 50),
    "could_not_be_examined",
)

# What other programs left behind.


fixture(
    "old_lengths.webm",
    "4 seconds whose tracks have tags of 9, as they were before it was cut",
    lambda: clip("demo.webm").replace(b"\x9400:00:04.", b"\x9400:00:09."),
)
fixture(
    "thumbnails_longer.mp4",
    "thumbnails for 9 seconds beside 4 of picture",
    partial(
        written,
        lambda: (
            replace(thumbnail(enabled=True), samples=(Sample(clip("picture.jpg"), 4500),) * 2),
            *movie(),
        ),
    ),
)
