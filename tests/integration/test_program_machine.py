"""Managers and members do whatever they like, and feeds, points and ranks are as they should be.

The plays are the same each time. `make plays PLAYS=500` is the long form: longer ones, as many, and
each time others; `SEED` repeats them.
"""

import logging
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import hypothesis
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

from chalicelib.activities.problems import ActivityProblem
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.performances.model import Performance, Reference
from chalicelib.performances.service import AccountRequired
from chalicelib.performances.store import MAX_CLOCK_DIFFERENCE
from chalicelib.points import ranking
from chalicelib.points.model import Totals
from chalicelib.points.periods import Period
from chalicelib.points.problems import PointProblem
from chalicelib.programs.model import ChannelKind, DisclosureTick
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.service import ProgramChanges
from chalicelib.rewards.model import RewardState
from chalicelib.tiktok.consents import service as consents
from chalicelib.tiktok.problems import TikTokProblem
from tests.clock import StoppedClock
from tests.integration.greenroom import CORRELATION, event, signature
from tests.integration.in_memory_greenroom import BEHAVIOURS, InMemoryGreenroom, ScriptedTikTok
from tests.integration.reference_model import (
    HOME_ZONE,
    ModelActivity,
    ModelChannel,
    ModelPerformance,
    ModelReward,
    Person,
    ReferenceModel,
    Refusal,
    in_pages,
)

PLAYS = int(os.environ.get("PLAYS", "0"))
SEED = int(os.environ.get("SEED", "0")) or secrets.randbelow(1_000_000)
STEPS = 35
TICK = timedelta(milliseconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MOMENTS = (timedelta(seconds=2), 3 * MINUTE, 20 * MINUTE)
SPELLS = (3 * HOUR, 25 * HOUR, timedelta(days=4), timedelta(days=31))
ENDING = (Period.WEEK, Period.WEEK, Period.MONTH, Period.QUARTER, Period.YEAR)
ZONES = (HOME_ZONE, "Pacific/Kiritimati", "Pacific/Pago_Pago")
"""Where the days begin and end that others are in."""
CAST = 4
deed = st.sampled_from((*BEHAVIOURS, "refuses"))
number = st.integers(0, 23)
flag = st.booleans()


@dataclass
class Reading:
    """Somebody reading their feed page by page, while things come and go."""

    person: Person
    limit: int
    order: list[str]
    throughout: set[str]
    seen: list[str] = field(default_factory=list)
    cursor: str | None = None


class Play(RuleBasedStateMachine):
    """One program, played on the services and on the naive model alike."""

    ended = 0
    """How many were played to their end."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.tiktok = StoppedClock(), ScriptedTikTok()
        self.greenroom = InMemoryGreenroom(self.clock, self.tiktok)
        for name, size in (("PAGE_ROWS", 1), ("MAX_ROWS", 2), ("MIN_ROWS", 1)):
            self.greenroom.replace(ranking, name, size)
        # Plays are short in time and long in steps: the hourly limit is no part of them.
        self.greenroom.replace(consents, "CONSENTS_PER_WINDOW", 10**6)
        self.container = self.greenroom.container
        self.program_id = self.greenroom.program.program_id
        self.model = ReferenceModel()
        self.reading: list[Reading] = []
        self.departed: list[Person] = []
        self.turns = count()

    def teardown(self) -> None:
        try:
            if self.model.tasks and sys.exception() is None:
                self.all_is_as_it_should_be()
                type(self).ended += 1
        finally:
            self.greenroom.close()

    # --- how things are said --------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def caller(self, person: Person) -> Caller:
        return self.container.programs.caller(Claims(f"subject-{person.email}", person.email, 0))

    def chief(self, which: int = 0) -> Caller:
        return self.caller(_one_of(self.model.managers(), which))

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

    @initialize(second=flag, shown=flag, featured=flag, times=number)
    def a_program_begins(self, second: bool, shown: bool, featured: bool, times: int) -> None:
        chief = Person("ana@demo.example", self.greenroom.manager.member_id, Role.MANAGER)
        chief.status = "active"
        self.model.people[chief.email] = chief
        for which in (0, 1, 2):
            self.invite(which, manager=second and which == 2)
            self.sign_in(which + 1)
            self.account(which + 1, "connect")
        self.show_managers(shown)
        self.upload_id = self.greenroom.valid_upload()
        self.make_channel(private=False)
        self.make_channel(private=True)
        self.change_membership(1, 0, "join")
        self.change_membership(2, 1, "put in")
        self.campaign(0, archived=False)
        self.publish(points=5, times=0, channels=3, campaign=0, featured=False)
        self.publish(points=10, bonus=4, times=0, channels=0, campaign=1, featured=featured)
        self.publish(points=5, times=times, channels=0, campaign=0, featured=False)
        self.publish(points=5, times=0, channels=2, campaign=0, featured=False)

    # --- what may happen next: what matters most has a rule of its own, and so its turn more often

    @rule(which=number, manager=flag, signs_in=flag)
    def somebody_comes(self, which: int, manager: bool, signs_in: bool) -> None:
        self.invite(which, manager)
        if signs_in:
            self.sign_in(which)

    @rule(which=number, by=number, at_once=flag, noticed=flag)
    def somebody_goes(self, which: int, by: int, at_once: bool, noticed: bool) -> None:
        """Of those on the board, if there are any; boards are made anew within a minute."""
        _, places = self.model.boards.get(Period.ALL_TIME, (None, []))
        ranked = [each for each in self.all() if each.member_id in {row[1] for row in places}]
        self.remove(_one_of(ranked or self.all(), which), by, at_once)
        if noticed:
            self.a_moment_goes_by(MINUTE)

    @rule(which=number, by=number, manager=flag)
    def somebody_has_another_role(self, which: int, by: int, manager: bool) -> None:
        self.change_role(which, by, manager)

    @rule(who=number, where=number, how=st.sampled_from(("join", "leave", "put in", "take out")))
    def channels_fill_and_empty(self, who: int, where: int, how: str) -> None:
        self.change_membership(who, where, how)
        self.sees_their_feed(self.active(who), 3)

    @rule(what=st.sampled_from(("channel", "archive", "campaign", "setting")), n=number, yes=flag)
    def the_program_changes(self, what: str, n: int, yes: bool) -> None:
        match what:
            case "channel" if len(self.model.channels) < CAST:
                self.make_channel(private=yes)
            case "campaign":
                self.campaign(n, archived=yes)
            case "setting" if n % 4:
                self.show_managers(shown=yes)
            case "setting":
                self.leaderboard_is_off_for_a_while()
            case _:
                self.archive_channel(n, archived=yes)

    @rule(n=number, archive=flag)
    def an_activity_goes(self, n: int, archive: bool) -> None:
        self.finish(n, archive)

    @rule(who=number, which=number, undo=flag)
    def somebody_dismisses(self, who: int, which: int, undo: bool) -> None:
        """Mostly what they see; undone, what they dismissed, or performed: that stays."""
        person = self.active(who)
        feed = self.model.feed(person, self.now)
        chosen = self.among(list(person.marks) if undo else feed, which)
        self.dismiss(person, chosen, undo=undo)
        self.sees_their_feed(person, 3)

    @rule(who=number, which=number)
    def somebody_sends(self, who: int, which: int) -> None:
        """Mostly what they see."""
        feed = self.model.feed(self.active(who), self.now)
        self.performs(who, self.among(feed, which), comes_back=True)

    @rule(who=number, which=number, does=deed)
    def somebody_sends_and_it_is_staged(self, who: int, which: int, does: str) -> None:
        before = len(self.model.sends)
        self.somebody_sends(who, which)
        for send in self.model.sends[before:]:
            self.stage(send, does)

    @rule(who=number, which=number, comes_back=flag)
    def somebody_sends_whatever_it_is(self, who: int, which: int, comes_back: bool) -> None:
        self.performs(who, self.task(which), comes_back=comes_back)

    @precondition(lambda self: self.model.sends)
    @rule(which=number, does=deed)
    def a_message_comes(self, which: int, does: str) -> None:
        waiting = [each for each in self.model.sends if each.is_unfinished]
        self.stage(_one_of(waiting or self.model.sends, which), does)

    @precondition(lambda self: self.model.sends)
    @rule(which=number, does=deed)
    def a_message_comes_again(self, which: int, does: str) -> None:
        """What it is about may be over."""
        self.stage(_one_of(self.model.sends, which), does)

    @rule(
        price=st.sampled_from((1, 4, 9)),
        stock=st.sampled_from((None, 1, 2)),
        limit=st.sampled_from((None, None, 1)),
        channels=number,
    )
    def a_reward_is_made(
        self, price: int, stock: int | None, limit: int | None, channels: int
    ) -> None:
        audience = self.audience(channels if channels % 3 == 0 else 0)
        archived = {each.channel_id for each in self.model.channels if each.archived}
        refusal = ProblemCode.INVALID_REQUEST if audience & archived else None
        chief = self.chief(channels)
        made = self.tried(
            refusal,
            lambda: self.container.rewards.create(
                chief,
                title=f"Reward {len(self.model.rewards)}",
                price=price,
                stock=stock,
                per_member=limit,
                channel_ids=sorted(audience),
            ),
        )
        if made:
            self.model.rewards.append(ModelReward(made.reward_id, price, stock, limit, audience))

    @precondition(lambda self: self.model.rewards)
    @rule(
        which=number,
        what=st.sampled_from(("price", "stock", "limit", "state")),
        value=st.sampled_from((None, 1, 2, 5)),
    )
    def a_reward_is_edited(self, which: int, what: str, value: int | None) -> None:
        """Also while people redeem: its stock may become another."""
        reward, chief = _one_of(self.model.rewards, which), self.chief(which)
        asked: dict[str, Any]
        match what:
            case "price":
                asked = {"price": value or 3}
            case "stock":
                asked = {"stock": value}
            case "limit":
                asked = {"per_member": value}
            case _:
                asked = {"state": _one_of(list(RewardState), value or 0)}
        below = value is not None and reward.stock is not None and value < self.model.taken(reward)
        refusal = ProblemCode.INVALID_REQUEST if what == "stock" and below else None
        made = self.tried(
            refusal,
            lambda: self.container.rewards.edit(chief, reward.reward_id, reward.version, **asked),
        )
        if made is None:
            return
        if "stock" in asked and reward.stock is None and value is not None:
            reward.stock_generation += 1
        reward.price, reward.stock, reward.limit = made.price, made.stock, made.per_member
        reward.state, reward.version = made.state.value, made.version
        assert made.taken == (0 if reward.stock is None else self.model.taken(reward))

    @precondition(lambda self: self.model.rewards)
    @rule(who=number, which=number, again=flag)
    def somebody_redeems(self, who: int, which: int, again: bool) -> None:
        person, reward = self.active(who), _one_of(self.model.rewards, which)
        caller, made_id = self.caller(person), f"{next(self.turns):06}"
        refusal = self.model.may_redeem(person, reward)
        redemptions = self.container.redemptions
        made = self.tried(
            refusal, lambda: redemptions.redeem(caller, reward.reward_id, reward.price, made_id)
        )
        if made:
            self.model.redeem(person, reward, made.redemption_id, self.now)
            if again:
                assert redemptions.redeem(caller, reward.reward_id, made.price, made_id) == made
        self.sees_their_rewards(person)

    @precondition(lambda self: self.model.redemptions)
    @rule(by=number, which=number, how=st.sampled_from(("fulfilled", "rejected")), waiting=flag)
    def somebody_decides(self, by: int, which: int, how: str, waiting: bool) -> None:
        """Mostly what waits; also of people who are gone, and what was decided."""
        open_ = [each for each in self.model.redemptions if each.state == "requested"]
        redemption = _one_of((waiting and open_) or self.model.redemptions, which)
        chief, redemptions = self.chief(by), self.container.redemptions
        refusal = self.model.decide(redemption, how, self.now + TICK)
        if how == "fulfilled":
            self.tried(
                refusal,
                lambda: redemptions.fulfil(chief, redemption.redemption_id, note="Yes", code=None),
            )
        else:
            self.tried(refusal, lambda: redemptions.reject(chief, redemption.redemption_id, "No"))

    def sees_their_rewards(self, person: Person) -> None:
        caller, model = self.caller(person), self.model
        offered = [each.reward_id for each in self.container.rewards.offered(caller)]
        assert offered == model.offers(person)
        found = self.container.redemptions.own(caller, 100, None).items
        told = [(each.redemption_id, each.status.value) for each in found]
        mine = [each for each in model.redemptions if each.person is person]
        # Of what was asked for in one instant the order is that of the ids.
        assert sorted(told) == sorted((each.redemption_id, each.state) for each in mine)

    @rule(who=number, amount=st.sampled_from((7, 2, -1, -5, -5)), again=flag)
    def points_are_given_or_taken(self, who: int, amount: int, again: bool) -> None:
        """Also by a request that comes twice."""
        person, chief, made_id = self.somebody(who), self.chief(who), f"{next(self.turns):06}"
        refusal = self.model.adjust(person, amount, self.now + TICK)
        for _ in range(1 + again):
            self.tried(
                refusal,
                lambda: self.container.points.adjust(
                    chief, person.member_id, amount, "By hand", made_id
                ),
            )

    @rule(what=st.sampled_from(("sweep", "follow up", "depart", "post")), n=number)
    def it_happens_by_itself(self, what: str, n: int) -> None:
        match what:
            case "follow up":
                self.follow_up(_one_of(list(BEHAVIOURS), n))
            case "depart" if self.departed:
                self.depart()
            case "post" if any(each.begun_at for each in self.model.sends):
                self.post(n)
            case _:
                self.sweep()

    @rule(n=number, backwards=flag)
    def some_entries_are_counted(self, n: int, backwards: bool) -> None:
        """In any order, some of them again, others not yet."""
        images = self.greenroom.images()[n % 2 :: 1 + n % 3]
        self.greenroom.count_entries(images[::-1] if backwards else images)

    @rule(again=flag)
    def boards_are_made(self, again: bool) -> None:
        """All that was not counted is, or all that there ever was, and the clock ticks."""
        self.greenroom.count_entries(self.greenroom.images() if again else None)
        self.greenroom.notices()
        self.greenroom.build_leaderboards()
        self.model.build_boards(self.now)
        self.entries_are_counted_once_and_where_they_were_earned()
        self.boards_are_looked_at()

    @rule()
    def boards_are_looked_at(self) -> None:
        """However long ago they were made: each by another of those who may."""
        for period in Period:
            self.is_on_board(self.active(next(self.turns)), period)

    @rule(who=number, limit=st.sampled_from((1, 1, 2)))
    def somebody_begins_to_read(self, who: int, limit: int) -> None:
        """Mostly somebody who has more than a page."""
        long = [each for each in self.model.active() if self.model.feed(each, self.now)[limit:]]
        person = _one_of(long or self.model.active(), who)
        order = self.model.feed(person, self.now)
        self.reading.append(Reading(person, limit, order, set(order)))
        self.read_on(-1)

    @precondition(lambda self: self.reading)
    @rule(which=number)
    def somebody_reads_on(self, which: int) -> None:
        self.read_on(which)

    @rule(which=number)
    def something_is_featured_meanwhile(self, which: int) -> None:
        """Or no longer: of what somebody is reading."""
        if not self.reading:
            self.somebody_begins_to_read(which, limit=1)
        if not self.reading:
            return  # one page was all
        reading = _one_of(self.reading, which)
        task = self.among([each for each in reading.order if each in reading.throughout], which)
        featured = not task.featured
        self.edits(task, replace(task, featured=featured), {"featured": featured})

    # --- people ---------------------------------------------------------------------------------

    def invite(self, which: int, manager: bool) -> None:
        email = f"p{which % CAST}@demo.example"
        role = Role.MANAGER if manager else Role.MEMBER
        known = self.model.people.get(email)
        refusal = ProgramProblem.ALREADY_A_MEMBER if known and known.status != "removed" else None
        chief = self.chief(which)
        made = self.tried(refusal, lambda: self.container.members.invite(chief, email, None, role))
        if made and known:
            assert made.member_id == known.member_id
            known.status, known.role, known.invited_at = "invited", role, self.now
        elif made:
            self.model.people[email] = Person(email, made.member_id, role)

    def sign_in(self, which: int) -> None:
        person = self.somebody(which)
        refusal = ProblemCode.NOT_A_MEMBER if person.status == "removed" else None
        caller = self.tried(refusal, lambda: self.caller(person))
        if caller:
            person.status = "active"
            assert (caller.member_id, caller.role) == (person.member_id, person.role)
            assert caller.channels == person.channels

    def remove(self, person: Person, by: int, at_once: bool) -> None:
        chief = self.chief(by)
        last = person.is_active_manager and not self.model.has_other_manager(person)
        refusal = ProgramProblem.LAST_MANAGER if last else None
        self.tried(refusal, lambda: self.container.members.remove(chief, person.member_id))
        if not last:
            person.status = "removed"
            self.departed.append(person)
            if at_once:
                self.depart()

    def depart(self) -> None:
        """The table's stream tells of removals, however late."""
        person = self.departed.pop()
        self.container.connections.release_removed_member(self.program_id, person.member_id)
        if person.status == "removed" or person.has_predecessors_account:
            person.account = None

    def change_role(self, which: int, by: int, manager: bool) -> None:
        person, chief = self.somebody(which), self.chief(by)
        role = Role.MANAGER if manager else Role.MEMBER
        refusal: Refusal = None
        if person.status == "removed":
            refusal = ProgramProblem.MEMBER_REMOVED
        elif person.is_active_manager and not manager and not self.model.has_other_manager(person):
            refusal = ProgramProblem.LAST_MANAGER
        members = self.container.members
        if self.tried(refusal, lambda: members.change_role(chief, person.member_id, role)):
            person.role = role

    # --- channels and campaigns -----------------------------------------------------------------

    def make_channel(self, private: bool) -> None:
        kind = ChannelKind.PRIVATE if private else ChannelKind.PUBLIC
        name, chief = f"channel {len(self.model.channels)}", self.chief()
        made = self.tried(None, lambda: self.container.channels.create(chief, name, kind))
        self.model.channels.append(ModelChannel(made.channel.channel_id, private))

    def archive_channel(self, which: int, archived: bool) -> None:
        channel, chief = _one_of(self.model.channels, which), self.chief()
        self.tried(
            None,
            lambda: self.container.channels.change(
                chief, channel.channel_id, name=None, archived=archived
            ),
        )
        channel.archived = archived

    def change_membership(self, who: int, where: int, how: str) -> None:
        person = self.active(who) if how in ("join", "leave") else self.somebody(who)
        known, service = self.model.channels, self.container.channels
        if how in ("leave", "take out") and where % 3:
            known = [each for each in known if each.channel_id in person.channels] or known
        channel = _one_of(known, where)
        if how in ("join", "leave"):
            caller = self.caller(person)
            if how == "join":
                refusal = self.model.join(person, channel)
                self.tried(refusal, lambda: service.join(caller, channel.channel_id))
            else:
                refusal = self.model.leave(person, channel)
                self.tried(refusal, lambda: service.leave(caller, channel.channel_id))
            return
        chief = self.chief()
        if how == "put in":
            refusal = self.model.add_member(person, channel)
            self.tried(
                refusal, lambda: service.add_members(chief, channel.channel_id, [person.member_id])
            )
        else:
            person.channels.discard(channel.channel_id)
            self.tried(
                None, lambda: service.remove_member(chief, channel.channel_id, person.member_id)
            )

    def campaign(self, which: int, archived: bool) -> None:
        chief, campaigns = self.chief(), self.container.campaigns
        if which % 2 and self.model.campaigns:
            chosen = _one_of(list(self.model.campaigns), which)
            self.tried(None, lambda: campaigns.change(chief, chosen, name=None, archived=archived))
            self.model.campaigns[chosen] = archived
        elif len(self.model.campaigns) < CAST:
            name = f"campaign {len(self.model.campaigns)}"
            made = self.tried(None, lambda: campaigns.create(chief, name))
            self.model.campaigns[made.campaign_id] = False

    # --- activities -----------------------------------------------------------------------------

    @rule(
        points=st.sampled_from((0, 1, 5, 5, 10)),
        bonus=st.sampled_from((0, 0, 3)),
        times=number,
        channels=number,
        campaign=number,
        featured=flag,
    )
    def publish(
        self,
        *,
        points: int,
        bonus: int = 0,
        times: int,
        channels: int,
        campaign: int,
        featured: bool,
    ) -> None:
        task = ModelActivity("", len(self.model.tasks), points, bonus, featured)
        task.starts_at, task.ends_at = self.window(times)
        task.channels, task.campaign = self.audience(channels), self.purpose(campaign)
        chief = self.chief(times)
        refusal = self.groups_refused(task, frozenset(), None)
        made = self.tried(
            refusal,
            lambda: self.container.activities.create(
                chief,
                self.upload_id,
                points=points,
                posted_bonus=bonus,
                featured=featured,
                starts_at=_changes(task.starts_at),
                ends_at=_changes(task.ends_at),
                channel_ids=sorted(task.channels),
                campaign_id=task.campaign,
            ),
        )
        if made:
            task.activity_id = made.activity_id
            self.model.tasks.append(task)

    @rule(
        which=number,
        what=st.sampled_from(("points", "featured", "times", "channels", "campaign", "stale")),
        value=number,
    )
    def edit(self, which: int, what: str, value: int) -> None:
        is_unfinished = [each.task.activity_id for each in self.model.sends if each.is_unfinished]
        task = self.among(is_unfinished if value % 2 else [], which)
        after, asked = self.changed(task, what, value)
        self.edits(task, after, asked, stale=what == "stale")

    def edits(
        self,
        task: ModelActivity,
        after: ModelActivity,
        asked: dict[str, Any],
        *,
        stale: bool = False,
    ) -> None:
        chief, version = self.chief(task.number), task.version + stale
        refusal = self.groups_refused(after, task.channels, task.campaign)
        if stale:
            refusal = ProblemCode.CHANGED_MEANWHILE
        elif task.is_over(self.now + TICK):
            refusal = ActivityProblem.ACTIVITY_ENDED
        made = self.tried(
            refusal,
            lambda: self.container.activities.edit(chief, task.activity_id, version, **asked),
        )
        if made:
            after.version += after != task
            vars(task).update(vars(after))  # others hold on to this one
            assert made.version == task.version

    def changed(
        self, task: ModelActivity, what: str, value: int
    ) -> tuple[ModelActivity, dict[str, Any]]:
        """Return an activity as it is to be, and what is asked for."""
        after = replace(task)
        match what:
            case "points" | "stale":
                after.points, after.bonus = value % 4, value % 3
                return after, {"points": after.points, "posted_bonus": after.bonus}
            case "featured":
                after.featured = value % 3 > 0
                return after, {"featured": after.featured}
            case "times":
                after.starts_at, after.ends_at = self.window(value)
                times = {"starts_at": _changes(after.starts_at), "ends_at": _changes(after.ends_at)}
                return after, times
            case "channels":
                after.channels = self.audience(value)
                return after, {"channel_ids": sorted(after.channels)}
            case _:
                after.campaign = self.purpose(value)
                return after, {"campaign_id": after.campaign}

    def finish(self, which: int, archive: bool) -> None:
        task, chief, activities = self.task(which), self.chief(which), self.container.activities
        if archive:
            made = self.tried(None, lambda: activities.archive(chief, task.activity_id))
        else:
            made = self.tried(None, lambda: activities.end(chief, task.activity_id))
        becomes = "archived" if archive else "ended"
        if task.state not in (becomes, "archived"):
            task.state, task.version = becomes, task.version + 1
        assert (made.state.value, made.version) == (task.state, task.version)

    def dismiss(self, person: Person, task: ModelActivity, *, undo: bool) -> None:
        caller, at = self.caller(person), self.now + TICK
        activities = self.container.activities
        if undo:
            refusal = self.model.undismiss(person, task, at)
            self.tried(refusal, lambda: activities.undismiss(caller, task.activity_id))
        else:
            refusal = self.model.dismiss(person, task, at)
            self.tried(refusal, lambda: activities.dismiss(caller, task.activity_id))

    # --- sending --------------------------------------------------------------------------------

    @rule(who=number, how=st.sampled_from(("connect", "disconnect", "taken back at TikTok")))
    def account(self, who: int, how: str) -> None:
        person = self.active(who)
        caller, plain = self.caller(person), person.email.partition("@")[0]
        self.clock.advance(TICK)
        if how == "connect":
            self.greenroom.connect_account(caller, plain)
            person.account, person.connected_at = "connected", self.now
        elif how == "disconnect":
            self.container.connections.disconnect(caller)
            person.account = None
        else:
            self.tiktok.token_pairs.pop(plain, None)
            told = event("authorization.removed", self.clock, open_id=f"open-{plain}", reason=1)
            self.container.tiktok_webhooks.handle_webhook(signature(told, self.clock), told)
            person.account = person.account and "gone"

    def performs(self, who: int, task: ModelActivity, *, comes_back: bool) -> None:
        person = self.active(who)
        caller = self.caller(person)
        self.clock.advance(TICK)
        refusal = self.model.may_perform(person, task, self.now)
        made, told, begun = None, None, None
        try:
            made = self.container.performances.perform(
                caller,
                task.activity_id,
                CORRELATION,
                tick=DisclosureTick("1.your_brand", "en", self.now),
            )
        except Problem as problem:
            told = problem.code
        except AccountRequired as required:
            told, begun = TikTokProblem.TIKTOK_ACCOUNT_REQUIRED, required.authorization
        assert told is refusal
        if begun and comes_back:
            self.clock.advance(MINUTE)
            person.account, person.connected_at = "connected", self.now
            refusal = self.model.may_perform(person, task, self.now)
            connected = self.greenroom.complete_consent(begun, person.email.partition("@")[0])
            assert (connected.problem and connected.problem.code) is refusal
            made = connected.performance
        if made:
            assert (made.points, made.posted_bonus) == (task.points, task.bonus)
            self.model.perform(person, task, made.performance_id, self.now)

    def stage(self, send: ModelPerformance, does: str) -> None:
        self.tiktok.behaviour = does
        early = self.waits(send)
        self.container.stager.stage(self.reference(send))
        if not early:
            self.model.stage(send, does, self.now)
        found = self.stored(send)
        assert found == send.state, (found, send)
        if send.person.status == "active":
            self.sees_their_feed(send.person, 3)

    def post(self, which: int) -> None:
        send = _one_of([each for each in self.model.sends if each.begun_at], which)
        told = event("post.publish.complete", self.clock, publish_id=self.kept(send).publish_id)
        for _ in range(2):
            self.container.tiktok_webhooks.handle_webhook(signature(told, self.clock), told)
        if send.state in ("sending", "staged", "unconfirmed"):
            self.model.post(send, self.now)

    # --- what happens by itself -----------------------------------------------------------------

    @rule(moment=st.sampled_from(MOMENTS))
    def a_moment_goes_by(self, moment: timedelta) -> None:
        """Boards are made every minute."""
        self.clock.advance(moment)
        if moment >= MINUTE:
            self.boards_are_made(again=False)

    @rule(spell=st.sampled_from(SPELLS))
    def time_goes_by(self, spell: timedelta) -> None:
        """Nobody reads that long."""
        self.all_read_to_the_end()
        self.clock.advance(spell)

    def sweep(self) -> None:
        due = [
            each
            for each in self.model.tasks
            if each.state == "published" and each.is_over(self.now)
        ]
        assert self.container.due_activities.end_expired() == len(due)
        for each in due:
            each.state = "ended"

    def follow_up(self, does: str) -> None:
        self.greenroom.take_queued()
        self.container.overdue_performances.requeue_overdue()
        for reference, _ in self.greenroom.take_queued():
            made = reference.performance_id
            self.stage(next(e for e in self.model.sends if e.performance_id == made), does)

    @rule(period=st.sampled_from(ENDING), over=flag)
    def a_period_ends(self, period: Period, over: bool) -> None:
        """Or is about to: by the program's clocks."""
        begins = self.model.next_period_start(period, self.now)
        before = begins - MINUTE
        self.all_read_to_the_end()
        self.clock.at = before if before > self.now and not over else begins + MINUTE
        self.boards_are_looked_at()

    @rule(zone=st.sampled_from(ZONES), who=number, which=number)
    def a_week_begins_and_the_program_moves(self, zone: str, who: int, which: int) -> None:
        """To where it may not have begun yet. What was counted stays on its day."""
        self.a_period_ends(Period.WEEK, over=True)
        self.somebody_sends(who, which)
        self.boards_are_made(again=False)
        self.settings_are(ProgramChanges(time_zone=zone))
        self.model.change_time_zone(zone)
        self.a_moment_goes_by(MINUTE)

    def leaderboard_is_off_for_a_while(self) -> None:
        """And what it shows then is as it was, until it is made again."""
        self.settings_are(ProgramChanges(leaderboard=False))
        self.model.leaderboard_on = False
        self.boards_are_made(again=False)
        self.settings_are(ProgramChanges(leaderboard=True))
        self.model.leaderboard_on = True

    def show_managers(self, shown: bool) -> None:
        self.settings_are(ProgramChanges(managers_on_leaderboard=shown))
        self.model.managers_shown = shown

    def settings_are(self, changes: ProgramChanges) -> None:
        self.tried(None, lambda: self.container.programs.change_program(self.chief(), changes))

    def entries_are_counted_once_and_where_they_were_earned(self) -> None:
        for name, right in self.model.scores().items():
            kept = dict(self.container.board_store.scores(self.program_id, name))
            assert _more_than_nothing(kept) == _more_than_nothing(right), name

    def is_on_board(self, person: Person, period: Period) -> None:
        caller = self.caller(person)
        expected = self.model.shown_board(period, self.now)
        refusal = None if self.model.leaderboard_on else PointProblem.LEADERBOARD_OFF
        board = self.tried(refusal, lambda: self.container.points.leaderboard(caller, period))
        if board is None:
            return
        assert [(e.rank, e.row.member_id, e.row.points) for e in board.top] == expected
        assert board.count == len(expected)
        if not self.model.is_shown(person):
            assert board.own is None
            return
        assert board.own is not None
        last = (len(expected) + 1, person.member_id, 0)
        with_them = (
            expected if person.member_id in {row[1] for row in expected} else [*expected, last]
        )
        at = [row[1] for row in with_them].index(person.member_id)
        assert (board.own.rank, board.own.points) == (with_them[at][0], with_them[at][2])
        near = [(e.rank, e.row.member_id, e.row.points) for e in board.own.around]
        assert near == with_them[max(at - 2, 0) : at + 3]

    # --- reading --------------------------------------------------------------------------------

    def read_on(self, which: int) -> None:
        reading = _one_of(self.reading, which)
        page = self.container.activities.feed(
            self.caller(reading.person), reading.limit, reading.cursor
        )
        shown = [each.activity_id for each in page.items]
        assert set(shown) <= set(self.model.feed(reading.person, self.now))
        reading.seen += shown
        assert len(set(reading.seen)) == len(reading.seen)
        known = [each for each in reading.seen if each in reading.order]
        assert known == sorted(known, key=reading.order.index)
        reading.cursor = page.next_cursor
        if reading.cursor is None:
            assert reading.throughout <= set(reading.seen)
            self.reading.remove(reading)
        else:
            assert len(shown) == reading.limit

    def all_read_to_the_end(self) -> None:
        while self.reading:
            self.read_on(0)

    @invariant()
    def what_is_gone_is_not_waited_for(self) -> None:
        self.reading = [each for each in self.reading if each.person.status == "active"]
        for each in self.reading:
            each.throughout &= set(self.model.feed(each.person, self.now))

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
        expected = self.model.feed(person, self.now, campaign)
        pages, cursor = [], None
        while True:
            page = self.container.activities.feed(caller, limit, cursor, campaign)
            pages.append([each.activity_id for each in page.items])
            cursor = page.next_cursor
            if cursor is None:
                break
        assert pages == list(in_pages(expected, limit)), person

    def has_their_points(self, person: Person) -> None:
        owner = f"{self.program_id}/{person.member_id}"
        entries = self.model.entries(person)
        ledger = self.container.point_store.entries(owner)
        assert sorted((each.kind.value, each.points) for each in ledger) == entries
        right = Totals(self.model.balance(person), self.model.earned(person))
        assert self.container.point_store.totals(owner) == right

    def all_is_as_it_should_be(self) -> None:
        self.all_read_to_the_end()
        for person in self.model.people.values():
            self.has_their_points(person)
            if person.status == "active":
                self.sees_their_rewards(person)
                self.sees_their_feed(person, 2)
                history = self.container.performances.performances(self.caller(person), 100, None)
                told = [(each.performance_id, each.status.value) for each in history.items]
                mine = [each for each in self.model.sends if each.person is person]
                assert told == [(each.performance_id, each.state) for each in reversed(mine)]
        for reward in self.model.rewards:
            kept = self.container.rewards.reward(self.chief(), reward.reward_id)
            assert kept.taken == (0 if reward.stock is None else self.model.taken(reward))
        self.boards_are_made(again=False)
        assert self.container.points_rebuilder.findings(self.program_id, lambda *_: None) == []

    # --- whom and what --------------------------------------------------------------------------

    def somebody(self, which: int) -> Person:
        return _one_of(self.all(), which)

    def all(self) -> list[Person]:
        return list(self.model.people.values())

    def active(self, which: int) -> Person:
        return _one_of(self.model.active(), which)

    def task(self, which: int) -> ModelActivity:
        """The latest ones more often than those long gone."""
        return _one_of(self.model.tasks[-6:], which)

    def among(self, ids: list[str], which: int) -> ModelActivity:
        """One of these, or of all if there are none."""
        found = [each for each in self.model.tasks if each.activity_id in ids]
        return _one_of(found, which) if found else self.task(which)

    def window(self, which: int) -> tuple[datetime | None, datetime | None]:
        now = self.now.replace(microsecond=0)
        starts = (None, None, now - MINUTE, now + HOUR)[which % 4]
        ends = (None, now + 2 * MINUTE, now + 2 * HOUR, now + 26 * HOUR)[which // 4 % 4]
        if starts and ends and ends <= starts:
            ends = None
        return starts, ends

    def audience(self, which: int) -> frozenset[str]:
        ids = [each.channel_id for each in self.model.channels]
        return frozenset(each for at, each in enumerate(ids) if which >> at & 1)

    def purpose(self, which: int) -> str | None:
        return _one_of([None, *self.model.campaigns], which)

    def groups_refused(
        self, task: ModelActivity, channels: frozenset[str], campaign: str | None
    ) -> Refusal:
        archived = {each.channel_id for each in self.model.channels if each.archived}
        wrong = bool((task.channels - channels) & archived)
        if task.campaign is not None and task.campaign != campaign:
            wrong |= self.model.campaigns[task.campaign]
        return ProblemCode.INVALID_REQUEST if wrong else None

    def reference(self, send: ModelPerformance) -> Reference:
        return Reference(self.program_id, send.person.member_id, send.performance_id, CORRELATION)

    def stored(self, send: ModelPerformance) -> str:
        return self.kept(send).status.value

    def waits(self, send: ModelPerformance) -> bool:
        """Return whether a message comes before its time, and so does nothing."""
        until = self.kept(send).waits_until
        return until is not None and self.now + MAX_CLOCK_DIFFERENCE < until

    def kept(self, send: ModelPerformance) -> Performance:
        owner = f"{self.program_id}/{send.person.member_id}"
        found = self.container.performance_store.get(owner, send.performance_id)
        assert found is not None
        return found


def _one_of[Each](there: list[Each], which: int) -> Each:
    return there[which % len(there)]


def _more_than_nothing(scores: dict[str, int]) -> dict[str, int]:
    return {who: points for who, points in scores.items() if points}


def _changes(instant: datetime | None) -> str | None:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}" if instant else None


def played(plays: int, steps: int) -> hypothesis_settings:
    """Play so many, the same ones each time."""
    return hypothesis_settings(
        max_examples=plays, stateful_step_count=steps, deadline=None, derandomize=True
    )


def test_random_programs_have_the_feeds_points_and_ranks_of_the_reference_model() -> None:
    settings = played(PLAYS or 25, 2 * STEPS if PLAYS else STEPS)
    if PLAYS:
        settings = hypothesis_settings(settings, derandomize=False)
        hypothesis.seed(SEED)(Play)
    Play.ended = 0
    logging.disable(logging.INFO)  # what all plays have to say would bury the steps that fail
    try:
        run_state_machine_as_test(Play, settings=settings)
    except BaseException as error:
        if PLAYS:
            error.add_note(f"PLAYS={PLAYS} SEED={SEED} plays the same ones again.")
        raise
    finally:
        logging.disable(logging.NOTSET)
    assert Play.ended >= settings.max_examples
