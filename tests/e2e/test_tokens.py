"""Only a live ID token of our issuer, made for us, with a verified e-mail, opens the router."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local import cloud
from local.stack import RunningStack
from tests.e2e.deployed_stack import DeployedStack, add_person
from tests.e2e.people import Api, Tokens, Witness, sign_in
from tests.e2e.waiting import wait_for

REFUSED = (401, "unauthenticated")


@dataclass(frozen=True)
class Mint:
    """Tokens as the pool makes them: with its own key, which the local cloud keeps in a file."""

    private_key: rsa.RSAPrivateKey
    key_id: str
    claims: dict[str, Any]
    tokens: Tokens
    public_pem: bytes

    def token(self, key: Any = None, algorithm: str = "RS256", **changed: Any) -> str:
        """Sign the claims of a real token, with some of them changed; None takes one away."""
        claims = {
            name: value for name, value in (self.claims | changed).items() if value is not None
        }
        headers = {"kid": self.key_id}
        return jwt.encode(claims, key or self.private_key, algorithm=algorithm, headers=headers)

    def by_hand(self, algorithm: str, signature: Callable[[bytes], bytes]) -> str:
        """Put a token together that no library would make."""
        header = {"alg": algorithm, "typ": "JWT", "kid": self.key_id}
        body = b".".join(_plain(json.dumps(part).encode()) for part in (header, self.claims))
        return (body + b"." + _plain(signature(body))).decode()


def _plain(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


@pytest.fixture(scope="module")
def mint(stack: RunningStack, witness: Witness) -> Mint:
    person = stack.first("manager")
    tokens = sign_in(stack, witness, person.email, person.password)
    pool = stack.identity["user_pool_id"]
    file = cloud.live(stack.home) / "state" / "cognito-pool-keys" / f"{pool}-id.pem"
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    key_id = jwt.get_unverified_header(tokens.id_token)["kid"]
    published = requests.get(stack.identity["key_set_url"], timeout=10).json()["keys"]
    assert key_id in {each["kid"] for each in published}
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claims = jwt.decode(tokens.id_token, options={"verify_signature": False})
    return Mint(key, key_id, claims, tokens, pem)


def test_a_token_signed_here_with_the_pools_key_is_as_good_as_the_pools_own(
    nobody: Api, mint: Mint
) -> None:
    """So the refusals below are about what they change, not about how they were made."""
    for token in (mint.tokens.id_token, mint.token()):
        assert nobody.with_token(token).get("/me").body["role"] == "manager"


# Each refusal costs seconds here, for the local cloud starts an authorizer anew after it said no:
# so they are made beside each other. What else can be wrong with a token is shown without a cloud,
# by the unit tests of the verifier.
AT_ONCE = 4
FORGED: dict[str, Callable[[Mint], str]] = {
    "expired a second ago": lambda mint: mint.token(exp=int(time.time()) - 1),
    "of another issuer": lambda mint: mint.token(iss=mint.claims["iss"] + "2"),
    "an access token": lambda mint: mint.tokens.access_token,
    "without algorithm": lambda mint: mint.by_hand("none", lambda _: b""),
    "signed with the public key as shared secret": lambda mint: mint.by_hand(
        "HS256", lambda body: hmac.new(mint.public_pem, body, hashlib.sha256).digest()
    ),
    "signed with another key": lambda mint: mint.token(
        key=rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ),
    "garbage": lambda _: "garbage",
}


def test_tokens_that_are_not_quite_right_are_refused_and_change_nothing(
    nobody: Api, deployed: DeployedStack, mint: Mint, witness: Witness
) -> None:
    forged = {why: forge(mint) for why, forge in FORGED.items()}
    person = add_person(deployed, "unverified@nowhere.example", verified=False)
    unverified = sign_in(deployed.stack, witness, person.email, person.password)
    claims = jwt.decode(unverified.id_token, options={"verify_signature": False})
    assert claims["email_verified"] is False
    forged["of an address that was not verified"] = unverified.id_token

    def answered(token: str) -> tuple[int, str | None]:
        return nobody.with_token(token).get("/me").problem

    def answers() -> dict[str, tuple[int, str | None]]:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return dict(zip(forged, threads.map(answered, forged.values()), strict=True))

    assert deployed.unchanged_by(answers) == dict.fromkeys(forged, REFUSED)


def test_a_token_is_refused_from_the_second_it_expires_though_it_was_accepted_before(
    nobody: Api, mint: Mint
) -> None:
    """The gateway may remember its verdict on a token for minutes."""
    awake = mint.token(iat=mint.claims["iat"] - 1)  # a new token: no verdict on it is remembered
    assert nobody.with_token(awake).get("/me").status == 200
    expires = int(time.time()) + 3
    api = nobody.with_token(mint.token(exp=expires))
    assert api.get("/me").status == 200

    def expired() -> bool:
        before = time.time()
        answer = api.get("/me")
        after = time.time()
        if after < expires:
            assert answer.status == 200
        if before >= expires:
            assert answer.problem == REFUSED
        return before >= expires

    wait_for("The token's end", expired)


def test_the_gateways_own_answers_are_problems(nobody: Api, mint: Mint) -> None:
    """Addresses and methods that are not: the document has no word for them."""
    for method, path in (
        ("GET", "/nowhere"),
        ("DELETE", "/program"),
        ("GET", "/activities/a/b/c"),
        ("GET", "/activities/act_1%0A"),
    ):
        answer = requests.request(
            method,
            f"{nobody.url}{path}",
            headers={"Authorization": f"Bearer {mint.tokens.id_token}"},
            timeout=30,
        )
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
