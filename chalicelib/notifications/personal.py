"""What the notices table keeps of a member: their notices, and how they are mailed."""

from collections.abc import Iterator

from chalicelib.foundation.personal import Person, Record, part
from chalicelib.foundation.table import Database
from chalicelib.notifications.service import NotificationService
from chalicelib.notifications.store import BoxItem


class NoticeKeeper:
    def __init__(self, database: Database, notifications: NotificationService) -> None:
        database.prepare(BoxItem)
        self._database = database
        self._notifications = notifications

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        yield from part("notices", self._database.records(BoxItem, person.owner))

    def erase(self, person: Person) -> bool:
        self._notifications.forget_member(person.program_id, person.member_id)
        return True
