"""Events of uploads, derived from changes of the uploads table."""

from collections.abc import Sequence
from typing import Any, ClassVar

from chalicelib.foundation.events import Change, Event, Payload
from chalicelib.foundation.values import dataclass
from chalicelib.videos.model import DECIDED


@dataclass(frozen=True)
class UploadDecided(Payload):
    """An upload is `valid`, `rejected` or `expired`; `awaited` says that activities wait for it.

    The verdict itself is read from the table: `videos.service.Verdicts`.
    """

    TYPE: ClassVar[str] = "videos.UploadDecided"
    STEP: ClassVar[bool] = True
    upload_id: str
    status: str
    awaited: bool


def events_of(change: Change) -> Sequence[Event[Any]]:
    """Derive events from a change of the uploads table."""
    after, status = change.after, change.after.get("state")
    if status not in DECIDED or change.before.get("state") in DECIDED:
        return ()
    awaited = bool(after.get("waiting_activities"))
    decided = UploadDecided(after["upload_id"], str(status), awaited=awaited)
    return (change.event(after["program_id"], decided),)
