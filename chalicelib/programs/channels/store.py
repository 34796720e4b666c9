"""Channels in the programs table: see docs/data.md for their keys and what each access costs."""

from collections.abc import Iterator, Sequence

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition, size

from chalicelib.audit.model import Kind, act, select_fields
from chalicelib.foundation.acts import Act
from chalicelib.foundation.table import Delete, Part, Put, Store, Update
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
    CountedIdsItem,
    MemberItem,
    MembershipItem,
    UniquenessItem,
    channel_fields_unchanged,
    channel_key,
    channel_members_key,
    member_key,
    members_by_id,
    name_change_parts,
    of_version,
)

_THING_KIND = "channel"


class AlreadyCreated(Exception):
    """The channel of this id exists: the same request came before."""


class ChannelLimitReached(Exception):
    """The program has as many channels as it may have."""


class ChannelStore(Store):
    MODELS = (ChannelItem, CountedIdsItem, MemberItem, UniquenessItem, MembershipItem)

    def create(self, channel: Channel) -> None:
        """Create a channel. Raises `AlreadyCreated`, `NameTaken` or `ChannelLimitReached`."""
        ids, made = CountedIdsItem.ids, CountedIdsItem.made
        room = _below_channel_limit() & (made.does_not_exist() | (made < MAX_CHANNELS_EVER))
        self._database.commit(
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
                    AlreadyCreated,
                ),
                *name_change_parts(
                    _THING_KIND, channel.program_id, channel.channel_id, None, channel.name
                ),
                Update(
                    CountedIdsItem(channel.program_id, CHANNELS),
                    [ids.add({channel.channel_id}), made.add(1)],
                    room,
                    ChannelLimitReached,
                ),
                act(
                    Kind.CHANNEL_CREATED,
                    channel.program_id,
                    channel.channel_id,
                    after=select_fields(channel, ["name", "kind"]),
                    title=channel.name,
                ),
            ]
        )

    def get(self, program_id: str, channel_id: str) -> Channel | None:
        try:
            found = self._database.get(
                ChannelItem, program_id, channel_key(channel_id), consistent_read=True
            )
        except DoesNotExist:
            return None
        return found.to_channel()

    def newest(self, program_id: str, before: str | None, page_size: int) -> Iterator[Channel]:
        """Yield the channels created before the given one, newest first: a query a page.

        The given one is read with the first page and left out.
        """
        prefix, key = channel_key(""), ChannelItem.item
        earlier = key.between(prefix, channel_key(before)) if before else key.startswith(prefix)
        found = self._database.query(
            ChannelItem,
            program_id,
            earlier,
            scan_index_forward=False,
            consistent_read=True,
            page_size=page_size,
        )
        return (item.to_channel() for item in found if item.channel_id != before)

    def change(self, was: Channel, becomes: Channel) -> None:
        """Rename, archive or unarchive.

        Raises `NameTaken`, `ChannelLimitReached`, or `Conflict` if it changed since it was read.
        """
        parts: list[Part] = [
            Update(
                ChannelItem(was.program_id, channel_key(was.channel_id)),
                [
                    ChannelItem.name.set(becomes.name),
                    ChannelItem.archived.set(becomes.archived),
                    ChannelItem.version.set(becomes.version),
                ],
                ChannelItem.item.exists() & of_version(ChannelItem.version, was.version),
            ),
            *name_change_parts(
                _THING_KIND, was.program_id, was.channel_id, _open_name(was), _open_name(becomes)
            ),
        ]
        counted, one = CountedIdsItem(was.program_id, CHANNELS), {was.channel_id}
        if becomes.archived and not was.archived:
            parts.append(Update(counted, [CountedIdsItem.ids.delete(one)]))
        elif was.archived and not becomes.archived:
            added = [CountedIdsItem.ids.add(one)]
            parts.append(Update(counted, added, _below_channel_limit(), ChannelLimitReached))
        shown = ["name", "archived"]
        parts.append(
            act(
                Kind.CHANNEL_CHANGED,
                was.program_id,
                was.channel_id,
                select_fields(was, shown),
                select_fields(becomes, shown),
                title=becomes.name,
            )
        )
        self._database.commit(parts)

    def add_members(self, channel_id: str, members: Sequence[ChannelMember], *acts: Act) -> None:
        """Add up to 49 members to a channel, all or none; those who are in it stay.

        Raises `Conflict` if one of them was removed, is in too many channels, or has changed since
        they were read.
        """
        self._database.commit(
            [
                *(
                    part
                    for each in members
                    for part in _join_parts(channel_id, each, _may_join(channel_id))
                ),
                *acts,
            ]
        )

    def join(self, channel_id: str, member: ChannelMember, joined: Act) -> None:
        """Add a member to a channel that they are not in yet. Raises `Conflict` as above."""
        outside = ~MemberItem.channels.contains(channel_id)
        self._database.commit(
            [*_join_parts(channel_id, member, _may_join(channel_id) & outside), joined]
        )

    def remove_member(self, program_id: str, channel_id: str, member_id: str, *acts: Act) -> None:
        """Remove a member from a channel. Raises `Conflict` if there is no such member in it."""
        self._database.commit(
            [
                Update(
                    MemberItem(program_id, member_key(member_id)),
                    [MemberItem.channels.delete({channel_id})],
                    MemberItem.channels.contains(channel_id),
                ),
                Delete(
                    MembershipItem(
                        channel_members_key(program_id, channel_id), member_key(member_id)
                    )
                ),
                *acts,
            ]
        )

    def channel_members(
        self, program_id: str, channel_id: str, before: str | None, count: int
    ) -> Sequence[ChannelMember]:
        """List the members of a channel, the last invited first: one query."""
        earlier = MembershipItem.item < member_key(before) if before else None
        found = self._database.query(
            MembershipItem,
            channel_members_key(program_id, channel_id),
            earlier,
            scan_index_forward=False,
            consistent_read=True,
            limit=count,
        )
        return [item.to_channel_member() for item in found]

    def members(self, program_id: str, member_ids: Sequence[str]) -> dict[str, Member]:
        """Read up to 100 members of the program in one call, by id."""
        return members_by_id(self._database, program_id, member_ids)


def _join_parts(channel_id: str, member: ChannelMember, may: Condition) -> tuple[Part, Part]:
    return (
        Update(
            MemberItem(member.program_id, member_key(member.member_id)),
            [MemberItem.channels.add({channel_id})],
            may & channel_fields_unchanged(member),
        ),
        Put(MembershipItem.of(channel_id, member)),
    )


def _open_name(channel: Channel) -> str | None:
    return None if channel.archived else channel.name


def _below_channel_limit() -> Condition:
    room: Condition = CountedIdsItem.ids.does_not_exist() | (
        size(CountedIdsItem.ids) < MAX_CHANNELS
    )
    return room


def _may_join(channel_id: str) -> Condition:
    channels = MemberItem.channels
    room = channels.does_not_exist() | (size(channels) < MAX_CHANNELS_OF_MEMBER)
    here = MemberItem.status.is_in(MemberStatus.INVITED, MemberStatus.ACTIVE)
    may: Condition = here & (room | channels.contains(channel_id))
    return may
