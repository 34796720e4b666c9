"""What a file changes in a program, in words: rules without AWS."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.activities.model import InvalidTime, check_window, parse_wall_clock_time
from chalicelib.foundation.identity import Role
from chalicelib.foundation.personal import erased_address
from chalicelib.programs.model import (
    Campaign,
    Channel,
    ChannelKind,
    Member,
    MemberStatus,
    Program,
    local_time,
    normalized_name,
)
from chalicelib.rewards.model import Reward, RewardState
from commands.program_file.content import (
    UNLIMITED,
    ChannelTable,
    PersonTable,
    ProgramFile,
    RewardTable,
)

SETTINGS = (
    "name",
    "time_zone",
    "leaderboard",
    "rewards",
    "disclosure",
    "managers_on_leaderboard",
    "names_on_leaderboard",
    "content_disclosure",
    "reuse_warning_above",
)
"""Settings that the file holds as the program does; `fulfillers` are ids there, addresses here."""


@dataclass(frozen=True)
class State:
    """A program as it is, removed members and archived things too."""

    program: Program
    channels: Sequence[Channel]
    campaigns: Sequence[Campaign]
    members: Sequence[Member]
    rewards: Sequence[Reward]


@dataclass(frozen=True)
class Options:
    """What a run may do beside making what the file names.

    `prune` removes what the lists of the file do not name; `invite_again` invites people who were
    removed, or left, and are named still.
    """

    prune: bool = False
    invite_again: bool = False


@dataclass(frozen=True)
class Step:
    """One write, and what it changes in words. What it was planned on is in `was`."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class ChangeSettings(Step):
    was: Program
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class NameFulfillers(Step):
    was: Program
    emails: frozenset[str]


@dataclass(frozen=True)
class CreateChannel(Step):
    name: str
    kind: ChannelKind


@dataclass(frozen=True)
class ChangeChannel(Step):
    was: Channel
    name: str | None = None
    archived: bool | None = None


@dataclass(frozen=True)
class CreateCampaign(Step):
    name: str


@dataclass(frozen=True)
class ChangeCampaign(Step):
    was: Campaign
    name: str | None = None
    archived: bool | None = None


@dataclass(frozen=True)
class Invite(Step):
    email: str
    name: str | None
    role: Role


@dataclass(frozen=True)
class InviteAgain(Step):
    was: Member
    role: Role


@dataclass(frozen=True)
class ChangeRole(Step):
    was: Member
    role: Role


@dataclass(frozen=True)
class RemoveMember(Step):
    was: Member


@dataclass(frozen=True)
class AddToChannel(Step):
    channel: str
    emails: tuple[str, ...]


@dataclass(frozen=True)
class RemoveFromChannel(Step):
    was: Channel
    member: Member


@dataclass(frozen=True)
class CreateReward(Step):
    wanted: Mapping[str, Any]
    channels: tuple[str, ...]


@dataclass(frozen=True)
class ChangeReward(Step):
    was: Reward
    changes: Mapping[str, Any]
    channels: tuple[str, ...] | None


@dataclass(frozen=True)
class Plan:
    """Steps in the order in which they are made, notes, and what makes the file inapplicable."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """The differences, a line each. Two plans of the same words change the same."""
        return [each for step in self.steps for each in step.words]


def planned(file: ProgramFile, state: State, options: Options, now: datetime) -> Plan:
    """Compare a file with a program.

    Keeps what the file does not name, but for `options.prune`. Problems are told all at once, and
    then nothing is to be applied.
    """
    return _Planner(file, state, options, now).plan()


@dataclass
class _Planner:
    file: ProgramFile
    state: State
    options: Options
    now: datetime
    steps: list[Step] = field(default_factory=list)
    removals: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def plan(self) -> Plan:
        content = self.file.content
        people = _by_email(self.state.members)
        self._settings()
        open_channels = self._channels()
        self._campaigns()
        roles = self._roster(people)
        self._memberships(people, open_channels)
        if content.rewards is not None:
            self._rewards(open_channels)
        self._fulfillers(people, roles)
        self._check_managers(roles)
        return Plan((*self.steps, *self.removals), tuple(self.notes), tuple(self.problems))

    @property
    def zone(self) -> str:
        """The program's time zone once the file is applied."""
        return self.file.content.settings.time_zone or self.state.program.time_zone

    def _settings(self) -> None:
        was, settings = self.state.program, self.file.content.settings
        wanted = {name: getattr(settings, name) for name in SETTINGS}
        changes = {
            name: value
            for name, value in wanted.items()
            if value is not None and value != getattr(was, name)
        }
        if changes:
            words = [
                f"change {_label(name)} from {_shown(getattr(was, name))} to {_shown(value)}"
                for name, value in changes.items()
            ]
            self.steps.append(ChangeSettings(tuple(words), was, changes))

    # --- channels and campaigns -------------------------------------------------------------------

    def _channels(self) -> dict[str, str]:
        """Plan the channels; return the names of those that are open then, by normalized name."""
        wanted = self.file.content.channels
        found = _Named("channel", "channels", self.state.channels)
        for number, each in enumerate(wanted or ()):
            known = self._named(found, number, each.name, each.was, archived=each.archived)
            if known is None and each.archived is not True and found.is_new(each.name, each.was):
                words = (f"create the {each.kind} channel {_shown(each.name)}",)
                self.steps.append(CreateChannel(words, each.name, each.kind))
                found.open_after[normalized_name(each.name)] = each.name
            elif isinstance(known, Channel):
                self._check_kind(number, each, known)
                self._change(found, known, each.name, archived=each.archived)
        self._archive_unnamed(found, wanted)
        return found.open_after

    def _campaigns(self) -> None:
        wanted = self.file.content.campaigns
        found = _Named("campaign", "campaigns", self.state.campaigns)
        for number, each in enumerate(wanted or ()):
            known = self._named(found, number, each.name, each.was, archived=each.archived)
            if known is None and each.archived is not True and found.is_new(each.name, each.was):
                words = (f"create the campaign {_shown(each.name)}",)
                self.steps.append(CreateCampaign(words, each.name))
            elif known is not None:
                self._change(found, known, each.name, archived=each.archived)
        self._archive_unnamed(found, wanted)

    def _named(
        self, found: "_Named", number: int, name: str, was: str | None, *, archived: bool | None
    ) -> Channel | Campaign | None:
        """Return what a table of the file is about; None if it is to be made, or to be left."""
        known = found.open(name)
        earlier = found.open(was) if was else None
        if known and earlier and known is not earlier:
            self.problems.append(
                f"{self.file.at(found.table, number, 'was')}there is both a {found.kind} "
                f"{_shown(was)} and one named {_shown(name)}. Take `was` out, or rename one."
            )
            return None
        known = known or earlier
        if known:
            found.named.add(_id_of(known))
            return known
        before = found.archived(name)
        if before is None:
            return None
        found.left.add(normalized_name(name))
        if archived is False:
            found.named.add(_id_of(before))
            return before
        if archived is None:
            self.notes.append(
                f"{self.file.at(found.table, number)}the {found.kind} {_shown(name)} was archived "
                "and stays so. `archived = false` brings it back; or take it out of the file."
            )
        return None

    def _change(
        self, found: "_Named", known: Channel | Campaign, name: str, *, archived: bool | None
    ) -> None:
        words, renamed, moved = [], None, None
        thing = f"the {found.kind} {_shown(known.name)}"
        if known.name != name:
            words.append(f"rename {thing} to {_shown(name)}")
            renamed = name
        if archived is not None and archived != known.archived:
            words.append(f"{'archive' if archived else 'bring back'} {thing}")
            moved = archived
        if words:
            self.steps.append(_change_step(tuple(words), known, renamed, moved))
        found.open_after.pop(normalized_name(known.name), None)
        if not (known.archived if moved is None else moved):
            found.open_after[normalized_name(name)] = name

    def _check_kind(self, number: int, wanted: ChannelTable, known: Channel) -> None:
        if wanted.kind is not known.kind:
            self.problems.append(
                f"{self.file.at('channels', number, 'kind')}the channel {_shown(known.name)} is "
                f"{known.kind}, and stays so as long as it exists. Give the new one another name."
            )

    def _archive_unnamed(self, found: "_Named", wanted: Collection[object] | None) -> None:
        if wanted is None or not self.options.prune:
            return
        for each in found.all_open():
            if _id_of(each) not in found.named:
                words = (f"archive the {found.kind} {_shown(each.name)}",)
                self.removals.append(_change_step(words, each, None, archived=True))
                found.open_after.pop(normalized_name(each.name), None)

    # --- people -----------------------------------------------------------------------------------

    def _roster(self, people: Mapping[str, Member]) -> dict[str, tuple[Role, MemberStatus]]:
        """Plan the roster; return roles and states as they are then, by address."""
        after: dict[str, tuple[Role, MemberStatus]] = {
            each.email: (each.role, each.status)
            for each in people.values()
            if each.status is not MemberStatus.REMOVED
        }
        roster = self.file.content.roster
        for number, each in enumerate(roster or ()):
            self._person(number, each, people.get(each.email), after)
        if roster is not None and self.options.prune:
            named = {each.email for each in roster}
            for email in sorted(after.keys() - named):
                self._remove(people[email], after)
        return after

    def _person(
        self,
        number: int,
        wanted: PersonTable,
        known: Member | None,
        after: dict[str, tuple[Role, MemberStatus]],
    ) -> None:
        email = wanted.email
        if known is None:
            role = wanted.role or Role.MEMBER
            words = (f"invite {email} as a {role}",)
            self.steps.append(Invite(words, email, wanted.name, role))
            after[email] = role, MemberStatus.INVITED
        elif known.status is MemberStatus.REMOVED:
            left = "left the program by themselves" if known.left_at else "was removed"
            at = known.left_at or known.removed_at
            when = f" on {local_time(at, self.zone):%Y-%m-%d}" if at else ""
            if self.options.invite_again:
                role = wanted.role or Role.MEMBER
                words = (f"invite {email}, who {left}{when}, again as a {role}",)
                self.steps.append(InviteAgain(words, known, role))
                after[email] = role, MemberStatus.INVITED
            else:
                self.notes.append(
                    f"{self.file.at('roster', number)}{email} {left}{when} and is not invited "
                    "again. Take the address out of the file, or run this with --invite-again."
                )
        elif wanted.role is not None and wanted.role is not known.role:
            words = (f"make {email}, a {known.role}, a {wanted.role}",)
            self.steps.append(ChangeRole(words, known, wanted.role))
            after[email] = wanted.role, known.status

    def _remove(self, member: Member, after: dict[str, tuple[Role, MemberStatus]]) -> None:
        if member.status is MemberStatus.INVITED:
            words = f"take back the invitation of {member.email}"
        else:
            words = (
                f"REMOVE {member.email} ({member.name}, a {member.role}): they are signed out "
                "within a minute; points and history are kept"
            )
        self.removals.append(RemoveMember((words,), member))
        del after[member.email]

    def _check_managers(self, after: Mapping[str, tuple[Role, MemberStatus]]) -> None:
        had = any(
            each.role is Role.MANAGER and each.status is MemberStatus.ACTIVE
            for each in self.state.members
        )
        if had and (Role.MANAGER, MemberStatus.ACTIVE) not in after.values():
            self.problems.append(
                "This would leave the program without a manager who has signed in. Name one of "
                'them in the roster, with role = "manager".'
            )

    def _memberships(self, people: Mapping[str, Member], open_channels: Mapping[str, str]) -> None:
        channels = {normalized_name(each.name): each for each in _open(self.state.channels)}
        before = self._names_before(channels)
        joining: dict[str, list[str]] = {}
        leaving: list[Step] = []
        for number, person in enumerate(self.file.content.roster or ()):
            if person.channels is None:
                continue
            member = people.get(person.email)
            wanted = dict.fromkeys(map(normalized_name, person.channels))
            for position, name in enumerate(person.channels):
                self._check_channel(open_channels, name, "roster", number, "channels", position)
            if member and member.status is MemberStatus.REMOVED and not self.options.invite_again:
                continue
            mine = member.channels if member else frozenset()
            for name in wanted:
                channel = before.get(name)
                if name in open_channels and (channel is None or channel.channel_id not in mine):
                    joining.setdefault(name, []).append(person.email)
            if self.options.prune and member:
                leaving += _leaving(member, wanted, before)
        for name, emails in joining.items():
            words = tuple(
                f"add {email} to the channel {_shown(open_channels[name])}" for email in emails
            )
            self.steps.append(AddToChannel(words, name, tuple(emails)))
        self.removals = [*leaving, *self.removals]

    def _names_before(self, channels: Mapping[str, Channel]) -> dict[str, Channel]:
        """Return channels by the names that they have once the file is applied."""
        found = dict(channels)
        for step in self.steps:
            if isinstance(step, ChangeChannel):
                found.pop(normalized_name(step.was.name), None)
                if step.archived is not True:
                    found[normalized_name(step.name or step.was.name)] = step.was
        return found

    def _check_channel(self, open_channels: Mapping[str, str], name: str, *at: str | int) -> None:
        if normalized_name(name) not in open_channels:
            there_are = ", ".join(_shown(each) for each in open_channels.values()) or "none"
            self.problems.append(
                f"{self.file.at(*at)}there is no channel {_shown(name)}, or it is archived. There "
                f"are: {there_are}."
            )

    # --- rewards and those who fulfil them --------------------------------------------------------

    def _rewards(self, open_channels: Mapping[str, str]) -> None:
        rewards = self.file.content.rewards or ()
        switch = self.file.content.settings.rewards
        if not (self.state.program.rewards if switch is None else switch):
            if rewards:
                self.problems.append(
                    f"{self.file.at('rewards', 0)}the program has rewards switched off. Set "
                    "`rewards = true` in [settings], or take the rewards out of the file."
                )
            return
        named = {self._reward(number, each, open_channels) for number, each in enumerate(rewards)}
        for reward in self.state.rewards if self.options.prune else ():
            if reward.reward_id not in named and reward.state is not RewardState.ARCHIVED:
                words = (f"archive the reward {_shown(reward.title)}",)
                archived = {"state": RewardState.ARCHIVED}
                self.removals.append(ChangeReward(words, reward, archived, None))

    def _reward(
        self, number: int, wanted: RewardTable, open_channels: Mapping[str, str]
    ) -> str | None:
        """Plan one reward; return its id if the program has it."""
        for position, name in enumerate(wanted.channels or ()):
            self._check_channel(open_channels, name, "rewards", number, "channels", position)
        known = self._known_reward(number, wanted)
        times = self._times(number, wanted, known)
        if times is not None and isinstance(known, Reward):
            self._change_reward(number, wanted, known, times)
        elif times is not None and known is None:
            self._create_reward(wanted, times)
        return known.reward_id if isinstance(known, Reward) else None

    def _known_reward(self, number: int, wanted: RewardTable) -> Reward | bool | None:
        """Return the reward that a table is about; None if it is new, False if it is to be left."""
        for title in (wanted.title, wanted.was):
            if title is None:
                continue
            same = [
                each
                for each in self.state.rewards
                if normalized_name(each.title) == normalized_name(title)
            ]
            kept = [each for each in same if each.state is not RewardState.ARCHIVED]
            if len(kept) > 1:
                self.problems.append(
                    f"{self.file.at('rewards', number)}the program has {len(kept)} rewards called "
                    f"{_shown(title)}. Rename or archive all but one of them in the console."
                )
                return False
            if kept:
                return kept[0]
            if same and wanted.state is None:
                self.notes.append(
                    f"{self.file.at('rewards', number)}the reward {_shown(title)} was archived and "
                    'stays so. `state = "active"` brings it back; or take it out of the file.'
                )
                return False
            if same:
                return max(same, key=lambda each: each.reward_id)
        return None

    def _times(
        self, number: int, wanted: RewardTable, known: Reward | bool | None
    ) -> dict[str, datetime | None] | None:
        """Return the instants that the file sets; None if one of them cannot be."""
        found: dict[str, datetime | None] = {}
        was = known if isinstance(known, Reward) else None
        for name in ("starts_at", "ends_at"):
            text = getattr(wanted, name)
            if text is None:
                continue
            try:
                found[name] = parse_wall_clock_time(text, self.zone) if text else None
            except InvalidTime as error:
                at = self.file.at("rewards", number, name)
                self.problems.append(f"{at}{error.message}")
                return None
        kept = (was.starts_at, was.ends_at) if was else (None, None)
        starts, ends = found.get("starts_at", kept[0]), found.get("ends_at", kept[1])
        if (starts, ends) != kept:
            try:
                check_window(starts, ends, self.now, kept)
            except InvalidTime as error:
                name = error.code.partition(".")[0]
                at = self.file.at("rewards", number, name)
                self.problems.append(f"{at}`{name}`: {error.message}")
                return None
        return found

    def _create_reward(self, wanted: RewardTable, times: Mapping[str, datetime | None]) -> None:
        state = wanted.state or RewardState.ACTIVE
        if state is RewardState.ARCHIVED:
            return  # there is none, which is as good
        fields = {
            "title": wanted.title,
            "description": wanted.description or "",
            "price": wanted.price,
            "stock": _number(wanted.stock),
            "per_member": _number(wanted.per_member),
            "state": state,
            **_texts(times),
        }
        kind = "draft of a reward" if state is RewardState.DRAFT else "reward"
        words = (f"create the {kind} {_shown(wanted.title)} for {wanted.price} points",)
        channels = tuple(map(normalized_name, wanted.channels or ()))
        self.steps.append(CreateReward(words, fields, channels))

    def _change_reward(
        self, number: int, wanted: RewardTable, was: Reward, times: Mapping[str, datetime | None]
    ) -> None:
        given: dict[str, Any] = {
            "title": wanted.title,
            "description": wanted.description,
            "price": wanted.price,
            "state": wanted.state,
        }
        given = {name: value for name, value in given.items() if value is not None}
        given |= {
            name: _number(getattr(wanted, name))
            for name in ("stock", "per_member")
            if getattr(wanted, name) is not None
        }
        changes = {
            name: value for name, value in {**given, **times}.items() if value != getattr(was, name)
        }
        if (stock := changes.get("stock")) is not None and was.stock and stock < was.taken:
            self.problems.append(
                f"{self.file.at('rewards', number, 'stock')}{was.taken} pieces of "
                f"{_shown(was.title)} are taken already; the stock cannot be less."
            )
        thing = _shown(was.title)
        words = [
            f"change {_label(name)} of the reward {thing} from {self._reward_value(name, before)} "
            f"to {self._reward_value(name, value)}"
            for name, value in changes.items()
            for before in (getattr(was, name),)
        ]
        channels = self._changed_channels(wanted, was)
        if channels is not None:
            names = ", ".join(wanted.channels or ()) or "everybody"
            words.append(f"address the reward {thing} to {names}")
        if words:
            plain = changes | _texts({n: v for n, v in changes.items() if n in times})
            self.steps.append(ChangeReward(tuple(words), was, plain, channels))

    def _changed_channels(self, wanted: RewardTable, was: Reward) -> tuple[str, ...] | None:
        if wanted.channels is None:
            return None
        names = tuple(dict.fromkeys(map(normalized_name, wanted.channels)))
        opened = {normalized_name(each.name): each for each in _open(self.state.channels)}
        before = self._names_before(opened)
        ids = {before[name].channel_id for name in names if name in before}
        same = len(ids) == len(names) and ids == was.channel_ids
        return None if same else names

    def _reward_value(self, name: str, value: object) -> str:
        if value is None and name in ("stock", "per_member"):
            return UNLIMITED
        return _shown(value, self.zone)

    def _fulfillers(
        self,
        people: Mapping[str, Member],
        after: Mapping[str, tuple[Role, MemberStatus]],
    ) -> None:
        emails = self.file.content.settings.fulfillers
        if emails is None:
            return
        ready = set()
        for position, email in enumerate(emails):
            at = self.file.at("settings", "fulfillers", position)
            role, status = after.get(email, (None, None))
            if role is not Role.MANAGER:
                self.problems.append(f"{at}{email} is no manager, and only managers fulfil.")
            elif status is not MemberStatus.ACTIVE:
                self.notes.append(
                    f"{at}{email} fulfils redemptions once they have signed in: apply this again "
                    "then."
                )
            else:
                ready.add(email)
        named = self.state.program.fulfillers
        was = {email for email, each in people.items() if each.member_id in named}
        if ready != was:
            words = f"have {_listed(ready)} fulfil redemptions, instead of {_listed(was)}"
            self.steps.append(NameFulfillers((words,), self.state.program, frozenset(ready)))


@dataclass
class _Named:
    """Channels or campaigns of a program by name, and which of them the file names."""

    kind: str
    table: str
    things: Sequence[Channel] | Sequence[Campaign]
    named: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    open_after: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._open = {normalized_name(each.name): each for each in self.all_open()}
        self.open_after = {key: each.name for key, each in self._open.items()}

    def all_open(self) -> Iterator[Channel | Campaign]:
        return (each for each in self.things if not each.archived)

    def open(self, name: str) -> Channel | Campaign | None:
        return self._open.get(normalized_name(name))

    def archived(self, name: str) -> Channel | Campaign | None:
        """Return the youngest of those that are archived under a name."""
        key = normalized_name(name)
        same = [each for each in self.things if each.archived and normalized_name(each.name) == key]
        return max(same, key=_id_of, default=None)

    def is_new(self, name: str, was: str | None) -> bool:
        """Return whether a name is neither taken nor that of something left archived."""
        taken = self.open(name) or (was and self.open(was))
        return not taken and normalized_name(name) not in self.left


def _id_of(thing: Channel | Campaign) -> str:
    return thing.channel_id if isinstance(thing, Channel) else thing.campaign_id


def _change_step(
    words: tuple[str, ...],
    known: Channel | Campaign,
    name: str | None,
    archived: bool | None,
) -> Step:
    if isinstance(known, Channel):
        return ChangeChannel(words, known, name, archived)
    return ChangeCampaign(words, known, name, archived)


def _open(channels: Iterable[Channel]) -> list[Channel]:
    return [each for each in channels if not each.archived]


def _by_email(members: Iterable[Member]) -> dict[str, Member]:
    """Return members by address; those who were erased have none."""
    return {each.email: each for each in members if each.email != erased_address(each.member_id)}


def _leaving(
    member: Member, wanted: Collection[str], channels: Mapping[str, Channel]
) -> Iterator[Step]:
    """Yield what takes a member out of private channels that the file does not name for them.

    Public ones are the member's own choice.
    """
    for name, channel in sorted(channels.items()):
        private = channel.kind is ChannelKind.PRIVATE
        if private and channel.channel_id in member.channels and name not in wanted:
            words = (f"take {member.email} out of the channel {_shown(channel.name)}",)
            yield RemoveFromChannel(words, channel, member)


def _number(value: int | str | None) -> int | None:
    return None if value == UNLIMITED or value is None else int(value)


def _texts(times: Mapping[str, datetime | None]) -> dict[str, str | None]:
    return {name: each.isoformat() if each else None for name, each in times.items()}


_LABELS: Mapping[str, str] = {
    "name": "the program's name",
    "time_zone": "the time zone",
    "leaderboard": "the leaderboard",
    "rewards": "rewards",
    "disclosure": "the disclosure line",
    "managers_on_leaderboard": "managers on the leaderboard",
    "names_on_leaderboard": "names on the leaderboard",
    "content_disclosure": "TikTok's disclosure setting",
    "reuse_warning_above": "the limit that warns of reuse",
    "per_member": "the limit for each member",
    "starts_at": "the start",
    "ends_at": "the end",
}


def _label(name: str) -> str:
    return _LABELS.get(name, f"the {name}")


def _shown(value: object, zone: str = "UTC") -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "on" if value else "off"
        case RewardState():
            return value.value
        case datetime():
            return f"{local_time(value, zone):%Y-%m-%d %H:%M}"
        case str():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def _listed(emails: Collection[str]) -> str:
    return ", ".join(sorted(emails)) or "all managers"
