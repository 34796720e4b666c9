"""Accounts and their holders in the accounts table; consents and inboxes have stores beside."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from pynamodb.attributes import (
    BinaryAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from chalicelib.audit.model import Kind, act
from chalicelib.foundation.acts import Act
from chalicelib.foundation.identity import TikTokState
from chalicelib.foundation.sweeps import take_turns
from chalicelib.foundation.table import (
    Check,
    Conflict,
    Delete,
    Model,
    Part,
    Put,
    StampedModel,
    Store,
    Update,
)
from chalicelib.programs.model import DisclosureTick, owner_key
from chalicelib.tiktok.model import REMOVAL_RETENTION, Account, PendingSend

_ACCOUNT_KEY = "account"
_OWNER_KEY = "owner"
_PENDING_KEY = "pending"
_LAPSES_KEY = "lapses"
_REMOVAL_KEY = "removal"
_VIEWS_KEY = "views"


class PendingIndex(GlobalSecondaryIndex["AccountItem"]):
    """Sparse: accounts whose consent was asked for by a send that has not been made yet, and
    members whose consent to views changed, under another hash key.
    """

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


class AccountItem(StampedModel):
    class Meta:
        table_name = "accounts"

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
    pending_disclosure_version = UnicodeAttribute(null=True)
    pending_disclosure_language = UnicodeAttribute(null=True)
    pending_disclosure_ticked_at = UTCDateTimeAttribute(null=True)
    lapses_in = UnicodeAttribute(null=True)
    views_since = UTCDateTimeAttribute(null=True)
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
                self._pending_disclosed(),
            )
            if self.pending_activity_id
            else None,
            views_since=self.views_since,
        )

    def _pending_disclosed(self) -> DisclosureTick | None:
        version, language = self.pending_disclosure_version, self.pending_disclosure_language
        at = self.pending_disclosure_ticked_at
        return DisclosureTick(version, language, at) if version and language and at else None


class AccountOwnerItem(Model):
    """The member who holds a TikTok account: one at a time in a deployment."""

    class Meta:
        table_name = "accounts"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    program_id = UnicodeAttribute()
    member_id = UnicodeAttribute()


class RemovalItem(Model):
    """The newest message of TikTok's that a person took the access back, so that the same message,
    repeated later, does not end a connection made since. It outlives connections.
    """

    class Meta:
        table_name = "accounts"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    told_at = UTCDateTimeAttribute()
    expires_at = NumberAttribute()


class ViewsItem(Model):
    """A member whose consent to views changed: what they posted is to be brought into line.

    It outlives the connection, and goes once that is done.
    """

    class Meta:
        table_name = "accounts"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    program_id = UnicodeAttribute()
    member_id = UnicodeAttribute()
    pending_in = UnicodeAttribute()
    pending_at = UTCDateTimeAttribute()


class AccountTaken(Exception):
    """Another member holds this TikTok account."""


class AccountStore(Store):
    MODELS = (AccountItem, AccountOwnerItem, RemovalItem, ViewsItem)

    def account(self, program_id: str, member_id: str) -> Account | None:
        try:
            return self._database.get(
                AccountItem, member_key(program_id, member_id), _ACCOUNT_KEY, consistent_read=True
            ).to_account()
        except DoesNotExist:
            return None

    def holder(self, open_id: str) -> tuple[str, str] | None:
        """Return the program and the member who hold a TikTok account."""
        try:
            item = self._database.get(
                AccountOwnerItem, _holder_key(open_id), _OWNER_KEY, consistent_read=True
            )
        except DoesNotExist:
            return None
        return item.program_id, item.member_id

    def save_connection(
        self, account: Account, before: Account | None, pending: PendingSend | None, also: Part
    ) -> None:
        """Write a connection, replacing the member's earlier one, together with `also`.

        Raises `AccountTaken` if another member holds the TikTok account.
        """
        ticked = pending.disclosed if pending else None
        item = AccountItem(
            member_key(account.program_id, account.member_id),
            _ACCOUNT_KEY,
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
            lapses_in=_LAPSES_KEY,
            views_since=account.views_since,
            pending_in=_PENDING_KEY if pending else None,
            pending_at=account.connected_at if pending else None,
            pending_activity_id=pending.activity_id if pending else None,
            pending_correlation_id=pending.correlation_id if pending else None,
            pending_disclosure_version=ticked.version if ticked else None,
            pending_disclosure_language=ticked.language if ticked else None,
            pending_disclosure_ticked_at=ticked.at if ticked else None,
        )
        unchanged = (
            AccountItem.open_id == before.open_id if before else AccountItem.item.does_not_exist()
        )
        mine = (AccountOwnerItem.program_id == account.program_id) & (
            AccountOwnerItem.member_id == account.member_id
        )
        holder = AccountOwnerItem(
            _holder_key(account.open_id),
            _OWNER_KEY,
            program_id=account.program_id,
            member_id=account.member_id,
        )
        parts: list[Part] = [
            Put(holder, AccountOwnerItem.item.does_not_exist() | mine, AccountTaken),
            Put(item, unchanged),
            also,
            _act(Kind.ACCOUNT_CONNECTED, account, before.state if before else None, account.state),
        ]
        if before and before.open_id != account.open_id:
            parts.append(Delete(AccountOwnerItem(_holder_key(before.open_id), _OWNER_KEY)))
        if account.views_since or (before and before.views_since):
            parts += [
                _mark_views_consent_changed(account, account.connected_at),
                *_views_acts(before.views_since if before else None, account),
            ]
        self._database.commit(parts)

    def delete_connection(self, account: Account, also: Part, kind: Kind, now: datetime) -> None:
        """Delete a connection together with `also`. Raises `Conflict` if there is another since.

        A consent to views ends with it.
        """
        key = member_key(account.program_id, account.member_id)
        self._database.commit(
            [
                Delete(AccountItem(key, _ACCOUNT_KEY), _same_connection(account)),
                Delete(AccountOwnerItem(_holder_key(account.open_id), _OWNER_KEY)),
                also,
                _act(kind, account, account.state, None),
                *([_mark_views_consent_changed(account, now)] if account.views_since else ()),
            ]
        )

    def revoke_views_consent(self, account: Account, now: datetime) -> bool:
        """End the member's consent to views; False if this connection has none any more."""
        item = AccountItem(member_key(account.program_id, account.member_id), _ACCOUNT_KEY)
        allowed = _same_connection(account) & AccountItem.views_since.exists()
        try:
            self._database.commit(
                [
                    Update(item, [AccountItem.views_since.remove()], allowed),
                    _mark_views_consent_changed(account, now),
                    *_views_acts(account.views_since, replace(account, views_since=None)),
                ]
            )
        except Conflict:
            return False
        return True

    def require_views(self, account: Account, otherwise: Callable[[], Exception]) -> Check:
        """Part: this very connection must still allow that views are read."""
        key = member_key(account.program_id, account.member_id)
        allowed = _same_connection(account) & AccountItem.views_since.exists()
        return Check(AccountItem, (key, _ACCOUNT_KEY), allowed, otherwise)

    def changed_views_consents(self, before: datetime) -> Iterator[tuple[str, str, datetime]]:
        """Yield members whose consent to views changed before an instant, with when it did.

        One of each program in turn.
        """
        found = self._database.query(
            AccountItem,
            _VIEWS_KEY,
            PendingIndex.pending_at < before,
            index=AccountItem.pending_index,
        )
        changed = (
            (item.program_id, item.member_id, item.pending_at) for item in found if item.pending_at
        )
        return take_turns(changed, lambda each: each[0], before)

    def mark_views_consent_applied(
        self, program_id: str, member_id: str, changed_at: datetime
    ) -> bool:
        """Note that a member's posts follow their consent; False if it changed again since."""
        item = ViewsItem(member_key(program_id, member_id), _VIEWS_KEY)
        return self._database.delete(item, ViewsItem.pending_at == changed_at)

    def require_connected(
        self, program_id: str, member_id: str, otherwise: Callable[[], Exception]
    ) -> Check:
        """Part: the member's account must be connected."""
        key = member_key(program_id, member_id)
        connected = AccountItem.state == TikTokState.CONNECTED.value
        return Check(AccountItem, (key, _ACCOUNT_KEY), connected, otherwise)

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

    def save_renewed_tokens(
        self, account: Account, lock: str, renewed: Account, also: Part
    ) -> bool:
        """Store a rotated pair and release the lock; False if another pair was stored meanwhile.

        A worker that lost the lock stores its pair as well, while the pair it replaces is there:
        it is no worse. The old pair may have been found dead since, so `also` says that the
        account is connected; not if its person ended it.
        """
        actions: list[Action] = [
            AccountItem.state.set(TikTokState.CONNECTED.value),
            AccountItem.lapses_in.set(_LAPSES_KEY),
            AccountItem.tokens.set(renewed.tokens),
            AccountItem.access_expires_at.set(renewed.access_expires_at),
            AccountItem.refresh_expires_at.set(renewed.refresh_expires_at),
            AccountItem.lock.remove(),
            AccountItem.locked_until.remove(),
        ]
        if self._change(account, actions, AccountItem.lock == lock):
            return True
        item = AccountItem(member_key(account.program_id, account.member_id), _ACCOUNT_KEY)
        try:
            there = AccountItem.tokens == account.tokens
            self._database.commit(
                [Update(item, actions, there & AccountItem.removed_at.does_not_exist()), also]
            )
        except Conflict:
            return False
        return True

    def unlock_refresh(self, account: Account, lock: str) -> bool:
        actions: list[Action] = [AccountItem.lock.remove(), AccountItem.locked_until.remove()]
        return self._change(account, actions, AccountItem.lock == lock)

    def require_reconnect(self, account: Account, also: Part) -> bool:
        """Mark a connection dead if its tokens are still those that failed, with `also`."""
        return self._require_reconnect(account, [], AccountItem.tokens == account.tokens, also)

    def mark_access_removed(
        self, account: Account, removed_at: datetime, also: Part, now: datetime
    ) -> bool:
        """Mark a connection dead for good, with `also`: TikTok said that its person ended it.

        A refresh under way at that moment may still bring a pair; it is not stored any more.
        A consent to views ends with it. False if this message, or a newer one, was heard before.
        """
        removed: list[Action] = [
            AccountItem.removed_at.set(removed_at),
            AccountItem.views_since.remove(),
        ]
        more = [_put_removal(account.open_id, removed_at)]
        views = [_mark_views_consent_changed(account, now)] if account.views_since else []
        same = _same_connection(account)
        return self._require_reconnect(account, removed, same, also, *more, *views)

    def remember_removal(self, open_id: str, removed_at: datetime) -> None:
        """Remember a removal that changes nothing now, lest it does when it is repeated."""
        with suppress(Conflict):
            self._database.commit([_put_removal(open_id, removed_at)])

    def _require_reconnect(
        self, account: Account, more: list[Action], condition: Condition, *also: Part
    ) -> bool:
        item = AccountItem(member_key(account.program_id, account.member_id), _ACCOUNT_KEY)
        actions: list[Action] = [
            AccountItem.state.set(TikTokState.RECONNECT_REQUIRED.value),
            AccountItem.lapses_in.remove(),
            AccountItem.lock.remove(),
            AccountItem.locked_until.remove(),
            *more,
        ]
        try:
            gone = TikTokState.RECONNECT_REQUIRED
            lapsed = _act(Kind.ACCOUNT_LAPSED, account, account.state, gone)
            self._database.commit([Update(item, actions, condition), *also, lapsed])
        except Conflict:
            return False
        return True

    def forget_send(self, program_id: str, member_id: str, activity_id: str) -> bool:
        """Forget the send that waited for a connection, once it was made or cannot be made."""
        item = AccountItem(member_key(program_id, member_id), _ACCOUNT_KEY)
        actions: list[Action] = [
            AccountItem.pending_in.remove(),
            AccountItem.pending_at.remove(),
            AccountItem.pending_activity_id.remove(),
            AccountItem.pending_correlation_id.remove(),
            AccountItem.pending_disclosure_version.remove(),
            AccountItem.pending_disclosure_language.remove(),
            AccountItem.pending_disclosure_ticked_at.remove(),
        ]
        return self._database.update(item, actions, AccountItem.pending_activity_id == activity_id)

    def postpone_send(self, send: PendingSend, until: datetime) -> bool:
        """Move the next turn of a waiting send; False if it waits no more."""
        item = AccountItem(member_key(send.program_id, send.member_id), _ACCOUNT_KEY)
        waits = AccountItem.pending_activity_id == send.activity_id
        return self._database.update(item, [AccountItem.pending_at.set(until)], waits)

    def pending_sends(self, before: datetime) -> Iterator[PendingSend]:
        """Yield sends whose turn was before an instant, one of each program in turn.

        The index lacks the disclosure that was acknowledged: the account has it.
        """
        found = self._database.query(
            AccountItem,
            _PENDING_KEY,
            PendingIndex.pending_at < before,
            index=AccountItem.pending_index,
        )
        sends = (
            PendingSend(
                item.program_id,
                item.member_id,
                item.pending_activity_id,
                item.pending_correlation_id or "",
            )
            for item in found
            if item.pending_activity_id
        )
        return take_turns(sends, lambda send: send.program_id, before)

    def lapsing_accounts(self, before: datetime) -> Iterator[tuple[str, str]]:
        """Yield (program, member) pairs of connected accounts that lapse before an instant.

        One of each program in turn.
        """
        found = self._database.query(
            AccountItem,
            _LAPSES_KEY,
            LapsingIndex.refresh_expires_at < before,
            index=AccountItem.lapsing_index,
        )
        pairs = ((item.program_id, item.member_id) for item in found)
        return take_turns(pairs, lambda pair: pair[0], before)

    def _change(self, account: Account, actions: list[Action], condition: Condition) -> bool:
        item = AccountItem(member_key(account.program_id, account.member_id), _ACCOUNT_KEY)
        return self._database.update(item, actions, condition)


def _act(
    kind: Kind, account: Account, before: TikTokState | None, after: TikTokState | None
) -> Act:
    """Return the act of an account, of which the trail knows no more than its member and state."""
    return act(kind, account.program_id, account.member_id, {"tiktok": before}, {"tiktok": after})


def _views_acts(before: datetime | None, account: Account) -> Sequence[Act]:
    """Return the act of allowing that views are read, or of ending that; none if it stays."""
    if before == account.views_since:
        return ()
    kind = Kind.ACCOUNT_VIEWS_ALLOWED if account.views_since else Kind.ACCOUNT_VIEWS_ENDED
    told = {"views_since": before}, {"views_since": account.views_since}
    return (act(kind, account.program_id, account.member_id, *told),)


def _same_connection(account: Account) -> Condition:
    """Match this connection: its tokens change with each refresh, a new one has another time."""
    same: Condition = (AccountItem.open_id == account.open_id) & (
        AccountItem.connected_at == account.connected_at
    )
    return same


def member_key(program_id: str, member_id: str) -> str:
    return f"member#{owner_key(program_id, member_id)}"


def _holder_key(open_id: str) -> str:
    return f"open_id#{open_id}"


def _mark_views_consent_changed(account: Account, now: datetime) -> Update:
    """Part: what the member posted is to be brought into line with their consent."""
    item = ViewsItem(member_key(account.program_id, account.member_id), _VIEWS_KEY)
    return Update(
        item,
        [
            ViewsItem.program_id.set(account.program_id),
            ViewsItem.member_id.set(account.member_id),
            ViewsItem.pending_in.set(_VIEWS_KEY),
            ViewsItem.pending_at.set(now),
        ],
    )


def _put_removal(open_id: str, removed_at: datetime) -> Put:
    item = RemovalItem(
        _holder_key(open_id),
        _REMOVAL_KEY,
        told_at=removed_at,
        expires_at=int((removed_at + REMOVAL_RETENTION).timestamp()),
    )
    unheard = RemovalItem.told_at.does_not_exist() | (RemovalItem.told_at < removed_at)
    return Put(item, unheard)
