"""Public events: a stable contract, of ids alone, that its committed schemas describe."""

import json
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chalicelib.activities import events as activities
from chalicelib.foundation.events import PUBLIC_SOURCE, Event, EventBus
from chalicelib.performances import events as performances
from chalicelib.programs import events as programs
from chalicelib.webhooks.events import ALL_EVENTS, BUS_EVENTS, PUBLIC_DATA_BY_TYPE, public_event
from commands import event_schemas
from tests.unit.test_events import EVENTS, KINDS, Bus

INTERNAL = {each.TYPE: each for each in KINDS}
SCHEMAS = {each.TYPE: event_schemas.schema(each) for each in ALL_EVENTS}
FIELDS = frozenset(
    {
        "activity_id",
        "campaign_id",
        "channel_ids",
        "entry_id",
        "failure",
        "member_id",
        "performance_id",
        "points",
        "price",
        "redemption_id",
        "reward_id",
        "role",
        "starts_at",
        "webhook_id",
    }
)
"""All that public events tell: ids, codes, numbers and instants. A name would be a new field."""


def test_the_committed_schemas_are_what_the_generator_makes() -> None:
    assert event_schemas.differing() == [], "Run make event-schemas."


@pytest.mark.parametrize("kind", ALL_EVENTS, ids=lambda each: each.TYPE)
def test_each_schema_is_a_json_schema_that_its_example_keeps(kind: Any) -> None:
    schema = SCHEMAS[kind.TYPE]
    Draft202012Validator.check_schema(schema)
    (example,) = schema["examples"]
    Draft202012Validator(schema).validate(example)
    for part in schema["required"]:
        assert not Draft202012Validator(schema).is_valid(
            {name: value for name, value in example.items() if name != part}
        )


def test_the_page_for_owners_lists_every_type_with_its_schema() -> None:
    page = (event_schemas.FOLDER.parent / "events.md").read_text(encoding="utf-8")
    for each in BUS_EVENTS:
        assert f"| [`{each.TYPE}`](events/{each.TYPE}.v{each.VERSION}.json) |" in page


def test_types_are_named_thing_and_deed_and_none_twice() -> None:
    assert len({(each.TYPE, each.VERSION) for each in ALL_EVENTS}) == len(ALL_EVENTS)
    for each in ALL_EVENTS:
        thing, _, deed = each.TYPE.partition(".")
        assert thing.isalpha()
        assert deed.isalpha()


def test_public_events_are_made_of_events_that_exist() -> None:
    assert INTERNAL.keys() >= PUBLIC_DATA_BY_TYPE.keys()


def test_public_events_tell_ids_codes_and_numbers_and_nothing_about_people() -> None:
    assert {field.name for kind in ALL_EVENTS for field in fields(kind)} == FIELDS


@given(EVENTS)
def test_each_event_is_public_the_same_each_time_and_as_its_schema_says(event: Event[Any]) -> None:
    public = public_event(event)
    trial = getattr(event.payload, "trial", False)
    assert (public is not None) is (event.payload.TYPE in PUBLIC_DATA_BY_TYPE and not trial)
    if public is None:
        return
    assert public_event(event) == public
    assert public.data.TYPE in {each.TYPE for each in BUS_EVENTS}
    written = json.loads(public.to_detail())
    schema = {**SCHEMAS[public.data.TYPE]}
    if event.actor.partition(":")[0] not in {"member", "command", "system"}:
        written["actor"]["kind"] = "system"  # arbitrary text here; entry points write no other
    Draft202012Validator(schema).validate(written)
    assert written["data"].keys() == schema["properties"]["data"]["properties"].keys()


def test_every_type_on_the_bus_is_made_of_some_event() -> None:
    made = set()
    for name in PUBLIC_DATA_BY_TYPE:
        kind = INTERNAL[name]
        values = {
            each.name: False if each.name == "trial" else _plain(str(each.type))
            for each in fields(kind)
        }
        public = public_event(_event(kind(**values)))
        assert public is not None
        made.add(public.data.TYPE)
    assert made == {each.TYPE for each in BUS_EVENTS}


def _plain(hint: str) -> Any:
    if "tuple" in hint:
        return ()
    return 1 if "int" in hint else "x"


AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


def _event(payload: Any, actor: str = "system:programs_relay", event_id: str = "evt_1") -> Any:
    return Event(event_id, "prg_1", AT, actor, "correlation-1", payload)


@given(st.text(max_size=20), st.text(max_size=20))
def test_an_id_is_of_its_event_alone_and_not_the_inner_one(one: str, other: str) -> None:
    joined = programs.MemberJoined("mem_1", "member")
    first, second = (public_event(_event(joined, event_id=each)) for each in (one, other))
    assert first is not None
    assert second is not None
    assert (first.event_id == second.event_id) is (one == other)
    assert first.event_id != one


def test_dismissals_and_trials_stay_inside() -> None:
    dismissed = activities.ActivityDismissed("act_1", "mem_1", "2026-11-22T10:30:00Z")
    staged = performances.PerformanceStaged("prf_1", "mem_1", "act_1", trial=True)
    assert public_event(_event(dismissed)) is None
    assert public_event(_event(staged)) is None
    assert public_event(_event(replace(staged, trial=False))) is not None


@pytest.mark.parametrize(
    ("actor", "told"),
    [
        ("member:mem_2", {"kind": "member", "member_id": "mem_2"}),
        ("command:invite", {"kind": "command"}),
        ("system:programs_relay", {"kind": "system"}),
        ("system:unknown", {"kind": "system"}),
    ],
)
def test_the_actor_is_told_by_kind_and_of_a_member_the_id(actor: str, told: object) -> None:
    public = public_event(_event(programs.MemberJoined("mem_1", "member"), actor))
    assert public is not None
    assert json.loads(public.to_detail())["actor"] == told


def test_instants_are_utc_to_the_second_wherever_they_come_from() -> None:
    event = _event(programs.MemberJoined("mem_1", "member"))
    berlin = event.at.astimezone(timezone(timedelta(hours=1)))
    public = public_event(replace(event, at=berlin))
    assert public is not None
    assert json.loads(public.to_detail())["occurred_at"] == "2026-11-22T10:30:00Z"


class SeenBus(Bus):
    """Keeps the whole entries of what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[dict[str, Any]] = []

    def put_events(self, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803  AWS's name
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}


def test_the_public_event_goes_to_the_bus_in_the_very_call_of_the_event_it_is_made_of() -> None:
    bus = SeenBus()
    events = [_event(programs.MemberJoined("mem_1", "member")), _event(programs.ProgramCreated())]
    assert EventBus(cast("Any", bus), "bus", public_event).publish(events) == set()
    assert [(each["Source"], each["DetailType"]) for each in bus.entries] == [
        ("greenroom.programs", "programs.MemberJoined"),
        (PUBLIC_SOURCE, "member.joined"),
        ("greenroom.programs", "programs.ProgramCreated"),
    ]


class RefusingBus(SeenBus):
    """Refuses public events for good."""

    def put_events(self, Entries: Sequence[Any]) -> dict[str, Any]:  # noqa: N803  AWS's name
        answers = [
            {"ErrorCode": "InternalFailure"} if each["Source"] == PUBLIC_SOURCE else {}
            for each in Entries
        ]
        return {"FailedEntryCount": sum(map(len, answers)), "Entries": answers}


def test_an_event_whose_public_one_is_refused_comes_again() -> None:
    events = [_event(programs.MemberJoined("mem_1", "member"), event_id="evt_2")]
    bus = EventBus(cast("Any", RefusingBus()), "bus", public_event)
    assert bus.publish(events) == {"evt_2"}
