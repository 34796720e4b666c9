"""Members with a TikTok account of their own each, and TikTok's side of what they do."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from tests.e2e.deployed_stack import DeployedStack, add_person
from tests.e2e.people import TIMEOUT_SECONDS, Answer, Api, Secret, Witness
from tests.e2e.waiting import wait_for

SCOPES = "user.info.basic,video.upload"


@dataclass(frozen=True)
class TikTok:
    """The sandbox: TikTok's pages for people, and what it can be told and asked in tests."""

    url: str

    def record(self) -> Any:
        return requests.get(f"{self.url}/_sandbox/record", timeout=TIMEOUT_SECONDS).json()

    def person(self, name: str) -> Any:
        return self.record()["people"][name]

    def share(self, publish_id: str) -> Any:
        return self.record()["shares"][publish_id]

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Make these faults from now on; none: work as it should."""
        answer = requests.post(
            f"{self.url}/_sandbox/faults", json={"rules": rules}, timeout=TIMEOUT_SECONDS
        )
        assert answer.ok, answer.text

    def consent(self, authorize_url: str, person: str, **form: str) -> dict[str, str]:
        """Answer the consent page; returns what the browser brings back to the callback."""
        wanted = {"new_person": person, "scopes": SCOPES, "decision": "authorize"} | form
        answer = requests.post(
            authorize_url, data=wanted, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
        assert answer.status_code == 302, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))

    def press(self, person: str, what: str) -> None:
        """Press a button on a person's page: `<publish id>/post`, or `remove-access`."""
        answer = requests.post(
            f"{self.url}/inbox/{person}/{what}", timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
        assert answer.status_code < 400, answer.text


TICKED = {"acknowledged_disclosure": "1.your_brand"}
"""What a member ticks before they send an activity that asks for nothing else."""


@dataclass
class Sender:
    """A member who sends videos to TikTok, and who they are there."""

    api: Api
    tiktok: TikTok
    name: str = field(default_factory=lambda: f"Person{secrets.token_hex(4)}")

    @cached_property
    def member_id(self) -> str:
        return str(self.api.get("/me").body["member_id"])

    def begin(self, answer: Answer) -> tuple[str, str]:
        """Take address and cookie of a consent out of an answer; both are secrets."""
        url = str(answer.body["authorize_url"])
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        state = dict(parse_qsl(urlsplit(url).query))["state"]
        self.api.witness.secrets.add(Secret("TikTok state", state))
        self.api.witness.secrets.add(Secret("consent cookie", cookie.partition("=")[2]))
        return url, cookie

    def come_back(self, cookie: str | None, brought: Mapping[str, str], **headers: str) -> Answer:
        """What the browser does when TikTok leads it back."""
        if "code" in brought:
            self.api.witness.secrets.add(Secret("TikTok code", brought["code"]))
        sent = headers | ({"Cookie": cookie} if cookie else {})
        nobody, query = self.api.with_token(None), dict[str, Any](brought)
        return nobody.call("GET", "/tiktok/callback", headers=sent, **query)

    def connect(self) -> Answer:
        url, cookie = self.begin(self.api.post("/tiktok/connect"))
        answer = self.come_back(cookie, self.tiktok.consent(url, self.name))
        assert answer.status == 200, answer.body
        return answer

    def connected(self) -> "Sender":
        self.connect()
        return self

    def perform(self, activity_id: str) -> str:
        answer = self.api.post(f"/activities/{activity_id}/perform", TICKED)
        assert answer.status == 202, answer.body
        return str(answer.body["performance_id"])

    def performance(self, performance_id: str) -> Any:
        answer = self.api.get(f"/performances/{performance_id}")
        assert answer.status == 200, answer.body
        return answer.body

    def reaches(self, performance_id: str, *statuses: str) -> Any:
        """Wait until a performance has one of these statuses."""

        def there() -> Any:
            seen = self.performance(performance_id)
            return seen if seen["status"] in statuses else None

        return wait_for(f"{performance_id} being {' or '.join(statuses)}", there)

    def points(self) -> tuple[int, int]:
        points = self.api.get("/me").body["points"]
        return points["balance"], points["earned"]


@dataclass
class TikTokMembers:
    """A program with as many members as are asked for, each new."""

    program_id: str
    manager: Api
    waiting: list[Sender]

    def one(self) -> Sender:
        """A member nobody has met yet."""
        assert self.waiting, "Invite a larger tiktok_members."
        return self.waiting.pop()

    def activity(self, upload_id: str, **more: Any) -> str:
        return str(self.manager.create(upload_id, **{"points": 10, **more})["activity_id"])


def gather(deployed: DeployedStack, witness: Witness, count: int) -> TikTokMembers:
    """Make a program by the owner's command and let its people sign in."""
    plain = f"tiktok-members-{secrets.token_hex(4)}"
    emails = [f"{who}@{plain}.example" for who in ("manager", *(f"m{n}" for n in range(count)))]
    members = [word for email in emails[1:] for word in ("--member", email)]
    ran = deployed.command(
        *("program", "create", "--name", plain, "--manager", emails[0]), *members
    )
    assert ran.exit_code == 0, ran.output
    program_id = str(json.loads(ran.stdout)["program_id"])
    tiktok = TikTok(str(deployed.stack.tiktok_url))
    people = [
        Api.of(deployed.stack, witness, add_person(deployed, email, program_id)) for email in emails
    ]
    return TikTokMembers(program_id, people[0], [Sender(api, tiktok) for api in people[1:]])


def once(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that comes about by itself."""
    wait_for(what, lambda: condition() or None)
