"""Rules of TikTok accounts, at their edges: how long places, tokens and windows last."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chalicelib.foundation.identity import Role, TikTokState
from chalicelib.programs.model import Member, MembershipHolder, MemberStatus
from chalicelib.tiktok.model import (
    CONSENT_LIFETIME,
    CONSENT_WINDOW,
    CONSENTS_PER_WINDOW,
    INBOX_PLACES,
    LAPSE_AHEAD,
    PLACE_LIFETIME,
    REFRESH_AHEAD,
    REFRESH_LOCK_DURATION,
    REMOVAL_RETENTION,
    Account,
    ConsentWindow,
    InboxPlace,
    Tokens,
)
from chalicelib.tiktok.webhooks import MAX_AGE, MAX_CLOCK_SKEW
from tests.clock import NOON

MOMENT = timedelta(microseconds=1)
ACCOUNT = Account(
    program_id="prg_a",
    member_id="mem_a",
    state=TikTokState.CONNECTED,
    open_id="open-a",
    display_name="A",
    avatar_url=None,
    tokens=b"ciphertext",
    access_expires_at=NOON,
    refresh_expires_at=NOON,
    connected_at=NOON,
)
MEMBER = Member(
    program_id="prg_a",
    member_id="mem_a",
    email="ana@demo.example",
    name="Ana",
    role=Role.MEMBER,
    status=MemberStatus.ACTIVE,
    time_zone="",
    invited_at=NOON,
    subject="subject-a",
)


def test_the_numbers_are_those_that_are_promised() -> None:
    assert timedelta(minutes=10) == CONSENT_LIFETIME == REFRESH_AHEAD
    assert timedelta(days=14) == LAPSE_AHEAD
    assert timedelta(seconds=90) == REFRESH_LOCK_DURATION
    assert (5, timedelta(hours=24)) == (INBOX_PLACES, PLACE_LIFETIME)
    assert (20, timedelta(hours=1)) == (CONSENTS_PER_WINDOW, CONSENT_WINDOW)


def test_a_removal_is_remembered_for_longer_than_it_may_be_signed() -> None:
    assert REMOVAL_RETENTION > MAX_AGE + MAX_CLOCK_SKEW


def test_a_place_is_taken_for_a_day_and_not_a_moment_longer() -> None:
    place = InboxPlace("prf_a", NOON)
    assert place.is_taken_at(NOON)
    assert place.is_taken_at(NOON + PLACE_LIFETIME - MOMENT)
    assert not place.is_taken_at(NOON + PLACE_LIFETIME)
    assert place.free_at == NOON + PLACE_LIFETIME


def test_places_of_one_performance_are_told_apart_by_their_drafts() -> None:
    assert InboxPlace("prf_a", NOON).lost_draft is None
    assert (
        len({InboxPlace("prf_a", NOON), InboxPlace("prf_a", NOON, 1), InboxPlace("prf_a", NOON, 2)})
        == 3
    )


@pytest.mark.parametrize(
    ("before_its_end", "fresh"),
    [(REFRESH_AHEAD + MOMENT, True), (REFRESH_AHEAD, False), (timedelta(0), False)],
)
def test_a_token_is_refreshed_ahead_of_its_end(before_its_end: timedelta, fresh: bool) -> None:
    assert ACCOUNT.is_fresh_at(NOON - before_its_end) is fresh


def test_tokens_are_not_shown() -> None:
    shown = repr(Tokens("access-token", "refresh-token"))
    assert "access-token" not in shown
    assert "refresh-token" not in shown


@pytest.mark.parametrize(
    ("now", "ends_at"),
    [
        (NOON, NOON + timedelta(hours=1)),
        (NOON + timedelta(minutes=59, seconds=59), NOON + timedelta(hours=1)),
        (NOON - MOMENT, NOON),
    ],
)
def test_a_window_of_consents_ends_on_the_next_full_hour(now: datetime, ends_at: datetime) -> None:
    assert NOON.minute == NOON.second == NOON.microsecond == 0
    window = ConsentWindow.at(now)
    assert window.ends_at == ends_at
    assert window.number == int(ends_at.timestamp()) // 3600 - 1


@pytest.mark.parametrize(
    ("member", "holds"),
    [
        (MEMBER, True),
        (None, False),
        (replace(MEMBER, subject="subject-b"), False),
        (replace(MEMBER, subject=None), False),
        (replace(MEMBER, invited_at=NOON + MOMENT), False),
        (replace(MEMBER, status=MemberStatus.REMOVED), False),
        (replace(MEMBER, status=MemberStatus.INVITED), False),
    ],
)
def test_a_membership_is_held_by_the_person_who_took_up_its_invitation(
    member: Member | None, holds: bool
) -> None:
    assert MembershipHolder("subject-a", NOON).holds(member) is holds
