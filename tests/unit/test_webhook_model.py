"""Webhooks: which addresses they may have, when they are tried again, how they are signed."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.addresses import MAX_URL, AddressRefused, check_reachable, parse
from chalicelib.foundation.problems import all_field_codes
from chalicelib.webhooks.events import BUS_EVENTS
from chalicelib.webhooks.messages import MAX_TITLE, message_body
from chalicelib.webhooks.model import (
    DISABLED_AFTER,
    JITTER,
    LONGEST_RETRY_AFTER,
    MAX_TRIES,
    RETRY_WAITS,
    SECRET_OVERLAP,
    EventType,
    Format,
    Language,
    Secrets,
    Webhook,
    WebhookState,
    format_secret,
    is_to_be_disabled,
    next_wait,
    signature_headers,
)
from chalicelib.webhooks.worker import fan_out
from commands.event_schemas import example
from local.home import PROJECT
from local.template import declarations
from tests.clock import NOON

LOOPBACK = (ip_network("127.0.0.0/8"),)
OWN = frozenset({"console.greenroom.example"})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.example/services/T0/B0/abcdefgh", "https://hooks.example/…efgh"),
        ("https://Hooks.Example", "https://hooks.example/…"),
        ("https://hooks.example:443/x?y=1", "https://hooks.example/…"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/…"),
        ("https://a.b-c.d.example?key=0123456789", "https://a.b-c.d.example/…6789"),
    ],
)
def test_a_public_https_address_is_taken_and_shown_without_what_may_be_a_secret(
    url: str, shown: str
) -> None:
    assert parse(url, OWN).shown == shown


@pytest.mark.parametrize(
    "url",
    [
        "https://console.greenroom.example/v1/tiktok/webhook",
        "https://Console.Greenroom.Example:443/",
        "https://d1.cloudfront.net/v1/",
        "https://a1b2.execute-api.eu-west-1.amazonaws.com/api/",
        "http://127.0.0.1:8080/v1/activities",
        "http://127.9.9.9:8080/",
        "http://localhost:8080/",
        "http://[::1]:8080/",
    ],
)
def test_no_address_leads_back_to_this_stack(url: str) -> None:
    own = (
        *("console.greenroom.example", "d1.cloudfront.net"),
        *("a1b2.execute-api.eu-west-1.amazonaws.com", "localhost:8080", ""),
    )
    with pytest.raises(AddressRefused) as refused:
        parse(url, own, LOOPBACK)
    assert refused.value.code == "own_address"
    assert parse("http://127.0.0.1:8081/", own, LOOPBACK).port == 8081
    assert parse("https://c3d4.execute-api.eu-west-1.amazonaws.com/", own).port == 443


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://hooks.example/", "not_https"),
        ("HTTPS://hooks.example/", "not_an_address"),
        ("ftp://hooks.example/", "not_an_address"),
        ("hooks.example", "not_an_address"),
        ("https://", "not_an_address"),
        ("https://hooks.example/" + "x" * MAX_URL, "not_an_address"),
        ("https://user@hooks.example/", "not_an_address"),
        ("https://user:pass@hooks.example/", "not_an_address"),
        ("https://hooks.example/#part", "not_an_address"),
        ("https://hooks.example\\@127.0.0.1/", "not_an_address"),
        ("https://[hooks.example]/", "not_an_address"),
        ("https://]hooks.example[/", "not_an_address"),
        ("https://hooks.example/\r\nHost: x", "not_an_address"),
        ("https://hooks.example/ x", "not_an_address"),
        ("https://höoks.example/", "not_an_address"),
        ("https://hooks.example:8443/", "wrong_port"),
        ("https://hooks.example:0/", "wrong_port"),
        ("https://hooks.example:99999/", "wrong_port"),
        ("https://localhost/", "inner_address"),
        ("https://hooks/", "inner_address"),
        ("https://hooks.example./", "inner_address"),
        ("https://.example/", "inner_address"),
        ("https://-a.example/", "inner_address"),
        ("https://a..example/", "inner_address"),
        ("https://printer.local/", "inner_address"),
        ("https://metadata.google.internal/", "inner_address"),
        ("https://x.localhost/", "inner_address"),
        ("https://127.0.0.1/", "inner_address"),
        ("https://127.1/", "inner_address"),
        ("https://2130706433/", "inner_address"),
        ("https://0x7f.0.0.1/", "inner_address"),
        ("https://0177.0.0.1/", "inner_address"),
        ("https://8.8.8.8/", "inner_address"),
        ("https://[::1]/", "inner_address"),
        ("https://[::ffff:127.0.0.1]/", "inner_address"),
        ("https://console.greenroom.example/v1/tiktok/webhook", "own_address"),
        ("https://CONSOLE.greenroom.example/", "own_address"),
    ],
)
def test_any_other_address_is_refused_by_a_code_that_the_api_documents(url: str, code: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        parse(url, OWN)
    assert refused.value.code == code
    assert code in all_field_codes()


def test_a_network_for_tests_is_called_in_plain_http_at_any_port_and_no_other_is() -> None:
    assert parse("http://127.0.0.1:8080/x", OWN, LOOPBACK).port == 8080
    check_reachable("127.0.0.1", LOOPBACK)
    for url in ("http://10.0.0.1:8080/x", "http://localhost:8080/x", "http://127.0.0.1.example/"):
        with pytest.raises(AddressRefused):
            parse(url, OWN, LOOPBACK)
    with pytest.raises(AddressRefused):
        check_reachable("10.0.0.1", LOOPBACK)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104  an address to refuse
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "192.0.0.8",
        "192.0.0.9",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "nonsense",
        "",
    ],
)
def test_nothing_but_the_public_internet_is_connected_to(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_reachable(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_the_public_internet_is(address: str) -> None:
    check_reachable(address)


@given(st.ip_addresses())
def test_addresses_that_python_does_not_call_global_are_never_connected_to(address: object) -> None:
    found = ip_address(str(address))
    try:
        check_reachable(str(address))
    except AddressRefused:
        return
    assert found.is_global
    assert not found.is_multicast


def test_a_delivery_is_tried_for_about_a_day_and_no_longer() -> None:
    waits = [next_wait(tries, 0) for tries in range(1, MAX_TRIES)]
    assert waits == list(RETRY_WAITS)
    assert timedelta(hours=22) < sum(RETRY_WAITS, timedelta()) < timedelta(hours=24)
    assert next_wait(MAX_TRIES, 0) is None
    assert next_wait(MAX_TRIES, 1, timedelta(seconds=1)) is None


@given(
    st.integers(1, len(RETRY_WAITS)),
    st.floats(0, 1),
    st.none() | st.timedeltas(timedelta(0), timedelta(days=9)),
)
def test_waits_spread_and_a_receiver_may_ask_for_an_hour_at_most(
    tries: int, jitter: float, asked: timedelta | None
) -> None:
    plain, wait = RETRY_WAITS[tries - 1], next_wait(tries, jitter, asked)
    assert wait is not None
    assert plain <= wait <= max(plain * (1 + JITTER), LONGEST_RETRY_AFTER)
    if asked and asked <= LONGEST_RETRY_AFTER:
        assert wait >= asked


KEPT = Secrets("https://hooks.example/", "whsec_b25l")
WEBHOOK = Webhook(
    program_id="prg_1",
    webhook_id="whk_1",
    version=1,
    name="Ours",
    format=Format.JSON,
    language=Language.ENGLISH,
    types=frozenset(),
    state=WebhookState.ACTIVE,
    shown_url="https://hooks.example/…",
    sealed=b"",
    created_at=NOON,
    created_by="mem_1",
)


def test_a_new_secret_leaves_the_one_before_valid_for_a_day() -> None:
    first = KEPT.rotated("whsec_dHdv", NOON)
    assert first.valid(NOON) == ("whsec_dHdv",)  # the one before was never shown to anybody
    second = first.rotated("whsec_dGhyZWU=", NOON)
    assert second.valid(NOON) == ("whsec_dGhyZWU=", "whsec_dHdv")
    assert second.valid(NOON + SECRET_OVERLAP) == ("whsec_dGhyZWU=",)
    assert Secrets.from_text(second.to_text()) == second
    assert "dHdv" not in repr(second)
    assert "hooks" not in repr(second)


def test_a_webhook_is_disabled_after_days_without_anything_that_got_through() -> None:
    assert not is_to_be_disabled(WEBHOOK, NOON)
    failing = replace(WEBHOOK, failing_since=NOON)
    assert not is_to_be_disabled(failing, NOON + DISABLED_AFTER - timedelta(seconds=1))
    assert is_to_be_disabled(failing, NOON + DISABLED_AFTER)


@pytest.mark.parametrize("state", WebhookState)
def test_only_an_active_webhook_wants_what_it_was_asked_to_be_sent(state: WebhookState) -> None:
    active = state is WebhookState.ACTIVE
    some = replace(WEBHOOK, state=state, types=frozenset({"member.joined"}))
    assert some.wants("member.joined") is active
    assert not some.wants("member.left")
    assert replace(some, types=frozenset()).wants("member.left") is active


def test_types_are_those_of_the_contract_and_of_the_rule_that_brings_them() -> None:
    types = [each.TYPE for each in BUS_EVENTS]
    assert [each.value for each in EventType] == types
    functions = declarations(PROJECT / "infra")["Functions"]
    assert functions[f"webhooks_{fan_out.__name__}"]["source"]["events"] == types


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_a_signature_is_what_standard_webhooks_say(random: bytes, body: bytes) -> None:
    secret = format_secret(random)
    headers = signature_headers("evt_1", body, [secret, "whsec_b25l"], NOON)
    timestamp = headers["webhook-timestamp"]
    assert timestamp == str(int(NOON.timestamp()))
    signed = b"evt_1." + timestamp.encode() + b"." + body
    expected = [
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        for key in (random, b"one")
    ]
    assert headers["webhook-signature"].split(" ") == expected


# Messages for people

ALL_EVENTS = [json.loads(example(each).to_detail()) for each in BUS_EVENTS]
TITLES = st.text(max_size=200) | st.sampled_from(
    [
        "<!channel> now",
        "@everyone <@U012> @here",
        "<https://evil.example|click>",
        "https://evil.example/login",
        "[click](https://evil.example)",
        "evil.example",
        "{program_id} {0}",
        "a & b < c",
        "\u202etxet",
        "*bold* _x_ `y`",
    ]
)


@given(st.sampled_from(ALL_EVENTS), st.sampled_from(Language), TITLES)
def test_a_slack_message_holds_no_mention_markup_or_link_of_a_title(
    event: dict[str, object], language: Language, title: str
) -> None:
    told = message_body(Format.SLACK, language, event, title, "https://console.example")
    section, context = told["blocks"]
    assert section["text"]["type"] == "plain_text"
    assert (told["link_names"], told["unfurl_links"]) == (False, False)
    text = told["text"]
    assert "<" not in text
    assert ">" not in text
    assert "://" not in text
    assert not any(f"{mark}{name}" in text for mark in "@!" for name in ("channel", "here", "e"))
    (shown,) = context["elements"]
    assert shown["text"].startswith("<https://console.example/manage/")
    assert "://" not in section["text"]["text"]


@given(st.sampled_from(ALL_EVENTS), st.sampled_from(Language), TITLES)
def test_a_teams_message_is_an_adaptive_card_of_plain_text(
    event: dict[str, object], language: Language, title: str
) -> None:
    told = message_body(Format.TEAMS, language, event, title, "https://console.example")
    assert told["type"] == "message"
    (attachment,) = told["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    (block,) = card["body"]
    assert block["type"] == "RichTextBlock"
    (run,) = block["inlines"]
    assert run["type"] == "TextRun"
    assert "://" not in run["text"]
    (action,) = card["actions"]
    assert action["url"].startswith("https://console.example/manage/")


def test_words_tell_all_events_in_all_languages_and_without_a_console_there_is_no_link() -> None:
    texts = set()
    for event in [*ALL_EVENTS, {"type": "webhook.test", "data": {"webhook_id": "whk_1"}}]:
        for language in Language:
            told = message_body(Format.SLACK, language, event, "", "")
            assert len(told["blocks"]) == 1
            texts.add(told["text"])
    assert len(texts) == (len(ALL_EVENTS) + 1) * len(Language)


def test_a_long_title_is_cut_and_a_plain_one_is_shown_as_it_is() -> None:
    event = next(each for each in ALL_EVENTS if each["type"] == "activity.published")
    long = message_body(Format.SLACK, Language.ENGLISH, event, "x" * 900, "")
    assert "x" * MAX_TITLE in long["text"]
    assert "x" * (MAX_TITLE + 1) not in long["text"]
    plain = message_body(Format.SLACK, Language.ENGLISH, event, "Our new shop", "")
    shown = plain["blocks"][0]["text"]["text"]
    assert shown == "A new activity is open: “Our new shop”."
