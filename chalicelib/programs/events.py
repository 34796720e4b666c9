"""Events of programs and their members, derived from changes of the programs table."""

from collections.abc import Sequence
from typing import Any, ClassVar

from chalicelib.foundation.events import Change, Event, Payload
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import MemberStatus

SETTING_FIELDS = (
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
LEADERBOARD_FIELDS = ("name", "role", "shown_as", "alias")
DETAIL_FIELDS = ("channels", "tiktok", "mail", "invited_at", "time_zone")


@dataclass(frozen=True)
class ProgramCreated(Payload):
    TYPE: ClassVar[str] = "programs.ProgramCreated"


@dataclass(frozen=True)
class ProgramChanged(Payload):
    """Settings of a program changed; `settings` are their names."""

    TYPE: ClassVar[str] = "programs.ProgramChanged"
    settings: tuple[str, ...]


@dataclass(frozen=True)
class MemberInvited(Payload):
    """A person was invited, for the first time or again after their removal."""

    TYPE: ClassVar[str] = "programs.MemberInvited"
    member_id: str
    role: str


@dataclass(frozen=True)
class MemberJoined(Payload):
    """An invited person signed in for the first time."""

    TYPE: ClassVar[str] = "programs.MemberJoined"
    member_id: str
    role: str


@dataclass(frozen=True)
class MemberChanged(Payload):
    """An active member's name, role or place on leaderboards changed; `attributes` says which."""

    TYPE: ClassVar[str] = "programs.MemberChanged"
    member_id: str
    role: str
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class MemberDetailsChanged(Payload):
    """A member's channels, TikTok account, zone or mail changed; `attributes` says which."""

    TYPE: ClassVar[str] = "programs.MemberDetailsChanged"
    member_id: str
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class MemberRemoved(Payload):
    """A member was removed; with `has_tiktok` their TikTok account is still to be released."""

    TYPE: ClassVar[str] = "programs.MemberRemoved"
    member_id: str
    role: str
    has_tiktok: bool


def events_of(change: Change) -> Sequence[Event[Any]]:
    """Derive events from a change of the programs table."""
    after = change.after
    item = str(after.get("item", ""))
    if item == "program":
        return _program_events(change)
    # Under the same key lies a channel's copy of a member, which has no status.
    if item.startswith("member#") and "status" in after:
        return _member_events(change)
    return ()


def _program_events(change: Change) -> Sequence[Event[Any]]:
    program_id = change.after["program_id"]
    if not change.before:
        return (change.event(program_id, ProgramCreated()),)
    settings = change.changed_attributes(*SETTING_FIELDS)
    return (change.event(program_id, ProgramChanged(settings)),) if settings else ()


def _member_events(change: Change) -> Sequence[Event[Any]]:
    after = change.after
    program_id, member_id, role = after["program_id"], after["member_id"], after["role"]
    was, status = change.before.get("status"), after["status"]
    if status != was:
        match MemberStatus(status):
            case MemberStatus.INVITED:
                return (change.event(program_id, MemberInvited(member_id, role)),)
            case MemberStatus.ACTIVE:
                return (change.event(program_id, MemberJoined(member_id, role)),)
            case MemberStatus.REMOVED:
                has_tiktok = "release_in" in after
                removed = MemberRemoved(member_id, role, has_tiktok=has_tiktok)
                return (change.event(program_id, removed),)
    found: list[Event[Any]] = []
    attributes, details = (
        change.changed_attributes(*LEADERBOARD_FIELDS),
        change.changed_attributes(*DETAIL_FIELDS),
    )
    if attributes and status == MemberStatus.ACTIVE:
        found.append(change.event(program_id, MemberChanged(member_id, role, attributes)))
    if details:
        found.append(change.event(program_id, MemberDetailsChanged(member_id, details)))
    return found
