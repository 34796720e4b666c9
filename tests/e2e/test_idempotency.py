"""`Idempotency-Key`: asking twice makes one thing, whatever happens in between."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.deployed_stack import DeployedStack, Program
from tests.e2e.people import Api, new_key

AT_ONCE = 8
ROUTES = ("/uploads", "/activities")


@pytest.fixture
def wanted(valid_upload: str) -> dict[str, dict[str, Any]]:
    """A good body for each creating route."""
    return {
        "/uploads": {"content_type": "video/mp4"},
        "/activities": {"upload_id": valid_upload, "points": 3},
    }


def id_of(body: Any) -> str:
    return str(body.get("activity_id") or body["upload_id"])


def count(deployed: DeployedStack, path: str) -> int:
    """Count uploads or activities, without what else lies in their table."""
    items = deployed.items("UploadsTable" if path == "/uploads" else "ActivitiesTable")
    return sum("state" in each for each in items)


@pytest.mark.parametrize("path", ROUTES)
def test_the_same_request_again_gets_the_first_answer_to_the_byte_and_makes_nothing(
    manager: Api, deployed: DeployedStack, wanted: dict[str, Any], path: str
) -> None:
    key = new_key()
    first = manager.post(path, wanted[path], key)
    assert first.status == 201
    made = count(deployed, path)
    for _ in range(3):
        again = manager.post(path, wanted[path], key)
        assert (again.status, again.raw) == (201, first.raw)
        assert again.headers["Idempotency-Replayed"] == "true"
    assert count(deployed, path) == made


@pytest.mark.parametrize("path", ROUTES)
def test_the_same_key_with_another_body_is_refused_and_changes_nothing(
    manager: Api, deployed: DeployedStack, wanted: dict[str, Any], path: str
) -> None:
    key = new_key()
    first = manager.post(path, wanted[path], key)
    other = wanted[path] | ({"content_type": "video/webm"} if path == "/uploads" else {"points": 4})
    answer = deployed.unchanged_by(lambda: manager.post(path, other, key))
    assert answer.problem == (422, "idempotency_key_reused")
    assert manager.post(path, wanted[path], key).raw == first.raw


def test_the_same_key_on_another_route_is_refused(manager: Api, wanted: dict[str, Any]) -> None:
    key = new_key()
    assert manager.post("/uploads", wanted["/uploads"], key).status == 201
    refused = manager.post("/activities", wanted["/activities"], key)
    assert refused.problem == (422, "idempotency_key_reused")


def test_a_key_belongs_to_the_one_who_sent_it(manager: Api, berlin: Program) -> None:
    key, body = new_key(), {"content_type": "video/mp4"}
    mine, theirs = (each.post("/uploads", body, key) for each in (manager, berlin.manager))
    assert mine.status == theirs.status == 201
    assert id_of(mine.body) != id_of(theirs.body)
    assert "Idempotency-Replayed" not in theirs.headers


@pytest.mark.parametrize("path", ROUTES)
def test_many_same_requests_at_once_make_exactly_one(
    manager: Api, deployed: DeployedStack, wanted: dict[str, Any], path: str
) -> None:
    key, before = new_key(), count(deployed, path)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda _: manager.post(path, wanted[path], key), range(AT_ONCE)))
    assert {each.problem for each in answers} <= {(201, None), (409, "request_in_progress")}
    made = {id_of(each.body) for each in answers if each.status == 201}
    assert len(made) == 1
    assert count(deployed, path) == before + 1
    assert id_of(manager.post(path, wanted[path], key).body) in made


@pytest.mark.parametrize("path", ROUTES)
def test_a_request_whose_first_try_is_under_way_waits_and_after_a_crash_makes_the_same_thing(
    manager: Api, deployed: DeployedStack, wanted: dict[str, Any], path: str
) -> None:
    """The stored record is taken back to what it is between the beginning and the answer."""
    key = new_key()
    made = id_of(manager.post(path, wanted[path], key).body)
    total = count(deployed, path)

    deployed.unfinish(made, locked_until=int(time.time()) + 30)
    assert manager.post(path, wanted[path], key).problem == (409, "request_in_progress")

    deployed.unfinish(made, locked_until=0)
    again = manager.post(path, wanted[path], key)
    assert (again.status, id_of(again.body)) == (201, made)
    assert count(deployed, path) == total
    assert manager.post(path, wanted[path], key).headers["Idempotency-Replayed"] == "true"


def test_a_refused_request_lets_its_key_go(manager: Api, valid_upload: str) -> None:
    key = new_key()
    refused = manager.post("/activities", {"upload_id": "upl_unknown"}, key)
    assert refused.problem == (404, "not_found")
    assert manager.post("/activities", {"upload_id": valid_upload}, key).status == 201
