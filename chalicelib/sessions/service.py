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
    Client,
    Counter,
    PoolChallenge,
    Question,
    SignedIn,
    Step,
    authenticator_uri,
    network_of,
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

LEAST_SECONDS = 0.8
"""A refusal takes at least this long. The pool takes about a quarter, for each reason another."""


class SessionEnded(Exception):
    """The session was signed out, is too old, or never was."""


@dataclass(frozen=True)
class Begun:
    """A session on a device that the account knows from now on."""

    session: SignedIn
    device_token: str = field(repr=False)


type Next = Begun | Question
"""What follows a right password: a session, or what is asked for next."""


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
        account = _account(email)
        found = self._attempt_sign_in(
            client, account, lambda: self._pool.sign_in(account, password)
        )
        return self._next(account, found)

    def choose_password(
        self, client: Client, email: str, new_password: str, challenge: str
    ) -> Next:
        """Go on with a password of one's own in place of the one that was mailed.

        Raises as `sign_in`, and `password_too_weak`.
        """
        _require_strength(new_password)
        account, pool = _account(email), self._pool
        held = self._challenges.read(Step.PASSWORD, account, challenge)
        found = self._attempt_sign_in(
            client,
            account,
            lambda: pool.choose_password(new_password, _held(held)),
        )
        return self._next(account, found)

    def give_code(self, client: Client, email: str, code: str, challenge: str) -> Begun:
        """Begin a session with a code of the person's authenticator.

        Raises as `sign_in`, and `code_refused`.
        """
        account, pool = _account(email), self._pool
        held = self._challenges.read(Step.CODE, account, challenge)
        found = self._attempt_code(client, account, lambda: pool.give_code(code, _held(held)))
        return self._begun(account, found)

    def set_up(
        self, client: Client, email: str, code: str, challenge: str, refresh_token: str
    ) -> Begun:
        """Begin a session with the first code of an authenticator, which is asked for from now on.

        `refresh_token` is of the session that the client has already, if it has one. Raises as
        `give_code`.
        """
        account, pool = _account(email), self._pool
        held = self._challenges.read(Step.SETUP, account, challenge)

        def ask() -> SignedIn:
            access_token, kept = _held(held)
            pool.set_up_authenticator(access_token, code)
            session = pool.renew(kept or refresh_token)
            if _account(session.email) != account:
                raise CredentialsRefused
            return session

        return self._begun(account, self._attempt_code(client, account, ask))

    def _next(self, account: str, found: "Answered") -> Next:
        """Return what a right password leads to: a session, or the next question."""
        if isinstance(found, PoolChallenge):
            challenge = self._challenges.make(found.step, account, *found.held)
            return Question(found.step, challenge)
        if not self._needs_authenticator(found):
            return self._begun(account, found)
        # The pool would have asked for a code if there were an authenticator.
        return self._setup(account, found.access_token, found.refresh_token or "")

    def _setup(self, account: str, access_token: str, refresh_token: str) -> Question:
        secret = self._ask(lambda: self._pool.new_secret(access_token))
        challenge = self._challenges.make(Step.SETUP, account, access_token, refresh_token)
        return Question(Step.SETUP, challenge, secret, authenticator_uri(secret, account))

    def _needs_authenticator(self, session: SignedIn) -> bool:
        managers = self._managers
        return managers is not None and managers(session.subject, session.email)

    def _begun(self, account: str, session: SignedIn) -> Begun:
        return Begun(session, self._devices.make(account))

    def renew(self, refresh_token: str) -> SignedIn:
        """Renew a session. Raises `SessionEnded`, and the problem `sign_in_elsewhere`.

        Not counted: nobody guesses a refresh token. Where managers need an authenticator, the
        session of one without ends here, such as of a member who became a manager: the next
        sign-in sets one up.
        """
        session = self._renewed(refresh_token)
        if self._needs_authenticator(session) and not self._ask(
            lambda: self._pool.has_authenticator(session.access_token)
        ):
            raise SessionEnded
        return session

    def _renewed(self, refresh_token: str) -> SignedIn:
        pool = self._pool
        if not refresh_token:
            raise SessionEnded
        try:
            return self._ask(lambda: pool.renew(refresh_token))
        except CredentialsRefused:
            raise SessionEnded from None

    def begin_setup(self, refresh_token: str) -> tuple[SignedIn, Question]:
        """Return a secret for an authenticator of the person signed in, and the renewed session.

        One that is set up already stays: the deployment's owner takes it away. Raises as `renew`,
        and the problem `authenticator_set_up`.
        """
        session = self._renewed(refresh_token)
        if self._ask(lambda: self._pool.has_authenticator(session.access_token)):
            raise Problem(
                SessionProblem.AUTHENTICATOR_SET_UP,
                "Your sign-in asks for codes of an authenticator already. If you have lost it, "
                "ask whoever runs Greenroom for you to take it away.",
            )
        # Without the refresh token: the client's cookie has it, and the next one when it changes.
        return session, self._setup(_account(session.email), session.access_token, "")

    def mail_code(self, client: Client, email: str) -> None:
        """Have a code mailed that resets a password, if there is such an account to reset.

        Nothing is said of that, nor of an account that was mailed too often. Raises the problem
        `too_many_attempts` for an address from which too much is asked.
        """
        pool, started = self._pool, self._ticks()
        account, network = _account(email), network_of(client.address)
        now = self._clock.now()
        self._take([FORGOT_ADDRESS.counter(now, network)])
        if account and not self._attempts.count_attempt([FORGOT_ACCOUNT.counter(now, account)]):
            try:
                self._ask(lambda: pool.mail_code(account))
            except CredentialsRefused:
                logger.info("no code mailed")
        self._wait_since(started)

    def reset_password(self, client: Client, email: str, code: str, new_password: str) -> str:
        """Set a password by a mailed code; returns a token for the device.

        Raises the problems `reset_refused`, `password_too_weak`, `too_many_attempts`,
        `sign_in_elsewhere`.
        """
        _require_strength(new_password)
        account, network = _account(email), network_of(client.address)
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
                self._ask(lambda: pool.sign_out_everywhere(pool.renew(refresh_token).access_token))
            self._ask(lambda: pool.revoke(refresh_token))
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

    def _counters(self, client: Client, account: str) -> list[Counter]:
        now = self._clock.now()
        device = self._devices.device_of(client.device_token, account)
        if device:
            return [SIGN_IN_DEVICE.counter(now, device)]
        return [
            SIGN_IN_ADDRESS.counter(now, network_of(client.address)),
            SIGN_IN_ACCOUNT.counter(now, account),
        ]

    def _attempt[Found](
        self, counters: Sequence[Counter], ask: Callable[[], Found], account: str
    ) -> Found:
        """Ask the pool; only what it refuses stays counted.

        Raises `CredentialsRefused`, not too soon.
        """
        _ = self._pool  # another issuer's people are told so before anything is counted
        started = self._ticks()
        self._take(counters)
        try:
            found = self._ask(ask if account else _refuse)
        except CredentialsRefused:
            self._wait_since(started)
            raise
        except BaseException:
            self._attempts.uncount(counters)
            raise
        self._attempts.uncount(counters)
        return found

    def _take(self, counters: Sequence[Counter]) -> None:
        full = self._attempts.count_attempt(counters)
        if full:
            until = full.ends_at
            raise Problem(
                SessionProblem.TOO_MANY_ATTEMPTS,
                "There were too many attempts. Wait until the time given, sign in on a device "
                "that you signed in on before, or have a new password set by mail.",
                members={"retry_at": until.isoformat().replace("+00:00", "Z")},
            )

    def _wait_since(self, started: float) -> None:
        self._pause(max(0.0, started + LEAST_SECONDS - self._ticks()))

    @staticmethod
    def _ask[Found](ask: Callable[[], Found]) -> Found:
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


def _refuse() -> NoReturn:
    raise CredentialsRefused


def _held(held: list[str] | None) -> list[str]:
    if held is None:
        raise CredentialsRefused
    return held


def _account(email: str) -> str:
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
