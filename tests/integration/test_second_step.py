"""The second step of a sign-in through a whole user pool, as moto has one.

It takes every code, so that wrong ones are refused is shown by the deployed stack's tests.
"""

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from click.testing import CliRunner

import commands.__main__ as commands_main
from chalicelib.sessions.challenges import Challenges
from chalicelib.sessions.devices import DeviceTokens
from chalicelib.sessions.model import Client, PoolChallenge, SignedIn, SignInQuestion, SignInStep
from chalicelib.sessions.service import BegunSession, SessionService
from chalicelib.sessions.store import AttemptStore
from chalicelib.sessions.user_pool import SignInPool
from commands.console import config_of
from tests.clock import StoppedClock

EMAIL, FIRST, OWN = "ana@demo.example", "Gr-first-1234567", "Gr-second-123456"
HERE, CODE = Client("198.51.100.7"), "123456"


class Uncounted(AttemptStore):
    """Counts nothing."""

    def __init__(self) -> None:
        pass

    def count_attempt(self, counters: Any) -> None:  # noqa: ARG002  the real one's
        return None

    def uncount(self, counters: Any) -> None:
        pass


@pytest.fixture
def pool(aws: None) -> SignInPool:
    cognito: Any = boto3.client("cognito-idp")
    made = cognito.create_user_pool(PoolName="greenroom", UsernameAttributes=["email"])
    pool_id = made["UserPool"]["Id"]
    POOLS.append(pool_id)
    cognito.set_user_pool_mfa_config(
        UserPoolId=pool_id,
        SoftwareTokenMfaConfiguration={"Enabled": True},
        MfaConfiguration="OPTIONAL",
    )
    client = cognito.create_user_pool_client(UserPoolId=pool_id, ClientName="greenroom")
    cognito.admin_create_user(
        UserPoolId=pool_id,
        Username=EMAIL,
        TemporaryPassword=FIRST,
        UserAttributes=[{"Name": "email", "Value": EMAIL}],
    )
    return SignInPool(cognito, pool_id, client["UserPoolClient"]["ClientId"])


class Deployed:
    """A stack of this pool, as commands find it by name."""

    def __init__(self, _name: str) -> None:
        self.outputs = {"UserPoolId": POOLS[-1]}

    def container(self) -> Any:
        """Nobody of this pool is in a program."""
        return SimpleNamespace(programs=SimpleNamespace(member_of_subject=lambda _subject: None))


POOLS: list[str] = []


def test_an_owner_lets_somebody_in_who_has_lost_their_authenticator(
    pool: SignInPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands_main, "Stack", Deployed)
    asked = pool.sign_in(EMAIL, FIRST)
    assert isinstance(asked, PoolChallenge)
    session = pool.choose_password(OWN, asked.held)
    assert isinstance(session, SignedIn)
    pool.new_secret(session.access_token)
    pool.set_up_authenticator(session.access_token, CODE)
    assert pool.has_authenticator(session.access_token)
    run = CliRunner().invoke
    for email, code in (("nobody@demo.example", 1), ("no address", 1), (f" {EMAIL.upper()}", 0)):
        ran = run(commands_main.main, ["authenticator", "reset", "--email", email])
        assert ran.exit_code == code, ran.output
    assert isinstance(pool.sign_in(EMAIL, OWN), SignedIn)


def test_the_console_signs_in_at_the_pools_own_pages_where_a_company_is_federated() -> None:
    outputs = {"UserPoolId": "eu-west-1_pool", "CompanyClientId": "company"}
    found = config_of({"SignInDomain": "acme"}, outputs, "eu-west-1")
    assert found["issuer"] == {
        "authority": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool",
        "client_id": "company",
        "logout": "https://acme.auth.eu-west-1.amazoncognito.com/logout",
    }
    own = {"TokenIssuer": "https://login.example", "TokenAudience": "them"}
    issuer = {"authority": "https://login.example", "client_id": "them"}
    assert config_of(own, outputs, "eu-west-1")["issuer"] == issuer
    assert "issuer" not in config_of({}, {"UserPoolId": "eu-west-1_pool"}, "eu-west-1")


def test_a_manager_goes_from_a_first_password_to_a_session_by_an_authenticator(
    pool: SignInPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = StoppedClock()
    service = SessionService(
        pool,
        Uncounted(),
        DeviceTokens(lambda: "key", clock),
        clock,
        Challenges(lambda: "key", clock),
        managers=lambda _, email: email == EMAIL,
        pause=lambda _: None,
    )
    first = service.sign_in(HERE, EMAIL, FIRST)
    assert isinstance(first, SignInQuestion)
    assert first.step is SignInStep.PASSWORD
    setup = service.choose_password(HERE, EMAIL, OWN, first.challenge)
    assert isinstance(setup, SignInQuestion)
    assert setup.step is SignInStep.SETUP
    assert setup.secret in setup.uri
    renewed: list[str] = []

    def renew(refresh_token: str) -> Any:
        renewed.append(refresh_token)
        return session

    # Moto does not renew sessions by the call that the pool's client uses.
    session = pool.sign_in(EMAIL, OWN)
    monkeypatch.setattr(pool, "renew", renew)
    assert service.set_up(HERE, EMAIL, CODE, setup.challenge, "").session == session
    assert renewed[0]
    asked = service.sign_in(HERE, EMAIL, OWN)
    assert isinstance(asked, SignInQuestion)
    assert asked.step is SignInStep.CODE
    begun = service.give_code(HERE, EMAIL, CODE, asked.challenge)
    assert isinstance(begun, BegunSession)
    assert begun.session.email == EMAIL
