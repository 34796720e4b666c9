"""Signing in and out over HTTP: cookies, limits, and silence about who has an account."""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.cookies import Morsel, SimpleCookie
from typing import Any

import jwt
import pytest

from chalicelib.sessions.model import RESET_ACCOUNT, SIGN_IN_ACCOUNT, SIGN_IN_ADDRESS
from commands import token as command_token
from local.stack import Person
from tests.e2e.authenticators import code_of
from tests.e2e.deployed_stack import DeployedStack, add_person
from tests.e2e.people import Answer, Api

SESSION, DEVICE = "greenroom-session", "greenroom-device"
WRONG = "Gr-not-the-password-1"


@dataclass
class Browser:
    """A browser with cookies and a network address of its own; this is the distribution too."""

    api: Api
    origin_key: str
    address: str = field(
        default_factory=lambda: f"198.51.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
    )
    cookies: dict[str, str] = field(default_factory=dict)

    def send(
        self, method: str, path: str, json: Any = None, site: str = "same-origin", **query: Any
    ) -> Answer:
        named = {
            "X-Origin-Key": self.origin_key,
            "X-Forwarded-For": f"192.0.2.1, {self.address}",
            "Sec-Fetch-Site": site,
        }
        if self.cookies:
            named["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.api.call(method, path, json=json, headers=named, **query)
        for morsel in set_cookies(answer):
            if morsel["max-age"] == "0":
                self.cookies.pop(morsel.key, None)
            else:
                self.cookies[morsel.key] = morsel.value
        return answer

    def sign_in(self, person: Person, password: str | None = None) -> Answer:
        given = {"email": person.email, "password": password or person.password}
        return self.send("POST", "/session", given)

    def renew(self) -> Answer:
        return self.send("POST", "/session/renew")

    def signed_in(self, person: Person) -> "Browser":
        assert self.sign_in(person).status == 200
        return self


def set_cookies(answer: Answer) -> list[Morsel[str]]:
    """Read the cookies of an answer, which requests joins with commas."""
    parts = re.split(r", (?=greenroom-)", answer.headers.get("Set-Cookie", ""))
    return [morsel for part in parts for morsel in SimpleCookie(part).values()]


@pytest.fixture(scope="module")
def browser(nobody: Api, deployed: DeployedStack) -> Callable[[], Browser]:
    configured = deployed.lambdas.get_function_configuration(
        FunctionName=deployed.names["APIHandler"]
    )
    key = configured["Environment"]["Variables"]["ORIGIN_KEY"]
    assert len(key) >= 32
    past_the_front = replace(nobody, url=deployed.stack.gateway_url)
    return lambda: Browser(past_the_front, key)


@pytest.fixture
def person(deployed: DeployedStack) -> Person:
    return add_person(deployed, f"p{secrets.token_hex(6)}@sessions.example")


def test_a_password_gets_an_id_token_and_a_cookie_that_scripts_cannot_read(
    browser: Callable[[], Browser], deployed: DeployedStack, manager: Api
) -> None:
    here = browser()
    answer = here.sign_in(deployed.stack.first("manager"))
    assert (answer.status, answer.body["status"]) == (200, "signed_in")
    claims = jwt.decode(answer.body["id_token"], options={"verify_signature": False})
    assert claims["token_use"] == "id"
    assert manager.with_token(answer.body["id_token"]).get("/me").body["role"] == "manager"
    kept = {morsel.key: morsel for morsel in set_cookies(answer)}
    assert set(kept) == {SESSION, DEVICE}
    for morsel in kept.values():
        assert (morsel["httponly"], morsel["samesite"]) == (True, "Strict")
        assert morsel["path"].endswith("/v1/session")
    assert kept[SESSION].value not in answer.raw.decode()


def test_a_session_is_renewed_by_its_cookie_until_it_is_signed_out(
    browser: Callable[[], Browser], person: Person
) -> None:
    here, there = browser().signed_in(person), browser().signed_in(person)
    renewed = here.renew()
    assert renewed.status == 200
    assert set(renewed.body) == {"id_token", "expires_at"}
    revoked = dict(here.cookies)
    assert here.send("DELETE", "/session").status == 204
    assert SESSION not in here.cookies
    assert here.renew().problem == (401, "session_ended")
    here.cookies = revoked
    assert here.renew().problem == (401, "session_ended")
    assert SESSION not in here.cookies  # an ended one is not kept
    assert there.renew().status == 200


def test_signing_out_everywhere_ends_the_sessions_of_all_devices(
    browser: Callable[[], Browser], person: Person
) -> None:
    here, there = browser().signed_in(person), browser().signed_in(person)
    time.sleep(1.1)  # the local cloud tells what was before a sign-out by whole seconds
    assert here.send("DELETE", "/session", everywhere="true").status == 204
    assert there.renew().problem == (401, "session_ended")
    assert browser().sign_in(person).status == 200


def test_a_first_password_is_asked_to_be_replaced_and_is_good_for_nothing_else(
    browser: Callable[[], Browser], deployed: DeployedStack
) -> None:
    email, mailed = f"p{secrets.token_hex(6)}@sessions.example", f"Gr-{secrets.token_hex(12)}7"
    deployed.client("cognito-idp").admin_create_user(
        UserPoolId=deployed.stack.identity["user_pool_id"],
        Username=email,
        TemporaryPassword=mailed,
        UserAttributes=[{"Name": "email", "Value": email}],
        MessageAction="SUPPRESS",
    )
    here = browser()
    first = here.send("POST", "/session", {"email": email, "password": mailed})
    assert (first.status, first.body["status"]) == (200, "new_password_required")
    assert here.cookies == {}
    answer = {"email": email, "challenge": first.body["challenge"]}
    weak = here.send("POST", "/session", {**answer, "new_password": "short"})
    assert weak.problem == (400, "password_too_weak")
    assert {each["code"] for each in weak.body["errors"]} == {
        "too_short",
        "no_uppercase",
        "no_digit",
    }
    chosen = f"Gr-{secrets.token_hex(12)}7"
    done = here.send("POST", "/session", {**answer, "new_password": chosen})
    assert (done.status, done.body["status"]) == (200, "signed_in")
    assert here.renew().status == 200
    again = browser().send("POST", "/session", {"email": email, "password": mailed})
    assert again.problem == (401, "sign_in_refused")


def test_a_shell_gets_a_token_also_by_a_first_password(deployed: DeployedStack) -> None:
    email, mailed = f"p{secrets.token_hex(6)}@sessions.example", f"Gr-{secrets.token_hex(12)}7"
    deployed.client("cognito-idp").admin_create_user(
        UserPoolId=deployed.stack.identity["user_pool_id"],
        Username=email,
        TemporaryPassword=mailed,
        UserAttributes=[{"Name": "email", "Value": email}],
        MessageAction="SUPPRESS",
    )
    api_url, chosen = deployed.stack.api_url, f"Gr-{secrets.token_hex(12)}7"

    def never() -> str:
        raise AssertionError("a password of one's own is not asked to be replaced")

    for password, ask_new in ((mailed, lambda: chosen), (chosen, never)):
        token = command_token.sign_in(api_url, email, password, ask_new=ask_new, ask_code=never)
        assert jwt.decode(token, options={"verify_signature": False})["email"] == email
    with pytest.raises(command_token.NotSignedIn):
        command_token.sign_in(api_url, email, WRONG, ask_new=never, ask_code=never)


def test_an_authenticator_is_set_up_from_a_session_and_then_asked_for(
    browser: Callable[[], Browser], deployed: DeployedStack, person: Person
) -> None:
    here = browser().signed_in(person)
    begun = here.send("POST", "/session/authenticator")
    assert begun.status == 200
    secret, challenge = begun.body["secret"], begun.body["challenge"]
    assert begun.body["uri"].startswith("otpauth://totp/Greenroom")
    given = {"email": person.email, "challenge": challenge}
    stale = here.send("POST", "/session", {**given, "setup_code": code_of(secret, -9_000)})
    assert stale.problem == (400, "code_refused")
    done = here.send("POST", "/session", {**given, "setup_code": code_of(secret)})
    assert (done.status, done.body["status"]) == (200, "signed_in")
    assert here.send("POST", "/session/authenticator").problem == (409, "authenticator_set_up")

    there = browser()
    asked = there.sign_in(person)
    assert (asked.status, asked.body["status"]) == (200, "mfa_required")
    assert there.cookies == {}
    given = {"email": person.email, "challenge": asked.body["challenge"]}
    wrong = there.send("POST", "/session", {**given, "code": code_of(secret, -9_000)})
    assert wrong.problem == (400, "code_refused")
    assert there.cookies == {}
    right = there.send("POST", "/session", {**given, "code": code_of(secret)})
    assert (right.status, right.body["status"]) == (200, "signed_in")
    assert there.renew().status == 200
    token = command_token.sign_in(
        deployed.stack.api_url,
        person.email,
        person.password,
        ask_new=lambda: "",
        ask_code=lambda: code_of(secret),
    )
    assert jwt.decode(token, options={"verify_signature": False})["email"] == person.email

    deployed.client("cognito-idp").admin_set_user_mfa_preference(
        UserPoolId=deployed.stack.identity["user_pool_id"],
        Username=person.email,
        SoftwareTokenMfaSettings={"Enabled": False, "PreferredMfa": False},
    )
    assert browser().sign_in(person).body["status"] == "signed_in"


def test_nobody_sets_up_an_authenticator_without_a_session(browser: Callable[[], Browser]) -> None:
    assert browser().send("POST", "/session/authenticator").problem == (401, "session_ended")


def test_a_refusal_says_nothing_of_why(
    browser: Callable[[], Browser], deployed: DeployedStack, person: Person
) -> None:
    pool = deployed.stack.identity["user_pool_id"]
    disabled = add_person(deployed, f"p{secrets.token_hex(6)}@sessions.example")
    cognito = deployed.client("cognito-idp")
    cognito.admin_disable_user(UserPoolId=pool, Username=disabled.email)
    here = browser()
    unknown = Person(f"p{secrets.token_hex(6)}@sessions.example", WRONG, "", None)
    answers = [
        here.sign_in(person, WRONG),
        here.sign_in(disabled),
        here.sign_in(unknown),
        here.sign_in(Person("no address", WRONG, "", None)),
    ]
    assert {answer.raw for answer in answers} == {answers[0].raw}
    assert answers[0].problem == (401, "sign_in_refused")


def test_a_forgotten_password_is_reset_by_the_mailed_code_alone(
    browser: Callable[[], Browser], deployed: DeployedStack, person: Person
) -> None:
    here = browser()
    unknown = f"p{secrets.token_hex(6)}@sessions.example"
    for email in (person.email, unknown, "no address"):
        answer = here.send("POST", "/session/forgot", {"email": email})
        assert (answer.status, answer.raw) == (202, b"")
    assert deployed.mails_to(unknown) == []
    (mail,) = deployed.mails_to(person.email)
    (code,) = re.findall(r"\b\d{6}\b", mail.text)
    chosen = f"Gr-{secrets.token_hex(12)}7"
    reset = {"email": person.email, "new_password": chosen}
    weak = here.send("POST", "/session/reset", {**reset, "new_password": "weak", "code": code})
    assert weak.problem == (400, "password_too_weak")
    wrong = here.send("POST", "/session/reset", {**reset, "code": "000000"})
    nowhere = here.send("POST", "/session/reset", {**reset, "email": unknown, "code": code})
    assert wrong.problem == (400, "reset_refused")
    assert nowhere.raw == wrong.raw
    assert here.send("POST", "/session/reset", {**reset, "code": code}).status == 204
    assert set(here.cookies) == {DEVICE}
    assert here.sign_in(person).problem == (401, "sign_in_refused")
    assert here.sign_in(person, chosen).status == 200


def test_guessing_is_stopped_alike_for_accounts_that_are_and_are_not_there(
    browser: Callable[[], Browser], person: Person
) -> None:
    unknown = Person(f"p{secrets.token_hex(6)}@sessions.example", WRONG, "", None)
    for victim in (person, unknown):
        here = browser()
        refused = [here.sign_in(victim, WRONG) for _ in range(SIGN_IN_ACCOUNT.attempts)]
        assert {each.problem for each in refused} == {(401, "sign_in_refused")}
        stopped = browser().sign_in(victim)  # from elsewhere, and with the right password
        assert stopped.problem == (429, "too_many_attempts")
        assert stopped.body["retry_at"].endswith("Z")


def test_a_stranger_who_guesses_locks_the_owner_out_of_no_device_that_is_known(
    browser: Callable[[], Browser], deployed: DeployedStack, person: Person
) -> None:
    known = browser().signed_in(person)
    known.send("DELETE", "/session")
    stranger = browser()
    for _ in range(SIGN_IN_ACCOUNT.attempts + 1):
        last = stranger.sign_in(person, WRONG)
    assert last.problem == (429, "too_many_attempts")
    assert known.sign_in(person).status == 200
    fresh = browser()
    assert fresh.sign_in(person).problem == (429, "too_many_attempts")
    for _ in range(RESET_ACCOUNT.attempts + 1):  # a stranger's wrong codes are the stranger's
        reset = {"email": person.email, "code": "000000", "new_password": WRONG}
        last = stranger.send("POST", "/session/reset", reset)
    assert last.problem == (429, "too_many_attempts")
    fresh.send("POST", "/session/forgot", {"email": person.email})
    (code,) = re.findall(r"\b\d{6}\b", deployed.mails_to(person.email)[-1].text)
    chosen = f"Gr-{secrets.token_hex(12)}7"
    reset = {"email": person.email, "code": code, "new_password": chosen}
    assert fresh.send("POST", "/session/reset", reset).status == 204
    assert fresh.sign_in(person, chosen).status == 200


def test_an_address_has_its_limit_over_all_accounts_and_other_addresses_theirs(
    browser: Callable[[], Browser], person: Person
) -> None:
    here = browser()
    for _ in range(SIGN_IN_ADDRESS.attempts // 3):  # who succeeds uses nothing up
        Browser(here.api, here.origin_key, here.address).signed_in(person)
    for number in range(SIGN_IN_ADDRESS.attempts + 1):
        someone = Person(f"p{number}.{here.address}@sessions.example", WRONG, "", None)
        last = here.sign_in(someone)
        assert last.status == (401 if number < SIGN_IN_ADDRESS.attempts else 429)
    assert here.sign_in(person).problem == (429, "too_many_attempts")
    assert browser().sign_in(person).status == 200


def test_too_many_codes_are_not_mailed_and_an_address_that_asks_for_many_is_told(
    browser: Callable[[], Browser], deployed: DeployedStack, person: Person
) -> None:
    here = browser()
    answers = [here.send("POST", "/session/forgot", {"email": person.email}) for _ in range(21)]
    assert [each.status for each in answers] == [202] * 20 + [429]
    assert answers[-1].code == "too_many_attempts"
    assert len(deployed.mails_to(person.email)) == 5


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/session", {"email": "a@b.example", "password": WRONG}),
        ("DELETE", "/session", None),
        ("POST", "/session/renew", None),
        ("POST", "/session/authenticator", None),
        ("POST", "/session/forgot", {"email": "a@b.example"}),
        ("POST", "/session/reset", {"email": "a@b.example", "code": "1", "new_password": WRONG}),
    ],
)
def test_other_sites_pages_are_refused(
    browser: Callable[[], Browser], method: str, path: str, body: Any
) -> None:
    for site in ("cross-site", "same-site"):
        answer = browser().send(method, path, body, site=site)
        assert answer.problem == (403, "forbidden")


def test_an_origin_is_enough_where_a_browser_says_no_more(nobody: Api) -> None:
    body = {"email": "a@b.example"}
    other = nobody.call(
        "POST", "/session/forgot", json=body, headers={"Origin": "https://other.example"}
    )
    assert other.problem == (403, "forbidden")
    assert nobody.call("POST", "/session/forgot", json=body).status == 202


BODIES = ("/session", "/session/forgot", "/session/reset")


def test_each_route_refuses_an_unreadable_body(nobody: Api) -> None:
    too_large = b'{"email": "' + b"a" * 70_000 + b'"}'
    for path in BODIES:
        plain = {"Content-Type": "text/plain"}
        assert nobody.call("POST", path, body=b"{").problem == (400, "invalid_json")
        asked = nobody.call("POST", path, body=b"{}", headers=plain)
        assert asked.problem == (415, "unsupported_media_type")
        assert nobody.post(path, {}).problem == (422, "invalid_request")
        assert nobody.post(path, {"more": 1}).problem == (422, "invalid_request")
    for method, path in (
        *(("POST", each) for each in BODIES),
        ("POST", "/session/renew"),
        ("POST", "/session/authenticator"),
        ("DELETE", "/session"),
    ):
        assert nobody.call(method, path, body=too_large).problem == (413, "body_too_large")
    unclear = nobody.call("DELETE", "/session", everywhere="perhaps")
    assert unclear.problem == (422, "invalid_request")


def test_a_body_is_json_with_one_way_to_sign_in(nobody: Api) -> None:
    plain = nobody.call(
        "POST",
        "/session",
        body=b'{"email": "a", "password": "b"}',
        headers={"Content-Type": "text/plain"},
    )
    assert plain.problem == (415, "unsupported_media_type")
    for body in (
        {"email": "a@b.example"},
        {"email": "a@b.example", "password": WRONG, "new_password": WRONG, "challenge": "x"},
        {"email": "a@b.example", "new_password": WRONG},
        {"email": "a@b.example", "password": 7},
        {"email": "a@b.example", "password": "x" * 257},
    ):
        answer = nobody.post("/session", body)
        assert answer.problem == (422, "invalid_request")
        assert WRONG not in answer.raw.decode()


def test_the_pool_itself_takes_no_password_from_anybody(
    deployed: DeployedStack, person: Person
) -> None:
    """Or the limits would count nothing: the client's id is no secret."""
    cognito = deployed.client("cognito-idp")
    with pytest.raises(cognito.exceptions.InvalidParameterException):
        cognito.initiate_auth(
            ClientId=deployed.stack.identity["client_id"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
        )


def test_no_guess_is_kept(
    browser: Callable[[], Browser], deployed: DeployedStack, person: Person
) -> None:
    guess = f"Gr-{secrets.token_hex(12)}7"
    browser().sign_in(person, guess)
    kept = str(deployed.items("AttemptsTable")) + str(deployed.items("IdempotencyTable"))
    assert guess not in kept
    assert person.email not in kept
