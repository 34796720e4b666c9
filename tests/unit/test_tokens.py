"""Bearer tokens: only a live ID token of our issuer, for us, with a verified e-mail, gets in."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.identity import (
    MAX_TOKEN_LENGTH,
    Claims,
    TokenRefused,
    TokenVerifier,
)
from tests.clock import NOON

ISSUER = "https://issuer.example/pool"
AUDIENCE = "our-client"
KEY_ID = "key-1"
OURS = generate_private_key(public_exponent=65537, key_size=2048)
THEIRS = generate_private_key(public_exponent=65537, key_size=2048)


def key_set(key: RSAPrivateKey) -> dict[str, Any]:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"keys": [{**public, "kid": KEY_ID, "use": "sig", "alg": "RS256"}]}


@pytest.fixture(autouse=True)
def _published_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the issuer's address, which nothing here calls."""
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda _: key_set(OURS))


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier(ISSUER, AUDIENCE, "https://issuer.example/keys")


@dataclass(frozen=True)
class FromNow:
    """An instant as a test sees it: parameters are made at collection, which may be long before."""

    seconds: int


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good ID token, with changes; None takes a claim out."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "subject-1",
        "token_use": "id",
        "email": "ana@demo.example",
        "email_verified": True,
        "iat": now - 60,
        "exp": now + 600,
    }
    told = {
        name: now + value.seconds if isinstance(value, FromNow) else value
        for name, value in (good | changes).items()
    }
    return {name: value for name, value in told.items() if value is not None}


def signed(told: dict[str, Any], key: RSAPrivateKey = OURS, key_id: str | None = KEY_ID) -> str:
    return jwt.encode(told, key, algorithm="RS256", headers={"kid": key_id} if key_id else None)


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_good_id_token_is_read(verifier: TokenVerifier) -> None:
    good = claims(email=" Ana@Demo.Example ")
    assert verifier.verify(f"Bearer {signed(good)}") == Claims(
        "subject-1", "ana@demo.example", good["exp"]
    )


@pytest.mark.parametrize(
    ("email", "told"),
    [
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("\u212aim@demo.example", ""),  # the Kelvin sign is no k
        ("jörg@demo.example", ""),
        ("ana@demo", ""),
        ('"ana"@demo.example', ""),
    ],
)
def test_an_address_is_that_of_an_invitation_or_of_none(
    verifier: TokenVerifier, email: str, told: str
) -> None:
    assert verifier.verify(f"Bearer {signed(claims(email=email))}").email == told


@pytest.mark.parametrize(
    "changes",
    [
        {"token_use": None},  # other issuers than Cognito have no such claim
        {"email_verified": "true"},
        {"aud": [AUDIENCE, "another-client"]},
        {"nbf": FromNow(-60)},
    ],
)
def test_claims_that_other_issuers_write_differently_are_read(
    verifier: TokenVerifier, changes: dict[str, Any]
) -> None:
    assert verifier.verify(f"bearer {signed(claims(**changes))}").subject == "subject-1"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"exp": FromNow(-1)}, id="expired"),
        pytest.param({"nbf": FromNow(300)}, id="not yet good"),
        pytest.param({"iss": "https://issuer.example/other"}, id="another issuer"),
        pytest.param({"iss": f"{ISSUER}/"}, id="nearly our issuer"),
        pytest.param({"aud": "another-client"}, id="another audience"),
        pytest.param({"aud": []}, id="no audience"),
        pytest.param({"token_use": "access"}, id="an access token"),
        pytest.param({"token_use": "refresh"}, id="another kind of token"),
        pytest.param({"email_verified": False}, id="e-mail not verified"),
        pytest.param({"email_verified": "false"}, id="e-mail not verified, in a word"),
        pytest.param({"email_verified": None}, id="e-mail never verified"),
        pytest.param({"email": None}, id="no e-mail"),
        pytest.param({"email": "ana"}, id="an e-mail that is none"),
        pytest.param({"email": ["ana@demo.example"]}, id="a list of e-mails"),
        *(
            pytest.param({name: None}, id=f"without {name}")
            for name in ("exp", "iat", "sub", "aud", "iss")
        ),
        pytest.param({"sub": 5}, id="a subject that is no text"),
        pytest.param({"sub": ""}, id="a subject that is empty"),
        pytest.param({"sub": "a" * 256}, id="a subject longer than OpenID Connect allows"),
        pytest.param({"sub": "a\u202eb"}, id="a subject that is not ASCII"),
        pytest.param({"sub": "a\nb"}, id="a subject of two lines"),
        pytest.param({"exp": "soon"}, id="an expiry that is no time"),
    ],
)
def test_any_other_token_is_refused(verifier: TokenVerifier, changes: dict[str, Any]) -> None:
    with pytest.raises(TokenRefused):
        verifier.verify(f"Bearer {signed(claims(**changes))}")


def test_an_access_token_as_cognito_makes_it_is_refused(verifier: TokenVerifier) -> None:
    access = claims(
        token_use="access", aud=None, email=None, email_verified=None, client_id=AUDIENCE
    )
    with pytest.raises(TokenRefused):
        verifier.verify(f"Bearer {signed(access)}")


def test_a_token_signed_by_another_key_under_our_keys_name_is_refused(
    verifier: TokenVerifier,
) -> None:
    with pytest.raises(TokenRefused):
        verifier.verify(f"Bearer {signed(claims(), THEIRS)}")


@pytest.mark.parametrize("key_id", ["key-2", None])
def test_a_token_of_an_unknown_or_unnamed_key_is_refused(
    verifier: TokenVerifier, key_id: str | None
) -> None:
    with pytest.raises(TokenRefused):
        verifier.verify(f"Bearer {signed(claims(), key_id=key_id)}")


@pytest.mark.parametrize("name", ["none", "None", "NONE", ""])
def test_a_token_without_signature_is_refused(verifier: TokenVerifier, name: str) -> None:
    head = {"alg": name, "typ": "JWT", "kid": KEY_ID}
    with pytest.raises(TokenRefused):
        verifier.verify(f"Bearer {encoded(head)}.{encoded(claims())}.")


@pytest.mark.parametrize("ending", [b"", b"\n"])
def test_a_token_signed_with_the_public_key_as_shared_secret_is_refused(
    verifier: TokenVerifier, ending: bytes
) -> None:
    public = OURS.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head = {"alg": "HS256", "typ": "JWT", "kid": KEY_ID}
    content = f"{encoded(head)}.{encoded(claims())}"
    signature = hmac.new(public.strip() + ending, content.encode(), hashlib.sha256).digest()
    forged = f"{content}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    with pytest.raises(TokenRefused):
        verifier.verify(f"Bearer {forged}")


def test_a_token_that_brings_its_own_key_is_refused(verifier: TokenVerifier) -> None:
    own = key_set(THEIRS)["keys"][0]
    forged = jwt.encode(claims(), THEIRS, algorithm="RS256", headers={"kid": KEY_ID, "jwk": own})
    with pytest.raises(TokenRefused):
        verifier.verify(f"Bearer {forged}")


def test_a_token_whose_claims_were_changed_is_refused(verifier: TokenVerifier) -> None:
    head, _, signature = signed(claims()).split(".")
    with pytest.raises(TokenRefused):
        verifier.verify(f"Bearer {head}.{encoded(claims(sub='subject-2'))}.{signature}")


@pytest.mark.parametrize(
    "bearer", ["", "Bearer", "Bearer ", "{token}", "Basic {token}", "Bearer  {token}"]
)
def test_a_header_that_is_no_bearer_is_refused(verifier: TokenVerifier, bearer: str) -> None:
    with pytest.raises(TokenRefused):
        verifier.verify(bearer.format(token=signed(claims())))


def test_a_token_too_long_to_look_at_is_refused(verifier: TokenVerifier) -> None:
    longer = signed(claims(padding="x" * MAX_TOKEN_LENGTH))
    with pytest.raises(TokenRefused):
        verifier.verify(f"Bearer {longer}")


@given(
    st.text(max_size=200)
    | st.tuples(*[st.binary(max_size=60).map(base64.urlsafe_b64encode)] * 3).map(
        lambda parts: b".".join(parts).decode()
    )
    | st.tuples(
        st.fixed_dictionaries(
            {"alg": st.sampled_from(["RS256", "HS256", 5]), "kid": st.sampled_from([KEY_ID, 1])}
        ),
        st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5),
    ).map(lambda parts: f"{encoded(parts[0])}.{encoded(parts[1])}.AAAA")
)
def test_garbage_is_refused(garbage: str) -> None:
    verifier = TokenVerifier(ISSUER, AUDIENCE, "https://issuer.example/keys")
    with pytest.raises(TokenRefused):
        verifier.verify(f"Bearer {garbage}")


def test_claims_pass_through_the_gateway_as_strings_and_come_back() -> None:
    read = Claims("subject-1", "ana@demo.example", 1_780_000_000)
    passed = read.to_context()
    assert all(isinstance(value, str) for value in passed.values())
    assert Claims.from_context({**passed, "principalId": "subject-1"}) == read


@pytest.mark.parametrize(("seconds", "live"), [(-1, False), (0, False), (1, True)])
def test_claims_live_until_the_second_they_expire(seconds: int, live: bool) -> None:
    assert Claims("s", "e", int(NOON.timestamp()) + seconds).is_live(NOON) is live


def test_a_token_from_a_clock_that_is_ahead_is_taken(verifier: TokenVerifier) -> None:
    ahead = claims(iat=int(time.time()) + 300)
    assert verifier.verify(f"Bearer {signed(ahead)}").subject == "subject-1"


def test_a_key_set_out_of_reach_is_no_fault_of_the_token(
    verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_: jwt.PyJWKClient) -> None:
        raise jwt.PyJWKClientConnectionError("no route")

    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", unreachable)
    with pytest.raises(jwt.PyJWKClientConnectionError):
        verifier.verify(f"Bearer {signed(claims())}")
