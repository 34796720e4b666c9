"""Members' browsers and their pushes, and who a browser belongs to: items of the notices table."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import change_by_rule
from chalicelib.foundation.sweeps import due_key
from chalicelib.foundation.table import Database, LeanModel, Read, StampedModel, Store
from chalicelib.notifications.pushing.model import (
    Device,
    PushAttempt,
    PushBox,
    PushedVideo,
    PushStep,
    next_push_at,
)
from chalicelib.notifications.store import MAX_ATTEMPTS, DueItem, due_member_keys, unchanged

PUSHES, DEVICE_OWNER = "pushes", "holder"
TO_PUSH = "to_push"


class PushItem(StampedModel, LeanModel):
    class Meta:
        table_name = "notices"

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    devices = JSONAttribute(null=True)
    videos = JSONAttribute(null=True)
    due_in = UnicodeAttribute(null=True)
    due_key = UnicodeAttribute(null=True)

    def to_box(self) -> PushBox:
        program_id, _, member_id = self.owner.partition("/")
        devices = [_device_from_dict(each) for each in self.devices or ()]
        videos = [_video_from_dict(each) for each in self.videos or ()]
        return PushBox(
            program_id=program_id,
            member_id=member_id,
            devices={each.device_id: each for each in devices},
            videos={each.performance_id: each for each in videos},
            version=int(self.version),
        )


class DeviceOwnerItem(LeanModel):
    """The member a browser belongs to: of two who sign in on it, the later one."""

    class Meta:
        table_name = "notices"

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    holder = UnicodeAttribute()


class PushStore(Store):
    MODELS = (PushItem, DeviceOwnerItem, DueItem)

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database)
        self._clock = clock

    def box(self, program_id: str, member_id: str) -> PushBox:
        """Read a member's browsers, never behind; of one who has none it is empty."""
        blank = PushBox(program_id, member_id)
        try:
            return self._database.get(PushItem, blank.owner, PUSHES, consistent_read=True).to_box()
        except DoesNotExist:
            return blank

    def read_of_push_box(self, owner: str) -> Read[PushBox]:
        """Return the read of a box, to be made together with others."""
        return Read(PushItem, (owner, PUSHES), PushItem.to_box)

    def change(
        self,
        program_id: str,
        member_id: str,
        change: Callable[[PushBox], PushBox],
        known: PushBox | None = None,
    ) -> PushBox:
        """Change a box by a rule, which may be applied more than once; return what became of it.

        Two calls; one where it was read before (`known`); a change that changes nothing is not
        written. Raises `Conflict` if others always come in between.
        """
        read = partial(self.box, program_id, member_id)
        return change_by_rule(read, change, self.put, known=known, attempts=MAX_ATTEMPTS)

    def put(self, was: PushBox, becomes: PushBox) -> PushBox | None:
        """Write a box if nothing changed since it was read; else None."""
        becomes = replace(becomes, version=was.version + 1)
        written = self._database.put(self._item(becomes), unchanged(PushItem, was.version))
        return becomes if written else None

    def _item(self, box: PushBox) -> PushItem:
        at = next_push_at(box, self._clock.now())
        return PushItem(
            box.owner,
            PUSHES,
            version=box.version,
            devices=[_device_to_dict(each) for each in box.devices.values()] or None,
            videos=[_video_to_dict(each) for each in box.videos.values()] or None,
            due_in=TO_PUSH if at else None,
            due_key=due_key(box.program_id, at, box.member_id) if at else None,
        )

    def remove(self, program_id: str, member_id: str) -> None:
        self._database.delete(PushItem(f"{program_id}/{member_id}", PUSHES))

    def due_members(self, now: datetime) -> Iterator[tuple[str, str]]:
        """Yield (program id, member id) of members with pushes to send, each program's in turn."""
        return due_member_keys(self._database, TO_PUSH, now)

    # --- whose a browser is

    def holder(self, device_id: str) -> str | None:
        """Return `<program>/<member>` of whom a browser is."""
        try:
            found = self._database.get(
                DeviceOwnerItem, device_id, DEVICE_OWNER, consistent_read=True
            )
        except DoesNotExist:
            return None
        return str(found.holder)

    def set_device_owner(self, device_id: str, owner: str) -> None:
        """Make a browser a member's, whosever it was."""
        self._database.put(DeviceOwnerItem(device_id, DEVICE_OWNER, holder=owner))

    def remove_device_owner(self, device_id: str, owner: str) -> None:
        """Note that a browser is nobody's, if it is this member's."""
        self._database.delete(
            DeviceOwnerItem(device_id, DEVICE_OWNER), DeviceOwnerItem.holder == owner
        )


def _parse_instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _bytes_to_text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _device_to_dict(device: Device) -> dict[str, Any]:
    return {
        "id": device.device_id,
        "endpoint": device.endpoint,
        "p256dh": _bytes_to_text(device.p256dh),
        "auth": _bytes_to_text(device.auth),
        "key": device.key_id,
        "label": device.label,
        "language": device.language,
        "added": device.added_at.isoformat(),
        **({"failures": device.failures} if device.failures else {}),
    }


def _device_from_dict(stored: Mapping[str, Any]) -> Device:
    return Device(
        device_id=stored["id"],
        endpoint=stored["endpoint"],
        p256dh=base64.b64decode(stored["p256dh"]),
        auth=base64.b64decode(stored["auth"]),
        key_id=stored["key"],
        label=stored["label"],
        language=stored["language"],
        added_at=_parse_instant(stored["added"]),
        failures=int(stored.get("failures", 0)),
    )


def _video_to_dict(video: PushedVideo) -> dict[str, Any]:
    tried = [
        {"step": step.value, "to": device_id, "tries": each.tries}
        | ({"at": each.at.isoformat()} if each.at else {})
        for (step, device_id), each in video.tried.items()
    ]
    return {
        "id": video.performance_id,
        "since": video.since.isoformat(),
        **({"ended": True} if video.ended else {}),
        **({"tried": tried} if tried else {}),
    }


def _video_from_dict(stored: Mapping[str, Any]) -> PushedVideo:
    return PushedVideo(
        performance_id=stored["id"],
        since=_parse_instant(stored["since"]),
        ended=bool(stored.get("ended")),
        tried={
            (PushStep(each["step"]), each["to"]): PushAttempt(
                int(each["tries"]), _parse_instant(each["at"]) if "at" in each else None
            )
            for each in stored.get("tried", ())
        },
    )
