"""The notices table: members' boxes, programs' bulletins and plans. docs/data.md has its keys."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zlib import crc32

from pynamodb.attributes import (
    JSONAttribute,
    NumberAttribute,
    NumberSetAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.foundation.conflicts import change_by_rule
from chalicelib.foundation.sweeps import due_key, sweep_due_items
from chalicelib.foundation.table import (
    Database,
    LeanModel,
    Model,
    Read,
    StampedModel,
    Store,
)
from chalicelib.notifications.model import (
    DEFAULT_DIGEST_HOUR,
    FIRST_SLOTS,
    Bulletin,
    BulletinEntry,
    Claim,
    Frequency,
    MailSettings,
    Notice,
    NoticeBox,
    NoticeCategory,
    NoticeType,
    ProgramPlan,
    Refusal,
    ScanResult,
    Slot,
)

BOX, BULLETIN, PLAN, SLOT_SCAN = "box", "bulletin", "plan", "learned"
PROGRAMS_KEY = "programs"
SHARDS = 4
"""Parts in which due mails lie: as many functions send at once, each by turns of the programs."""

MAX_ATTEMPTS = 20
"""For an item that several workers write at once: the consumers of a program's events."""


def mail_queue_key(shard: int) -> str:
    """Return where the members of a shard lie whose mail is due."""
    return f"to_mail#{shard}"


def shard_of(member_id: str) -> int:
    return crc32(member_id.encode()) % SHARDS


class DueIndex(GlobalSecondaryIndex["BoxItem"]):
    """Sparse: members to be mailed, and programs to be looked at, by when."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_in = UnicodeAttribute(hash_key=True)
    due_key = UnicodeAttribute(range_key=True)


class DueItem(LeanModel):
    """An item as the index has it: its keys."""

    class Meta:
        table_name = "notices"

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    due_in = UnicodeAttribute(null=True)
    due_key = UnicodeAttribute(null=True)
    due_index = DueIndex()


class BoxItem(StampedModel, LeanModel):
    class Meta:
        table_name = "notices"

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    notices = JSONAttribute(null=True)
    marks = JSONAttribute(null=True)
    settings = JSONAttribute(null=True)
    refused = UnicodeAttribute(null=True)
    mailed_anew_from = UTCDateTimeAttribute(null=True)
    floor = JSONAttribute(null=True)
    claim = JSONAttribute(null=True)
    digested_at = UTCDateTimeAttribute(null=True)
    tries = NumberAttribute(null=True)
    moves = JSONAttribute(null=True)
    mail_at = UTCDateTimeAttribute(null=True)
    due_in = UnicodeAttribute(null=True)
    due_key = UnicodeAttribute(null=True)

    def to_box(self) -> NoticeBox:
        program_id, _, member_id = self.owner.partition("/")
        return NoticeBox(
            program_id=program_id,
            member_id=member_id,
            notices={each["id"]: _notice_from_dict(each) for each in self.notices or ()},
            marks=dict(self.marks or {}),
            settings=_settings_from_dict(self.settings or {}),
            refused=Refusal(self.refused) if self.refused else None,
            mailed_anew_from=self.mailed_anew_from,
            floor=(self.floor[0], self.floor[1]) if self.floor else None,
            mail_at=self.mail_at,
            claim=_claim_from_dict(self.claim) if self.claim else None,
            digested_at=self.digested_at,
            tries=int(self.tries or 0),
            moves=tuple((slot, _parse_instant(at)) for slot, at in self.moves or ()),
            version=int(self.version),
        )

    @classmethod
    def of(cls, box: NoticeBox) -> "BoxItem":
        due = box.mail_at
        return cls(
            box.owner,
            BOX,
            version=box.version,
            notices=[_notice_to_dict(each) for each in box.notices.values()] or None,
            marks=dict(box.marks) or None,
            settings=_settings_to_dict(box.settings) or None,
            refused=box.refused.value if box.refused else None,
            mailed_anew_from=box.mailed_anew_from,
            floor=list(box.floor) if box.floor else None,
            claim=_claim_to_dict(box.claim) if box.claim else None,
            digested_at=box.digested_at,
            tries=box.tries or None,
            moves=[[slot, at.isoformat()] for slot, at in box.moves] or None,
            mail_at=due,
            due_in=mail_queue_key(shard_of(box.member_id)) if due else None,
            due_key=due_key(box.program_id, due, box.member_id) if due else None,
        )


class BulletinItem(LeanModel):
    class Meta:
        table_name = "notices"

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    entries = JSONAttribute(null=True)

    def to_bulletin(self) -> Bulletin:
        entries = tuple(_entry_from_dict(each) for each in self.entries or ())
        return Bulletin(self.owner, entries, int(self.version))


class PlanItem(LeanModel):
    class Meta:
        table_name = "notices"

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    version = NumberAttribute()
    slots = UnicodeSetAttribute(null=True)
    moved = UnicodeSetAttribute(null=True)
    learned_from = UTCDateTimeAttribute(null=True)
    learning_walks = NumberAttribute(null=True)
    run_to = UTCDateTimeAttribute(null=True)
    due_at = UTCDateTimeAttribute(null=True)
    due_in = UnicodeAttribute(null=True)
    due_key = UnicodeAttribute(null=True)

    def to_plan(self) -> ProgramPlan:
        return ProgramPlan(
            program_id=self.owner,
            slots=frozenset(Slot.read(each) for each in self.slots or ()) or FIRST_SLOTS,
            moved=frozenset(Slot.read(each) for each in self.moved or ()),
            learned_from=self.learned_from,
            learning_walks=int(self.learning_walks or 0),
            run_to=self.run_to,
            due_at=self.due_at,
            version=int(self.version),
        )

    @classmethod
    def of(cls, plan: ProgramPlan) -> "PlanItem":
        due = plan.due_at
        return cls(
            plan.program_id,
            PLAN,
            version=plan.version,
            slots={str(each) for each in plan.slots},
            moved={str(each) for each in plan.moved} or None,
            learned_from=plan.learned_from,
            learning_walks=plan.learning_walks or None,
            run_to=plan.run_to,
            due_at=due,
            due_in=PROGRAMS_KEY if due else None,
            due_key=due_key(plan.program_id, due, PLAN) if due else None,
        )


class SlotScanItem(LeanModel):
    """The result of one walk: each chunk adds to it independently of the others."""

    class Meta:
        table_name = "notices"

    owner = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    round = UnicodeAttribute()
    walk = UnicodeAttribute()
    chunks = NumberAttribute()
    heard = NumberSetAttribute(null=True)
    slots = UnicodeSetAttribute(null=True)

    def to_scan_result(self) -> ScanResult:
        return ScanResult(
            round=self.round,
            walk=self.walk,
            chunks=int(self.chunks),
            heard=frozenset(int(each) for each in self.heard or ()),
            slots=frozenset(Slot.read(each) for each in self.slots or ()),
        )


class NoticeStore(Store):
    MODELS = (BoxItem, BulletinItem, PlanItem, SlotScanItem, DueItem)

    def box(self, program_id: str, member_id: str) -> NoticeBox:
        """Read a member's box, never behind; one that was never written is empty."""
        blank = NoticeBox(program_id, member_id)
        try:
            return self._database.get(BoxItem, blank.owner, BOX, consistent_read=True).to_box()
        except DoesNotExist:
            return blank

    def boxes(self, program_id: str, member_ids: Sequence[str]) -> dict[str, NoticeBox]:
        """Read the boxes of up to a hundred members, never behind: one call."""
        blank = {each: NoticeBox(program_id, each) for each in member_ids}
        keys = [(each.owner, BOX) for each in blank.values()]
        found = self._database.batch_get(BoxItem, keys, consistent_read=True)
        return blank | {box.member_id: box for box in (item.to_box() for item in found)}

    def read_of_notice_box(self, owner: str) -> Read[NoticeBox]:
        """Return the read of a box, to be made together with others."""
        return Read(BoxItem, (owner, BOX), BoxItem.to_box)

    def read_of_bulletin(self, program_id: str) -> Read[Bulletin]:
        """Likewise of a bulletin."""
        return Read(BulletinItem, (program_id, BULLETIN), BulletinItem.to_bulletin)

    def read_of_plan(self, program_id: str) -> Read[ProgramPlan]:
        """Likewise of a plan."""
        return Read(PlanItem, (program_id, PLAN), PlanItem.to_plan)

    def change_box(
        self,
        program_id: str,
        member_id: str,
        change: Callable[[NoticeBox], NoticeBox],
        known: NoticeBox | None = None,
    ) -> NoticeBox:
        """Change a box by a rule, which may be applied more than once; return what became of it.

        Two calls; one where it was read before (`known`); a change that changes nothing is not
        written. Raises `Conflict` if others always come in between.
        """
        return change_by_rule(
            partial(self.box, program_id, member_id),
            change,
            self.put_box,
            known=known,
            attempts=MAX_ATTEMPTS,
        )

    def put_box(self, was: NoticeBox, becomes: NoticeBox) -> NoticeBox | None:
        """Write a box if nothing changed since it was read; else None."""
        becomes = replace(becomes, version=was.version + 1)
        written = self._database.put(BoxItem.of(becomes), unchanged(BoxItem, was.version))
        return becomes if written else None

    def remove_box(self, program_id: str, member_id: str) -> None:
        self._database.delete(BoxItem(f"{program_id}/{member_id}", BOX))

    def bulletin(self, program_id: str) -> Bulletin:
        """Read a program's bulletin, never behind; one that was never written is empty."""
        try:
            item = self._database.get(BulletinItem, program_id, BULLETIN, consistent_read=True)
        except DoesNotExist:
            return Bulletin(program_id)
        return item.to_bulletin()

    def put_bulletin(self, was: Bulletin, entries: Sequence[BulletinEntry]) -> bool:
        """Write what is open; False if another worker did since it was read."""
        item = BulletinItem(
            was.program_id,
            BULLETIN,
            version=was.version + 1,
            entries=[_entry_to_dict(each) for each in entries] or None,
        )
        return self._database.put(item, unchanged(BulletinItem, was.version))

    def plan(self, program_id: str) -> ProgramPlan:
        """Read a program's plan, never behind; one that was never written is empty."""
        try:
            item = self._database.get(PlanItem, program_id, PLAN, consistent_read=True)
        except DoesNotExist:
            return ProgramPlan(program_id)
        return item.to_plan()

    def change_plan(
        self, program_id: str, change: Callable[[ProgramPlan], ProgramPlan]
    ) -> ProgramPlan:
        """Change a plan by a rule, as `change_box` does."""
        read = partial(self.plan, program_id)
        return change_by_rule(read, change, self._put_plan, attempts=MAX_ATTEMPTS)

    def _put_plan(self, was: ProgramPlan, becomes: ProgramPlan) -> ProgramPlan | None:
        becomes = replace(becomes, version=was.version + 1)
        written = self._database.put(PlanItem.of(becomes), unchanged(PlanItem, was.version))
        return becomes if written else None

    def scan_result(self, program_id: str) -> ScanResult:
        """Read what the latest walk that learned has learned, never behind."""
        try:
            item = self._database.get(SlotScanItem, program_id, SLOT_SCAN, consistent_read=True)
        except DoesNotExist:
            return ScanResult()
        return item.to_scan_result()

    def begin_slot_scan(self, program_id: str, round_: str, walk: str, chunks: int) -> None:
        """Begin a walk of a round: what a walk before it still learns is ignored."""
        item = SlotScanItem(program_id, SLOT_SCAN, round=round_, walk=walk, chunks=chunks)
        self._database.put(item)

    def add_scanned_slots(
        self, program_id: str, walk: str, number: int, slots: Iterable[Slot]
    ) -> None:
        """Note the slots of a chunk: one call; again changes nothing, nor does a walk of before."""
        texts = {str(each) for each in slots}
        self._database.update(
            SlotScanItem(program_id, SLOT_SCAN),
            [SlotScanItem.heard.add({number}), *([SlotScanItem.slots.add(texts)] if texts else [])],
            SlotScanItem.walk == walk,
        )

    def due_programs(self, now: datetime) -> Iterator[str]:
        """Yield programs whose members are to be looked at."""
        return due_keys(self._database, PROGRAMS_KEY, now)

    def due_members(self, shard: int, now: datetime) -> Iterator[tuple[str, str]]:
        """Yield (program id, member id) of members to be mailed, each program's in turn."""
        return due_member_keys(self._database, mail_queue_key(shard), now)


def due_keys(database: Database, due_in: str, now: datetime) -> Iterator[str]:
    """Yield the owners of what is due in one part of the index, each program's in turn."""

    def query(after: str, until: str, count: int) -> list[tuple[str, str]]:
        found = database.query(
            DueItem,
            due_in,
            DueIndex.due_key.between(after, until),
            limit=count,
            index=DueItem.due_index,
        )
        return [(str(item.due_key), item.owner) for item in found]

    return sweep_due_items(query, now)


def due_member_keys(database: Database, due_in: str, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield the same of members: program id, member id."""
    for owner in due_keys(database, due_in, now):
        program_id, _, member_id = owner.partition("/")
        yield program_id, member_id


def unchanged(model: type[Model], version: int) -> Condition:
    """Return the condition that an item has not been written since it was read."""
    item: Any = model
    unwritten: Condition = item.item.does_not_exist()
    return item.version == version if version else unwritten


def _parse_instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _notice_to_dict(notice: Notice) -> dict[str, Any]:
    flags = (
        ("read", notice.read),
        ("mailed", notice.mailed),
        ("dropped", notice.dropped),
        ("pushes", notice.pushes),
        ("pushed", notice.pushed),
    )
    values: dict[str, Any] = {
        "id": notice.notice_id,
        "what": notice.what.value,
        "at": notice.at.isoformat(),
        "thing": notice.thing_id,
        "title": notice.title,
        "number": notice.number,
        **{name: True for name, value in flags if value},
    }
    return {name: value for name, value in values.items() if value not in ("", 0)}


def _notice_from_dict(stored: Mapping[str, Any]) -> Notice:
    return Notice(
        notice_id=stored["id"],
        what=NoticeType(stored["what"]),
        at=_parse_instant(stored["at"]),
        thing_id=stored.get("thing", ""),
        title=stored.get("title", ""),
        number=int(stored.get("number", 0)),
        read=bool(stored.get("read")),
        mailed=bool(stored.get("mailed")),
        dropped=bool(stored.get("dropped")),
        pushes=bool(stored.get("pushes")),
        pushed=bool(stored.get("pushed")),
    )


def _settings_to_dict(settings: MailSettings) -> dict[str, Any]:
    if settings == MailSettings():
        return {}
    return {
        "kinds": {kind.value: each.value for kind, each in settings.chosen.items()},
        "hour": settings.hour,
        "weekday": settings.weekday,
        "language": settings.language,
    }


def _settings_from_dict(stored: Mapping[str, Any]) -> MailSettings:
    return MailSettings(
        chosen={
            NoticeCategory(kind): Frequency(each) for kind, each in stored.get("kinds", {}).items()
        },
        hour=int(stored.get("hour", DEFAULT_DIGEST_HOUR)),
        weekday=int(stored.get("weekday", 0)),
        language=stored.get("language", "en"),
    )


def _claim_to_dict(claim: Claim) -> dict[str, Any]:
    return {"id": claim.claim_id, "of": list(claim.notice_ids), "at": claim.at.isoformat()}


def _claim_from_dict(stored: Mapping[str, Any]) -> Claim:
    return Claim(stored["id"], tuple(stored["of"]), _parse_instant(stored["at"]))


def _entry_to_dict(entry: BulletinEntry) -> dict[str, Any]:
    return {
        "id": entry.activity_id,
        "title": entry.title,
        "opens": entry.opens_at.isoformat(),
        **({"ends": entry.ends_at.isoformat()} if entry.ends_at else {}),
        **({"channels": sorted(entry.channel_ids)} if entry.channel_ids else {}),
        "points": entry.points,
        **({} if entry.fresh else {"old": True}),
    }


def _entry_from_dict(stored: Mapping[str, Any]) -> BulletinEntry:
    return BulletinEntry(
        activity_id=stored["id"],
        title=stored["title"],
        opens_at=_parse_instant(stored["opens"]),
        ends_at=_parse_instant(stored["ends"]) if "ends" in stored else None,
        channel_ids=frozenset(stored.get("channels", ())),
        points=int(stored.get("points", 0)),
        fresh=not stored.get("old"),
    )
