"""Channels in the programs table: see docs/data.md for their keys and what each access costs."""

from collections.abc import Iterator, Sequence

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition, size

from chalicelib.foundation.table import Delete, Part, Put, Update, bind, commit
from chalicelib.programs.model import (
    MAX_CHANNELS,
    MAX_CHANNELS_EVER,
    MAX_CHANNELS_OF_MEMBER,
    Channel,
    ChannelMember,
    Member,
    MemberStatus,
)
from chalicelib.programs.store import (
    CHANNELS,
    ChannelItem,
    CountItem,
    GuardItem,
    MemberItem,
    MembershipItem,
    channel_key,
    member_key,
    move_name,
    people_key,
    shows,
)

_KIND = "channel"


class AlreadyMade(Exception):
    """The channel of this id exists: the same request came before."""


class TooManyChannels(Exception):
    """The program has as many channels as it may have."""


class ChannelStore:
    def __init__(self, table_name: str) -> None:
        for model in (ChannelItem, CountItem, MemberItem, GuardItem, MembershipItem):
            bind(model, table_name)

    def create(self, channel: Channel) -> None:
        """Make a channel. Raises `AlreadyMade`, `NameTaken` or `TooManyChannels`."""
        ids, made = CountItem.ids, CountItem.made
        room = _room_for_one() & (made.does_not_exist() | (made < MAX_CHANNELS_EVER))
        commit(
            [
                Put(
                    ChannelItem(
                        channel.program_id,
                        channel_key(channel.channel_id),
                        channel_id=channel.channel_id,
                        name=channel.name,
                        kind=channel.kind.value,
                        archived=False,
                    ),
                    ChannelItem.item.does_not_exist(),
                    AlreadyMade,
                ),
                *move_name(_KIND, channel.program_id, channel.channel_id, None, channel.name),
                Update(
                    CountItem(channel.program_id, CHANNELS),
                    [ids.add({channel.channel_id}), made.add(1)],
                    room,
                    TooManyChannels,
                ),
            ]
        )

    def get(self, program_id: str, channel_id: str) -> Channel | None:
        try:
            found = ChannelItem.get(program_id, channel_key(channel_id), consistent_read=True)
        except DoesNotExist:
            return None
        return found.to_channel()

    def newest(self, program_id: str, before: str | None, page_size: int) -> Iterator[Channel]:
        """Walk the channels, newest first, those made before the given one: a query a page.

        The given one is read with the first page, and left out.
        """
        prefix, key = channel_key(""), ChannelItem.item
        earlier = key.between(prefix, channel_key(before)) if before else key.startswith(prefix)
        found = ChannelItem.query(
            program_id,
            earlier,
            scan_index_forward=False,
            consistent_read=True,
            page_size=page_size,
        )
        return (item.to_channel() for item in found if item.channel_id != before)

    def change(self, was: Channel, becomes: Channel) -> None:
        """Rename, archive or unarchive.

        Raises `NameTaken`, `TooManyChannels`, or `Conflict` if it is no longer what it was.
        """
        parts: list[Part] = [
            Update(
                ChannelItem(was.program_id, channel_key(was.channel_id)),
                [
                    ChannelItem.name.set(becomes.name),
                    ChannelItem.archived.set(becomes.archived),
                ],
                (ChannelItem.name == was.name) & (ChannelItem.archived == was.archived),
            ),
            *move_name(_KIND, was.program_id, was.channel_id, _open(was), _open(becomes)),
        ]
        counted, one = CountItem(was.program_id, CHANNELS), {was.channel_id}
        if becomes.archived and not was.archived:
            parts.append(Update(counted, [CountItem.ids.delete(one)]))
        elif was.archived and not becomes.archived:
            added = [CountItem.ids.add(one)]
            parts.append(Update(counted, added, _room_for_one(), TooManyChannels))
        commit(parts)

    def add(self, channel_id: str, members: Sequence[ChannelMember]) -> None:
        """Put up to 50 members into a channel, all or none; who is in it stays.

        Raises `Conflict` if one of them was removed, is in too many channels, or is no longer
        what was read.
        """
        commit(
            [
                part
                for each in members
                for part in (
                    Update(
                        MemberItem(each.program_id, member_key(each.member_id)),
                        [MemberItem.channels.add({channel_id})],
                        _may_enter(channel_id) & shows(each),
                    ),
                    Put(MembershipItem.of(channel_id, each)),
                )
            ]
        )

    def take_out(self, program_id: str, channel_id: str, member_id: str) -> None:
        """Take a member out of a channel. Raises `Conflict` if there is no such member."""
        commit(
            [
                Update(
                    MemberItem(program_id, member_key(member_id)),
                    [MemberItem.channels.delete({channel_id})],
                    MemberItem.member_id.exists(),
                ),
                Delete(MembershipItem(people_key(program_id, channel_id), member_key(member_id))),
            ]
        )

    def people(
        self, program_id: str, channel_id: str, before: str | None, count: int
    ) -> Sequence[ChannelMember]:
        """List who is in a channel, those invited last first: one query."""
        earlier = MembershipItem.item < member_key(before) if before else None
        found = MembershipItem.query(
            people_key(program_id, channel_id),
            earlier,
            scan_index_forward=False,
            consistent_read=True,
            limit=count,
        )
        return [item.to_channel_member() for item in found]

    def members(self, program_id: str, member_ids: Sequence[str]) -> dict[str, Member]:
        """Read up to 100 members of the program in one call, by id."""
        keys = [(program_id, member_key(each)) for each in member_ids]
        found = MemberItem.batch_get(keys, consistent_read=True)
        return {item.member_id: item.to_member() for item in found}


def _open(channel: Channel) -> str | None:
    return None if channel.archived else channel.name


def _room_for_one() -> Condition:
    room: Condition = CountItem.ids.does_not_exist() | (size(CountItem.ids) < MAX_CHANNELS)
    return room


def _may_enter(channel_id: str) -> Condition:
    channels = MemberItem.channels
    room = channels.does_not_exist() | (size(channels) < MAX_CHANNELS_OF_MEMBER)
    here = MemberItem.status.is_in(MemberStatus.INVITED.value, MemberStatus.ACTIVE.value)
    may: Condition = here & (room | channels.contains(channel_id))
    return may
