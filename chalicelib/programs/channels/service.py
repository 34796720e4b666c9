"""What managers do with channels, and members joining and leaving them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import FieldError, Problem, ProblemCode, not_found
from chalicelib.foundation.table import Conflict
from chalicelib.programs.channels.store import AlreadyMade, ChannelStore, TooManyChannels
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
from chalicelib.programs.store import NameTaken

_LIST = "channels"
_ATTEMPTS = 4
AT_ONCE = 50  # a transaction has 100 items, and each member takes two


@dataclass(frozen=True)
class JoinedChannel:
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
    ) -> JoinedChannel:
        """Make a channel, empty. Raises problems: `name_taken`, `limit_reached`."""
        channel_id = f"chn_{made_id}" if made_id else new_id("chn", self._clock.now())
        channel = Channel(caller.program_id, channel_id, name, kind, archived=False)
        try:
            self._store.create(channel)
        except AlreadyMade:
            known = self._store.get(caller.program_id, channel_id)
            if known is None:
                raise
            return _joined(known, caller)
        except NameTaken:
            raise _name_taken(name) from None
        except TooManyChannels:
            raise _too_many() from None
        return _joined(channel, caller)

    def channels(self, caller: Caller, limit: int, cursor: str | None) -> Page[JoinedChannel]:
        """List channels, newest first: all of them for managers.

        Members see public ones and the private ones they are in, and no archived ones. One query:
        for members it reads all channels of the program, of which there are few.
        """
        before = None
        if cursor is not None:
            before = str(self._cursors.read(caller.program_id, _LIST, cursor)["before"])
        page_size = limit + 2 if caller.is_manager else MAX_CHANNELS_EVER
        walked = self._store.newest(caller.program_id, before, page_size)
        found = list(islice((each for each in walked if each.listed_for(caller)), limit + 1))
        page = found[:limit]
        more = len(found) > limit
        last = {"before": page[-1].channel_id} if more else None
        return Page(
            tuple(_joined(each, caller) for each in page),
            self._cursors.make(caller.program_id, _LIST, last) if last else None,
        )

    def change(
        self, caller: Caller, channel_id: str, *, name: str | None, archived: bool | None
    ) -> JoinedChannel:
        """Rename, archive or unarchive a channel; what is None stays.

        Who is in it stays in it. Raises problems: `not_found`, `name_taken`, `limit_reached`,
        `changed_meanwhile`.
        """
        for _ in range(_ATTEMPTS):
            was = self._channel(caller, channel_id)
            becomes = replace(
                was,
                name=was.name if name is None else name,
                archived=was.archived if archived is None else archived,
            )
            if becomes == was:
                return _joined(was, caller)
            try:
                self._store.change(was, becomes)
            except NameTaken:
                raise _name_taken(becomes.name) from None
            except TooManyChannels:
                raise _too_many() from None
            except Conflict:
                continue
            return _joined(becomes, caller)
        raise Problem(ProblemCode.CHANGED_MEANWHILE, "The channel keeps changing. Try again.")

    def members(
        self, caller: Caller, channel_id: str, limit: int, cursor: str | None
    ) -> Page[ChannelMember]:
        """List who is in a channel, those invited last first; removed people keep their place.

        One query, of a channel with nobody in it one call more. Raises problems: `not_found`,
        `invalid_cursor`.
        """
        listing, before = f"{_LIST}/{channel_id}", None
        if cursor is not None:
            before = str(self._cursors.read(caller.program_id, listing, cursor)["before"])
        found = self._store.people(caller.program_id, channel_id, before, limit + 1)
        if not found:
            self._channel(caller, channel_id)
        page = tuple(found[:limit])
        last = {"before": page[-1].member_id} if len(found) > limit else None
        return Page(page, self._cursors.make(caller.program_id, listing, last) if last else None)

    def add(self, caller: Caller, channel_id: str, member_ids: Sequence[str]) -> None:
        """Put members into a channel, up to 100; who is in it stays.

        Who they are is looked at before anybody is put in; what breaks after that leaves some in,
        and the same call again puts in the rest. Raises problems: `not_found`,
        `channel_archived`, `invalid_request` naming each id that is no member's,
        `limit_reached`, `changed_meanwhile`.
        """
        self._open_channel(caller, channel_id)
        wanted = list(dict.fromkeys(member_ids))
        known = self._store.members(caller.program_id, wanted)
        unknown = tuple(
            FieldError(f"member_ids.{number}", "unknown_member", "There is no such member.")
            for number, each in enumerate(member_ids)
            if each not in known or known[each].status is MemberStatus.REMOVED
        )
        if unknown:
            raise Problem(
                ProblemCode.INVALID_REQUEST, f"{len(unknown)} of these are no members.", unknown
            )
        full = [each for each in wanted if _is_full(known[each], channel_id)]
        if full:
            raise _in_too_many(known[full[0]])
        for start in range(0, len(wanted), AT_ONCE):
            try:
                people = wanted[start : start + AT_ONCE]
                self._store.add(channel_id, [known[each].in_channel() for each in people])
            except Conflict:
                raise Problem(
                    ProblemCode.CHANGED_MEANWHILE,
                    "One of them was changed, or joined other channels, at this moment. Try again.",
                ) from None

    def take_out(self, caller: Caller, channel_id: str, member_id: str) -> None:
        """Take a member out of a channel; who is not in it stays out.

        Raises the problem `not_found` for a channel or member that there is not.
        """
        self._channel(caller, channel_id)
        try:
            self._store.take_out(caller.program_id, channel_id, member_id)
        except Conflict:
            raise not_found("member") from None

    def join(self, caller: Caller, channel_id: str) -> None:
        """Let the caller into a public channel; managers into any. Who is in it stays.

        Raises problems: `not_found`, also for a private channel one is not in;
        `channel_archived`, `limit_reached`, `changed_meanwhile`.
        """
        channel = self._channel(caller, channel_id)
        if channel_id in caller.channels:
            return
        if channel.archived:
            raise _archived()
        shown = _in_channel(caller)
        for _ in range(_ATTEMPTS):
            try:
                self._store.add(channel_id, [shown])
            except Conflict:
                known = self._store.members(caller.program_id, [caller.member_id])
                shown = self._still_may(known[caller.member_id], channel_id)
            else:
                return
        raise Problem(ProblemCode.CHANGED_MEANWHILE, "Your profile keeps changing. Try again.")

    def _still_may(self, member: Member, channel_id: str) -> ChannelMember:
        """Tell as what a member may join who is not what they were when they asked."""
        if member.status is not MemberStatus.ACTIVE:
            raise Problem(
                ProblemCode.NOT_A_MEMBER, "You were removed from the program at this moment."
            )
        if _is_full(member, channel_id):
            raise _in_too_many(member)
        return member.in_channel()

    def leave(self, caller: Caller, channel_id: str) -> None:
        """Let the caller out of a public channel; managers out of any. Who is not in it stays out.

        Raises problems: `not_found`, also for a private channel one is not in; `forbidden` for
        one a manager has put them into.
        """
        channel = self._channel(caller, channel_id)
        if channel.kind is ChannelKind.PRIVATE and not caller.is_manager:
            raise Problem(
                ProblemCode.FORBIDDEN,
                "A manager has put you into this channel; ask one to take you out.",
            )
        self._store.take_out(caller.program_id, channel_id, caller.member_id)

    def _channel(self, caller: Caller, channel_id: str) -> Channel:
        channel = self._store.get(caller.program_id, channel_id)
        if channel is None or not channel.admits(caller):
            raise not_found("channel")
        return channel

    def _open_channel(self, caller: Caller, channel_id: str) -> Channel:
        channel = self._channel(caller, channel_id)
        if channel.archived:
            raise _archived()
        return channel


def _joined(channel: Channel, caller: Caller) -> JoinedChannel:
    return JoinedChannel(channel, channel.channel_id in caller.channels)


def _in_channel(caller: Caller) -> ChannelMember:
    return ChannelMember(
        program_id=caller.program_id,
        member_id=caller.member_id,
        email=caller.email,
        name=caller.name,
        role=caller.role,
        status=MemberStatus.ACTIVE,
    )


def _is_full(member: Member, channel_id: str) -> bool:
    full = len(member.channels) >= MAX_CHANNELS_OF_MEMBER
    return full and channel_id not in member.channels


def _name_taken(name: str) -> Problem:
    return Problem(ProblemCode.NAME_TAKEN, f"There is a channel named {name!r} already.")


def _too_many() -> Problem:
    return Problem(
        ProblemCode.LIMIT_REACHED,
        f"A program has at most {MAX_CHANNELS} channels, and {MAX_CHANNELS_EVER} with archived "
        "ones. Archive some, or rename and use again what you have.",
        members={"limit": MAX_CHANNELS},
    )


def _in_too_many(member: Member) -> Problem:
    return Problem(
        ProblemCode.LIMIT_REACHED,
        f"{member.email} is in {MAX_CHANNELS_OF_MEMBER} channels, and cannot be in more.",
        members={"limit": MAX_CHANNELS_OF_MEMBER},
    )


def _archived() -> Problem:
    return Problem(
        ProblemCode.CHANNEL_ARCHIVED,
        "The channel is archived: nobody joins it any more. Unarchive it first.",
    )
