"""What an entry of the audit trail may hold: only what changed, bounded, and as plain JSON."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import mul
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.audit.model import (
    MAX_BYTES,
    MAX_LIST_ITEMS,
    MAX_TEXT_LENGTH,
    MAX_TITLE,
    AuditEntry,
    EntryFilter,
    Kind,
    act,
    actor_key,
    bound_fields,
    decode_fields,
    encode_fields,
    to_json,
)

AT = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
SHORT = st.none() | st.booleans() | st.integers(-(10**9), 10**9)
# Long ones repeat what is drawn: drawing all of it would take most of the time.
VALUES = st.recursive(
    SHORT | st.builds(mul, st.text(max_size=6), st.integers(0, 100)),
    lambda each: (
        st.lists(each, max_size=3)
        | st.builds(mul, st.tuples(each).map(list), st.integers(0, 80))
        | st.dictionaries(st.text(max_size=10), each, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.text(min_size=1, max_size=30)
FIELDS = st.dictionaries(st.sampled_from("abcdefghijkl") | NAMES, VALUES, max_size=6)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: int


def entry(**changes: Any) -> AuditEntry:
    known: dict[str, Any] = {
        "program_id": "prg_1",
        "entry_id": "aud_1",
        "at": AT,
        "kind": Kind.MEMBER_REMOVED.value,
        "thing": "mem_2",
        "title": "",
        "actor": "member:mem_1",
        "role": "manager",
        "correlation_id": "correlation-1",
        "before": {},
        "after": {},
        "expires_at": AT + timedelta(days=1),
    }
    return AuditEntry(**{**known, **changes})


@settings(max_examples=40)
@given(FIELDS, FIELDS)
def test_an_act_has_only_fields_that_differ_and_is_bounded(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    made = act(Kind.ACTIVITY_CHANGED, "prg_1", "act_1", before, after)
    for name in before.keys() & after.keys():
        if before[name] == after[name] and type(before[name]) is type(after[name]):
            assert name not in made.before
            assert name not in made.after
    for kept in (made.before, made.after):
        assert len((encode_fields(kept) or "").encode()) <= MAX_BYTES
        assert decode_fields(encode_fields(kept)) == kept


@settings(max_examples=40)
@given(st.dictionaries(NAMES, SHORT, max_size=12))
def test_short_values_stay_unchanged(short: dict[str, Any]) -> None:
    assert bound_fields(short) == short


def test_a_field_that_is_too_long_is_named_all_the_same() -> None:
    kept = bound_fields({"many": [f"{number:060}" for number in range(60)], "points": 5})
    assert kept == {"many": "…", "points": 5}


def test_texts_and_lists_are_cut_and_say_so() -> None:
    kept = bound_fields(
        {"text": "a" * (MAX_TEXT_LENGTH + 1), "list": list(range(MAX_LIST_ITEMS + 2))}
    )
    assert kept["text"] == "a" * (MAX_TEXT_LENGTH - 1) + "…"
    assert kept["list"] == [*range(MAX_LIST_ITEMS), "… 2 more"]
    assert act(Kind.ACTIVITY_ENDED, "p", "t", title="b" * 99).title == "b" * (MAX_TITLE - 1) + "…"


def test_sixty_ids_fit() -> None:
    ids = [f"mem_{number:026}" for number in range(49)]
    assert bound_fields({"members": ids}) == {"members": ids}


def test_values_become_plain_json() -> None:
    assert to_json(
        {
            "colour": Colour.RED,
            "at": AT,
            "day": AT.date(),
            "set": frozenset({"b", "a"}),
            "point": Point(3),
            "none": None,
            "pair": (1, Colour.RED),
        }
    ) == {
        "colour": "red",
        "at": "2026-06-15T12:00:00+00:00",
        "day": "2026-06-15",
        "set": ["a", "b"],
        "point": {"x": 3},
        "none": None,
        "pair": [1, "red"],
    }


def test_a_value_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        to_json({"it": object()})


@pytest.mark.parametrize(
    ("actor", "key"),
    [
        ("member:mem_1", "mem_1"),
        ("command:program", "command"),
        ("system:activities_sweep_due_activities", "system"),
    ],
)
def test_an_actor_is_looked_up_by_member_or_as_command_or_system(actor: str, key: str) -> None:
    assert actor_key(actor) == key


def test_an_entry_names_people_by_id_wherever_they_stand() -> None:
    found = entry(before={"member": "mem_3"}, after={"members": ["mem_4", "chn_1"], "name": "…"})
    assert found.people() == {"mem_1", "mem_2", "mem_3", "mem_4"}
    assert entry(actor="system:sweep", thing="act_1").people() == set()


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (EntryFilter(), True),
        (EntryFilter(actor="mem_1"), True),
        (EntryFilter(actor="mem_2"), False),
        (EntryFilter(thing="mem_2"), True),
        (EntryFilter(thing="mem_1"), False),
        (EntryFilter(kind=Kind.MEMBER_REMOVED), True),
        (EntryFilter(kind=Kind.MEMBER_INVITED), False),
        (EntryFilter(since=AT), True),
        (EntryFilter(since=AT + timedelta(microseconds=1)), False),
        (EntryFilter(until=AT), False),
        (EntryFilter(until=AT + timedelta(microseconds=1)), True),
        (EntryFilter(actor="mem_1", kind=Kind.MEMBER_INVITED), False),
    ],
)
def test_a_filter_lets_pass_what_meets_every_criterion(
    wanted: EntryFilter, *, passes: bool
) -> None:
    assert wanted.matches(entry()) is passes


def test_an_entry_stays_plain_json_through_keeping() -> None:
    fields = {"a": [1, "ü", {"b": None}], "…": "\x00"}
    assert decode_fields(encode_fields(fields)) == fields
    assert encode_fields({}) is None
    assert decode_fields(None) == {}
    assert json.loads(encode_fields(fields) or "") == fields
