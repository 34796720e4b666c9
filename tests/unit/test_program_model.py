"""Names and time zones in the one form they are compared in, and channels that may be known."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.identity import Caller, Role
from chalicelib.programs.model import (
    Channel,
    ChannelKind,
    Member,
    MemberStatus,
    is_time_zone,
    local_time,
    normalized_name,
)
from tests.clock import NOON

CHANNELS = {
    f"{kind.value}{', archived' if archived else ''}": Channel(
        "prg_1", "chn_1", "Sales", kind, archived
    )
    for kind in ChannelKind
    for archived in (False, True)
}


def test_names_that_look_alike_are_the_same_name() -> None:
    alike = {"Straße  24", " STRASSE 24 ", "strasse\t24"}
    assert {normalized_name(name) for name in alike} == {"strasse 24"}
    assert normalized_name("Strasse 25") != normalized_name("Strasse 24")


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Asia/Kathmandu", "Etc/GMT+5"])
def test_an_iana_name_is_a_time_zone(name: str) -> None:
    assert is_time_zone(name)


@pytest.mark.parametrize(
    "name",
    ["", "CEST", "europe/berlin", "+02:00", "../../etc/passwd", "localtime", "Factory", "Mars/X"],
)
def test_anything_else_is_no_time_zone(name: str) -> None:
    assert not is_time_zone(name)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2045, 1, 1)),  # noqa: DTZ001  made UTC below
    st.sampled_from(sorted(filter(is_time_zone, available_timezones()))),
)
def test_a_local_time_is_the_same_instant_on_that_zones_clock_to_the_second(
    moment: datetime, zone: str
) -> None:
    instant = moment.replace(tzinfo=UTC)
    local = local_time(instant, zone)
    assert local == instant.replace(microsecond=0)
    assert local.utcoffset() == instant.astimezone(ZoneInfo(zone)).utcoffset()


@pytest.mark.parametrize("role", list(Role))
def test_a_member_calls_as_who_they_are(role: Role) -> None:
    member = Member(
        program_id="prg_1",
        member_id="mem_1",
        email="ana@demo.example",
        name="Ana",
        role=role,
        status=MemberStatus.ACTIVE,
        time_zone="Asia/Kathmandu",
        invited_at=NOON,
        channels=frozenset({"chn_1"}),
    )
    assert member.as_caller() == Caller(
        "prg_1",
        "mem_1",
        role,
        "ana@demo.example",
        "Ana",
        "Asia/Kathmandu",
        channels=frozenset({"chn_1"}),
    )
    assert member.as_caller().is_manager is (role is Role.MANAGER)


@pytest.mark.parametrize(
    ("role", "inside", "channel", "may"),
    [
        # A manager knows of every channel.
        *((Role.MANAGER, False, channel, (True, True)) for channel in CHANNELS.values()),
        # A member finds public ones, while they are not archived; and what they are in.
        (Role.MEMBER, False, CHANNELS["public"], (True, True)),
        (Role.MEMBER, False, CHANNELS["public, archived"], (False, False)),
        (Role.MEMBER, False, CHANNELS["private"], (False, False)),
        (Role.MEMBER, False, CHANNELS["private, archived"], (False, False)),
        *((Role.MEMBER, True, each, (True, not each.archived)) for each in CHANNELS.values()),
    ],
)
def test_a_channels_visibility_depends_on_role_membership_and_state(
    role: Role, inside: bool, channel: Channel, may: tuple[bool, bool]
) -> None:
    caller = Caller("prg_1", "mem_1", role, "ana@demo.example", "Ana", "UTC")
    caller = replace(caller, channels=frozenset({"chn_1"} if inside else {"chn_2"}))
    assert (channel.is_known_to(caller), channel.is_listed_for(caller)) == may
