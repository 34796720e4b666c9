"""Turns events about members into notices in their boxes.

An event may come twice, late and in any order. Its content is in the event or in the
tables; facts that may have changed since are read from the tables, and again after the write.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from chalicelib.activities.service import ActivityMarks
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import retry_conflicts
from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.table import Conflict
from chalicelib.foundation.values import dataclass
from chalicelib.notifications.bulletins import Activities
from chalicelib.notifications.model import (
    WAITING_VIDEO_DELAY,
    ActivityProgress,
    Frequency,
    Notice,
    NoticeBox,
    NoticeCategory,
    NoticeType,
    Slot,
    mail_time,
    short_title,
    video_notice_id,
    with_mail_scheduled,
    with_notice,
    with_progress,
    without_bounce,
    without_mark,
    without_notice,
)
from chalicelib.notifications.service import NotificationService
from chalicelib.notifications.store import MAX_ATTEMPTS, NoticeStore
from chalicelib.points.model import LedgerEntry
from chalicelib.programs.model import Member, MemberStatus
from chalicelib.programs.service import ProgramService
from chalicelib.rewards.model import Redemption


class Redemptions(Protocol):
    """Reads redemptions, as far as notices need them."""

    def redemption(self, program_id: str, redemption_id: str) -> Redemption | None: ...


class LedgerReader(Protocol):
    """Reads ledger entries, as far as notices need them."""

    def entry(self, owner: str, entry_id: str) -> LedgerEntry | None: ...


class Pushes(Protocol):
    """Sends pushes to members' browsers; `chalicelib.notifications.pushing` implements it."""

    def queue_video_push(
        self, program_id: str, member_id: str, performance_id: str, since: datetime
    ) -> bool: ...

    def cancel_video_push(
        self, program_id: str, member_id: str, performance_id: str, since: datetime
    ) -> None: ...

    def forget_member(self, program_id: str, member_id: str) -> None: ...


@dataclass(frozen=True)
class NoticeSources:
    """The sources of notices."""

    programs: ProgramService
    activities: Activities
    marks: ActivityMarks
    redemptions: Redemptions
    ledger: LedgerReader


class NoticeWriter:
    """Writes notices; `mails` says whether they are mailed as well."""

    def __init__(
        self,
        *,
        store: NoticeStore,
        sources: NoticeSources,
        notifications: NotificationService,
        pushes: Pushes,
        clock: Clock,
        mails: Callable[[], bool],
    ) -> None:
        self._store = store
        self._from = sources
        self._notifications = notifications
        self._pushes = pushes
        self._clock = clock
        self._mails = mails

    # --- what members did ---------------------------------------------------------------------

    def note_seen(self, program_id: str, member_id: str, activity_ids: Sequence[str]) -> None:
        """Record activities that a member saw."""
        self._store.change_box(
            program_id,
            member_id,
            lambda box: with_progress(box, activity_ids, ActivityProgress.SEEN),
        )

    @retry_conflicts(attempts=MAX_ATTEMPTS)
    def update_activity_mark(self, program_id: str, member_id: str, activity_id: str) -> None:
        """Note whether a member performed or dismissed an activity, as the tables say now.

        It is read again after it was written: of two workers at it the later one is right. Raises
        `Conflict` if it keeps changing.
        """
        owner = f"{program_id}/{member_id}"
        known = self._from.marks.of(owner, activity_id)
        done = known != (None, False)

        def change(box: NoticeBox) -> NoticeBox:
            if done:
                return with_progress(box, [activity_id], ActivityProgress.DONE)
            return (
                without_mark(box, activity_id, ActivityProgress.DONE)
                if activity_id in box.marks
                else box
            )

        self._store.change_box(program_id, member_id, change)
        if self._from.marks.of(owner, activity_id) != known:
            raise Conflict

    # --- what happened to them ----------------------------------------------------------------

    def add_video_notice(
        self,
        program_id: str,
        member_id: str,
        performance_id: str,
        activity_id: str,
        since: datetime,
    ) -> None:
        """Add the notice of a video that waits in a member's inbox, a day after it came there.

        Their browsers get a push at once, and another after that day.
        """
        pushes = self._pushes.queue_video_push(program_id, member_id, performance_id, since)
        activities = self._from.activities.activities(program_id, [activity_id])
        title = activities[activity_id].instructions if activity_id in activities else ""
        notice = replace(
            _waiting_video_notice(performance_id, since), title=short_title(title), pushes=pushes
        )
        self._add_notice(program_id, member_id, notice)

    def remove_video_notice(
        self, program_id: str, member_id: str, performance_id: str, since: datetime
    ) -> None:
        """Take that back: the video was posted, or is not there."""
        notice = _waiting_video_notice(performance_id, since)
        self._pushes.cancel_video_push(program_id, member_id, performance_id, since)
        self._store.change_box(program_id, member_id, lambda box: without_notice(box, notice))

    def update_account(self, program_id: str, member_id: str, event_id: str, at: datetime) -> None:
        """Note for a member that their TikTok account has to be connected again, if it has."""
        member = self._from.programs.member(program_id, member_id)
        if member and member.tiktok is TikTokState.RECONNECT_REQUIRED:
            notice = Notice(f"account#{event_id}", NoticeType.ACCOUNT_TO_RECONNECT, at)
            self._add_notice(program_id, member_id, notice, member)

    def add_redemption_notice(
        self, program_id: str, redemption_id: str, what: NoticeType, at: datetime
    ) -> None:
        """Note for a member what became of a request for a reward."""
        found = self._from.redemptions.redemption(program_id, redemption_id)
        if found is None:
            return
        notice = Notice(
            f"redemption#{redemption_id}",
            what,
            at,
            redemption_id,
            short_title(found.title),
            found.price,
        )
        self._add_notice(program_id, found.member_id, notice)

    def add_points_notice(
        self, program_id: str, member_id: str, entry_id: str, points: int, at: datetime
    ) -> None:
        """Note for a member that a manager gave them points, or took some, and why."""
        entry = self._from.ledger.entry(f"{program_id}/{member_id}", entry_id)
        reason = entry.reason if entry and entry.reason else ""
        notice = Notice(
            f"points#{entry_id}",
            NoticeType.POINTS_ADJUSTED,
            at,
            entry_id,
            short_title(reason),
            points,
        )
        self._add_notice(program_id, member_id, notice)

    def _add_notice(
        self, program_id: str, member_id: str, notice: Notice, known: Member | None = None
    ) -> None:
        member = known or self._from.programs.member(program_id, member_id)
        if member is None or member.status is not MemberStatus.ACTIVE:
            return
        zone = ZoneInfo(self._from.programs.as_caller(member).time_zone)
        now = self._clock.now()

        def change(box: NoticeBox) -> NoticeBox:
            noted = with_notice(box, notice)
            if noted is box or not self._mails():
                return noted
            return with_mail_scheduled(noted, mail_time(noted, notice, zone, now))

        self._store.change_box(program_id, member_id, change)

    def forget_browsers(self, program_id: str, member_id: str) -> None:
        """Forget the browsers of a member who was removed: they get no more pushes.

        That mails to them came back is forgotten, too: should they return, mails are tried again,
        and managers are told again. A complaint holds.
        """
        member = self._from.programs.member(program_id, member_id)
        if member is not None and member.status is MemberStatus.ACTIVE:
            return
        self._pushes.forget_member(program_id, member_id)
        now = self._clock.now()
        self._store.change_box(program_id, member_id, lambda box: without_bounce(box, now))

    # --- where and when members are -----------------------------------------------------------

    def update_time_zone(self, program_id: str, member_id: str) -> None:
        """Note the zone and hour of a member's digests."""
        member = self._from.programs.member(program_id, member_id)
        if member is None or member.status is not MemberStatus.ACTIVE:
            return
        box = self._store.box(program_id, member_id)
        slot = Slot(member.time_zone, box.settings.hour)
        self._notifications.note_slot(program_id, member_id, slot)

    def update_channels(self, program_id: str, member_id: str) -> None:
        """Have a member mailed now of what is open in a channel that they joined, if they chose so.

        The mailer finds out whether anything is open there. Digests need no change.
        """
        member = self._from.programs.member(program_id, member_id)
        if member is None or member.status is not MemberStatus.ACTIVE or not self._mails():
            return
        now = self._clock.now()

        def change(box: NoticeBox) -> NoticeBox:
            kinds = NoticeCategory.ACTIVITIES, NoticeCategory.LAST_CALL
            chosen = {box.settings.of(each) for each in kinds}
            return with_mail_scheduled(box, now) if Frequency.AT_ONCE in chosen else box

        self._store.change_box(program_id, member_id, change)


def _waiting_video_notice(performance_id: str, since: datetime) -> Notice:
    at = since + WAITING_VIDEO_DELAY
    return Notice(video_notice_id(performance_id), NoticeType.VIDEO_WAITING, at, performance_id)
