"""Problem codes of members and channels."""

from collections.abc import Collection, Mapping
from typing import Protocol

from chalicelib.foundation.problems import Code, invalid_field


class ProgramProblem(Code):
    CHANNEL_ARCHIVED = (409, "The channel is archived")
    ALREADY_A_MEMBER = (409, "This person is already in the program")
    MEMBER_REMOVED = (409, "This person was removed")
    LAST_MANAGER = (409, "A program needs a manager")
    ALREADY_IN_A_PROGRAM = (409, "You are in a program already")


FIELD_ERROR_CODES = frozenset(
    {
        *("unknown_time_zone", "unknown_member", "one_way_at_a_time", "invalid_email"),
        *("one_of_two", "invalid_base64", "empty_file", "too_many_lines", "no_email_column"),
        *("not_a_manager", "unknown_channel", "channel_archived"),
        *("alias_missing", "alias_taken"),
    }
)


class Archivable(Protocol):
    @property
    def archived(self) -> bool: ...


def require_open_channels(wanted: Collection[str], known: Mapping[str, Archivable]) -> None:
    """Refuse channels that something is newly addressed to and that are unknown or archived.

    Raises `invalid_request` on `channel_ids`: `unknown_channel` or `channel_archived`.
    """
    for channel_id in sorted(wanted):
        if channel_id not in known:
            raise invalid_field(
                "channel_ids", "unknown_channel", f"There is no channel {channel_id}."
            )
        if known[channel_id].archived:
            raise invalid_field(
                "channel_ids", "channel_archived", f"The channel {channel_id} is archived."
            )
