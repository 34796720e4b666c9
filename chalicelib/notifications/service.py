"""Notices as members read them, and members' mail settings."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.table import Read
from chalicelib.foundation.values import dataclass
from chalicelib.notifications.model import (
    FIRST_SLOTS,
    Bulletin,
    Frequency,
    MailSettings,
    NoticeBox,
    NoticeCategory,
    Reader,
    Refusal,
    ShownNotice,
    Slot,
    shown_notices,
    with_added_slot,
    with_mail_scheduled,
    with_notices_read,
    with_slot_move,
    without_refusal,
)
from chalicelib.notifications.store import NoticeStore
from chalicelib.programs.service import ProgramService


@dataclass(frozen=True)
class NotificationOverview:
    """A member's notices and how they are mailed of them; `mails`: whether any are sent."""

    items: tuple[ShownNotice, ...]
    settings: MailSettings
    refused: Refusal | None
    mails: bool

    @property
    def unread(self) -> int:
        return sum(not each.read for each in self.items)


@dataclass(frozen=True)
class SettingsChanges:
    """Settings to change; those that are None stay. `mail_again` takes a refusal back."""

    kinds: Mapping[NoticeCategory, Frequency] | None = None
    hour: int | None = None
    weekday: int | None = None
    language: str | None = None
    mail_again: bool = False


class RefusalRecorder(Protocol):
    """Shows managers whose address takes no mails, as far as this needs it."""

    def clear_refusal(self, program_id: str, member_id: str, at: datetime) -> None: ...

    def note_refusal(self, program_id: str, member_id: str, name: str, at: datetime) -> None: ...


class NotificationService:
    def __init__(
        self,
        store: NoticeStore,
        programs: ProgramService,
        worklist: Callable[[], RefusalRecorder],
        clock: Clock,
        mails: Callable[[], bool],
    ) -> None:
        self._store = store
        self._programs = programs
        self._worklist = worklist
        self._clock = clock
        self._mails = mails

    def overview(self, caller: Caller) -> NotificationOverview:
        """Return the caller's notices, the latest first: one call, whatever there is."""
        beside = self._programs.program_read_unless_cached(caller.program_id)
        return self.overview_with_reads(caller, beside)[0]

    def overview_with_reads(
        self, caller: Caller, beside: Sequence[Read[Any]]
    ) -> tuple[NotificationOverview, Sequence[Any]]:
        """Return the same, and what is read beside it: one call."""
        mine = [
            self._store.read_of_notice_box(caller.owner),
            self._store.read_of_bulletin(caller.program_id),
        ]
        box, bulletin, *others = self._store.read_together([*mine, *beside])
        box = box or NoticeBox(caller.program_id, caller.member_id)
        bulletin = bulletin or Bulletin(caller.program_id)
        found = shown_notices(box, bulletin, _reader(caller), self._clock.now())
        return NotificationOverview(found, box.settings, box.refused, self._mails()), others

    def note_read(self, caller: Caller, notice_ids: Collection[str]) -> None:
        """Note that the caller saw notices; again changes nothing. Two calls.

        Ids of no notice of theirs are passed over, for it may have gone meanwhile.
        """
        box, bulletin = self._store.read_together(
            [
                self._store.read_of_notice_box(caller.owner),
                self._store.read_of_bulletin(caller.program_id),
            ]
        )
        open_now = bulletin or Bulletin(caller.program_id)
        reader, now = _reader(caller), self._clock.now()
        self._store.change_box(
            caller.program_id,
            caller.member_id,
            lambda box: with_notices_read(box, open_now, reader, notice_ids, now),
            box or NoticeBox(caller.program_id, caller.member_id),
        )

    def change_settings(self, caller: Caller, changes: SettingsChanges) -> NotificationOverview:
        """Change how the caller is mailed; what is None stays."""
        now = self._clock.now()

        def change(box: NoticeBox) -> NoticeBox:
            settings = box.settings.changed(changes.kinds or {})
            settings = replace(
                settings,
                hour=settings.hour if changes.hour is None else changes.hour,
                weekday=settings.weekday if changes.weekday is None else changes.weekday,
                language=changes.language or settings.language,
            )
            changed = replace(box, settings=settings)
            if changes.mail_again:
                changed = without_refusal(changed, now)
            # The next mail may be due at another time than before: whoever mails looks when.
            return (
                with_mail_scheduled(changed, now) if changed != box and self._mails() else changed
            )

        box = self._store.change_box(caller.program_id, caller.member_id, change)
        if changes.mail_again:
            self._clear_refusal_on_worklist(caller, now)
        if changes.hour is not None:
            slot = Slot(caller.chosen_zone, box.settings.hour)
            self.note_slot(caller.program_id, caller.member_id, slot)
        return self.overview(caller)

    def _clear_refusal_on_worklist(self, caller: Caller, now: datetime) -> None:
        """Take a member from the worklist, unless their next mail came back at this very moment."""
        worklist, (program_id, member_id) = self._worklist(), (caller.program_id, caller.member_id)
        worklist.clear_refusal(program_id, member_id, now)
        if self._store.box(program_id, member_id).refused:
            worklist.note_refusal(program_id, member_id, caller.name, now)

    def note_slot(self, program_id: str, member_id: str, slot: Slot) -> None:
        """Note a zone and hour at which a member of a program has their digest.

        Of one member's choosing a program is walked at `MAX_SLOT_MOVES` more times in a day at
        most; what they choose beyond that is learned with everybody's, and holds from the next day
        on.
        """
        plan = self._store.plan(program_id)
        if slot in FIRST_SLOTS or (slot in plan.slots and slot in plan.moved):
            return
        now = self._clock.now()
        box = self._store.change_box(
            program_id, member_id, lambda box: with_slot_move(box, slot, now)
        )
        if any(text == str(slot) for text, _ in box.moves):
            self._store.change_plan(program_id, lambda plan: with_added_slot(plan, slot, now))

    def personal_data(self, program_id: str, member_id: str) -> Mapping[str, Any]:
        """Return all that is kept here of a member, as plain values."""
        box = self._store.box(program_id, member_id)
        return {
            "notices": [
                {
                    "notice_id": each.notice_id,
                    "what": each.what.value,
                    "at": each.at.isoformat(),
                    "title": each.title,
                    "number": each.number,
                    "read": each.read,
                    "mailed": each.mailed,
                }
                for each in box.notices.values()
                if not each.dropped
            ],
            "activities_known": sorted(box.marks),
            "mails": {
                "hour": box.settings.hour,
                "weekday": box.settings.weekday,
                "language": box.settings.language,
                "kinds": {each.value: box.settings.of(each).value for each in NoticeCategory},
                "refused": box.refused.value if box.refused else None,
                "sent_again_since": box.mailed_anew_from and box.mailed_anew_from.isoformat(),
                "hours_chosen": [f"{slot} {at.isoformat()}" for slot, at in box.moves],
            },
        }

    def forget_member(self, program_id: str, member_id: str) -> None:
        """Remove all that is kept here of a member; again changes nothing."""
        self._store.remove_box(program_id, member_id)
        self._worklist().clear_refusal(program_id, member_id, self._clock.now())


def _reader(caller: Caller) -> Reader:
    return Reader(caller.channels, caller.tiktok, caller.is_manager)
