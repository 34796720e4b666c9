"""Pushes from what happens to what a browser shows: once, again after a day, none once posted."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.outcomes import DeliveryResult
from chalicelib.foundation.outgoing import HttpSender
from chalicelib.foundation.personal import Person
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.notifications import worker
from chalicelib.notifications.model import Frequency, NoticeCategory
from chalicelib.notifications.personal import DevicePersonalData
from chalicelib.notifications.pushing import sending
from chalicelib.notifications.pushing.model import MAX_DEVICES, PushBox
from chalicelib.notifications.pushing.service import Subscription
from chalicelib.notifications.service import SettingsChanges
from chalicelib.performances.model import Performance
from chalicelib.programs.model import ContentDisclosure
from local.push_service import PushService
from tests.clock import StoppedClock
from tests.integration.greenroom import CONTEXT
from tests.integration.notifying_greenroom import Killed, NotifyingGreenroom

ORIGIN = "https://push.example"


class Browsers(NotifyingGreenroom):
    """A Greenroom whose pushes go to a push service written from the RFCs."""

    def __init__(self, clock: StoppedClock) -> None:
        self.service = PushService(ORIGIN, lambda: clock.now().timestamp())
        self.answers: list[DeliveryResult] = []
        self.sent: list[str] = []
        super().__init__(clock)
        self.container.push_client = self

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryResult:
        self.sent.append(url)
        if self.answers:
            return self.answers.pop(0)
        status = self.service.take(url.rpartition("/")[2], headers, body)
        return DeliveryResult(status, None if status == 201 else "refused", 5)

    def subscription(self) -> Subscription:
        made = self.service.subscribe(self.container.push_key.public)
        return Subscription(made["endpoint"], made["keys"]["p256dh"], made["keys"]["auth"])

    def subscribes(
        self, caller: Caller, subscription: Subscription | None = None, language: str = "en"
    ) -> Subscription:
        given = subscription or self.subscription()
        self.container.pushing.subscribe(self.now(caller), given, "Browser", language)
        return given

    def send_due_mails(self) -> None:
        super().send_due_mails()
        self.pushes()

    def pushes(self) -> int:
        return worker.push(self.container.push_sender, CONTEXT)

    def box(self, caller: Caller) -> PushBox:
        return self.container.push_store.box(caller.program_id, caller.member_id)

    def unread_notices(self) -> list[str]:  # type: ignore[override]  # of pushes, here
        return [each.message["title"] for each in self.service.arrived]


ARRIVED = "Your video is in your TikTok inbox"
WAITS = "Your video still waits in your TikTok inbox"


@pytest.fixture
def room(clock: StoppedClock) -> Iterator[Browsers]:
    clock.at = datetime(2026, 6, 15, 6, 0, tzinfo=UTC)
    made = Browsers(clock)
    made.deliver_all()
    yield made
    made.close()


def staged(room: Browsers, amy: Caller, **changes: Any) -> Performance:
    made = room.perform_and_stage(amy, room.publish(**changes))
    room.deliver_all()
    return made


def test_a_video_that_arrives_is_told_once_and_once_more_after_a_day(room: Browsers) -> None:
    amy = room.join("amy")
    room.subscribes(amy)
    made = staged(
        room, amy, captions=("A caption",), hashtags=("#one",), disclosure="Ad for my employer"
    )
    room.pass_time(hours=1)
    (push,) = room.service.arrived
    assert push.message == {
        "title": ARRIVED,
        "body": "Caption to copy: A caption\n#one\nDisclose it: Ad for my employer\n"
        "Switch on in TikTok: Disclose commercial content, Your brand\n"
        "Open TikTok, tap the message in your inbox and post it.",
        "tag": made.performance_id,
        "url": f"/history?performance={made.performance_id}",
        "lang": "en",
        "tiktok": "Open TikTok",
        "copy": "Copy the caption",
    }
    assert (push.urgency, push.ttl) == ("high", 12 * 3600)
    room.pass_time(hours=22)
    assert room.unread_notices() == [ARRIVED]
    room.pass_time(hours=2)
    assert room.unread_notices() == [ARRIVED, WAITS]
    assert room.service.arrived[1].topic == push.topic
    room.pass_time(hours=60)
    assert room.unread_notices() == [ARRIVED, WAITS]


def test_everything_stops_once_it_is_posted(room: Browsers) -> None:
    amy = room.join("amy")
    room.subscribes(amy)
    made = staged(room, amy)
    room.pass_time(hours=2)
    room.stage(made, "posts")
    room.deliver_all()
    room.pass_time(hours=48)
    assert room.unread_notices() == [ARRIVED]


def test_a_video_posted_before_its_event_is_heard_is_not_told(room: Browsers) -> None:
    """The tables are asked before a push leaves: it cannot be taken back."""
    amy = room.join("amy")
    room.subscribes(amy)
    made = room.perform_and_stage(amy, room.publish())
    events = room.events()
    room.advance(hours=2)
    room.stage(made, "posts")
    room.deliver(events)  # that it arrived; that it was posted is still on its way
    room.pass_time(hours=48)
    assert room.unread_notices() == []


@pytest.mark.parametrize("seed", range(6))
def test_events_may_come_twice_late_and_in_any_order(room: Browsers, seed: int) -> None:
    dice = random.Random(seed)
    amy, ben = room.join("amy"), room.join("ben")
    for each in (amy, ben):
        room.subscribes(each)
    activity = room.publish()
    posted, waits = room.perform_and_stage(amy, activity), room.perform_and_stage(ben, activity)
    room.advance(hours=2)
    room.stage(posted, "posts")
    room.deliver_all(dice)
    room.pass_time(hours=60)
    assert room.unread_notices() == [ARRIVED, WAITS]
    assert {each.message["tag"] for each in room.service.arrived} == {waits.performance_id}


def test_a_member_without_a_subscription_gets_no_push_and_costs_no_write(room: Browsers) -> None:
    amy = room.join("amy")
    staged(room, amy)
    room.pass_time(hours=48)
    assert room.sent == []
    assert room.box(amy) == PushBox(amy.program_id, amy.member_id)


def test_a_trial_is_not_pushed(room: Browsers) -> None:
    room.subscribes(room.manager)
    room.connect_account(room.manager, "boss")
    trial = room.container.performances.send_trial(
        room.now(room.manager), room.publish().activity_id, "prf_" + "0" * 26
    )
    room.stage(trial)
    room.deliver_all()
    room.pass_time(hours=30)
    assert room.unread_notices() == []


def test_each_device_is_told_in_its_language(room: Browsers) -> None:
    amy = room.join("amy")
    for language in ("de", "es", "en"):
        room.subscribes(amy, language=language)
    staged(room, amy)
    room.pass_time(hours=1)
    assert sorted(room.unread_notices()) == sorted(
        [
            "Dein Video ist in deinem TikTok-Postfach",
            "Tu vídeo está en tu bandeja de TikTok",
            ARRIVED,
        ]
    )


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (ContentDisclosure.NONE, None),
        (
            ContentDisclosure.BRANDED_CONTENT,
            "In TikTok einschalten: Disclose commercial content, Branded content, "
            "AI-generated content",
        ),
    ],
)
def test_a_push_names_the_toggles_that_its_member_ticked(
    room: Browsers, asked: ContentDisclosure, line: str | None
) -> None:
    amy = room.join("amy")
    room.subscribes(amy, language="de")
    staged(room, amy, content_disclosure=asked, ai_generated=line is not None)
    room.pass_time(hours=1)
    (push,) = room.service.arrived
    told = [each for each in push.message["body"].splitlines() if "einschalten" in each]
    assert told == ([line] if line else [])


@pytest.mark.parametrize("letters", ["x" * 1900, "\N{GRINNING FACE}" * 1000, '"\\' * 900])
def test_a_caption_however_long_fits_into_a_push(room: Browsers, letters: str) -> None:
    amy = room.join("amy")
    room.subscribes(amy)
    staged(room, amy, captions=(letters,), disclosure="\N{GRINNING FACE}" * 100)
    room.pass_time(hours=1)
    (push,) = room.service.arrived
    assert "\u2026" in push.message["body"]
    assert push.message["body"].endswith("post it.")


# E-mail is the fallback


def test_a_mail_is_not_sent_of_what_a_push_told(room: Browsers) -> None:
    amy = room.join("amy")
    chosen = {NoticeCategory.INBOX: Frequency.AT_ONCE, NoticeCategory.ACTIVITIES: Frequency.NEVER}
    room.container.notifications.change_settings(amy, SettingsChanges(chosen))
    room.subscribes(amy)
    staged(room, amy)
    room.pass_time(hours=30)
    assert room.unread_notices() == [ARRIVED, WAITS]
    assert room.to(amy) == []
    assert room.overview(amy).unread >= 1  # the app tells all the same


@pytest.mark.parametrize(
    "answer", [DeliveryResult(410, "refused", 1), DeliveryResult(None, "timeout", 1)]
)
def test_a_mail_is_sent_where_no_push_got_through(room: Browsers, answer: DeliveryResult) -> None:
    amy = room.join("amy")
    chosen = {NoticeCategory.INBOX: Frequency.AT_ONCE, NoticeCategory.ACTIVITIES: Frequency.NEVER}
    room.container.notifications.change_settings(amy, SettingsChanges(chosen))
    room.subscribes(amy)
    staged(room, amy)
    room.answers = [answer, answer]
    room.pass_time(hours=30)
    assert len(room.to(amy)) == 1
    room.pass_time(hours=30)
    assert len(room.to(amy)) == 1


# What push services answer


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_not_asked_again(room: Browsers, status: int) -> None:
    amy = room.join("amy")
    room.subscribes(amy)
    staged(room, amy)
    room.answers = [DeliveryResult(status, "refused", 1)]
    room.pass_time(hours=48)
    assert len(room.sent) == 1
    assert room.box(amy).devices == {}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_push_service_in_trouble_is_asked_again_later(room: Browsers, status: int) -> None:
    amy = room.join("amy")
    room.subscribes(amy)
    staged(room, amy)
    room.answers = [DeliveryResult(status, "refused", 1, timedelta(minutes=30))]
    room.send_due_mails()
    assert (len(room.sent), room.unread_notices()) == (1, [])
    room.pass_time(hours=0.25)
    assert len(room.sent) == 1
    room.pass_time(hours=0.5)
    assert (len(room.sent), room.unread_notices()) == (2, [ARRIVED])


def test_a_hostile_address_is_called_once_and_keeps_no_other_waiting(room: Browsers) -> None:
    amy, ben = room.join("amy"), room.join("ben")
    bad = replace(room.subscription(), endpoint="https://inner.example/x")
    room.subscribes(amy, bad)
    room.subscribes(ben)
    real = HttpSender((), resolve=lambda _host, _port: ["169.254.169.254"])
    both = room.post

    def post(url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryResult:
        return real.post(url, body, headers) if "inner" in url else both(url, body, headers)

    room.post = post  # type: ignore[method-assign]
    activity = room.publish()
    for each in (amy, ben):
        room.perform_and_stage(each, activity)
    room.deliver_all()
    room.pass_time(hours=1)
    assert room.unread_notices() == [ARRIVED]
    assert room.box(amy).devices == {}


def test_one_program_has_half_of_what_runs_at_once_and_the_others_have_their_turn(
    room: Browsers,
) -> None:
    running, most = Counter[str](), Counter[str]()
    run = sending._PushRun(room.container.push_sender, lambda: False)  # noqa: SLF001  hands in what a test stands in for
    begin = run._start_pushes  # noqa: SLF001  hands in what a test stands in for

    def counted(threads: Any, program_id: str, member_id: str) -> None:
        begin(threads, program_id, member_id)
        running.update(run._of_program)  # noqa: SLF001  hands in what a test stands in for
        most[program_id] = max(most[program_id], run._of_program[program_id])  # noqa: SLF001  hands in what a test stands in for

    run._start_pushes = counted  # type: ignore[method-assign]  # noqa: SLF001  hands in what a test stands in for
    activity = room.publish()
    for number in range(20):
        member = room.join(f"m{number}")
        room.subscribes(member)
        room.perform_and_stage(member, activity)
    room.deliver_all()
    with ThreadPoolExecutor(sending.MAX_CONCURRENT) as threads:
        taken = run.run(threads, room.container.push_store.due_members(room.clock.now()))
    assert taken == 20
    assert max(most.values()) <= sending.MAX_CONCURRENT_OF_PROGRAM
    assert len(room.sent) == 20


def test_whenever_the_worker_dies_no_push_comes_twice(room: Browsers) -> None:
    """Before and after each call it makes, in turn; the reminder comes in any case."""
    amy = room.join("amy")
    room.subscribes(amy)
    for step in range(1, 12):
        for when in ("before", "after"):
            made = staged(room, amy)
            room.killed_at = (room.effects + step, when)
            died = False
            try:
                room.pushes()
            except Killed:
                died = True
            room.killed_at = None
            room.pushes()
            arrived = [
                each for each in room.service.arrived if each.message["tag"] == made.performance_id
            ]
            assert len(arrived) <= 1, (step, when)
            assert arrived or died
            room.advance(hours=2)
            room.stage(made, "posts")
            room.deliver_all()
            room.advance(hours=25)


# Whose a browser is


def test_hostile_and_malformed_subscriptions_are_refused(room: Browsers) -> None:
    amy = room.join("amy")
    good = room.subscription()
    room.container.pushing._test_networks = tuple  # noqa: SLF001  hands in what a test stands in for
    own = urlsplit(room.settings.console_url).hostname
    for endpoint, code in (
        ("http://push.example/x", "not_https"),
        ("https://127.0.0.1/x", "inner_address"),
        ("https://[::1]/x", "inner_address"),
        ("https://169.254.169.254/latest", "inner_address"),
        ("https://2130706433/x", "inner_address"),
        ("https://localhost/x", "inner_address"),
        ("https://push.internal/x", "inner_address"),
        ("https://push.example:8443/x", "wrong_port"),
        ("https://user@push.example/x", "not_an_address"),
        ("ftp://push.example/x", "not_an_address"),
        (f"https://{own}/x", "own_address"),
        ("https://push.example/" + "x" * 1000, "not_an_address"),
    ):
        with pytest.raises(Problem) as refused:
            room.subscribes(amy, replace(good, endpoint=endpoint))
        assert [each.code for each in refused.value.errors] == [code], endpoint
    for changed in (
        replace(good, p256dh="AAAA"),
        replace(good, p256dh="%%%"),
        replace(good, p256dh=good.p256dh[:-4] + "AAAA"),
        replace(good, auth="AAAA"),
        replace(good, auth=""),
    ):
        with pytest.raises(Problem) as refused:
            room.subscribes(amy, changed)
        assert [each.code for each in refused.value.errors] == ["not_a_key"]
    assert room.box(amy).devices == {}


def test_a_member_has_so_many_devices_and_one_twice_is_one(room: Browsers) -> None:
    amy = room.join("amy")
    first = room.subscribes(amy)
    for _ in range(MAX_DEVICES - 1):
        room.subscribes(amy)
    room.subscribes(amy, first)
    assert len(room.box(amy).devices) == MAX_DEVICES
    with pytest.raises(Problem) as refused:
        room.subscribes(amy)
    assert refused.value.code is ProblemCode.LIMIT_REACHED
    (some, *_) = room.box(amy).devices
    room.container.pushing.unsubscribe(amy, some)
    room.subscribes(amy)
    with pytest.raises(Problem) as refused:
        room.container.pushing.unsubscribe(amy, some)
    assert refused.value.code is ProblemCode.NOT_FOUND


def test_a_browser_on_which_two_sign_in_is_the_laters(room: Browsers) -> None:
    amy, ben = room.join("amy"), room.join("ben")
    shared = room.subscribes(amy)
    room.subscribes(ben, shared)
    assert room.box(amy).devices == {}
    activity = room.publish()
    room.perform_and_stage(amy, activity)
    his = room.perform_and_stage(ben, activity)
    room.deliver_all()
    room.pass_time(hours=1)
    assert [each.message["tag"] for each in room.service.arrived] == [his.performance_id]
    room.subscribes(amy, shared)
    assert room.box(ben).devices == {}
    assert len(room.box(amy).devices) == 1


def test_one_members_devices_are_not_anothers(room: Browsers) -> None:
    amy, ben = room.join("amy"), room.join("ben")
    room.subscribes(amy)
    (device,) = room.box(amy).devices
    with pytest.raises(Problem) as refused:
        room.container.pushing.unsubscribe(ben, device)
    assert refused.value.code is ProblemCode.NOT_FOUND
    assert room.container.pushing.overview(ben).devices == []
    assert len(room.box(amy).devices) == 1


def test_a_removed_member_gets_no_more_pushes(room: Browsers) -> None:
    amy = room.join("amy")
    room.subscribes(amy)
    room.perform_and_stage(amy, room.publish())
    events = room.events()
    room.container.members.remove(room.manager, amy.member_id)
    room.deliver(events)
    room.pass_time(hours=1)
    assert room.sent == []
    room.deliver_all()
    assert room.box(amy).devices == {}


def test_another_key_of_the_stack_silences_what_subscribed_with_the_old_one(
    room: Browsers,
) -> None:
    amy = room.join("amy")
    room.subscribes(amy)
    staged(room, amy)
    key = room.container.push_key
    key.__dict__["key_id"] = "another"
    assert room.container.pushing.overview(amy).devices == []
    room.pass_time(hours=1)
    assert room.sent == []
    assert room.box(amy).devices == {}


def test_an_export_has_the_devices_without_their_secrets_and_an_erasure_takes_all(
    room: Browsers,
) -> None:
    amy = room.join("amy")
    given = room.subscribes(amy)
    staged(room, amy)
    (device,) = room.box(amy).devices
    keeper = next(
        each for each in room.container.personal_data_stores if isinstance(each, DevicePersonalData)
    )
    person = Person(amy.program_id, amy.member_id, amy.email, "Amy")
    (name, record), (_, holder) = keeper.personal_data(person)
    assert name == "push_devices"
    assert (holder["owner"], holder["holder"]) == (device, amy.owner)
    assert [each["label"] for each in record["devices"]] == ["Browser"]
    for secret in (given.endpoint, given.auth, given.p256dh):
        assert secret not in str(record)
    assert keeper.erase(person)
    assert keeper.erase(person)
    assert list(keeper.personal_data(person)) == []
    assert room.container.push_store.holder(device) is None
    room.pass_time(hours=48)
    assert room.sent == []


def test_leaving_everywhere_forgets_all_devices(room: Browsers) -> None:
    amy = room.join("amy")
    for _ in range(3):
        room.subscribes(amy)
    room.container.pushing.unsubscribe_all(amy)
    room.container.pushing.unsubscribe_all(amy)
    assert room.container.pushing.overview(amy).devices == []
    staged(room, amy)
    room.pass_time(hours=1)
    assert room.sent == []


def test_managers_have_pushes_too(room: Browsers) -> None:
    assert room.manager.role is Role.MANAGER
    room.subscribes(room.manager)
    assert len(room.container.pushing.overview(room.manager).devices) == 1


def test_pushes_cost_the_calls_that_data_md_states(room: Browsers) -> None:
    amy, ben = room.join("amy"), room.join("ben")

    def calls(use: Callable[[], object]) -> int:
        before = room.effects
        use()
        return room.effects - before

    room.subscribes(amy)
    made = room.perform_and_stage(amy, room.publish())
    none = room.perform_and_stage(ben, room.publish())
    room.deliver_all()
    assert calls(room.pushes) == 1 + 3
    assert calls(room.pushes) == 1  # nothing is due
    room.advance(hours=24)
    assert calls(room.pushes) == 1 + 5
    pushing, now = room.container.pushing, room.clock.now()
    arguments = (none.program_id, none.member_id, none.performance_id, now)
    assert calls(lambda: pushing.queue_video_push(*arguments)) == 1  # of who has no device
    again = (made.program_id, made.member_id, made.performance_id, now)
    assert calls(lambda: pushing.queue_video_push(*again)) == 1
    assert calls(lambda: pushing.overview(amy)) == 1
    given = room.subscription()
    assert calls(lambda: pushing.subscribe(amy, given, "Browser", "en")) == 5
    assert calls(lambda: pushing.subscribe(amy, given, "Browser", "en")) == 2
    (first, _) = room.box(amy).devices
    assert calls(lambda: pushing.unsubscribe(amy, first)) == 4
