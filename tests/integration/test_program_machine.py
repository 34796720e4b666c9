"""Managers and members do whatever they like, and feeds, points and ranks are as they should be.

`PLAYS=500` plays longer ones, as many and each time others, than a test run has time for.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from moto import mock_aws

from chalicelib.activities.model import PAGING_LIFETIME
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.performances.model import Reference
from chalicelib.performances.service import AccountRequired
from chalicelib.points.model import Totals
from chalicelib.points.periods import Period
from chalicelib.programs.model import ChannelKind
from chalicelib.programs.service import ProgramChanges
from chalicelib.tiktok.client import Draft, Sent, ShareState, ShareStatus
from chalicelib.tiktok.errors import AccessTokenRefused, Cause, Refused, TryLater
from tests.clock import StoppedClock
from tests.integration.arrivals import Glance
from tests.integration.conftest import furnished
from tests.integration.house import (
    CORRELATION,
    VIDEO,
    FakeTikTok,
    Greenroom,
    event,
    signature,
)
from tests.integration.naive import Naive, Person, Refusal, Room, Send, Task, in_pages

PLAYS = int(os.environ.get("PLAYS", "0"))
STEPS = 25
TICK = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
STEPS_OF_TIME = (MINUTE, 31 * MINUTE, 3 * HOUR, 25 * HOUR, timedelta(days=4), timedelta(days=31))
DEEDS = ("takes it", "refuses", "refuses the bytes", "is busy", "thinks", "posts")
CAST = 4
number = st.integers(0, 23)
flag = st.booleans()


class PlayedTikTok(FakeTikTok):
    """Does with each draft what it was told last."""

    def __init__(self) -> None:
        super().__init__()
        self.does = "takes it"
        self._drafts = count(1)

    def begin_upload(self, access_token: str, size_bytes: int) -> Draft:
        if access_token not in {pair[0] for pair in self.live.values()} or size_bytes != len(VIDEO):
            raise AccessTokenRefused("access_token_invalid")
        if self.does == "is busy":
            raise TryLater("rate_limit_exceeded")
        if self.does == "refuses":
            raise Refused("spam_risk", cause=Cause.SPAM_RISK)
        return Draft(f"v_inbox_file~{next(self._drafts)}", "https://upload.tiktok.example/1")

    def send(self, *_: Any, **__: Any) -> Sent:
        return Sent(len(VIDEO), len(VIDEO))

    def status(self, *_: str) -> ShareStatus:
        match self.does:
            case "takes it":
                return ShareStatus(ShareState.IN_INBOX)
            case "posts":
                return ShareStatus(ShareState.POSTED)
            case "refuses" | "refuses the bytes":
                failed = Refused("file_format_check_failed", cause=Cause.VIDEO_FORMAT)
                return ShareStatus(ShareState.FAILED, failed)
            case _:
                return ShareStatus(ShareState.PROCESSING_DOWNLOAD)


@dataclass
class Reading:
    """Somebody reading their feed page by page, while things come and go."""

    person: Person
    limit: int
    began_at: datetime
    throughout: set[str]
    seen: list[str] = field(default_factory=list)
    cursor: str | None = None


class Play(RuleBasedStateMachine):
    """One program, played on the services and on the naive model alike."""

    def __init__(self) -> None:
        super().__init__()
        self.moto = mock_aws()
        self.moto.start()
        self.clock, self.tiktok = StoppedClock(), PlayedTikTok()
        self.greenroom = Greenroom(furnished(), self.clock, self.tiktok)
        self.house = self.greenroom.house
        self.house._examiner = Glance()  # type: ignore[assignment]
        self.house.stager._sleep = _at_once
        self.program_id = self.greenroom.program.program_id
        self.naive = Naive()
        self.reading: list[Reading] = []
        self.departed: list[Person] = []
        self.turns = count()

    def teardown(self) -> None:
        try:
            if self.naive.tasks and sys.exception() is None:
                self.all_is_as_it_should_be()
        finally:
            self.moto.stop()

    # --- how things are said --------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def caller(self, person: Person) -> Caller:
        return self.house.programs.caller(Claims(f"subject-{person.email}", person.email, 0))

    def chief(self, which: int = 0) -> Caller:
        return self.caller(_one_of(self.naive.managers(), which))

    def tried(self, refusal: Refusal, attempt: Callable[[], Any]) -> Any:
        """Try what shall go well, or be refused with this problem and no other."""
        self.clock.advance(TICK)
        answer, told = None, None
        try:
            answer = attempt()
        except Problem as problem:
            told = problem.code
        assert told is refusal
        return answer

    # --- the beginning --------------------------------------------------------------------------

    @initialize(second=flag)
    def a_program_begins(self, second: bool) -> None:
        chief = Person("ana@demo.example", self.greenroom.manager.member_id, Role.MANAGER)
        chief.status = "active"
        self.naive.people[chief.email] = chief
        for which in (0, 1):
            self.invite(which, manager=second and which == 1)
            self.sign_in(which + 1)
        self.account(1, "connect")
        form = self.house.videos.ask_for_upload(self.greenroom.manager, "video/webm", CORRELATION)
        self.greenroom.clients.s3.put_object(
            Bucket=self.greenroom.settings.incoming_bucket, Key=form.upload.incoming_key, Body=VIDEO
        )
        self.house.videos.validate(form.upload.incoming_key)
        self.upload_id = form.upload.upload_id
        self.make_channel(private=False)
        self.make_channel(private=True)
        self.move(1, 0, "join")
        for channels in (0, 3):
            self.publish(points=5, times=0, channels=channels, campaign=0, featured=False)

    # --- what may happen next: what matters most has a rule of its own, and so its turn more often

    @rule(what=st.sampled_from(("in", "in", "out", "role")), which=number, by=number, yes=flag)
    def people_come_and_go(self, what: str, which: int, by: int, yes: bool) -> None:
        match what:
            case "in":
                self.invite(which, manager=by % 3 == 0)
                if yes:
                    self.sign_in(which)
            case "out":
                self.remove(which, by, at_once=yes)
            case _:
                self.change_role(which, by, manager=yes)

    @rule(who=number, where=number, how=st.sampled_from(("join", "leave", "put in", "take out")))
    def channels_fill_and_empty(self, who: int, where: int, how: str) -> None:
        self.move(who, where, how)

    @rule(what=st.sampled_from(("channel", "archive", "campaign", "setting")), n=number, yes=flag)
    def the_program_changes(self, what: str, n: int, yes: bool) -> None:
        match what:
            case "channel" if len(self.naive.rooms) < CAST:
                self.make_channel(private=yes)
            case "campaign":
                self.campaign(n, archived=yes)
            case "setting":
                self.show_managers(shown=yes)
            case _:
                self.archive_channel(n, archived=yes)

    @rule(what=st.sampled_from(("dismiss", "undismiss", "end", "archive")), who=number, n=number)
    def activities_go(self, what: str, who: int, n: int) -> None:
        if what in ("end", "archive"):
            self.finish(n, archive=what == "archive")
        else:
            self.dismiss(who, n, undo=what == "undismiss")

    @rule(who=number, which=number, does=st.sampled_from(DEEDS), at_once=flag)
    def somebody_sends(self, who: int, which: int, does: str, at_once: bool) -> None:
        """Mostly what they see; it may be staged at once, or wait."""
        feed = self.naive.feed(self.active(who), self.now)
        chosen = _one_of(feed, which) if feed else self.task(which).activity_id
        task = next(each for each in self.naive.tasks if each.activity_id == chosen)
        before = len(self.naive.sends)
        self.performs(who, task, comes_back=True)
        if at_once and len(self.naive.sends) > before:
            self.stages(self.naive.sends[-1], does)

    @rule(who=number, which=number, comes_back=flag)
    def somebody_sends_whatever_it_is(self, who: int, which: int, comes_back: bool) -> None:
        self.performs(who, self.task(which), comes_back=comes_back)

    @precondition(lambda self: self.naive.sends)
    @rule(which=number, does=st.sampled_from(DEEDS), under_way=flag)
    def a_message_comes(self, which: int, does: str, under_way: bool) -> None:
        """It may have come before, and what it is about may be over."""
        waiting = [each for each in self.naive.sends if each.under_way and under_way]
        self.stages(_one_of(waiting or self.naive.sends, which), does)

    @rule(what=st.sampled_from(("sweep", "follow up", "depart", "post")), n=number)
    def it_happens_by_itself(self, what: str, n: int) -> None:
        match what:
            case "follow up":
                self.follow_up(_one_of(list(DEEDS), n))
            case "depart" if self.departed:
                self.depart()
            case "post" if any(each.begun_at for each in self.naive.sends):
                self.post(n)
            case _:
                self.sweep()

    @rule(choice=st.randoms(use_true_random=False), made=flag)
    def entries_are_counted(self, choice: Any, made: bool) -> None:
        if made:
            self.boards_are_made()
        else:
            self.some_entries_are_counted(choice)

    @rule(who=number, limit=st.integers(1, 3), on=flag)
    def somebody_reads(self, who: int, limit: int, on: bool) -> None:
        if on and self.reading:
            self.read_on(who)
        else:
            self.begin_to_read(who, limit)

    # --- people ---------------------------------------------------------------------------------

    def invite(self, which: int, manager: bool) -> None:
        email = f"p{which % CAST}@demo.example"
        role = Role.MANAGER if manager else Role.MEMBER
        known = self.naive.people.get(email)
        refusal = ProblemCode.ALREADY_A_MEMBER if known and known.status != "removed" else None
        chief = self.chief(which)
        made = self.tried(refusal, lambda: self.house.members.invite(chief, email, None, role))
        if made and known:
            assert made.member_id == known.member_id
            known.status, known.role = "invited", role
        elif made:
            self.naive.people[email] = Person(email, made.member_id, role)

    def sign_in(self, which: int) -> None:
        person = self.somebody(which)
        refusal = ProblemCode.NOT_A_MEMBER if person.status == "removed" else None
        caller = self.tried(refusal, lambda: self.caller(person))
        if caller:
            person.status = "active"
            assert (caller.member_id, caller.role) == (person.member_id, person.role)
            assert caller.channels == person.channels

    def remove(self, which: int, by: int, at_once: bool) -> None:
        person, chief = self.somebody(which), self.chief(by)
        last = person.runs_it and not self.naive.stays_managed_without(person)
        refusal = ProblemCode.LAST_MANAGER if last else None
        self.tried(refusal, lambda: self.house.members.remove(chief, person.member_id))
        if not last:
            person.status = "removed"
            self.departed.append(person)
            if at_once:
                self.depart()

    def depart(self) -> None:
        """The table's stream tells of removals, however late."""
        person = self.departed.pop()
        self.house.performances.depart(self.program_id, person.member_id)
        if person.status == "removed":
            person.account = None

    def change_role(self, which: int, by: int, manager: bool) -> None:
        person, chief = self.somebody(which), self.chief(by)
        role = Role.MANAGER if manager else Role.MEMBER
        refusal: Refusal = None
        if person.status == "removed":
            refusal = ProblemCode.MEMBER_REMOVED
        elif person.runs_it and not manager and not self.naive.stays_managed_without(person):
            refusal = ProblemCode.LAST_MANAGER
        members = self.house.members
        if self.tried(refusal, lambda: members.change_role(chief, person.member_id, role)):
            person.role = role

    # --- channels and campaigns -----------------------------------------------------------------

    def make_channel(self, private: bool) -> None:
        kind = ChannelKind.PRIVATE if private else ChannelKind.PUBLIC
        name, chief = f"channel {len(self.naive.rooms)}", self.chief()
        made = self.tried(None, lambda: self.house.channels.create(chief, name, kind))
        self.naive.rooms.append(Room(made.channel.channel_id, private))

    def archive_channel(self, which: int, archived: bool) -> None:
        room, chief = _one_of(self.naive.rooms, which), self.chief()
        self.tried(
            None,
            lambda: self.house.channels.change(
                chief, room.channel_id, name=None, archived=archived
            ),
        )
        room.archived = archived

    def move(self, who: int, where: int, how: str) -> None:
        room, channels = _one_of(self.naive.rooms, where), self.house.channels
        if how in ("join", "leave"):
            person = self.active(who)
            caller = self.caller(person)
            if how == "join":
                refusal = self.naive.join(person, room)
                self.tried(refusal, lambda: channels.join(caller, room.channel_id))
            else:
                refusal = self.naive.leave(person, room)
                self.tried(refusal, lambda: channels.leave(caller, room.channel_id))
            return
        person, chief = self.somebody(who), self.chief()
        if how == "put in":
            refusal = self.naive.put_in(person, room)
            self.tried(refusal, lambda: channels.add(chief, room.channel_id, [person.member_id]))
        else:
            person.channels.discard(room.channel_id)
            self.tried(None, lambda: channels.take_out(chief, room.channel_id, person.member_id))

    def campaign(self, which: int, archived: bool) -> None:
        chief, campaigns = self.chief(), self.house.campaigns
        if which % 2 and self.naive.campaigns:
            chosen = _one_of(list(self.naive.campaigns), which)
            self.tried(None, lambda: campaigns.change(chief, chosen, name=None, archived=archived))
            self.naive.campaigns[chosen] = archived
        elif len(self.naive.campaigns) < CAST:
            name = f"campaign {len(self.naive.campaigns)}"
            made = self.tried(None, lambda: campaigns.create(chief, name))
            self.naive.campaigns[made.campaign_id] = False

    # --- activities -----------------------------------------------------------------------------

    @rule(
        points=st.sampled_from((0, 1, 5, 5, 10)),
        times=number,
        channels=number,
        campaign=number,
        featured=flag,
    )
    def publish(
        self, *, points: int, times: int, channels: int, campaign: int, featured: bool
    ) -> None:
        task = Task("", len(self.naive.tasks), points, featured)
        task.starts_at, task.ends_at = self.window(times)
        task.channels, task.campaign = self.audience(channels), self.purpose(campaign)
        chief = self.chief(times)
        refusal = self.groups_refused(task, frozenset(), None)
        made = self.tried(
            refusal,
            lambda: self.house.activities.create(
                chief,
                self.upload_id,
                points=points,
                featured=featured,
                starts_at=_told(task.starts_at),
                ends_at=_told(task.ends_at),
                channel_ids=sorted(task.channels),
                campaign_id=task.campaign,
            ),
        )
        if made:
            task.activity_id = made.activity_id
            self.naive.tasks.append(task)

    @rule(
        which=number,
        what=st.sampled_from(("points", "featured", "times", "channels", "campaign", "stale")),
        value=number,
    )
    def edit(self, which: int, what: str, value: int) -> None:
        task, chief = self.task(which), self.chief(value)
        after, changes = self.changed(task, what, value)
        version = task.version + (what == "stale")
        refusal = self.groups_refused(after, task.channels, task.campaign)
        if what == "stale":
            refusal = ProblemCode.CHANGED_MEANWHILE
        elif task.is_over(self.now + TICK):
            refusal = ProblemCode.ACTIVITY_ENDED
        made = self.tried(
            refusal,
            lambda: self.house.activities.edit(chief, task.activity_id, version, **changes),
        )
        if made:
            after.version += after != task
            vars(task).update(vars(after))  # others hold on to this one
            assert made.version == task.version

    def changed(self, task: Task, what: str, value: int) -> tuple[Task, dict[str, Any]]:
        """Give an activity as it is to be, and what is asked for."""
        after = replace(task)
        match what:
            case "points" | "stale":
                after.points = value % 4
                return after, {"points": after.points}
            case "featured":
                after.featured = value % 3 > 0
                return after, {"featured": after.featured}
            case "times":
                after.starts_at, after.ends_at = self.window(value)
                times = {"starts_at": _told(after.starts_at), "ends_at": _told(after.ends_at)}
                return after, times
            case "channels":
                after.channels = self.audience(value)
                return after, {"channel_ids": sorted(after.channels)}
            case _:
                after.campaign = self.purpose(value)
                return after, {"campaign_id": after.campaign}

    def finish(self, which: int, archive: bool) -> None:
        task, chief, activities = self.task(which), self.chief(which), self.house.activities
        if archive:
            made = self.tried(None, lambda: activities.archive(chief, task.activity_id))
        else:
            made = self.tried(None, lambda: activities.end(chief, task.activity_id))
        becomes = "archived" if archive else "ended"
        if task.state not in (becomes, "archived"):
            task.state, task.version = becomes, task.version + 1
        assert (made.state.value, made.version) == (task.state, task.version)

    def dismiss(self, who: int, which: int, undo: bool) -> None:
        person, task = self.active(who), self.task(which)
        caller, at = self.caller(person), self.now + TICK
        activities = self.house.activities
        if undo:
            refusal = self.naive.undismiss(person, task, at)
            self.tried(refusal, lambda: activities.undismiss(caller, task.activity_id))
        else:
            refusal = self.naive.dismiss(person, task, at)
            self.tried(refusal, lambda: activities.dismiss(caller, task.activity_id))

    # --- sending --------------------------------------------------------------------------------

    @rule(who=number, how=st.sampled_from(("connect", "disconnect", "taken back at TikTok")))
    def account(self, who: int, how: str) -> None:
        person = self.active(who)
        caller, plain = self.caller(person), person.email.partition("@")[0]
        self.clock.advance(TICK)
        if how == "connect":
            self.greenroom.connects(caller, plain)
            person.account = "connected"
        elif how == "disconnect":
            self.house.performances.disconnect(caller)
            person.account = None
        else:
            told = event("authorization.removed", self.clock, open_id=f"open-{plain}", reason=1)
            self.house.performances.hear(signature(told, self.clock), told)
            person.account = person.account and "gone"

    def performs(self, who: int, task: Task, *, comes_back: bool) -> None:
        person = self.active(who)
        caller = self.caller(person)
        self.clock.advance(TICK)
        refusal = self.naive.may_perform(person, task, self.now)
        made, told, begun = None, None, None
        try:
            made = self.house.performances.perform(caller, task.activity_id, CORRELATION)
        except Problem as problem:
            told = problem.code
        except AccountRequired as required:
            told, begun = ProblemCode.TIKTOK_ACCOUNT_REQUIRED, required.authorization
        assert told is refusal
        if begun and comes_back:
            self.clock.advance(MINUTE)
            person.account = "connected"
            refusal = self.naive.may_perform(person, task, self.now)
            connected = self.greenroom.comes_back(begun, person.email.partition("@")[0])
            assert (connected.problem and connected.problem.code) is refusal
            made = connected.performance
        if made:
            assert made.points == task.points
            self.naive.perform(person, task, made.performance_id, self.now)

    def stages(self, send: Send, does: str) -> None:
        self.tiktok.does = does
        self.house.stager.stage(self.reference(send))
        self.naive.stage(send, does, self.now)
        found = self.stored(send)
        assert found == send.state, (found, send)

    def post(self, which: int) -> None:
        send = _one_of([each for each in self.naive.sends if each.begun_at], which)
        owner = f"{self.program_id}/{send.person.member_id}"
        kept = self.house._performance_store.get(owner, send.performance_id)
        assert kept is not None
        told = event("post.publish.complete", self.clock, publish_id=kept.publish_id)
        for _ in range(2):
            self.house.performances.hear(signature(told, self.clock), told)
        if send.state in ("sending", "staged"):
            self.naive.post(send)

    # --- what happens by itself -----------------------------------------------------------------

    @rule(step=st.sampled_from(STEPS_OF_TIME))
    def time_goes_by(self, step: timedelta) -> None:
        self.clock.advance(step)

    def sweep(self) -> None:
        due = [
            each
            for each in self.naive.tasks
            if each.state == "published" and each.is_over(self.now)
        ]
        assert self.house.activity_lifecycle.expire() == len(due)
        for each in due:
            each.state = "ended"

    def follow_up(self, does: str) -> None:
        self.greenroom.queued()
        self.house.follow_up.queue_again()
        for reference, _ in self.greenroom.queued():
            made = reference.performance_id
            self.stages(next(e for e in self.naive.sends if e.performance_id == made), does)

    def show_managers(self, shown: bool) -> None:
        changes = ProgramChanges(managers_on_leaderboard=shown)
        self.house.programs.change_program(self.chief(), changes)
        self.naive.managers_shown = shown

    def some_entries_are_counted(self, choice: Any) -> None:
        """In any order, some of them again, others not yet."""
        images = self.greenroom.images()
        if len(images) > 1:
            self.greenroom.counts(choice.sample(images, len(images) // 2))

    def boards_are_made(self) -> None:
        if images := self.greenroom.images():
            self.greenroom.counts(images)
        self.house.snapshots.mark({self.program_id})
        assert self.greenroom.ranks() == 1
        for person in self.naive.active():
            self.is_on_board(person, _one_of(list(Period), next(self.turns)))

    def is_on_board(self, person: Person, period: Period) -> None:
        caller = self.caller(person)
        expected = self.naive.board(period, self.now)
        board = self.house.points.leaderboard(caller, period)
        assert [(e.rank, e.row.member_id, e.row.points) for e in board.top] == expected
        assert board.count == len(expected)
        if not self.naive.is_shown(person):
            assert board.own is None
            return
        assert board.own is not None
        mine = max(self.naive.points(person, period, self.now), 0)
        ahead = [row for row in expected if row[2] > mine]
        assert (board.own.rank, board.own.points) == (len(ahead) + 1, mine)
        if mine:
            at = [row[1] for row in expected].index(person.member_id)
            near = [(e.rank, e.row.member_id, e.row.points) for e in board.own.around]
            assert near == expected[max(at - 2, 0) : at + 3]

    # --- reading --------------------------------------------------------------------------------

    def begin_to_read(self, who: int, limit: int) -> None:
        person = self.active(who)
        there = set(self.naive.feed(person, self.now))
        self.reading.append(Reading(person, limit, self.now, there))
        self.read_on(len(self.reading) - 1)

    def read_on(self, which: int) -> None:
        reading = _one_of(self.reading, which)
        page = self.house.activities.feed(
            self.caller(reading.person), reading.limit, reading.cursor
        )
        shown = [each.activity_id for each in page.items]
        assert set(shown) <= set(self.naive.feed(reading.person, self.now))
        reading.seen += shown
        assert len(set(reading.seen)) == len(reading.seen)
        reading.cursor = page.next_cursor
        if reading.cursor is None:
            assert reading.throughout <= set(reading.seen)
            self.reading.remove(reading)
        else:
            assert len(shown) == reading.limit

    @invariant()
    def what_is_gone_is_not_waited_for(self) -> None:
        self.reading = [
            each
            for each in self.reading
            if each.person.status == "active" and self.now - each.began_at <= PAGING_LIFETIME
        ]
        for each in self.reading:
            each.throughout &= set(self.naive.feed(each.person, self.now))

    @invariant()
    def one_after_the_other_is_looked_at(self) -> None:
        turn = next(self.turns)
        person = self.active(turn)
        if turn % 2:
            self.has_their_points(person)
        else:
            self.sees_their_feed(person, 2 + turn % 3, self.purpose(turn // 2))

    def sees_their_feed(self, person: Person, limit: int, campaign: str | None = None) -> None:
        caller = self.caller(person)
        expected = self.naive.feed(person, self.now, campaign)
        pages, cursor = [], None
        while True:
            page = self.house.activities.feed(caller, limit, cursor, campaign)
            pages.append([each.activity_id for each in page.items])
            cursor = page.next_cursor
            if cursor is None:
                break
        assert pages == list(in_pages(expected, limit)), person

    def has_their_points(self, person: Person) -> None:
        owner = f"{self.program_id}/{person.member_id}"
        lines = self.naive.lines(person)
        ledger = self.house.points._store.entries(owner)
        assert sorted((each.kind.value, each.points) for each in ledger) == lines
        whole = sum(points for _, points in lines)
        assert self.house.points._store.totals(owner) == Totals(whole, whole)

    def all_is_as_it_should_be(self) -> None:
        for person in self.naive.people.values():
            self.has_their_points(person)
            if person.status == "active":
                self.sees_their_feed(person, 2)
                history = self.house.performances.performances(self.caller(person), 100, None)
                told = [(each.performance_id, each.status.value) for each in history.items]
                mine = [each for each in self.naive.sends if each.person is person]
                assert told == [(each.performance_id, each.state) for each in reversed(mine)]
        assert list(self.house.points.differences(self.program_id)) == []
        self.boards_are_made()
        assert self.house.rebuilding.findings(self.program_id, lambda *_: None) == []

    # --- whom and what --------------------------------------------------------------------------

    def somebody(self, which: int) -> Person:
        return _one_of(list(self.naive.people.values()), which)

    def active(self, which: int) -> Person:
        return _one_of(self.naive.active(), which)

    def task(self, which: int) -> Task:
        """The latest ones more often than those long gone."""
        return _one_of(self.naive.tasks[-6:], which)

    def window(self, which: int) -> tuple[datetime | None, datetime | None]:
        now = self.now.replace(microsecond=0)
        starts = (None, None, now - MINUTE, now + HOUR)[which % 4]
        ends = (None, now + 2 * MINUTE, now + 2 * HOUR, now + 26 * HOUR)[which // 4 % 4]
        if starts and ends and ends <= starts:
            ends = None
        return starts, ends

    def audience(self, which: int) -> frozenset[str]:
        ids = [each.channel_id for each in self.naive.rooms]
        return frozenset(each for at, each in enumerate(ids) if which >> at & 1)

    def purpose(self, which: int) -> str | None:
        return _one_of([None, *self.naive.campaigns], which)

    def groups_refused(self, task: Task, channels: frozenset[str], campaign: str | None) -> Refusal:
        archived = {each.channel_id for each in self.naive.rooms if each.archived}
        wrong = bool((task.channels - channels) & archived)
        if task.campaign is not None and task.campaign != campaign:
            wrong |= self.naive.campaigns[task.campaign]
        return ProblemCode.INVALID_REQUEST if wrong else None

    def reference(self, send: Send) -> Reference:
        return Reference(self.program_id, send.person.member_id, send.performance_id, CORRELATION)

    def stored(self, send: Send) -> str:
        owner = f"{self.program_id}/{send.person.member_id}"
        found = self.house._performance_store.get(owner, send.performance_id)
        assert found is not None
        return found.status.value


def _at_once(_seconds: float) -> None:
    """Nobody waits."""


def _one_of[Each](there: list[Each], which: int) -> Each:
    return there[which % len(there)]


def _told(instant: datetime | None) -> str | None:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}" if instant else None


def test_whatever_managers_and_members_do_feeds_points_and_ranks_are_as_they_should_be() -> None:
    run_state_machine_as_test(
        Play,
        settings=hypothesis_settings(
            max_examples=PLAYS or 8,
            stateful_step_count=2 * STEPS if PLAYS else STEPS,
            deadline=None,
            derandomize=not PLAYS,
            print_blob=True,
        ),
    )
