"""Begins and finishes consents: a member authorizes Greenroom on TikTok's own page."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING

from chalicelib.foundation.actors import acting, member, origin_as
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller, TikTokState
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.settings import NotSetUp
from chalicelib.foundation.table import Conflict
from chalicelib.foundation.values import dataclass
from chalicelib.programs.model import DisclosureTick, MembershipHolder, local_time
from chalicelib.programs.service import ProgramService
from chalicelib.tiktok.consents.store import ConsentStore, TooManyConsents
from chalicelib.tiktok.errors import OutcomeUnknown, TikTokError, TryLater, TryNow
from chalicelib.tiktok.model import (
    CONSENT_LIFETIME,
    CONSENTS_PER_WINDOW,
    Account,
    Consent,
    ConsentWindow,
    PendingSend,
    Tokens,
)
from chalicelib.tiktok.problems import TikTokProblem
from chalicelib.tiktok.store import AccountStore, AccountTaken
from chalicelib.tiktok.vault import TokenVault

if TYPE_CHECKING:
    from chalicelib.tiktok.client import Grant, TikTokClient


@dataclass(frozen=True)
class ConsentRequest:
    """The address at which a member consents, and the nonce their browser must bring back."""

    authorize_url: str
    nonce: str
    callback_url: str

    def __repr__(self) -> str:
        return "ConsentRequest(...)"


@dataclass(frozen=True)
class Connection:
    """A connection just made, and the send it was made for.

    `views` is whether its person was asked to let the views of their posts be read.
    """

    account: Account
    pending: PendingSend | None
    views: bool = False


class ConsentService:
    def __init__(
        self,
        *,
        store: ConsentStore,
        accounts: AccountStore,
        client: "Callable[[], TikTokClient]",
        vault: Callable[[], TokenVault],
        programs: ProgramService,
        callback_url: Callable[[], str],
        pkce: Callable[[], bool],
        offers_views: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """Callables are called when their result is first needed: most functions need none."""
        self._store = store
        self._accounts = accounts
        self._client = client
        self._vault = vault
        self._programs = programs
        self._callback_url = callback_url
        self._pkce = pkce
        self._offers_views = offers_views
        self._clock = clock

    def begin_consent(
        self,
        caller: Caller,
        correlation_id: str,
        activity_id: str | None = None,
        disclosed: DisclosureTick | None = None,
        *,
        views: bool = False,
    ) -> ConsentRequest:
        """Begin a consent, bound to this person and, by the nonce, to their browser.

        With `activity_id`, the activity's video is sent once the account is connected; `disclosed`
        is the disclosure acknowledged for that send. With `views`, TikTok also asks them to let the
        views of their posts be read; so it does, where this is offered, if they allowed it before.
        Raises the problems `too_many_requests` (with `retry_at`), `unavailable` and, with `views`,
        `tiktok_views_off`.
        """
        if caller.subject is None or caller.invited_at is None:
            raise ValueError("only a member who has signed in may begin a consent")
        if views and not self._offers_views():
            raise Problem(
                TikTokProblem.TIKTOK_VIEWS_OFF,
                "Views are not read here, so there is nothing to allow.",
            )
        now = self._clock.now()
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        try:
            callback_url, client, pkce = self._callback_url(), self._client(), self._pkce()
        except NotSetUp as error:
            logger.error("TikTok is not set up", extra={"why": str(error)})
            raise Problem(
                ProblemCode.UNAVAILABLE,
                "TikTok is not set up here yet. Ask whoever runs this Greenroom.",
            ) from error
        consent = Consent(
            program_id=caller.program_id,
            member_id=caller.member_id,
            holder=MembershipHolder(caller.subject, caller.invited_at),
            nonce_hash=_sha256(nonce),
            pkce=pkce,
            activity_id=activity_id,
            correlation_id=correlation_id,
            expires_at=now + CONSENT_LIFETIME,
            disclosed=disclosed,
            views=views or self._allows_views_already(caller),
        )
        window = ConsentWindow.at(now)
        try:
            self._store.add_consent(_sha256(state), consent, window, CONSENTS_PER_WINDOW)
        except TooManyConsents as error:
            raise _too_many_consents(window.ends_at, caller, now) from error
        verifier = _code_verifier(nonce) if pkce else None
        address = client.authorize_url(state, verifier, views=consent.views)
        return ConsentRequest(address, nonce, callback_url)

    def _allows_views_already(self, caller: Caller) -> bool:
        """True if the caller allows views already; connecting again without them would end that."""
        if not self._offers_views():
            return False
        account = self._accounts.account(caller.program_id, caller.member_id)
        since = account.views_since if account else None
        return bool(since and caller.invited_at and since >= caller.invited_at)

    def finish_consent(
        self, state: str, nonce: str, code: str | None, error: str | None
    ) -> Connection:
        """Finish a consent and connect the account, once.

        Raises problems, and changes nothing then: `tiktok_state_invalid` (unknown, used, expired,
        another member's, without the browser's nonce, or begun by a person who has been removed
        since), `tiktok_consent_denied`, `tiktok_code_refused`, `tiktok_scope_missing`,
        `tiktok_account_taken`, `unavailable`.
        """
        consent = self._store.consent(_sha256(state))
        now = self._clock.now()
        if (
            consent is None
            or now >= consent.expires_at
            or not hmac.compare_digest(consent.nonce_hash, _sha256(nonce))
            or not self._store.use_consent(_sha256(state))
        ):
            raise _state_invalid()
        try:
            return self._finish(consent, nonce, code, error, now)
        except Problem as problem:
            raise replace(problem, activity_id=consent.activity_id) from problem

    def _finish(
        self, consent: Consent, nonce: str, code: str | None, error: str | None, now: datetime
    ) -> Connection:
        if error or not code:
            raise Problem(
                TikTokProblem.TIKTOK_CONSENT_DENIED,
                "You did not authorize Greenroom at TikTok, so nothing was connected. "
                "Add your account again if that was a mistake.",
            )
        known = self._programs.member(consent.program_id, consent.member_id)
        if known is None or not consent.holder.holds(known):
            logger.info("the person who began this consent is not the member any more")
            raise _state_invalid()
        verifier = _code_verifier(nonce) if consent.pkce else None
        with acting(member(consent.member_id), origin_as(known.role)):
            return self._connect(consent, self._exchange_code(code, verifier), now)

    def _exchange_code(self, code: str, verifier: str | None) -> "Grant":
        try:
            grant = self._client().exchange_code(code, verifier)
        except (TryLater, TryNow, OutcomeUnknown) as error:
            raise Problem(
                ProblemCode.UNAVAILABLE,
                "TikTok is not answering right now. Add your account again in a moment.",
            ) from error
        except TikTokError as error:
            logger.info("code refused", extra={"tiktok": error.code, "log_id": error.log_id})
            raise Problem(
                TikTokProblem.TIKTOK_CODE_REFUSED,
                "TikTok no longer accepted its own confirmation. Add your account again.",
            ) from error
        if missing := sorted(grant.missing_scopes):
            raise Problem(
                TikTokProblem.TIKTOK_SCOPE_MISSING,
                "Greenroom needs every permission it asks for to put videos into your TikTok "
                "inbox. Add your account again and leave all of them switched on.",
                members={"missing": missing},
            )
        return grant

    def _connect(self, consent: Consent, grant: "Grant", now: datetime) -> Connection:
        try:
            person = self._client().person(grant.access_token)
        except TikTokError as error:
            raise Problem(
                ProblemCode.UNAVAILABLE,
                "TikTok is not answering right now. Add your account again in a moment.",
            ) from error
        tokens = Tokens(grant.access_token, grant.refresh_token)
        account = Account(
            program_id=consent.program_id,
            member_id=consent.member_id,
            state=TikTokState.CONNECTED,
            open_id=grant.open_id,
            display_name=person.display_name,
            avatar_url=person.avatar_url,
            tokens=self._vault().encrypt_tokens(consent.program_id, consent.member_id, tokens),
            access_expires_at=now + timedelta(seconds=grant.expires_in),
            refresh_expires_at=now + timedelta(seconds=grant.refresh_expires_in),
            connected_at=now,
        )
        before = self._accounts.account(consent.program_id, consent.member_id)
        if consent.views and grant.has_views:
            same = before and before.open_id == account.open_id and before.views_since
            account = replace(account, views_since=same or now)
        pending = (
            PendingSend(
                consent.program_id,
                consent.member_id,
                consent.activity_id,
                consent.correlation_id,
                consent.disclosed,
            )
            if consent.activity_id
            else None
        )
        also = self._programs.tiktok_state_part(
            account.program_id,
            account.member_id,
            TikTokState.CONNECTED,
            active=True,
            holder=consent.holder,
        )
        if pending is None and before is not None:
            pending = before.pending  # a send that already waits goes on waiting
        try:
            self._accounts.save_connection(account, before, pending, also)
        except AccountTaken as error:
            # Nothing is revoked: TikTok would end the other member's tokens with these.
            raise Problem(
                TikTokProblem.TIKTOK_ACCOUNT_TAKEN,
                "This TikTok account cannot be added here. Log in to TikTok with another account "
                "and add that one; if you use this one elsewhere in Greenroom, disconnect it there "
                "first.",
            ) from error
        except Conflict as error:
            self._revoke_late_grant(consent, grant)
            raise Problem(
                ProblemCode.CHANGED_MEANWHILE, "Your account has changed. Add it again."
            ) from error
        logger.info("TikTok account connected", extra={"again": before is not None})
        return Connection(account, pending, consent.views)

    def _revoke_late_grant(self, consent: Consent, grant: "Grant") -> None:
        """Revoke a grant whose member was removed meanwhile: nobody would find it again.

        Not one of a TikTok account that a member holds: TikTok would end their tokens with it.
        """
        if consent.holder.holds(self._programs.member(consent.program_id, consent.member_id)):
            return
        if self._accounts.holder(grant.open_id) is not None:
            return
        try:
            self._client().revoke(grant.access_token)
        except TikTokError as error:
            logger.warning("not revoked", extra={"tiktok": error.code, "log_id": error.log_id})


def _too_many_consents(retry_at: datetime, caller: Caller, now: datetime) -> Problem:
    local = local_time(retry_at, caller.time_zone)
    return Problem(
        ProblemCode.TOO_MANY_REQUESTS,
        f"You went to TikTok {CONSENTS_PER_WINDOW} times within an hour to add your account. "
        f"You can try again from {local:%H:%M} on.",
        members={"retry_at": retry_at.isoformat(), "retry_at_local": local.isoformat()},
        headers={"Retry-After": str(ceil((retry_at - now).total_seconds()))},
    )


def _state_invalid() -> Problem:
    return Problem(
        TikTokProblem.TIKTOK_STATE_INVALID,
        "This consent was not asked for from this browser, was used before or took longer "
        "than ten minutes. It may have ended in another browser, such as one inside an app: go "
        "back to where you began and add your account again.",
    )


def _code_verifier(nonce: str) -> str:
    """Derive PKCE's verifier from what only the browser keeps, so that nobody else can read it."""
    return hmac.digest(nonce.encode(), b"code_verifier", "sha256").hex()


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
