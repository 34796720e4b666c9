"""Members' TikTok accounts: consent, connection, a live access token, disconnection."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tenacity import Retrying, stop_after_attempt, wait_random_exponential

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller, TikTokState
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import Problem, ProblemCode, not_found
from chalicelib.foundation.settings import SettingMissing
from chalicelib.foundation.sweeps import IsLate, never_late
from chalicelib.foundation.table import Conflict, Part, commit
from chalicelib.programs.model import MemberStatus
from chalicelib.programs.service import ProgramService
from chalicelib.tiktok.client import Grant, TikTokClient
from chalicelib.tiktok.errors import (
    AccessTokenRefused,
    Cause,
    OutcomeUnknown,
    Reconnect,
    Refused,
    TikTokError,
    TryLater,
    TryNow,
)
from chalicelib.tiktok.model import (
    INBOX_PLACES,
    LAPSE_AHEAD,
    REFRESH_LOCK,
    STATE_LIFETIME,
    Account,
    Consent,
    PendingSend,
    Place,
    Tokens,
)
from chalicelib.tiktok.store import AccountStore, AccountTaken
from chalicelib.tiktok.vault import TokenVault

_LOCK_POLLS = 60
_LOCK_POLL_SECONDS = 0.5
_KEEP_ATTEMPTS = 8
_DISCONNECT_POLLS = 20  # somebody waits for the answer, and the gateway gives up after 29 s

PUT_OFF_LEAST, PUT_OFF_MOST = timedelta(minutes=5), timedelta(hours=6)
"""How long a send that broke waits for its next turn: a quarter of the time it has waited."""

DEPARTING_GRACE = timedelta(minutes=15)
"""Who was removed should long be let go of by then: the table's stream tells of it."""

REVOKING_LIMIT = timedelta(days=1)
"""How long TikTok is asked to revoke the tokens of who was removed, before they are forgotten."""


class NotConnected(Exception):
    """The member has no TikTok account, or has to connect it again."""


@dataclass(frozen=True)
class Authorization:
    """Where a member gives their consent, and the nonce their browser must bring back."""

    authorize_url: str
    nonce: str
    callback_url: str

    def __repr__(self) -> str:
        return "Authorization(...)"


@dataclass(frozen=True)
class Connection:
    """A connection just made, and the send it was made for."""

    account: Account
    pending: PendingSend | None


@dataclass(frozen=True)
class Access:
    """A live access token and whose it is."""

    token: str
    open_id: str
    connected_at: datetime

    def __repr__(self) -> str:
        return f"Access(open_id={self.open_id!r})"


class AccountService:
    def __init__(
        self,
        *,
        store: AccountStore,
        client: Callable[[], TikTokClient],
        vault: Callable[[], TokenVault],
        programs: ProgramService,
        callback_url: Callable[[], str],
        clock: Clock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """What is a callable is made when first needed: most functions need none of it."""
        self._store = store
        self._client = client
        self._vault = vault
        self._programs = programs
        self._callback_url = callback_url
        self._clock = clock
        self._sleep = sleep

    def authorize(
        self, caller: Caller, correlation_id: str, activity_id: str | None = None
    ) -> Authorization:
        """Begin a consent, bound to this member and, by the nonce, to their browser."""
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        try:
            callback_url, client = self._callback_url(), self._client()
        except SettingMissing as error:
            logger.error("TikTok is not set up", extra={"why": str(error)})
            raise Problem(
                ProblemCode.UNAVAILABLE,
                "TikTok is not set up here yet. Ask whoever runs this Greenroom.",
            ) from error
        consent = Consent(
            program_id=caller.program_id,
            member_id=caller.member_id,
            nonce_hash=_digest(nonce),
            activity_id=activity_id,
            correlation_id=correlation_id,
            expires_at=self._clock.now() + STATE_LIFETIME,
        )
        self._store.add_consent(_digest(state), consent)
        return Authorization(client.authorize_url(state), nonce, callback_url)

    def connect(self, state: str, nonce: str, code: str | None, error: str | None) -> Connection:
        """Finish a consent and connect the account, once.

        Raises problems, and changes nothing then: `tiktok_state_invalid` (unknown, used, expired,
        another member's or without the browser's nonce), `tiktok_consent_denied`,
        `tiktok_code_refused`, `tiktok_scope_missing`, `tiktok_account_taken`, `unavailable`.
        """
        consent = self._store.consent(_digest(state))
        now = self._clock.now()
        if (
            consent is None
            or now >= consent.expires_at
            or not hmac.compare_digest(consent.nonce_hash, _digest(nonce))
            or not self._store.use_consent(_digest(state))
        ):
            raise Problem(
                ProblemCode.TIKTOK_STATE_INVALID,
                "This consent was not asked for from this browser, was used before or took longer "
                "than ten minutes. Go back and add your account again.",
            )
        if error or not code:
            raise Problem(
                ProblemCode.TIKTOK_CONSENT_DENIED,
                "You did not authorize Greenroom at TikTok, so nothing was connected. "
                "Add your account again if that was a mistake.",
            )
        return self._connect(consent, self._exchange(code), now)

    def _exchange(self, code: str) -> Grant:
        try:
            grant = self._client().exchange_code(code)
        except (TryLater, TryNow, OutcomeUnknown) as error:
            raise Problem(
                ProblemCode.UNAVAILABLE,
                "TikTok does not answer just now. Add your account again in a moment.",
            ) from error
        except TikTokError as error:
            logger.info("code refused", extra={"tiktok": error.code, "log_id": error.log_id})
            raise Problem(
                ProblemCode.TIKTOK_CODE_REFUSED,
                "TikTok did not accept its own confirmation any more. Add your account again.",
            ) from error
        if missing := sorted(grant.missing_scopes):
            raise Problem(
                ProblemCode.TIKTOK_SCOPE_MISSING,
                "Greenroom needs every permission it asks for to put videos into your TikTok "
                "inbox. Add your account again and leave all of them switched on.",
                members={"missing": missing},
            )
        return grant

    def _connect(self, consent: Consent, grant: Grant, now: datetime) -> Connection:
        try:
            person = self._client().person(grant.access_token)
        except TikTokError as error:
            raise Problem(
                ProblemCode.UNAVAILABLE,
                "TikTok does not answer just now. Add your account again in a moment.",
            ) from error
        account = Account(
            program_id=consent.program_id,
            member_id=consent.member_id,
            state=TikTokState.CONNECTED,
            open_id=grant.open_id,
            display_name=person.display_name,
            avatar_url=person.avatar_url,
            tokens=self._locked(consent.program_id, consent.member_id, grant),
            access_expires_at=now + timedelta(seconds=grant.expires_in),
            refresh_expires_at=now + timedelta(seconds=grant.refresh_expires_in),
            connected_at=now,
        )
        pending = (
            PendingSend(
                consent.program_id, consent.member_id, consent.activity_id, consent.correlation_id
            )
            if consent.activity_id
            else None
        )
        before = self._store.account(consent.program_id, consent.member_id)
        also = self._programs.note_tiktok(
            account.program_id, account.member_id, TikTokState.CONNECTED, active=True
        )
        if pending is None and before is not None:
            pending = before.pending  # a send that waits already goes on waiting
        try:
            self._store.keep(account, before, pending, also)
        except AccountTaken as error:
            # Nothing is revoked: TikTok would end the other member's tokens with these.
            raise Problem(
                ProblemCode.TIKTOK_ACCOUNT_TAKEN,
                "This TikTok account is connected to another member already. "
                "Log in to your own TikTok account and add that one.",
            ) from error
        except Conflict as error:
            self._give_back(consent, grant)
            raise Problem(
                ProblemCode.CHANGED_MEANWHILE, "Your account changed meanwhile. Add it again."
            ) from error
        logger.info("TikTok account connected", extra={"again": before is not None})
        return Connection(account, pending)

    def _give_back(self, consent: Consent, grant: Grant) -> None:
        """Revoke a consent that came too late: of who was removed nobody keeps it, or finds it."""
        member = self._programs.member(consent.program_id, consent.member_id)
        if member is not None and member.status is MemberStatus.ACTIVE:
            return
        try:
            self._client().revoke(grant.access_token)
        except TikTokError as error:
            logger.warning("not given back", extra={"tiktok": error.code, "log_id": error.log_id})

    def account(self, caller: Caller) -> Account:
        """Read the caller's account. Raises the problem `not_found` while there is none.

        One from before they were invited again is of who was removed, perhaps another person.
        """
        account = self._store.account(caller.program_id, caller.member_id)
        if account is None or (caller.invited_at and account.connected_at < caller.invited_at):
            raise not_found("TikTok account")
        return account

    def disconnect(self, program_id: str, member_id: str) -> None:
        """Revoke at TikTok and forget the tokens; nothing to do is fine.

        They are forgotten even if TikTok does not answer: the member can remove the access there.
        """
        account = self._store.account(program_id, member_id)
        if account is not None:
            self._let_go(account)

    def _let_go(self, account: Account, *, insists: bool = False) -> None:
        """End this connection, and no other that was made since.

        With `insists` it stays while TikTok cannot be asked, and that is raised: try again.
        """
        try:
            self._revoke(account)
        except (NotConnected, Reconnect):
            logger.info("nothing to revoke")
        except TikTokError as error:
            if insists and isinstance(error, TryLater | TryNow | OutcomeUnknown):
                raise
            logger.warning("not revoked", extra={"tiktok": error.code, "log_id": error.log_id})
        try:
            self._store.forget(account, self._note(account, None))
        except Conflict as error:
            raise Problem(
                ProblemCode.CHANGED_MEANWHILE, "Your account changed meanwhile. Try again."
            ) from error

    def _revoke(self, account: Account, refused: str | None = None) -> None:
        if account.state is TikTokState.RECONNECT_REQUIRED:
            self._revoke_unusable(account)
            return
        access = self.access(account.program_id, account.member_id, refused, _DISCONNECT_POLLS)
        if access.connected_at != account.connected_at:
            return
        try:
            self._client().revoke(access.token)
        except AccessTokenRefused:
            if refused:
                raise
            # Dead by itself; the consent need not be.
            self._revoke(account, access.token)

    def _revoke_unusable(self, account: Account) -> None:
        """Revoke what nobody refreshes any more: it may lack but a permission."""
        tokens = self._vault().unlock(account.program_id, account.member_id, account.tokens)
        try:
            self._client().revoke(tokens.access)
        except AccessTokenRefused:
            self._client().revoke(self._client().refresh(tokens.refresh).access_token)

    def depart(self, program_id: str, member_id: str) -> bool:
        """Let go of the account of a member who was removed; False if it is not theirs any more.

        Who came back meanwhile, as another person perhaps, keeps only what they connected since.
        Nobody waits for this: while TikTok does not answer that is raised, and the account stays,
        for a day at most.
        """
        # In this order: who comes back and connects in between keeps that.
        account = self._store.account(program_id, member_id)
        member = self._programs.member(program_id, member_id)
        back = member is not None and member.status is not MemberStatus.REMOVED
        if member and back and (account is None or account.connected_at >= member.invited_at):
            logger.info("came back meanwhile")
            self._programs.departed(member)
            return False
        if account is not None:
            since = member.removed_at if member and not back else None
            late = since is None or self._clock.now() - since >= REVOKING_LIMIT
            self._let_go(account, insists=not late)
        if member:
            self._programs.departed(member)
        logger.info("departed", extra={"program_id": program_id, "member_id": member_id})
        return True

    def state(self, program_id: str, member_id: str) -> TikTokState | None:
        """Tell the state of a member's account, never behind; None while there is none."""
        account = self._store.account(program_id, member_id)
        return account.state if account else None

    def access(
        self,
        program_id: str,
        member_id: str,
        refused: str | None = None,
        polls: int = _LOCK_POLLS,
    ) -> Access:
        """Give a live access token, refreshed ahead of need, or because TikTok refused `refused`.

        One worker refreshes, the others wait for its result. Raises `NotConnected` when the member
        has to connect (again), `TryLater` when TikTok or the other worker does not answer.
        """
        for _ in range(polls):
            account = self._store.account(program_id, member_id)
            if account is None or account.state is not TikTokState.CONNECTED:
                raise NotConnected
            now = self._clock.now()
            tokens = self._vault().unlock(program_id, member_id, account.tokens)
            if account.is_fresh_at(now) and tokens.access != refused:
                return Access(tokens.access, account.open_id, account.connected_at)
            lock = secrets.token_hex(8)
            if self._store.lock_refresh(account, lock, now, now + REFRESH_LOCK):
                renewed = self._refresh(account, tokens, lock)
                if renewed:
                    return Access(renewed, account.open_id, account.connected_at)
            else:
                self._sleep(_LOCK_POLL_SECONDS)
        raise TryLater("refresh_lock_held", retry_after_seconds=REFRESH_LOCK.total_seconds())

    def renew_lapsing(self, is_late: IsLate = never_late) -> int:
        """Refresh connected accounts that would lapse for not being used; tells how many.

        One that TikTok refuses has to be connected again; one it does not answer for comes again.
        Raises the first failure of our own when all have had their turn.
        """
        before = self._clock.now() + LAPSE_AHEAD

        def renew(program_id: str, member_id: str) -> None:
            token = self.access(program_id, member_id).token
            account = self._store.account(program_id, member_id)
            if account is not None and account.refresh_expires_at < before:
                self.access(program_id, member_id, refused=token)

        return _each(self._store.lapsing(before), renew, is_late)

    def let_go_departed(self, is_late: IsLate = never_late) -> int:
        """Let go of those who were removed and should have been let go of; tells how many.

        Raises the first failure when all have had their turn.
        """
        before = self._clock.now() - DEPARTING_GRACE
        return _each(self._programs.departing(before), self.depart, is_late)

    def give_up(self, program_id: str, member_id: str, refused: str) -> None:
        """Let the member connect again: TikTok refuses even the token just refreshed."""
        account = self._store.account(program_id, member_id)
        if account is None:
            return
        if self._vault().unlock(program_id, member_id, account.tokens).access == refused:
            self._store.require_reconnect(
                account, self._note(account, TikTokState.RECONNECT_REQUIRED)
            )

    def _refresh(self, account: Account, tokens: Tokens, lock: str) -> str | None:
        """Refresh under the lock; None when another worker's pair is to be read instead."""
        try:
            grant = self._client().refresh(tokens.refresh)
        except (Reconnect, AccessTokenRefused) as error:
            logger.info("refresh refused", extra={"tiktok": error.code, "log_id": error.log_id})
            # Dead only if nobody stored another pair since: the condition decides.
            also = self._note(account, TikTokState.RECONNECT_REQUIRED)
            if self._store.require_reconnect(account, also):
                raise NotConnected from error
            return None
        except TikTokError:
            self._store.unlock_refresh(account, lock)
            raise
        # The new pair is used only once it is stored.
        return grant.access_token if self._keep_pair(account, lock, grant) else None

    def _keep_pair(self, account: Account, lock: str, grant: Grant) -> bool:
        """Store a new pair; False if the lock was lost, or it is stored and we were not told.

        TikTok has ended the old pair, so the consent hangs on this: no single error is believed.
        """
        now = self._clock.now()
        retrying = Retrying(
            stop=stop_after_attempt(_KEEP_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.2, max=3),
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(lambda: self._store_pair(account, lock, grant, now))

    def _store_pair(self, account: Account, lock: str, grant: Grant, now: datetime) -> bool:
        renewed = replace(
            account,
            tokens=self._locked(account.program_id, account.member_id, grant),
            access_expires_at=now + timedelta(seconds=grant.expires_in),
            refresh_expires_at=now + timedelta(seconds=grant.refresh_expires_in),
        )
        also = self._note(account, TikTokState.CONNECTED)
        return self._store.renew(account, lock, renewed, also)

    def access_removed(self, open_id: str, removed_at: datetime) -> bool:
        """TikTok says that a person took the access back; False if that changes nothing here.

        Such a word may come days late: a connection made since is another one.
        """
        holder = self._store.holder(open_id)
        account = self._store.account(*holder) if holder else None
        if account is None or account.state is TikTokState.RECONNECT_REQUIRED:
            return False
        if removed_at < account.connected_at.replace(microsecond=0):
            return False
        also = self._note(account, TikTokState.RECONNECT_REQUIRED)
        return self._store.note_removed(account, removed_at, also)

    def require(self, program_id: str, member_id: str, otherwise: Callable[[], Exception]) -> Part:
        """Part: the member's account must be connected."""
        return self._store.require(program_id, member_id, otherwise)

    def take_place(
        self, program_id: str, member_id: str, place: Place, otherwise: Callable[[], Exception]
    ) -> Part:
        """Part: take a place in the member's TikTok inbox. Fails when `INBOX_PLACES` are taken,
        lapsed ones included: `full_until` clears those away.
        """
        return self._store.take_place(program_id, member_id, place, otherwise)

    def free_places(self, program_id: str, member_id: str, places: Collection[Place]) -> Part:
        """Part: give places back: their share was posted, or never made."""
        return self._store.free_places(program_id, member_id, places)

    def count_place(self, program_id: str, member_id: str, place: Place) -> Part:
        """Part: count the place of a draft that may lie at TikTok, however full it is there."""
        return self._store.count_place(program_id, member_id, place)

    def full_until(self, program_id: str, member_id: str) -> datetime | None:
        """Tell when the member's inbox has a place again; None if it has one now."""
        now = self._clock.now()
        places = self._store.places(program_id, member_id)
        taken = [place for place in places if place.is_taken_at(now)]
        if len(taken) < len(places):
            lapsed = [place for place in places if not place.is_taken_at(now)]
            commit([self._store.free_places(program_id, member_id, lapsed)])
        if len(taken) < INBOX_PLACES:
            return None
        # One that was counted above the limit has to lapse too before there is room.
        return taken[len(taken) - INBOX_PLACES].free_at

    def taken_places(self, program_id: str, member_id: str) -> Sequence[Place]:
        """List the places taken in the member's inbox: what is under way or waits there."""
        return self._store.places(program_id, member_id)

    def seal(self, program_id: str, member_id: str, secret: str) -> bytes:
        """Encrypt a secret of the member's TikTok account."""
        return self._vault().seal(program_id, member_id, secret)

    def unseal(self, program_id: str, member_id: str, sealed: bytes) -> str:
        """Read what was sealed for this member."""
        return self._vault().unseal(program_id, member_id, sealed)

    def settle_pending(self, send: PendingSend) -> None:
        """Forget a send that waited for the connection: it was made, or it cannot be."""
        self._store.settle_pending(send.program_id, send.member_id, send.activity_id)

    def pending_sends(self, before: datetime) -> Iterator[PendingSend]:
        """Walk sends that waited for a connection and should have been made by then."""
        return self._store.pending(before)

    def put_off(self, send: PendingSend, now: datetime) -> None:
        """Let a send that waits wait on, ever longer, so that those behind it have their turn."""
        account = self._store.account(send.program_id, send.member_id)
        if account is not None:
            waited = now - account.connected_at
            self._store.put_off(send, now + max(PUT_OFF_LEAST, min(waited / 4, PUT_OFF_MOST)))

    def _note(self, account: Account, state: TikTokState | None) -> Part:
        return self._programs.note_tiktok(
            account.program_id, account.member_id, state, active=False
        )

    def _locked(self, program_id: str, member_id: str, grant: Grant) -> bytes:
        tokens = Tokens(grant.access_token, grant.refresh_token)
        return self._vault().lock(program_id, member_id, tokens)


def _each(
    whose: Iterable[tuple[str, str]], do: Callable[[str, str], object], is_late: IsLate
) -> int:
    """Do something for each member; tells for how many it went well.

    What TikTok does not do now comes again. Raises the first other failure at the end.
    """
    done = 0
    broken: Exception | None = None
    for program_id, member_id in whose:
        if is_late():
            break
        logger.append_keys(program_id=program_id, member_id=member_id)
        try:
            do(program_id, member_id)
        except NotConnected:
            logger.info("lapsed")
        except TikTokError as error:
            if isinstance(error, Refused) and error.cause is Cause.APP_SETTINGS:
                raise  # and so it would be for all others: this app itself is refused
            logger.warning("not now", extra={"tiktok": error.code, "log_id": error.log_id})
        except Exception as error:  # noqa: BLE001  raised below, once the others had their turn
            logger.exception("broke")
            broken = broken or error
        else:
            done += 1
    if broken:
        raise broken
    return done


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
