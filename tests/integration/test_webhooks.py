"""Webhooks: each event reaches each receiver, whatever is doubled, reordered, lost or down."""

import base64
import hashlib
import hmac
import itertools
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.audit.model import EntryFilter, Kind
from chalicelib.foundation.events import Change, Payload
from chalicelib.foundation.identity import Role
from chalicelib.foundation.outcomes import DeliveryResult
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.reports import worker as reports_worker
from chalicelib.webhooks import service as webhook_service
from chalicelib.webhooks import worker
from chalicelib.webhooks.events import WebhookDisabled, WebhookRecovered
from chalicelib.webhooks.model import (
    DISABLED_AFTER,
    MAX_TRIES,
    MAX_WEBHOOKS,
    RETRY_WAITS,
    SECRET_OVERLAP,
    DeliveryState,
    Format,
    Webhook,
    WebhookState,
)
from chalicelib.webhooks.queue import DeliveryTrigger
from chalicelib.webhooks.service import (
    BACKOFFS,
    LEASE_DURATION,
    MAX_CONCURRENT,
    RECHECK_DELAY,
    TURN_DURATION,
)
from chalicelib.webhooks.store import RunItem
from tests.events import queued
from tests.integration.conftest import Calls
from tests.integration.greenroom import CONTEXT, Greenroom
from tests.integration.webhook_services import FAILS, OK, TIMES_OUT, URL, WebhookServices


@pytest.fixture
def hooks(greenroom: Greenroom) -> WebhookServices:
    return WebhookServices(greenroom)


def refused(call: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as raised:
        call()
    return raised.value


# Managing them


def test_a_webhook_shows_no_secret_and_not_its_whole_address(hooks: WebhookServices) -> None:
    made = hooks.create()
    assert hooks.service.webhooks(hooks.manager) == [made]
    assert hooks.service.webhook(hooks.manager, made.webhook_id) == made
    assert made.shown_url == "https://hooks.example/…1234"
    assert URL.encode() not in made.sealed
    assert "greenroom" not in repr(made)


def test_a_retried_request_finds_the_webhook_it_made(hooks: WebhookServices) -> None:
    first = hooks.create(made_id="01hzzzzzzzzzzzzzzzzzzzzzzz")
    assert hooks.create(made_id="01hzzzzzzzzzzzzzzzzzzzzzzz") == first
    assert len(hooks.service.webhooks(hooks.manager)) == 1


def test_a_program_has_so_many_webhooks_and_a_removed_one_makes_room(
    hooks: WebhookServices,
) -> None:
    made = [hooks.create(name=str(number)) for number in range(MAX_WEBHOOKS)]
    problem = refused(hooks.create)
    assert (problem.code, problem.members["limit"]) == (ProblemCode.LIMIT_REACHED, MAX_WEBHOOKS)
    hooks.service.remove(hooks.manager, made[0].webhook_id)
    hooks.create()


def test_a_webhook_of_another_program_is_not_there(
    hooks: WebhookServices, greenroom: Greenroom
) -> None:
    webhook = hooks.create()
    greenroom.container.programs.create_program("Other", "UTC", "eva@other.example")
    stranger, service = greenroom.sign_in("eva@other.example"), hooks.service
    tries: list[Callable[[], object]] = [
        lambda: service.webhook(stranger, webhook.webhook_id),
        lambda: service.change(stranger, webhook.webhook_id, 1, name="Mine"),
        lambda: service.remove(stranger, webhook.webhook_id),
        lambda: service.rotate_secret(stranger, webhook.webhook_id),
        lambda: service.test(stranger, webhook.webhook_id),
        lambda: service.deliveries(stranger, webhook.webhook_id, 10, None),
    ]
    assert {refused(each).code for each in tries} == {ProblemCode.NOT_FOUND}
    assert service.webhooks(stranger) == []
    assert service.webhook(hooks.manager, webhook.webhook_id) == webhook
    hooks.publish_events(program_id=stranger.program_id)
    assert hooks.run_deliveries() == 0


def test_a_change_is_made_to_the_version_that_was_seen(hooks: WebhookServices) -> None:
    made = hooks.create()
    changed = hooks.service.change(hooks.manager, made.webhook_id, 1, name="Theirs")
    assert (changed.name, changed.version, changed.shown_url) == ("Theirs", 2, made.shown_url)
    problem = refused(lambda: hooks.service.change(hooks.manager, made.webhook_id, 1, name="x"))
    assert problem.code is ProblemCode.CHANGED_MEANWHILE


@pytest.mark.parametrize(
    "url", ["http://hooks.example/", "https://localhost/", "https://console.example/"]
)
def test_an_address_that_may_not_be_is_a_problem_of_its_field(
    hooks: WebhookServices, url: str
) -> None:
    made = hooks.create()
    for call in (
        lambda: hooks.create(url=url),
        lambda: hooks.service.change(hooks.manager, made.webhook_id, 1, url=url),
    ):
        problem = refused(call)
        assert problem.code is ProblemCode.INVALID_REQUEST
        assert [each.field for each in problem.errors] == ["url"]


# Delivering


def verified(secret: str, headers: Any, body: bytes) -> bool:
    """Check a signature as docs/events.md tells receivers to."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    given = [each.removeprefix("v1,") for each in headers["webhook-signature"].split(" ")]
    return any(hmac.compare_digest(each, expected) for each in given)


def test_an_event_reaches_a_receiver_signed_and_as_it_is_on_the_bus(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    _, secrets = hooks.service.rotate_secret(hooks.manager, webhook.webhook_id)
    (event,) = hooks.publish_events()
    assert hooks.run_deliveries() == 1
    ((url, headers, body),) = hooks.receiver.got
    assert (url, json.loads(body), headers["webhook-id"]) == (URL, event, event["id"])
    assert verified(secrets.current, headers, body)
    assert not verified("whsec_" + base64.b64encode(b"x" * 32).decode(), headers, body)
    (delivery,) = hooks.log(webhook)
    assert (delivery.state, delivery.tries, delivery.status) == (DeliveryState.DELIVERED, 1, 200)


def test_for_a_day_after_a_change_both_secrets_verify(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    _, first = hooks.service.rotate_secret(hooks.manager, webhook.webhook_id)
    _, second = hooks.service.rotate_secret(hooks.manager, webhook.webhook_id)
    for advance, both in ((timedelta(0), True), (SECRET_OVERLAP, False)):
        hooks.clock.advance(advance)
        hooks.publish_events()
        hooks.run_deliveries()
        _, headers, body = hooks.receiver.got[-1]
        assert verified(second.current, headers, body)
        assert verified(first.current, headers, body) is both


def test_events_doubled_and_reordered_are_delivered_once_each(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    events = [hooks.event() for _ in range(12)]
    shuffled = [*events, *events, *events[:5]]
    random.Random(7).shuffle(shuffled)
    for start in range(0, len(shuffled), 4):
        hooks.fan_out.deliver(shuffled[start : start + 4])
        hooks.run_deliveries()
    hooks.fan_out.deliver(events)
    hooks.run_deliveries()
    assert sorted(hooks.receiver.ids) == sorted(each["id"] for each in events)
    assert {each.state for each in hooks.log(webhook)} == {DeliveryState.DELIVERED}


def test_only_what_was_asked_for_is_delivered_to_each(hooks: WebhookServices) -> None:
    joined = hooks.create(types={"member.joined"}, url="https://a.example/")
    left = hooks.create(types={"member.left"}, url="https://b.example/")
    every = hooks.create(url="https://c.example/")
    hooks.publish_events()
    hooks.run_deliveries()
    assert sorted(url for url, _, _ in hooks.receiver.got) == [
        "https://a.example/",
        "https://c.example/",
    ]
    assert [len(hooks.log(each)) for each in (joined, left, every)] == [1, 0, 1]


def test_a_failed_delivery_is_tried_again_for_a_day_and_then_given_up(
    hooks: WebhookServices,
) -> None:
    webhook = hooks.create()
    hooks.receiver.always = FAILS
    hooks.publish_events()
    hooks.run_deliveries()
    began = hooks.clock.now()
    for _ in range(300):
        (delivery,) = hooks.log(webhook)
        if delivery.state is not DeliveryState.WAITING:
            break
        hooks.clock.advance(timedelta(minutes=10))
        hooks.run_schedule()
    assert (delivery.state, delivery.tries, delivery.status) == (
        DeliveryState.FAILED,
        MAX_TRIES,
        500,
    )
    assert len(hooks.receiver.got) == MAX_TRIES
    took = hooks.clock.now() - began
    assert (
        sum(RETRY_WAITS, timedelta()) <= took < sum(RETRY_WAITS, timedelta()) + timedelta(hours=2)
    )
    hooks.clock.advance(timedelta(days=1))
    assert hooks.run_schedule() == 0
    assert len(hooks.receiver.got) == MAX_TRIES


def test_a_receiver_that_comes_back_gets_all_that_waited(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    hooks.receiver.always = TIMES_OUT
    hooks.publish_events(20)
    hooks.run_deliveries()
    assert len(hooks.receiver.got) == MAX_CONCURRENT  # then it is left alone
    assert hooks.service.webhook(hooks.manager, webhook.webhook_id).failing_since
    hooks.receiver.always = OK
    for _ in range(10):
        hooks.clock.advance(timedelta(minutes=1))
        hooks.run_schedule()
    assert [each.state for each in hooks.log(webhook)] == [DeliveryState.DELIVERED] * 20
    assert hooks.service.webhook(hooks.manager, webhook.webhook_id).failing_since is None


def test_a_receiver_that_fails_is_left_alone_longer_and_longer(hooks: WebhookServices) -> None:
    hooks.create()
    hooks.receiver.always = TIMES_OUT
    hooks.publish_events(30)
    hooks.run_deliveries()
    turns = []
    for minute in range(48):
        before = len(hooks.receiver.got)
        if minute % 8 == 0:
            hooks.publish_events()
        hooks.run_schedule()
        if len(hooks.receiver.got) > before:
            turns.append(minute)
        hooks.clock.advance(timedelta(minutes=1))
    longest = BACKOFFS[-1] // timedelta(minutes=1)
    gaps = [later - sooner for sooner, later in itertools.pairwise(turns)]
    assert max(gaps) <= longest + 3
    assert gaps[-1] >= longest
    assert len(hooks.receiver.got) <= (len(turns) + 1) * MAX_CONCURRENT


def test_days_without_anything_that_got_through_disable_a_webhook(
    hooks: WebhookServices, greenroom: Greenroom
) -> None:
    webhook = hooks.create()
    hooks.receiver.always = FAILS
    until = hooks.clock.now() + DISABLED_AFTER + timedelta(hours=2)
    while hooks.clock.now() < until:
        hooks.publish_events()
        hooks.run_schedule()
        hooks.clock.advance(timedelta(hours=1))
    hooks.run_schedule()
    found = hooks.service.webhook(hooks.manager, webhook.webhook_id)
    assert (found.state, bool(found.disabled_at)) == (WebhookState.DISABLED, True)
    disabled = EntryFilter(kind=Kind.WEBHOOK_DISABLED)
    (entry,) = greenroom.container.audit.entries(hooks.manager, disabled, 9, None).items
    assert (entry.thing, entry.before) == (webhook.webhook_id, {"state": "active"})
    assert entry.after["state"] == "disabled"
    tried = len(hooks.receiver.got)
    hooks.publish_events()
    hooks.clock.advance(timedelta(hours=1))
    hooks.run_schedule()
    hooks.clock.advance(timedelta(hours=1))
    hooks.run_schedule()
    assert len(hooks.receiver.got) == tried
    assert {each.state for each in hooks.log(webhook)} == {DeliveryState.FAILED}

    hooks.receiver.always = OK
    again = hooks.service.change(
        hooks.manager, webhook.webhook_id, found.version, state=WebhookState.ACTIVE
    )
    assert (again.state, again.failing_since, again.disabled_at) == (
        WebhookState.ACTIVE,
        None,
        None,
    )
    hooks.publish_events()
    assert hooks.run_deliveries() == 1


def test_a_webhook_is_disabled_only_by_a_delivery_that_was_given_up(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    hooks.receiver.always = FAILS
    hooks.publish_events()
    while hooks.log(webhook)[0].state is DeliveryState.WAITING:
        hooks.run_schedule()
        hooks.clock.advance(timedelta(hours=1))
    assert len(hooks.receiver.got) == MAX_TRIES
    hooks.clock.advance(DISABLED_AFTER)
    hooks.publish_events()
    tries = 0
    while hooks.log(webhook)[0].state is DeliveryState.WAITING:
        assert hooks.service.webhook(hooks.manager, webhook.webhook_id).state is WebhookState.ACTIVE
        hooks.run_schedule()
        tries = hooks.log(webhook)[0].tries
        hooks.clock.advance(timedelta(hours=1))
    assert tries == MAX_TRIES
    found = hooks.service.webhook(hooks.manager, webhook.webhook_id)
    assert found.state is WebhookState.DISABLED


def test_no_batch_without_a_given_up_delivery_disables_whatever_else_is_in_it(
    hooks: WebhookServices,
) -> None:
    """One that gets through beside a given-up one keeps the webhook, too."""
    webhook = hooks.create()
    hooks.receiver.always = FAILS
    hooks.publish_events()
    hooks.run_deliveries()
    hooks.clock.advance(DISABLED_AFTER)
    hooks.publish_events(MAX_CONCURRENT - 1)
    hooks.service.test(hooks.manager, webhook.webhook_id)
    hooks.run_deliveries()
    found = hooks.service.webhook(hooks.manager, webhook.webhook_id)
    assert found.state is WebhookState.ACTIVE
    waiting = [each for each in hooks.log(webhook) if not each.is_test]
    assert {each.state for each in waiting} == {DeliveryState.WAITING}


def test_test_events_that_fail_neither_begin_days_of_failing_nor_end_them(
    hooks: WebhookServices,
) -> None:
    webhook = hooks.create()
    hooks.receiver.always = FAILS

    def tested() -> Webhook:
        hooks.service.test(hooks.manager, webhook.webhook_id)
        hooks.run_deliveries()
        return hooks.service.webhook(hooks.manager, webhook.webhook_id)

    assert tested().failing_since is None
    hooks.clock.advance(timedelta(minutes=2))
    hooks.publish_events()
    hooks.run_deliveries()
    began = hooks.clock.now()
    hooks.clock.advance(DISABLED_AFTER)
    found = tested()
    assert (found.state, found.failing_since) == (WebhookState.ACTIVE, began)
    hooks.receiver.always = OK
    assert tested().failing_since is None


def test_a_disabled_webhook_is_on_the_worklist_until_it_is_mended(hooks: WebhookServices) -> None:
    webhook, container = hooks.create(), hooks.container
    failing = replace(webhook, failing_since=hooks.clock.now() - DISABLED_AFTER)
    assert hooks.store.disable(failing, hooks.clock.now())
    program_id, webhook_id = webhook.program_id, webhook.webhook_id

    def counts(payload: Payload) -> list[tuple[str, str | None, str]]:
        event = Change(payload.TYPE, hooks.clock.now(), {}, {}).event(program_id, payload)
        answer = reports_worker.count_events(container.event_counters, queued(event, event))
        assert answer == {"batchItemFailures": []}
        found = container.worklist.worklist(hooks.manager).items
        return [(each.code, each.thing_id, each.title) for each in found]

    disabled = ("webhook_disabled", webhook_id, "Ours")
    assert disabled in counts(WebhookDisabled(webhook_id))
    assert disabled in counts(WebhookRecovered(webhook_id))  # it came late: it is disabled still
    hooks.service.change(hooks.manager, webhook_id, 2, state=WebhookState.ACTIVE)
    assert disabled not in counts(WebhookRecovered(webhook_id))
    assert disabled not in counts(WebhookDisabled(webhook_id))


def test_a_success_forgets_that_a_webhook_failed(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    for _ in range(5):
        hooks.receiver.answers = [FAILS]
        hooks.publish_events()
        hooks.run_schedule()
        hooks.clock.advance(timedelta(days=1))
        hooks.run_schedule()
    found = hooks.service.webhook(hooks.manager, webhook.webhook_id)
    assert (found.state, found.failing_since) == (WebhookState.ACTIVE, None)


def test_a_paused_webhook_is_sent_nothing_but_tests(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    hooks.publish_events()
    paused = hooks.service.change(hooks.manager, webhook.webhook_id, 1, state=WebhookState.PAUSED)
    hooks.run_deliveries()
    hooks.publish_events()
    hooks.run_deliveries()
    assert hooks.receiver.got == []
    (dropped,) = hooks.log(webhook)
    assert (dropped.state, dropped.error) == (DeliveryState.FAILED, "webhook_paused")
    hooks.service.test(hooks.manager, paused.webhook_id)
    assert hooks.run_deliveries() == 1


def test_a_test_event_is_tried_once_also_at_a_receiver_that_is_left_alone(
    hooks: WebhookServices,
) -> None:
    webhook = hooks.create()
    hooks.receiver.always = TIMES_OUT
    hooks.publish_events()
    hooks.run_deliveries()
    asked = hooks.service.test(hooks.manager, webhook.webhook_id)
    hooks.run_deliveries()
    newest = next(each for each in hooks.log(webhook) if each.is_test)
    assert (newest.event_id, newest.state) == (asked.event_id, DeliveryState.FAILED)
    assert (newest.error, newest.tries) == ("timeout", 1)
    body = json.loads(next(body for _, _, body in hooks.receiver.got if b"webhook.test" in body))
    assert body["data"] == {"webhook_id": webhook.webhook_id}


def test_test_events_are_limited_by_the_minute(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    for _ in range(webhook_service.MAX_TESTS_PER_MINUTE):
        hooks.service.test(hooks.manager, webhook.webhook_id)
    problem = refused(lambda: hooks.service.test(hooks.manager, webhook.webhook_id))
    assert problem.code is ProblemCode.TOO_MANY_REQUESTS
    hooks.clock.advance(timedelta(minutes=1, seconds=1))
    hooks.service.test(hooks.manager, webhook.webhook_id)


def test_no_traffic_between_them_hides_test_events_from_their_limit(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    for _ in range(webhook_service.MAX_TESTS_PER_MINUTE):
        hooks.service.test(hooks.manager, webhook.webhook_id)
    hooks.clock.advance(timedelta(seconds=1))
    hooks.publish_events(4 * webhook_service.MAX_TESTS_PER_MINUTE)
    problem = refused(lambda: hooks.service.test(hooks.manager, webhook.webhook_id))
    assert problem.code is ProblemCode.TOO_MANY_REQUESTS


def test_a_test_event_that_another_overtakes_counts_too(
    hooks: WebhookServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each looks before any of the others has written, so each is at first overtaken."""
    webhook = hooks.create()
    real: Any = hooks.store.add_test
    left = iter(range(webhook_service.MAX_TESTS_PER_MINUTE))

    def overtaken(*args: Any, **named: Any) -> bool:
        if next(left, None) is not None:
            hooks.service.test(hooks.manager, webhook.webhook_id)
        return bool(real(*args, **named))

    monkeypatch.setattr(hooks.store, "add_test", overtaken)
    problem = refused(lambda: hooks.service.test(hooks.manager, webhook.webhook_id))
    assert problem.code is ProblemCode.TOO_MANY_REQUESTS
    assert len(hooks.log(webhook)) == webhook_service.MAX_TESTS_PER_MINUTE


def test_a_test_event_asked_for_while_its_webhook_is_removed_brings_nothing_back(
    hooks: WebhookServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = hooks.create()
    real: Any = hooks.store.add_test

    def meanwhile(*args: Any, **named: Any) -> bool:
        hooks.service.remove(hooks.manager, webhook.webhook_id)
        return bool(real(*args, **named))

    monkeypatch.setattr(hooks.store, "add_test", meanwhile)
    problem = refused(lambda: hooks.service.test(hooks.manager, webhook.webhook_id))
    assert problem.code is ProblemCode.NOT_FOUND
    assert hooks.service.webhooks(hooks.manager) == []


def test_a_removed_webhook_is_sent_nothing_more(hooks: WebhookServices, dynamodb: Any) -> None:
    webhook = hooks.create()
    hooks.publish_events()
    hooks.service.remove(hooks.manager, webhook.webhook_id)
    hooks.publish_events()
    hooks.run_deliveries()
    hooks.clock.advance(timedelta(hours=1))
    hooks.run_schedule()
    assert hooks.receiver.got == []
    left = dynamodb.scan(TableName="WebhooksTable")["Items"]
    assert {each["item"]["S"].partition("#")[0] for each in left} <= {"delivery", "webhooks"}
    assert refused(lambda: hooks.service.remove(hooks.manager, webhook.webhook_id)).code is (
        ProblemCode.NOT_FOUND
    )


@pytest.mark.parametrize("does", ["removes", "pauses", "moves"])
def test_a_managers_change_during_a_run_counts_from_the_next_requests(
    hooks: WebhookServices, does: str
) -> None:
    webhook, service = hooks.create(), hooks.service
    hooks.publish_events(3 * MAX_CONCURRENT)
    (trigger, *_) = hooks.take_messages(hooks.slow)

    once = iter([does])  # of five requests at once, one

    def meanwhile() -> None:
        match next(once, None):
            case "removes":
                service.remove(hooks.manager, webhook.webhook_id)
            case "pauses":
                paused = WebhookState.PAUSED
                service.change(hooks.manager, webhook.webhook_id, 1, state=paused)
            case "moves":
                service.change(hooks.manager, webhook.webhook_id, 1, url="https://new.example/")

    hooks.receiver.meanwhile = meanwhile
    hooks.deliverer.deliver(trigger, slow=True)
    hooks.clock.advance(RECHECK_DELAY)
    hooks.run_schedule()
    urls = [url for url, _, _ in hooks.receiver.got]
    assert urls[:MAX_CONCURRENT] == [URL] * MAX_CONCURRENT
    assert urls[MAX_CONCURRENT:] == (
        ["https://new.example/"] * 2 * MAX_CONCURRENT if does == "moves" else []
    )
    assert hooks.store.due_runs("0", "9999", 10) == []
    if does != "removes":
        assert DeliveryState.WAITING not in {each.state for each in hooks.log(webhook)}


def test_the_log_is_read_page_by_page_newest_first(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    for _ in range(7):
        hooks.publish_events()
        hooks.clock.advance(timedelta(seconds=1))
    seen: list[str] = []
    cursor = None
    while True:
        page = hooks.service.deliveries(hooks.manager, webhook.webhook_id, 3, cursor)
        seen += [each.event_id for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"evt_{number:032x}" for number in range(7, 0, -1)]
    other = hooks.create()
    first = hooks.service.deliveries(hooks.manager, webhook.webhook_id, 3, None)
    problem = refused(
        lambda: hooks.service.deliveries(hooks.manager, other.webhook_id, 3, first.next_cursor)
    )
    assert problem.code is ProblemCode.INVALID_CURSOR


# Lost, dead, and at once


def test_a_lost_wake_is_made_up_for_by_the_clock(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    hooks.publish_events()
    hooks.take_messages(hooks.slow)
    hooks.take_messages(hooks.quick)
    assert hooks.run_schedule() == 0  # not before it is due
    hooks.clock.advance(RECHECK_DELAY)
    assert hooks.run_schedule() == 1
    hooks.clock.advance(timedelta(hours=1))
    hooks.run_schedule()
    assert hooks.store.due_runs("0", "9999", 10) == []
    assert len(hooks.log(webhook)) == len(hooks.receiver.got) == 1


class Killed(BaseException):
    """Ends a function as Lambda does: nothing after it is run."""


def effects(hooks: WebhookServices, fails_at: int) -> Callable[[], int]:
    """Let the function die at its nth write or request; returns how many there were."""
    made = 0
    store: Any = hooks.store

    def dying(name: str) -> None:
        real = getattr(store, name)

        def call(*args: Any, **more: Any) -> Any:
            nonlocal made
            made += 1
            if made == fails_at:
                raise Killed
            answer = real(*args, **more)
            made += 1
            if made == fails_at:
                raise Killed
            return answer

        setattr(store, name, call)

    for name in (
        "add",
        "announce",
        "lease",
        "claim",
        "record",
        "record_health",
        "release_lease",
        "postpone_due_run",
    ):
        dying(name)

    def meanwhile() -> None:
        nonlocal made
        made += 1
        if made == fails_at:
            raise Killed

    hooks.receiver.meanwhile = meanwhile
    return lambda: made


def alive(hooks: WebhookServices) -> None:
    for name in (
        "add",
        "announce",
        "lease",
        "claim",
        "record",
        "note",
        "release_lease",
        "postpone_due_run",
    ):
        vars(hooks.store).pop(name, None)
    hooks.receiver.meanwhile = lambda: None


def test_killed_at_any_effect_an_event_is_delivered_all_the_same(greenroom: Greenroom) -> None:
    hooks, fails_at = WebhookServices(greenroom), 0
    webhook = hooks.create()
    while True:
        fails_at += 1
        hooks.receiver.got.clear()
        happened, made = hooks.event(), effects(hooks, fails_at)
        killed = False
        try:
            hooks.fan_out.deliver([happened])
        except Killed:
            killed = True
            alive(hooks)
            hooks.fan_out.deliver([happened])  # the queue brings the message again
        try:
            hooks.run_deliveries()
        except Killed:
            killed = True
        finally:
            alive(hooks)
        for _ in range(8):
            hooks.clock.advance(LEASE_DURATION)
            hooks.run_schedule()
        delivery = next(each for each in hooks.log(webhook) if each.event_id == happened["id"])
        assert delivery.state is DeliveryState.DELIVERED, fails_at
        # Twice only if it died between the request and the note that it was made.
        assert 1 <= len(hooks.receiver.got) <= 2
        assert set(hooks.receiver.ids) == {happened["id"]}
        hooks.clock.advance(timedelta(hours=1))
        hooks.run_schedule()
        assert hooks.store.due_runs("0", "9999", 10) == []
        if not killed:
            assert made() >= 10
            return


def test_an_event_that_comes_while_a_sender_is_about_to_leave_is_sent(
    hooks: WebhookServices,
) -> None:
    webhook = hooks.create()
    hooks.publish_events()
    (trigger,) = hooks.take_messages(hooks.slow)
    real: Any = hooks.store.release_lease
    came: list[dict[str, Any]] = []

    def release(*args: Any, **more: Any) -> bool:
        if not came:
            came.extend(hooks.publish_events())
            assert hooks.take_messages(hooks.slow) == []
            for each in hooks.take_messages(hooks.quick):
                assert hooks.deliverer.deliver(each, slow=True) == 0  # another has the lease
        return bool(real(*args, **more))

    hooks.store.release_lease = release  # type: ignore[method-assign]
    assert hooks.deliverer.deliver(trigger, slow=True) == 2
    assert {each.state for each in hooks.log(webhook)} == {DeliveryState.DELIVERED}


def test_two_senders_are_never_at_one_webhook(hooks: WebhookServices) -> None:
    hooks.create()
    hooks.publish_events()
    (trigger,) = hooks.take_messages(hooks.slow)
    hooks.receiver.meanwhile = lambda: nested.append(hooks.deliverer.deliver(trigger, slow=True))
    nested: list[int] = []
    assert hooks.deliverer.deliver(trigger, slow=True) == 1
    assert nested == [0]
    assert len(hooks.receiver.got) == 1


def test_an_index_that_lags_delivers_nothing_twice_and_loses_nothing(
    hooks: WebhookServices,
) -> None:
    webhook = hooks.create()
    hooks.publish_events(3)
    (trigger, *_) = hooks.take_messages(hooks.slow)
    now = hooks.clock.now()
    stale = hooks.store.due(webhook.program_id, webhook.webhook_id, now, MAX_CONCURRENT)
    assert hooks.deliverer.deliver(trigger, slow=True) == 3
    hooks.store.due = lambda *_: stale  # type: ignore[method-assign]
    assert hooks.deliverer.deliver(trigger, slow=True) == 0
    assert len(hooks.receiver.got) == 3
    del hooks.store.due
    # What the index did not show yet, when a sender looked, is found a minute later.
    hooks.publish_events()
    hooks.store.due = lambda *_: []  # type: ignore[method-assign]
    hooks.store.next_due = lambda *_: None  # type: ignore[method-assign]
    hooks.run_deliveries()
    del hooks.store.due
    del hooks.store.next_due
    assert len(hooks.receiver.got) == 3
    hooks.clock.advance(RECHECK_DELAY)
    assert hooks.run_schedule() == 1


# Fairness


def test_a_slow_receiver_is_served_apart_and_a_quick_one_becomes_quick(
    hooks: WebhookServices,
) -> None:
    webhook = hooks.create()
    assert webhook.slow
    hooks.publish_events()
    assert (len(hooks.take_messages(hooks.slow)), len(hooks.take_messages(hooks.quick))) == (1, 0)
    hooks.clock.advance(RECHECK_DELAY)
    hooks.run_schedule()
    hooks.publish_events()
    assert (len(hooks.take_messages(hooks.slow)), len(hooks.take_messages(hooks.quick))) == (0, 1)
    hooks.clock.advance(RECHECK_DELAY)
    hooks.receiver.always = DeliveryResult(200, None, 2_500)
    hooks.run_schedule()
    hooks.publish_events()
    assert (len(hooks.take_messages(hooks.slow)), len(hooks.take_messages(hooks.quick))) == (1, 0)


def test_after_its_turn_a_webhook_lets_others_go_first(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    hooks.publish_events(20)
    hooks.receiver.meanwhile = lambda: hooks.clock.advance(TURN_DURATION / 4)
    (trigger, *_) = hooks.take_messages(hooks.slow)
    delivered = hooks.deliverer.deliver(trigger, slow=True)
    assert MAX_CONCURRENT <= delivered < 20
    assert (
        len(hooks.take_messages(hooks.quick) + hooks.take_messages(hooks.slow)) == 1
    )  # behind all the others
    hooks.receiver.meanwhile = lambda: None
    hooks.clock.advance(RECHECK_DELAY)
    hooks.run_schedule()
    assert {each.state for each in hooks.log(webhook)} == {DeliveryState.DELIVERED}


def test_the_clock_wakes_one_webhook_of_each_program_in_turn(
    hooks: WebhookServices, greenroom: Greenroom
) -> None:
    for _ in range(MAX_WEBHOOKS):
        hooks.create()
    greenroom.container.programs.create_program("Other", "UTC", "eva@other.example")
    other = greenroom.sign_in("eva@other.example")
    assert other.role is Role.MANAGER
    hooks.create(other)
    hooks.publish_events()
    hooks.publish_events(program_id=other.program_id)
    hooks.take_messages(hooks.slow)
    hooks.clock.advance(RECHECK_DELAY)
    left = iter([False, False, True])
    hooks.due.queue_due(lambda: next(left))
    queued = {each.program_id for each in hooks.take_messages(hooks.quick)}
    assert queued == {hooks.manager.program_id, other.program_id}


# Messages for people


@pytest.mark.parametrize("format", [Format.SLACK, Format.TEAMS])
def test_slack_and_teams_get_a_message_with_the_activitys_title_and_no_member(
    hooks: WebhookServices,
    greenroom: Greenroom,
    format: Format,  # noqa: A002  its name in the API
) -> None:
    hooks.create(format=format)
    activity = greenroom.activity(instructions="Share <!channel> our new shop")
    data = {
        "performance_id": "prf_1",
        "member_id": "mem_secret",
        "activity_id": activity.activity_id,
        "campaign_id": None,
    }
    event = {**hooks.event(), "type": "performance.posted", "data": data}
    hooks.fan_out.deliver([event])
    assert hooks.run_deliveries() == 1
    ((_, _, body),) = hooks.receiver.got
    assert b"our new shop" in body
    assert b"mem_secret" not in body
    assert f"https://console.example/manage/activities/{activity.activity_id}".encode() in body


def test_a_message_about_what_is_gone_is_sent_without_a_title(hooks: WebhookServices) -> None:
    hooks.create(format=Format.SLACK)
    data = {"reward_id": "rwd_gone", "member_id": "m", "redemption_id": "r", "price": 3}
    hooks.fan_out.deliver([{**hooks.event(), "type": "reward.redeemed", "data": data}])
    assert hooks.run_deliveries() == 1
    assert "untitled" in json.loads(hooks.receiver.got[0][2])["text"]


# The functions


def message(number: int, body: str) -> dict[str, Any]:
    return {"messageId": str(number), "body": body}


def test_an_invalid_public_event_fails_alone(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    right = json.dumps({"detail-type": "member.joined", "detail": hooks.event()})
    bodies = [right, "{", "[]", '{"detail": {"id": "evt_1"}}', right]
    batch = {"Records": [message(number, body) for number, body in enumerate(bodies)]}
    answer = worker.fan_out(hooks.fan_out, batch)
    assert [each["itemIdentifier"] for each in answer["batchItemFailures"]] == ["1", "2", "3"]
    assert len(hooks.log(webhook)) == 1


def test_a_batch_that_could_not_be_kept_comes_again_whole(
    hooks: WebhookServices, calls: Calls
) -> None:
    webhook = hooks.create()
    body = json.dumps({"detail": hooks.event()})
    error = {"Error": {"Code": "InternalServerError", "Message": ""}}
    calls.fail("SendMessage", error)
    batch = {"Records": [message(1, body)]}
    assert worker.fan_out(hooks.fan_out, batch)["batchItemFailures"] == [{"itemIdentifier": "1"}]
    assert worker.fan_out(hooks.fan_out, batch)["batchItemFailures"] == []
    hooks.run_deliveries()
    assert len(hooks.receiver.got) == len(hooks.log(webhook)) == 1


def test_the_workers_hand_messages_and_ticks_on(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    hooks.publish_events()
    (trigger,) = hooks.take_messages(hooks.slow)
    batch = {"Records": [message(1, trigger.to_message()), message(2, "nonsense")]}
    answer = worker.deliver(hooks.deliverer, batch, slow=True)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert len(hooks.receiver.got) == 1
    hooks.publish_events()
    hooks.clock.advance(RECHECK_DELAY)
    assert worker.queue_due_deliveries(hooks.due, CONTEXT) == 1
    assert len(hooks.log(webhook)) == 2


def test_a_delivery_whose_sender_died_at_its_last_try_is_given_up(hooks: WebhookServices) -> None:
    webhook = hooks.create()
    hooks.service.test(hooks.manager, webhook.webhook_id)
    now = hooks.clock.now()
    (delivery,) = hooks.store.due(webhook.program_id, webhook.webhook_id, now, 1)
    assert hooks.store.claim(delivery, now, now)
    hooks.run_deliveries()
    (found,) = hooks.log(webhook)
    assert (found.state, found.error) == (DeliveryState.FAILED, "outcome_unknown")
    assert hooks.receiver.got == []


# Prices


def calls_of(calls: Calls, act: Callable[[], object]) -> list[str]:
    before = len(calls.made)
    act()
    return calls.names[before:]


def test_prices(hooks: WebhookServices, calls: Calls) -> None:
    """As docs/data.md states them, without the caller's look-up."""
    webhook, service = hooks.create(), hooks.service
    hooks.publish_events()
    hooks.run_deliveries()
    caller, webhook_id = hooks.manager, webhook.webhook_id
    assert len(calls_of(calls, lambda: service.webhooks(caller))) == 1
    assert len(calls_of(calls, lambda: service.deliveries(caller, webhook_id, 20, None))) == 2
    assert len(calls_of(calls, hooks.create)) == 2
    fanned = calls_of(calls, lambda: hooks.fan_out.deliver([hooks.event()]))
    (other,) = [each for each in service.webhooks(caller) if each.webhook_id != webhook_id]
    hooks.service.remove(caller, other.webhook_id)
    assert sorted(fanned) == sorted(
        ["Query", *["PutItem", "UpdateItem", "SendMessage"] * 2],
    )
    hooks.take_messages(hooks.quick)
    hooks.take_messages(hooks.slow)
    trigger = DeliveryTrigger(webhook.program_id, webhook_id)
    sent = calls_of(calls, lambda: hooks.deliverer.deliver(trigger, slow=False))
    assert sorted(sent) == sorted(
        ["GetItem", "UpdateItem", "Query", "Decrypt"]  # the webhook, its lease, what is due, KMS
        + ["UpdateItem"] * 2  # claimed and recorded
        + ["Query"] * 2  # nothing more is due, nothing waits
        + ["UpdateItem"]  # released
    )


def test_runs_leave_the_clocks_index_when_nothing_is_left(hooks: WebhookServices) -> None:
    hooks.create()
    hooks.publish_events()
    hooks.run_deliveries()
    hooks.clock.advance(timedelta(minutes=2))
    hooks.run_schedule()
    assert hooks.store.due_runs("0", "9999", 10) == []


def test_each_act_leaves_one_entry_without_address_or_secret(
    hooks: WebhookServices, greenroom: Greenroom
) -> None:
    audit, caller = greenroom.container.audit, hooks.manager

    def entries() -> list[Any]:
        found = audit.entries(caller, EntryFilter(), 100, None).items
        return [each for each in found if each.kind.startswith("webhook.")]

    webhook_id = hooks.create().webhook_id
    hooks.service.change(caller, webhook_id, 1, state=WebhookState.PAUSED)
    _, kept = hooks.service.rotate_secret(caller, webhook_id)
    hooks.service.test(caller, webhook_id)
    hooks.service.remove(caller, webhook_id)
    told = sorted(each.kind for each in entries())
    assert told == sorted(
        f"webhook.{each}" for each in ("created", "changed", "secret_renewed", "tested", "removed")
    )
    (changed,) = [each for each in entries() if each.kind == "webhook.changed"]
    assert (changed.before, changed.after) == ({"state": "active"}, {"state": "paused"})
    assert {each.thing for each in entries()} == {webhook_id}
    assert URL not in repr(entries())
    assert kept.current not in repr(entries())


def test_the_trail_says_that_an_address_changed_also_where_only_its_secret_part_did(
    hooks: WebhookServices, greenroom: Greenroom
) -> None:
    webhook, caller = hooks.create(), hooks.manager
    other_secret, other_host = "https://hooks.example/another1/1234", "https://b.example/"
    for version, url in enumerate((other_secret, other_secret, other_host), 1):
        hooks.service.change(caller, webhook.webhook_id, version, url=url, name=str(version))
    kinds = EntryFilter(kind=Kind.WEBHOOK_CHANGED)
    found = greenroom.container.audit.entries(caller, kinds, 9, None).items
    third, second, first = sorted(found, key=lambda each: str(each.after["name"]), reverse=True)
    assert (first.before, first.after) == (
        {"name": "Ours", "url": None},
        {"name": "1", "url": "…"},
    )
    assert (second.before, second.after) == ({"name": "1"}, {"name": "2"})
    assert (third.after["url"], third.after["shown_url"]) == ("…", "https://b.example/…")
    assert "another1" not in repr(found)


def test_a_managers_writes_are_stamped_and_increment_the_version(hooks: WebhookServices) -> None:
    webhook: Webhook = hooks.create()
    changed, _ = hooks.service.rotate_secret(hooks.manager, webhook.webhook_id)
    assert changed == replace(webhook, sealed=changed.sealed, version=2)
    assert RunItem.Meta.table_name == "webhooks"
