"""Every write says who made it, and under which request."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import boto3
import pytest
from chalice.app import Chalice, CloudWatchEvent
from click.testing import CliRunner
from pynamodb.models import Model

import app as plan
import chalicelib
from chalicelib.foundation import actors
from chalicelib.foundation.actors import acting
from chalicelib.foundation.functions import Functions
from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.logging import logger
from chalicelib.foundation.table import LeanModel, StampedModel
from commands.__main__ import main
from local import functions
from local.home import PROJECT
from local.template import declarations
from tests.integration.database import database
from tests.integration.greenroom import Greenroom, state_of

UNSTAMPED = {
    "OpenItem": "is how an index shows an activity; nothing writes it",
    "UniquenessItem": "is written with what it guards, which is stamped",
    "CountedIdsItem": "likewise, with what it counts",
    "TakenItem": "likewise, with the redemption it counts",
    "RewardIdsItem": "likewise, with the reward it counts",
    "MarkItem": "is a member's own, whom its key names",
    "DueBoardItem": "is made from ledger and people, and made again",
    "ScoreItem": "likewise",
    "CountedItem": "likewise",
    "HeadItem": "likewise",
    "PageItem": "likewise",
    "IdempotencyItem": "is of one request, which its key names, and lives for a day",
    "AttemptItem": "counts, and lives for an hour",
    "CallItem": "counts, and lives for a day",
    "ConsentCountItem": "counts, and lives for an hour",
    "ConsentItem": "is of one request and lives for minutes",
    "InboxItem": "follows from performances, which are stamped",
    "AccountOwnerItem": "is written with the account it guards, which is stamped",
    "DeviceOwnerItem": "is written with the box it guards, which is stamped",
    "ProgressItem": "is made from performances and what members saw, and made again",
    "DaysItem": "likewise",
    "PersonItem": "likewise",
    "CounterItem": "likewise; what a member saw is their own, whom its key names",
    "MonthItem": "is packed from counters, and made again",
    "BulletinItem": "is made from the activities, and made again",
    "PlanItem": "likewise, from when members have their digests",
    "SlotScanItem": "likewise, and made anew by each walk",
    "DueItem": "is how an index shows a box or a plan; nothing writes it",
    "KeptBytesItem": "is a sum, written with the uploads that are added up, which are stamped",
    "UploadHeadroomItem": "likewise, with the upload that takes some of it",
    "ActivityHeadroomItem": "likewise, with the activity",
    "EntryItem": "is the audit trail, and says who and under which request by itself",
    "OriginItem": "is written with an entry, once",
    "ViewsItem": "is written with the account, which is stamped, and goes once it is followed",
    "RemovalItem": "is what TikTok told, and lives for days",
    "ErasureItem": "says who asked for it by itself, and goes once it is done",
    "WaitingExportItem": "is written with the export, which is stamped, and goes once it is made",
    "WebhookIdsItem": "is written with the webhook, which is stamped",
    "RunItem": "is how far deliveries to a webhook are; only functions write it",
    "DeliveryItem": "is made from an event, which says who did it, and lives for days",
}


def models() -> Iterator[type[Model]]:
    for found in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        if found.name.endswith("store") or found.name.endswith("idempotency"):
            module = import_module(found.name)
            yield from (
                each
                for each in vars(module).values()
                if isinstance(each, type)
                and issubclass(each, Model)
                and each.__module__ == found.name
            )


def test_every_kind_of_item_is_stamped_or_is_named_here_with_a_reason() -> None:
    plain = {
        each
        for each in models()
        if each not in (LeanModel, StampedModel) and not issubclass(each, StampedModel)
    }
    names = {each.__name__ for each in plain} | {
        f"{each.__module__.removeprefix('chalicelib.')}.{each.__name__}" for each in plain
    }
    assert {name for name in UNSTAMPED if name not in names} == set()
    assert {
        each
        for each in plain
        if each.__name__ not in UNSTAMPED
        and f"{each.__module__.removeprefix('chalicelib.')}.{each.__name__}" not in UNSTAMPED
    } == set()


def stamps(table: str) -> set[tuple[str | None, str | None]]:
    found = boto3.client("dynamodb").scan(TableName=table)["Items"]
    return {
        (
            each.get("changed_by", {}).get("S"),
            each.get("change_correlation_id", {}).get("S"),
        )
        for each in found
    }


def stamp_of(greenroom: Greenroom, member: Caller) -> tuple[str | None, str | None]:
    item = boto3.client("dynamodb").get_item(
        TableName="ProgramsTable",
        Key={
            "program_id": {"S": member.program_id},
            "item": {"S": f"member#{member.member_id}"},
        },
    )["Item"]
    return (
        item.get("changed_by", {}).get("S"),
        item.get("change_correlation_id", {}).get("S"),
    )


def test_a_write_says_who_made_it_and_under_which_request(greenroom: Greenroom) -> None:
    ben = greenroom.member("ben")
    with acting(actors.member("mem_boss")):
        logger.set_correlation_id("correlation-9")
        greenroom.container.members.change_role(greenroom.manager, ben.member_id, Role.MANAGER)
    assert stamp_of(greenroom, ben) == ("member:mem_boss", "correlation-9")
    logger.clear_state()
    with acting(actors.system("a_sweep")):
        greenroom.container.members.change_role(greenroom.manager, ben.member_id, Role.MEMBER)
    assert stamp_of(greenroom, ben) == ("system:a_sweep", None)


def test_a_removal_keeps_who_made_it_whatever_is_written_after_it(greenroom: Greenroom) -> None:
    ben = greenroom.member("ben")
    greenroom.connect_account(ben, "ben")
    with acting(actors.member(greenroom.manager.member_id)):
        greenroom.container.members.remove(greenroom.manager, ben.member_id)
    with acting(actors.system("performances_disconnect_removed_members")):
        greenroom.container.connections.release_removed_member(ben.program_id, ben.member_id)
    removed = greenroom.container.programs.member(ben.program_id, ben.member_id)
    assert removed is not None
    assert removed.removed_by == f"member:{greenroom.manager.member_id}"
    assert stamp_of(greenroom, ben)[0] == "system:performances_disconnect_removed_members"
    greenroom.container.members.invite(greenroom.manager, ben.email, None, Role.MEMBER)
    back = greenroom.container.programs.member(ben.program_id, ben.member_id)
    assert back is not None
    assert back.removed_by is None


def test_a_perform_is_the_members_in_all_it_writes(greenroom: Greenroom) -> None:
    ben = greenroom.member("ben")
    greenroom.connect_account(ben, "ben")
    activity = greenroom.activity()
    with acting(actors.member(ben.member_id)):
        greenroom.perform(ben, activity)
    for table in ("PerformancesTable", "PointsTable"):
        assert {by for by, _ in stamps(table)} == {f"member:{ben.member_id}"}


def test_a_member_returning_from_tiktok_is_the_actor_of_the_connection(
    greenroom: Greenroom,
) -> None:
    ben = greenroom.member("ben")
    begun = greenroom.asks(ben)
    with acting(actors.system("connections_callback")):
        greenroom.container.connections.connect(state_of(begun), begun.nonce, "code-ben", None)
    assert stamp_of(greenroom, ben)[0] == f"member:{ben.member_id}"


def test_single_writes_are_stamped_like_those_of_a_transaction(greenroom: Greenroom) -> None:
    class Item(StampedModel):
        class Meta:
            table_name = "programs"

        program_id = StampedModel.changed_by.__class__(hash_key=True)
        item = StampedModel.changed_by.__class__(range_key=True)

    thing = Item("prg_1", "thing")
    with acting("command:try"):
        assert database().put(thing, Item.item.does_not_exist())
        assert not database().put(thing, Item.item.does_not_exist())
    assert database().get(Item, "prg_1", "thing").changed_by == "command:try"
    with acting("system:try"):
        assert database().update(thing, [], Item.item.exists())
    assert database().get(Item, "prg_1", "thing").changed_by == "system:try"


# Whatever begins work says who it is


def test_each_lambda_writes_under_its_own_name() -> None:
    own = Chalice("own")
    seen: list[str] = []

    @own.schedule("rate(1 minute)")
    @Functions().function(module="none")
    def programs_try(event: CloudWatchEvent) -> None:
        seen.append(actors.current())

    names = ("version", "account", "region", "detail-type", "source", "time", "id")
    tick: dict[str, Any] = dict.fromkeys(names, "")
    programs_try({**tick, "detail": {}, "resources": []}, None)
    assert seen == ["system:programs_try"]
    assert actors.current() == actors.UNKNOWN
    for each in functions.declared(declarations(PROJECT / "infra")):
        if each.source:
            handler: Any = getattr(plan, each.name)
            assert hasattr(handler.func, "__wrapped__"), f"{each.name} lacks @functions.function"


def test_an_owners_command_writes_under_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Stopped(Exception):
        pass

    def stack(_name: str) -> None:
        seen.append(actors.current())
        raise Stopped

    monkeypatch.setattr("commands.__main__.Stack", stack)
    ran = CliRunner().invoke(main, ["points", "rebuild", "--program", "prg_1"])
    assert isinstance(ran.exception, Stopped)
    assert seen == ["command:points"]
    assert actors.current() == actors.UNKNOWN
