"""Signing in and out of the console by the stack's user pool.

Nothing here tells whether an account exists: a refusal has one form whatever its reason, takes the
same least time, and limits count for accounts that are not there as well.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, NoReturn

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import normalized_email
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import FieldError, Problem, ProblemCode
from chalicelib.foundation.values import dataclass
from chalicelib.sessions.devices import DeviceTokens
from chalicelib.sessions.model import (
    FORGOT_ACCOUNT,
    FORGOT_ADDRESS,
    RESET_ACCOUNT,
    RESET_ADDRESS,
    SIGN_IN_ACCOUNT,
    SIGN_IN_ADDRESS,
    SIGN_IN_DEVICE,
    AttemptCounter,
    Client,
    PoolChallenge,
    SignedIn,
    SignInQuestion,
    SignInStep,
    authenticator_uri,
    network_key,
    password_flaws,
)
from chalicelib.sessions.problems import SessionProblem
from chalicelib.sessions.user_pool import (
    CredentialsRefused,
    PoolUnavailable,
    UnknownStep,
    WeakPassword,
)

if TYPE_CHECKING:
    from chalicelib.sessions.challenges import Challenges
    from chalicelib.sessions.store import AttemptStore
    from chalicelib.sessions.user_pool import Answered, SignInPool

MIN_ANSWER_SECONDS = 0.8
"""A refusal takes at least this long. The pool takes about a quarter, for each reason another."""


class SessionEnded(Exception):
    """The session was signed out, is too old, or never was."""


@dataclass(frozen=True)
class BegunSession:
    """A session on a device that the account knows from now on."""

    session: SignedIn
    device_token: str = field(repr=False)


type Next = BegunSession | SignInQuestion
"""The result of a right password: a session, or the next question."""


class SessionService:
    """`pool` is None where people sign in at another issuer than the stack's user pool.

    `managers` tells of a subject and its e-mail address whether that is a manager, who then needs
    an authenticator; None where nobody does.
    """

    def __init__(
        self,
        pool: "SignInPool | None",
        attempts: "AttemptStore",
        devices: DeviceTokens,
        clock: Clock,
        challenges: "Challenges",
        *,
        managers: Callable[[str, str], bool] | None = None,
        ticks: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._known_pool = pool
        self._attempts = attempts
        self._devices = devices
        self._clock = clock
        self._challenges = challenges
        self._managers = managers
        self._ticks = ticks
        self._pause = pause

    def sign_in(self, client: Client, email: str, password: str) -> Next:
        """Begin a session with a password.

        Raises the problems `sign_in_refused`, `too_many_attempts`, `sign_in_elsewhere`.
        """
        account = _account_of(email)
        found = self._attempt_sign_in(
            client, account, lambda: self._pool.sign_in(account, password)
        )
        return self._session_or_question(account, found)

    def choose_password(
        self, client: Client, email: str, new_password: str, challenge: str
    ) -> Next:
        """Go on with a password of one's own in place of the one that was mailed.

        Raises as `sign_in`, and `password_too_weak`.
        """
        _require_strength(new_password)
        account, pool = _account_of(email), self._pool
        held = self._challenges.read(SignInStep.PASSWORD, account, challenge)
        found = self._attempt_sign_in(
            client,
            account,
            lambda: pool.choose_password(new_password, _require_held(held)),
        )
        return self._session_or_question(account, found)

    def give_code(self, client: Client, email: str, code: str, challenge: str) -> BegunSession:
        """Begin a session with a code of the person's authenticator.

        Raises as `sign_in`, and `code_refused`.
        """
        account, pool = _account_of(email), self._pool
        held = self._challenges.read(SignInStep.CODE, account, challenge)
        found = self._attempt_code(
            client, account, lambda: pool.give_code(code, _require_held(held))
        )
        return self._begun_session(account, found)

    def set_up(
        self, client: Client, email: str, code: str, challenge: str, refresh_token: str
    ) -> BegunSession:
        """Begin a session with the first code of an authenticator, which is asked for from now on.

        `refresh_token` is of the session that the client has already, if it has one. Raises as
        `give_code`.
        """
        account, pool = _account_of(email), self._pool
        held = self._challenges.read(SignInStep.SETUP, account, challenge)

        def ask() -> SignedIn:
            access_token, kept = _require_held(held)
            pool.set_up_authenticator(access_token, code)
            session = pool.renew(kept or refresh_token)
            if _account_of(session.email) != account:
                raise CredentialsRefused
            return session

        return self._begun_session(account, self._attempt_code(client, account, ask))

    def _session_or_question(self, account: str, found: "Answered") -> Next:
        """Return what a right password leads to: a session, or the next question."""
        if isinstance(found, PoolChallenge):
            challenge = self._challenges.make(found.step, account, *found.held)
            return SignInQuestion(found.step, challenge)
        if not self._needs_authenticator(found):
            return self._begun_session(account, found)
        # The pool would have asked for a code if there were an authenticator.
        return self._setup_question(account, found.access_token, found.refresh_token or "")

    def _setup_question(
        self, account: str, access_token: str, refresh_token: str
    ) -> SignInQuestion:
        secret = self._call_pool(lambda: self._pool.new_secret(access_token))
        challenge = self._challenges.make(SignInStep.SETUP, account, access_token, refresh_token)
        return SignInQuestion(
            SignInStep.SETUP, challenge, secret, authenticator_uri(secret, account)
        )

    def _needs_authenticator(self, session: SignedIn) -> bool:
        managers = self._managers
        return managers is not None and managers(session.subject, session.email)

    def _begun_session(self, account: str, session: SignedIn) -> BegunSession:
        return BegunSession(session, self._devices.make(account))

    def renew(self, refresh_token: str) -> SignedIn:
        """Renew a session. Raises `SessionEnded`, and the problem `sign_in_elsewhere`.

        Not counted: nobody guesses a refresh token. Where managers need an authenticator, the
        session of one without ends here, such as of a member who became a manager: the next
        sign-in sets one up.
        """
        session = self._renewed(refresh_token)
        if self._needs_authenticator(session) and not self._call_pool(
            lambda: self._pool.has_authenticator(session.access_token)
        ):
            raise SessionEnded
        return session

    def _renewed(self, refresh_token: str) -> SignedIn:
        pool = self._pool
        if not refresh_token:
            raise SessionEnded
        try:
            return self._call_pool(lambda: pool.renew(refresh_token))
        except CredentialsRefused:
            raise SessionEnded from None

    def begin_setup(self, refresh_token: str) -> tuple[SignedIn, SignInQuestion]:
        """Return a secret for an authenticator of the person signed in, and the renewed session.

        One that is set up already stays: the deployment's owner takes it away. Raises as `renew`,
        and the problem `authenticator_set_up`.
        """
        session = self._renewed(refresh_token)
        if self._call_pool(lambda: self._pool.has_authenticator(session.access_token)):
            raise Problem(
                SessionProblem.AUTHENTICATOR_SET_UP,
                "Your sign-in asks for codes of an authenticator already. If you have lost it, "
                "ask whoever runs Greenroom for you to take it away.",
            )
        # Without the refresh token: the client's cookie has it, and the next one when it changes.
        return session, self._setup_question(_account_of(session.email), session.access_token, "")

    def mail_code(self, client: Client, email: str) -> None:
        """Have a code mailed that resets a password, if there is such an account to reset.

        Nothing is said of that, nor of an account that was mailed too often. Raises the problem
        `too_many_attempts` for an address from which too much is asked.
        """
        pool, started = self._pool, self._ticks()
        account, network = _account_of(email), network_key(client.address)
        now = self._clock.now()
        self._count_attempt([FORGOT_ADDRESS.counter(now, network)])
        if account and not self._attempts.count_attempt([FORGOT_ACCOUNT.counter(now, account)]):
            try:
                self._call_pool(lambda: pool.mail_code(account))
            except CredentialsRefused:
                logger.info("no code mailed")
        self._wait_min_time(started)

    def reset_password(self, client: Client, email: str, code: str, new_password: str) -> str:
        """Set a password by a mailed code; returns a token for the device.

        Raises the problems `reset_refused`, `password_too_weak`, `too_many_attempts`,
        `sign_in_elsewhere`.
        """
        _require_strength(new_password)
        account, network = _account_of(email), network_key(client.address)
        now = self._clock.now()
        counters = [
            RESET_ADDRESS.counter(now, network),
            RESET_ACCOUNT.counter(now, network, account),
        ]
        try:
            self._attempt(
                counters, lambda: self._pool.reset_password(account, code, new_password), account
            )
        except CredentialsRefused:
            raise Problem(
                SessionProblem.RESET_REFUSED,
                "This code is not the one that was mailed last, or it is too old. Ask for another.",
            ) from None
        return self._devices.make(account)

    def sign_out(self, refresh_token: str, *, everywhere: bool) -> None:
        """End a session, or all sessions of its person. One that has ended already is as good."""
        if not refresh_token:
            return
        pool = self._pool
        try:
            if everywhere:
                self._call_pool(
                    lambda: pool.sign_out_everywhere(pool.renew(refresh_token).access_token)
                )
            self._call_pool(lambda: pool.revoke(refresh_token))
        except CredentialsRefused:
            logger.info("session had ended")

    @property
    def _pool(self) -> "SignInPool":
        if self._known_pool is None:
            raise Problem(
                SessionProblem.SIGN_IN_ELSEWHERE,
                "Your company signs people in itself. Sign in there, not with a password here.",
            )
        return self._known_pool

    def _attempt_sign_in[Found](
        self, client: Client, account: str, ask: Callable[[], Found]
    ) -> Found:
        try:
            return self._attempt(self._counters(client, account), ask, account)
        except CredentialsRefused:
            raise Problem(
                SessionProblem.SIGN_IN_REFUSED,
                "This e-mail address and this password do not sign in here. If you have forgotten "
                "the password, have a new one set; if you were never mailed one, ask a manager.",
            ) from None

    def _attempt_code[Found](self, client: Client, account: str, ask: Callable[[], Found]) -> Found:
        try:
            return self._attempt(self._counters(client, account), ask, account)
        except CredentialsRefused:
            raise Problem(
                SessionProblem.CODE_REFUSED,
                "This code is not the one that your authenticator shows now, or the sign-in took "
                "too long. Give the next code, or begin again.",
            ) from None

    def _counters(self, client: Client, account: str) -> list[AttemptCounter]:
        now = self._clock.now()
        device = self._devices.device_of(client.device_token, account)
        if device:
            return [SIGN_IN_DEVICE.counter(now, device)]
        return [
            SIGN_IN_ADDRESS.counter(now, network_key(client.address)),
            SIGN_IN_ACCOUNT.counter(now, account),
        ]

    def _attempt[Found](
        self, counters: Sequence[AttemptCounter], ask: Callable[[], Found], account: str
    ) -> Found:
        """Ask the pool; only what it refuses stays counted.

        Raises `CredentialsRefused`, not too soon.
        """
        _ = self._pool  # another issuer's people are told so before anything is counted
        started = self._ticks()
        self._count_attempt(counters)
        try:
            found = self._call_pool(ask if account else _raise_refused)
        except CredentialsRefused:
            self._wait_min_time(started)
            raise
        except BaseException:
            self._attempts.uncount(counters)
            raise
        self._attempts.uncount(counters)
        return found

    def _count_attempt(self, counters: Sequence[AttemptCounter]) -> None:
        full = self._attempts.count_attempt(counters)
        if full:
            until = full.ends_at
            raise Problem(
                SessionProblem.TOO_MANY_ATTEMPTS,
                "There were too many attempts. Wait until the time given, sign in on a device "
                "that you signed in on before, or have a new password set by mail.",
                members={"retry_at": until.isoformat().replace("+00:00", "Z")},
            )

    def _wait_min_time(self, started: float) -> None:
        self._pause(max(0.0, started + MIN_ANSWER_SECONDS - self._ticks()))

    @staticmethod
    def _call_pool[Found](ask: Callable[[], Found]) -> Found:
        """Put what the pool may raise beside `CredentialsRefused` into the words of problems."""
        try:
            return ask()
        except WeakPassword:
            raise _too_weak(()) from None
        except UnknownStep:
            raise Problem(
                SessionProblem.SIGN_IN_STEP_UNSUPPORTED,
                "Your sign-in asks for a further step that Greenroom does not offer. Ask whoever "
                "runs it for you.",
            ) from None
        except PoolUnavailable:
            raise Problem(
                ProblemCode.UNAVAILABLE,
                "Signing in does not work right now. Try again in a moment.",
            ) from None


def _raise_refused() -> NoReturn:
    raise CredentialsRefused


def _require_held(held: list[str] | None) -> list[str]:
    if held is None:
        raise CredentialsRefused
    return held


def _account_of(email: str) -> str:
    """Return the one form of an address; empty for what is none and so nobody's."""
    try:
        return normalized_email(email)
    except ValueError:
        return ""


def _require_strength(new_password: str) -> None:
    flaws = password_flaws(new_password)
    if flaws:
        raise _too_weak(
            tuple(FieldError("new_password", each.code, each.message, each.limit) for each in flaws)
        )


def _too_weak(errors: tuple[FieldError, ...]) -> Problem:
    words = " ".join(each.message for each in errors) or "The sign-in service does not accept it."
    return Problem(SessionProblem.PASSWORD_TOO_WEAK, f"Choose a stronger password. {words}", errors)
