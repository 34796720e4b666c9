"""The rewards table, and pictures in S3: docs/data.md has the keys and what each access costs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import (
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from chalicelib.audit.model import Kind, act, select_fields
from chalicelib.foundation.acts import Act
from chalicelib.foundation.mapping import EnumAttribute, FrozenSetAttribute, to_model
from chalicelib.foundation.table import (
    Conflict,
    Delete,
    Model,
    Part,
    Put,
    Read,
    StampedModel,
    Store,
    Update,
)
from chalicelib.foundation.values import dataclass
from chalicelib.rewards.model import (
    FORM_LIFETIME,
    MAX_REWARDS,
    AlreadyCreated,
    MemberLimitReached,
    OutOfStock,
    Picture,
    Redemption,
    RedemptionStatus,
    Reward,
    RewardState,
    StockBelowTaken,
    TooManyRewards,
)
from chalicelib.rewards.pictures import MAX_BYTES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CATALOGUE_KEY = "catalogue"
_REWARD_PREFIX, _REDEMPTION_PREFIX, _TAKEN_PREFIX = "reward#", "redemption#", "taken#"
_PICTURE_PREFIX = "picture#"


class Listed(GlobalSecondaryIndex["RewardItem"]):
    """Sparse: rewards that are not archived, and apart from them those that are."""

    class Meta:
        index_name = "listed"
        projection = AllProjection()

    listed_in = UnicodeAttribute(hash_key=True)
    reward_id = UnicodeAttribute(range_key=True)


class RewardItem(StampedModel):
    class Meta:
        table_name = "rewards"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    reward_id = UnicodeAttribute()
    listed_in = UnicodeAttribute()
    state = EnumAttribute(RewardState)
    title = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    price = NumberAttribute()
    stock = NumberAttribute(null=True)
    stock_id = UnicodeAttribute(null=True)
    taken = NumberAttribute(null=True)
    per_member = NumberAttribute(null=True)
    starts_at = UTCDateTimeAttribute(null=True)
    ends_at = UTCDateTimeAttribute(null=True)
    time_zone = UnicodeAttribute()
    channel_ids = FrozenSetAttribute(null=True)
    picture_key = UnicodeAttribute(null=True)
    picture_type = UnicodeAttribute(null=True)
    picture_width = NumberAttribute(null=True)
    picture_height = NumberAttribute(null=True)
    created_by = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()
    version = NumberAttribute()
    listed = Listed()

    def to_reward(self) -> Reward:
        picture = (
            Picture(
                self.picture_key,
                self.picture_type,
                int(self.picture_width),
                int(self.picture_height),
            )
            if self.picture_key
            else None
        )
        description = self.description or ""
        return to_model(self, Reward, program_id=self.key, description=description, picture=picture)


class ByMember(GlobalSecondaryIndex["RedemptionItem"]):
    class Meta:
        index_name = "by_member"
        projection = AllProjection()

    owner = UnicodeAttribute(hash_key=True)
    redemption_id = UnicodeAttribute(range_key=True)


class ByStatus(GlobalSecondaryIndex["RedemptionItem"]):
    """A program's redemptions by status, each from when it has had it."""

    class Meta:
        index_name = "by_status"
        projection = AllProjection()

    status_in = UnicodeAttribute(hash_key=True)
    status_since = UnicodeAttribute(range_key=True)


class RedemptionItem(StampedModel):
    class Meta:
        table_name = "rewards"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    redemption_id = UnicodeAttribute()
    owner = UnicodeAttribute()
    member_id = UnicodeAttribute()
    member_name = UnicodeAttribute()
    reward_id = UnicodeAttribute()
    title = UnicodeAttribute()
    price = NumberAttribute()
    state = EnumAttribute(RedemptionStatus)
    stock_id = UnicodeAttribute(null=True)
    requested_at = UTCDateTimeAttribute()
    decided_at = UTCDateTimeAttribute(null=True)
    decided_by = UnicodeAttribute(null=True)
    note = UnicodeAttribute(null=True)
    code = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    member_removed = BooleanAttribute(null=True)
    status_in = UnicodeAttribute()
    status_since = UnicodeAttribute()
    by_member = ByMember()
    by_status = ByStatus()

    def to_redemption(self) -> Redemption:
        return to_model(self, Redemption, program_id=self.key, status=self.state)


class TakenItem(Model):
    """The number of pieces of a reward that a member has requested and not got refunded."""

    class Meta:
        table_name = "rewards"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    taken = NumberAttribute(null=True)


class RewardIdsItem(Model):
    """The ids of a program's rewards that are not archived: there may not be too many."""

    class Meta:
        table_name = "rewards"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    ids = UnicodeSetAttribute(null=True)


class PictureItem(StampedModel):
    """A picture's file in S3: while a reward shows it, and for a day until one does.

    Once it goes, by an edit or because the day is over, the stream has the file removed.
    """

    class Meta:
        table_name = "rewards"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    picture_file = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)


@dataclass(frozen=True)
class PagePosition:
    """The start of a page of redemptions: a time, and the id of the last one before it."""

    since: datetime
    redemption_id: str

    @property
    def key(self) -> str:
        return _since_key(self.since, self.redemption_id)


_AUDITED_FIELDS = (
    *("state", "title", "description", "price", "stock", "per_member", "starts_at", "ends_at"),
    "channel_ids",
)


def _act(kind: Kind, was: Reward | None, becomes: Reward) -> Act:
    def shown(reward: Reward) -> dict[str, object]:
        picture = reward.picture.key.rpartition("/")[2] if reward.picture else None
        return {**select_fields(reward, _AUDITED_FIELDS), "picture": picture}

    return act(
        kind,
        becomes.program_id,
        becomes.reward_id,
        shown(was) if was else {},
        shown(becomes),
        title=becomes.title,
    )


class RewardStore(Store):
    MODELS = (RewardItem, RedemptionItem, TakenItem, RewardIdsItem, PictureItem)

    def note_picture(self, program_id: str, key: str, until: datetime) -> None:
        """Note a picture's file before it is written: it goes `until` then unless it is used."""
        item = PictureItem(
            program_id, _PICTURE_PREFIX + key, picture_file=key, expires_at=int(until.timestamp())
        )
        self._database.put(item)

    def create(self, reward: Reward) -> None:
        """Create a reward. Raises `AlreadyCreated` or `TooManyRewards`."""
        item = RewardItem(
            reward.program_id,
            _REWARD_PREFIX + reward.reward_id,
            reward_id=reward.reward_id,
            created_by=reward.created_by,
            created_at=reward.created_at,
            **_stored_fields(reward),
        )
        archived = reward.state is RewardState.ARCHIVED
        self.commit(
            [
                Put(item, RewardItem.item.does_not_exist(), AlreadyCreated),
                *(() if archived else (self._add_to_catalogue(reward),)),
                *_picture_parts(reward.program_id, None, reward.picture),
                _act(Kind.REWARD_CREATED, None, reward),
            ]
        )

    def change(self, was: Reward, becomes: Reward) -> None:
        """Write what a manager changed; how many are taken moves meanwhile and stays.

        Raises `Conflict` if another manager changed it since it was read, `StockBelowTaken`,
        `TooManyRewards` for one that is brought back.
        """
        before, after = _stored_fields(was), _stored_fields(becomes)
        actions: list[Action] = []
        for name, value in after.items():
            if value != before[name]:
                attribute = getattr(RewardItem, name)
                actions.append(attribute.remove() if value is None else attribute.set(value))
        anew = becomes.stock_id != was.stock_id
        if anew:
            actions.append(RewardItem.taken.remove())
        item = RewardItem(was.program_id, _REWARD_PREFIX + was.reward_id)
        parts: list[Part] = [Update(item, actions, RewardItem.version == was.version)]
        if becomes.stock is not None and not anew:
            taken = RewardItem.taken
            enough: Condition = taken.does_not_exist() | (taken <= becomes.stock)
            # One update, two conditions: which of them does not hold is told by looking again.
            parts = [
                Update(item, actions, (RewardItem.version == was.version) & enough, StockBelowTaken)
            ]
        archived = becomes.state is RewardState.ARCHIVED
        if archived is not (was.state is RewardState.ARCHIVED):
            parts.append(
                self._remove_from_catalogue(becomes)
                if archived
                else self._add_to_catalogue(becomes)
            )
        parts += _picture_parts(was.program_id, was.picture, becomes.picture)
        self.commit([*parts, _act(Kind.REWARD_CHANGED, was, becomes)])

    def _add_to_catalogue(self, reward: Reward) -> Update:
        ids = RewardIdsItem.ids
        room: Condition = ids.does_not_exist() | (size(ids) < MAX_REWARDS)
        item = RewardIdsItem(reward.program_id, _CATALOGUE_KEY)
        return Update(item, [ids.add({reward.reward_id})], room, TooManyRewards)

    def _remove_from_catalogue(self, reward: Reward) -> Update:
        item = RewardIdsItem(reward.program_id, _CATALOGUE_KEY)
        return Update(item, [RewardIdsItem.ids.delete({reward.reward_id})])

    def get(
        self, program_id: str, reward_id: str, beside: Sequence[Read[Any]] = ()
    ) -> Reward | None:
        """Read a reward, never behind, and what is to be read beside it: one call."""
        if beside:
            found: Reward | None
            found, *_ = self.read_together([self.read_of_reward(program_id, reward_id), *beside])
            return found
        try:
            item = self._database.get(
                RewardItem, program_id, _REWARD_PREFIX + reward_id, consistent_read=True
            )
        except DoesNotExist:
            return None
        return item.to_reward()

    def read_of_reward(self, program_id: str, reward_id: str) -> Read[Reward]:
        return Read(RewardItem, (program_id, _REWARD_PREFIX + reward_id), RewardItem.to_reward)

    def read_of_taken(self, owner: str, reward_id: str) -> Read[int]:
        """Return the read of how many of a reward a member has asked for."""
        return Read(
            TakenItem, (owner, _TAKEN_PREFIX + reward_id), lambda item: int(item.taken or 0)
        )

    def read_of_redemption(self, program_id: str, redemption_id: str) -> Read[Redemption]:
        key = program_id, _REDEMPTION_PREFIX + redemption_id
        return Read(RedemptionItem, key, RedemptionItem.to_redemption)

    def rewards(
        self, program_id: str, *, archived: bool, before: str | None = None, count: int
    ) -> Sequence[Reward]:
        """List rewards, newest first: one query. It follows the table by milliseconds."""
        earlier = RewardItem.reward_id < before if before else None
        found = self._database.query(
            RewardItem,
            _list_key(program_id, archived=archived),
            earlier,
            index=RewardItem.listed,
            scan_index_forward=False,
            limit=count,
            page_size=count,
        )
        return [item.to_reward() for item in found]

    # --- redemptions ----------------------------------------------------------------------------

    def redemption(self, program_id: str, redemption_id: str) -> Redemption | None:
        """Read a redemption, never behind."""
        try:
            item = self._database.get(
                RedemptionItem, program_id, _REDEMPTION_PREFIX + redemption_id, consistent_read=True
            )
        except DoesNotExist:
            return None
        return item.to_redemption()

    def add_redemption(self, redemption: Redemption, reward: Reward) -> list[Part]:
        """Parts: take a piece of a reward for a member, and note their request.

        Their conditions fail with `OutOfStock`, `MemberLimitReached` and `Conflict`. A limited
        stock is one item that all redemptions write to; an unlimited one nobody writes to.
        """
        item = RedemptionItem(
            redemption.program_id,
            _REDEMPTION_PREFIX + redemption.redemption_id,
            redemption_id=redemption.redemption_id,
            owner=redemption.owner,
            member_id=redemption.member_id,
            member_name=redemption.member_name,
            reward_id=redemption.reward_id,
            title=redemption.title,
            price=redemption.price,
            state=redemption.status,
            stock_id=redemption.stock_id,
            requested_at=redemption.requested_at,
            status_in=_status_key(redemption.program_id, redemption.status),
            status_since=_since_key(redemption.requested_at, redemption.redemption_id),
        )
        taken = TakenItem.taken
        room: Condition | None = None
        if reward.per_member is not None:
            room = taken.does_not_exist() | (taken < reward.per_member)
        own = TakenItem(redemption.owner, _TAKEN_PREFIX + redemption.reward_id)
        parts: list[Part] = [
            Put(item, RedemptionItem.item.does_not_exist(), Conflict),
            Update(own, [taken.add(1)], room, MemberLimitReached),
        ]
        if reward.stock is not None:
            unsold = RewardItem.taken.does_not_exist() | (RewardItem.taken < reward.stock)
            same: Condition = (RewardItem.version == reward.version) & unsold
            piece = RewardItem(redemption.program_id, _REWARD_PREFIX + redemption.reward_id)
            parts.insert(0, Update(piece, [RewardItem.taken.add(1)], same, OutOfStock))
        return parts

    def decide(self, was: Redemption, becomes: Redemption) -> Update:
        """Part: fulfil or reject a request, once.

        Its condition fails with `Conflict`, also if its member was erased since it was read.
        """
        names = ("decided_at", "decided_by", "note", "code", "reason")
        set_now = {name: getattr(becomes, name) for name in names}
        since = becomes.decided_at or becomes.requested_at
        actions: list[Action] = [
            RedemptionItem.state.set(becomes.status),
            RedemptionItem.status_in.set(_status_key(becomes.program_id, becomes.status)),
            RedemptionItem.status_since.set(_since_key(since, becomes.redemption_id)),
            *(getattr(RedemptionItem, name).set(value) for name, value in set_now.items() if value),
        ]
        item = RedemptionItem(was.program_id, _REDEMPTION_PREFIX + was.redemption_id)
        named = RedemptionItem.member_name == was.member_name
        return Update(item, actions, (RedemptionItem.state == was.status) & named)

    def return_to_stock(self, redemption: Redemption, reward: Reward | None) -> list[Part]:
        """Parts: a rejected request's piece goes back to the stock that it came from.

        The condition fails with `Conflict` if the stock became another since it was read.
        """
        own = TakenItem(redemption.owner, _TAKEN_PREFIX + redemption.reward_id)
        parts: list[Part] = [Update(own, [TakenItem.taken.add(-1)])]
        if reward and redemption.stock_id and reward.stock_id == redemption.stock_id:
            piece = RewardItem(redemption.program_id, _REWARD_PREFIX + redemption.reward_id)
            same = RewardItem.stock_id == redemption.stock_id
            parts.append(Update(piece, [RewardItem.taken.add(-1)], same))
        return parts

    def of_member(self, owner: str, before: str | None, count: int) -> Sequence[Redemption]:
        """List a member's redemptions, newest first: one query, milliseconds behind."""
        earlier = RedemptionItem.redemption_id < before if before else None
        found = self._database.query(
            RedemptionItem,
            owner,
            earlier,
            index=RedemptionItem.by_member,
            scan_index_forward=False,
            limit=count,
            page_size=count,
        )
        return [item.to_redemption() for item in found]

    def all_of(self, owner: str) -> Iterator[Redemption]:
        """Yield all of a member's redemptions: one query for each megabyte, milliseconds behind."""
        found = self._database.query(RedemptionItem, owner, index=RedemptionItem.by_member)
        return (item.to_redemption() for item in found)

    def mark_member_removed(self, redemption: Redemption, *, removed: bool) -> None:
        """Note of a request whether its member is removed, unless it is decided by now."""
        item = RedemptionItem(redemption.program_id, _REDEMPTION_PREFIX + redemption.redemption_id)
        marked = RedemptionItem.member_removed
        action = marked.set(value=True) if removed else marked.remove()
        self._database.update(item, [action], RedemptionItem.state == RedemptionStatus.REQUESTED)

    def in_status(
        self, program_id: str, status: RedemptionStatus, after: PagePosition | None, count: int
    ) -> Sequence[Redemption]:
        """List a program's redemptions: one query, milliseconds behind.

        Waiting requests come oldest first, decided ones latest first.
        """
        waits, since = status is RedemptionStatus.REQUESTED, RedemptionItem.status_since
        beyond = None
        if after:
            beyond = since > after.key if waits else since < after.key
        found = self._database.query(
            RedemptionItem,
            _status_key(program_id, status),
            beyond,
            index=RedemptionItem.by_status,
            scan_index_forward=waits,
            limit=count,
            page_size=count,
        )
        return [item.to_redemption() for item in found]


def _stored_fields(reward: Reward) -> dict[str, Any]:
    """Return what managers may change of a reward, by the names of its attributes."""
    picture = reward.picture
    return {
        "listed_in": _list_key(reward.program_id, archived=reward.state is RewardState.ARCHIVED),
        "state": reward.state.value,
        "title": reward.title,
        "description": reward.description or None,
        "price": reward.price,
        "stock": reward.stock,
        "stock_id": reward.stock_id,
        "per_member": reward.per_member,
        "starts_at": reward.starts_at,
        "ends_at": reward.ends_at,
        "time_zone": reward.time_zone,
        "channel_ids": set(reward.channel_ids) or None,
        "picture_key": picture.key if picture else None,
        "picture_type": picture.content_type if picture else None,
        "picture_width": picture.width if picture else None,
        "picture_height": picture.height if picture else None,
        "version": reward.version,
    }


def _list_key(program_id: str, *, archived: bool) -> str:
    return f"{program_id}#archived" if archived else program_id


def _status_key(program_id: str, status: RedemptionStatus) -> str:
    return f"{program_id}#{status.value}"


def _picture_parts(program_id: str, was: Picture | None, becomes: Picture | None) -> list[Part]:
    """Return the parts that keep a reward's new picture and release its former one."""
    if was == becomes:
        return []
    parts: list[Part] = []
    if becomes:
        kept = PictureItem(program_id, _PICTURE_PREFIX + becomes.key)
        there = PictureItem.item.exists()
        parts.append(Update(kept, [PictureItem.expires_at.remove()], there))
    if was:
        parts.append(Delete(PictureItem(program_id, _PICTURE_PREFIX + was.key)))
    return parts


def _since_key(at: datetime, redemption_id: str) -> str:
    return f"{at.isoformat(timespec='microseconds')}#{redemption_id}"


class ShownPictures:
    """Pictures that were checked and are shown to whoever has their address."""

    def __init__(self, s3: "S3Client", videos_bucket: str) -> None:
        self._s3 = s3
        self._bucket = videos_bucket

    @staticmethod
    def key(program_id: str, shown_id: str, content_type: str) -> str:
        """Return the key of a file to show. An id is used once, so nothing replaces a file."""
        return f"{_shown_prefix(program_id)}{shown_id}.{_FILE_EXTENSIONS[content_type]}"

    def show(self, key: str, content: bytes, content_type: str) -> None:
        """Put checked bytes where they are shown and nobody can change them."""
        self._s3.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=content,
            ContentType=content_type,
            CacheControl="public, max-age=31536000, immutable",
        )

    def remove(self, program_id: str, key: str) -> None:
        """Remove a file of a program that is shown no more; one that is gone already is fine."""
        if not key.startswith(_shown_prefix(program_id)):
            raise ValueError(f"{key} is not a picture of {program_id}")
        self._s3.delete_object(Bucket=self._bucket, Key=key)


class PictureFiles:
    """Pictures: what anybody with a form posts, and what was checked and is shown to everybody.

    A shown picture's key holds a random id, and it is served to whoever has its address.
    """

    def __init__(
        self, s3: "S3Client", incoming_bucket: str, shown: ShownPictures, console_url: str
    ) -> None:
        self._s3 = s3
        self._incoming = incoming_bucket
        self.shown = shown
        self._console_url = console_url

    def form(self, program_id: str, picture_id: str, content_type: str) -> Mapping[str, Any]:
        """Presign a POST of exactly one key and content type, up to `MAX_BYTES`."""
        conditions: list[Any] = [
            {"Content-Type": content_type},
            ["content-length-range", 1, MAX_BYTES],
        ]
        return self._s3.generate_presigned_post(
            self._incoming,
            _incoming_key(program_id, picture_id),
            Fields={"Content-Type": content_type},
            Conditions=conditions,
            ExpiresIn=int(FORM_LIFETIME.total_seconds()),
        )

    def posted(self, program_id: str, picture_id: str) -> bytes | None:
        """Read the file of a form; None while there is none."""
        try:
            found = self._s3.get_object(
                Bucket=self._incoming, Key=_incoming_key(program_id, picture_id)
            )
        except self._s3.exceptions.NoSuchKey:
            return None
        return found["Body"].read(MAX_BYTES + 1)

    def address(self, picture: Picture) -> str:
        """Return where a picture is shown: on the console's origin."""
        return f"{self._console_url}/{picture.key}"


_FILE_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png"}


def _shown_prefix(program_id: str) -> str:
    return f"pictures/{program_id}/"


def _incoming_key(program_id: str, picture_id: str) -> str:
    return f"pictures/{program_id}/{picture_id}"
