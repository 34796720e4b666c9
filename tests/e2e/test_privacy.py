"""One's data over HTTP: exported, then erased and searched for in everything that keeps something.

Tables, with what their indexes show, buckets, queues, user pool and logs of the whole deployment
are searched.
"""

import io
import json
import secrets
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from chalicelib.foundation.identity import Role
from tests.e2e.conftest import known
from tests.e2e.deployed_stack import DeployedStack, add_person, an_hour_ago
from tests.e2e.people import Api, Witness, new_key
from tests.e2e.tiktok_members import Sender, TikTok

PATIENCE_SECONDS = 180.0
SEARCHED = (
    *("ProgramsTable", "BoardsTable", "NoticesTable", "PointsTable", "ReportsTable"),
    *("ExportsBucket/exports/", "ExportsBucket/personal/", "user pool"),
)
"""Places in which the person of the first test leaves a trace: the search sees into each kind."""
ERASER = "PrivacyProcessDue"


class Office:
    """A program of this module's own, and people in it who can be told from all others."""

    def __init__(self, deployed: DeployedStack, witness: Witness) -> None:
        self.deployed, self.witness = deployed, witness
        self.domain = f"privacy-{secrets.token_hex(4)}.example"
        programs = deployed.container().programs
        program, _, _ = programs.create_program(self.domain, "UTC", f"boss@{self.domain}")
        self.program_id = program.program_id
        self.boss = known(self.person("boss"))

    def person(self, name: str) -> Api:
        found = add_person(self.deployed, f"{name}@{self.domain}", self.program_id)
        return Api.of(self.deployed.stack, self.witness, found)

    def joins(self, name: str, role: Role = Role.MEMBER) -> tuple[Api, str]:
        body = {"email": f"{name}@{self.domain}", "role": role.value, "name": f"Full {name}"}
        answer = self.boss.post("/members", body, new_key())
        assert answer.status == 201, answer.body
        return known(self.person(name)), str(answer.body["member_id"])

    def erases(self, member_id: str) -> None:
        """Let an erasure come to its end, as if its six minutes had passed."""
        table = self.deployed.table("PrivacyTable")
        key = {"key": "erasures", "item": f"{self.program_id}/{member_id}"}
        until = time.monotonic() + PATIENCE_SECONDS
        while "Item" in (kept := table.get_item(Key=key, ConsistentRead=True)):
            assert time.monotonic() < until, kept["Item"]
            table.update_item(
                Key=key,
                UpdateExpression="SET asked_at = :at, next_at = :at",
                ConditionExpression="attribute_exists(#key)",
                ExpressionAttributeNames={"#key": "key"},
                ExpressionAttributeValues={":at": an_hour_ago()},
            )
            self.deployed.tick(ERASER)
            time.sleep(1)


@pytest.fixture(scope="module")
def office(deployed: DeployedStack, witness: Witness) -> Office:
    return Office(deployed, witness)


def waits(look: Any) -> Any:
    until = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < until
        time.sleep(0.5)
    return found


def places(deployed: DeployedStack) -> Iterator[tuple[str, str]]:
    """Yield all that is kept in the deployment, each with the name of its place."""
    for name in deployed.named("AWS::DynamoDB::Table"):
        yield from ((name, json.dumps(item, default=legible)) for item in deployed.items(name))
    for name in deployed.named("AWS::S3::Bucket"):
        yield from in_bucket(deployed, name)
    for queue in deployed.sqs.list_queues().get("QueueUrls", ()):
        yield from ((queue, body) for body in waiting_in(deployed, queue))
    pool = deployed.stack.identity["user_pool_id"]
    people = deployed.client("cognito-idp").get_paginator("list_users").paginate(UserPoolId=pool)
    yield from (("user pool", repr(each)) for page in people for each in page["Users"])
    for group in deployed.logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        pages = deployed.logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        yield from ((name, event["message"]) for page in pages for event in page["events"])


def legible(value: Any) -> str:
    """Show a value of a table's as text: leaderboards are packed."""
    content = getattr(value, "value", None)  # of boto3's Binary
    if not isinstance(content, bytes):
        return repr(value)
    with suppress(zlib.error):
        content = zlib.decompress(content)
    return content.decode(errors="replace")


def waiting_in(deployed: DeployedStack, queue: str) -> Iterator[str]:
    """Yield the messages of a queue, which stay hidden from others for a moment."""
    while True:
        answer = deployed.sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=2
        )
        if not answer.get("Messages"):
            return
        yield from (message["Body"] for message in answer["Messages"])


def in_bucket(deployed: DeployedStack, name: str) -> Iterator[tuple[str, str]]:
    """Yield every key, and the content of what is neither a video nor the console."""
    for key in deployed.objects(name):
        yield f"{name}/{key}", key
        if name == "ConsoleBucket" or key.startswith(("videos/", "incoming/")):
            continue
        body = deployed.s3.get_object(Bucket=deployed.names[name], Key=key)["Body"].read()
        if zipfile.is_zipfile(io.BytesIO(body)):
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                body = b"".join(archive.read(each) for each in archive.namelist())
        yield f"{name}/{key}", body.decode(errors="replace")


def found_in(deployed: DeployedStack, looked_for: tuple[str, ...]) -> list[str]:
    return [
        f"{place}: {each} in {text[:300]}"
        for place, text in places(deployed)
        for each in looked_for
        if each in text
    ]


def test_a_member_exports_all_that_is_kept_and_is_erased_without_a_trace(
    office: Office, deployed: DeployedStack
) -> None:
    given, family = f"vic{secrets.token_hex(6)}", f"Unmistakable{secrets.token_hex(6)}"
    boss, (vic, member_id) = office.boss, office.joins(given)
    assert vic.get("/me/export").problem == (404, "not_found")
    assert boss.get(f"/members/{member_id}/erasure").problem == (404, "not_found")
    assert vic.patch("/me", {"name": family}).status == 200
    channel = boss.post("/channels", {"name": "Room", "kind": "public"}).body["channel_id"]
    assert vic.call("PUT", f"/channels/{channel}/members/me").status == 204
    sender = Sender(vic, TikTok(str(deployed.stack.tiktok_url))).connected()
    del sender
    gift = {"amount": 50, "reason": f"For {family}"}
    assert boss.post(f"/members/{member_id}/points", gift).status == 201
    reward = boss.post("/rewards", {"title": "Mug", "price": 5}).body["reward_id"]
    assert vic.post(f"/rewards/{reward}/redeem", {"price": 5}).status == 201
    export = boss.post("/reports/exports", {"report": "members"}).body["export_id"]
    waits(lambda: boss.get(f"/reports/exports/{export}").body["url"])
    waits(lambda: vic.get("/leaderboard", period="week").body["members"])

    assert vic.post("/me/export").body["status"] == "making"
    ready = waits(lambda: vic.get("/me/export").body["url"] and vic.get("/me/export").body)
    content = requests.get(ready["url"], timeout=30).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"member.json", "sign_in.json", "tiktok.json", "points.json", "redemptions.json"} <= (
        texts.keys()
    )
    assert family in texts["member.json"]
    assert boss.post(f"/members/{member_id}/export").status == 202
    of_boss = waits(lambda: boss.get(f"/members/{member_id}/export").body["url"])
    assert requests.get(of_boss, timeout=30).status_code == 200
    assert urlsplit(of_boss).path != urlsplit(ready["url"]).path
    with requests.get(ready["url"], timeout=30) as again:
        assert again.status_code == 200

    traces = (given, family)
    found = found_in(deployed, traces)
    for place in SEARCHED:
        assert any(each.startswith(place) for each in found), place
    with deployed.clock_stopped(ERASER):
        begun = vic.post("/me/erasure")
        assert (begun.status, begun.body["status"]) == (202, "erasing")
        assert vic.get("/me").problem == (403, "not_a_member")
        assert boss.get(f"/members/{member_id}/erasure").body["status"] == "erasing"
        assert boss.post(f"/members/{member_id}/export").problem == (409, "erasure_begun")
        office.erases(member_id)
    done = boss.post(f"/members/{member_id}/erasure")
    assert (done.status, done.body["status"]) == (202, "erased")
    for url in (ready["url"], of_boss):
        assert requests.get(url, timeout=30).status_code == 404
    assert found_in(deployed, traces) == []
    entries = boss.get(f"/members/{member_id}/points").body["items"]
    assert sum(each["points"] for each in entries) == 45
    assert boss.get(f"/members/{member_id}").body["name"] == "Erased member"


def test_the_last_manager_is_not_erased_by_whoever_asks(office: Office) -> None:
    boss_id = office.boss.get("/me").body["member_id"]
    assert office.boss.post("/me/erasure").problem == (409, "last_manager")
    assert office.boss.post(f"/members/{boss_id}/erasure").problem == (409, "last_manager")
    nobody = "/members/mem_unknown"
    assert office.boss.post(f"{nobody}/erasure").problem == (404, "not_found")
    assert office.boss.post(f"{nobody}/export").problem == (404, "not_found")
    assert office.boss.get(f"{nobody}/export").problem == (404, "not_found")


def test_somebody_erased_can_be_invited_and_is_new(office: Office, deployed: DeployedStack) -> None:
    _, member_id = office.joins("ned")
    with deployed.clock_stopped(ERASER):
        assert office.boss.post(f"/members/{member_id}/erasure").status == 202
        again = office.boss.post("/members", {"email": f"ned@{office.domain}"})
        assert (again.status, again.body["member_id"] == member_id) == (201, False)
        office.erases(member_id)
    ned = office.person("ned")
    assert ned.get("/me").body["member_id"] == again.body["member_id"]
