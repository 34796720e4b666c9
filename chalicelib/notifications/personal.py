"""Personal data in the notices table: a member's notices, mail settings and browsers."""

import json
from collections.abc import Iterator

from chalicelib.foundation.personal import Person, Record, part
from chalicelib.foundation.table import Database
from chalicelib.notifications.pushing.service import PushService
from chalicelib.notifications.pushing.store import DEVICE_OWNER, PUSHES, DeviceOwnerItem, PushItem
from chalicelib.notifications.service import NotificationService
from chalicelib.notifications.store import BOX, BoxItem


class NoticePersonalData:
    def __init__(self, database: Database, notifications: NotificationService) -> None:
        database.register_models(BoxItem)
        self._database = database
        self._notifications = notifications

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        """Yield the box; for others without the marks, of which one says what was dismissed."""
        without = [BoxItem.marks.attr_name] if person.for_others else []
        yield from part("notices", self._database.raw_items(BoxItem, person.owner, BOX), *without)

    def erase(self, person: Person) -> bool:
        self._notifications.forget_member(person.program_id, person.member_id)
        return True


class DevicePersonalData:
    """The browsers that a member has pushes sent to. Their addresses and keys are secrets."""

    def __init__(self, database: Database, pushing: PushService) -> None:
        database.register_models(PushItem, DeviceOwnerItem)
        self._database = database
        self._pushing = pushing

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        for kept in self._database.raw_items(PushItem, person.owner, PUSHES):
            devices = [
                {name: each.get(name) for name in ("id", "label", "language", "added")}
                for each in json.loads(kept.get("devices") or "[]")
            ]
            yield from part("push_devices", [{**kept, "devices": devices}])
            for each in devices:
                holders = self._database.raw_items(DeviceOwnerItem, str(each["id"]), DEVICE_OWNER)
                mine = (found for found in holders if found["holder"] == person.owner)
                yield from part("push_devices", mine)

    def erase(self, person: Person) -> bool:
        self._pushing.forget_member(person.program_id, person.member_id)
        return True
