"""The second look: ffprobe demuxes all of a file and decodes samples of it.

A header may be untrue; people will see what comes out of the demuxer and the decoder.
One run of ffprobe lists every packet, another decodes where it matters, and a
third decodes more wherever the second seems to find damage: a seek may land where a decoder has
to leave pictures out that a player shows. ffprobe's exit code means nothing (it is 0 for a file
of which not one picture can be shown): pictures and complaints count.

MP4 files are read without their edit lists, which demuxers and seeks understand in different
ways; what the edits show is worked out here.
"""

import re
import resource
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import IO

from chalicelib.foundation.values import dataclass
from chalicelib.videos import avc, ffprobe_output, hevc, mp4_boxes, packets, webm
from chalicelib.videos.ffprobe_output import Frame, Listing, Packet, PacketKey, Stream
from chalicelib.videos.limited_process import (
    CompletedRun,
    Limits,
    processor_seconds_used,
    run_limited,
)
from chalicelib.videos.model import (
    CODECS,
    HEADER_DURATION_TOLERANCE_SECONDS,
    SOUND_OVERHANG_SECONDS,
    CannotExamine,
    LimitExceeded,
    Playback,
)
from chalicelib.videos.mp4_boxes import Edit, Track

LIMITS = Limits(
    processor_seconds=40,
    wall_seconds=75,
    memory_bytes=640 * 1024 * 1024,
    data_bytes=90 * 1024 * 1024,
    output_bytes=12 * 1024 * 1024,
)
"""Of one second look. The processor time is for all runs together and for what is done here with
their output. The output has room for 100,000 packets, of which a minute has some 7,000.

The data are ffprobe's own, of which this process's growth since the beginning of the look and the
output to come are taken off: with the interpreter (26 to 37 MB) and the program's code all of it
stays below 128 MB, whatever the file is."""

_MIN_DATA_BYTES = 16 * 1024 * 1024
_LISTED_BYTES = 12 * 1024 * 1024  # kept free for ffprobe's list
_DECODED_BYTES = 400  # of what is printed of a packet and its picture, kept and read

_PROGRAM_BYTES = 10 * 1024 * 1024
_KEPT_PER_PIXEL = 0.7  # bytes of motion and modes that a decoder keeps of each picture
_MAX_HELD_PICTURES = 17  # pictures: sixteen to lean on, and the one being decoded
_PAGE_BYTES = resource.getpagesize()

SAMPLE_PACKETS = 24
"""A second or half of one, at the start and in the middle."""

DECODED_PIXELS = 600 * 1920 * 1080
"""How much one sample may decode: ten seconds of the fastest full HD. A sample begins with a key
frame; where those are further apart than that, the rest is looked at by structure alone."""

CONFIRMED_PIXELS = 2 * DECODED_PIXELS
"""How much may be decoded to confirm damage: a minute of 540p at 30 frames per second."""

MAX_SIZED_KEY_FRAMES = 60
"""Key frames whose size is checked: one in each second of a minute."""

MAX_SUSPECTS = 4
"""Odd-looking places that are decoded at most."""

MAX_UNDECODED_FRAMES = 8
"""So many pictures in a row that do not come out are damage; one or two a decoder may drop."""

LAST_PICTURES = 3
"""One of this many pictures at the very end has to decode: nothing after them hides a gap."""

EDIT_OVERHANG_SECONDS = 1.0
"""So long an edit may go on after its media: players end, or hold the last picture, where the
media end, and so long is the video. Where more was promised, media may have been lost."""

_FASTEST_SHARE = 0.25
"""The nominal frame rate is the one at which this share of the pictures follow each other."""

_SANDBOX_OPTIONS = (
    *("-v", "error", "-protocol_whitelist", "file"),
    *("-format_whitelist", "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"),
)
_IGNORE_EDITS_OPTIONS = ("-ignore_editlist", "1")
_DECODING_OPTIONS = (
    # Pictures that refresh slowly (intra refresh) are shown by players from the first on.
    *("-threads", "1", "-skip_loop_filter", "all", "-flags", "+output_corrupt"),
)
_BYTES_PER_PIXEL = {"420": 1.5, "422": 2.0, "gray": 1.0}
"""Samples per pixel in ffprobe's pixel formats; three in all others."""

_SAME_TIME_SECONDS = 0.0005  # seconds
_FIRST_SEEK_SECONDS = 0.002  # times are printed rounded, and seeking goes backwards
_FFPROBE_CODECS = {"h265": "hevc"}
_DECODABLE = frozenset(_FFPROBE_CODECS.get(codec, codec) for codec in CODECS)
_NO_CODEC = b"?"  # the name of no codec of a WebM
_WEBVTT, _PLAIN_TEXT = b"D_WEBVTT", b"S_TEXT/UTF8"
_FREE_BOX = b"free"  # box of an MP4 that is skipped

# The words of the two demuxers about files that end too early.
_CUT_SHORT_PATTERN = re.compile(rb"partial file|File ended prematurely|ended prematurely")

# A container that cannot be read, whatever it holds: no player opens it.
_CONTAINER_BROKEN_PATTERN = re.compile(
    rb"\[(?:mov,mp4|matroska,webm)[^\]]* @ |^file:\S+: ", re.MULTILINE
)

# Messages of decoders about damaged pictures. Only such words count: sound
# files of careless makers, and any file entered in the middle, make ffprobe complain too.
_DAMAGE_PATTERN = re.compile(
    rb"error while decoding|concealing|Invalid NAL unit|decode_slice_header error|no frame!"
    rb"|Error splitting|missing picture|non-existing [PS]PS|PPS id out of range|cabac decode"
    rb"|top block unavailable|left block unavailable|out of range intra"
    rb"|corrupt(?:ed)? (?:macro|frame)"
    rb"|Invalid data found|Failed to parse header|Invalid partition|Invalid start code"
    rb"|Header size larger|Truncated (?:packet|key ?frame)|Insufficient data"
    rb"|Marker bit|Not all references"
    rb"|Invalid frame marker|Invalid sync code|Requested reference|negative number of zero coeffs"
    rb"|mb_type \d+ in|illegal |overread|CABAC_MAX_BIN|The slice .* overlap|Overread"
    rb"|Cannot allocate memory|get_buffer\(\) failed"
    rb"|Duplicate POC|Error parsing|Slice address .* out of|Skipping invalid undecodable NALU"
)
# Messages of ffprobe about a sound whose description is damaged, not only unknown to ffprobe.
_IMPOSSIBLE_SOUND_PATTERN = re.compile(
    rb"Too many channels|Invalid (?:sample rate|block align|channel count): "
    rb"|Zero channel count specified|Error parsing Ogg extradata"
)
_NO_MEMORY_PATTERN = re.compile(rb"Cannot allocate memory|get_buffer\(\) failed")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """When a track is shown, in seconds, and how long its media is without any edit.

    `promised` is the end by its edits alone, which may go on after the media.
    """

    start: float
    end: float
    unedited: float
    promised: float


@dataclass(frozen=True, slots=True)
class DecodedSamples:
    """The findings of some samples.

    `dark_at`: where pictures are missing; `reached`: every sample was read to its end; `whole`:
    they are all of the file, so that no seek can be the reason; `memory_lacked`: the decoder had
    too little of it, which is a complaint unless the pictures are large.
    """

    tried: int
    came: int
    dark_at: float | None
    complaints: bool
    sizes: Counter[tuple[int, int]]
    reached: bool
    whole: bool
    memory_lacked: bool = False

    @property
    def doubtful(self) -> bool:
        missing = self.dark_at is not None or self.came * 2 < self.tried
        return not self.whole and (self.complaints or missing or not self.reached)


def examine_playback(
    ffprobe: str, file: IO[bytes], size_bytes: int, limits: Limits = LIMITS
) -> Playback:
    """Find out what plays of a file of this size, opened for reading and writing.

    The file may have no name. It may be changed: tracks that no decoder opens are hidden. Raises
    `CannotExamine` if ffprobe crashes, takes too long or is not there, `LimitExceeded` if the
    file needs more than its limits.
    """
    return _PlaybackExamination(ffprobe, file, size_bytes, limits).playback()


class _PlaybackExamination:
    def __init__(self, ffprobe: str, file: IO[bytes], size_bytes: int, limits: Limits) -> None:
        self._ffprobe = ffprobe
        self._file = file
        self._size_bytes = size_bytes
        self._limits = limits
        self._matroska = packets.is_matroska(file)
        self._movie = mp4_boxes.Movie()
        self._sound_damaged = False
        self._used_before = processor_seconds_used()
        self._resident_before = _resident_bytes()

    def playback(self) -> Playback:
        has_too_many = (
            webm.has_too_many_elements if self._matroska else mp4_boxes.has_too_many_boxes
        )
        if has_too_many(self._file, self._size_bytes):
            raise LimitExceeded("more entries of a kind than ffprobe gets through")
        if not self._matroska:
            self._movie = mp4_boxes.read_movie(self._file, self._size_bytes)
        joined = (
            webm.has_second_file(self._file, self._size_bytes)
            if self._matroska
            else self._movie.files > 1 and not self._movie.fragmented
        )
        listing, truncated = self._list_packets()
        index, video = main_picture(listing)
        tracks = self._tracks_by_stream(listing)
        edits = {number: track.edits for number, track in tracks.items()}
        if index in tracks and not self._movie.fragmented:
            extend_last_frame(video, tracks[index].last_seconds, tracks[index].stated_seconds)
        hide_packets_outside_edits(video, edits.get(index, ()))
        report = packets.check_packets(
            self._file, self._size_bytes, video.codec, video.packets, _end_of_packets(listing)
        )
        truncated = truncated or report.cut_short
        shown = sorted({packet.time for packet in video.packets if packet.shown})
        if not shown:
            return Playback(frames=0, tried=0, decoded=0, truncated=truncated, joined=joined)
        if report.overlapping:
            return Playback(
                frames=len(shown), tried=0, decoded=0, truncated=truncated, overlapping=True
            )
        decoded = self._decode(index, video, report, tracks.get(index))
        picture, whole, lengths = _lengths(listing, index, edits)
        sizes = self._picture_sizes(index, video, decoded)
        width, height = most_common_size(sizes)
        return Playback(
            frames=len(shown),
            tried=decoded.tried,
            decoded=decoded.came,
            seconds=whole if whole - picture > SOUND_OVERHANG_SECONDS else picture,
            lengths=lengths,
            side_lengths=_side_lengths(listing, index),
            frame_rate=_average_rate(shown),
            nominal_rate=nominal_frame_rate(shown),
            width=width or None,
            height=height or None,
            truncated=truncated,
            stated=listing.stated_seconds,
            damaged=decoded.complaints or decoded.dark_at is not None,
            damaged_at=decoded.dark_at,
            joined=joined,
            sound_damaged=self._sound_damaged,
        )

    def _list_packets(self) -> tuple[Listing, bool]:
        """List all packets; also return whether the demuxer misses the file's end.

        ffprobe lists nothing at all of a file with a sound that it cannot open, and says nothing of
        the container: then all but the pictures are hidden from it. A WebM it reads only up to a
        WebVTT that it does not understand: it gets to know it as plain text.
        """
        if self._matroska:
            self._rename_codecs(_WEBVTT, _PLAIN_TEXT, without=(webm.PICTURE, webm.SOUND))
        ran = self._run_ffprobe("-show_entries", ffprobe_output.LISTING_ENTRIES)
        listing = ffprobe_output.read_listing(ran.output)
        if ran.code and not listing.streams and not _is_broken(ran.errors):
            self._sound_damaged = bool(_IMPOSSIBLE_SOUND_PATTERN.search(ran.errors))
            self._hide_non_picture_tracks()
            ran = self._run_ffprobe("-show_entries", ffprobe_output.LISTING_ENTRIES)
            listing = ffprobe_output.read_listing(ran.output)
        if not listing.streams and _NO_MEMORY_PATTERN.search(ran.errors):
            raise LimitExceeded("ffprobe needs more memory for listing than it may have")
        return listing, bool(_CUT_SHORT_PATTERN.search(ran.errors))

    def _hide_non_picture_tracks(self) -> None:
        if self._matroska:
            self._rename_codecs(b"", _NO_CODEC, without=(webm.PICTURE,))
            return
        for track in self._movie.tracks:
            if track.handler != b"vide":
                self._overwrite(track.kind_at, _FREE_BOX)

    def _rename_codecs(self, beginning: bytes, name: bytes, *, without: Collection[int]) -> None:
        """Rename codecs of a WebM whose names begin in a way, of all types of tracks but some."""
        for place, known in webm.codec_names(self._file, without=without):
            if known.startswith(beginning):
                self._overwrite(place, name.ljust(len(known), b"\0")[: len(known)])

    def _overwrite(self, place: int, content: bytes) -> None:
        self._file.seek(place)
        self._file.write(content)
        self._file.flush()

    def _tracks_by_stream(self, listing: Listing) -> dict[int | None, Track]:
        """Tracks by ffprobe's numbers: it counts the tracks that it knows, in their order."""
        tracks = [track for track in self._movie.tracks if track.handler]
        if len(tracks) != len(listing.streams):
            kinds = {"video": b"vide", "audio": b"soun"}
            rest = list(tracks)
            found: dict[int | None, Track] = {}
            for number, stream in sorted(listing.streams.items()):
                handler = kinds.get(stream.kind)
                match = next((track for track in rest if track.handler == handler), None)
                if match:
                    rest.remove(match)
                    found[number] = match
            return found
        return dict(zip(sorted(listing.streams), tracks, strict=True))

    def _decode(
        self,
        index: int | None,
        video: Stream,
        report: packets.PacketReport,
        track: Track | None,
    ) -> DecodedSamples:
        """Decode samples; where they seem damaged, decode more without a seek in between."""
        affordable = max(SAMPLE_PACKETS, DECODED_PIXELS // max(video.pixels, 1))
        windows = choose_samples(video.packets, report.suspects, affordable)
        decoded = self._decode_samples(index, video, windows)
        # A decoder without memory may leave pictures out and say nothing.
        silent = decoded.came < decoded.tried and not decoded.complaints
        large = self._pictures_within_memory(video) < _MAX_HELD_PICTURES
        if large and (decoded.memory_lacked or silent):
            return self._decode_within_memory(index, video, report, track)
        if decoded.doubtful:
            whole = range(min(len(video.packets), CONFIRMED_PIXELS // max(video.pixels, 1)))
            confirming = (
                [whole] if len(whole) == len(video.packets) else _widen_samples(video, windows)
            )
            try:
                confirmed = self._decode_samples(index, video, confirming)
            except CannotExamine:
                return decoded
            if large and confirmed.memory_lacked:
                return self._decode_within_memory(index, video, report, track)
            if confirmed.tried:
                return confirmed
        return decoded

    def _decode_within_memory(
        self,
        index: int | None,
        video: Stream,
        report: packets.PacketReport,
        track: Track | None,
    ) -> DecodedSamples:
        """Decode what needs memory for few pictures at a time: key frames, and what follows them.

        A decoder holds no more pictures than went in since the key frame, and those that the key
        frame names. Key frames that name some are made to stand alone in the scratch copy, which
        leaves nothing to follow them. Leaves out those that cannot, if they do not fit.
        """
        most = self._pictures_within_memory(video)
        windows = choose_short_samples(video.packets, report.suspects, most)
        alone, unsure = self._dependent_key_frames(video, track, windows)
        parts = []
        together = [window for window in windows if window.start not in alone | unsure]
        if together:
            parts.append(self._decode_samples(index, video, together))
            if parts[0].came < parts[0].tried or parts[0].memory_lacked:
                parts[0] = self._decode_samples(index, video, _first_packets(together))
        if unsure:
            rest = [window for window in windows if window.start in unsure]
            tried = self._decode_samples(index, video, _first_packets(rest))
            parts += [tried] if tried.came == tried.tried else []
        if alone:
            if video.codec == "h264" and track:
                configuration = avc.with_single_reference(track.configuration)
                self._overwrite(track.configuration_at, configuration or track.configuration)
            rest = [window for window in windows if window.start in alone]
            parts.append(self._decode_samples(index, video, _first_packets(rest)))
        decoded = merge_samples(parts)
        if not decoded.came and (decoded.memory_lacked or most == 1 or not decoded.tried):
            raise LimitExceeded("ffprobe needs more memory for one picture than it may have")
        seen = {number for window in windows for number in window}
        wrong = [number for number in report.broken if number not in seen]
        wrong = [n for n in (*wrong, *report.hollow) if video.packets[n].shown]
        if not wrong or decoded.dark_at is not None:
            return decoded
        return replace(decoded, dark_at=max(0.0, video.packets[min(wrong)].time))

    def _dependent_key_frames(
        self, video: Stream, track: Track | None, windows: Sequence[range]
    ) -> tuple[set[int], set[int]]:
        """Find key frames that name pictures of an earlier group, and let those of H.265 not.

        Returns the numbers of these, and of those that cannot be read.
        """
        alone, unsure = set[int](), set[int]()
        if video.codec not in ("h264", "hevc"):
            return alone, unsure
        configuration = track.configuration if track else b""
        lone = video.codec == "h264" and avc.with_single_reference(configuration) is not None
        width, sets = avc.nal_length_bytes(configuration), hevc.parameter_sets(configuration)
        for key in [window.start for window in windows]:
            packet = video.packets[key]
            if packet.position is None or packet.size > packets.MAX_PACKET_BYTES:
                unsure.add(key)
                continue
            self._file.seek(packet.position)
            sample = self._file.read(packet.size)
            if video.codec == "h264":
                if not avc.is_idr(sample, width):
                    (alone if lone else unsure).add(key)
            elif hevc.has_references(sample, sets):
                written = hevc.as_idr_picture(sample, sets)
                (unsure if written is None else alone).add(key)
                if written is not None:
                    self._overwrite(packet.position, written)
        return alone, unsure

    def _pictures_within_memory(self, video: Stream) -> int:
        if self._limits.data_bytes is None:
            return SAMPLE_PACKETS
        return pictures_within_memory(video, self._limits.data_bytes - _PROGRAM_BYTES)

    def _picture_sizes(
        self, index: int | None, video: Stream, decoded: DecodedSamples
    ) -> Counter[tuple[int, int]]:
        """Count the pictures of each size, by the key frames, where the samples differ in it."""
        if decoded.whole or len(decoded.sizes) < 2:  # noqa: PLR2004  one size is no difference
            return decoded.sizes
        keys = choose_key_frames(video.packets)
        try:
            ran = self._run_decoding(index, video, [range(key, key + 1) for key in keys])
        except CannotExamine:
            return decoded.sizes
        return count_sizes(video.packets, keys, ran) or decoded.sizes

    def _decode_samples(
        self, index: int | None, video: Stream, windows: Sequence[range]
    ) -> DecodedSamples:
        ran = self._run_decoding(index, video, windows)
        return judge_samples(video.packets, windows, ran)

    def _run_decoding(
        self, index: int | None, video: Stream, windows: Sequence[range]
    ) -> CompletedRun:
        intervals = ",".join(_ffprobe_interval(video.packets, window) for window in windows)
        options = (
            *("-select_streams", str(index)),
            *("-read_intervals", intervals),
            *("-show_entries", ffprobe_output.DECODING_ENTRIES),
        )
        printed = _DECODED_BYTES * sum(len(window) for window in windows)
        return self._run_ffprobe(*_DECODING_OPTIONS, *options, printed=printed)

    def _run_ffprobe(self, *options: str, printed: int = _LISTED_BYTES) -> CompletedRun:
        left = self._limits.processor_seconds - (processor_seconds_used() - self._used_before)
        if left <= 0:
            raise LimitExceeded(f"more than {self._limits.processor_seconds} s of a processor")
        number = self._file.fileno()
        own = Path("/proc/self/fd")
        name = f"{own if own.is_dir() else Path('/dev/fd')}/{number}"
        demuxing = () if self._matroska else _IGNORE_EDITS_OPTIONS
        command = [self._ffprobe, *_SANDBOX_OPTIONS, *demuxing, *options]
        return run_limited(
            [*command, "-of", "compact=nokey=0", f"file:{name}"],
            replace(self._limits, processor_seconds=left, data_bytes=self._data_bytes(printed)),
            pass_fds=[number],
        )

    def _data_bytes(self, printed: int) -> int | None:
        """Return how much data ffprobe may have beside what this process has and will read."""
        if self._limits.data_bytes is None:
            return None
        grown = max(0, _resident_bytes() - self._resident_before)
        left = self._limits.data_bytes - grown - min(printed, self._limits.output_bytes)
        return max(left, _MIN_DATA_BYTES)


def _resident_bytes() -> int:
    """Return how much memory this process holds."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * _PAGE_BYTES
    except OSError:  # not on Linux: the most that it ever held
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _is_broken(errors: bytes) -> bool:
    """Return whether the container itself cannot be read; a missing end is another matter."""
    cut_short = _CUT_SHORT_PATTERN.search(errors) or b"End of file" in errors
    return bool(_CONTAINER_BROKEN_PATTERN.search(errors)) and not cut_short


def pictures_within_memory(video: Stream, memory_bytes: int) -> int:
    """Return how many pictures of a video a decoder may hold in so much memory, at least one."""
    format_of = video.pixel_format
    samples = next((each for name, each in _BYTES_PER_PIXEL.items() if name in format_of), 3.0)
    wide = bool(re.search(r"\d(?:le|be)$", format_of)) or not format_of
    of_one = video.pixels * (samples * (2 if wide else 1) + _KEPT_PER_PIXEL)
    return int(max(1, min(SAMPLE_PACKETS, memory_bytes // max(of_one, 1))))


def choose_short_samples(
    listed: Sequence[Packet], suspects: Sequence[int], most: int
) -> list[range]:
    """Choose key frames all over a file, each with what follows it up to `most` pictures.

    They are the first, the last, those before suspects, and up to `MAX_SIZED_KEY_FRAMES` between.
    Pictures that come before their key frame on the screen are not decoded after it.
    """
    keys = [number for number, packet in enumerate(listed) if packet.key] or [0]
    shown = [number for number, packet in enumerate(listed) if packet.shown] or [0]
    wanted = {
        *choose_key_frames(listed),
        _latest_key_frame(keys, shown[0]),
        _latest_key_frame(keys, shown[-1]),
    }
    wanted |= {_latest_key_frame(keys, suspect) for suspect in suspects[:MAX_SUSPECTS]}
    chosen = []
    for key in sorted(wanted):
        until = next((other for other in keys if other > key), len(listed))
        leads = key + 1 < until and listed[key + 1].time < listed[key].time
        chosen.append(range(key, key + 1 if leads else min(until, key + most)))
    return chosen


def choose_samples(listed: Sequence[Packet], suspects: Sequence[int], most: int) -> list[range]:
    """Choose what to decode, as ranges of packets that begin with a key frame each.

    They cover the first pictures that are shown, some in the middle, all from a late key frame to
    the end, and some around each of the first `MAX_SUSPECTS`. None is longer than `most`, unless
    samples touch each other and become one.
    """
    last = len(listed)
    keys = [number for number, packet in enumerate(listed) if packet.key] or [0]
    shown = [number for number, packet in enumerate(listed) if packet.shown] or [0]
    first, final = shown[0], shown[-1] + 1
    begin = _latest_key_frame(keys, first)
    middle = _latest_key_frame(keys, shown[len(shown) // 2])
    late = _latest_key_frame(keys, final - 1)
    if final - late < SAMPLE_PACKETS and final - _latest_key_frame(keys, late - 1) <= most:
        late = _latest_key_frame(keys, late - 1)
    wanted = [
        _range_from_key_frame(begin, min(first - begin + SAMPLE_PACKETS, most), last),
        _range_from_key_frame(middle, SAMPLE_PACKETS, last),
        _range_from_key_frame(late, most, last),
    ]
    for suspect in suspects[:MAX_SUSPECTS]:
        key = _latest_key_frame(keys, suspect)
        wanted.append(
            _range_from_key_frame(key, min(suspect - key + SAMPLE_PACKETS // 2, most), last)
        )
    chosen: list[range] = []
    for window in sorted(wanted, key=lambda window: (window.start, -window.stop)):
        if chosen and window.start <= chosen[-1].stop:
            chosen[-1] = range(chosen[-1].start, max(chosen[-1].stop, window.stop))
        else:
            chosen.append(window)
    return chosen


def choose_key_frames(listed: Sequence[Packet]) -> list[int]:
    """Choose at most `MAX_SIZED_KEY_FRAMES` key frames, spread over all of them."""
    keys = [number for number, packet in enumerate(listed) if packet.key] or [0]
    return keys[:: -(-len(keys) // MAX_SIZED_KEY_FRAMES)]


def count_sizes(
    listed: Sequence[Packet], keys: Sequence[int], ran: CompletedRun
) -> Counter[tuple[int, int]]:
    """Count the pictures that are shown in each size: a size holds up to the next key frame."""
    known = {
        round(each.time / _SAME_TIME_SECONDS): (each.width, each.height)
        for each in ffprobe_output.read_decoding(ran.output)
        if isinstance(each, Frame) and each.time is not None
    }
    sizes: Counter[tuple[int, int]] = Counter()
    size: tuple[int, int] | None = None
    for key, until in pairwise((*keys, len(listed))):
        place = round(listed[key].time / _SAME_TIME_SECONDS)
        size = next((known[at] for at in range(place - 1, place + 2) if at in known), size)
        if size:
            sizes[size] += sum(packet.shown for packet in listed[key:until])
    return sizes


def most_common_size(sizes: Counter[tuple[int, int]]) -> tuple[int, int]:
    """Return the largest size that half of the pictures reach; (0, 0) without pictures."""
    reached = 0
    for size in sorted(sizes, key=lambda size: (min(size), max(size)), reverse=True):
        reached += sizes[size]
        if reached * 2 >= sizes.total():
            return size
    return 0, 0


def main_picture(listing: Listing) -> tuple[int | None, Stream]:
    """Choose the picture that players show: not a thumbnail, not one that is switched off."""
    pictures = [
        (number, stream)
        for number, stream in listing.streams.items()
        if stream.kind == "video" and not stream.attached and stream.packets
    ]
    return max(
        pictures,
        key=lambda each: (
            each[1].codec in _DECODABLE,
            len(each[1].packets) > 1,
            each[1].preferred,
            each[1].pixels,
            len(each[1].packets),
            -each[0],
        ),
        default=(None, Stream()),
    )


def extend_last_frame(video: Stream, seconds: float, stated: float) -> None:
    """Let the last picture last as long as its index says, if its track states that length too.

    Recorders of screens end so where nothing moved any more; ffprobe gives it the usual length.
    """
    if not video.packets:
        return
    last = video.packets[-1]
    longer = seconds > (last.seconds or 0)
    if longer and stated >= last.time + seconds - HEADER_DURATION_TOLERANCE_SECONDS:
        last.seconds = seconds


def hide_packets_outside_edits(video: Stream, edits: Sequence[Edit]) -> None:
    """Mark the pictures that no edit shows."""
    parts = [
        (edit.media_seconds, edit.media_seconds + edit.seconds if edit.seconds else None)
        for edit in edits
        if edit.media_seconds is not None
    ]
    if not parts:
        return
    usual = _usual_seconds(video.packets)
    for packet in video.packets:
        end = packet.time + (packet.seconds or usual)
        packet.shown = packet.shown and any(
            end > first + _SAME_TIME_SECONDS
            and (last is None or packet.time < last - _SAME_TIME_SECONDS)
            for first, last in parts
        )


def _first_packets(windows: Sequence[range]) -> list[range]:
    return [range(window.start, window.start + 1) for window in windows]


def merge_samples(parts: Sequence[DecodedSamples]) -> DecodedSamples:
    """Add the findings of samples that were decoded one after another."""
    sizes: Counter[tuple[int, int]] = Counter()
    for part in parts:
        sizes += part.sizes
    return DecodedSamples(
        tried=sum(part.tried for part in parts),
        came=sum(part.came for part in parts),
        dark_at=min((part.dark_at for part in parts if part.dark_at is not None), default=None),
        complaints=any(part.complaints for part in parts),
        sizes=sizes,
        reached=all(part.reached for part in parts),
        whole=False,
        memory_lacked=any(part.memory_lacked for part in parts),
    )


def _latest_key_frame(keys: Sequence[int], number: int) -> int:
    return max((key for key in keys if key <= number), default=keys[0])


def _range_from_key_frame(key: int, count: int, last: int) -> range:
    return range(key, min(last, key + count))


def _widen_samples(video: Stream, windows: Sequence[range]) -> list[range]:
    """Begin each sample one key frame earlier and let it go on for longer."""
    keys = [number for number, packet in enumerate(video.packets) if packet.key] or [0]
    chosen: list[range] = []
    for window in windows:
        start = _latest_key_frame(keys, max(0, window.start - 1))
        stop = min(len(video.packets), window.stop + SAMPLE_PACKETS)
        if chosen and start <= chosen[-1].stop:
            chosen[-1] = range(chosen[-1].start, max(stop, chosen[-1].stop))
        else:
            chosen.append(range(start, stop))
    return chosen


def _ffprobe_interval(listed: Sequence[Packet], window: range) -> str:
    """Name a range of packets the way ffprobe takes it: a time to seek to, and a count.

    A seek goes back to the key frame before a time by an index that need not have the pictures'
    own times: half-way to the next key frame is the time furthest from any mistake.
    """
    if not window.start:
        return f"%+#{len(window)}"
    here = listed[window.start].time
    until = next(
        (packet.time for packet in listed[window.start + 1 :] if packet.key and packet.time > here),
        max(packet.time for packet in listed[window.start :]),
    )
    return f"{here + max(_FIRST_SEEK_SECONDS, (until - here) / 2):.6f}%+#{len(window)}"


def judge_samples(
    listed: Sequence[Packet],
    windows: Sequence[range],
    ran: CompletedRun,
) -> DecodedSamples:
    """Hold the pictures that came out against the packets that went in.

    Left out of account are packets before the first key frame after a seek, and pictures that
    lean on ones before it ("leading" ones, of open groups of pictures): no decoder shows those.
    """
    numbers: dict[PacketKey, int] = {}
    for number, packet in enumerate(listed):
        numbers.setdefault((packet.time, packet.position), number)
    went_in: list[list[int]] = []
    came: list[float] = []
    sizes: Counter[tuple[int, int]] = Counter()
    for each in ffprobe_output.read_decoding(ran.output):
        if isinstance(each, Frame):
            sizes[each.width, each.height] += 1
            if each.time is not None:
                came.append(each.time)
        elif (place := numbers.get(each)) is not None:
            if went_in and place == went_in[-1][-1] + 1:
                went_in[-1].append(place)
            else:
                went_in.append([place])
    known = {round(time / _SAME_TIME_SECONDS) for time in came}
    tried, out, dark_at = 0, 0, None
    for stretch in went_in:
        expected = _expected_times(listed, stretch)
        seen = [
            any(round(time / _SAME_TIME_SECONDS) + step in known for step in (-1, 0, 1))
            for time in expected
        ]
        tried, out = tried + len(seen), out + sum(seen)
        if dark_at is None:
            ends = stretch[-1] == len(listed) - 1
            dark_at = _first_missing_time(expected, seen, ends=ends)
    return DecodedSamples(
        tried=tried,
        came=out,
        dark_at=None if dark_at is None else max(0.0, dark_at),
        complaints=bool(_DAMAGE_PATTERN.search(ran.errors)),
        sizes=sizes,
        reached={window[-1] for window in windows} <= {each for part in went_in for each in part},
        whole=sum(len(window) for window in windows) == len(listed),
        memory_lacked=bool(_NO_MEMORY_PATTERN.search(ran.errors)),
    )


def _expected_times(listed: Sequence[Packet], stretch: Sequence[int]) -> list[float]:
    """Times of the pictures that a decoder can show of these packets."""
    key = next((number for number in stretch if listed[number].key), None)
    if key is None:
        return []
    return sorted(
        listed[number].time
        for number in stretch
        if number >= key and listed[number].shown and listed[number].time >= listed[key].time
    )


def _first_missing_time(
    expected: Sequence[float], seen: Sequence[bool], *, ends: bool
) -> float | None:
    """Find where pictures are missing: many in a row, half of all, or all at the file's end."""
    row = 0
    for number, one in enumerate(seen):
        row = 0 if one else row + 1
        if row == MAX_UNDECODED_FRAMES:
            return expected[number - row + 1]
    if sum(seen) * 2 < len(seen):
        return expected[0]
    if ends and seen and not any(seen[-LAST_PICTURES:]):
        return expected[-LAST_PICTURES:][0]
    return None


def _end_of_packets(listing: Listing) -> int:
    """Return where the last byte of any packet ends."""
    return max(
        (
            packet.position + packet.size
            for stream in listing.streams.values()
            for packet in stream.packets
            if packet.position is not None
        ),
        default=0,
    )


def _lengths(
    listing: Listing, index: int | None, edits: dict[int | None, tuple[Edit, ...]]
) -> tuple[float, float, tuple[float, ...]]:
    """Return how long the picture lasts, picture and sound together, and all a header may say.

    Other tracks (timecode, chapters, subtitles, sensors) have no say.
    """
    spans = {
        number: span
        for number, stream in listing.streams.items()
        if (number == index or (stream.kind == "audio" and not stream.attached))
        and (span := presented_span(stream.packets, edits.get(number, ())))
    }
    if index not in spans:
        return 0.0, 0.0, ()
    video = spans[index]
    start = min(span.start for span in spans.values())
    end = max(span.end for span in spans.values())
    unedited = max(span.unedited for span in spans.values())
    picture, whole = video.end - video.start, end - start
    lengths = [picture, whole, video.end, end, end - max(0.0, start), video.unedited, unedited]
    lengths += [
        span.promised for span in spans.values() if span.promised <= end + EDIT_OVERHANG_SECONDS
    ]
    return round(picture, 3), round(whole, 3), tuple(round(length, 3) for length in lengths)


def _side_lengths(listing: Listing, main: int | None) -> tuple[float, ...]:
    """Return when tracks end that are neither the main picture nor sound."""
    return tuple(
        round(max(packet.time + (packet.seconds or 0) for packet in stream.packets), 3)
        for number, stream in listing.streams.items()
        if number != main and stream.kind != "audio" and stream.packets
    )


def presented_span(listed: Sequence[Packet], edits: Sequence[Edit]) -> TimeRange | None:
    if not listed:
        return None
    first = min(packet.time for packet in listed)
    usual = _usual_seconds(listed)
    last = max(packet.time + (packet.seconds or usual) for packet in listed)
    if not edits:
        return TimeRange(first, last, last - first, last)
    at, start, end, promised = 0.0, None, 0.0, 0.0
    for edit in edits:
        length = edit.seconds
        if edit.media_seconds is not None:
            begin = max(first, edit.media_seconds)
            stop = last if not length else min(last, edit.media_seconds + length)
            length = length or max(0.0, last - edit.media_seconds)
            if edit.still:
                begin, stop = edit.media_seconds, edit.media_seconds + length
            if stop > begin:
                start = at if start is None else start
                end = at + stop - edit.media_seconds
                promised = at + length
        at += length
    return None if start is None else TimeRange(start, end, last - first, promised)


def _usual_seconds(listed: Sequence[Packet]) -> float:
    """Return how long one packet lasts on average."""
    times = {packet.time for packet in listed}
    return (max(times) - min(times)) / (len(times) - 1) if len(times) > 1 else 0.0


def _average_rate(times: Sequence[float]) -> float | None:
    return round((len(times) - 1) / (times[-1] - times[0]), 3) if len(times) > 1 else None


def nominal_frame_rate(times: Sequence[float]) -> float | None:
    """Return the rate at which pictures follow each other while anything moves."""
    steps = sorted(later - earlier for earlier, later in pairwise(times))
    return round(1 / steps[int(len(steps) * _FASTEST_SHARE)], 3) if steps else None
