"""The accounts table: accounts, who holds which TikTok account, and consents under way."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime

from pynamodb.attributes import (
    BinaryAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.table import (
    Check,
    Conflict,
    Delete,
    Part,
    Put,
    Update,
    bind,
    changed,
    commit,
    removed,
)
from chalicelib.programs.model import owner_key
from chalicelib.tiktok.model import INBOX_PLACES, Account, Consent, PendingSend, Place

_ACCOUNT = "account"
_OWNER = "owner"
_CONSENT = "consent"
_INBOX = "inbox"
_PENDING = "pending"
_LAPSES = "lapses"
_PAGE = 100


class PendingIndex(GlobalSecondaryIndex["AccountItem"]):
    """Sparse: accounts whose consent was asked for by a send that has not been made yet."""

    class Meta:
        index_name = "pending"
        projection = IncludeProjection(
            ["program_id", "member_id", "pending_activity_id", "pending_correlation_id"]
        )

    pending_in = UnicodeAttribute(hash_key=True)
    pending_at = UTCDateTimeAttribute(range_key=True)


class LapsingIndex(GlobalSecondaryIndex["AccountItem"]):
    """Sparse: connected accounts, by when they lapse unless they are refreshed."""

    class Meta:
        index_name = "lapsing"
        projection = IncludeProjection(["program_id", "member_id"])

    lapses_in = UnicodeAttribute(hash_key=True)
    refresh_expires_at = UTCDateTimeAttribute(range_key=True)


class AccountItem(Model):
    class Meta:
        table_name = ""

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    program_id = UnicodeAttribute()
    member_id = UnicodeAttribute()
    state = UnicodeAttribute()
    open_id = UnicodeAttribute()
    display_name = UnicodeAttribute()
    avatar_url = UnicodeAttribute(null=True)
    tokens = BinaryAttribute(legacy_encoding=False)
    access_expires_at = UTCDateTimeAttribute()
    refresh_expires_at = UTCDateTimeAttribute()
    connected_at = UTCDateTimeAttribute()
    removed_at = UTCDateTimeAttribute(null=True)
    lock = UnicodeAttribute(null=True)
    locked_until = NumberAttribute(null=True)
    pending_in = UnicodeAttribute(null=True)
    pending_at = UTCDateTimeAttribute(null=True)
    pending_activity_id = UnicodeAttribute(null=True)
    pending_correlation_id = UnicodeAttribute(null=True)
    lapses_in = UnicodeAttribute(null=True)
    pending_index = PendingIndex()
    lapsing_index = LapsingIndex()

    def to_account(self) -> Account:
        return Account(
            program_id=self.program_id,
            member_id=self.member_id,
            state=TikTokState(self.state),
            open_id=self.open_id,
            display_name=self.display_name,
            avatar_url=self.avatar_url,
            tokens=self.tokens,
            access_expires_at=self.access_expires_at,
            refresh_expires_at=self.refresh_expires_at,
            connected_at=self.connected_at,
            pending=PendingSend(
                self.program_id,
                self.member_id,
                self.pending_activity_id,
                self.pending_correlation_id or "",
            )
            if self.pending_activity_id
            else None,
        )


class HolderItem(Model):
    """Which member holds a TikTok account: one at a time in a deployment."""

    class Meta:
        table_name = ""

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    program_id = UnicodeAttribute()
    member_id = UnicodeAttribute()


class InboxItem(Model):
    """The places that are taken in a member's TikTok inbox, as far as we know; it outlives
    connections, as the drafts do.
    """

    class Meta:
        table_name = ""

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    places = UnicodeSetAttribute(null=True)


class ConsentItem(Model):
    class Meta:
        table_name = ""

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    program_id = UnicodeAttribute()
    member_id = UnicodeAttribute()
    nonce_hash = UnicodeAttribute()
    activity_id = UnicodeAttribute(null=True)
    correlation_id = UnicodeAttribute()
    expires_at = NumberAttribute()

    def to_consent(self) -> Consent:
        return Consent(
            program_id=self.program_id,
            member_id=self.member_id,
            nonce_hash=self.nonce_hash,
            activity_id=self.activity_id,
            correlation_id=self.correlation_id,
            expires_at=datetime.fromtimestamp(int(self.expires_at), UTC),
        )


class AccountTaken(Exception):
    """Another member holds this TikTok account."""


class AccountStore:
    def __init__(self, table_name: str) -> None:
        for model in (AccountItem, HolderItem, InboxItem, ConsentItem):
            bind(model, table_name)

    def add_consent(self, state_hash: str, consent: Consent) -> None:
        ConsentItem(
            _consent_key(state_hash),
            _CONSENT,
            program_id=consent.program_id,
            member_id=consent.member_id,
            nonce_hash=consent.nonce_hash,
            activity_id=consent.activity_id,
            correlation_id=consent.correlation_id,
            expires_at=int(consent.expires_at.timestamp()),
        ).save()

    def consent(self, state_hash: str) -> Consent | None:
        try:
            return ConsentItem.get(
                _consent_key(state_hash), _CONSENT, consistent_read=True
            ).to_consent()
        except DoesNotExist:
            return None

    def use_consent(self, state_hash: str) -> bool:
        """Use a consent up; False if it was used before."""
        item = ConsentItem(_consent_key(state_hash), _CONSENT)
        return removed(item, ConsentItem.item.exists())

    def account(self, program_id: str, member_id: str) -> Account | None:
        try:
            return AccountItem.get(
                _member_key(program_id, member_id), _ACCOUNT, consistent_read=True
            ).to_account()
        except DoesNotExist:
            return None

    def holder(self, open_id: str) -> tuple[str, str] | None:
        """Tell program and member who hold a TikTok account."""
        try:
            item = HolderItem.get(_holder_key(open_id), _OWNER, consistent_read=True)
        except DoesNotExist:
            return None
        return item.program_id, item.member_id

    def keep(
        self, account: Account, before: Account | None, pending: PendingSend | None, also: Part
    ) -> None:
        """Write a connection, replacing the member's earlier one, together with `also`.

        Raises `AccountTaken` if another member holds the TikTok account.
        """
        item = AccountItem(
            _member_key(account.program_id, account.member_id),
            _ACCOUNT,
            program_id=account.program_id,
            member_id=account.member_id,
            state=account.state.value,
            open_id=account.open_id,
            display_name=account.display_name,
            avatar_url=account.avatar_url,
            tokens=account.tokens,
            access_expires_at=account.access_expires_at,
            refresh_expires_at=account.refresh_expires_at,
            connected_at=account.connected_at,
            lapses_in=_LAPSES,
            pending_in=_PENDING if pending else None,
            pending_at=account.connected_at if pending else None,
            pending_activity_id=pending.activity_id if pending else None,
            pending_correlation_id=pending.correlation_id if pending else None,
        )
        unchanged = (
            AccountItem.open_id == before.open_id if before else AccountItem.item.does_not_exist()
        )
        mine = (HolderItem.program_id == account.program_id) & (
            HolderItem.member_id == account.member_id
        )
        holder = HolderItem(
            _holder_key(account.open_id),
            _OWNER,
            program_id=account.program_id,
            member_id=account.member_id,
        )
        parts: list[Part] = [
            Put(holder, HolderItem.item.does_not_exist() | mine, AccountTaken),
            Put(item, unchanged),
            also,
        ]
        if before and before.open_id != account.open_id:
            parts.append(Delete(HolderItem(_holder_key(before.open_id), _OWNER)))
        commit(parts)

    def forget(self, account: Account, also: Part) -> None:
        """Delete a connection together with `also`. Raises `Conflict` if there is another since."""
        key = _member_key(account.program_id, account.member_id)
        commit(
            [
                Delete(AccountItem(key, _ACCOUNT), _same_connection(account)),
                Delete(HolderItem(_holder_key(account.open_id), _OWNER)),
                also,
            ]
        )

    def require(self, program_id: str, member_id: str, otherwise: Callable[[], Exception]) -> Check:
        """Part: the member's account must be connected."""
        key = _member_key(program_id, member_id)
        connected = AccountItem.state == TikTokState.CONNECTED.value
        return Check(AccountItem, (key, _ACCOUNT), connected, otherwise)

    def lock_refresh(self, account: Account, lock: str, now: datetime, until: datetime) -> bool:
        """Take the account's refresh lock if nobody has it and the tokens are those just read."""
        free = AccountItem.locked_until.does_not_exist() | (
            AccountItem.locked_until < int(now.timestamp())
        )
        actions: list[Action] = [
            AccountItem.lock.set(lock),
            AccountItem.locked_until.set(int(until.timestamp())),
        ]
        return self._change(account, actions, free & (AccountItem.tokens == account.tokens))

    def renew(self, account: Account, lock: str, renewed: Account, also: Part) -> bool:
        """Store a rotated pair and let the lock go; False if another pair was stored meanwhile.

        Who lost the lock stores it as well, while the pair it replaces is there: it is no worse.
        That one may have been found dead since, so the account is said to be connected by `also`;
        not if its person ended it.
        """
        actions: list[Action] = [
            AccountItem.state.set(TikTokState.CONNECTED.value),
            AccountItem.lapses_in.set(_LAPSES),
            AccountItem.tokens.set(renewed.tokens),
            AccountItem.access_expires_at.set(renewed.access_expires_at),
            AccountItem.refresh_expires_at.set(renewed.refresh_expires_at),
            AccountItem.lock.remove(),
            AccountItem.locked_until.remove(),
        ]
        if self._change(account, actions, AccountItem.lock == lock):
            return True
        item = AccountItem(_member_key(account.program_id, account.member_id), _ACCOUNT)
        try:
            there = AccountItem.tokens == account.tokens
            commit([Update(item, actions, there & AccountItem.removed_at.does_not_exist()), also])
        except Conflict:
            return False
        return True

    def unlock_refresh(self, account: Account, lock: str) -> bool:
        actions: list[Action] = [AccountItem.lock.remove(), AccountItem.locked_until.remove()]
        return self._change(account, actions, AccountItem.lock == lock)

    def require_reconnect(self, account: Account, also: Part) -> bool:
        """Mark a connection dead if its tokens are still those that failed, with `also`."""
        return self._dead(account, [], AccountItem.tokens == account.tokens, also)

    def note_removed(self, account: Account, removed_at: datetime, also: Part) -> bool:
        """Mark a connection dead for good, with `also`: TikTok said that its person ended it.

        A refresh under way at that moment may still bring a pair; it is not stored any more.
        """
        removed: list[Action] = [AccountItem.removed_at.set(removed_at)]
        return self._dead(account, removed, _same_connection(account), also)

    def _dead(self, account: Account, more: list[Action], condition: Condition, also: Part) -> bool:
        item = AccountItem(_member_key(account.program_id, account.member_id), _ACCOUNT)
        actions: list[Action] = [
            AccountItem.state.set(TikTokState.RECONNECT_REQUIRED.value),
            AccountItem.lapses_in.remove(),
            AccountItem.lock.remove(),
            AccountItem.locked_until.remove(),
            *more,
        ]
        try:
            commit([Update(item, actions, condition), also])
        except Conflict:
            return False
        return True

    def settle_pending(self, program_id: str, member_id: str, activity_id: str) -> bool:
        """Forget the send that waited for a connection, once it is made or cannot be."""
        item = AccountItem(_member_key(program_id, member_id), _ACCOUNT)
        actions: list[Action] = [
            AccountItem.pending_in.remove(),
            AccountItem.pending_at.remove(),
            AccountItem.pending_activity_id.remove(),
            AccountItem.pending_correlation_id.remove(),
        ]
        return changed(item, actions, AccountItem.pending_activity_id == activity_id)

    def put_off(self, send: PendingSend, until: datetime) -> bool:
        """Move the next turn of a send that waits; False if it waits no more."""
        item = AccountItem(_member_key(send.program_id, send.member_id), _ACCOUNT)
        waits = AccountItem.pending_activity_id == send.activity_id
        return changed(item, [AccountItem.pending_at.set(until)], waits)

    def pending(self, before: datetime) -> Iterator[PendingSend]:
        """Walk sends whose turn was before an instant, the earliest first."""
        found = AccountItem.pending_index.query(
            _PENDING, PendingIndex.pending_at < before, page_size=_PAGE
        )
        return (
            PendingSend(
                item.program_id,
                item.member_id,
                item.pending_activity_id,
                item.pending_correlation_id or "",
            )
            for item in found
            if item.pending_activity_id
        )

    def lapsing(self, before: datetime) -> Iterator[tuple[str, str]]:
        """Walk program and member of connected accounts that lapse before an instant."""
        found = AccountItem.lapsing_index.query(
            _LAPSES, LapsingIndex.refresh_expires_at < before, page_size=_PAGE
        )
        return ((item.program_id, item.member_id) for item in found)

    def take_place(
        self, program_id: str, member_id: str, place: Place, otherwise: Callable[[], Exception]
    ) -> Update:
        """Part: take a place in the member's inbox; fails while as many are taken as there are."""
        free = InboxItem.places.does_not_exist() | (size(InboxItem.places) < INBOX_PLACES)
        actions: list[Action] = [InboxItem.places.add({str(place)})]
        return Update(_inbox(program_id, member_id), actions, free, otherwise)

    def count_place(self, program_id: str, member_id: str, place: Place) -> Update:
        """Part: count a place that a draft takes, or may have taken, full or not."""
        actions: list[Action] = [InboxItem.places.add({str(place)})]
        return Update(_inbox(program_id, member_id), actions)

    def free_places(self, program_id: str, member_id: str, places: Collection[Place]) -> Update:
        """Part: give places back; those that are free already stay so."""
        actions: list[Action] = [InboxItem.places.delete({str(place) for place in places})]
        return Update(_inbox(program_id, member_id), actions)

    def places(self, program_id: str, member_id: str) -> Sequence[Place]:
        """List the places that are counted as taken, longest first."""
        try:
            item = InboxItem.get(_member_key(program_id, member_id), _INBOX, consistent_read=True)
        except DoesNotExist:
            return []
        return [Place.read(each) for each in sorted(item.places or ())]

    def _change(self, account: Account, actions: list[Action], condition: Condition) -> bool:
        item = AccountItem(_member_key(account.program_id, account.member_id), _ACCOUNT)
        return changed(item, actions, condition)


def _same_connection(account: Account) -> Condition:
    """Its tokens change with every refresh; what a person connected anew has another time."""
    same: Condition = (AccountItem.open_id == account.open_id) & (
        AccountItem.connected_at == account.connected_at
    )
    return same


def _member_key(program_id: str, member_id: str) -> str:
    return f"member#{owner_key(program_id, member_id)}"


def _inbox(program_id: str, member_id: str) -> InboxItem:
    return InboxItem(_member_key(program_id, member_id), _INBOX)


def _holder_key(open_id: str) -> str:
    return f"open_id#{open_id}"


def _consent_key(state_hash: str) -> str:
    return f"state#{state_hash}"
