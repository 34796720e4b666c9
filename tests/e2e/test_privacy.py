"""One's data over HTTP: exported, then erased and searched for in everything that keeps something.

Tables, with what their indexes show, buckets, queues, user pool and logs of the whole deployment
are searched.
"""

import base64
import io
import json
import secrets
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from mcp import Client

from chalicelib.foundation.identity import Role
from chalicelib.notifications.unsubscribing.service import Unsubscription
from local.push_service import PushServer, PushService
from tests.e2e.conftest import known
from tests.e2e.deployed_stack import DeployedStack, add_person, an_hour_ago
from tests.e2e.people import Api, Witness, new_key
from tests.e2e.test_proof import COUNTS, allows, is_due, lever
from tests.e2e.test_pushes import subscribed, told
from tests.e2e.test_webhooks_out import Receiver, log_of, made
from tests.e2e.tiktok_members import Sender, TikTok
from tests.mcp_clients import over_http, text_of

PATIENCE_SECONDS = 180.0
SEARCHED = (
    *("ProgramsTable", "BoardsTable", "NoticesTable", "PointsTable", "ReportsTable"),
    *("AccountsTable", "PerformancesTable", "RewardsTable", "IdempotencyTable"),
    *("ExportsBucket/exports/", "ExportsBucket/personal/", "user pool"),
)
"""Places in which the person of the first test leaves a trace: the search sees into each kind."""
ERASER, BOARDS = "PrivacyEraseAndQueueExports", "PointsBuildLeaderboards"


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
            self.deployed.tick(BOARDS)


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


class Life:
    """A member, a manager too, who leaves a trace wherever one can be left."""

    def __init__(
        self, office: Office, clips: Path, pushes: PushService, receiver: Receiver
    ) -> None:
        self.office, self.boss, self.deployed = office, office.boss, office.deployed
        self.given = f"vic{secrets.token_hex(6)}"
        self.family = f"Unmistakable{secrets.token_hex(6)}"
        self.alias = f"Falcon {secrets.token_hex(6)}"
        self.views = 100_000_000 + secrets.randbelow(900_000_000)
        video = self.boss.ask_for_upload()
        self.boss.post_file(video, (clips / "demo.mp4").read_bytes())
        self.webhooks = [
            made(self.boss, f"{receiver.url}/{each}", format=each) for each in ("json", "slack")
        ]
        self.vic, self.member_id = office.joins(self.given, Role.MANAGER)
        self.sender = Sender(self.vic, TikTok(str(self.deployed.stack.tiktok_url)))
        self.endpoint = subscribed(self.vic, pushes, f"Browser of {self.family}")
        self._introduces_themselves()
        self.sender.connect()
        allows(self.sender)
        assert self.boss.verdict(video.upload_id)["status"] == "valid"
        activities = [self.boss.create(video.upload_id, points=10)["activity_id"] for _ in range(5)]
        self.posted, self.failed, self.waiting, self.dismissed, self.undone = activities
        self._is_given_points()
        self._redeems()
        self._looks_and_calls()
        self._sends(pushes)
        self._is_mailed_and_bounces()
        self._is_in_files()

    @property
    def traces(self) -> tuple[str, ...]:
        """What tells the person from everybody else, here and at TikTok."""
        assert self.vic.token is not None
        payload = self.vic.token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        at_tiktok = self.sender.tiktok.person(self.sender.name)
        return (
            *(self.given, self.family, self.alias, str(claims["sub"]), self.endpoint),
            *(self.sender.name, str(at_tiktok["open_id"]), self.post_id),
            str(self.views),
        )

    def _introduces_themselves(self) -> None:
        boss, vic = self.boss, self.vic
        assert vic.patch("/me", {"name": self.family, "alias": self.alias}).status == 200
        email = f"{self.given}@{self.office.domain}"
        roster = {"csv": f"email;name\n{email};{self.family}\n"}
        assert boss.post("/members/import", roster, new_key()).body["already_members"] == 1
        room, crew = (
            boss.post("/channels", {"name": f"{kind} room", "kind": kind}).body["channel_id"]
            for kind in ("public", "private")
        )
        assert vic.call("PUT", f"/channels/{room}/members/me").status == 204
        body = {"member_ids": [self.member_id]}
        assert boss.post(f"/channels/{crew}/members", body).status in {200, 204}
        assert boss.delete(f"/channels/{crew}/members/{self.member_id}").status == 204
        assert vic.post("/drafts", {"instructions": "Drafted"}).status == 201
        vic.ask_for_upload()

    def _is_given_points(self) -> None:
        chosen = {"kinds": {"points": "at_once", "rewards": "at_once"}}
        assert self.vic.patch("/me/notifications", chosen).status == 200
        gift = {"amount": 50, "reason": f"For {self.family}"}
        path = f"/members/{self.member_id}/points"
        assert self.boss.post(path, gift, new_key()).status == 201

    def _redeems(self) -> None:
        """One request is fulfilled, one rejected, both with words about the person; one is open."""
        reward = self.boss.post("/rewards", {"title": "Mug", "price": 5}).body["reward_id"]
        path = f"/rewards/{reward}/redeem"
        asked = [
            self.vic.post(path, {"price": 5}, new_key()).body["redemption_id"] for _ in range(3)
        ]
        words = {"note": f"Sent to {self.family}", "code": self.family}
        assert self.boss.post(f"/redemptions/{asked[0]}/fulfil", words).status == 200
        words = {"reason": f"Not for {self.family}"}
        assert self.boss.post(f"/redemptions/{asked[1]}/reject", words).status == 200

    def _looks_and_calls(self) -> None:
        """Look at the feed, dismiss something, and have an agent say who its person is."""
        vic = self.vic
        assert vic.post("/feed/seen", {"activity_ids": [self.posted, self.failed]}).status == 204
        for each in (self.dismissed, self.undone):
            assert vic.post(f"/activities/{each}/dismiss").status == 204
        assert vic.delete(f"/activities/{self.undone}/dismiss").status == 204

        async def use(client: Client) -> None:
            await text_of(client, "read_leaderboard", period="week", cursor=self.family)

        assert vic.token is not None
        over_http(f"{vic.url}/mcp", vic.token, use)

    def _sends(self, pushes: PushService) -> None:
        """One video fails; of another a push tells, it is posted, and its views are counted."""
        sender = self.sender
        refused = {
            "endpoint": "processing",
            "kind": "fail",
            "fail_reason": "frame_rate_check_failed",
        }
        sender.tiktok.faults(refused)
        try:
            sender.reaches(sender.perform(self.failed), "failed")
        finally:
            sender.tiktok.faults()
        self.performance = performance = sender.perform(self.posted)
        publish_id = sender.reaches(performance, "staged")["publish_id"]
        told(self.deployed, pushes, self.endpoint, 1)
        sender.tiktok.press(sender.name, f"{publish_id}/post")
        waits(lambda: "post_id" in self.deployed.stored_performance(performance))
        self.post_id = str(self.deployed.stored_performance(performance)["post_id"])
        lever(sender, "counts", post_id=self.post_id, views=self.views)
        is_due(self.deployed, performance)
        self.deployed.tick(COUNTS)
        assert sender.performance(performance)["counted"]["views"] == self.views

    def _is_mailed_and_bounces(self) -> None:
        email = f"{self.given}@{self.office.domain}"
        waits(lambda: [each for each in self.deployed.mails_to(email) if self.family in each.text])
        bounced = {
            "eventType": "Bounce",
            "mail": {
                "destination": [email],
                "tags": {
                    "ses:configuration-set": [self.deployed.names["NoticeMails"]],
                    "program": [self.office.program_id],
                    "member": [self.member_id],
                    "claim": ["mai_unknown"],
                },
            },
            "bounce": {
                "bounceType": "Permanent",
                "bouncedRecipients": [{"emailAddress": email}],
            },
        }
        event = {"source": "aws.ses", "detail-type": "Email Bounced", "detail": bounced}
        queue = self.deployed.names["MailEventsQueue"]
        self.deployed.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event))

    def _is_in_files(self) -> None:
        """Reports that name people, once everything that counts and tells has done so."""
        boss, deployed = self.boss, self.deployed

        def on_board() -> bool:
            deployed.tick(BOARDS)
            return self.family in str(boss.get("/leaderboard", period="week").body)

        waits(on_board)
        waits(lambda: self.vic.get("/notifications").body["mail"]["refused"] == "bounced")
        codes = {"mail_refused", "redemption_waiting"}
        waits(lambda: codes <= {each["code"] for each in boss.get("/worklist").body["items"]})
        for each in self.webhooks:
            waits(lambda each=each: "delivered" in str(log_of(boss, each)))
        asked = [
            boss.post("/reports/exports", wanted).body["export_id"]
            for wanted in (
                {"report": "members"},
                {"report": "performances", "activity_id": self.posted},
                {"report": "audit"},
            )
        ]
        for export in asked:
            waits(lambda export=export: boss.get(f"/reports/exports/{export}").body["url"])


@pytest.fixture
def pushes() -> Iterator[PushService]:
    server = PushServer()
    yield server.service
    server.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def exported(api: Api, path: str) -> str:
    return str(waits(lambda: api.get(path).body["url"]))


def test_a_member_who_did_everything_exports_all_that_is_kept_and_is_erased_without_a_trace(
    office: Office, deployed: DeployedStack, clips: Path, pushes: PushService, receiver: Receiver
) -> None:
    life = Life(office, clips, pushes, receiver)
    boss, vic, member_id = office.boss, life.vic, life.member_id
    path = f"/members/{member_id}"
    assert vic.get("/me/export").problem == (404, "not_found")
    assert boss.get(f"{path}/erasure").problem == (404, "not_found")
    assert vic.post("/me/export").body["status"] == "making"
    assert boss.post(f"{path}/export").status == 202
    deployed.tick(ERASER)  # which queues exports, too
    own, of_boss = exported(vic, "/me/export"), exported(boss, f"{path}/export")
    assert urlsplit(own).path != urlsplit(of_boss).path
    assert requests.get(of_boss, timeout=30).status_code == 200
    with zipfile.ZipFile(io.BytesIO(requests.get(own, timeout=30).content)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    for part, text in (
        *(("member", life.family), ("sign_in", life.given), ("tiktok", life.sender.name)),
        *(("points", life.family), ("redemptions", life.family), ("push_devices", life.family)),
        *(("performances", life.post_id), ("notices", "bounced"), ("reports", str(life.views))),
    ):
        assert text in texts[f"{part}.json"], part

    found = found_in(deployed, life.traces)
    for place in SEARCHED:
        assert any(each.startswith(place) for each in found), place
    for trace in life.traces:
        assert any(f": {trace} in " in each for each in found), trace
    assert [each for each in found if each.startswith(("WebhooksTable", "AuditTable", "/"))] == []
    with deployed.clock_stopped(ERASER), deployed.queueing_paused():
        under_way = life.sender.perform(life.waiting)
        begun = vic.post("/me/erasure")
        assert (begun.status, begun.body["status"]) == (202, "erasing")
        assert vic.get("/me").problem == (403, "not_a_member")
        again = boss.post(f"{path}/erasure")
        assert (again.status, again.body) == (202, begun.body)
        assert boss.get(f"{path}/erasure").body["status"] == "erasing"
        assert boss.post(f"{path}/export").problem == (409, "erasure_begun")
        office.erases(member_id)
    done = boss.post(f"{path}/erasure")
    assert (done.status, done.body["status"]) == (202, "erased")
    for url in (own, of_boss):
        assert requests.get(url, timeout=30).status_code == 404
    assert deployed.stored_performance(under_way)["state"] == "failed"
    assert "publish_id" not in deployed.stored_performance(life.performance)
    assert life.sender.tiktok.person(life.sender.name)["tokens"]["refresh_live"] == 0
    left = found_in(deployed, life.traces)
    assert not left, "\n".join(left)
    entries = boss.get(f"{path}/points").body["items"]
    assert sum(each["points"] for each in entries) == 50
    assert boss.get(path).body["name"] == "Erased member"
    (waiting,) = boss.get("/redemptions/queue").body["items"]
    assert life.family not in str(waiting)
    for webhook in life.webhooks:
        assert boss.delete(f"/webhooks/{webhook['webhook_id']}").status == 204


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


def test_what_a_member_and_a_manager_do_at_the_moment_of_an_erasure_leaves_no_trace(
    office: Office, deployed: DeployedStack
) -> None:
    """Two erasures, a removal, an exit, copies, changes and a link that switches mails off."""
    family = f"Racer{secrets.token_hex(5)}"
    zoe, member_id = office.joins(f"zoe.{family.lower()}")
    box = deployed.container().unsubscribing
    link = urlsplit(box.url(Unsubscription(office.program_id, member_id, "all"))).query
    token = link.removeprefix("token=")
    boss, path = office.boss, f"/members/{member_id}"
    asked: list[Callable[[], Any]] = [
        lambda: zoe.patch("/me", {"name": f"Zoe {family}", "alias": family}),
        lambda: zoe.post("/me/export"),
        lambda: boss.post(f"{path}/export"),
        lambda: zoe.call("PATCH", "/me/notifications", json={"hour": 7}),
        lambda: zoe.post("/me/erasure"),
        lambda: boss.post(f"{path}/erasure"),
        lambda: boss.post(f"{path}/points", {"amount": 5, "reason": f"For {family}"}, new_key()),
        lambda: boss.patch(path, {"role": "manager"}),
        lambda: boss.call("POST", "/notifications/unsubscribe", token=token),
        lambda: boss.delete(path),
        lambda: zoe.delete("/me"),
        lambda: boss.post(f"{path}/erasure"),
    ]
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = list(pool.map(lambda ask: ask(), asked))
    assert all(each.status < 500 for each in answers), answers
    assert boss.post(f"{path}/erasure").status == 202
    office.erases(member_id)
    pressed = boss.call("POST", "/notifications/unsubscribe", token=token)
    assert (pressed.status, pressed.body) == (200, {"unsubscribed": True})
    left = found_in(deployed, (family, family.lower()))
    assert not left, "\n".join(left)
