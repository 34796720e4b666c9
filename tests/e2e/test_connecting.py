"""A member connects their TikTok account: bound to them, to their browser, and once."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.e2e.deployed_stack import DeployedStack
from tests.e2e.people import Answer, Secret, Witness
from tests.e2e.tiktok_members import TICKED, Sender, TikTokMembers
from tests.e2e.waiting import wait_for


def test_an_account_is_connected_read_and_disconnected(
    tiktok_members: TikTokMembers, deployed: DeployedStack
) -> None:
    sender = tiktok_members.one()
    assert sender.api.get("/tiktok/account").problem == (404, "not_found")
    assert sender.api.get("/me").body["tiktok_account"] is None
    begun = sender.api.post("/tiktok/connect")
    assert begun.status == 200
    cookie = begun.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Max-Age=600"} <= set(cookie.split("; "))
    assert "/tiktok/callback" in cookie

    connected = sender.connect().body
    assert (connected["display_name"], connected["performance_id"]) == (sender.name, None)
    account = sender.api.get("/tiktok/account").body
    assert (account["status"], account["display_name"]) == ("connected", sender.name)
    assert sender.api.get("/me").body["tiktok_account"] == {"status": "connected"}

    tokens = deployed.tokens_of(sender.member_id)
    stored = deployed.stored_account(sender.member_id)
    assert not any(token in str(stored) for token in tokens.values())
    for _ in range(2):
        assert sender.api.delete("/tiktok/account").status == 204
    assert sender.api.get("/tiktok/account").problem == (404, "not_found")
    assert sender.tiktok.person(sender.name)["tokens"]["access_live"] == 0


def led(answer: Answer, deployed: DeployedStack) -> dict[str, str]:
    """Read what an address of the console says of a consent."""
    assert answer.status == 303
    base = deployed.stack.api_url.removesuffix("/v1")
    path, _, query = answer.headers["Location"].removeprefix(base).partition("?")
    assert path == "/connected"
    return dict(parse_qsl(query))


def test_a_person_in_a_browser_is_led_back_into_the_console_and_nothing_secret_with_them(
    tiktok_members: TikTokMembers, deployed: DeployedStack
) -> None:
    sender = tiktok_members.one()
    url, cookie = sender.begin(sender.api.post("/tiktok/connect"))
    denied = sender.tiktok.consent(url, sender.name, decision="cancel")
    html = {"Accept": "text/html,*/*"}
    assert led(sender.come_back(cookie, denied, **html), deployed) == {"result": "denied"}
    url, cookie = sender.begin(sender.api.post("/tiktok/connect"))
    brought = sender.tiktok.consent(url, sender.name)
    elsewhere = sender.come_back(None, brought, **html)
    assert led(elsewhere, deployed) == {"result": "cookie_missing"}
    assert led(sender.come_back(cookie, brought, **html), deployed) == {"result": "connected"}
    assert led(sender.come_back(cookie, brought, **html), deployed) == {"result": "consent_expired"}


def test_a_send_that_waited_for_the_account_is_what_the_console_is_led_back_to(
    tiktok_members: TikTokMembers, deployed: DeployedStack, valid: str
) -> None:
    sender = tiktok_members.one()
    activity = tiktok_members.manager.create(valid)["activity_id"]
    path = f"/activities/{activity}/perform"
    html = {"Accept": "text/html,*/*"}
    url, cookie = sender.begin(sender.api.post(path, TICKED))
    fewer = sender.tiktok.consent(url, sender.name, scopes="user.info.basic")
    told = led(sender.come_back(cookie, fewer, **html), deployed)
    assert told == {"result": "scope_missing", "activity": activity}
    url, cookie = sender.begin(sender.api.post(path, TICKED))
    brought = sender.tiktok.consent(url, sender.name)
    told = led(sender.come_back(cookie, brought, **html), deployed)
    (made,) = sender.api.get("/performances").body["items"]
    assert told == {
        "result": "connected",
        "activity": activity,
        "performance": made["performance_id"],
    }


def test_the_same_member_may_connect_another_tiktok_account_instead(
    tiktok_members: TikTokMembers,
) -> None:
    first, other = tiktok_members.one().connected(), tiktok_members.one()
    given_up = first.name
    first.name += "-new"
    first.connect()
    assert first.api.get("/tiktok/account").body["display_name"] == first.name
    other.name = given_up
    other.connect()
    assert other.api.get("/tiktok/account").body["display_name"] == given_up


Attempt = Callable[[Sender, TikTokMembers, DeployedStack], Answer]


def _denied(sender: Sender, tiktok_members: TikTokMembers, deployed: DeployedStack) -> Answer:
    url, cookie = sender.begin(sender.api.post("/tiktok/connect"))
    return sender.come_back(cookie, sender.tiktok.consent(url, sender.name, decision="cancel"))


def _fewer_scopes(sender: Sender, tiktok_members: TikTokMembers, deployed: DeployedStack) -> Answer:
    url, cookie = sender.begin(sender.api.post("/tiktok/connect"))
    less = sender.tiktok.consent(url, sender.name, scopes="user.info.basic")
    return sender.come_back(cookie, less)


def _without_cookie(
    sender: Sender, tiktok_members: TikTokMembers, deployed: DeployedStack
) -> Answer:
    url, _ = sender.begin(sender.api.post("/tiktok/connect"))
    return sender.come_back(None, sender.tiktok.consent(url, sender.name))


def _anothers_cookie(
    sender: Sender, tiktok_members: TikTokMembers, deployed: DeployedStack
) -> Answer:
    """Somebody lures another into finishing the lurer's consent, or the other way round."""
    url, _ = sender.begin(sender.api.post("/tiktok/connect"))
    other = tiktok_members.one()
    _, cookie = other.begin(other.api.post("/tiktok/connect"))
    return sender.come_back(cookie, sender.tiktok.consent(url, sender.name))


def _unknown_state(
    sender: Sender, tiktok_members: TikTokMembers, deployed: DeployedStack
) -> Answer:
    url, cookie = sender.begin(sender.api.post("/tiktok/connect"))
    brought = sender.tiktok.consent(url, sender.name)
    return sender.come_back(cookie, brought | {"state": "x" * 43})


def _no_state(sender: Sender, tiktok_members: TikTokMembers, deployed: DeployedStack) -> Answer:
    _, cookie = sender.begin(sender.api.post("/tiktok/connect"))
    return sender.come_back(cookie, {})


def _used_state(sender: Sender, tiktok_members: TikTokMembers, deployed: DeployedStack) -> Answer:
    url, cookie = sender.begin(sender.api.post("/tiktok/connect"))
    sender.come_back(cookie, sender.tiktok.consent(url, sender.name, decision="cancel"))
    return sender.come_back(cookie, sender.tiktok.consent(url, sender.name))


def _expired_state(
    sender: Sender, tiktok_members: TikTokMembers, deployed: DeployedStack
) -> Answer:
    url, cookie = sender.begin(sender.api.post("/tiktok/connect"))
    table = deployed.table("AccountsTable")
    for item in deployed.items("AccountsTable"):
        if item["item"] == "consent" and item["member_id"] == sender.member_id:
            table.update_item(
                Key={"key": item["key"], "item": "consent"},
                UpdateExpression="SET expires_at = :past",
                ExpressionAttributeValues={":past": 1},
            )
    return sender.come_back(cookie, sender.tiktok.consent(url, sender.name))


def _code_refused(sender: Sender, tiktok_members: TikTokMembers, deployed: DeployedStack) -> Answer:
    url, cookie = sender.begin(sender.api.post("/tiktok/connect"))
    return sender.come_back(cookie, sender.tiktok.consent(url, sender.name) | {"code": "made up"})


def _taken(sender: Sender, tiktok_members: TikTokMembers, deployed: DeployedStack) -> Answer:
    holder = tiktok_members.one().connected()
    url, cookie = sender.begin(sender.api.post("/tiktok/connect"))
    return sender.come_back(cookie, sender.tiktok.consent(url, holder.name))


@pytest.mark.parametrize(
    ("attempt", "problem"),
    [
        pytest.param(_denied, (403, "tiktok_consent_denied"), id="consent denied"),
        pytest.param(_fewer_scopes, (403, "tiktok_scope_missing"), id="scope missing"),
        pytest.param(_without_cookie, (400, "tiktok_state_invalid"), id="no cookie"),
        pytest.param(_anothers_cookie, (400, "tiktok_state_invalid"), id="another's cookie"),
        pytest.param(_unknown_state, (400, "tiktok_state_invalid"), id="state unknown"),
        pytest.param(_no_state, (400, "tiktok_state_invalid"), id="no state"),
        pytest.param(_used_state, (400, "tiktok_state_invalid"), id="state used"),
        pytest.param(_expired_state, (400, "tiktok_state_invalid"), id="state expired"),
        pytest.param(_code_refused, (400, "tiktok_code_refused"), id="code refused"),
        pytest.param(_taken, (409, "tiktok_account_taken"), id="account of another member"),
    ],
)
def test_a_consent_that_is_not_right_has_its_answer_and_connects_nothing(
    tiktok_members: TikTokMembers,
    deployed: DeployedStack,
    attempt: Attempt,
    problem: tuple[int, str],
) -> None:
    sender = tiktok_members.one()
    assert attempt(sender, tiktok_members, deployed).problem == problem
    assert sender.api.get("/tiktok/account").problem == (404, "not_found")
    assert sender.api.get("/me").body["tiktok_account"] is None


def test_a_parameter_too_long_to_be_tiktoks_is_refused(tiktok_members: TikTokMembers) -> None:
    sender = tiktok_members.one()
    answer = sender.come_back(None, {"state": "x" * 3000})
    assert answer.problem == (422, "invalid_request")


def test_access_taken_back_at_tiktok_is_known_and_a_new_consent_heals_it(
    tiktok_members: TikTokMembers, valid: str
) -> None:
    sender = tiktok_members.one().connected()
    sender.tiktok.press(sender.name, "remove-access")
    wait_for(
        "The account asking to be connected again",
        lambda: sender.api.get("/tiktok/account").body["status"] == "reconnect_required" or None,
    )
    assert sender.api.get("/tiktok/account").body["next_step"]
    activity = tiktok_members.activity(valid)
    item = next(
        each for each in sender.api.get("/feed").body["items"] if each["activity_id"] == activity
    )
    assert item["action"]["kind"] == "add_account_and_send"
    assert sender.api.post(f"/activities/{activity}/perform", TICKED).problem == (
        409,
        "tiktok_account_required",
    )
    sender.connect()
    sender.reaches(sender.perform(activity), "staged")


def test_tokens_and_client_secret_are_kept_for_the_look_back(
    tiktok_members: TikTokMembers, deployed: DeployedStack, witness: Witness
) -> None:
    """The last tests look for these in every log."""
    sender = tiktok_members.one().connected()
    for kind, token in deployed.tokens_of(sender.member_id).items():
        witness.secrets.add(Secret(f"TikTok {kind} token", token))
    secret: Any = deployed.client("secretsmanager").get_secret_value(
        SecretId=deployed.names["TikTokSecret"]
    )
    assert "client_secret" in secret["SecretString"]
    witness.secrets.add(Secret("TikTok client secret", secret["SecretString"].split('"')[3]))
