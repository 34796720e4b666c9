"""The audit trail: written with what it tells of, read by filters, and never changed."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from click.testing import CliRunner

import commands.__main__ as commands_main
from chalicelib.audit import store as audit_store
from chalicelib.audit.model import MAX_BYTES, AuditEntry, EntryFilter, Kind
from chalicelib.audit.service import MAX_EXAMINED
from chalicelib.foundation import actors
from chalicelib.foundation.actors import Origin, acting
from chalicelib.foundation.identity import Caller, Claims, Role
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.table import Conflict
from chalicelib.programs.model import ChannelKind, InvitationMail
from chalicelib.programs.service import ProgramChanges
from chalicelib.programs.store import MemberItem, member_key
from chalicelib.tiktok.model import NotConnected
from tests.clock import StoppedClock
from tests.integration.conftest import Calls, StackHere
from tests.integration.database import database
from tests.integration.greenroom import FakeTikTok, Greenroom
from tests.integration.reporting_greenroom import ReportingGreenroom

ADDRESS = "203.0.113.9"


class Ticking(StoppedClock):
    """Moves on by itself, so that no two entries are of one millisecond."""

    def now(self) -> datetime:
        self.advance(timedelta(milliseconds=10))
        return self.at


@pytest.fixture
def clock() -> StoppedClock:
    return Ticking()


@pytest.fixture(autouse=True)
def request_under_way(greenroom: Greenroom) -> Iterator[None]:
    """Everything is done by the manager, under a request of theirs."""
    logger.set_correlation_id("correlation-9")
    with acting(actors.member(greenroom.manager.member_id), Origin(ADDRESS, "manager")):
        yield
    logger.clear_state()


def listed(
    greenroom: Greenroom, limit: int = 100, cursor: str | None = None, **wanted: Any
) -> list[AuditEntry]:
    page = greenroom.container.audit.entries(
        greenroom.manager, EntryFilter(**wanted), limit, cursor
    )
    return list(page.items)


def items(table: str) -> list[dict[str, Any]]:
    return boto3.client("dynamodb").scan(TableName=table)["Items"]


def test_an_entry_says_who_did_what_to_what_when_and_under_which_request(
    greenroom: Greenroom,
) -> None:
    ben, before = greenroom.member("ben"), greenroom.clock.now()
    greenroom.container.members.change_role(greenroom.manager, ben.member_id, Role.MANAGER)
    newest = listed(greenroom)[0]
    assert newest == AuditEntry(
        program_id=ben.program_id,
        entry_id=newest.entry_id,
        at=newest.at,
        kind="member.changed",
        thing=ben.member_id,
        title="",
        actor=f"member:{greenroom.manager.member_id}",
        role="manager",
        correlation_id="correlation-9",
        before={"role": "member"},
        after={"role": "manager"},
        expires_at=newest.expires_at,
    )
    assert before < newest.at < greenroom.clock.now()
    whole = greenroom.container.audit.entry(greenroom.manager, newest.entry_id)
    assert whole.address == ADDRESS


def test_an_entry_is_kept_as_long_as_the_setting_says_and_shown_no_longer(
    greenroom: Greenroom,
) -> None:
    container = greenroom.cold_container()
    container.settings.given["audit_days"] = 3  # type: ignore[index]
    greenroom.clock.advance(timedelta(minutes=1))
    container.programs.change_program(greenroom.manager, ProgramChanges(disclosure="#ad"))
    (newest, *_) = listed(greenroom)
    kept = newest.expires_at - newest.at
    assert timedelta(days=3) <= kept <= timedelta(days=3, seconds=1)
    stored = next(each for each in items("AuditTable") if each["kind"]["S"] == "program.changed")
    assert int(stored["expires_at"]["N"]) == int(newest.expires_at.timestamp())
    # DynamoDB takes its time to remove what is expired.
    greenroom.clock.advance(timedelta(days=3, seconds=2))
    assert newest.entry_id not in {each.entry_id for each in listed(greenroom)}
    with pytest.raises(Problem) as told:
        container.audit.entry(greenroom.manager, newest.entry_id)
    assert told.value.code is ProblemCode.NOT_FOUND


def test_a_failed_act_leaves_no_entry_and_a_failed_entry_no_act(
    greenroom: Greenroom, calls: Calls
) -> None:
    """They are one transaction: nothing can come between them."""
    ben, before = greenroom.member("ben"), len(items("AuditTable"))
    members = greenroom.container.members
    with pytest.raises(Problem):  # the last manager
        members.remove(greenroom.manager, greenroom.manager.member_id)
    assert len(items("AuditTable")) == before
    calls.fail(
        "TransactWriteItems", {"Error": {"Code": "InternalServerError", "Message": "broken"}}, 99
    )
    with pytest.raises(Exception, match="Failed to write"):
        members.remove(greenroom.manager, ben.member_id)
    assert len(items("AuditTable")) == before
    assert members.member(greenroom.manager, ben.member_id).status.value == "active"


def test_every_write_of_an_audited_act_is_in_the_transaction_of_its_entry(
    greenroom: Greenroom, calls: Calls
) -> None:
    ben = greenroom.member("ben")
    calls.made.clear()
    greenroom.container.members.remove(greenroom.manager, ben.member_id)
    writes = [
        (name, made) for name, made in calls.made if not name.startswith(("Get", "Query", "Batch"))
    ]
    ((name, made),) = writes
    assert name == "TransactWriteItems"
    puts = [each["Put"] for each in made["TransactItems"] if "Put" in each]
    tables = [each["TableName"] for each in puts]
    assert tables.count("AuditTable") == tables.count("OriginsTable") == 1
    for put in puts:
        if put["TableName"] in ("AuditTable", "OriginsTable"):
            assert put["ConditionExpression"].startswith("attribute_not_exists")


def test_an_entry_is_never_written_over(greenroom: Greenroom) -> None:
    database = greenroom.container.database
    (entry, *_) = listed(greenroom)
    store = audit_store.AuditStore(database)
    with pytest.raises(Conflict):
        store.commit([store.put_entry(entry)])


def test_the_store_of_entries_has_nothing_that_changes_or_removes_one() -> None:
    source = ast.parse(inspect.getsource(audit_store))
    (entries,) = (
        each for each in source.body if isinstance(each, ast.ClassDef) and each.name == "AuditStore"
    )
    called = {
        node.func.attr
        for node in ast.walk(entries)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert called.isdisjoint({"update", "delete", "put", "batch_write"})


def test_an_act_without_a_change_leaves_no_entry(greenroom: Greenroom) -> None:
    container, manager, ben = greenroom.container, greenroom.manager, greenroom.member("ben")
    channel = container.channels.create(manager, "Sales", ChannelKind.PUBLIC).channel
    container.channels.add_members(manager, channel.channel_id, [ben.member_id])
    before = len(items("AuditTable"))
    container.members.change_role(manager, ben.member_id, Role.MEMBER)
    container.channels.change(manager, channel.channel_id, name="Sales", archived=None)
    container.channels.add_members(manager, channel.channel_id, [ben.member_id])
    container.channels.join(ben, channel.channel_id)
    container.programs.change_program(manager, ProgramChanges(name="Demo"))
    container.programs.change_profile(ben, name=ben.name, time_zone=None)
    other = greenroom.member("other")
    before += 2  # invited and joined
    container.channels.leave(other, channel.channel_id)
    container.channels.remove_member(manager, channel.channel_id, other.member_id)
    container.members.remove(manager, other.member_id)
    before += 1
    container.members.remove(manager, other.member_id)
    assert len(items("AuditTable")) == before


def test_people_are_on_entries_by_id_alone(greenroom: Greenroom) -> None:
    """Names and addresses are nowhere in the trail, so an erased person is not in it either."""
    container, manager = greenroom.container, greenroom.manager
    secret = container.members.invite(
        manager, "unusual.address@demo.example", "Zed Unusual", Role.MEMBER
    )
    container.members.import_roster(manager, "email,name\nother.unusual@demo.example,Ody Unusual")
    zed = greenroom.sign_in("unusual.address@demo.example")
    with acting(actors.member(zed.member_id), Origin("198.51.100.7", "member")):
        container.programs.change_profile(zed, name="Zed Evenmore", time_zone="Asia/Tokyo")
    container.members.remove(manager, secret.member_id)
    kept = repr(items("AuditTable"))
    for word in ("nusual", "Zed", "Evenmore", "demo.example", "203.0.113", "198.51.100"):
        assert word not in kept
    told = container.audit.names(manager, [zed.member_id, "mem_unknown"])
    assert told == {zed.member_id: "Zed Evenmore"}


def test_addresses_of_a_person_can_be_forgotten_and_the_entries_stay(greenroom: Greenroom) -> None:
    container, ben = greenroom.container, greenroom.member("ben")
    with acting(actors.member(ben.member_id), Origin("198.51.100.7", "member")):
        container.programs.change_profile(ben, name="Benjamin", time_zone=None)
    entry, joined = listed(greenroom, actor=ben.member_id)
    assert joined.kind == "member.joined"
    assert container.audit.entry(greenroom.manager, entry.entry_id).address == "198.51.100.7"
    number = len(items("AuditTable"))
    for _ in range(2):
        container.audit_recorder.forget_addresses(ben.program_id, ben.member_id)
        assert "198.51.100.7" not in repr(items("OriginsTable"))
    assert len(items("AuditTable")) == number
    assert container.audit.entry(greenroom.manager, entry.entry_id) == entry
    others = {each["address"]["S"] for each in items("OriginsTable")}
    assert others == {ADDRESS}


def test_the_system_and_commands_have_no_role_and_no_address(greenroom: Greenroom) -> None:
    before = len(items("OriginsTable"))
    for actor in (actors.system("a_sweep"), actors.command("program")):
        with acting(actor):
            greenroom.container.programs.invite(
                greenroom.program, f"{actor.replace(':', '.')}@demo.example", Role.MEMBER
            )
        newest = listed(greenroom)[0]
        assert (newest.actor, newest.role) == (actor, None)
    assert len(items("OriginsTable")) == before
    assert {each.actor for each in listed(greenroom, actor="command")} == {"command:program"}
    assert "system:a_sweep" in {each.actor for each in listed(greenroom, actor="system")}


@pytest.fixture
def busy(greenroom: Greenroom) -> Greenroom:
    """Thirty acts of three people on three channels, a minute apart."""
    container = greenroom.container
    people = [greenroom.manager, *(greenroom.member() for _ in range(2))]
    for number in range(30):
        greenroom.clock.advance(timedelta(minutes=1))
        who = people[number % 3]
        with acting(actors.member(who.member_id), Origin(ADDRESS, who.role.value)):
            if number < 3:
                container.channels.create(who, f"Channel {number}", ChannelKind.PUBLIC)
            elif number < 15:
                container.campaigns.create(who, f"Campaign {number}")
            else:
                container.programs.change_profile(who, name=f"Name {number}", time_zone=None)
    return greenroom


def walked(greenroom: Greenroom, limit: int, **wanted: Any) -> list[AuditEntry]:
    found: list[AuditEntry] = []
    cursor: str | None = None
    while True:
        page = greenroom.container.audit.entries(
            greenroom.manager, EntryFilter(**wanted), limit, cursor
        )
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pages_have_every_entry_once_newest_first(busy: Greenroom, limit: int) -> None:
    everything = sorted((each["entry_id"]["S"] for each in items("AuditTable")), reverse=True)
    assert [each.entry_id for each in walked(busy, limit)] == everything


@pytest.mark.parametrize("limit", [2, 100])
def test_filters_find_what_a_look_at_everything_finds(busy: Greenroom, limit: int) -> None:
    everything = walked(busy, 100)
    manager = busy.manager.member_id
    middle = everything[len(everything) // 2]
    thing = everything[0].thing
    for wanted in (
        {"actor": manager},
        {"thing": thing},
        {"kind": Kind.CAMPAIGN_CREATED},
        {"since": middle.at},
        {"until": middle.at},
        {"since": middle.at - timedelta(minutes=9), "until": middle.at},
        {"actor": manager, "kind": Kind.CAMPAIGN_CREATED},
        {"actor": manager, "thing": manager, "kind": Kind.PROFILE_CHANGED},
        {"actor": manager, "kind": Kind.CAMPAIGN_CREATED, "since": middle.at},
        {"actor": "mem_unknown"},
        {"thing": thing, "kind": Kind.CHANNEL_CREATED},
    ):
        expected = [each for each in everything if EntryFilter(**wanted).matches(each)]
        assert walked(busy, limit, **wanted) == expected, wanted


def test_a_page_is_one_query_however_it_is_filtered(busy: Greenroom, calls: Calls) -> None:
    manager = busy.manager.member_id
    listed(busy, 5)  # the key of cursors is fetched once in a function's life
    for wanted in (
        {},
        {"actor": manager},
        {"kind": Kind.PROFILE_CHANGED},
        {"thing": manager},
        {"actor": manager, "kind": Kind.PROFILE_CHANGED},
    ):
        calls.made.clear()
        listed(busy, 5, **wanted)
        assert calls.names == ["Query"], wanted
    calls.made.clear()
    busy.container.audit.entry(busy.manager, listed(busy)[0].entry_id)
    assert calls.names == ["Query", "TransactGetItems"]
    calls.made.clear()
    busy.container.audit.names(busy.manager, [manager])
    assert calls.names == ["BatchGetItem"]


def test_the_largest_page_fits_into_one_query() -> None:
    """DynamoDB answers a megabyte; an entry has its values, its title and some hundred bytes."""
    assert MAX_EXAMINED * (2 * MAX_BYTES + 4 * 80 + 700) <= 1 << 20


def test_a_cursor_is_good_for_its_filter_alone(busy: Greenroom) -> None:
    audit, wanted = busy.container.audit, EntryFilter(actor=busy.manager.member_id)
    cursor = audit.entries(busy.manager, wanted, 1, None).next_cursor
    assert cursor is not None
    with pytest.raises(Problem) as told:
        audit.entries(busy.manager, EntryFilter(), 1, cursor)
    assert told.value.code is ProblemCode.INVALID_CURSOR


def test_another_programs_managers_find_nothing(busy: Greenroom) -> None:
    container = busy.container
    with acting(actors.command("program")):
        container.programs.create_program("Other", "UTC", "eve@other.example")
    eve = container.programs.caller(Claims("subject-eve", "eve@other.example", 0))
    theirs = {
        each.entry_id for each in container.audit.entries(eve, EntryFilter(), 100, None).items
    }
    ours = {each.entry_id: each for each in walked(busy, 100)}
    assert theirs.isdisjoint(ours)
    a = next(iter(ours.values()))
    for wanted in (
        EntryFilter(actor=busy.manager.member_id),
        EntryFilter(thing=a.thing),
        EntryFilter(actor=busy.manager.member_id, kind=Kind.CAMPAIGN_CREATED),
    ):
        found = container.audit.entries(eve, wanted, 100, None).items
        assert {each.program_id for each in found} <= {eve.program_id}
    with pytest.raises(Problem) as told:
        container.audit.entry(eve, a.entry_id)
    assert told.value.code is ProblemCode.NOT_FOUND
    assert container.audit.names(eve, [busy.manager.member_id]) == {}
    cursor = container.audit.entries(busy.manager, EntryFilter(), 1, None).next_cursor
    with pytest.raises(Problem) as told:
        container.audit.entries(eve, EntryFilter(), 1, cursor)
    assert told.value.code is ProblemCode.INVALID_CURSOR


@pytest.mark.parametrize(
    ("since", "until", "field", "code"),
    [
        (0, 0, "until", "before_since"),
        (1, 0, "until", "before_since"),
        (-10_000_000, None, "since", "out_of_range"),
        (None, 10_000_000, "until", "out_of_range"),
    ],
)
def test_a_time_range_that_is_none_is_refused(
    greenroom: Greenroom, since: int | None, until: int | None, field: str, code: str
) -> None:
    now = greenroom.clock.now()

    def at(hours: int | None) -> Any:
        return None if hours is None else now + timedelta(hours=hours)

    with pytest.raises(Problem) as told:
        listed(greenroom, since=at(since), until=at(until))
    assert [(each.field, each.code) for each in told.value.errors] == [(field, code)]


def kinds(greenroom: Greenroom, caller: Caller | None = None) -> list[str]:
    wanted = {"actor": caller.member_id} if caller else {}
    return [each.kind for each in reversed(walked(greenroom, 100, **wanted))]


def test_acts_on_programs_people_channels_and_campaigns_are_told(greenroom: Greenroom) -> None:
    container, manager = greenroom.container, greenroom.manager
    ben = greenroom.member("ben")
    container.programs.change_program(manager, ProgramChanges(disclosure="#ad", rewards=False))
    channel = container.channels.create(manager, "Sales", ChannelKind.PUBLIC).channel.channel_id
    container.channels.change(manager, channel, name="All sales", archived=None)
    container.channels.join(ben, channel)
    container.channels.leave(ben, channel)
    container.channels.add_members(manager, channel, [ben.member_id])
    container.channels.remove_member(manager, channel, ben.member_id)
    campaign = container.campaigns.create(manager, "Spring").campaign_id
    container.campaigns.change(manager, campaign, name=None, archived=True)
    container.members.remove(manager, ben.member_id)
    container.members.invite(manager, ben.email, None, Role.MEMBER)
    told = [
        (each.kind, each.title, dict(each.before), dict(each.after))
        for each in reversed(walked(greenroom, 100))
    ]
    assert told[:4] == [
        (
            "program.created", "Demo", {},
            {"time_zone": "Europe/Berlin", "manager": manager.member_id},
        ),
        ("member.joined", "", {"status": "invited"}, {"status": "active"}),
        ("member.invited", "", {}, {"role": "member"}),
        ("member.joined", "", {"status": "invited"}, {"status": "active"}),
    ]  # fmt: skip
    it, them = {"member": ben.member_id}, {"members": [ben.member_id]}
    assert told[4:] == [
        (
            "program.changed", "Demo",
            {"disclosure": "", "rewards": True}, {"disclosure": "#ad", "rewards": False},
        ),
        ("channel.created", "Sales", {}, {"name": "Sales", "kind": "public"}),
        ("channel.changed", "All sales", {"name": "Sales"}, {"name": "All sales"}),
        ("channel.joined", "All sales", {}, it),
        ("channel.left", "All sales", it, {}),
        ("channel.members_added", "All sales", {}, them),
        ("channel.member_removed", "All sales", it, {}),
        ("campaign.created", "Spring", {}, {"name": "Spring"}),
        ("campaign.changed", "Spring", {"archived": False}, {"archived": True}),
        ("member.removed", "", {"status": "active"}, {"status": "removed"}),
        ("member.invited_again", "", {"status": "removed"}, {"status": "invited"}),
    ]  # fmt: skip


def test_acts_of_the_system_and_on_accounts_are_told(greenroom: Greenroom) -> None:
    container, ben = greenroom.container, greenroom.member("ben")
    greenroom.connect_account(ben, "ben")
    lasting = greenroom.activity(ends_at=greenroom.clock.now() + timedelta(seconds=30))
    greenroom.clock.advance(timedelta(minutes=1))
    with acting(actors.system("activities_sweep_due_activities")):
        assert container.due_activities.end_expired() == 1
    expired, *_ = listed(greenroom, thing=lasting.activity_id)
    assert (expired.kind, expired.actor) == (
        "activity.expired",
        "system:activities_sweep_due_activities",
    )
    assert expired.after["state"] == "ended"
    container.points.adjust(greenroom.manager, ben.member_id, 5, "For unusual help")
    adjusted, *_ = listed(greenroom, kind=Kind.POINTS_ADJUSTED)
    assert (adjusted.thing, adjusted.before) == (ben.member_id, {"balance": 0})
    assert (adjusted.after["balance"], adjusted.after["points"]) == (5, 5)
    assert "unusual" not in repr(items("AuditTable"))
    container.members.remove(greenroom.manager, ben.member_id)
    with acting(actors.system("performances_disconnect_removed_members")):
        container.tiktok.release_removed_member(ben.program_id, ben.member_id)
    told = [each.kind for each in reversed(listed(greenroom, thing=ben.member_id))]
    assert told == [
        "member.invited",
        "member.joined",
        "account.connected",
        "points.adjusted",
        "member.removed",
        "account.released",
    ]


def test_points_that_the_system_takes_back_are_told_with_what_they_were_for(
    clock: StoppedClock,
) -> None:
    room = ReportingGreenroom(clock)
    try:
        amy, activity = room.join("amy"), room.activity(points=10)
        with acting(actors.system("performances_stage")):
            failed = room.perform_and_stage(amy, activity, "refuses")
        assert room.totals(amy).balance == 0
        wanted = EntryFilter(kind=Kind.POINTS_TAKEN_BACK)
        (entry,) = room.container.audit.entries(room.manager, wanted, 9, None).items
        assert (entry.actor, entry.thing) == ("system:performances_stage", amy.member_id)
        assert (entry.title, entry.after) == (
            activity.instructions,
            {"points": -10, "performance": failed.performance_id, "activity": activity.activity_id},
        )
    finally:
        room.close()


def test_consents_that_people_revoke_themselves_are_on_the_trail(greenroom: Greenroom) -> None:
    container, ben = greenroom.container, greenroom.member("ben")
    greenroom.connect_account(ben, "ben")
    invited = container.members.invite(greenroom.manager, "ivy@demo.example", None, Role.MEMBER)
    ivy = Caller("", "", Role.MEMBER, "ivy@demo.example", "", "UTC", subject="subject-ivy")
    with acting(actors.member(ben.member_id), Origin(ADDRESS, "member")):
        container.connections.disconnect(greenroom.now(ben))
        container.connections.disconnect(greenroom.now(ben))
    with acting(actors.member(invited.member_id)):
        container.joining.decline(ivy, invited.program_id)
    disconnected, declined = Kind.ACCOUNT_DISCONNECTED, Kind.INVITATION_DECLINED
    assert told(greenroom, disconnected) == [
        (
            f"member:{ben.member_id}", ben.member_id,
            {"tiktok": "connected"}, {"tiktok": None},
        )
    ]  # fmt: skip
    assert told(greenroom, declined) == [
        (
            f"member:{invited.member_id}", invited.member_id,
            {"status": "invited"}, {"status": "removed"},
        )
    ]  # fmt: skip


def told(greenroom: Greenroom, kind: Kind) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Return actor, thing, before and after of all entries of a kind, newest first."""
    return [
        (each.actor, each.thing, dict(each.before), dict(each.after))
        for each in listed(greenroom, kind=kind)
    ]


def test_an_adjustment_says_the_balance_before_and_after_it_also_among_others(
    greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another award comes between the read and the write: what is told is what the write found."""
    container, ben = greenroom.container, greenroom.member("ben")
    points, store = container.points, container.points._store  # noqa: SLF001  another write comes between
    together, waiting = store.read_together, [1, 2]

    def read_and_be_overtaken(reads: Any) -> Any:
        found = together(reads)
        if waiting:
            parts = points.award(ben.owner, 100, f"prf_{waiting.pop()}")
            store.commit(parts)
        return found

    monkeypatch.setattr(store, "read_together", read_and_be_overtaken)
    adjusted = points.adjust(greenroom.manager, ben.member_id, 30, "Fair")
    assert (adjusted.totals.balance, adjusted.totals.earned) == (230, 230)
    assert points.totals(ben.owner) == adjusted.totals
    points.adjust(greenroom.manager, ben.member_id, -130, "Not fair")
    (_, _, *second), (_, _, *first) = told(greenroom, Kind.POINTS_ADJUSTED)
    assert [each["balance"] for each in (*first, *second)] == [200, 230, 230, 100]
    waiting[:] = range(100)
    with pytest.raises(Problem) as refused:
        points.adjust(greenroom.manager, ben.member_id, 1, "In vain")
    assert refused.value.code is ProblemCode.CHANGED_MEANWHILE
    assert len(told(greenroom, Kind.POINTS_ADJUSTED)) == 2


def test_an_invitation_that_is_mailed_again_is_told_once(greenroom: Greenroom) -> None:
    container, manager = greenroom.container, greenroom.manager
    ben = container.members.invite(manager, "ben@demo.example", None, Role.MEMBER)
    greenroom.clock.advance(timedelta(days=1))
    database().update(
        MemberItem(ben.program_id, member_key(ben.member_id)),
        [MemberItem.mail.set(InvitationMail.FAILED)],
    )
    container.members.mail_invitation_again(manager, ben.member_id)
    container.members.mail_invitation_again(manager, ben.member_id)  # it waits already
    assert told(greenroom, Kind.INVITATION_MAILED_AGAIN) == [
        (f"member:{manager.member_id}", ben.member_id, {"mail": "failed"}, {"mail": "waiting"})
    ]


def test_an_account_that_lapses_is_told_once(greenroom: Greenroom, tiktok: FakeTikTok) -> None:
    ben = greenroom.member("ben")
    greenroom.connect_account(ben, "ben")
    greenroom.clock.advance(timedelta(hours=3))
    tiktok.token_pairs.clear()
    for _ in range(2):
        with acting(actors.system("staging_stage")), pytest.raises(NotConnected):
            greenroom.container.access_tokens.access_token(ben.program_id, ben.member_id)
    assert told(greenroom, Kind.ACCOUNT_LAPSED) == [
        (
            "system:staging_stage", ben.member_id,
            {"tiktok": "connected"}, {"tiktok": "reconnect_required"},
        )
    ]  # fmt: skip


@pytest.mark.usefixtures("stack_here")
def test_repairs_by_the_owner_are_told_and_looks_that_repair_nothing_are_not(
    greenroom: Greenroom,
) -> None:
    ben, program = greenroom.member("ben"), greenroom.program.program_id
    database().commit(greenroom.container.points.award(ben.owner, 10, "prf_1"))

    def run(*words: str) -> None:
        with acting("command:owner"):
            CliRunner().invoke(commands_main.main, [*words, "--program", program])

    run("points", "rebuild")  # what is counted and what is on boards differs
    assert told(greenroom, Kind.POINTS_REBUILT) == []
    run("points", "rebuild", "--repair")
    ((actor, thing, before, after),) = told(greenroom, Kind.POINTS_REBUILT)
    assert (actor, thing, before) == ("command:points", program, {})
    assert after["differences"] > 0
    run("points", "rebuild", "--repair")
    assert len(told(greenroom, Kind.POINTS_REBUILT)) == 1
    run("reports", "rebuild", "--repair")
    for actor, thing, _, after in told(greenroom, Kind.REPORTS_REBUILT):
        assert (actor, thing, after["differences"] > 0) == ("command:reports", program, True)


@pytest.mark.usefixtures("stack_here")
def test_people_whom_the_owner_invites_are_told(greenroom: Greenroom) -> None:
    program = greenroom.program.program_id
    words = ["program", "invite", "--program", program, "--manager", "mia@demo.example"]
    for _ in range(2):
        assert CliRunner().invoke(commands_main.main, words).exit_code == 0
    invited = [each for each in told(greenroom, Kind.MEMBER_INVITED) if "command" in each[0]]
    assert [(actor, after) for actor, _, _, after in invited] == [
        ("command:program", {"role": "manager"})
    ]


def test_a_second_step_that_the_owner_resets_is_told(
    greenroom: Greenroom, stack_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    cognito, email = greenroom.clients.cognito, "ana@demo.example"
    made = cognito.create_user_pool(PoolName="pool", UsernameAttributes=["email"])["UserPool"]
    for each in (email, "nobody@demo.example"):
        user = cognito.admin_create_user(UserPoolId=made["Id"], Username=each)["User"]
        if each == email:
            subject = {a["Name"]: a["Value"] for a in user["Attributes"]}["sub"]
    rebound = replace(greenroom.manager, subject=subject)
    monkeypatch.setattr(
        greenroom.container.programs,
        "member_of_subject",
        lambda wanted: rebound if wanted == subject else None,
    )
    monkeypatch.setattr(commands_main, "Stack", lambda name: with_pool(StackHere(name), made["Id"]))
    for each in (email, "nobody@demo.example"):
        ran = CliRunner().invoke(commands_main.main, ["authenticator", "reset", "--email", each])
        assert ran.exit_code == 0, ran.output
    assert told(greenroom, Kind.AUTHENTICATOR_RESET) == [
        ("command:authenticator", greenroom.manager.member_id, {}, {})
    ]


def with_pool(stack: Any, pool_id: str) -> Any:
    stack.outputs["UserPoolId"] = pool_id
    return stack
