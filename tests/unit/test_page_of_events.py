"""What docs/events.md shows, owners copy: the rule, the request, the receiver's check."""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.addresses import parse
from chalicelib.foundation.events import PUBLIC_SOURCE
from chalicelib.webhooks.events import BUS_EVENTS
from chalicelib.webhooks.model import format_secret, signature_headers
from chalicelib.webhooks.routes import NewWebhook
from commands.event_schemas import FOLDER, example
from local.aws import STACK_NAME
from local.template import read

PAGE = (FOLDER.parent / "events.md").read_text(encoding="utf-8")


def shown(language: str) -> list[str]:
    """Return the blocks of the page in a language, as they are copied."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE)
    return [re.sub(f"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


@pytest.fixture(scope="module")
def is_from_greenroom() -> Callable[..., bool]:
    (block,) = shown("python")
    made: dict[str, Any] = {}
    exec(block, made)  # noqa: S102  the page's own lines
    check: Callable[..., bool] = made["is_from_greenroom"]
    return check


KEYS = st.binary(min_size=32, max_size=32).map(format_secret)


@given(st.binary(max_size=200), KEYS, KEYS, st.integers(0, 250))
def test_the_receivers_check_takes_what_is_signed_and_nothing_else(
    is_from_greenroom: Callable[..., bool], body: bytes, secret: str, other: str, age: int
) -> None:
    now = datetime.fromtimestamp(time.time() - age, UTC)
    headers = signature_headers("evt_1", body, [secret], now)
    assert is_from_greenroom(secret, headers, body)
    assert is_from_greenroom(secret, signature_headers("evt_1", body, [other, secret], now), body)
    assert not is_from_greenroom(secret, headers, body + b" ")
    assert not is_from_greenroom(secret, {**headers, "webhook-id": "evt_2"}, body)
    later = str(int(headers["webhook-timestamp"]) + 1)
    assert not is_from_greenroom(secret, {**headers, "webhook-timestamp": later}, body)
    assert is_from_greenroom(other, headers, body) is (secret == other)
    long_ago = datetime.fromtimestamp(time.time() - 400, UTC)
    assert not is_from_greenroom(secret, signature_headers("evt_1", body, [secret], long_ago), body)


def test_the_example_of_a_rule_takes_the_events_that_it_names_and_no_others(tmp_path: Path) -> None:
    (block,) = shown("yaml")
    file = tmp_path / "rule.yaml"
    file.write_text(block, encoding="utf-8")
    resources = read(file)["Resources"]
    rule = resources["PerformancesToOurs"]["Properties"]
    assert rule["EventBusName"] == f"{STACK_NAME}-events"
    pattern = rule["EventPattern"]
    assert pattern["source"] == [PUBLIC_SOURCE]
    kinds = {each.TYPE: each for each in BUS_EVENTS}
    assert set(pattern["detail-type"]) < kinds.keys()
    for name in pattern["detail-type"]:
        detail = json.loads(example(kinds[name]).to_detail())
        assert {each: [detail[each]] for each in pattern["detail"]} == pattern["detail"]
    # What the rule hands on to may be handed on to by it.
    statement = resources["OursTakesEvents"]["Properties"]["PolicyDocument"]["Statement"][0]
    (target,) = rule["Targets"]
    assert statement["Resource"] == [target["Arn"], target["DeadLetterConfig"]["Arn"]]


def test_the_requests_of_the_page_are_taken() -> None:
    bodies = re.findall(r"-d '(\{.*?\})'", "\n".join(shown("sh")))
    assert bodies
    for each in bodies:
        wanted = NewWebhook.model_validate_json(each)
        assert wanted.types
        assert parse(wanted.url, frozenset()).host == "hooks.slack.com"
