"""Signing in: what is counted, what is told, and what browsers are given."""

import base64
import random
import traceback
from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import boto3
import jwt
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.origins import ViewerAddresses, viewer_address
from chalicelib.foundation.problems import Code, Problem, ProblemCode
from chalicelib.sessions.challenges import Challenges
from chalicelib.sessions.console import ConsoleSessions
from chalicelib.sessions.cookies import SessionCookies
from chalicelib.sessions.devices import DeviceTokens
from chalicelib.sessions.model import (
    CHALLENGE_LIFETIME,
    DEVICE_LIFETIME,
    MAX_CHALLENGE_LENGTH,
    PASSWORD_MIN_LENGTH,
    REFRESH_LIFETIME,
    SIGN_IN_ACCOUNT,
    SIGN_IN_ADDRESS,
    SIGN_IN_DEVICE,
    AttemptCounter,
    Client,
    PoolChallenge,
    SignedIn,
    SignInQuestion,
    SignInStep,
    network_key,
    password_flaws,
)
from chalicelib.sessions.problems import SessionProblem
from chalicelib.sessions.service import (
    MIN_ANSWER_SECONDS,
    BegunSession,
    SessionEnded,
    SessionService,
)
from chalicelib.sessions.store import AttemptStore
from chalicelib.sessions.user_pool import (
    CredentialsRefused,
    PoolUnavailable,
    SignInPool,
    UnknownStep,
    WeakPassword,
)
from local.template import read
from tests.clock import NOON, StoppedClock

ANA, BEN = "ana@demo.example", "ben@demo.example"
PASSWORD, WRONG = "Gr-the-right-one-7", "Gr-a-wrong-one-77"
CODE = "123456"
SESSION = SignedIn(
    "id-token", NOON + timedelta(hours=1), "refresh-token", "access-token", "ana's subject", ANA
)
HERE = Client("198.51.100.7")
INFRA = Path(__file__).parents[2] / "infra"


class Numbers(AttemptStore):
    """Counts in memory."""

    def __init__(self) -> None:
        self.counted: Tally[str] = Tally()

    def count_attempt(self, counters: Sequence[AttemptCounter]) -> AttemptCounter | None:
        for counter in counters:
            if self.counted[counter.key] >= counter.most:
                return counter
        self.counted.update(counter.key for counter in counters)
        return None

    def uncount(self, counters: Sequence[AttemptCounter]) -> None:
        self.counted.subtract(counter.key for counter in counters)


class Pool(SignInPool):
    """A pool in which Ana has an account."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.asked: list[str] = []
        self.confirmed = False

    def _sign_in(self, email: str, right: bool) -> SignedIn:
        self.asked.append(email)
        if self.fault:
            raise self.fault
        if email != ANA or not right:
            raise CredentialsRefused
        return SESSION

    def sign_in(self, email: str, password: str) -> SignedIn | PoolChallenge:
        if password == "first":
            return PoolChallenge(SignInStep.PASSWORD, ("ana's name", "pool's session"))
        session = self._sign_in(email, password == PASSWORD)
        return (
            PoolChallenge(SignInStep.CODE, ("ana's name", "pool's session"))
            if self.confirmed
            else session
        )

    def choose_password(self, new_password: str, held: Sequence[str]) -> SignedIn | PoolChallenge:  # noqa: ARG002  the real one's
        return self._sign_in(ANA, tuple(held) == ("ana's name", "pool's session"))

    def give_code(self, code: str, held: Sequence[str]) -> SignedIn:
        right = (code, *held) == (CODE, "ana's name", "pool's session")
        return self._sign_in(ANA, right)

    def has_authenticator(self, access_token: str) -> bool:
        assert access_token == "access-token"
        return self.confirmed

    def new_secret(self, access_token: str) -> str:
        assert access_token == "access-token"
        return "SECRET"

    def set_up_authenticator(self, access_token: str, code: str) -> None:
        assert access_token == "access-token"
        if code != CODE:
            raise CredentialsRefused
        self.confirmed = True

    def renew(self, refresh_token: str) -> SignedIn:
        return self._sign_in(ANA, refresh_token == "refresh-token")

    def mail_code(self, email: str) -> None:
        self._sign_in(email, right=True)

    def reset_password(self, email: str, code: str, new_password: str) -> None:  # noqa: ARG002  likewise
        self._sign_in(email, code == "123456")


class Sessions:
    """The service with a clock that pauses move on."""

    def __init__(self) -> None:
        self.clock, self.pool, self.numbers = StoppedClock(), Pool(), Numbers()
        self.paused = 0.0
        self.devices = DeviceTokens(lambda: "key", self.clock)
        self.challenges = Challenges(lambda: "key", self.clock)
        self.service = self.with_managers(None)

    def with_managers(self, managers: Callable[[str, str], bool] | None) -> SessionService:
        return SessionService(
            self.pool,
            self.numbers,
            self.devices,
            self.clock,
            self.challenges,
            managers=managers,
            ticks=lambda: self.paused,
            pause=self._pause,
        )

    def _pause(self, seconds: float) -> None:
        self.paused += seconds

    def question(self, step: SignInStep, password: str = PASSWORD) -> SignInQuestion:
        asked = self.service.sign_in(HERE, ANA, password)
        assert isinstance(asked, SignInQuestion)
        assert asked.step is step
        return asked

    def refused(self, email: str = ANA, client: Client = HERE) -> Code:
        with pytest.raises(Problem) as raised:
            self.service.sign_in(client, email, WRONG)
        return raised.value.code


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


def in_all(sessions: Sessions) -> int:
    return sum(sessions.numbers.counted.values())


def test_only_what_the_pool_refuses_stays_counted(sessions: Sessions) -> None:
    assert isinstance(sessions.service.sign_in(HERE, ANA, PASSWORD), BegunSession)
    sessions.question(SignInStep.PASSWORD, "first")
    for fault in (PoolUnavailable(), UnknownStep(), WeakPassword(), RuntimeError()):
        sessions.pool.fault = fault
        with pytest.raises((Problem, RuntimeError)):
            sessions.service.sign_in(HERE, ANA, PASSWORD)
    assert in_all(sessions) == 0
    sessions.pool.fault = None
    assert sessions.refused() is SessionProblem.SIGN_IN_REFUSED
    assert in_all(sessions) == 2


def test_a_refusal_takes_as_long_for_whomever(sessions: Sessions) -> None:
    for email in (ANA, BEN, "no address"):
        before = sessions.paused
        sessions.refused(email)
        assert sessions.paused - before == pytest.approx(MIN_ANSWER_SECONDS)
    before = sessions.paused
    for email in (ANA, BEN, "no address"):
        sessions.service.mail_code(HERE, email)
    assert sessions.paused - before == pytest.approx(3 * MIN_ANSWER_SECONDS)


def test_an_attempt_is_counted_before_it_is_made(sessions: Sessions) -> None:
    """So that a thousand guesses at one instant are no more than the limit."""

    class Slow(Pool):
        def sign_in(self, email: str, password: str) -> SignedIn:  # noqa: ARG002  likewise
            assert in_all(sessions) == 2
            raise CredentialsRefused

    service = SessionService(
        Slow(),
        sessions.numbers,
        sessions.devices,
        sessions.clock,
        sessions.challenges,
        pause=lambda _: None,
    )
    with pytest.raises(Problem):
        service.sign_in(HERE, ANA, WRONG)


def test_accounts_and_addresses_are_limited_and_their_time_passes(sessions: Sessions) -> None:
    for number in range(SIGN_IN_ACCOUNT.attempts):
        client = Client(f"198.51.100.{number}")
        assert sessions.refused(client=client) is SessionProblem.SIGN_IN_REFUSED
    with pytest.raises(Problem) as raised:
        sessions.service.sign_in(Client("203.0.113.9"), ANA, PASSWORD)
    assert raised.value.code is SessionProblem.TOO_MANY_ATTEMPTS
    until = datetime.fromisoformat(raised.value.members["retry_at"])
    assert sessions.clock.now() < until <= sessions.clock.now() + SIGN_IN_ACCOUNT.window
    sessions.clock.advance(until - sessions.clock.now())
    assert sessions.service.sign_in(HERE, ANA, PASSWORD)


def test_an_address_that_is_full_uses_up_no_account(sessions: Sessions) -> None:
    for number in range(SIGN_IN_ADDRESS.attempts):
        sessions.refused(f"p{number}@demo.example")
    before = in_all(sessions)
    assert sessions.refused() is SessionProblem.TOO_MANY_ATTEMPTS
    assert in_all(sessions) == before
    assert sessions.service.sign_in(Client("203.0.113.9"), ANA, PASSWORD)


def test_a_known_device_is_counted_apart_and_has_a_limit_too(sessions: Sessions) -> None:
    begun = sessions.service.sign_in(HERE, ANA, PASSWORD)
    assert isinstance(begun, BegunSession)
    known = replace(HERE, device_token=begun.device_token)
    while sessions.refused() is not SessionProblem.TOO_MANY_ATTEMPTS:
        pass
    assert sessions.service.sign_in(known, ANA, PASSWORD)
    for _ in range(SIGN_IN_DEVICE.attempts):
        assert sessions.refused(client=known) is SessionProblem.SIGN_IN_REFUSED
    assert sessions.refused(client=known) is SessionProblem.TOO_MANY_ATTEMPTS
    assert sessions.refused(BEN, known) is SessionProblem.SIGN_IN_REFUSED  # not of his account


def test_a_device_token_is_of_one_account_and_one_key_and_not_for_ever() -> None:
    clock = StoppedClock()
    tokens = DeviceTokens(lambda: "key", clock)
    token = tokens.make(ANA)
    device = tokens.device_of(token, ANA)
    assert device
    assert tokens.device_of(token, BEN) is None
    assert DeviceTokens(lambda: "another", clock).device_of(token, ANA) is None
    later = f"9{token}"
    for made_up in ("", ".", "..", "a.b.c", later, token[:-1], "é" + token, token + "é"):
        assert tokens.device_of(made_up, ANA) is None
    clock.advance(DEVICE_LIFETIME)
    assert tokens.device_of(token, ANA) is None


def test_another_issuers_people_are_sent_there_and_nothing_is_counted(sessions: Sessions) -> None:
    service = SessionService(
        None, sessions.numbers, sessions.devices, sessions.clock, sessions.challenges
    )
    asks: tuple[Callable[[], object], ...] = (
        lambda: service.sign_in(HERE, ANA, PASSWORD),
        lambda: service.choose_password(HERE, ANA, PASSWORD, "challenge"),
        lambda: service.give_code(HERE, ANA, CODE, "challenge"),
        lambda: service.set_up(HERE, ANA, CODE, "challenge", "refresh-token"),
        lambda: service.begin_setup("refresh-token"),
        lambda: service.renew("refresh-token"),
        lambda: service.mail_code(HERE, ANA),
        lambda: service.reset_password(HERE, ANA, "123456", PASSWORD),
        lambda: service.sign_out("refresh-token", everywhere=False),
    )
    for ask in asks:
        with pytest.raises(Problem) as raised:
            ask()
        assert raised.value.code is SessionProblem.SIGN_IN_ELSEWHERE
    assert in_all(sessions) == 0


def code_of(raised: pytest.ExceptionInfo[Problem]) -> Code:
    return raised.value.code


def test_a_code_is_asked_for_where_an_authenticator_is_set_up(sessions: Sessions) -> None:
    sessions.pool.confirmed = True
    asked = sessions.question(SignInStep.CODE)
    with pytest.raises(Problem) as raised:
        sessions.service.give_code(HERE, ANA, "000000", asked.challenge)
    assert code_of(raised) is SessionProblem.CODE_REFUSED
    assert in_all(sessions) == 2  # of the address and of the account
    begun = sessions.service.give_code(HERE, ANA, CODE, asked.challenge)
    assert begun.session == SESSION
    assert in_all(sessions) == 2


def test_a_challenge_is_good_for_its_account_and_step_for_a_quarter_of_an_hour(
    sessions: Sessions,
) -> None:
    """So guesses are counted for the account that they are made on, whatever address they name."""
    sessions.pool.confirmed = True
    challenge = sessions.question(SignInStep.CODE).challenge
    first = sessions.question(SignInStep.PASSWORD, "first").challenge
    foreign = Challenges(lambda: "another", sessions.clock).make(
        SignInStep.CODE, ANA, "ana's name", "x"
    )
    service = sessions.service
    for email, answer in ((BEN, challenge), (ANA, first), (ANA, foreign), (ANA, ""), (ANA, "é")):
        with pytest.raises(Problem) as raised:
            service.give_code(HERE, email, CODE, answer)
        assert code_of(raised) is SessionProblem.CODE_REFUSED
    with pytest.raises(Problem) as raised:
        service.choose_password(HERE, ANA, PASSWORD, challenge)
    assert code_of(raised) is SessionProblem.SIGN_IN_REFUSED
    sessions.clock.advance(CHALLENGE_LIFETIME)
    with pytest.raises(Problem) as raised:
        service.give_code(HERE, ANA, CODE, challenge)
    assert code_of(raised) is SessionProblem.CODE_REFUSED


def test_guesses_of_codes_are_limited_for_their_account(sessions: Sessions) -> None:
    sessions.pool.confirmed = True
    challenge = sessions.question(SignInStep.CODE).challenge
    for number in range(SIGN_IN_ACCOUNT.attempts + 1):
        with pytest.raises(Problem) as raised:
            sessions.service.give_code(Client(f"198.51.100.{number}"), ANA, "000000", challenge)
    assert code_of(raised) is SessionProblem.TOO_MANY_ATTEMPTS


@given(held=st.lists(st.text(), max_size=3), changed=st.integers(0))
def test_a_challenge_brings_back_what_it_held_and_none_that_was_changed_does(
    held: list[str], changed: int
) -> None:
    challenges = Challenges(lambda: "key", StoppedClock())
    made = challenges.make(SignInStep.SETUP, ANA, *held)
    assert challenges.read(SignInStep.SETUP, ANA, made) == held
    at = changed % (len(made) - 1)  # the last letter may hold bits that count for nothing
    other = made[:at] + ("A" if made[at] != "A" else "B") + made[at + 1 :]
    assert challenges.read(SignInStep.SETUP, ANA, other) is None


def test_two_of_the_pools_longest_tokens_fit_into_a_challenge() -> None:
    token = base64.urlsafe_b64encode(random.Random(1).randbytes(2048)).decode()  # 2,732 letters
    challenges = Challenges(lambda: "key", StoppedClock())
    assert len(challenges.make(SignInStep.SETUP, ANA, token, token)) <= MAX_CHALLENGE_LENGTH


def test_a_manager_without_an_authenticator_gets_no_session_before_setting_one_up(
    sessions: Sessions,
) -> None:
    asked_of: list[tuple[str, str]] = []

    def managers(subject: str, email: str) -> bool:
        asked_of.append((subject, email))
        return True

    service = sessions.with_managers(managers)
    asked = service.sign_in(HERE, ANA, PASSWORD)
    assert isinstance(asked, SignInQuestion)
    assert (asked.step, asked.secret) == (SignInStep.SETUP, "SECRET")
    assert (
        asked.uri == "otpauth://totp/Greenroom%3Aana%40demo.example?secret=SECRET&issuer=Greenroom"
    )
    assert asked_of == [("ana's subject", ANA)]
    for token in (SESSION.access_token, str(SESSION.refresh_token)):
        assert token not in asked.challenge
    with pytest.raises(SessionEnded):  # nor does one from before the setting go on
        service.renew("refresh-token")
    with pytest.raises(Problem) as raised:
        service.set_up(HERE, ANA, "000000", asked.challenge, "")
    assert code_of(raised) is SessionProblem.CODE_REFUSED
    assert service.set_up(HERE, ANA, CODE, asked.challenge, "").session == SESSION
    assert service.renew("refresh-token") == SESSION
    asked = service.sign_in(HERE, ANA, PASSWORD)
    assert isinstance(asked, SignInQuestion)
    assert asked.step is SignInStep.CODE


def test_where_managers_need_an_authenticator_members_do_not(sessions: Sessions) -> None:
    service = sessions.with_managers(lambda *_: False)
    assert isinstance(service.sign_in(HERE, ANA, PASSWORD), BegunSession)
    assert service.renew("refresh-token") == SESSION


def test_a_manager_who_chooses_a_first_password_sets_up_an_authenticator_next(
    sessions: Sessions,
) -> None:
    first = sessions.question(SignInStep.PASSWORD, "first").challenge
    service = sessions.with_managers(lambda *_: True)
    asked = service.choose_password(HERE, ANA, PASSWORD, first)
    assert isinstance(asked, SignInQuestion)
    assert asked.step is SignInStep.SETUP


def test_anybody_may_set_up_one_authenticator_from_a_session(sessions: Sessions) -> None:
    session, asked = sessions.service.begin_setup("refresh-token")
    assert session == SESSION
    with pytest.raises(Problem) as raised:  # the session has ended meanwhile
        sessions.service.set_up(HERE, ANA, CODE, asked.challenge, "")
    assert code_of(raised) is SessionProblem.CODE_REFUSED
    sessions.pool.confirmed = False
    begun = sessions.service.set_up(HERE, ANA, CODE, asked.challenge, "refresh-token")
    assert begun.session == SESSION
    with pytest.raises(Problem) as raised:
        sessions.service.begin_setup("refresh-token")
    assert code_of(raised) is SessionProblem.AUTHENTICATOR_SET_UP
    with pytest.raises(SessionEnded):
        sessions.service.begin_setup("another")


def test_an_ended_session_is_told_from_a_pool_in_trouble(sessions: Sessions) -> None:
    for token in ("", "another"):
        with pytest.raises(SessionEnded):
            sessions.service.renew(token)
    sessions.pool.fault = PoolUnavailable()
    with pytest.raises(Problem) as raised:
        sessions.service.renew("refresh-token")
    assert raised.value.code is ProblemCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("Abcdefghijk1", set()),
        ("Abcdefghij1", {"too_short"}),
        ("abcdefghijk1", {"no_uppercase"}),
        ("ABCDEFGHIJK1", {"no_lowercase"}),
        ("Abcdefghijkl", {"no_digit"}),
        ("ÄÖÜäöüÄÖÜäöü", {"no_lowercase", "no_uppercase", "no_digit"}),
    ],
)
def test_a_new_password_is_told_all_that_it_lacks(password: str, codes: set[str]) -> None:
    assert {flaw.code for flaw in password_flaws(password)} == codes


def test_the_pool_has_the_rules_that_are_told() -> None:
    resources = read(INFRA / "identity.yaml")["Resources"]
    policy = resources["UserPool"]["Properties"]["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] == PASSWORD_MIN_LENGTH
    assert [policy[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers")] == [
        True
    ] * 3
    assert policy["RequireSymbols"] is False
    client = resources["UserPoolClient"]["Properties"]
    assert client["TokenValidityUnits"]["RefreshToken"] == "days"
    assert client["RefreshTokenValidity"] == REFRESH_LIFETIME.days
    assert client["AuthSessionValidity"] * 60 == CHALLENGE_LIFETIME.total_seconds()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("", "unknown"),
        ("made up", "unknown"),
    ],
)
def test_a_subscriber_is_one_address_or_one_block_of_the_newer_kind(
    address: str, network: str
) -> None:
    assert network_key(address) == network


@pytest.mark.parametrize(
    ("forwarded_for", "by_distribution", "viewer"),
    [
        ("203.0.113.9, 192.0.2.1", True, "203.0.113.9"),  # the gateway added its caller
        ("203.0.113.9", True, "203.0.113.9"),  # or it did not
        ("10.9.9.9, 203.0.113.9, 192.0.2.1", True, "203.0.113.9"),  # the first is the viewer's word
        ("", True, "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1", False, "192.0.2.1"),  # past the distribution: anybody's words
    ],
)
def test_the_address_is_what_the_distribution_says_and_nobody_else(
    forwarded_for: str, *, by_distribution: bool, viewer: str
) -> None:
    assert viewer_address("192.0.2.1", forwarded_for, by_distribution=by_distribution) == viewer


def console(sessions: Sessions, public_url: str = "https://demo.example/v1") -> ConsoleSessions:
    return ConsoleSessions(
        sessions.service, SessionCookies(public_url), public_url, ViewerAddresses("the-key")
    )


@pytest.mark.parametrize(("key", "seen"), [("the-key", "203.0.113.9"), ("a-key", "192.0.2.1")])
def test_the_distribution_proves_itself_by_its_key(sessions: Sessions, key: str, seen: str) -> None:
    headers = {"x-origin-key": key, "x-forwarded-for": "203.0.113.9"}
    assert console(sessions).viewer_address("192.0.2.1", headers) == seen
    keyless = replace(console(sessions), origins=ViewerAddresses(""))
    assert keyless.viewer_address("192.0.2.1", {"x-forwarded-for": "1.1.1.1"}) == "192.0.2.1"


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://demo.example"}, False),
        ({"origin": "https://demo.example"}, True),
        ({"origin": "https://demo.example.evil.example"}, False),
        ({"origin": "http://demo.example"}, False),
        ({"origin": "null"}, False),
        ({}, True),
    ],
)
def test_only_our_own_pages_and_what_is_no_page_may_ask(
    sessions: Sessions, headers: Mapping[str, str], *, own: bool
) -> None:
    assert console(sessions).is_own_site(headers) is own


@pytest.mark.parametrize(
    ("public_url", "name", "path", "secure"),
    [
        ("https://d1.cloudfront.net/v1", "__Secure-greenroom-session", "/v1/session", True),
        ("https://127.0.0.1/v1/", "__Secure-greenroom-session", "/v1/session", True),
        ("http://demo.example/v1", "__Secure-greenroom-session", "/v1/session", True),
        ("http://localhost:8000/v1", "greenroom-session", "/v1/session", False),
        ("http://127.0.0.1:4566/_x/v1", "greenroom-session", "/_x/v1/session", False),
    ],
)
def test_the_cookie_is_the_routes_of_sessions_alone(
    public_url: str, name: str, path: str, *, secure: bool
) -> None:
    cookies = SessionCookies(public_url)
    assert cookies.name == name
    (morsel,) = SimpleCookie(cookies.keep("a.b-c_d")).values()
    assert (morsel.key, morsel.value, morsel["path"]) == (name, "a.b-c_d", path)
    assert morsel["max-age"] == str(30 * 24 * 3600)
    assert (morsel["samesite"], morsel["httponly"]) == ("Strict", True)
    assert (morsel["secure"] is True) is secure
    assert not morsel["domain"]
    (gone,) = SimpleCookie(cookies.forget()).values()
    assert (gone.key, gone.value, gone["max-age"], gone["path"]) == (name, "", "0", path)


def test_objects_with_a_secret_hide_it_in_their_repr() -> None:
    asked = SignInQuestion(
        SignInStep.SETUP, "challenge", "secret-code", "otpauth://totp/secret-code"
    )
    for thing in (
        SESSION,
        BegunSession(SESSION, "device-token"),
        asked,
        PoolChallenge(SignInStep.CODE, ("held",)),
    ):
        shown = repr(thing)
        secret = (
            "id-token",
            "refresh-token",
            "access-token",
            "device-token",
            "challenge'",
            "secret-code",
            "held'",
        )
        assert not [each for each in secret if each in shown]


# The pool's answers


@pytest.fixture
def cognito() -> Any:
    return boto3.client("cognito-idp", region_name="eu-west-1")


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("NotAuthorizedException", CredentialsRefused),
        ("UserNotFoundException", CredentialsRefused),
        ("PasswordResetRequiredException", CredentialsRefused),
        ("UserNotConfirmedException", CredentialsRefused),
        ("InvalidParameterException", CredentialsRefused),
        ("LimitExceededException", CredentialsRefused),
        ("CodeDeliveryFailureException", CredentialsRefused),
        ("InvalidPasswordException", WeakPassword),
        ("TooManyRequestsException", PoolUnavailable),
        ("InternalErrorException", PoolUnavailable),
        ("AccessDeniedException", PoolUnavailable),
    ],
)
def test_errors_of_the_pool_contain_nothing_that_was_sent(
    cognito: Any, code: str, raised: type[Exception]
) -> None:
    with Stubber(cognito) as stub:
        stub.add_client_error("admin_initiate_auth", code, f"{ANA} with {PASSWORD} is wrong")
        with pytest.raises(raised) as caught:
            SignInPool(cognito, "eu-west-1_pool", "client").sign_in(ANA, PASSWORD)
    told = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in told
    assert ANA not in told


def test_errors_of_unsendable_requests_contain_nothing_that_was_to_be_sent(cognito: Any) -> None:
    wrong: Any = {"not": PASSWORD}
    with pytest.raises(PoolUnavailable) as caught:
        SignInPool(cognito, "eu-west-1_pool", "client").sign_in(ANA, wrong)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


def test_the_pool_is_answered_by_its_own_name_for_the_person(cognito: Any) -> None:
    """It takes an e-mail address for a name in the first call alone."""
    question = {
        "Session": "s" * 20,
        "ChallengeParameters": {"USER_ID_FOR_SRP": "4f1c-the-name"},
    }
    named = {"USERNAME": "4f1c-the-name"}
    common = {"UserPoolId": "eu-west-1_pool", "ClientId": "client", "Session": "s" * 20}
    with Stubber(cognito) as stub:
        stub.add_response(
            "admin_initiate_auth", {"ChallengeName": "NEW_PASSWORD_REQUIRED", **question}
        )
        stub.add_response(
            "admin_respond_to_auth_challenge",
            {"ChallengeName": "SOFTWARE_TOKEN_MFA", **question},
            {
                **common,
                "ChallengeName": "NEW_PASSWORD_REQUIRED",
                "ChallengeResponses": {**named, "NEW_PASSWORD": PASSWORD},
            },
        )
        stub.add_client_error(
            "admin_respond_to_auth_challenge",
            "CodeMismatchException",
            expected_params={
                **common,
                "ChallengeName": "SOFTWARE_TOKEN_MFA",
                "ChallengeResponses": {**named, "SOFTWARE_TOKEN_MFA_CODE": CODE},
            },
        )
        pool = SignInPool(cognito, "eu-west-1_pool", "client")
        first = pool.sign_in(ANA, "first")
        assert isinstance(first, PoolChallenge)
        second = pool.choose_password(PASSWORD, first.held)
        assert isinstance(second, PoolChallenge)
        assert (first.step, second.step) == (SignInStep.PASSWORD, SignInStep.CODE)
        with pytest.raises(CredentialsRefused):
            pool.give_code(CODE, second.held)


def test_a_pool_that_tells_no_name_of_its_own_is_answered_by_the_one_it_was_asked_for(
    cognito: Any,
) -> None:
    with Stubber(cognito) as stub:
        for name in ("NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA"):
            stub.add_response("admin_initiate_auth", {"ChallengeName": name, "Session": "s" * 20})
        pool = SignInPool(cognito, "eu-west-1_pool", "client")
        for step in (SignInStep.PASSWORD, SignInStep.CODE):
            assert pool.sign_in(ANA, PASSWORD) == PoolChallenge(step, (ANA, "s" * 20))


def test_an_authenticator_counts_only_once_the_pool_has_accepted_a_code(cognito: Any) -> None:
    with Stubber(cognito) as stub:
        pool = SignInPool(cognito, "eu-west-1_pool", "client")
        stub.add_response("verify_software_token", {"Status": "ERROR"})
        with pytest.raises(CredentialsRefused):
            pool.set_up_authenticator("access-token", CODE)
        stub.add_client_error("verify_software_token", "EnableSoftwareTokenMFAException")
        with pytest.raises(CredentialsRefused):
            pool.set_up_authenticator("access-token", CODE)
        stub.add_response("verify_software_token", {"Status": "SUCCESS"})
        stub.add_response(
            "set_user_mfa_preference",
            {},
            {
                "AccessToken": "access-token",
                "SoftwareTokenMfaSettings": {"Enabled": True, "PreferredMfa": True},
            },
        )
        pool.set_up_authenticator("access-token", CODE)
        stub.assert_no_pending_responses()


def test_a_step_that_is_not_known_is_told_apart(cognito: Any) -> None:
    with Stubber(cognito) as stub:
        stub.add_response("admin_initiate_auth", {"ChallengeName": "SMS_MFA", "Session": "s" * 20})
        with pytest.raises(UnknownStep):
            SignInPool(cognito, "eu-west-1_pool", "client").sign_in(ANA, PASSWORD)


@pytest.mark.parametrize("rotated", [None, "another-refresh-token"])
def test_a_renewed_session_has_a_new_refresh_token_where_the_pool_rotates_them(
    cognito: Any, rotated: str | None
) -> None:
    end = datetime(2026, 11, 28, 12, tzinfo=UTC)
    result = {
        "IdToken": jwt.encode({"exp": int(end.timestamp())}, "k" * 32),
        "AccessToken": "access",
    }
    if rotated:
        result["RefreshToken"] = rotated
    with Stubber(cognito) as stub:
        stub.add_response(
            "get_tokens_from_refresh_token",
            {"AuthenticationResult": result},
            {"RefreshToken": "refresh-token", "ClientId": "client"},
        )
        session = SignInPool(cognito, "eu-west-1_pool", "client").renew("refresh-token")
    assert (session.expires_at, session.refresh_token) == (end, rotated)


@given(st.text(max_size=60))
def test_no_device_token_that_is_made_up_is_taken(token: str) -> None:
    assert DeviceTokens(lambda: "key", StoppedClock()).device_of(token, ANA) is None
