"""Reports as answers show them."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from chalicelib.foundation.schemas import Schema
from chalicelib.reports.model import (
    TIME_BUCKETS,
    TO_PERFORM,
    TO_POST,
    CounterName,
    Stage,
    Tally,
    failure_words,
)
from chalicelib.reports.service import Report


class ReasonView(Schema):
    """Why sends did not reach an inbox, and how many."""

    code: str
    words: str
    count: int


class TimesView(Schema):
    """How long something took: a count for each class up to its bound; the last class is open."""

    count: int
    mean_seconds: int | None
    median_at_most_seconds: Annotated[
        int | None, Field(description="Upper bound of the class that holds the median")
    ]
    bounds_seconds: list[int]
    counts: list[int]


class NumbersView(Schema):
    """What was counted. Each member counts once for each activity."""

    seen: Annotated[int, Field(description="Saw it, or sent it")]
    sent: int
    disclosed: Annotated[
        int,
        Field(
            description="Of those who sent: acknowledged, before sending, what to disclose in "
            "TikTok. The others sent what asked for nothing, or before that was asked"
        ),
    ]
    staged: Annotated[int, Field(description="Reached the TikTok inbox")]
    posted: int
    unconfirmed: Annotated[
        int, Field(description="Probably in the inbox; TikTok has not confirmed it")
    ]
    dismissed: Annotated[int, Field(description="Dismissed, and not sent")]
    under_way: Annotated[int, Field(description="Sent, but not arrived or failed yet")]
    failed: int
    reasons: list[ReasonView]
    counted_posts: Annotated[
        int,
        Field(
            description="Posts of these days whose members let views be read; `views`, `likes`, "
            "`comments` and `counted_points` are of these alone"
        ),
    ]
    views: int
    likes: int
    comments: int
    counted_points: Annotated[
        int, Field(description="Points that these posts brought, with those for posting")
    ]
    points_per_thousand_views: Annotated[
        float | None, Field(description="`counted_points` for each 1,000 `views`; null without any")
    ]
    time_to_perform: Annotated[TimesView, Field(description="From seen to sent")]
    time_to_post: Annotated[TimesView, Field(description="From the inbox to the post")]


class DayView(Schema):
    day: date
    seen: int
    sent: int
    staged: int
    posted: int
    failed: int


class ReportView(Schema):
    """Days are those of the program's calendar, both ends included."""

    from_day: date
    to_day: date
    time_zone: str
    numbers: NumbersView
    days: list[DayView]


class ReuseView(Schema):
    """How many people an audience is, and whether they share one video or caption too widely."""

    people: int
    people_per_video: Annotated[
        int, Field(description="About how many are dealt the same cut; all, where there is one")
    ]
    exact: Annotated[
        bool,
        Field(description="False for an upper bound: members may be in several of the channels"),
    ]
    people_per_caption: Annotated[
        int, Field(description="About how many are dealt the same caption; 0 without captions")
    ]
    above: Annotated[int, Field(description="The program's `reuse_warning_above`; 0: never warn")]
    video_reused: Annotated[bool, Field(description="More people than that get this one video")]
    caption_reused: Annotated[bool, Field(description="More people than that get one caption")]


class CutNumbersView(Schema):
    """What was counted of one cut; each member counts for the one that they were dealt."""

    number: Annotated[int, Field(description="Of the activity's cuts, from 1")]
    upload_id: str
    sent: int
    staged: int
    posted: int
    failed: int


class FunnelStep(Schema):
    name: str
    count: int


class ActivityReportView(ReportView):
    """An activity's report: `whole` is its whole life, `numbers` and `days` the period."""

    activity_id: str
    instructions: str
    audience: int
    audience_exact: Annotated[
        bool,
        Field(description="False for an upper bound: members may be in several of its channels"),
    ]
    disclosure_asked: Annotated[
        bool, Field(description="Whether those who send it now have to acknowledge a disclosure")
    ]
    not_seen: int
    whole: NumbersView
    funnel: list[FunnelStep]
    cuts: Annotated[
        list[CutNumbersView],
        Field(description="The period's numbers of each cut; empty where there is one video"),
    ]


class OverviewView(ReportView):
    before: NumbersView
    before_from_day: date
    before_to_day: date
    members: int
    active_members: Annotated[int, Field(description="Sent something within the period")]
    active_members_before: int
    participation: Annotated[
        float | None, Field(description="Active members of all members; null without members")
    ]


class CampaignReportView(ReportView):
    campaign_id: str
    name: str


class TotalsView(Schema):
    activity_id: str
    seen: int
    sent: int
    staged: int
    posted: int
    failed: int


class TotalsList(Schema):
    items: list[TotalsView]


class ChannelReportView(Schema):
    channel_id: str
    name: str
    kind: str
    members: int
    seen: int
    sent: int
    staged: int
    posted: int


class ChannelReportList(Schema):
    from_day: date
    to_day: date
    items: list[ChannelReportView]
    next_cursor: str | None


class MemberReportView(Schema):
    member_id: str
    name: str
    email: str
    role: str
    status: str
    tiktok: str | None
    seen: int
    sent: int
    staged: int
    posted: int
    failed: int
    last_sent_at: datetime | None
    last_sent_at_local: datetime | None


class MemberReportList(Schema):
    from_day: date
    to_day: date
    items: list[MemberReportView]
    next_cursor: str | None


class PerformerView(Schema):
    member_id: str
    name: str
    email: str
    status: Stage
    sent_at: datetime
    sent_at_local: datetime
    staged_at: datetime | None
    posted_at: datetime | None
    failure: str | None
    reason: Annotated[str | None, Field(description="Why it failed, in words for managers")]
    disclosed: Annotated[
        bool, Field(description="Acknowledged, before sending, what to disclose in TikTok")
    ]
    sends: Annotated[int, Field(description="How often they sent it; again only after a failure")]
    cut: Annotated[
        str | None, Field(description="Upload of the cut they were dealt; null: one video for all")
    ]


class PerformerList(Schema):
    items: list[PerformerView]
    next_cursor: str | None


def numbers_of(tally: Tally) -> NumbersView:
    return NumbersView(
        seen=tally.number(CounterName.SEEN),
        sent=tally.number(CounterName.SENT),
        disclosed=tally.number(CounterName.DISCLOSED),
        staged=tally.number(CounterName.STAGED),
        posted=tally.number(CounterName.POSTED),
        unconfirmed=tally.number(CounterName.UNCONFIRMED),
        dismissed=tally.number(CounterName.DISMISSED),
        under_way=tally.under_way,
        failed=sum(number for _, number in tally.lost),
        reasons=[
            ReasonView(code=code, words=failure_words(code), count=number)
            for code, number in tally.lost
        ],
        counted_posts=tally.number(CounterName.COUNTED),
        views=tally.number(CounterName.VIEWS),
        likes=tally.number(CounterName.LIKES),
        comments=tally.number(CounterName.COMMENTS),
        counted_points=tally.number(CounterName.COUNTED_POINTS),
        points_per_thousand_views=tally.points_per_thousand_views,
        time_to_perform=_times(tally, TO_PERFORM),
        time_to_post=_times(tally, TO_POST),
    )


def _times(tally: Tally, of: str) -> TimesView:
    times = tally.times(of)
    return TimesView(
        count=times.count,
        mean_seconds=times.mean_seconds,
        median_at_most_seconds=times.median_at_most,
        bounds_seconds=list(TIME_BUCKETS),
        counts=list(times.classes),
    )


def report_of(report: Report) -> ReportView:
    return ReportView(
        from_day=report.span.first,
        to_day=report.span.last,
        time_zone=report.time_zone,
        numbers=numbers_of(report.tally),
        days=[
            DayView(
                day=each.day,
                seen=each.tally.number(CounterName.SEEN),
                sent=each.tally.number(CounterName.SENT),
                staged=each.tally.number(CounterName.STAGED),
                posted=each.tally.number(CounterName.POSTED),
                failed=sum(number for _, number in each.tally.lost),
            )
            for each in report.days
        ],
    )
