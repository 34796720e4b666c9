"""Two managers at once: a change made on a stale version is refused by every route, and writes
nothing; without a version it is made on whatever there is now.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.integration.greenroom import Greenroom
from tests.integration.in_process_api import InProcessApi

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi.json").read_text())
OWN = {"/me", "/me/notifications"}
"""One person's own fields: their last word holds, whichever of their tabs it comes from."""
REQUIRED = {"/activities/{activity_id}", "/rewards/{reward_id}", "/webhooks/{webhook_id}"}
"""Routes whose clients always had to say which version they saw."""
CHANGES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "/program": ({"disclosure": "#ad"}, {"name": "Renamed"}),
    "/members/{member_id}": ({"role": "manager"}, {"role": "member"}),
    "/channels/{channel_id}": ({"name": "Sales"}, {"archived": True}),
    "/campaigns/{campaign_id}": ({"name": "Spring"}, {"archived": True}),
    "/activities/{activity_id}": ({"points": 7}, {"instructions": "Share it."}),
    "/rewards/{reward_id}": ({"price": 7}, {"title": "Cup"}),
    "/webhooks/{webhook_id}": ({"name": "Theirs"}, {"language": "de"}),
}
WRITES = {"PutItem", "UpdateItem", "TransactWriteItems"}
ITEMS = {
    "/program": "program",
    "/members/{member_id}": "member#",
    "/channels/{channel_id}": "channel#",
    "/campaigns/{campaign_id}": "campaign#",
}


class Meeting:
    """Two managers who look at one thing."""

    def __init__(self, greenroom: Greenroom, api: InProcessApi, route: str, dynamodb: Any) -> None:
        self._greenroom, self._api, self._dynamodb = greenroom, api, dynamodb
        self._manager, self._item = greenroom.manager, ITEMS.get(route)
        made = {
            "/channels/{channel_id}": ("/channels", {"name": "Room", "kind": "public"}),
            "/campaigns/{campaign_id}": ("/campaigns", {"name": "Autumn"}),
            "/rewards/{reward_id}": ("/rewards", {"title": "Mug", "price": 1}),
            "/webhooks/{webhook_id}": (
                "/webhooks",
                {"name": "Ours", "url": "https://hooks.example/x"},
            ),
            "/members/{member_id}": ("/members", {"email": "dee@demo.example"}),
        }
        name = route.partition("{")[2].rstrip("}")
        thing_id = ""
        if name == "activity_id":
            thing_id = greenroom.activity().activity_id
        elif route in made:
            status, answer = api.call(self._manager, "POST", *made[route])
            assert status == 201, answer
            thing_id = answer[name]
        self._name, self._thing_id = name, thing_id
        self.path = route.format(**{name: thing_id}) if name else route
        self._lists = "GET" not in {each.upper() for each in DOCUMENT["paths"][route]}

    def change(self, body: Mapping[str, Any]) -> tuple[int, Any]:
        return self._api.call(self._manager, "PATCH", self.path, body)

    def now(self) -> dict[str, Any]:
        path = self.path.rpartition("/")[0] if self._lists else self.path
        status, found = self._api.call(self._manager, "GET", path)
        assert status == 200
        if self._lists:
            (found,) = (each for each in found["items"] if each[self._name] == self._thing_id)
        return {name: each for name, each in found.items() if not name.endswith("_url")}

    def entries(self) -> list[dict[str, Any]]:
        status, found = self._api.call(self._manager, "GET", "/audit", limit="100")
        assert status == 200
        entries: list[dict[str, Any]] = found["items"]
        return entries

    def stored(self) -> dict[str, Any]:
        """Return the thing's item, as the table has it."""
        found: list[dict[str, Any]] = self._dynamodb.scan(TableName="ProgramsTable")["Items"]
        wanted = f"{self._item}{self._thing_id}"
        (item,) = (each for each in found if each["item"]["S"] == wanted)
        return item


Meet = Callable[[str], Meeting]


@pytest.fixture
def meet(
    tables_in_memory: None, greenroom: Greenroom, monkeypatch: pytest.MonkeyPatch, dynamodb: Any
) -> Meet:
    api = InProcessApi(greenroom, monkeypatch)
    return lambda route: Meeting(greenroom, api, route, dynamodb)


def test_every_route_that_changes_what_managers_share_takes_a_version() -> None:
    patched = {path for path, methods in DOCUMENT["paths"].items() if "patch" in methods}
    assert patched == CHANGES.keys() | OWN
    for path in CHANGES:
        (content,) = DOCUMENT["paths"][path]["patch"]["requestBody"]["content"].values()
        schema = DOCUMENT["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
        assert "version" in schema["properties"], path
        assert ("version" in schema.get("required", ())) is (path in REQUIRED)


@pytest.mark.parametrize("route", CHANGES)
def test_a_change_on_a_stale_version_is_refused_and_changes_nothing(meet: Meet, route: str) -> None:
    meeting, (first, second) = meet(route), CHANGES[route]
    seen = meeting.now()["version"]
    status, changed = meeting.change({**first, "version": seen})
    assert (status, changed["version"]) == (200, seen + 1)
    before, entries = meeting.now(), meeting.entries()
    assert before["version"] == seen + 1
    status, problem = meeting.change({**second, "version": seen})
    assert (status, problem["code"]) == (409, "changed_meanwhile")
    assert problem["version"] == seen + 1
    assert problem["detail"].startswith("Somebody else has changed th")
    assert meeting.now() == before
    assert meeting.entries() == entries
    status, changed = meeting.change({**second, "version": problem["version"]})
    assert (status, changed["version"]) == (200, seen + 2)


@pytest.mark.parametrize("route", sorted(CHANGES.keys() - REQUIRED))
def test_a_change_without_a_version_is_made_on_what_there_is_now(meet: Meet, route: str) -> None:
    meeting, (first, second) = meet(route), CHANGES[route]
    for number, (said, wanted) in enumerate(((first, {}), (second, {"version": None})), 2):
        status, changed = meeting.change({**said, **wanted})
        assert (status, changed["version"]) == (200, number)
        assert said.items() <= changed.items()


@pytest.mark.parametrize("route", sorted(CHANGES.keys() - {"/webhooks/{webhook_id}"}))
def test_a_change_of_nothing_keeps_the_version_and_is_refused_on_a_stale_one(
    meet: Meet, route: str
) -> None:
    meeting, (first, _) = meet(route), CHANGES[route]
    assert meeting.change({**first, "version": 1})[1]["version"] == 2
    entries = meeting.entries()
    status, same = meeting.change({**first, "version": 2})
    assert (status, same["version"]) == (200, 2)
    assert meeting.change({**first, "version": 1})[0] == 409
    assert meeting.entries() == entries


@pytest.mark.parametrize("route", CHANGES)
def test_of_two_who_write_on_the_same_version_one_succeeds(
    meet: Meet, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    """The second one's change comes between the reading and the writing of the first."""
    meeting, (first, second) = meet(route), CHANGES[route]
    if route == "/members/{member_id}":
        second = first  # a member can become nothing but a manager: both promote them
    between: list[Mapping[str, Any]] = [{**second, "version": 1}]
    answers: list[tuple[int, Any]] = []
    make = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001  where all clients' calls pass

    def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in WRITES:
            while between:
                answers.append(meeting.change(between.pop()))
        return make(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    status, problem = meeting.change({**first, "version": 1})
    monkeypatch.setattr(BaseClient, "_make_api_call", make)
    (won,) = answers
    assert won[0] == 200
    assert (status, problem["code"], problem["version"]) == (409, "changed_meanwhile", 2)
    now = meeting.now()
    assert now["version"] == 2
    assert second.items() <= now.items()


@pytest.mark.parametrize("route", ITEMS)
def test_an_item_of_before_there_were_versions_has_the_first(meet: Meet, route: str) -> None:
    meeting, (first, second) = meet(route), CHANGES[route]
    assert "version" not in meeting.stored()
    assert meeting.now()["version"] == 1
    assert meeting.change({**first, "version": 1})[0] == 200
    assert meeting.stored()["version"] == {"N": "2"}
    assert meeting.change({**second, "version": 1})[0] == 409


def test_a_role_changed_there_and_back_is_another_version(meet: Meet) -> None:
    meeting = meet("/members/{member_id}")
    for role in ("manager", "member"):
        assert meeting.change({"role": role})[0] == 200
    status, problem = meeting.change({"role": "manager", "version": 1})
    assert (status, problem["version"]) == (409, 3)


def test_what_a_member_changes_of_themselves_makes_no_manager_look_again(
    meet: Meet, greenroom: Greenroom
) -> None:
    container, ben = greenroom.container, greenroom.member("ben")
    container.programs.change_profile(ben, name="Benno", time_zone="Asia/Tokyo")
    promoted = container.members.change_role(
        greenroom.manager, ben.member_id, greenroom.manager.role, version=1
    )
    assert (promoted.name, promoted.version) == ("Benno", 2)


def test_a_member_who_was_removed_and_is_back_is_another_version(
    meet: Meet, greenroom: Greenroom
) -> None:
    container, ben = greenroom.container, greenroom.member("ben")
    container.members.remove(greenroom.manager, ben.member_id)
    back = container.members.invite(greenroom.manager, ben.email, None, ben.role)
    assert back.version == 3
    assert container.members.member(greenroom.manager, ben.member_id).version == 3
