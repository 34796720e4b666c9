"""Videos and uploads, and the rules for videos that TikTok will take: plain types, no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import isclose
from typing import Any, Self

from chalicelib.foundation.values import dataclass

CONTAINERS = ("mp4", "webm")
"""Product rule; TikTok takes these two (and QuickTime, which not every browser plays)."""

CODECS = ("h264", "h265", "vp8", "vp9")
"""TikTok refuses every other one (`file_format_check_failed`)."""

MIN_SIZE_BYTES = 1
MAX_SIZE_BYTES = 52_428_800
"""Product rule: 50 MB, which also lets TikTok take the video in one piece (up to 64 MB)."""

MIN_SECONDS = 3.0
MAX_SECONDS = 60.0
"""Product rule, both ends; TikTok's `duration_check_failed` begins at the same 3 seconds."""

LENGTH_TOLERANCE_SECONDS = 0.1
"""Containers round and sound is padded: 60 seconds are often written as 60.008 or 60.083."""

MIN_SHORTER_SIDE = 540
"""Product rule: at least 540p, whichever way the picture is turned."""

MAX_LONGER_SIDE = 4096
"""TikTok's `picture_size_check_failed`."""

MIN_FRAME_RATE = 23.0
MAX_FRAME_RATE = 60.0
"""TikTok's `frame_rate_check_failed`; the average counts where the rate varies."""

FRAME_RATE_TOLERANCE = 0.5
"""Millisecond timestamps and phones that aim at 60 average a little more or less."""


SOUND_OVERHANG_SECONDS = 0.25
"""Sound that goes on for longer than this after the picture belongs to the video's length; less is
what encoders of sound leave over when the picture ends."""

HEADER_DURATION_TOLERANCE_SECONDS = 0.25
"""How far a header may be off: rounded, without the last picture's or the sound's padding."""

RATE_AGREEMENT = 0.05
"""The share by which the header's frame rate may differ from the counted one."""

SIDE_AGREEMENT = 16
"""Pixels of padding that codecs add to make whole blocks and headers cut off again."""


class CannotExamine(Exception):
    """An examination did not come to its end, perhaps because the machine was short of something.

    That says nothing certain about the file, so it may be tried again.
    """


class LimitExceeded(CannotExamine):
    """An examination used all the processor time, memory or output that any file may use.

    Trying again would end in the same way: the file itself is the cause.
    """


class ExaminerBroken(CannotExamine):
    """The examiner itself is not whole: a program or library is missing, or may not run.

    That says nothing at all about the file, which is not to be blamed for it.
    """


class VideoProblemCode(StrEnum):
    """Why a video is refused. These are part of the HTTP contract: never rename one."""

    EMPTY_FILE = "empty_file"
    FILE_TOO_LARGE = "file_too_large"
    NOT_A_VIDEO = "not_a_video"
    UNSUPPORTED_CONTAINER = "unsupported_container"
    NO_VIDEO_TRACK = "no_video_track"
    UNSUPPORTED_CODEC = "unsupported_codec"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    LENGTH_UNKNOWN = "length_unknown"
    RESOLUTION_TOO_LOW = "resolution_too_low"
    RESOLUTION_TOO_HIGH = "resolution_too_high"
    RESOLUTION_UNKNOWN = "resolution_unknown"
    FRAME_RATE_TOO_LOW = "frame_rate_too_low"
    FRAME_RATE_TOO_HIGH = "frame_rate_too_high"
    FRAME_RATE_UNKNOWN = "frame_rate_unknown"
    STILL_PICTURE = "still_picture"
    TRUNCATED = "truncated"
    LENGTH_MISMATCH = "length_mismatch"
    DOES_NOT_PLAY = "does_not_play"
    DAMAGED = "damaged"
    JOINED_FILES = "joined_files"
    COULD_NOT_BE_EXAMINED = "could_not_be_examined"
    FILE_NOT_RECEIVED = "file_not_received"


class IndexDefect(StrEnum):
    """Why the index of a file, without which nothing in it is found, cannot be used."""

    MISSING = "missing"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """The facts that were seen in a file. None means unknown.

    `container` is "mp4", "webm" or another lower-case name; None when nothing was recognised.
    `codec` is that of the picture, likewise: "h264", "h265", "vp8", "vp9" or another name.
    `width` and `height` are pixels as displayed, after rotation and pixel shape.
    `frame_rate` is the average, in frames per second. With an `index_defect` nothing else is known.
    """

    size_bytes: int
    container: str | None = None
    has_video: bool = False
    has_audio: bool = False
    codec: str | None = None
    duration_seconds: float | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    index_defect: IndexDefect | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Playback:
    """The result of demuxing a whole file and decoding samples of it, whatever its header says.

    `frames` is how many pictures were found, `seconds` how long they last with the sound that goes
    with them, `lengths` every reading of that which a header may mean (the picture alone, from
    zero, as edited or not), `side_lengths` how long other tracks go on, which a header may mean
    too, `stated` what the container itself says where that may differ from what its tracks say.
    `frame_rate` is the average, `nominal_rate` the rate while anything moves.

    Of `tried` pictures at the start, in the middle, at the end and wherever the data looked odd,
    `decoded` came out, and `damaged` tells whether the decoder complained of them; `damaged_at` is
    the second where that is known. `width` and `height` are displayed pixels before rotation, of
    the largest size that half of the pictures reach. `truncated`: bytes are missing at the end.
    `overlapping`: the pictures claim more bytes than there are. `joined`: another file follows in
    the same one. `sound_damaged`: a sound says of itself what no sound can be.
    """

    frames: int
    tried: int
    decoded: int
    seconds: float | None = None
    lengths: tuple[float, ...] = ()
    side_lengths: tuple[float, ...] = ()
    stated: float | None = None
    frame_rate: float | None = None
    nominal_rate: float | None = None
    width: int | None = None
    height: int | None = None
    truncated: bool = False
    damaged: bool = False
    damaged_at: float | None = None
    overlapping: bool = False
    joined: bool = False
    sound_damaged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoProblem:
    """One broken rule. `field` names the fact it is about, `limit` the bound it crossed."""

    code: VideoProblemCode
    message: str
    field: str
    actual: int | float | str | None
    limit: int | float | str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"code": self.code.value}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "code": VideoProblemCode(stored["code"])})


@dataclass(frozen=True, slots=True)
class Examination:
    """The result of examining a file: without problems it may be used.

    `playback` is None where the header said enough.
    """

    facts: VideoFacts
    problems: tuple[VideoProblem, ...]
    playback: Playback | None = None


def broken_rules(facts: VideoFacts, playback: Playback | None = None) -> tuple[VideoProblem, ...]:
    """Every rule that these facts break, none when the video may be used.

    The facts are those of the header; with a `playback` they are held against the truth, and the
    rules apply to what is true (see `with_playback_facts`). An unknown fact is a problem too
    wherever a rule needs it. Rules about the picture are left out when there is no picture: one
    plain reason says more than five that follow.
    """
    if facts.index_defect:
        return (*_check_size(facts), _index_problem(facts.index_defect))
    played = _check_playback(facts, playback) if playback else []
    if playback:
        facts = with_playback_facts(facts, playback)
    problems = [*_check_size(facts), *_check_content(facts)]
    if facts.has_video:
        nominal = playback.nominal_rate if playback else None
        problems += [*_check_codec(facts), *_check_length(facts), *_check_resolution(facts)]
        problems += _check_frame_rate(facts, nominal)
    elif facts.container in CONTAINERS and facts.duration_seconds is not None:
        problems += _check_length(facts)
    if any(problem.code in _UNPLAYABLE_CODES for problem in played):
        problems = [problem for problem in problems if problem.code not in _UNKNOWN_FACT_CODES]
    return (*problems, *played)


_UNKNOWN_FACT_CODES = frozenset(
    (
        VideoProblemCode.LENGTH_UNKNOWN,
        VideoProblemCode.FRAME_RATE_UNKNOWN,
        VideoProblemCode.RESOLUTION_UNKNOWN,
    )
)
_UNPLAYABLE_CODES = frozenset((VideoProblemCode.TRUNCATED, VideoProblemCode.DOES_NOT_PLAY))


def is_verdict_settled(problems: Sequence[VideoProblem]) -> bool:
    """Return whether the problems that a header shows settle the verdict.

    Playback may show what a header does not say; and recorders of calls write the size of the
    first picture into the header, which grows while the connection gets better.
    """
    open_yet = _UNKNOWN_FACT_CODES | {VideoProblemCode.RESOLUTION_TOO_LOW}
    return not all(problem.code in open_yet for problem in problems)


def with_playback_facts(facts: VideoFacts, playback: Playback) -> VideoFacts:
    """Put the truth in the place of what a header says otherwise.

    Where both agree the header's word stands, for it is exact where counting is rounded. A file
    of which something is missing keeps what it was meant to be.
    """
    if playback.truncated or not playback.decoded:
        return facts
    # A header may count from zero, whenever the first picture comes, and what edits leave out.
    shown = (playback.seconds or 0,)
    if facts.duration_seconds is None or not _is_length_confirmed(facts.duration_seconds, shown):
        facts = replace(facts, duration_seconds=playback.seconds)
    rate = playback.frame_rate
    if rate and not isclose(rate, facts.frame_rate or 0, rel_tol=RATE_AGREEMENT):
        facts = replace(facts, frame_rate=rate)
    said = sorted((facts.width or 0, facts.height or 0))
    if playback.width and playback.height:
        seen = sorted((playback.width, playback.height))
        if any(abs(a - b) > SIDE_AGREEMENT for a, b in zip(said, seen, strict=True)):
            # Only the header has the rotation.
            shorter, longer = seen
            upright = (facts.height or playback.height) > (facts.width or playback.width)
            width, height = (shorter, longer) if upright else (longer, shorter)
            facts = replace(facts, width=width, height=height)
    return facts


def could_not_be_examined(tries: int) -> VideoProblem:
    """Return the problem of a file whose examination failed `tries` times."""
    return VideoProblem(
        code=VideoProblemCode.COULD_NOT_BE_EXAMINED,
        message=f"This file could not be examined, {tries} times in a row: it may be damaged or "
        "built in an unusual way. Please export it again.",
        field="examinations",
        actual=tries,
        limit=tries,
    )


def needs_too_much_work() -> VideoProblem:
    """Return the problem of a file whose examination used up all that any may use."""
    return VideoProblem(
        code=VideoProblemCode.COULD_NOT_BE_EXAMINED,
        message="This file could not be examined: reading it takes far more work than a video "
        "of its size should. It may be damaged or built in an unusual way. Please export it again.",
        field="examinations",
        actual=1,
        limit=1,
    )


def not_examined_in_time() -> VideoProblem:
    """Return the problem of a file that had no verdict in time, for whatever reason."""
    minutes = int(VERDICT_TIME_LIMIT.total_seconds() / 60)
    return VideoProblem(
        code=VideoProblemCode.COULD_NOT_BE_EXAMINED,
        message=f"This file could not be examined within {minutes} minutes, perhaps because of "
        "trouble on our side. Please send it again; if that fails too, export it again.",
        field="examinations",
        actual=None,
        limit=minutes,
    )


def file_not_received() -> VideoProblem:
    """Return the problem of an activity whose upload ended without a file."""
    minutes = int(FORM_LIFETIME.total_seconds() / 60)
    return VideoProblem(
        code=VideoProblemCode.FILE_NOT_RECEIVED,
        message=f"No file arrived for this upload within its {minutes} minutes. Please ask for a "
        "new upload and send the video again.",
        field="size_bytes",
        actual=None,
        limit=MIN_SIZE_BYTES,
    )


def _is_length_confirmed(said: float, lengths: Sequence[float]) -> bool:
    return any(abs(said - length) <= HEADER_DURATION_TOLERANCE_SECONDS for length in lengths)


def _false_length(facts: VideoFacts, playback: Playback) -> float | None:
    """Return a length that the file states and that nothing in it has; None if there is none.

    A length up to the end of a track that is neither picture nor sound is that track's.
    """
    beside = max(playback.side_lengths, default=0.0)
    for said in (facts.duration_seconds, playback.stated):
        if said is None or _is_length_confirmed(said, playback.lengths):
            continue
        if not (playback.seconds or 0) <= said <= beside + HEADER_DURATION_TOLERANCE_SECONDS:
            return said
    return None


def _check_playback(facts: VideoFacts, playback: Playback) -> list[VideoProblem]:
    if playback.joined:  # what else is wrong follows from that
        return [
            VideoProblem(
                code=VideoProblemCode.JOINED_FILES,
                message="This file is several videos glued one behind the other; players show "
                "only the first. Please join them in a video editor and export the result.",
                field="files",
                actual=2,
                limit=1,
            )
        ]
    problems = []
    if playback.truncated:
        problems.append(
            VideoProblem(
                code=VideoProblemCode.TRUNCATED,
                message="The end of this video is missing: it was cut off while it was saved or "
                "uploaded. Please export it again, or choose the complete file.",
                field="duration_seconds",
                actual=playback.seconds,
                limit=facts.duration_seconds or 0,
            )
        )
    if playback.overlapping:
        return [*problems, _index_problem(IndexDefect.DAMAGED)]
    if playback.decoded * 2 < playback.tried or not playback.decoded:
        seen = (
            f"of {playback.tried} pictures looked at, {playback.decoded} could be shown"
            if playback.tried
            else "no picture that can be shown was found in it"
        )
        problems.append(
            VideoProblem(
                code=VideoProblemCode.DOES_NOT_PLAY,
                message=f"This video does not play: {seen}. Please export it again.",
                field="frames",
                actual=playback.decoded,
                limit=playback.tried,
            )
        )
        return problems
    if playback.truncated:
        return problems
    if playback.damaged:
        where = "" if playback.damaged_at is None else f" at {_clock(playback.damaged_at)}"
        problems.append(
            VideoProblem(
                code=VideoProblemCode.DAMAGED,
                message=f"The picture of this video is damaged{where}. Please export it again.",
                field="frames",
                actual=playback.decoded,
                limit=playback.tried,
            )
        )
    elif playback.sound_damaged:
        problems.append(
            VideoProblem(
                code=VideoProblemCode.DAMAGED,
                message="The sound of this video is damaged: what the file says of it makes no "
                "sense. Please export it again.",
                field="sound",
                actual=None,
                limit="readable",
            )
        )
    if playback.frames <= 1:
        problems.append(
            VideoProblem(
                code=VideoProblemCode.STILL_PICTURE,
                message="This file holds a single still picture, not a moving one.",
                field="frames",
                actual=playback.frames,
                limit=2,
            )
        )
    false_length = _false_length(facts, playback)
    if false_length is not None:
        problems.append(
            VideoProblem(
                code=VideoProblemCode.LENGTH_MISMATCH,
                message=f"This file says that it is {_clock(false_length)} long, "
                f"but {_clock(playback.seconds or 0)} of it plays. Please export it again.",
                field="duration_seconds",
                actual=playback.seconds,
                limit=false_length,
            )
        )
    return problems


def _index_problem(flaw: IndexDefect) -> VideoProblem:
    missing = flaw is IndexDefect.MISSING
    return VideoProblem(
        code=VideoProblemCode.TRUNCATED if missing else VideoProblemCode.DAMAGED,
        message="Part of this video is missing, and without it nothing plays: the file was cut off "
        "while it was saved or uploaded. Please choose the complete file, or export it again."
        if missing
        else "The index of this video is damaged, so no player can find its pictures. "
        "Please export it again.",
        field="index",
        actual=flaw.value,
        limit="complete",
    )


def _check_size(facts: VideoFacts) -> list[VideoProblem]:
    size = facts.size_bytes
    if size < MIN_SIZE_BYTES:
        return [
            VideoProblem(
                code=VideoProblemCode.EMPTY_FILE,
                message=f"This file is empty ({size} bytes); a video has at least "
                f"{MIN_SIZE_BYTES} byte. Please choose the file again.",
                field="size_bytes",
                actual=size,
                limit=MIN_SIZE_BYTES,
            )
        ]
    if size > MAX_SIZE_BYTES:
        return [
            VideoProblem(
                code=VideoProblemCode.FILE_TOO_LARGE,
                message=f"This file has {_megabytes(size)}; "
                f"videos here can have up to {_megabytes(MAX_SIZE_BYTES)}.",
                field="size_bytes",
                actual=size,
                limit=MAX_SIZE_BYTES,
            )
        ]
    return []


def _check_content(facts: VideoFacts) -> list[VideoProblem]:
    if facts.size_bytes < MIN_SIZE_BYTES:
        return []  # that it is empty says it all
    wanted = " or ".join(_display_name(container) for container in CONTAINERS)
    limit = ", ".join(CONTAINERS)
    container = facts.container
    if container is None or (container not in CONTAINERS and not facts.has_video):
        seen = (
            f"This {_display_name(container)} file has no video in it" if container else _UNREADABLE
        )
        return [
            VideoProblem(
                code=VideoProblemCode.NOT_A_VIDEO,
                message=f"{seen}; {wanted} is needed.",
                field="container",
                actual=container,
                limit=limit,
            )
        ]
    problems = []
    if container not in CONTAINERS:
        problems.append(
            VideoProblem(
                code=VideoProblemCode.UNSUPPORTED_CONTAINER,
                message=f"This is a {_display_name(container)} video; videos here are {wanted}. "
                "Renaming the file is not enough: please export it again.",
                field="container",
                actual=container,
                limit=limit,
            )
        )
    if not facts.has_video:
        problems.append(
            VideoProblem(
                code=VideoProblemCode.NO_VIDEO_TRACK,
                message="There is no video in this file, at most sound or a still picture; "
                "a video track is needed.",
                field="has_video",
                actual=0,
                limit=1,
            )
        )
    return problems


def _check_codec(facts: VideoFacts) -> list[VideoProblem]:
    if facts.codec in CODECS:
        return []
    seen = _display_name(facts.codec) if facts.codec else "an unknown format"
    return [
        VideoProblem(
            code=VideoProblemCode.UNSUPPORTED_CODEC,
            message=f"The picture is encoded as {seen}; TikTok takes "
            f"{', '.join(_display_name(codec) for codec in CODECS)}.",
            field="codec",
            actual=facts.codec,
            limit=", ".join(CODECS),
        )
    ]


def _check_length(facts: VideoFacts) -> list[VideoProblem]:
    seconds = facts.duration_seconds
    allowed = f"TikTok videos here can be {_clock(MIN_SECONDS)} to {_clock(MAX_SECONDS)}."
    if seconds is None:
        code, limit = VideoProblemCode.LENGTH_UNKNOWN, MAX_SECONDS
        message = f"The length of this video could not be determined; {allowed}"
    elif seconds < MIN_SECONDS - LENGTH_TOLERANCE_SECONDS:
        code, limit = VideoProblemCode.TOO_SHORT, MIN_SECONDS
        message = f"This video is {_clock(seconds)} long; {allowed}"
    elif seconds > MAX_SECONDS + LENGTH_TOLERANCE_SECONDS:
        code, limit = VideoProblemCode.TOO_LONG, MAX_SECONDS
        message = f"This video is {_clock(seconds)} long; {allowed}"
    else:
        return []
    return [
        VideoProblem(
            code=code, message=message, field="duration_seconds", actual=seconds, limit=limit
        )
    ]


def _check_resolution(facts: VideoFacts) -> list[VideoProblem]:
    if facts.width is None or facts.height is None:
        return [
            VideoProblem(
                code=VideoProblemCode.RESOLUTION_UNKNOWN,
                message="The size of the picture could not be determined; its shorter side must "
                f"have at least {MIN_SHORTER_SIDE} pixels.",
                field="height",
                actual=None,
                limit=MIN_SHORTER_SIDE,
            )
        ]
    problems = []
    picture = f"This video is {facts.width} x {facts.height} pixels"
    (shorter, shorter_field), (longer, longer_field) = sorted(
        ((facts.width, "width"), (facts.height, "height"))
    )
    if shorter < MIN_SHORTER_SIDE:
        problems.append(
            VideoProblem(
                code=VideoProblemCode.RESOLUTION_TOO_LOW,
                message=f"{picture}; its shorter side must have at least {MIN_SHORTER_SIDE}.",
                field=shorter_field,
                actual=shorter,
                limit=MIN_SHORTER_SIDE,
            )
        )
    if longer > MAX_LONGER_SIDE:
        problems.append(
            VideoProblem(
                code=VideoProblemCode.RESOLUTION_TOO_HIGH,
                message=f"{picture}; TikTok takes at most {MAX_LONGER_SIDE} on the longer side.",
                field=longer_field,
                actual=longer,
                limit=MAX_LONGER_SIDE,
            )
        )
    return problems


def _check_frame_rate(facts: VideoFacts, nominal: float | None) -> list[VideoProblem]:
    """Judge the average rate. It may be low where only nothing moved, as in a screen recording."""
    rate = facts.frame_rate
    allowed = f"TikTok takes {MIN_FRAME_RATE:g} to {MAX_FRAME_RATE:g} frames per second."
    if rate is None:
        code, limit = VideoProblemCode.FRAME_RATE_UNKNOWN, MIN_FRAME_RATE
        message = f"The frame rate of this video could not be determined; {allowed}"
    elif max(rate, nominal or 0) < MIN_FRAME_RATE - FRAME_RATE_TOLERANCE:
        code, limit = VideoProblemCode.FRAME_RATE_TOO_LOW, MIN_FRAME_RATE
        message = f"This video has {_decimal(rate, 2)} frames per second; {allowed}"
    elif rate > MAX_FRAME_RATE + FRAME_RATE_TOLERANCE:
        code, limit = VideoProblemCode.FRAME_RATE_TOO_HIGH, MAX_FRAME_RATE
        message = f"This video has {_decimal(rate, 2)} frames per second; {allowed}"
    else:
        return []
    return [VideoProblem(code=code, message=message, field="frame_rate", actual=rate, limit=limit)]


_UNREADABLE = "This file is not a video that can be read"

_FORMAT_NAMES = {
    "mp4": "MP4",
    "webm": "WebM",
    "mov": "QuickTime",
    "matroska": "Matroska (MKV)",
    "h264": "H.264",
    "h265": "H.265",
    "mpeg-4 visual": "MPEG-4 Visual",
}


def _display_name(format_name: str) -> str:
    return _FORMAT_NAMES.get(format_name, format_name.upper())


def _clock(seconds: float) -> str:
    """Minutes and seconds as players show them, tenths only where there are some."""
    tenths = round(seconds * 10)
    whole, rest = divmod(tenths, 10)
    return f"{whole // 60}:{whole % 60:02d}" + (f".{rest}" if rest else "")


def _megabytes(size: int) -> str:
    return f"{_decimal(size / 1_048_576, 1)} MB ({size:,} bytes)"


def _decimal(value: float, places: int) -> str:
    return f"{value:.{places}f}".rstrip("0").rstrip(".")


class UploadStatus(StrEnum):
    """`awaiting_file -> validating -> valid | rejected`; never finished: `expired`."""

    AWAITING_FILE = "awaiting_file"
    VALIDATING = "validating"
    VALID = "valid"
    REJECTED = "rejected"
    EXPIRED = "expired"


DECIDED = frozenset({UploadStatus.VALID, UploadStatus.REJECTED, UploadStatus.EXPIRED})

FORM_LIFETIME = timedelta(minutes=15)
"""How long a presigned form may be posted (product rule)."""

PREVIEW_LIFETIME = timedelta(hours=1)
PREVIEW_REUSE = timedelta(minutes=20)
"""A signed address is given out again for so long; then a new one is signed."""
MAX_PREVIEWS = 2_000
"""Addresses that a function remembers: 1 MB of them."""
"""How long an address of a video may be used: longer than a page is looked at, far shorter than
the credentials of a function's role, which end it too."""

ARRIVAL_GRACE = timedelta(minutes=5)
"""A post begun in the form's last second still has to arrive and be announced."""

MAX_TRIES = 3
"""Examinations that are begun of one file at most."""

TRY_LIFETIME = timedelta(seconds=125)
"""No examination is under way any more after this: the validating function has two minutes."""

EXAMINATION_RETRY_DELAY = timedelta(seconds=20)
"""How soon after one that failed the next examination is due; the sweep starts it."""

RECHECK_DELAY = timedelta(minutes=4)
"""When the sweep looks at an upload that did not move on by itself: above `TRY_LIFETIME`, so that
no validation is under way then, before or after a verdict."""

VERDICT_TIME_LIMIT = timedelta(minutes=5)
"""How long an upload may be `validating` (product rule)."""

GIVEN_UP_AFTER = timedelta(seconds=225)
"""After this a validation without a verdict is given up, counted from its beginning: the sweep,
which runs every minute, finds it before `VERDICT_TIME_LIMIT` is over."""


def content_id_of(video_key: str) -> str:
    """Return what names the bytes of a video: equal for equal bytes, whatever upload they came by.

    It is the ETag that `Upload.video_key_for` ends a key with: an MD5, as forms post a file in one
    part.
    """
    return video_key.rpartition("/")[2]


@dataclass(frozen=True)
class Upload:
    """One presigned upload and its validation; a valid one yields a video.

    `validating_since` is when the first examination of the file as it is was begun, `tries`
    counts them; `copies` are the keys under which one that found nothing wrong was going to keep
    it. `used` is set with the first activity on it and stays.
    """

    program_id: str
    upload_id: str
    state: UploadStatus
    content_type: str
    created_by: str
    created_at: datetime
    form_expires_at: datetime
    correlation_id: str
    video: VideoFacts | None = None
    video_key: str | None = None
    problems: tuple[VideoProblem, ...] = ()
    tries: int = 0
    validating_since: datetime | None = None
    copies: frozenset[str] = frozenset()
    used: bool = False

    @property
    def unused_copies(self) -> frozenset[str]:
        """Keys of copies begun for this upload that its verdict did not choose."""
        return self.copies - {self.video_key}

    def is_given_up_at(self, now: datetime) -> bool:
        """Return whether its file has been examined for too long to wait for a verdict."""
        since = self.validating_since
        return since is not None and now >= since + GIVEN_UP_AFTER

    def next_look(self, now: datetime, after: timedelta) -> datetime:
        """Return when to look again: `after` from now, or when it is given up if that is sooner."""
        if self.validating_since is None:
            return now + after
        return min(now + after, max(now, self.validating_since + GIVEN_UP_AFTER))

    def is_over_at(self, now: datetime) -> bool:
        """Return whether no file can come any more."""
        return now > self.form_expires_at + ARRIVAL_GRACE

    @property
    def incoming_key(self) -> str:
        return incoming_key(self.program_id, self.upload_id)

    def video_key_for(self, etag: str) -> str:
        """Name the place for the bytes of this ETag: other bytes can never come to lie there."""
        return f"videos/{self.program_id}/{self.upload_id}/{etag.strip('"')}"

    def status_at(self, now: datetime) -> UploadStatus:
        """Return the status: an upload whose file never came is expired, swept or not."""
        waiting = self.state is UploadStatus.AWAITING_FILE
        if waiting and self.is_over_at(now):
            return UploadStatus.EXPIRED
        return self.state


@dataclass(frozen=True)
class Preview:
    """An address at which anybody who has it can watch a video for a while. Never logged."""

    url: str
    expires_at: datetime


def incoming_key(program_id: str, upload_id: str) -> str:
    return f"incoming/{program_id}/{upload_id}"


def parse_incoming_key(key: str) -> tuple[str, str] | None:
    """Read program and upload from an object's key; None for a key that is none of ours."""
    match key.split("/"):
        case ["incoming", program_id, upload_id] if program_id and upload_id:
            return program_id, upload_id
        case _:
            return None


def facts_from(stored: Mapping[str, Any] | None) -> VideoFacts | None:
    """Read a video's facts as they are kept."""
    if not stored:
        return None
    flaw = stored.get("index_defect")
    return VideoFacts(**{**stored, "index_defect": IndexDefect(flaw) if flaw else None})


def playback_from(stored: Mapping[str, Any]) -> Playback:
    """Read what one process found from what it wrote for another."""
    lists = {name: tuple(stored[name]) for name in ("lengths", "side_lengths")}
    return Playback(**{**stored, **lists})


def problems_from(stored: Sequence[Mapping[str, Any]] | None) -> tuple[VideoProblem, ...]:
    """Read a video's problems as they are kept."""
    return tuple(VideoProblem.from_dict(each) for each in stored or ())
