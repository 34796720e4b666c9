"""Events of the reports table: activities seen, exports requested."""

from collections.abc import Sequence
from typing import Any, ClassVar

from chalicelib.foundation.events import Change, Event, Payload
from chalicelib.foundation.values import dataclass

SEEN, EXPORT = "seen#", "export#"
SEEN_IDS = "activity_ids"
"""The set of those that an item of what a member saw has, by which it is told when it is full."""


@dataclass(frozen=True)
class ActivitiesSeen(Payload):
    """A member saw activities that they had not seen before within a month.

    Each of `sights` is the activity's id, `=`, and what the table holds of it.
    """

    TYPE: ClassVar[str] = "reports.ActivitiesSeen"
    member_id: str
    sights: tuple[str, ...]


@dataclass(frozen=True)
class ExportRequested(Payload):
    """A manager asked for a report as a file."""

    TYPE: ClassVar[str] = "reports.ExportRequested"
    export_id: str


def events_of(change: Change) -> Sequence[Event[Any]]:
    """Derive events from a change of the reports table."""
    after = change.after
    item = str(after.get("item", ""))
    program_id, _, rest = str(after.get("scope", "")).partition("/")
    if item.startswith(SEEN):
        names = sorted(after.keys() - change.before.keys() - {"scope", "item", SEEN_IDS})
        member_id = rest.removesuffix("#seen")
        sights = tuple(f"{name}={after[name]}" for name in names)
        return (change.event(program_id, ActivitiesSeen(member_id, sights)),) if sights else ()
    if item.startswith(EXPORT) and not change.before:
        program_id = program_id.removesuffix("#exports")
        requested = ExportRequested(item.removeprefix(EXPORT))
        return (change.event(program_id, requested),)
    return ()
