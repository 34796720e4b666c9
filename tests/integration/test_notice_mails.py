"""Mails of notices: each told once, at the member's hour, whatever dies on the way."""

import email
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.utils import getaddresses
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.problems import Problem
from chalicelib.foundation.texts import clean_line, clean_paragraphs
from chalicelib.notifications import planning, worker
from chalicelib.notifications.mails import MAX_NAME, MailContent, compose_mail
from chalicelib.notifications.model import (
    FIRST_SLOTS,
    MAX_SLOT_MOVES,
    SLOT_SCAN_TIME_LIMIT,
    Frequency,
    Notice,
    NoticeBox,
    NoticeCategory,
    NoticeType,
    Refusal,
    ScanResult,
    Slot,
    short_title,
)
from chalicelib.notifications.planning import CHUNK_SIZE, Chunk
from chalicelib.notifications.problems import NotificationProblem
from chalicelib.notifications.sending import LEASE_DURATION, NoticeMailer
from chalicelib.notifications.service import SettingsChanges
from chalicelib.notifications.store import SHARDS
from chalicelib.programs.model import ChannelKind, MemberStatus
from chalicelib.programs.service import ProgramChanges
from chalicelib.programs.store import MemberItem, member_key
from tests.clock import NOON, StoppedClock
from tests.integration.database import database
from tests.integration.greenroom import CONTEXT
from tests.integration.notifying_greenroom import (
    Killed,
    Mail,
    NotifyingGreenroom,
    bounce,
    complaint,
    refusal,
)

AT_ONCE, DAILY, WEEKLY, NEVER = Frequency
ACTIVE = MemberStatus.ACTIVE
BERLIN_NINE = 7  # UTC, in summer


@pytest.fixture
def room(clock: StoppedClock) -> Iterator[NotifyingGreenroom]:
    clock.at = datetime(2026, 6, 15, 6, 0, tzinfo=UTC)
    made = NotifyingGreenroom(clock)
    made.deliver_all()
    yield made
    made.close()


def chooses(
    room: NotifyingGreenroom, caller: Caller, hour: int | None = None, **kinds: Frequency
) -> None:
    chosen = {NoticeCategory(name): each for name, each in kinds.items()}
    room.container.notifications.change_settings(
        room.now(caller), SettingsChanges(chosen, hour=hour)
    )


def subjects(mails: list[Mail]) -> list[str]:
    return [str(each.message["Subject"]) for each in mails]


def token_of(mail: Mail) -> str:
    link = str(mail.message["List-Unsubscribe"]).strip("<>")
    return parse_qs(urlsplit(link).query)["token"][0]


# What a mail is


def test_a_mail_has_both_parts_its_program_as_sender_and_every_link_into_the_console(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    room.container.programs.change_profile(amy, name="Amy <b>&", time_zone=None)
    for title in ("One <i>first</i>", "Two & more"):
        room.publish(instructions=title, points=10)
    room.container.points.adjust(room.manager, amy.member_id, 25, "Fair helper")
    room.deliver_all()
    room.pass_time(hours=3)
    (mail,) = room.to(amy)
    message = mail.message
    assert message["From"] == "Demo <news@greenroom.example>"
    assert message["To"] == "amy@demo.example"
    assert message["Subject"] == "2 new activities, and more"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.get_content_type() == "multipart/alternative"
    text, html = mail.part("plain"), mail.part("html")
    assert "Hello Amy <b>&," in text
    assert "- One <i>first</i> (10 points)" in text
    assert "- +25 Fair helper" in text
    assert "One &lt;i&gt;first&lt;/i&gt; (10 points)" in html
    assert "<i>first" not in html
    assert "<img" not in html
    console, api = room.settings.console_url, room.settings.public_url
    links = [*re.findall(r"https?://[^\s<>]+", text), *re.findall(r'href="([^"]+)"', html)]
    assert len(links) >= 8
    for link in links:
        assert link.startswith((f"{console}/", f"{api}/notifications/unsubscribe?token=")), link
    assert str(message["List-Unsubscribe"]).strip("<>") in links


def test_a_mail_speaks_the_language_that_was_chosen(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    room.container.notifications.change_settings(amy, SettingsChanges(language="de"))
    room.container.points.adjust(room.manager, amy.member_id, 5, "Messe")
    room.deliver_all()
    room.pass_time(hours=3)
    (mail,) = room.to(amy)
    assert mail.message["Subject"] == "Deine Punkte wurden geändert: +5"
    assert mail.message["Content-Language"] == "de"
    assert "Hallo amy," in mail.part("plain")
    assert mail.part("html").startswith('<!doctype html><html lang="de">')


@pytest.mark.parametrize(
    ("language", "thing", "things", "point", "points"),
    [
        ("en", "1 thing needs a hand", "2 things need a hand", "(1 point)", "(2 points)"),
        ("de", "1 Sache ist zu erledigen", "2 Sachen sind zu erledigen", "(1 Punkt)", "(2 Punkte)"),
        ("es", "1 cosa por atender", "2 cosas por atender", "(1 punto)", "(2 puntos)"),
    ],
)
def test_words_agree_with_their_number(
    language: str, thing: str, things: str, point: str, points: str
) -> None:
    for number, heading, line in ((1, thing, point), (2, things, points)):
        noticed = tuple(
            Notice(what.value, what, NOON, "act_1", "Menu", number)
            for what in (NoticeType.ACTIVITY_OPENED, NoticeType.WORKLIST)
        )
        urls = "https://console.example", "https://api.example/x"
        mail = compose_mail(
            MailContent(
                "news@demo.example", "Demo", "amy@demo.example", "Amy", language, noticed, *urls
            )
        )
        text = Mail("amy@demo.example", mail, {}).part("plain")
        assert heading in text.splitlines()
        assert f"- Menu {line}" in text.splitlines()


def test_names_and_titles_break_no_header(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    room.container.programs.change_program(room.manager, changed_name('Evil" <x@y.example>, Z'))
    room.publish(instructions="First\r\nBcc: eve@evil.example")
    room.deliver_all()
    room.pass_time(hours=3)
    (mail,) = room.to(amy)
    assert mail.message["Bcc"] is None
    assert "First" in str(mail.message["Subject"])
    assert len(mail.message["From"].addresses) == 1
    assert mail.message["From"].addresses[0].addr_spec == "news@greenroom.example"


SEEN_AS_LINKS = re.compile(r"://|@\w|\w\.\w")
"""What mail programs make a link of: an address with its scheme, of a mailbox, or a host's name."""


def test_nothing_that_people_wrote_becomes_a_link_and_all_of_it_looks_as_they_wrote_it() -> None:
    wrote = "see http://evil.example, www.evil.example/x or eve@evil.example"
    noticed = tuple(
        Notice(f"{what.value}{each}", what, NOON, "act_1", wrote, each)
        for what in NoticeType
        for each in range(1 + (what is not NoticeType.WORKLIST))
    )
    urls = "https://console.example", "https://api.example/x"
    for noted in (noticed, *((each,) for each in noticed)):
        letter = MailContent(
            "news@demo.example", wrote, "amy@demo.example", wrote, "en", noted, *urls
        )
        message = Mail("amy@demo.example", compose_mail(letter), {})
        text, html = message.part("plain"), message.part("html")
        assert wrote in text.replace("\u2060", "")
        assert wrote in html.replace("\u2060", "")
        ours = re.compile("|".join(re.escape(each) + r"[\w/#]*" for each in urls))
        assert not SEEN_AS_LINKS.search(ours.sub("", text))
        shown = re.sub("<[^>]*>", " ", html)
        assert not SEEN_AS_LINKS.search(shown)


HEADER_TEXTS = st.text(max_size=90) | st.lists(
    st.sampled_from(["=?utf-8?q?=0D=0A_a=40b?=", "=?", "?=", *'= ,;:()<>[]\\."@ü日xy'])
).map("".join)
"""Words of RFC 2047, marks that part addresses, and letters that a header cannot hold."""


@settings(max_examples=150, deadline=None)
@example("=?utf-8?q?Hello=0D=0ABcc=3A_eve=40evil.example?=", "Kaffee, Küche")
@example("=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?=", "=?utf-8?q?Hello=0D=0ABcc=3A_eve?=")
@example("Menu", "Bau (Nord) <x@y.example>, Süd")
@given(HEADER_TEXTS, HEADER_TEXTS)
def test_any_title_and_program_name_gives_one_sender_and_is_written_unchanged(
    title: str, program: str
) -> None:
    title, program = short_title(clean_paragraphs(title)), clean_line(program) or "Demo"
    noticed = (Notice("new#1", NoticeType.ACTIVITY_OPENED, NOON, "act_1", title),)
    urls = "https://console.example", "https://api.example/x"
    letter = MailContent(
        "news@demo.example", program, "amy@demo.example", "Amy", "de", noticed, *urls
    )
    mail = email.message_from_bytes(compose_mail(letter).as_bytes())
    assert len(mail.items()) == len(set(mail.keys())) == 9
    ((name, address),) = getaddresses([mail["From"].replace("\r\n", "")])
    assert address == "news@demo.example"
    shown, whole = as_read(name), unspaced(re.sub('[@"]', "", program))
    assert whole.startswith(shown)
    assert shown == whole or len(program) > MAX_NAME / 2
    assert as_read(mail["Subject"]) == unspaced(f"Neue Aktivität: {title}".removesuffix(": "))


def as_read(header: str) -> str:
    """Return what a mail program shows of a header, without its white space."""
    return unspaced(str(make_header(decode_header(header))))


def unspaced(text: str) -> str:
    return "".join(text.split())


def changed_name(name: str) -> ProgramChanges:
    return ProgramChanges(name=name)


# When it leaves


def test_many_activities_are_one_mail_at_the_members_hour_and_never_again(
    room: NotifyingGreenroom,
) -> None:
    amy, ben = room.join("amy"), room.join("ben")
    room.container.programs.change_profile(ben, name=None, time_zone="America/New_York")
    chooses(room, ben, hour=20)
    for number in range(3):
        room.publish(instructions=f"Number {number}")
    room.deliver_all()
    room.pass_time(hours=0.75)
    assert room.mails == []
    room.pass_time(hours=0.5)
    assert subjects(room.to(amy)) == ["3 new activities"]
    assert room.to(ben) == []
    room.pass_time(hours=18)
    assert subjects(room.to(ben)) == ["3 new activities"]
    room.pass_time(hours=48)
    assert len(room.mails) == 2


def test_one_who_moves_all_day_has_their_program_walked_a_few_times_more(
    room: NotifyingGreenroom,
) -> None:
    """Somebody who is always about to have their digest, in one of two zones half an hour apart.

    All others keep their hours meanwhile.
    """
    amy, ben, zoe = (room.join(each) for each in ("amy", "ben", "zoe"))
    room.container.programs.change_profile(ben, name=None, time_zone="America/New_York")
    chooses(room, ben, hour=20)
    room.publish(instructions="Menu")
    room.deliver_all()
    for day in range(2):
        room.container.points.adjust(room.manager, amy.member_id, day + 1, "More")
        before = len(room.walks)
        for half in range(48):
            zone = ("Asia/Kolkata", "Asia/Tokyo")[half % 2]
            hour = (room.clock.now() + timedelta(minutes=35)).astimezone(ZoneInfo(zone)).hour
            room.container.programs.change_profile(room.now(zoe), name=None, time_zone=zone)
            chooses(room, room.now(zoe), hour=hour)
            room.deliver_all()
            room.pass_time(hours=0.5, minutes=30)
        assert 2 <= len(room.walks) - before <= 4 + 2 * MAX_SLOT_MOVES
        assert len(room.to(amy)) == day + 1
    room.pass_time(hours=72, minutes=60)
    slots = room.container.notice_store.plan(amy.program_id).slots
    assert {Slot("America/New_York", 20)} < slots
    assert len(slots) <= 3
    assert subjects(room.to(ben)) == ["New activity: Menu"]
    assert room.to(zoe)


def test_a_slot_is_walked_for_from_the_moment_it_is_chosen_and_for_as_long_as_it_is_held(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    store = room.container.notice_store
    for day, hour in enumerate((13, 13, 17, 17, 17, 9)):
        if hour != store.box(amy.program_id, amy.member_id).settings.hour:
            chooses(room, room.now(amy), hour=hour)
        room.container.points.adjust(room.manager, amy.member_id, 1, f"Day {day}")
        room.deliver_all()
        room.pass_time(hours=24)
        assert len(room.to(amy)) == day + 1


def test_nothing_is_mailed_of_what_was_seen_performed_or_dismissed(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    seen, sent, dismissed = (room.publish(instructions=each) for each in ("S", "P", "D"))
    room.deliver_all()
    room.container.reports.note_seen(amy, [seen.activity_id])
    room.deliver_all()
    # Of these no event arrives in time: the tables know.
    room.perform(amy, sent)
    room.container.activities.dismiss(room.now(amy), dismissed.activity_id)
    room.events()
    room.pass_time(hours=30)
    assert room.mails == []


def test_a_member_who_joins_a_channel_is_mailed_once_about_its_open_activities(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    channel = room.container.channels.create(room.manager, "Kitchen", ChannelKind.PUBLIC).channel
    room.publish(instructions="Kitchen", channel_ids=frozenset({channel.channel_id}))
    room.deliver_all()
    room.pass_time(hours=50)
    assert room.mails == []
    room.container.channels.join(amy, channel.channel_id)
    room.pass_time(hours=24)
    assert subjects(room.to(amy)) == ["New activity: Kitchen"]
    room.container.channels.leave(room.now(amy), channel.channel_id)
    room.container.channels.join(room.now(amy), channel.channel_id)
    room.pass_time(hours=48)
    assert len(room.mails) == 1


def test_at_once_is_within_minutes_weekly_on_the_day_and_never_is_never(
    room: NotifyingGreenroom,
) -> None:
    people = amy, ben, _ = room.join("amy"), room.join("ben"), room.join("cem")
    for caller, often in zip(people, (AT_ONCE, WEEKLY, NEVER), strict=True):
        chooses(room, caller, new_activities=often, points=often, last_call=NEVER)
    room.pass_time(hours=4)  # Monday, past nine
    room.publish(instructions="Menu")
    for caller in people:
        room.container.points.adjust(room.manager, caller.member_id, 5, "Fair")
    room.deliver_all()
    room.advance(minutes=1)
    room.send_due_mails()
    assert len(room.to(amy)) == 1
    room.pass_time(hours=6 * 24)
    assert [len(room.to(each)) for each in people] == [1, 0, 0]
    room.pass_time(hours=26)
    assert [len(room.to(each)) for each in people] == [1, 1, 0]
    assert subjects(room.to(ben)) == ["New activity: Menu, and more"]


def test_a_last_call_is_mailed_once_also_to_who_was_mailed_of_the_start(
    room: NotifyingGreenroom,
) -> None:
    amy, ben = room.join("amy"), room.join("ben")
    chooses(room, ben, last_call=NEVER)
    activity = room.publish(instructions="Menu", ends_at=room.clock.now() + timedelta(days=5))
    room.deliver_all()
    room.pass_time(hours=24 * 6)
    assert subjects(room.to(amy)) == ["New activity: Menu", "Last call: Menu"]
    assert subjects(room.to(ben)) == ["New activity: Menu"]
    assert activity.ends_at


def test_a_video_left_in_the_inbox_an_account_and_rewards_are_mailed(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    activity = room.publish(instructions="Menu")
    room.perform_and_stage(amy, activity)
    room.container.points.adjust(room.manager, amy.member_id, 90, "Fair")
    mug = room.container.rewards.create(room.manager, title="Mug", price=30)
    asked = room.container.redemptions.redeem(room.now(amy), mug.reward_id, 30)
    room.container.redemptions.fulfil(
        room.manager, asked.redemption_id, note=None, code="SECRET-CODE"
    )
    room.deliver_all()
    room.revoke_consent(amy)
    room.deliver_all()
    room.pass_time(hours=0.5)
    assert subjects(room.to(amy)) == ["Connect your TikTok account again, and more"]
    assert "Your reward is ready: Mug" in room.to(amy)[0].part("plain")
    assert "SECRET-CODE" not in str(room.mails)
    assert "SECRET-CODE" not in room.to(amy)[0].message.as_string()
    room.pass_time(hours=50)
    told = [each.part("plain") for each in room.to(amy)]
    assert sum("A video waits in your TikTok inbox: Menu" in each for each in told) == 1


@pytest.mark.parametrize(("on", "path"), [(True, "/rewards"), (False, "/points")])
def test_a_mail_of_a_request_leads_to_a_screen_that_there_is(
    room: NotifyingGreenroom, *, on: bool, path: str
) -> None:
    """Rewards are switched off with the request open: it can still be decided."""
    amy = room.join("amy")
    room.container.points.adjust(room.manager, amy.member_id, 90, "Fair")
    chooses(room, amy, points=NEVER)
    mug = room.container.rewards.create(room.manager, title="Mug", price=30)
    asked = room.container.redemptions.redeem(room.now(amy), mug.reward_id, 30)
    room.container.programs.change_program(room.manager, ProgramChanges(rewards=on))
    room.container.redemptions.reject(room.manager, asked.redemption_id, "Over")
    room.deliver_all()
    room.pass_time(hours=0.5)
    (mail,) = room.to(amy)
    for part in ("plain", "html"):
        links = re.findall(rf"{room.settings.console_url}(/\w+)", mail.part(part))
        assert links == [path, "/settings"]


def test_managers_are_mailed_of_the_worklist_and_members_never(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    room.container.points.adjust(room.manager, amy.member_id, 90, "Fair")
    chooses(room, amy, points=NEVER, worklist=AT_ONCE)
    mug = room.container.rewards.create(room.manager, title="Mug", price=30)
    asked = room.container.redemptions.redeem(room.now(amy), mug.reward_id, 30)
    room.container.refused_addresses.note_refusal(
        room.program.program_id, amy.member_id, "amy", room.clock.now()
    )
    room.deliver_all()
    room.pass_time(hours=3)
    assert subjects(room.to(room.manager)) == ["1 thing needs a hand"]
    assert f"{room.settings.console_url}/manage" in room.mails[0].part("plain")
    assert room.to(amy) == []
    assert asked
    assert [each for each in room.unread_notices(room.manager) if each[0] == "worklist"]


@pytest.mark.parametrize(("often", "mails"), [(DAILY, 8), (WEEKLY, 2), (NEVER, 0)])
def test_the_worklist_is_in_the_app_each_day_however_often_it_is_mailed(
    room: NotifyingGreenroom, often: Frequency, mails: int
) -> None:
    chooses(room, room.manager, worklist=often)
    needs_a_hand(room)
    room.pass_time(hours=24 * 7 + 2, minutes=60)
    told = [what for what, _ in room.unread_notices(room.manager)]
    assert told == ["worklist"] * 8
    assert subjects(room.to(room.manager)) == ["1 thing needs a hand"] * mails


def test_a_weekly_mail_tells_of_no_worklist_of_days_ago(room: NotifyingGreenroom) -> None:
    chooses(room, room.manager, worklist=WEEKLY)
    room.pass_time(hours=4, minutes=60)  # Monday, past nine
    needs_a_hand(room)
    room.pass_time(hours=24, minutes=60)
    assert [what for what, _ in room.unread_notices(room.manager)] == ["worklist"]
    program_id = room.program.program_id
    room.container.refused_addresses.clear_refusal(program_id, "mem_1", room.clock.now())
    room.pass_time(hours=24 * 7, minutes=60)
    assert room.to(room.manager) == []


def needs_a_hand(room: NotifyingGreenroom) -> None:
    """Put something on the managers' worklist."""
    room.container.refused_addresses.note_refusal(
        room.program.program_id, "mem_1", "Somebody", room.clock.now()
    )
    room.deliver_all()


@pytest.mark.parametrize(
    ("day", "hour"),
    [
        (datetime(2026, 10, 24, 20, tzinfo=UTC), 2),  # the hour comes twice
        (datetime(2027, 3, 27, 20, tzinfo=UTC), 2),  # the hour is skipped
        (datetime(2026, 10, 24, 20, tzinfo=UTC), 3),
    ],
)
def test_a_digest_leaves_once_a_day_across_a_change_of_clocks(
    clock: StoppedClock, day: datetime, hour: int
) -> None:
    clock.at = day
    room = NotifyingGreenroom(clock)
    try:
        room.deliver_all()
        amy = room.join("amy")
        chooses(room, amy, hour=hour)
        for _ in range(12):  # something new every four hours
            room.container.points.adjust(room.manager, amy.member_id, 1, "More")
            room.deliver_all()
            room.pass_time(hours=4)
        left = [each.message["Subject"] for each in room.to(amy)]
        assert len(left) == 2
    finally:
        room.close()


def test_without_a_sender_nobody_is_mailed_and_all_is_in_the_app(room: NotifyingGreenroom) -> None:
    container = room.container
    container.settings = room.settings.changed(notices_from=None)
    amy = room.join("amy")
    room.publish()
    room.container.points.adjust(room.manager, amy.member_id, 1, "More")
    room.deliver_all()
    room.pass_time(hours=30)
    assert room.mails == []
    assert len(room.overview(amy).items) == 2
    assert not room.overview(amy).mails


# What dies on the way


def scene(room: NotifyingGreenroom) -> list[Caller]:
    people = [room.join("amy"), room.join("ben")]
    room.publish(instructions="Menu")
    room.publish(instructions="Party")
    for each in people:
        room.container.points.adjust(room.manager, each.member_id, 5, "Fair helper")
    room.deliver_all()
    return people


def told_of(mails: list[Mail]) -> Counter[str]:
    return Counter(
        title
        for each in mails
        for title in ("Menu", "Party", "Fair helper")
        if title in each.part("plain")
    )


@pytest.mark.parametrize("number", [150, 250])
def test_a_digest_run_fans_out_and_each_part_costs_as_much_whatever_the_program(
    room: NotifyingGreenroom, number: int
) -> None:
    """A walk is one query a megabyte of members, a chunk two reads of many and a write each."""
    container = room.container
    publish_to_members(room, number)
    worker.queue_due_digests(container.due_digests, lambda: container.digests_queue, CONTEXT)
    walk = next(each for each in room.messages if '"member_ids": []' in each)
    room.messages.clear()
    begun = room.effects
    planner = container.digest_planner
    planner.plan_chunk(Chunk.read(walk))
    chunks = [Chunk.read(each) for each in room.messages]
    assert room.effects - begun <= 7
    everybody = [each for chunk in chunks for each in chunk.member_ids]
    assert len(everybody) == len(set(everybody)) == number + 1  # and the manager
    assert [len(each.member_ids) for each in chunks[:-1]] == [CHUNK_SIZE] * (number // CHUNK_SIZE)
    for chunk in chunks:
        before = room.effects
        planner.plan_chunk(chunk)
        writes = len(chunk.member_ids)
        assert room.effects - before <= writes + 6
    store, now = container.notice_store, room.clock.now()
    due = [each for shard in range(SHARDS) for each in store.due_members(shard, now)]
    assert len(due) == len(set(due)) >= number


def test_members_wait_in_their_programs_group_and_due_mails_in_none(
    room: NotifyingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQS hands out a crowded group's messages last; one without a group is its own."""
    publish_to_members(room, 2)
    room.replace(planning, "CHUNK_SIZE", 1)
    monkeypatch.setattr(NoticeMailer, "mail_due", lambda *_: 0)  # they stay due
    room.groups.clear()
    room.send_due_mails()
    room.send_due_mails()
    members = [group for body, group in room.groups if "member_ids" in body]
    assert members == [room.program.program_id] * 4  # the walk; of two members and the manager
    assert {group for body, group in room.groups if "shard" in body} == {None}


@pytest.mark.parametrize(("number", "last"), [(1, 0), (40, 9), (1200, 239)])
def test_chunks_of_a_walk_leave_room_for_other_programs_mails(
    room: NotifyingGreenroom, monkeypatch: pytest.MonkeyPatch, number: int, last: int
) -> None:
    """They become visible four a second, and all of them within four minutes."""
    members = [SimpleNamespace(member_id=f"mem_{each}", status=ACTIVE) for each in range(number)]
    monkeypatch.setattr(room.container.programs, "members", lambda _: iter(members))
    room.replace(planning, "CHUNK_SIZE", 1)
    room.delays.clear()
    room.container.digest_planner.plan_chunk(Chunk(room.program.program_id))
    delays = room.delays
    assert delays == sorted(delays)
    assert len(delays) == (number if number > 1 else 0)
    assert max(delays, default=0) == last
    assert max(Counter(delays).values(), default=0) <= max(4, -(-number // 240))
    given_up = timedelta(minutes=45) + timedelta(seconds=last)
    assert given_up < SLOT_SCAN_TIME_LIMIT


def active_member(room: NotifyingGreenroom, member_id: str) -> MemberItem:
    return MemberItem(
        room.program.program_id,
        member_key(member_id),
        member_id=member_id,
        email=f"{member_id}@demo.example",
        name="Somebody",
        role=Role.MEMBER,
        status=MemberStatus.ACTIVE,
        invited_at=room.clock.now(),
        subject=f"subject-{member_id}",
    )


def test_members_whose_chunk_was_lost_keep_their_hours_and_are_mailed_an_hour_later(
    room: NotifyingGreenroom,
) -> None:
    """The clock finds that a walk was not heard in full, and has the program walked once more."""
    room.replace(planning, "CHUNK_SIZE", 1)
    room.container.refused_addresses.note_refusal(
        room.program.program_id, "mem_1", "Somebody", room.clock.now()
    )
    container, store = room.container, room.container.notice_store
    amy, ben, zoe = (room.join(each) for each in ("amy", "ben", "zoe"))
    container.programs.change_profile(ben, name=None, time_zone="America/New_York")
    room.deliver_all()
    room.pass_time(hours=30)
    slots = store.plan(ben.program_id).slots
    assert slots == FIRST_SLOTS | {Slot("America/New_York", 9)}
    room.publish(instructions="Menu")
    room.deliver_all()
    room.pass_time(hours=18.75)
    room.advance(minutes=15)  # it is nine in Berlin, and the day's first walk learns
    worker.queue_due_digests(container.due_digests, lambda: container.digests_queue, CONTEXT)
    (walk,) = (each for each in room.messages if '"member_ids": []' in each)
    room.messages.clear()
    container.digest_planner.plan_chunk(Chunk.read(walk))
    lost = [each.member_id for each in (ben, zoe, room.manager)]
    room.messages[:] = [
        each for each in room.messages if not any(member_id in each for member_id in lost)
    ]
    told = len(room.to(room.manager))
    room.send_due_mails()
    room.pass_time(hours=0.5)
    assert (len(room.to(amy)), room.to(zoe), len(room.to(room.manager))) == (1, [], told)
    found = store.scan_result(ben.program_id)
    assert (len(found.heard), found.chunks) == (1, 4)
    walks = len(room.walks)
    room.pass_time(hours=1)
    assert len(room.to(room.manager)) == told + 1
    assert subjects(room.to(zoe)) == ["New activity: Menu"]
    again = store.scan_result(ben.program_id)
    assert (again.is_whole, again.round > found.round) == (True, True)
    assert len(room.walks) == walks + 1
    room.pass_time(hours=24)
    assert [len(room.to(each)) for each in (amy, ben, zoe)] == [1, 1, 1]
    assert store.plan(ben.program_id).slots == slots


def test_chunks_of_a_walk_that_was_begun_again_are_not_counted(room: NotifyingGreenroom) -> None:
    store, program_id = room.container.notice_store, room.program.program_id
    ben, zoe = Slot("America/New_York", 20), Slot("Asia/Tokyo", 3)
    store.begin_slot_scan(program_id, "round", "wlk_1", 2)
    store.add_scanned_slots(program_id, "wlk_1", 0, {ben})
    store.begin_slot_scan(program_id, "round", "wlk_2", 2)
    for number in (1, 1):
        store.add_scanned_slots(program_id, "wlk_2", number, {zoe})
        store.add_scanned_slots(program_id, "wlk_1", 0, {ben})
    assert store.scan_result(program_id) == ScanResult(
        "round", "wlk_2", 2, frozenset({1}), frozenset({zoe})
    )
    store.add_scanned_slots(program_id, "wlk_2", 0, ())
    assert store.scan_result(program_id).is_whole


@pytest.mark.parametrize("members_of_a_chunk", [CHUNK_SIZE, 1])
def test_a_worker_killed_at_any_effect_loses_no_mail_and_doubles_none(
    members_of_a_chunk: int,
) -> None:
    """SES's own word of a mail settles what a dead worker could not write down.

    With chunks of one a program is fanned out over several messages, as a large one is.
    """

    def plays(killed_at: tuple[int, str] | None) -> tuple[int, list[Counter[str]]]:
        room = NotifyingGreenroom(StoppedClock(datetime(2026, 6, 15, 6, 55, tzinfo=UTC)))
        room.replace(planning, "CHUNK_SIZE", members_of_a_chunk)
        try:
            room.deliver_all()
            people = scene(room)
            begun = room.effects
            room.killed_at = (begun + killed_at[0], killed_at[1]) if killed_at else None
            for _ in range(16):
                room.advance(minutes=5)
                try:
                    room.send_due_mails()
                    room.deliver_ses_events()
                except Killed:
                    room.killed_at = None
            made = room.effects - begun
            return made, [told_of(room.to(each)) for each in people]
        finally:
            room.close()

    right = [Counter({"Menu": 1, "Party": 1, "Fair helper": 1})] * 2
    made, told = plays(None)
    assert told == right
    assert made > 40
    for number in range(1, made + 1):
        for when in ("before", "after"):
            assert plays((number, when))[1] == right, (number, when)


def test_a_claim_whose_event_comes_late_is_settled_before_its_lease_ends(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    room.container.points.adjust(room.manager, amy.member_id, 5, "Fair")
    room.deliver_all()
    room.ses_errors = [ReadTimeoutError(endpoint_url="https://email.example")]
    room.advance(hours=2)
    room.send_due_mails()
    assert room.mails == []
    room.advance(minutes=10)
    room.send_due_mails()
    assert room.mails == []  # nobody knows whether it is out
    room.advance(minutes=LEASE_DURATION.total_seconds() / 60)
    room.send_due_mails()
    assert len(room.to(amy)) == 1


def test_mails_that_ses_throttles_are_sent_later_and_those_it_rejects_are_given_up(
    room: NotifyingGreenroom,
) -> None:
    amy = room.join("amy")
    room.container.points.adjust(room.manager, amy.member_id, 5, "Fair")
    room.deliver_all()
    room.ses_errors = [refusal("TooManyRequestsException", 429)] * 3
    room.pass_time(hours=2)
    assert len(room.to(amy)) == 1
    room.container.points.adjust(room.manager, amy.member_id, 6, "Again")
    room.deliver_all()
    room.ses_errors = [refusal("MessageRejected", 400)] * 50
    room.pass_time(hours=26)
    assert len(room.ses_errors) == 45
    room.ses_errors = []
    room.pass_time(hours=26)
    assert len(room.to(amy)) == 1


QUOTA = "Daily message quota exceeded."


def test_a_run_that_is_too_fast_for_ses_slows_down_and_sends_as_fast_as_ses_takes_mails(
    room: NotifyingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    have_due(room, 120)
    room.ses_rate = 3
    # Every pause has its mean length, so that no chance decides about the bound.
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    for shard in range(SHARDS):
        begun = room.clock.now()
        sent = room.container.notice_mailer.mail_due(shard, lambda: False)
        assert sent > 10
        assert room.clock.now() - begun <= 1.5 * timedelta(seconds=sent / room.ses_rate)
    assert Counter(each.to for each in room.mails).total() == len({each.to for each in room.mails})
    assert len(room.mails) == 120
    assert room.rate_exceeded < 3 * len(room.mails)


def test_a_run_that_is_too_fast_ends_with_its_time_and_the_next_one_goes_on_at_once(
    room: NotifyingGreenroom,
) -> None:
    have_due(room, 120)
    room.ses_rate = 1
    begun = room.clock.now()
    until = begun + timedelta(seconds=6)
    sent = room.container.notice_mailer.mail_due(0, lambda: room.clock.now() >= until)
    assert 3 <= sent <= 8
    assert room.clock.now() < until + timedelta(seconds=3)
    room.ses_rate = None
    for shard in range(SHARDS):
        room.container.notice_mailer.mail_due(shard)
    assert len(room.mails) == len({each.to for each in room.mails}) == 120


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("TooManyRequestsException", QUOTA),
        ("ThrottlingException", QUOTA),
        ("LimitExceededException", QUOTA),
        ("SendingPausedException", ""),
    ],
)
def test_a_run_ends_with_the_first_mail_that_ses_takes_from_nobody_now(
    room: NotifyingGreenroom, code: str, message: str
) -> None:
    have_due(room, 40)
    left = [refusal(code, 400, message)] * 99
    room.ses_errors = list(left)
    begun = room.clock.now()
    assert room.container.notice_mailer.mail_due(0, lambda: False) == 0
    assert len(room.ses_errors) == len(left) - 1
    assert room.clock.now() == begun
    room.ses_errors = []
    room.pass_time(hours=0.5)
    assert len(room.mails) == len({each.to for each in room.mails}) == 40


def publish_to_members(room: NotifyingGreenroom, number: int) -> None:
    """Publish an activity to so many members, shortly before their digests are planned."""
    with database().batch_write(MemberItem) as batch:
        for each in range(number):
            batch.save(active_member(room, f"mem_{each:026d}"))
    room.publish(instructions="Menu")
    room.deliver_all()
    room.advance(hours=1, seconds=5)


def have_due(room: NotifyingGreenroom, number: int) -> None:
    """Have a digest due to so many members."""
    publish_to_members(room, number)
    container = room.container
    container.digest_planner.plan_chunk(Chunk(room.program.program_id))
    while room.messages:
        container.digest_planner.plan_chunk(Chunk.read(room.messages.pop()))


def test_one_members_broken_mail_keeps_nobody_else_from_theirs(
    room: NotifyingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = scene(room)
    addressee = NoticeMailer._read_recipient  # noqa: SLF001  breaks in the midst of a run

    def breaks(mailer: NoticeMailer, program_id: str, member_id: str) -> object:
        if member_id == people[0].member_id:
            raise RuntimeError("broken")
        return addressee(mailer, program_id, member_id)

    monkeypatch.setattr(NoticeMailer, "_read_recipient", breaks)
    room.advance(hours=2)
    worker_answers(room)
    assert room.to(people[0]) == []
    assert len(room.to(people[1])) == 1


def worker_answers(room: NotifyingGreenroom) -> None:
    container = room.container
    worker.queue_due_digests(container.due_digests, lambda: container.digests_queue, CONTEXT)
    while room.messages:
        record = {"messageId": "1", "body": room.messages.pop(0)}
        worker.process_digest_messages(
            container.digest_planner, container.notice_mailer, {"Records": [record]}, CONTEXT
        )


def test_one_programs_thousands_of_mails_come_one_for_one_with_anothers_single_one(
    room: NotifyingGreenroom,
) -> None:
    """Within a shard each program has its turn, whatever another has waiting."""
    store, now = room.container.notice_store, room.clock.now()
    other, _, _ = room.container.programs.create_program("Other", "UTC", "boss@other.example")
    room.container.programs.invite(other, "zoe@other.example", Role.MEMBER)
    zoe = room.sign_in("zoe@other.example")
    for number in range(400):
        member_id = f"mem_{number:026d}"
        store.change_box("prg_many", member_id, due_since(now - timedelta(minutes=50)))
    store.change_box(zoe.program_id, zoe.member_id, due_since(now))
    for shard in range(SHARDS):
        programs = [program_id for program_id, _ in store.due_members(shard, now)]
        assert programs.count("prg_many") > 50
        if zoe.program_id in programs:
            before = programs[: programs.index(zoe.program_id)]
            assert before.count("prg_many") <= 1
            break
    else:
        raise AssertionError("The single mail is nowhere.")


def due_since(at: datetime) -> Callable[[NoticeBox], NoticeBox]:
    return lambda box: replace(box, mail_at=at)


# Unsubscribing


def test_a_link_switches_off_the_kind_it_is_of_twice_too_and_all_for_a_mixed_mail(
    room: NotifyingGreenroom,
) -> None:
    amy, ben = room.join("amy"), room.join("ben")
    room.container.points.adjust(room.manager, amy.member_id, 5, "Fair")
    room.container.points.adjust(room.manager, ben.member_id, 5, "Fair")
    room.deliver_all()
    room.publish()
    chooses(room, amy, new_activities=NEVER)
    room.deliver_all()
    room.pass_time(hours=3)
    service = room.container.unsubscribing
    (single,), (mixed,) = room.to(amy), room.to(ben)
    assert service.language_of(token_of(single)) == "en"
    assert room.overview(amy).settings.of(NoticeCategory.POINTS) is DAILY
    for _ in range(2):
        service.unsubscribe(token_of(single))
        settings = room.overview(amy).settings
        assert (settings.of(NoticeCategory.POINTS), settings.of(NoticeCategory.REWARDS)) == (
            NEVER,
            AT_ONCE,
        )
    service.unsubscribe(token_of(mixed))
    assert {room.overview(ben).settings.of(each) for each in NoticeCategory} == {NEVER}


def mailed(room: NotifyingGreenroom) -> tuple[Caller, Mail]:
    """Have somebody join and be mailed of points that were adjusted."""
    amy = room.join("amy")
    room.container.points.adjust(room.manager, amy.member_id, 5, "Fair")
    room.deliver_all()
    room.pass_time(hours=3)
    (mail,) = room.to(amy)
    return amy, mail


def test_a_link_that_was_altered_or_made_up_is_refused_and_changes_nothing(
    room: NotifyingGreenroom,
) -> None:
    amy, mail = mailed(room)
    token = token_of(mail)
    service = room.container.unsubscribing
    cursor = room.container.cursors.make(amy.program_id, "x", {"a": 1})
    places = range(0, 90, 7)
    altered = [f"{token[:each]}{other(token[each])}{token[each + 1 :]}" for each in places]
    for bad in ("", "x", token[:-1], f"{token}A", f"{token}==", cursor, "é" * 20, *altered):
        with pytest.raises(Problem) as refused:
            service.unsubscribe(bad)
        assert refused.value.code is NotificationProblem.UNSUBSCRIBE_LINK_INVALID
    assert room.overview(amy).settings.of(NoticeCategory.POINTS) is DAILY


def other(letter: str) -> str:
    return "B" if letter == "A" else "A"


def test_an_erased_persons_link_is_answered_politely_and_writes_nothing(
    room: NotifyingGreenroom,
) -> None:
    amy, mail = mailed(room)
    room.container.privacy.ask_erasure(room.manager, amy.member_id)
    room.container.notifications.forget_member(amy.program_id, amy.member_id)
    before = room.cloud.tables.items("NoticesTable")
    assert room.container.unsubscribing.unsubscribe(token_of(mail)) == "en"
    assert room.container.unsubscribing.language_of(token_of(mail)) == "en"
    assert room.cloud.tables.items("NoticesTable") == before


def test_a_link_that_is_followed_while_its_person_is_erased_leaves_nothing(
    room: NotifyingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    amy, mail = mailed(room)
    change = room.container.notice_store.change_box

    def overtaken(*given: Any) -> NoticeBox:
        room.container.privacy.ask_erasure(room.manager, amy.member_id)
        room.container.notifications.forget_member(amy.program_id, amy.member_id)
        return change(*given)

    monkeypatch.setattr(room.container.notice_store, "change_box", overtaken)
    room.container.unsubscribing.unsubscribe(token_of(mail))
    assert room.container.notice_store.box(amy.program_id, amy.member_id).version == 0


@pytest.mark.parametrize("while_invited", [True, False])
def test_a_link_that_a_removed_person_follows_holds_when_they_come_back(
    room: NotifyingGreenroom, *, while_invited: bool
) -> None:
    amy, mail = mailed(room)
    room.container.members.remove(room.manager, amy.member_id)
    room.deliver_all()
    if while_invited:
        room.container.members.invite(room.manager, amy.email, None, Role.MEMBER)
    room.container.unsubscribing.unsubscribe(token_of(mail))
    if not while_invited:
        room.container.members.invite(room.manager, amy.email, None, Role.MEMBER)
    amy = room.now(amy)
    assert room.overview(amy).settings.of(NoticeCategory.POINTS) is NEVER


# Addresses that take no mails


@pytest.mark.parametrize(
    ("told", "why"), [(bounce, Refusal.BOUNCED), (complaint, Refusal.COMPLAINED)]
)
def test_a_bounce_or_complaint_switches_mails_off_and_shows_in_the_worklist(
    room: NotifyingGreenroom, told: Callable[..., str], why: Refusal
) -> None:
    amy, mail = mailed(room)
    for _ in range(2):
        room.deliver_ses_events(told(mail, "Amy <AMY@Demo.example>"))
    assert room.overview(amy).refused is why
    assert [(each.code, each.title) for each in room.worklist().items] == [("mail_refused", "amy")]
    room.container.points.adjust(room.manager, amy.member_id, 5, "Again")
    room.deliver_all()
    room.pass_time(hours=30)
    assert len(room.to(amy)) == 1
    room.container.notifications.change_settings(room.now(amy), SettingsChanges(mail_again=True))
    assert room.overview(amy).refused is None
    assert room.worklist().items == ()
    room.pass_time(hours=30)
    assert len(room.to(amy)) == 2


@pytest.mark.parametrize(("told", "left"), [(bounce, None), (complaint, Refusal.COMPLAINED)])
def test_a_returned_member_is_mailed_again_unless_they_complained(
    room: NotifyingGreenroom, told: Callable[..., str], left: Refusal | None
) -> None:
    amy, mail = mailed(room)
    room.deliver_ses_events(told(mail, "amy@demo.example"))
    room.container.members.remove(room.manager, amy.member_id)
    room.deliver_all()
    room.container.members.invite(room.manager, amy.email, None, Role.MEMBER)
    assert room.now(amy).member_id == amy.member_id
    room.deliver_all()
    assert room.overview(amy).refused is left


@pytest.mark.parametrize("told", [bounce, complaint])
def test_a_late_bounce_from_before_mails_were_enabled_again_does_not_disable_them(
    room: NotifyingGreenroom, told: Callable[..., str]
) -> None:
    """Events wait for days where failures wait, and come twice; each says when it happened."""
    amy, mail = mailed(room)
    first, again = told(mail, at=room.clock.now()), SettingsChanges(mail_again=True)
    room.deliver_ses_events(first)
    assert room.overview(amy).refused
    room.pass_time(hours=1)
    room.container.notifications.change_settings(room.now(amy), again)
    room.pass_time(hours=50)
    room.deliver_ses_events(first, told(mail, at=room.clock.now() - timedelta(hours=50, minutes=1)))
    assert room.overview(amy).refused is None
    assert room.worklist().items == ()
    room.deliver_ses_events(told(mail, at=room.clock.now() - timedelta(hours=49)))
    assert room.overview(amy).refused
    assert room.codes() == ["mail_refused"]
    # Where it does not say when, it counts as of now.
    room.container.notifications.change_settings(room.now(amy), again)
    room.deliver_ses_events(told(mail))
    assert room.overview(amy).refused


@pytest.mark.parametrize(("told", "left"), [(bounce, None), (complaint, Refusal.COMPLAINED)])
def test_a_late_complaint_from_before_a_member_came_back_counts(
    room: NotifyingGreenroom, told: Callable[..., str], left: Refusal | None
) -> None:
    amy, mail = mailed(room)
    late = told(mail, at=room.clock.now())
    room.pass_time(hours=1)
    room.container.members.remove(room.manager, amy.member_id)
    room.deliver_all()
    room.container.members.invite(room.manager, amy.email, None, Role.MEMBER)
    amy = room.now(amy)
    room.deliver_ses_events(late)
    assert room.overview(amy).refused is left
    room.deliver_ses_events(told(mail, at=room.clock.now()))
    assert room.overview(amy).refused


def test_a_bounce_that_comes_while_its_member_is_removed_is_forgotten_with_them(
    room: NotifyingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The removal, and what follows from it, come between the look at the member and the write."""
    amy, mail = mailed(room)
    store = room.container.notice_store
    change, waits = store.change_box, [amy.member_id]

    def overtaken(*given: Any) -> NoticeBox:
        if waits:
            room.container.members.remove(room.manager, waits.pop())
            room.deliver_all()
        return change(*given)

    monkeypatch.setattr(store, "change_box", overtaken)
    room.deliver_ses_events(bounce(Mail(mail.to, mail.message, {**mail.tags, "claim": ""})))
    assert waits == []
    assert store.box(amy.program_id, amy.member_id).refused is None
    assert room.worklist().items == ()


def test_a_bounce_at_the_moment_mails_are_switched_on_again_is_on_the_worklist(
    room: NotifyingGreenroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    amy, mail = mailed(room)
    room.deliver_ses_events(bounce(mail))
    worklist = room.container.refused_addresses
    clear_refusal, waits = worklist.clear_refusal, [bounce(mail)]

    def overtaken(*given: Any) -> None:
        if waits:
            room.deliver_ses_events(waits.pop())
        clear_refusal(*given)

    monkeypatch.setattr(worklist, "clear_refusal", overtaken)
    room.container.notifications.change_settings(room.now(amy), SettingsChanges(mail_again=True))
    assert room.overview(amy).refused is Refusal.BOUNCED
    assert room.codes() == ["mail_refused"]


def test_bounces_that_are_transient_or_of_other_addresses_disable_nothing(
    room: NotifyingGreenroom,
) -> None:
    amy, mail = mailed(room)
    room.deliver_ses_events(
        bounce(mail, "eve@demo.example"),
        bounce(mail, "not an address"),
        bounce(mail, kind="Transient"),
        bounce(mail, kind="Undetermined"),
        complaint(mail, "eve@demo.example"),
        complaint(mail, kind="not-spam"),
        complaint(mail, kind="Auth-Failure"),
        bounce(Mail(mail.to, mail.message, {})),
        bounce(Mail(mail.to, mail.message, {**mail.tags, "member": "mem_nobody"})),
    )
    assert room.overview(amy).refused is None
    assert room.worklist().items == ()
    several = json.loads(bounce(mail))
    several["detail"]["bounce"]["bouncedRecipients"] = [
        {"emailAddress": "eve@demo.example"},
        {},
        {"emailAddress": f" {amy.email.upper()} "},
    ]
    room.deliver_ses_events(json.dumps(several))
    assert room.overview(amy).refused is Refusal.BOUNCED
    room.deliver_ses_events(complaint(mail), bounce(mail))
    assert room.overview(amy).refused is Refusal.COMPLAINED


def test_a_removed_member_is_mailed_nothing_that_was_due(room: NotifyingGreenroom) -> None:
    amy = room.join("amy")
    room.container.points.adjust(room.manager, amy.member_id, 5, "Fair")
    room.deliver_all()
    room.container.members.remove(room.manager, amy.member_id)
    room.pass_time(hours=3)
    assert room.mails == []
    assert room.container.notice_store.box(amy.program_id, amy.member_id).mail_at is None
