"""Use cases of channels: managers run them, members join and leave them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from chalicelib.audit.model import Kind, act
from chalicelib.foundation.acts import Act
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import MAX_ATTEMPTS, check_version, retry_conflicts
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import FieldError, Problem, ProblemCode, not_found
from chalicelib.foundation.table import Conflict
from chalicelib.foundation.values import dataclass
from chalicelib.programs.channels.store import AlreadyCreated, ChannelLimitReached, ChannelStore
from chalicelib.programs.model import (
    MAX_CHANNELS,
    MAX_CHANNELS_EVER,
    MAX_CHANNELS_OF_MEMBER,
    Channel,
    ChannelKind,
    ChannelMember,
    Member,
    MemberStatus,
)
from chalicelib.programs.problems import ProgramProblem
from chalicelib.programs.service import changed_meanwhile
from chalicelib.programs.store import NameTaken

_LIST_NAME = "channels"
MAX_PER_TRANSACTION = 49  # a transaction has 100 items: each member takes two, its audit entry two


@dataclass(frozen=True)
class ChannelWithMembership:
    """A channel, and whether the caller is in it."""

    channel: Channel
    joined: bool


class ChannelService:
    def __init__(self, store: ChannelStore, cursors: Cursors, clock: Clock) -> None:
        self._store = store
        self._cursors = cursors
        self._clock = clock

    def create(
        self, caller: Caller, name: str, kind: ChannelKind, made_id: str | None = None
    ) -> ChannelWithMembership:
        """Create a channel without members. Raises problems: `name_taken`, `limit_reached`."""
        channel_id = f"chn_{made_id}" if made_id else new_id("chn", self._clock.now())
        channel = Channel(caller.program_id, channel_id, name, kind, archived=False)
        try:
            self._store.create(channel)
        except AlreadyCreated:
            known = self._store.get(caller.program_id, channel_id)
            if known is None:
                raise
            return _with_membership(known, caller)
        except NameTaken:
            raise _name_taken(name) from None
        except ChannelLimitReached:
            raise _channel_limit_reached() from None
        return _with_membership(channel, caller)

    def channels(
        self, caller: Caller, limit: int, cursor: str | None
    ) -> Page[ChannelWithMembership]:
        """List channels, newest first: all of them for managers.

        Members see public channels and their own private ones, and no archived ones. One query:
        for members it reads all channels of the program, of which there are few.
        """

        def fetch(at: dict[str, Any], count: int) -> list[Channel]:
            page_size = count + 1 if caller.is_manager else MAX_CHANNELS_EVER
            walked = self._store.newest(caller.program_id, at.get("before"), page_size)
            return list(islice((each for each in walked if each.is_listed_for(caller)), count))

        page = self._cursors.page(
            caller.program_id,
            _LIST_NAME,
            cursor,
            limit,
            fetch=fetch,
            position_of=lambda last: {"before": last.channel_id},
        )
        return Page(tuple(_with_membership(each, caller) for each in page.items), page.next_cursor)

    @retry_conflicts("The channel keeps changing. Try again.")
    def change(
        self,
        caller: Caller,
        channel_id: str,
        *,
        name: str | None,
        archived: bool | None,
        version: int | None = None,
        expected: Channel | None = None,
    ) -> ChannelWithMembership:
        """Rename, archive or unarchive a channel; what is None stays.

        Its members stay in it. With a `version` it must have that, with `expected` be as it was
        there.

        Raises problems: `not_found`, `name_taken`, `limit_reached`, `changed_meanwhile` (with the
        `version` it has now).
        """
        was = self._channel(caller, channel_id)
        check_version("this channel", was.version, version)
        if expected is not None and was != expected:
            raise changed_meanwhile(f"the channel {was.name!r}")
        becomes = replace(
            was,
            name=was.name if name is None else name,
            archived=was.archived if archived is None else archived,
        )
        if becomes == was:
            return _with_membership(was, caller)
        becomes = replace(becomes, version=was.version + 1)
        try:
            self._store.change(was, becomes)
        except NameTaken:
            raise _name_taken(becomes.name) from None
        except ChannelLimitReached:
            raise _channel_limit_reached() from None
        return _with_membership(becomes, caller)

    def channel_members(
        self, caller: Caller, channel_id: str, limit: int, cursor: str | None
    ) -> Page[ChannelMember]:
        """List the members of a channel, the last invited first; removed people keep their place.

        One query, and one call more for an empty channel. Raises problems: `not_found`,
        `invalid_cursor`.
        """
        page = self._cursors.page(
            caller.program_id,
            f"{_LIST_NAME}/{channel_id}",
            cursor,
            limit,
            fetch=lambda at, count: self._store.channel_members(
                caller.program_id, channel_id, at.get("before"), count
            ),
            position_of=lambda last: {"before": last.member_id},
        )
        if not page.items:
            self._channel(caller, channel_id)
        return page

    def add_members(self, caller: Caller, channel_id: str, member_ids: Sequence[str]) -> None:
        """Add up to 100 members to a channel; those who are in it stay.

        All ids are checked before anybody is added; a failure after that leaves some added, and
        the same call again adds the rest. Raises problems: `not_found`, `channel_archived`,
        `invalid_request` naming each id that is no member's, `limit_reached`, `changed_meanwhile`.
        """
        channel = self._open_channel(caller, channel_id)
        wanted = list(dict.fromkeys(member_ids))
        known = self._store.members(caller.program_id, wanted)
        unknown = tuple(
            FieldError(f"member_ids.{number}", "unknown_member", "There is no such member.")
            for number, each in enumerate(member_ids)
            if each not in known or known[each].status is MemberStatus.REMOVED
        )
        if unknown:
            raise Problem(
                ProblemCode.INVALID_REQUEST, f"{len(unknown)} of these are not members.", unknown
            )
        full = [each for each in wanted if _has_max_channels(known[each], channel_id)]
        if full:
            raise _membership_limit_reached(known[full[0]])
        for start in range(0, len(wanted), MAX_PER_TRANSACTION):
            try:
                people = wanted[start : start + MAX_PER_TRANSACTION]
                new = [each for each in people if channel_id not in known[each].channels]
                self._store.add_members(
                    channel_id,
                    [known[each].as_channel_member() for each in people],
                    *_members_added_acts(channel, new),
                )
            except Conflict:
                raise Problem(
                    ProblemCode.CHANGED_MEANWHILE,
                    "One of them was just changed or joined another channel. Try again.",
                ) from None

    def remove_member(self, caller: Caller, channel_id: str, member_id: str) -> None:
        """Remove a member from a channel; a member who is not in it stays out.

        Raises the problem `not_found` for an unknown channel or member.
        """
        channel = self._channel(caller, channel_id)
        removed = _act(Kind.CHANNEL_MEMBER_REMOVED, channel, {"member": member_id}, {})
        try:
            self._store.remove_member(caller.program_id, channel_id, member_id, removed)
        except Conflict:
            # Not in the channel, or no member at all.
            if member_id not in self._store.members(caller.program_id, [member_id]):
                raise not_found("member") from None

    def join(self, caller: Caller, channel_id: str) -> None:
        """Add the caller to a public channel; managers also to private ones.

        Raises problems: `not_found`, also for a private channel the caller is not in;
        `channel_archived`, `limit_reached`, `changed_meanwhile`.
        """
        channel = self._channel(caller, channel_id)
        if channel_id in caller.channels:
            return
        if channel.archived:
            raise _channel_archived()
        shown = _as_channel_member(caller)
        joined = _act(Kind.CHANNEL_JOINED, channel, {}, {"member": caller.member_id})
        for _ in range(MAX_ATTEMPTS):
            try:
                self._store.join(channel_id, shown, joined)
            except Conflict:
                known = self._store.members(caller.program_id, [caller.member_id])
                member = known[caller.member_id]
                shown = self._check_may_join(member, channel_id)
                if channel_id in member.channels:
                    return  # since the caller was read
            else:
                return
        raise Problem(ProblemCode.CHANGED_MEANWHILE, "Your profile keeps changing. Try again.")

    def _check_may_join(self, member: Member, channel_id: str) -> ChannelMember:
        """Return what a channel shows of a member who has changed, if they still may join."""
        if member.status is not MemberStatus.ACTIVE:
            raise Problem(ProblemCode.NOT_A_MEMBER, "You have just been removed from the program.")
        if _has_max_channels(member, channel_id):
            raise _membership_limit_reached(member)
        return member.as_channel_member()

    def leave(self, caller: Caller, channel_id: str) -> None:
        """Remove the caller from a public channel; managers also from private ones.

        Raises problems: `not_found`, also for a private channel the caller is not in; `forbidden`
        for one that a manager has added them to.
        """
        channel = self._channel(caller, channel_id)
        if channel.kind is ChannelKind.PRIVATE and not caller.is_manager:
            raise Problem(
                ProblemCode.FORBIDDEN,
                "A manager added you to this channel; ask one to remove you.",
            )
        left = _act(Kind.CHANNEL_LEFT, channel, {"member": caller.member_id}, {})
        with suppress(Conflict):  # not in it: nothing to leave
            self._store.remove_member(caller.program_id, channel_id, caller.member_id, left)

    def _channel(self, caller: Caller, channel_id: str) -> Channel:
        channel = self._store.get(caller.program_id, channel_id)
        if channel is None or not channel.is_known_to(caller):
            raise not_found("channel")
        return channel

    def _open_channel(self, caller: Caller, channel_id: str) -> Channel:
        channel = self._channel(caller, channel_id)
        if channel.archived:
            raise _channel_archived()
        return channel


def _act(kind: Kind, channel: Channel, before: dict[str, object], after: dict[str, object]) -> Act:
    return act(kind, channel.program_id, channel.channel_id, before, after, title=channel.name)


def _members_added_acts(channel: Channel, member_ids: Sequence[str]) -> list[Act]:
    if not member_ids:
        return []
    return [_act(Kind.CHANNEL_MEMBERS_ADDED, channel, {}, {"members": member_ids})]


def _with_membership(channel: Channel, caller: Caller) -> ChannelWithMembership:
    return ChannelWithMembership(channel, channel.channel_id in caller.channels)


def _as_channel_member(caller: Caller) -> ChannelMember:
    return ChannelMember(
        program_id=caller.program_id,
        member_id=caller.member_id,
        email=caller.email,
        name=caller.name,
        role=caller.role,
        status=MemberStatus.ACTIVE,
    )


def _has_max_channels(member: Member, channel_id: str) -> bool:
    full = len(member.channels) >= MAX_CHANNELS_OF_MEMBER
    return full and channel_id not in member.channels


def _name_taken(name: str) -> Problem:
    return Problem(ProblemCode.NAME_TAKEN, f"There is already a channel named {name!r}.")


def _channel_limit_reached() -> Problem:
    return Problem(
        ProblemCode.LIMIT_REACHED,
        f"A program has at most {MAX_CHANNELS} channels, and {MAX_CHANNELS_EVER} with archived "
        "ones. Archive some, or rename and use again what you have.",
        members={"quota": "channels", "limit": MAX_CHANNELS},
    )


def _membership_limit_reached(member: Member) -> Problem:
    return Problem(
        ProblemCode.LIMIT_REACHED,
        f"{member.email} is in {MAX_CHANNELS_OF_MEMBER} channels, and cannot be in more.",
        members={"quota": "channels_of_member", "limit": MAX_CHANNELS_OF_MEMBER},
    )


def _channel_archived() -> Problem:
    return Problem(
        ProgramProblem.CHANNEL_ARCHIVED,
        "The channel is archived: nobody can join it. Unarchive it first.",
    )
