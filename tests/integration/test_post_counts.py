"""Views of posts: read only while their member lets them be, ever more seldom, then forgotten."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.audit.model import EntryFilter, Kind
from chalicelib.foundation.identity import Caller, TikTokState
from chalicelib.foundation.problems import Problem
from chalicelib.foundation.settings import Settings
from chalicelib.performances import worker
from chalicelib.performances.counts import service as counting
from chalicelib.performances.counts.service import (
    RETRY_DELAY,
    RETRY_DELAY_WITHOUT_ACCOUNT,
    PostStatistics,
)
from chalicelib.performances.model import COUNTS_READ_FOR, Performance, State, posted, with_post
from chalicelib.tiktok.client import SCOPES, VIEWS_SCOPE, VideoCounts
from chalicelib.tiktok.errors import (
    AccessTokenRefused,
    Cause,
    Reconnect,
    TikTokError,
    TikTokRefused,
    TryLater,
)
from chalicelib.tiktok.problems import TikTokProblem
from tests.clock import StoppedClock
from tests.integration.greenroom import (
    CONTEXT,
    CORRELATION,
    FakeTikTok,
    Greenroom,
    event,
    signature,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ALL_SCOPES = frozenset({*SCOPES, VIEWS_SCOPE})


class CountingTikTok(FakeTikTok):
    """TikTok with counts of videos; it knows nothing of consents."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes = ALL_SCOPES
        self.counted: dict[str, int] = {}
        self.asked: list[tuple[str, list[str]]] = []

    def videos(self, access_token: str, video_ids: Collection[str]) -> dict[str, VideoCounts]:
        assert 0 < len(video_ids) <= 20
        self._run_next_step("videos")
        self.asked.append((access_token.split("-")[1], sorted(video_ids)))
        return {
            each: VideoCounts(
                self.counted[each], 3, 2, 1, f"https://www.tiktok.com/@a/video/{each}"
            )
            for each in video_ids
            if each in self.counted
        }


@pytest.fixture
def tiktok() -> CountingTikTok:
    return CountingTikTok()


@pytest.fixture
def greenroom(settings: Settings, clock: StoppedClock, tiktok: CountingTikTok) -> Greenroom:
    return Greenroom(settings.changed(tiktok_views=True), clock, tiktok)


@pytest.fixture
def counts(greenroom: Greenroom) -> PostStatistics:
    return greenroom.container.counts


def allows(greenroom: Greenroom, caller: Caller, person: str) -> None:
    """Let a member allow on TikTok's page that views are read."""
    begun = greenroom.container.consents.begin_consent(caller, CORRELATION, views=True)
    greenroom.complete_consent(begun, person)


_numbers = count(1)


def posts(greenroom: Greenroom, caller: Caller, person: str, post_id: str | None) -> Performance:
    """Perform an activity that its member posts at once; with a post id, publicly."""
    made = greenroom.perform(caller, greenroom.activity(posted_bonus=5))
    begun = replace(made, publish_id=f"v_{next(_numbers)}", open_id=f"open-{person}")
    done = posted(begun, greenroom.clock.now())
    store = greenroom.container.performance_store
    places = greenroom.container.inbox_places
    free = places.free_places(made.program_id, made.member_id, made.places)
    store.commit([store.change(made, done, None), free])
    if post_id:
        tells(greenroom, begun, "post.publish.publicly_available", post_id=post_id)
    return greenroom.stored(made)


def tells(greenroom: Greenroom, performance: Performance, name: str, **content: str) -> None:
    body = event(name, greenroom.clock, publish_id=performance.publish_id, **content)
    greenroom.container.tiktok_webhooks.handle_webhook(signature(body, greenroom.clock), body)


def runs(greenroom: Greenroom, *, offered: bool = True) -> int:
    """Let the clock tick, in a function that starts cold."""
    return worker.sync_views(greenroom.cold_container().counts, offered=offered, context=CONTEXT)


@pytest.fixture
def ana(greenroom: Greenroom) -> Caller:
    caller = greenroom.member("bea")
    greenroom.connect_account(caller, "bea")
    caller = greenroom.now(caller)
    allows(greenroom, caller, "bea")
    return caller


def views(performance: Performance) -> int | None:
    return performance.counted.views if performance.counted else None


# Asking


def scopes_of(url: str) -> set[str]:
    return set(parse_qs(urlsplit(url).query)["scope"][0].split(","))


def test_views_are_asked_for_only_by_themselves(greenroom: Greenroom) -> None:
    caller = greenroom.member()
    assert scopes_of(greenroom.asks(caller).authorize_url) == set(SCOPES)
    begun = greenroom.container.consents.begin_consent(caller, CORRELATION, views=True)
    assert scopes_of(begun.authorize_url) == ALL_SCOPES


def test_where_views_are_not_offered_nobody_is_asked(
    settings: Settings, clock: StoppedClock, tiktok: CountingTikTok
) -> None:
    greenroom = Greenroom(settings, clock, tiktok)
    with pytest.raises(Problem) as raised:
        greenroom.container.consents.begin_consent(greenroom.manager, CORRELATION, views=True)
    assert raised.value.code is TikTokProblem.TIKTOK_VIEWS_OFF
    assert not greenroom.container.tiktok.offers_views


def test_a_member_who_denies_the_view_scope_stays_connected_without_views(
    greenroom: Greenroom, tiktok: CountingTikTok
) -> None:
    tiktok.scopes = frozenset(SCOPES)
    caller = greenroom.member()
    begun = greenroom.container.consents.begin_consent(caller, CORRELATION, views=True)
    connected = greenroom.complete_consent(begun, "bea")
    assert connected.views is False
    account = greenroom.container.tiktok.account(greenroom.now(caller))
    assert (account.state, account.views_since) == (TikTokState.CONNECTED, None)


def test_connecting_again_asks_for_what_was_allowed_and_keeps_it(
    greenroom: Greenroom, ana: Caller
) -> None:
    since = greenroom.container.tiktok.account(ana).views_since
    assert since is not None
    greenroom.clock.advance(DAY)
    begun = greenroom.asks(ana)
    assert scopes_of(begun.authorize_url) == ALL_SCOPES
    greenroom.complete_consent(begun, "bea")
    assert greenroom.container.tiktok.account(ana).views_since == since


def test_the_trail_tells_when_it_was_allowed_and_taken_back(
    greenroom: Greenroom, ana: Caller, counts: PostStatistics
) -> None:
    counts.revoke_views_consent(ana)
    counts.revoke_views_consent(ana)
    for kind in (Kind.ACCOUNT_VIEWS_ALLOWED, Kind.ACCOUNT_VIEWS_ENDED):
        found = greenroom.container.audit.entries(
            greenroom.manager, EntryFilter(kind=kind), 9, None
        )
        assert [each.thing for each in found.items] == [ana.member_id]


# Reading


def test_a_public_post_is_read_an_hour_later_and_matched_to_its_performance(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    made = posts(greenroom, ana, "bea", "71")
    other = posts(greenroom, ana, "bea", "72")
    tiktok.counted = {"71": 100, "72": 7}
    assert runs(greenroom) == 0
    greenroom.clock.advance(HOUR)
    assert runs(greenroom) == 2
    assert tiktok.asked == [("bea", ["71", "72"])]
    found = greenroom.stored(made).counted
    assert found is not None
    assert (found.views, found.likes, found.comments, found.shares) == (100, 3, 2, 1)
    assert (found.link, found.at) == ("https://www.tiktok.com/@a/video/71", greenroom.clock.now())
    assert views(greenroom.stored(other)) == 7


def test_a_public_video_counts_as_posted_even_without_a_webhook(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    made = greenroom.perform(ana, greenroom.activity(posted_bonus=5))
    begun = replace(made, publish_id="v_early", open_id="open-bea")
    store = greenroom.container.performance_store
    store.commit([store.change(made, begun, None)])
    for _ in range(2):
        tells(greenroom, begun, "post.publish.publicly_available", post_id="71")
    tells(greenroom, begun, "post.publish.complete")
    found = greenroom.stored(made)
    assert (found.state, found.post_id) == (State.POSTED, "71")
    assert greenroom.ledger(ana) == [("award", 10), ("bonus", 5)]


def test_a_second_post_of_the_same_video_changes_nothing(greenroom: Greenroom, ana: Caller) -> None:
    made = posts(greenroom, ana, "bea", "71")
    tells(greenroom, made, "post.publish.publicly_available", post_id="72")
    assert greenroom.stored(made).post_id == "71"


def test_readings_become_seldom_and_end_after_thirty_days(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    made = posts(greenroom, ana, "bea", "71")
    began = greenroom.clock.now()
    read: list[timedelta] = []
    steps = [HOUR] * 24 + [DAY] * 36
    for step in steps:
        greenroom.clock.advance(step)
        tiktok.counted["71"] = len(read) + 1
        if worker.sync_views(greenroom.container.counts, offered=True, context=CONTEXT):
            read.append(greenroom.clock.now() - began)
    assert read[:24] == [HOUR * each for each in range(1, 25)]
    assert read[24:31] == [DAY * each for each in (2, 3, 4, 5, 6, 7, 10)]
    assert read[-1] == COUNTS_READ_FOR
    assert len(read) <= 40
    found = greenroom.stored(made)
    assert (views(found), found.count_at) == (len(read), None)


def test_a_run_twice_or_late_counts_once(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    made = posts(greenroom, ana, "bea", "71")
    tiktok.counted = {"71": 5}
    greenroom.clock.advance(3 * DAY)
    assert [runs(greenroom), runs(greenroom)] == [1, 0]
    assert greenroom.stored(made).count_at == greenroom.clock.now() + DAY


def test_an_older_answer_never_overwrites_a_newer(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    """Another worker reads and writes while the first one waits for TikTok."""
    made = posts(greenroom, ana, "bea", "71")
    tiktok.counted = {"71": 5}
    greenroom.clock.advance(HOUR)

    def meanwhile() -> None:
        tiktok.counted = {"71": 9}
        assert runs(greenroom) == 1
        tiktok.counted = {"71": 5}

    tiktok.next_steps["videos"] = [meanwhile]
    assert runs(greenroom) == 0
    assert views(greenroom.stored(made)) == 9


def test_the_next_run_reads_the_views_a_killed_run_left(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [posts(greenroom, ana, "bea", str(each)) for each in (71, 72)]
    tiktok.counted = {"71": 1, "72": 2}
    greenroom.clock.advance(HOUR)

    class Killed(BaseException):
        """The function dies."""

    write = PostStatistics._write_counts  # noqa: SLF001  the process dies between two writes
    done: list[object] = []

    def dies(self: PostStatistics, *arguments: Any) -> bool:
        if done:
            raise Killed
        done.append(arguments)
        return write(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(PostStatistics, "_write_counts", dies)
        with pytest.raises(Killed):
            runs(greenroom)
    assert runs(greenroom) == 1
    assert [views(greenroom.stored(each)) for each in made] == [1, 2]


def test_a_post_that_tiktok_does_not_show_keeps_what_was_read(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    made = posts(greenroom, ana, "bea", "71")
    tiktok.counted = {"71": 5}
    greenroom.clock.advance(HOUR)
    runs(greenroom)
    tiktok.counted = {}
    greenroom.clock.advance(HOUR)
    assert runs(greenroom) == 0
    found = greenroom.stored(made)
    assert (views(found), found.count_at) == (5, greenroom.clock.now() + HOUR)


def test_twenty_are_asked_for_at_once(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    for each in range(23):
        posts(greenroom, ana, "bea", str(100 + each))
    greenroom.clock.advance(HOUR)
    runs(greenroom)
    assert [len(ids) for _, ids in tiktok.asked] == [20, 3]


def test_members_are_asked_for_each_by_their_own_token(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    """Whatever TikTok answers, counts go to the performance whose post it is."""
    caro = greenroom.member("caro")
    greenroom.connect_account(caro, "caro")
    caro = greenroom.now(caro)
    allows(greenroom, caro, "caro")
    hers, other = posts(greenroom, caro, "caro", "81"), posts(greenroom, ana, "bea", "71")
    tiktok.counted = {"71": 7, "81": 8}
    greenroom.clock.advance(HOUR)
    runs(greenroom)
    assert sorted(tiktok.asked) == [("bea", ["71"]), ("caro", ["81"])]
    assert (views(greenroom.stored(hers)), views(greenroom.stored(other))) == (8, 7)


# What TikTok refuses


def test_nobody_else_is_asked_for_once_tiktok_says_too_often(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    caro = greenroom.member("caro")
    greenroom.connect_account(caro, "caro")
    caro = greenroom.now(caro)
    allows(greenroom, caro, "caro")
    posts(greenroom, caro, "caro", "81")
    made = posts(greenroom, ana, "bea", "71")
    tiktok.counted = {"71": 7, "81": 8}
    greenroom.clock.advance(HOUR)
    tiktok.next_steps["videos"] = [
        TryLater("rate_limit_exceeded", http_status=429, retry_after_seconds=3600)
    ]
    assert runs(greenroom) == 0
    assert tiktok.made.count("videos") == 1
    greenroom.clock.advance(RETRY_DELAY)
    assert runs(greenroom) == 1, "who was refused waits as long as TikTok asked for"
    greenroom.clock.advance(HOUR)
    assert runs(greenroom) == 2
    assert views(greenroom.stored(made)) == 7


@pytest.mark.parametrize(
    "error", [TryLater("internal_error"), TikTokRefused("new", cause=Cause.UNKNOWN)]
)
def test_views_that_tiktok_does_not_answer_are_requested_again(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller, error: TikTokError
) -> None:
    made = posts(greenroom, ana, "bea", "71")
    tiktok.counted = {"71": 7}
    greenroom.clock.advance(HOUR)
    tiktok.next_steps["videos"] = [error]
    assert [runs(greenroom), runs(greenroom)] == [0, 0]
    greenroom.clock.advance(RETRY_DELAY)
    assert runs(greenroom) == 1
    assert views(greenroom.stored(made)) == 7


def test_an_app_that_tiktok_refuses_sounds_the_alarm(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    posts(greenroom, ana, "bea", "71")
    greenroom.clock.advance(HOUR)
    tiktok.next_steps["videos"] = [TikTokRefused("invalid_scope", cause=Cause.APP_SETTINGS)]
    with pytest.raises(TikTokRefused):
        runs(greenroom)


def test_a_refused_token_is_refreshed_once_and_then_the_account_waits(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    made = posts(greenroom, ana, "bea", "71")
    tiktok.counted = {"71": 7}
    greenroom.clock.advance(HOUR)
    tiktok.next_steps["videos"] = [AccessTokenRefused("access_token_invalid")]
    assert runs(greenroom) == 1
    greenroom.clock.advance(HOUR)
    tiktok.next_steps["videos"] = [AccessTokenRefused("access_token_invalid")] * 2
    assert runs(greenroom) == 0
    account = greenroom.container.tiktok.account(ana)
    assert account.state is TikTokState.RECONNECT_REQUIRED
    assert greenroom.stored(made).count_at == greenroom.clock.now() + RETRY_DELAY_WITHOUT_ACCOUNT
    assert views(greenroom.stored(made)) == 7
    greenroom.connect_account(ana, "bea")
    greenroom.clock.advance(RETRY_DELAY_WITHOUT_ACCOUNT)
    assert runs(greenroom) == 1


# Taking it back


def ends_here(greenroom: Greenroom, caller: Caller, tiktok: CountingTikTok) -> None:
    greenroom.container.counts.revoke_views_consent(caller)


def ends_at_tiktok(greenroom: Greenroom, caller: Caller, tiktok: CountingTikTok) -> None:
    """The permission alone, in TikTok's settings: only the next reading shows it."""
    tiktok.next_steps["videos"] = [Reconnect("scope_not_authorized", cause=Cause.SCOPE_MISSING)]
    greenroom.clock.advance(2 * HOUR)


def disconnects(greenroom: Greenroom, caller: Caller, tiktok: CountingTikTok) -> None:
    greenroom.container.connections.disconnect(caller)


def ends_all_at_tiktok(greenroom: Greenroom, caller: Caller, tiktok: CountingTikTok) -> None:
    body = event("authorization.removed", greenroom.clock, open_id="open-bea", reason=1)
    greenroom.clock.advance(2 * HOUR)
    greenroom.container.tiktok_webhooks.handle_webhook(signature(body, greenroom.clock), body)


def connects_another(greenroom: Greenroom, caller: Caller, tiktok: CountingTikTok) -> None:
    greenroom.connect_account(caller, "dora")


@pytest.mark.parametrize(
    "ends", [ends_here, ends_at_tiktok, disconnects, ends_all_at_tiktok, connects_another]
)
def test_views_are_deleted_with_the_consent(
    greenroom: Greenroom,
    tiktok: CountingTikTok,
    ana: Caller,
    ends: Callable[[Greenroom, Caller, CountingTikTok], None],
) -> None:
    made = [posts(greenroom, ana, "bea", str(each)) for each in (71, 72)]
    tiktok.counted = {"71": 7, "72": 8}
    greenroom.clock.advance(HOUR)
    runs(greenroom)
    assert [views(greenroom.stored(each)) for each in made] == [7, 8]
    tiktok.made.clear()
    ends(greenroom, ana, tiktok)
    greenroom.clock.advance(2 * HOUR)
    runs(greenroom)
    for each in made:
        found = greenroom.stored(each)
        assert found.state is State.POSTED
        assert found.counted is not None
        assert (found.counted.views, found.counted.likes, found.counted.link) == (None, 0, None)
        assert found.count_at is None
    greenroom.clock.advance(DAY)
    asked = tiktok.made.count("videos")
    runs(greenroom)
    assert tiktok.made.count("videos") == asked <= 1


def test_a_reading_under_way_is_not_written_once_the_member_took_it_back(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    made = posts(greenroom, ana, "bea", "71")
    tiktok.counted = {"71": 7}
    greenroom.clock.advance(HOUR)
    tiktok.next_steps["videos"] = [lambda: greenroom.container.counts.revoke_views_consent(ana)]
    assert runs(greenroom) == 0
    assert views(greenroom.stored(made)) is None


def breaks(*_: object) -> None:
    raise TimeoutError


def test_an_interrupted_deletion_of_views_is_finished_by_the_schedule(
    greenroom: Greenroom,
    tiktok: CountingTikTok,
    ana: Caller,
    counts: PostStatistics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = posts(greenroom, ana, "bea", "71")
    tiktok.counted = {"71": 7}
    greenroom.clock.advance(HOUR)
    runs(greenroom)
    with monkeypatch.context() as patched:
        patched.setattr(counting.PostStatistics, "apply_views_consent", breaks)
        with pytest.raises(TimeoutError):
            counts.revoke_views_consent(ana)
    assert views(greenroom.stored(made)) == 7
    greenroom.clock.advance(timedelta(minutes=15))
    runs(greenroom, offered=False)
    assert views(greenroom.stored(made)) is None


def test_posts_from_before_the_consent_are_read_too(
    greenroom: Greenroom, tiktok: CountingTikTok
) -> None:
    caller = greenroom.member()
    greenroom.connect_account(caller, "bea")
    caller = greenroom.now(caller)
    old = posts(greenroom, caller, "bea", "70")
    greenroom.clock.advance(COUNTS_READ_FOR)
    made = posts(greenroom, caller, "bea", "71")
    private = posts(greenroom, caller, "bea", None)
    tiktok.counted = {"70": 5, "71": 7}
    greenroom.clock.advance(HOUR)
    assert runs(greenroom) == 0
    assert tiktok.asked == []
    allows(greenroom, caller, "bea")
    greenroom.clock.advance(timedelta(minutes=15))
    assert runs(greenroom) == 1
    assert [views(greenroom.stored(each)) for each in (old, made, private)] == [None, 7, None]


def test_switched_off_for_the_deployment_nothing_is_read(
    greenroom: Greenroom, tiktok: CountingTikTok, ana: Caller
) -> None:
    posts(greenroom, ana, "bea", "71")
    greenroom.clock.advance(DAY)
    assert runs(greenroom, offered=False) == 0
    assert tiktok.asked == []


def test_a_post_is_kept_only_once() -> None:
    made = Performance(
        program_id="prg_1",
        member_id="mem_1",
        performance_id="prf_1",
        activity_id="act_1",
        instructions="",
        video_key="",
        content_type="",
        size_bytes=1,
        points=1,
        state=State.POSTED,
        correlation_id="",
        queued_at=StoppedClock().now(),
    )
    noted = with_post(made, "1", None)
    assert with_post(noted, "2", StoppedClock().now()) == noted
