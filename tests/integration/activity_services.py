"""Activity services without HTTP, wired for tests of managers' and members' actions."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from chalicelib.activities.model import Activity, ActivityState
from chalicelib.activities.service import (
    ActivityLifecycle,
    ActivityMarks,
    ActivityService,
    DueActivitySweeper,
    Grouping,
    Groupings,
    PostTextAssigner,
)
from chalicelib.activities.store import ActivityItem, ActivityStore, MarkStore
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.pages import Cursors
from chalicelib.foundation.problems import Problem
from chalicelib.foundation.table import Read
from chalicelib.programs.model import ContentDisclosure
from chalicelib.videos.model import Upload, VideoProblem
from chalicelib.videos.service import Verdict, Verdicts, VideoService
from tests.clock import StoppedClock
from tests.integration.database import database
from tests.integration.upload_services import GOOD, MANAGER, UploadServices

HOUR = timedelta(hours=1)
MEMBER = replace(MANAGER, member_id="mem_2")


class RacedVideos(VideoService):
    """Runs `meanwhile` once, right after an upload was read, or returns `frozen` instead."""

    meanwhile: Callable[[], object] | None = None
    frozen: Upload | None = None

    def upload(self, caller: Caller, upload_id: str) -> Upload:
        found = self.frozen or super().upload(caller, upload_id)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        return found


class RacedStore(ActivityStore):
    """Runs hooks right after an activity was read: `meanwhile` once, `each_time` always."""

    meanwhile: Callable[[], object] | None = None
    each_time: Callable[[Activity], object] | None = None

    def get(
        self, program_id: str, activity_id: str, beside: Sequence[Read[Any]] = ()
    ) -> Activity | None:
        found = super().get(program_id, activity_id, beside)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        if self.each_time and found:
            self.each_time(found)
        return found


class Groups(Groupings):
    """Channels and campaigns of the managers' program, and whether they are archived."""

    def __init__(self) -> None:
        self.channels_of: dict[str, bool] = {}
        self.campaigns_of: dict[str, bool] = {}
        self.asked: list[str] = []
        self.disclosure_of_new = ContentDisclosure.YOUR_BRAND

    def channels(self, program_id: str, ids: Collection[str]) -> Mapping[str, Grouping]:
        self.asked.append("channels")
        known = self.channels_of if program_id == MANAGER.program_id else {}
        return {each: Group(known[each]) for each in ids if each in known}

    def campaign(self, program_id: str, campaign_id: str) -> Grouping | None:
        self.asked.append("campaign")
        known = self.campaigns_of if program_id == MANAGER.program_id else {}
        return Group(known[campaign_id]) if campaign_id in known else None

    def content_disclosure(self, program_id: str) -> ContentDisclosure:  # noqa: ARG002
        return self.disclosure_of_new

    def program_read_unless_cached(self, _program_id: str) -> Sequence[Read[Any]]:
        return ()


@dataclass(frozen=True)
class Group:
    archived: bool


def end_activity(store: ActivityStore, activity: Activity, at: datetime) -> None:
    """End an activity without the service."""
    found = ActivityStore.get(store, activity.program_id, activity.activity_id)
    assert found is not None
    database().commit([store.change(found, replace(found, state=ActivityState.ENDED, ended_at=at))])


class ActivityServices:
    """The activity services and their dependencies."""

    def __init__(self, upload_services: UploadServices, clock: StoppedClock) -> None:
        self.upload_services, self.clock = upload_services, clock
        self.store = RacedStore(database())
        self.videos = RacedVideos(
            upload_services.store, upload_services.files, upload_services.examination, clock
        )
        self.marks = ActivityMarks(MarkStore(database()))
        self.groupings = Groups()
        self.service = self.service_with(self.store)
        self.lifecycle = ActivityLifecycle(self.store, self.clock)
        self.verdicts = Verdicts(upload_services.store)
        self.sweeper = self.sweeper_with(self.store)

    def sweeper_with(self, store: ActivityStore) -> DueActivitySweeper:
        return DueActivitySweeper(
            store, ActivityLifecycle(store, self.clock), self.verdicts, self.clock
        )

    def service_with(self, store: ActivityStore) -> ActivityService:
        return ActivityService(
            store=store,
            marks=self.marks,
            videos=self.videos,
            groupings=self.groupings,
            texts=PostTextAssigner(lambda _: "Advertisement"),
            cursors=Cursors(lambda: "a-secret-of-at-least-thirty-two-bytes"),
            clock=self.clock,
        )

    def made(self, upload: Upload, made_id: str | None = None, **changes: Any) -> Activity:
        wanted: Any = {"instructions": "Share this", "points": 10, **changes}
        return self.service.create(MANAGER, upload.upload_id, made_id, **wanted)

    def refused(self, upload: Upload, **changes: Any) -> Problem:
        with pytest.raises(Problem) as refusal:
            self.made(upload, **changes)
        assert self.all() == []
        return refusal.value

    def now(self, activity: Activity) -> Activity:
        found = ActivityStore.get(self.store, activity.program_id, activity.activity_id)
        assert found is not None
        return found

    def all(self) -> list[Activity]:
        return list(self.service.activities(MANAGER, 100, None).items)

    def feed_ids(self) -> list[str]:
        return [each.activity_id for each in self.service.feed(MEMBER, 100, None).items]

    def performed(self, activity: Activity, caller: Caller = MEMBER) -> None:
        """Mark an activity as performed, as its performance does."""
        part = self.marks.mark_performed(caller.owner, activity.activity_id, "prf_1")
        database().commit([part])

    def put(self, **changes: Any) -> Activity:
        """Store an activity without the service."""
        activity = replace(published(self.clock.now()), **changes)
        database().put(ActivityItem.of(activity))
        return activity


_numbers = count()


def published(now: datetime, program_id: str = MANAGER.program_id) -> Activity:
    """Return an open activity, each a millisecond younger than the one before."""
    made_at = now - HOUR + timedelta(milliseconds=next(_numbers))
    return Activity(
        program_id=program_id,
        activity_id=new_id("act", made_at),
        state=ActivityState.PUBLISHED,
        instructions="Share this",
        upload_id="upl_1",
        points=10,
        featured=False,
        starts_at=None,
        ends_at=None,
        time_zone="Europe/Berlin",
        created_by=MANAGER.member_id,
        created_at=made_at,
        video=GOOD,
        video_key="videos/prg_1/upl_1/etag",
    )


def verdict(waiting: Activity, *others: str, problems: tuple[VideoProblem, ...] = ()) -> Verdict:
    return Verdict(
        program_id=waiting.program_id,
        upload_id=waiting.upload_id,
        correlation_id="correlation-1",
        waiting_activities=(*others, waiting.activity_id),
        video=None if problems else GOOD,
        video_key=None if problems else "videos/prg_1/upl_1/etag",
        problems=problems,
    )


def ids(activities: Sequence[Activity]) -> list[str]:
    return [each.activity_id for each in activities]
