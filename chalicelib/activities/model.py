"""An activity's life and times: plain types and rules."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from chalicelib.foundation.texts import clean_line, clean_paragraphs, is_visible
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import MAX_DISCLOSURE_LENGTH, ContentDisclosure
from chalicelib.videos.model import VideoFacts, VideoProblem, content_id_of

DEFAULT_INSTRUCTIONS = "Share this video on TikTok"
MAX_INSTRUCTIONS_LENGTH = 2000
MAX_POINTS = 1_000_000
MAX_DRAFTS = 50
"""A program's limit: one query lists them all, and an agent that loops creates no more."""
MAX_TIME_LENGTH = len("2027-01-15T09:00:00.123456789+01:00")
MAX_ADDRESSED_CHANNELS = 20
MAX_CAPTIONS = 10
MAX_CUTS = 10
"""Videos that an activity may have, the first included (product rule)."""
MAX_HASHTAGS = 30
MAX_HASHTAG_LENGTH = 100
MAX_POST_TEXT_LENGTH = 2200
"""UTF-16 units that a post's text may have (TikTok, Content Posting API: `title`)."""
START_GRACE = timedelta(minutes=5)
"""How far back a start may lie: filling in the form takes a while (product rule)."""
MAX_TIME_AHEAD = timedelta(days=5 * 366)
"""How far ahead a start or end may lie (product rule)."""

FEATURED_INDEX_LAG = timedelta(seconds=30)
"""How long a turn of `featured` may stay unseen: it is dated when its request comes, which takes
no longer than this, and the index follows the table."""
MAX_FEATURED_CHANGES = 20
MAX_KNOWN_FEATURED_CHANGES = 20
"""Recent changes of `featured` that a cursor carries; it has to stay short."""

SEND_REMINDER = (
    "The video will be waiting in your TikTok inbox. Open the TikTok app, tap the notification "
    "and finish the post there; Greenroom cannot do that for you."
)
"""Read before sending and after it: TikTok takes no text, and only the member can post."""

_TIME_PATTERN = re.compile(
    r"(?P<day>(?P<year>\d{4})-\d{2}-\d{2})T(?P<clock>\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)"
    r"(?P<offset>Z|[+-]\d{2}:\d{2})?",
    re.ASCII | re.IGNORECASE,
)
_DATE_ONLY_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DISTANT_YEAR_PATTERN = re.compile(r"\+?0*[1-9]\d{4,}-\d{2}-\d{2}(T.*)?", re.ASCII | re.IGNORECASE)
_FIRST_YEAR, _LAST_YEAR = 2000, 2999
"""Since then all zones differ by whole minutes from UTC; beyond it no time is within five years."""


class Network(StrEnum):
    """The network an activity's video goes to. One so far."""

    TIKTOK_VIDEO = "tiktok_video"


class ActivityState(StrEnum):
    """Stored state. Time decides whether a published activity is scheduled, active or ended."""

    PROCESSING = "processing"
    PUBLISHED = "published"
    REJECTED = "rejected"
    ENDED = "ended"
    ARCHIVED = "archived"


class ActivityStatus(StrEnum):
    """Visible status: `processing -> scheduled -> active -> ended`; `rejected`, `archived`."""

    PROCESSING = "processing"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ENDED = "ended"
    REJECTED = "rejected"
    ARCHIVED = "archived"


class VideoChanged(Exception):
    """The activity is no longer open with the video that was read."""


class InvalidTime(ValueError):
    """A time that cannot be meant; `code` is stable, `offsets` are the choices, if any."""

    def __init__(self, code: str, message: str, offsets: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.offsets = offsets


class InvalidText(ValueError):
    """A text that cannot be posted; `field`, `code` and `limit` as an answer carries them."""

    def __init__(self, field: str, code: str, message: str, limit: int | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.code = code
        self.message = message
        self.limit = limit


@dataclass(frozen=True)
class Cut:
    """One video of an activity: the upload it came with and, once all are decided, its verdict."""

    upload_id: str
    video: VideoFacts | None = None
    video_key: str | None = None
    problems: tuple[VideoProblem, ...] = ()

    @property
    def content(self) -> str | None:
        """The id of its bytes: the same for the same file, however often it was uploaded."""
        return content_id_of(self.video_key) if self.video_key else None


def same_files(cuts: Sequence[Cut]) -> dict[int, int]:
    """Return the places of cuts whose file is an earlier one's too, with the place of that one."""
    first: dict[str, int] = {}
    found: dict[int, int] = {}
    for at, cut in enumerate(cuts):
        if cut.content and first.setdefault(cut.content, at) != at:
            found[at] = first[cut.content]
    return found


def distinct_files(cuts: Sequence[Cut]) -> list[Cut]:
    """Leave out cuts whose file is an earlier one's too."""
    same = same_files(cuts)
    return [cut for at, cut in enumerate(cuts) if at not in same]


class CutStatus(StrEnum):
    """The verdict on one cut."""

    PROCESSING = "processing"
    VALID = "valid"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Activity:
    """A TikTok Video activity. Times are instants; `time_zone` is the one they were meant in.

    Without `channel_ids` it is for everybody. A `disclosure` of None is the program's own line, an
    empty one none at all. `version` counts what managers changed. `performed` is set with the first
    performance and stays: the video can no longer be changed. `featured_changes` are the latest
    instants at which `featured` was turned. `posted_bonus` are points that come on top when the
    video is posted. `content_disclosure` and `ai_generated` say which of TikTok's own toggles a
    member has to switch on; `disclosure` is only a line of text. `upload_id`, `video`, `video_key`
    and `problems` are those of its first cut, `further_cuts` the others that members are dealt.
    """

    program_id: str
    activity_id: str
    state: ActivityState
    instructions: str
    upload_id: str
    points: int
    featured: bool
    starts_at: datetime | None
    ends_at: datetime | None
    time_zone: str
    created_by: str
    created_at: datetime
    ended_at: datetime | None = None
    video: VideoFacts | None = None
    video_key: str | None = None
    problems: tuple[VideoProblem, ...] = ()
    network: Network = Network.TIKTOK_VIDEO
    channel_ids: frozenset[str] = frozenset()
    campaign_id: str | None = None
    captions: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    disclosure: str | None = None
    version: int = 1
    performed: bool = False
    archived_at: datetime | None = None
    featured_changes: tuple[datetime, ...] = ()
    posted_bonus: int = 0
    content_disclosure: ContentDisclosure = ContentDisclosure.YOUR_BRAND
    ai_generated: bool = False
    further_cuts: tuple[Cut, ...] = ()

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """All its videos, the first one first: there is always one."""
        first = Cut(self.upload_id, self.video, self.video_key, self.problems)
        return (first, *self.further_cuts)

    @property
    def upload_ids(self) -> tuple[str, ...]:
        """The uploads of all its cuts, in their order."""
        return (self.upload_id, *self.further_upload_ids)

    @property
    def further_upload_ids(self) -> tuple[str, ...]:
        return tuple(each.upload_id for each in self.further_cuts)

    @property
    def has_invalid_cut(self) -> bool:
        """True if one of its cuts is not a video that may be sent."""
        return any(each.problems for each in self.cuts)

    def status_of(self, cut: Cut) -> CutStatus:
        """Return what became of one of its cuts; verdicts show when the last one is there."""
        if cut.problems:
            return CutStatus.REJECTED
        return CutStatus.VALID if cut.video or self.has_invalid_cut else CutStatus.PROCESSING

    def with_cuts(self, cuts: Sequence[Cut]) -> "Activity":
        """Return it with these videos, the first one first."""
        first, *further = cuts
        return replace(
            self,
            upload_id=first.upload_id,
            video=first.video,
            video_key=first.video_key,
            problems=first.problems,
            further_cuts=tuple(further),
        )

    def awaiting_verdicts(self, upload_ids: Sequence[str]) -> "Activity":
        """Return it waiting for the verdicts on these uploads, the first one first."""
        waiting = self.with_cuts([Cut(each) for each in upload_ids])
        return replace(waiting, state=ActivityState.PROCESSING)

    def with_verdicts(self, cuts: Sequence[Cut]) -> "Activity":
        """Return it published with its cuts, or rejected if one of them has problems.

        A rejected activity keeps no video, so members cannot receive its valid cuts. The same file
        twice is one cut, or members would be dealt it twice as often.
        """
        if any(each.problems for each in cuts):
            refused = [replace(each, video=None, video_key=None) for each in cuts]
            return replace(self.with_cuts(refused), state=ActivityState.REJECTED)
        return replace(self.with_cuts(distinct_files(cuts)), state=ActivityState.PUBLISHED)

    @property
    def required_disclosure(self) -> "RequiredDisclosure":
        """The disclosure it asks of its members in TikTok."""
        return RequiredDisclosure(self.content_disclosure, self.ai_generated)

    def is_addressed_to(self, channels: frozenset[str]) -> bool:
        """Return whether it is addressed to a member of these channels."""
        return is_addressed_to_channels(self.channel_ids, channels)

    def channels_of(self, channels: frozenset[str]) -> frozenset[str]:
        """Return those of a member's channels by which it reaches them: all, if for everybody."""
        return channels & self.channel_ids if self.channel_ids else channels

    def status_at(self, now: datetime) -> ActivityStatus:
        """Return the status at an instant, exact to the second, swept or not."""
        if self.state is not ActivityState.PUBLISHED:
            return ActivityStatus(self.state.value)
        if self.ends_at is not None and now >= self.ends_at:
            return ActivityStatus.ENDED
        if self.starts_at is not None and now < self.starts_at:
            return ActivityStatus.SCHEDULED
        return ActivityStatus.ACTIVE

    def is_open_at(self, now: datetime) -> bool:
        return self.status_at(now) is ActivityStatus.ACTIVE

    def unarchived(self) -> "Activity":
        """Return it back in the lists: over, as archiving ended it, or rejected as it was."""
        state = ActivityState.REJECTED if self.has_invalid_cut else ActivityState.ENDED
        return replace(self, state=state, archived_at=None, version=self.version + 1)


def parse_wall_clock_time(text: str, time_zone: str) -> datetime:
    """Read a wall-clock time such as `2026-12-01T09:00`, meant in a time zone, as an instant.

    With an offset (`...T02:30+02:00`) or `Z` it is an instant by itself, as RFC 3339 writes it;
    either may have seconds and fractions of one. Raises `InvalidTime`: `invalid_time`,
    `in_the_past`, `too_far_ahead`, or on a day the clocks change `time_does_not_exist` or
    `time_exists_twice`.
    """
    told = _parse_time(text)
    if told.tzinfo:
        return told.astimezone(UTC)
    zone = ZoneInfo(time_zone)
    earlier, later = (told.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if earlier.utcoffset() == later.utcoffset():
        return earlier.astimezone(UTC)
    offsets = tuple(each.isoformat()[-6:] for each in (earlier, later))
    exists = earlier.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == told
    if exists:
        raise InvalidTime(
            "time_exists_twice",
            f"In {time_zone} the clocks go back and {text} happens twice. Add the offset you mean: "
            f"{text}{offsets[0]} (the first) or {text}{offsets[1]} (the second).",
            offsets,
        )
    raise InvalidTime(
        "time_does_not_exist",
        f"In {time_zone} the clocks go forward and {text} does not exist. Choose another time, or "
        f"add an offset: {text}{offsets[0]} or {text}{offsets[1]}.",
        offsets,
    )


def _parse_time(text: str) -> datetime:
    found = _TIME_PATTERN.fullmatch(text)
    if found is None:
        if _DISTANT_YEAR_PATTERN.fullmatch(text):  # JavaScript writes `+010000-01-01T00:00:00.000Z`
            raise _too_far_ahead("too_far_ahead")
        if _DATE_ONLY_PATTERN.fullmatch(text):
            _check_time_part(date.fromisoformat, text, f"day as {text}")
        raise InvalidTime("invalid_time", "Write a time as 2026-12-01T09:00.")
    if int(found["year"]) < _FIRST_YEAR:
        raise InvalidTime("in_the_past", f"Times before the year {_FIRST_YEAR} are too long ago.")
    if int(found["year"]) > _LAST_YEAR:
        raise _too_far_ahead("too_far_ahead")
    for read, part, kind in (
        (date.fromisoformat, found["day"], "day"),
        (time.fromisoformat, found["clock"], "time of day"),
        (datetime.fromisoformat, text.upper(), "offset from UTC"),
    ):
        shown = found["offset"] if kind.startswith("offset") else part
        _check_time_part(read, part, f"{kind} as {shown}")
    return datetime.fromisoformat(text.upper())


def _check_time_part(read: Callable[[str], object], part: str, shown: str) -> None:
    try:
        read(part)
    except ValueError:
        raise InvalidTime("invalid_time", f"There is no such {shown}.") from None


def _too_far_ahead(code: str) -> InvalidTime:
    return InvalidTime(code, "Times may be at most five years ahead.")


def check_window(
    starts_at: datetime | None,
    ends_at: datetime | None,
    now: datetime,
    kept: Collection[datetime | None] = (),
) -> None:
    """Check an activity's times; what is `kept` as it was may lie in the past.

    Raises `InvalidTime`, its code led by the field's name.
    """
    if starts_at is not None and starts_at not in kept and starts_at < now - START_GRACE:
        raise InvalidTime("starts_at.in_the_past", "The start is in the past.")
    if ends_at is not None and ends_at <= now:
        raise InvalidTime("ends_at.in_the_past", "The end is in the past.")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise InvalidTime("ends_at.before_start", "The end must be after the start.")
    for name, instant in (("starts_at", starts_at), ("ends_at", ends_at)):
        if instant is not None and instant not in kept and instant > now + MAX_TIME_AHEAD:
            raise _too_far_ahead(f"{name}.too_far_ahead")


def is_addressed_to_channels(channel_ids: Collection[str], channels: frozenset[str]) -> bool:
    """Return whether what is for these channels is for a member of those; none: everybody."""
    return not channel_ids or not channels.isdisjoint(channel_ids)


@dataclass(frozen=True)
class DraftContent:
    """The fields a draft proposes for an activity."""

    instructions: str = DEFAULT_INSTRUCTIONS
    points: int = 0
    channel_ids: tuple[str, ...] = ()
    campaign_id: str | None = None
    captions: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    disclosure: str | None = None


@dataclass(frozen=True)
class Draft:
    """A proposed activity, without a video. Only a manager, who adds one, can publish it."""

    program_id: str
    draft_id: str
    content: DraftContent
    created_by: str
    created_at: datetime


# The feed's order


@dataclass(frozen=True)
class OpenActivity:
    """The fields that decide who sees an activity, when, and where in their feed."""

    activity_id: str
    featured: bool
    featured_changes: tuple[datetime, ...]
    starts_at: datetime | None
    ends_at: datetime | None
    channel_ids: frozenset[str]
    campaign_id: str | None

    def is_open_at(self, now: datetime) -> bool:
        begun = self.starts_at is None or self.starts_at <= now
        return begun and (self.ends_at is None or self.ends_at > now)

    def feed_rank(self, paging: "FeedPaging") -> str:
        """Return its place in a feed, descending: featured as its first page knew, then newest."""
        unknown = sum(1 for each in self.featured_changes if not paging.knows_change(each))
        return f"{int(self.featured ^ bool(unknown % 2))}#{self.activity_id}"


@dataclass(frozen=True)
class FeedPaging:
    """The changes of `featured` that a feed's first page knew; later pages keep its order.

    All of them up to `settled_at`, and of the later ones those that are `known`.
    """

    settled_at: datetime
    known: frozenset[datetime] = frozenset()

    @classmethod
    def begin(cls, shown: Iterable[OpenActivity], now: datetime) -> "FeedPaging":
        """Begin with what can be seen now; turns made before may come into sight later."""
        settled_at = now - FEATURED_INDEX_LAG
        recent = sorted(
            turn for each in shown for turn in each.featured_changes if turn > settled_at
        )
        settled, known = recent[:-MAX_KNOWN_FEATURED_CHANGES], recent[-MAX_KNOWN_FEATURED_CHANGES:]
        return cls(max([settled_at, *settled]), frozenset(known))

    def knows_change(self, turn: datetime) -> bool:
        return turn <= self.settled_at or turn in self.known


def visible_activities(
    open_activities: Iterable[OpenActivity],
    *,
    channels: frozenset[str],
    campaign_id: str | None,
    now: datetime,
) -> list[OpenActivity]:
    """List what a member of these channels may see now: of one campaign, or of all."""
    return [
        each
        for each in open_activities
        if each.is_open_at(now)
        and is_addressed_to_channels(each.channel_ids, channels)
        and (campaign_id is None or each.campaign_id == campaign_id)
    ]


def feed_order(
    shown: Iterable[OpenActivity], paging: FeedPaging, before: str | None
) -> list[tuple[str, str]]:
    """List rank and id of what a member may see, in the order of when their paging began.

    An activity that is featured between two pages neither comes twice nor is skipped; the pages
    `before` keep what was on them.
    """
    ranks = ((each.feed_rank(paging), each.activity_id) for each in shown)
    return sorted((rank for rank in ranks if before is None or rank[0] < before), reverse=True)


def with_featured(activity: Activity, featured: bool, now: datetime) -> Activity:
    """Turn whether an activity is featured, so that feeds being paged keep their order."""
    if featured is activity.featured:
        return activity
    changes = (*activity.featured_changes, now)[-MAX_FEATURED_CHANGES:]
    return replace(activity, featured=featured, featured_changes=changes)


# Disclosures in TikTok

DISCLOSURE_TEXT_EDITION = 1
"""Number of the texts below: raised with every change of their words or meaning."""


class DisclosureLanguage(StrEnum):
    """Languages in which members read the texts below."""

    ENGLISH = "en"
    GERMAN = "de"
    SPANISH = "es"


class Toggle(StrEnum):
    """A toggle on TikTok's post screen, in the order in which a member meets them."""

    DISCLOSE_COMMERCIAL_CONTENT = "disclose_commercial_content"
    YOUR_BRAND = "your_brand"
    BRANDED_CONTENT = "branded_content"
    AI_GENERATED_CONTENT = "ai_generated_content"


@dataclass(frozen=True)
class RequiredDisclosure:
    """The disclosures of a post: TikTok's content-disclosure setting and the AI label."""

    content_disclosure: ContentDisclosure
    ai_generated: bool

    @property
    def toggles(self) -> tuple[Toggle, ...]:
        """The toggles to switch on in TikTok; none if nothing is to be disclosed."""
        commercial: tuple[Toggle, ...] = ()
        if self.content_disclosure is not ContentDisclosure.NONE:
            chosen = Toggle(self.content_disclosure.value)
            commercial = (Toggle.DISCLOSE_COMMERCIAL_CONTENT, chosen)
        return (*commercial, *((Toggle.AI_GENERATED_CONTENT,) if self.ai_generated else ()))

    @property
    def version(self) -> str | None:
        """Name of the text a member acknowledges, such as `1.your_brand.ai`; None: no text.

        A tick of one version never counts for another.
        """
        if not self.toggles:
            return None
        ai = ".ai" if self.ai_generated else ""
        return f"{DISCLOSURE_TEXT_EDITION}.{self.content_disclosure.value}{ai}"

    def text(self, language: str = DisclosureLanguage.ENGLISH) -> str | None:
        """Return what a member acknowledges before they send; None: nothing."""
        words = _ACKNOWLEDGEMENTS[DisclosureLanguage(language)]
        if not self.toggles:
            return None
        if self.content_disclosure is ContentDisclosure.NONE:
            return words["ai"]
        commercial = words[self.content_disclosure.value]
        return f"{commercial} {words['ai_too']}" if self.ai_generated else commercial


_ACKNOWLEDGEMENTS: dict[DisclosureLanguage, dict[str, str]] = {
    DisclosureLanguage.ENGLISH: {
        "your_brand": "Before I post this video in TikTok, I will turn on “Disclose commercial "
        "content” and select “Your brand”.",
        "branded_content": "Before I post this video in TikTok, I will turn on “Disclose "
        "commercial content” and select “Branded content”.",
        "ai": "Before I post this video in TikTok, I will turn on “AI-generated content”.",
        "ai_too": "I will also turn on “AI-generated content”.",
    },
    DisclosureLanguage.GERMAN: {
        "your_brand": "Bevor ich dieses Video in TikTok veröffentliche, schalte ich „Disclose "
        "commercial content“ ein und wähle „Your brand“.",
        "branded_content": "Bevor ich dieses Video in TikTok veröffentliche, schalte ich "
        "„Disclose commercial content“ ein und wähle „Branded content“.",
        "ai": "Bevor ich dieses Video in TikTok veröffentliche, schalte ich „AI-generated "
        "content“ ein.",
        "ai_too": "Außerdem schalte ich „AI-generated content“ ein.",
    },
    DisclosureLanguage.SPANISH: {
        "your_brand": "Antes de publicar este vídeo en TikTok, activaré «Disclose commercial "
        "content» y elegiré «Your brand».",
        "branded_content": "Antes de publicar este vídeo en TikTok, activaré «Disclose commercial "
        "content» y elegiré «Branded content».",
        "ai": "Antes de publicar este vídeo en TikTok, activaré «AI-generated content».",
        "ai_too": "También activaré «AI-generated content».",
    },
}
"""The names of toggles are those of TikTok's app in English; it shows them in its own language."""


@dataclass(frozen=True)
class ReuseEstimate:
    """Estimated people for each video and each caption; `above` is the program's limit."""

    people: int
    people_per_video: int
    people_per_caption: int
    above: int

    @property
    def video_reused(self) -> bool:
        return 0 < self.above < self.people_per_video

    @property
    def caption_reused(self) -> bool:
        return 0 < self.above < self.people_per_caption


def estimate_reuse(people: int, captions: int, above: int, cuts: int = 1) -> ReuseEstimate:
    """Return how far an audience of so many people shares videos and captions.

    Both are dealt evenly, by a hash; without any caption there is none to share.
    """
    return ReuseEstimate(
        people, -(-people // cuts), -(-people // captions) if captions else 0, above
    )


# Texts of posts


@dataclass(frozen=True)
class PostText:
    """The texts a member copies into TikTok to finish the post."""

    caption: str | None = None
    hashtags: tuple[str, ...] = ()
    disclosure: str | None = None

    @property
    def whole(self) -> str | None:
        """The text to copy: caption, hashtags and disclosure, a line each."""
        lines = (self.caption, " ".join(self.hashtags), self.disclosure)
        return "\n".join(line for line in lines if line) or None


def assigned_text(activity: Activity, member_id: str, disclosure: str | None) -> PostText:
    """Return a member's text; `disclosure` is the program's line, for an activity without one.

    Each member keeps their caption while it is among the suggested ones: whatever else is added,
    taken away or put in another order moves only those it must.
    """
    return PostText(
        max(activity.captions, key=_draw_by_hash(activity, member_id), default=None),
        activity.hashtags,
        (disclosure if activity.disclosure is None else activity.disclosure) or None,
    )


def assigned_cut(activity: Activity, member_id: str) -> Cut:
    """Return a member's cut of an activity's video, drawn as captions are and apart from them.

    By the upload, so that the order of the cuts does not matter.
    """
    if not activity.further_cuts:
        return activity.cuts[0]
    draw = _draw_by_hash(activity, member_id)
    return max(activity.cuts, key=lambda each: draw(each.upload_id))


def _draw_by_hash(activity: Activity, member_id: str) -> Callable[[str], bytes]:
    """Return what a member draws for each thing that is dealt: the highest one is theirs."""

    def draw(thing: str) -> bytes:
        drawn = f"{activity.activity_id}\n{member_id}\n{thing}"
        return hashlib.sha256(drawn.encode()).digest()

    return draw


def normalized_hashtags(given: Sequence[str]) -> tuple[str, ...]:
    """Write hashtags as `#word`, each once in whatever case. Raises `InvalidText`."""
    found: dict[str, str] = {}
    for number, each in enumerate(given):
        word = clean_line(each).removeprefix("#")
        if (
            len(word) > MAX_HASHTAG_LENGTH
            or not all(map(_is_hashtag_character, word))
            or not is_visible(word)
        ):
            raise InvalidText(
                f"hashtags.{number}",
                "invalid_hashtag",
                f"A hashtag is one word of 1 to {MAX_HASHTAG_LENGTH} letters and digits, "
                "such as #newjob.",
                MAX_HASHTAG_LENGTH,
            )
        found.setdefault(word.casefold(), f"#{word}")
    return tuple(found.values())


def _is_hashtag_character(letter: str) -> bool:
    # Letters, marks and digits of any script, and the joiners some of them need between letters.
    return unicodedata.category(letter)[0] in "LMN" or letter in "_\u200c\u200d"


def normalized_captions(given: Sequence[str]) -> tuple[str, ...]:
    """Bring captions into one form, each once; blank ones are refused. Raises `InvalidText`."""
    plain = [clean_paragraphs(each) for each in given]
    for number, caption in enumerate(plain):
        if not caption:
            raise InvalidText(f"captions.{number}", "blank", "A caption must not be blank.")
    return tuple(dict.fromkeys(plain))


class PostTextSource(Protocol):
    """The source of members' texts: an activity, or a draft of one."""

    @property
    def captions(self) -> Sequence[str]: ...
    @property
    def hashtags(self) -> tuple[str, ...]: ...
    @property
    def disclosure(self) -> str | None: ...


def check_post_texts(activity: PostTextSource) -> None:
    """Check that each text a member may be dealt fits into a post. Raises `InvalidText`.

    The program's disclosure line may change at any time, so the room for the longest is kept.
    """
    longest = "xx" * MAX_DISCLOSURE_LENGTH  # a character may take two units
    line = longest if activity.disclosure is None else activity.disclosure
    for number, caption in enumerate(activity.captions or (None,)):
        whole = PostText(caption, activity.hashtags, line).whole or ""
        units = len(whole.encode("utf-16-le")) // 2
        if units > MAX_POST_TEXT_LENGTH:
            raise InvalidText(
                "hashtags" if caption is None else f"captions.{number}",
                "too_long",
                f"With hashtags and disclosure the text to post would have {units} UTF-16 units; "
                f"TikTok takes {MAX_POST_TEXT_LENGTH}.",
                MAX_POST_TEXT_LENGTH,
            )
