"""Reports over HTTP, and what members have seen."""

from typing import Annotated

from pydantic import ConfigDict, Field

from chalicelib.activities.model import MAX_ADDRESSED_CHANNELS, MAX_CAPTIONS, MAX_CUTS
from chalicelib.foundation.fields import Day
from chalicelib.foundation.http import MAX_ID_LENGTH, Answer, Request, RequiredRole, endpoint
from chalicelib.foundation.problems import ProblemCode
from chalicelib.foundation.queries import PageQuery, id_list
from chalicelib.foundation.schemas import Schema
from chalicelib.programs.model import local_time
from chalicelib.reports.model import CounterName, failure_words, stage_of
from chalicelib.reports.service import MAX_SEEN, MAX_TOTALS, ReportService
from chalicelib.reports.views import (
    ActivityReportView,
    CampaignReportView,
    ChannelReportList,
    ChannelReportView,
    CutNumbersView,
    FunnelStep,
    MemberReportList,
    MemberReportView,
    OverviewView,
    PerformerList,
    PerformerView,
    ReuseView,
    TotalsList,
    TotalsView,
    numbers_of,
    report_of,
)

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


class PeriodQuery(Schema):
    """Days of the program's calendar; without them the last 30, or the whole of a thing's life."""

    model_config = ConfigDict(extra="forbid")

    first: Annotated[Day | None, Field(alias="from")] = None
    last: Annotated[Day | None, Field(alias="to")] = None


class PeriodPageQuery(PageQuery):
    first: Annotated[Day | None, Field(alias="from")] = None
    last: Annotated[Day | None, Field(alias="to")] = None


class TotalsQuery(Schema):
    model_config = ConfigDict(extra="forbid")

    activity_ids: Annotated[str, id_list(MAX_TOTALS, "ids, separated by commas")]


class ReuseQuery(Schema):
    model_config = ConfigDict(extra="forbid")

    channel_ids: Annotated[
        str | None, id_list(MAX_ADDRESSED_CHANNELS, "ids, separated by commas; none: everybody")
    ] = None
    captions: Annotated[
        int, Field(ge=0, le=MAX_CAPTIONS, description="Among how many captions they are dealt")
    ] = 0
    cuts: Annotated[
        int, Field(ge=1, le=MAX_CUTS, description="Among how many cuts of the video")
    ] = 1


class SeenActivities(Schema):
    """What a member has seen since the last batch."""

    model_config = ConfigDict(extra="forbid")

    activity_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_SEEN)]


@endpoint(
    RequiredRole.MEMBER,
    body=SeenActivities,
    answers={204: None},
    problems=(ProblemCode.NOT_FOUND,),
)
def note_seen(service: ReportService, request: Request[SeenActivities, None]) -> Answer:
    """Mark feed items as seen."""
    service.note_seen(request.caller, request.body.activity_ids)
    return Answer(204)


@endpoint(RequiredRole.MANAGER, query=PeriodQuery, answers={200: OverviewView})
def overview(service: ReportService, request: Request[None, PeriodQuery]) -> Answer:
    """Read the program's report: participation and results."""
    found = service.overview(request.caller, request.query.first, request.query.last)
    before = found.report.span.before
    return Answer(
        200,
        OverviewView(
            **dict(report_of(found.report)),
            before=numbers_of(found.before),
            before_from_day=before.first,
            before_to_day=before.last,
            members=found.members,
            active_members=found.active,
            active_members_before=found.active_before,
            participation=found.participation,
        ),
    )


@endpoint(
    RequiredRole.MANAGER,
    query=PeriodQuery,
    answers={200: ActivityReportView},
    problems=(ProblemCode.NOT_FOUND,),
)
def activity(service: ReportService, request: Request[None, PeriodQuery]) -> Answer:
    """Read an activity's report: from its audience to posts, with losses."""
    query = request.query
    found = service.activity(request.caller, request.path["activity_id"], query.first, query.last)
    cuts = [CutNumbersView.from_object(each, number=at) for at, each in enumerate(found.cuts, 1)]
    whole = found.report.whole
    names = (CounterName.SEEN, CounterName.SENT, CounterName.STAGED, CounterName.POSTED)
    audience = max(found.audience.members, whole.number(CounterName.SEEN))
    return Answer(
        200,
        ActivityReportView(
            **dict(report_of(found.report)),
            activity_id=found.activity.activity_id,
            instructions=found.activity.instructions,
            audience=audience,
            audience_exact=found.audience.exact,
            disclosure_asked=found.activity.required_disclosure.version is not None,
            not_seen=audience - whole.number(CounterName.SEEN),
            whole=numbers_of(whole),
            funnel=[
                FunnelStep(name="audience", count=audience),
                *(FunnelStep(name=name.value, count=whole.number(name)) for name in names),
            ],
            cuts=cuts,
        ),
    )


@endpoint(RequiredRole.MANAGER, query=ReuseQuery, answers={200: ReuseView})
def reuse(service: ReportService, request: Request[None, ReuseQuery]) -> Answer:
    """Estimate how many people would share each video and caption.

    TikTok holds reused material back, so one video or caption should not go to too many.
    """
    asked = request.query.channel_ids
    channel_ids = frozenset(asked.split(",")) if asked else frozenset[str]()
    query = request.query
    audience, found = service.reuse(request.caller, channel_ids, query.captions, query.cuts)
    return Answer(
        200,
        ReuseView(
            people=found.people,
            exact=audience.exact,
            people_per_video=found.people_per_video,
            people_per_caption=found.people_per_caption,
            above=found.above,
            video_reused=found.video_reused,
            caption_reused=found.caption_reused,
        ),
    )


@endpoint(
    RequiredRole.MANAGER,
    query=PageQuery,
    answers={200: PerformerList},
    problems=(ProblemCode.NOT_FOUND, ProblemCode.INVALID_CURSOR),
)
def performances(service: ReportService, request: Request[None, PageQuery]) -> Answer:
    """List the members who performed an activity, latest first."""
    page = service.performances(
        request.caller, request.path["activity_id"], request.query.limit, request.query.cursor
    )
    items = []
    for each in page.items:
        progress, lost, sent_at = each.progress, each.progress.lost, each.progress.first_sent_at
        assert sent_at  # noqa: S101  who sent nothing is not in the index
        failure = (lost.failure or "unknown") if lost else None
        items.append(
            PerformerView(
                member_id=each.member_id,
                name=each.member.name if each.member else "",
                email=each.member.email if each.member else "",
                status=stage_of(progress),
                sent_at=sent_at,
                sent_at_local=local_time(sent_at, request.caller.time_zone),
                staged_at=progress.staged_at,
                posted_at=progress.posted_at,
                failure=failure,
                reason=failure_words(failure) if failure else None,
                disclosed=progress.disclosed,
                sends=len(progress.attempts),
                cut=progress.cut,
            )
        )
    return Answer(200, PerformerList(items=items, next_cursor=page.next_cursor))


@endpoint(
    RequiredRole.MANAGER,
    query=PeriodQuery,
    answers={200: CampaignReportView},
    problems=(ProblemCode.NOT_FOUND,),
)
def campaign(service: ReportService, request: Request[None, PeriodQuery]) -> Answer:
    """Read a campaign's report."""
    query = request.query
    found, report = service.campaign(
        request.caller, request.path["campaign_id"], query.first, query.last
    )
    return Answer(
        200,
        CampaignReportView(
            **dict(report_of(report)), campaign_id=found.campaign_id, name=found.name
        ),
    )


@endpoint(
    RequiredRole.MANAGER,
    query=PeriodPageQuery,
    answers={200: ChannelReportList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def channels(service: ReportService, request: Request[None, PeriodPageQuery]) -> Answer:
    """List channels with their numbers, newest first."""
    query = request.query
    span, page = service.channels(
        request.caller, query.limit, query.cursor, query.first, query.last
    )
    items = [
        ChannelReportView(
            channel_id=each.channel.channel_id,
            name=each.channel.name,
            kind=each.channel.kind.value,
            members=each.members,
            seen=each.tally.number(CounterName.SEEN),
            sent=each.tally.number(CounterName.SENT),
            staged=each.tally.number(CounterName.STAGED),
            posted=each.tally.number(CounterName.POSTED),
        )
        for each in page.items
    ]
    return Answer(
        200,
        ChannelReportList(
            from_day=span.first, to_day=span.last, items=items, next_cursor=page.next_cursor
        ),
    )


@endpoint(
    RequiredRole.MANAGER,
    query=PeriodPageQuery,
    answers={200: MemberReportList},
    problems=(ProblemCode.INVALID_CURSOR,),
)
def members(service: ReportService, request: Request[None, PeriodPageQuery]) -> Answer:
    """List members with their activity, last invited first."""
    query, zone = request.query, request.caller.time_zone
    span, page = service.members(request.caller, query.limit, query.cursor, query.first, query.last)
    items = [
        MemberReportView(
            member_id=each.member.member_id,
            name=each.member.name,
            email=each.member.email,
            role=each.member.role.value,
            status=each.member.status.value,
            tiktok=each.member.tiktok.value if each.member.tiktok else None,
            seen=each.tally.seen,
            sent=each.tally.sent,
            staged=each.tally.staged,
            posted=each.tally.posted,
            failed=each.tally.failed,
            last_sent_at=each.tally.last_sent_at,
            last_sent_at_local=(
                local_time(each.tally.last_sent_at, zone) if each.tally.last_sent_at else None
            ),
        )
        for each in page.items
    ]
    return Answer(
        200,
        MemberReportList(
            from_day=span.first, to_day=span.last, items=items, next_cursor=page.next_cursor
        ),
    )


@endpoint(RequiredRole.MANAGER, query=TotalsQuery, answers={200: TotalsList})
def totals(service: ReportService, request: Request[None, TotalsQuery]) -> Answer:
    """Read the all-time numbers of several activities."""
    asked = request.query.activity_ids.split(",")
    found = service.totals(request.caller, asked)
    items = [
        TotalsView(
            activity_id=activity_id,
            seen=found[activity_id].number(CounterName.SEEN),
            sent=found[activity_id].number(CounterName.SENT),
            staged=found[activity_id].number(CounterName.STAGED),
            posted=found[activity_id].number(CounterName.POSTED),
            failed=found[activity_id].number("lost"),
        )
        for activity_id in dict.fromkeys(asked)
    ]
    return Answer(200, TotalsList(items=items))
