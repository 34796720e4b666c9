"""Rewards: what managers offer, what members see of it, and pictures that are checked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.foundation.identity import Caller, Role
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.programs.model import ChannelKind
from chalicelib.programs.service import CACHED_FOR, ProgramChanges
from chalicelib.rewards import worker
from chalicelib.rewards.events import events_of
from chalicelib.rewards.model import (
    MAX_REWARDS,
    RedemptionStatus,
    Reward,
    RewardState,
    RewardStatus,
)
from chalicelib.rewards.pictures import examine_picture
from chalicelib.rewards.service import RewardService
from chalicelib.rewards.store import RewardStore, ShownPictures
from tests.events import Relayed, streamed
from tests.integration.conftest import Calls
from tests.integration.greenroom import Greenroom
from tests.pictures import jpeg, png

HOUR = timedelta(hours=1)


@pytest.fixture
def greenroom(tables_in_memory: None, greenroom: Greenroom) -> Greenroom:
    """Tables that answer quickly: rewards are made by the hundred here."""
    return greenroom


@pytest.fixture
def rewards(greenroom: Greenroom) -> RewardService:
    return greenroom.container.rewards


@pytest.fixture
def ben(greenroom: Greenroom) -> Caller:
    return greenroom.member("ben")


@pytest.fixture
def made(greenroom: Greenroom, rewards: RewardService) -> Callable[..., Reward]:
    def made(**wanted: Any) -> Reward:
        greenroom.clock.advance(timedelta(milliseconds=1))
        given: Any = {"title": "Mug", "price": 50} | wanted
        return rewards.create(greenroom.manager, **given)

    return made


def titles(rewards: RewardService, caller: Caller) -> list[str]:
    return [each.title for each in rewards.offered(caller)]


def refusal(attempt: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as refused:
        attempt()
    return refused.value


def test_offers_are_listed_cheapest_first_without_drafts_and_archived_rewards(
    rewards: RewardService, ben: Caller, made: Callable[..., Reward]
) -> None:
    made(title="Dear", price=500)
    made(title="Cheap", price=5)
    made(title="Draft", state=RewardState.DRAFT)
    made(title="Archived", state=RewardState.ARCHIVED)
    assert titles(rewards, ben) == ["Cheap", "Dear"]


def test_a_window_opens_and_closes_to_the_second(
    greenroom: Greenroom, rewards: RewardService, ben: Caller, made: Callable[..., Reward]
) -> None:
    """Wall-clock times are meant in the manager's zone, Berlin: two hours before UTC in June."""
    reward = made(starts_at="2026-06-15T15:00", ends_at="2026-06-15T16:00")
    assert reward.starts_at is not None
    assert reward.starts_at.isoformat() == "2026-06-15T13:00:00+00:00"
    for at, seen in ((-1, []), (0, ["Mug"]), (3599, ["Mug"]), (3600, [])):
        greenroom.clock.at = reward.starts_at + timedelta(seconds=at)
        assert titles(rewards, ben) == seen, at


@pytest.mark.parametrize(
    ("wanted", "field", "code"),
    [
        ({"starts_at": "2026-13-01T00:00"}, "starts_at", "invalid_time"),
        ({"ends_at": "2026-06-15T10:00"}, "ends_at", "in_the_past"),
        (
            {"starts_at": "2026-07-02T10:00", "ends_at": "2026-07-01T10:00"},
            "ends_at",
            "before_start",
        ),
        ({"ends_at": "2026-10-25T02:30"}, "ends_at", "time_exists_twice"),
        ({"channel_ids": ["chn_none"]}, "channel_ids", "unknown_channel"),
        ({"picture_id": "pic_none"}, "picture_id", "picture_not_received"),
    ],
)
def test_an_invalid_value_is_refused_naming_its_field(
    made: Callable[..., Reward], wanted: dict[str, Any], field: str, code: str
) -> None:
    problem = refusal(lambda: made(**wanted))
    (error,) = problem.errors
    assert (problem.code, error.field, error.code) == (ProblemCode.INVALID_REQUEST, field, code)


def test_a_reward_for_channels_is_for_their_members_alone(
    greenroom: Greenroom, rewards: RewardService, ben: Caller, made: Callable[..., Reward]
) -> None:
    channels = greenroom.container.channels
    board = channels.create(greenroom.manager, "Board", ChannelKind.PRIVATE).channel
    reward = made(channel_ids=[board.channel_id])
    assert titles(rewards, ben) == []
    problem = refusal(lambda: rewards.standing(ben, reward.reward_id))
    assert problem.code is ProblemCode.NOT_FOUND
    channels.add_members(greenroom.manager, board.channel_id, [ben.member_id])
    assert titles(rewards, greenroom.now(ben)) == ["Mug"]
    channels.change(greenroom.manager, board.channel_id, name=None, archived=True)
    (error,) = refusal(lambda: made(channel_ids=[board.channel_id])).errors
    assert error.code == "channel_archived"
    # what it is addressed to stays
    edited = rewards.edit(greenroom.manager, reward.reward_id, 1, title="Cup")
    assert edited.channel_ids == frozenset({board.channel_id})


def test_a_member_reads_how_they_stand_to_a_reward(
    greenroom: Greenroom, rewards: RewardService, ben: Caller, made: Callable[..., Reward]
) -> None:
    reward = made(price=50, stock=3)
    standing = rewards.standing(ben, reward.reward_id)
    assert (standing.balance, standing.taken, standing.reward.left) == (0, 0, 3)
    greenroom.container.points.adjust(greenroom.manager, ben.member_id, 60, "Fair")
    greenroom.container.redemptions.redeem(ben, reward.reward_id, 50)
    standing = rewards.standing(ben, reward.reward_id)
    assert (standing.balance, standing.taken, standing.reward.left) == (10, 1, 2)


def test_two_managers_who_change_a_reward_at_once_are_told(
    greenroom: Greenroom, rewards: RewardService, made: Callable[..., Reward]
) -> None:
    reward = made()
    rewards.edit(greenroom.manager, reward.reward_id, 1, price=60)
    problem = refusal(lambda: rewards.edit(greenroom.manager, reward.reward_id, 1, price=70))
    assert (problem.code, problem.members) == (ProblemCode.CHANGED_MEANWHILE, {"version": 2})
    same = rewards.edit(greenroom.manager, reward.reward_id, 2, price=60)
    assert same.version == 2  # what changes nothing is no change


def test_a_stock_below_what_is_taken_is_refused_and_names_it(
    greenroom: Greenroom, rewards: RewardService, ben: Caller, made: Callable[..., Reward]
) -> None:
    reward = made(price=1, stock=5)
    greenroom.container.points.adjust(greenroom.manager, ben.member_id, 60, "Fair")
    for _ in range(3):
        greenroom.container.redemptions.redeem(ben, reward.reward_id, 1)
    (error,) = refusal(lambda: rewards.edit(greenroom.manager, reward.reward_id, 1, stock=2)).errors
    assert (error.field, error.code, error.limit) == ("stock", "below_taken", 3)
    assert "3 pieces" in error.message
    sold_out = rewards.edit(greenroom.manager, reward.reward_id, 1, stock=3)
    assert sold_out.status_at(greenroom.clock.now()) is RewardStatus.SOLD_OUT


def test_a_piece_that_is_taken_while_the_stock_is_lowered_is_not_lost(
    greenroom: Greenroom,
    rewards: RewardService,
    ben: Caller,
    made: Callable[..., Reward],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request comes between the manager's read and write."""
    reward = made(price=1, stock=2)
    greenroom.container.points.adjust(greenroom.manager, ben.member_id, 60, "Fair")
    store, change = greenroom.container.reward_store, greenroom.container.reward_store.change

    def meanwhile(was: Reward, becomes: Reward) -> None:
        if not greenroom.container.rewards.reward(greenroom.manager, reward.reward_id).taken:
            for _ in range(2):
                greenroom.container.redemptions.redeem(ben, reward.reward_id, 1)
        change(was, becomes)

    monkeypatch.setattr(store, "change", meanwhile)
    (error,) = refusal(lambda: rewards.edit(greenroom.manager, reward.reward_id, 1, stock=1)).errors
    assert (error.code, error.limit) == ("below_taken", 2)
    raised = rewards.edit(greenroom.manager, reward.reward_id, 1, stock=4, title="Cup")
    assert (raised.stock, rewards.reward(greenroom.manager, reward.reward_id).left) == (4, 2)


def test_a_stock_that_is_unlimited_for_a_while_counts_anew(
    greenroom: Greenroom, rewards: RewardService, ben: Caller, made: Callable[..., Reward]
) -> None:
    reward, redemptions = made(price=1, stock=1), greenroom.container.redemptions
    greenroom.container.points.adjust(greenroom.manager, ben.member_id, 60, "Fair")
    first = redemptions.redeem(ben, reward.reward_id, 1)
    rewards.edit(greenroom.manager, reward.reward_id, 1, stock=None)
    second = redemptions.redeem(ben, reward.reward_id, 1)
    limited = rewards.edit(greenroom.manager, reward.reward_id, 2, stock=1)
    assert (limited.taken, limited.left) == (0, 1)
    redemptions.redeem(ben, reward.reward_id, 1)
    for each in (first, second):  # of another stock, so nothing comes back to this one
        redemptions.reject(greenroom.manager, each.redemption_id, "Not today")
    assert rewards.reward(greenroom.manager, reward.reward_id).left == 0


def test_a_program_has_so_many_rewards_and_what_is_archived_makes_room(
    greenroom: Greenroom, rewards: RewardService, made: Callable[..., Reward]
) -> None:
    made(title="Of last year", state=RewardState.ARCHIVED)
    all_of_them = [made(title=f"Reward {number}") for number in range(MAX_REWARDS)]
    problem = refusal(made)
    assert (problem.code, problem.members) == (
        ProblemCode.LIMIT_REACHED,
        {"quota": "rewards", "limit": MAX_REWARDS},
    )
    first = all_of_them[0]
    rewards.edit(greenroom.manager, first.reward_id, 1, state=RewardState.ARCHIVED)
    made(title="Another")
    back = refusal(
        lambda: rewards.edit(greenroom.manager, first.reward_id, 2, state=RewardState.ACTIVE)
    )
    assert back.code is ProblemCode.LIMIT_REACHED
    made(title="Of the year before", state=RewardState.ARCHIVED)


def test_lists_of_managers_are_pages_newest_first_archived_ones_apart(
    greenroom: Greenroom, rewards: RewardService, made: Callable[..., Reward]
) -> None:
    for number in range(5):
        made(title=str(number))
    made(title="old", state=RewardState.ARCHIVED)
    first = rewards.rewards(greenroom.manager, 3, None, archived=False)
    second = rewards.rewards(greenroom.manager, 3, first.next_cursor, archived=False)
    assert [each.title for each in (*first.items, *second.items)] == ["4", "3", "2", "1", "0"]
    assert second.next_cursor is None
    (old,) = rewards.rewards(greenroom.manager, 3, None, archived=True).items
    assert old.title == "old"
    problem = refusal(
        lambda: rewards.rewards(greenroom.manager, 3, first.next_cursor, archived=True)
    )
    assert problem.code is ProblemCode.INVALID_CURSOR


def test_where_rewards_are_off_nothing_of_theirs_is_found_and_what_waits_can_be_closed(
    greenroom: Greenroom, rewards: RewardService, ben: Caller, made: Callable[..., Reward]
) -> None:
    reward, redemptions = made(price=1), greenroom.container.redemptions
    manager = greenroom.manager
    greenroom.container.points.adjust(manager, ben.member_id, 60, "Fair")
    first, second = (redemptions.redeem(ben, reward.reward_id, 1) for _ in range(2))
    greenroom.container.programs.change_program(manager, ProgramChanges(rewards=False))
    greenroom.clock.advance(CACHED_FOR)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: rewards.offered(ben),
        lambda: rewards.standing(ben, reward.reward_id),
        lambda: rewards.rewards(manager, 20, None, archived=False),
        lambda: rewards.reward(manager, reward.reward_id),
        lambda: rewards.create(manager, title="Cup", price=1),
        lambda: rewards.edit(manager, reward.reward_id, 1, price=2),
        lambda: rewards.ask_for_picture(manager, "image/png"),
        lambda: redemptions.redeem(ben, reward.reward_id, 1),
        lambda: redemptions.own(ben, 20, None),
    )
    for attempt in attempts:
        assert refusal(attempt).code is ProblemCode.NOT_FOUND
    assert len(redemptions.queue(manager, first.status, 20, None).items) == 2
    redemptions.fulfil(manager, first.redemption_id, note=None, code="ABC")
    redemptions.reject(manager, second.redemption_id, "Rewards are over")
    assert greenroom.totals(ben).balance == 59
    greenroom.container.programs.change_program(manager, ProgramChanges(rewards=True))
    assert titles(rewards, ben) == ["Mug"]


def test_another_programs_managers_find_nothing(
    greenroom: Greenroom, rewards: RewardService, made: Callable[..., Reward]
) -> None:
    reward = made()
    greenroom.container.programs.create_program("Other", "UTC", "zoe@other.example")
    zoe = greenroom.sign_in("zoe@other.example")
    for attempt in (
        lambda: rewards.reward(zoe, reward.reward_id),
        lambda: rewards.edit(zoe, reward.reward_id, 1, price=1),
        lambda: rewards.standing(zoe, reward.reward_id),
    ):
        assert refusal(attempt).code is ProblemCode.NOT_FOUND
    assert rewards.rewards(zoe, 20, None, archived=False).items == ()


# --- pictures -----------------------------------------------------------------------------------


def posted(greenroom: Greenroom, content: bytes, content_type: str = "image/png") -> str:
    """Post a file with a form, as a browser does; give the picture's id."""
    form = greenroom.container.rewards.ask_for_picture(greenroom.manager, content_type)
    greenroom.clients.s3.put_object(
        Bucket=greenroom.settings.incoming_bucket, Key=form.fields["key"], Body=content
    )
    return form.picture_id


def test_a_picture_is_shown_with_the_type_that_its_bytes_have(
    greenroom: Greenroom, made: Callable[..., Reward]
) -> None:
    """Whatever the form was asked for."""
    shown = greenroom.container.rewards._pictures  # noqa: SLF001  the address is a setting
    shown._console_url = "https://green.example"  # noqa: SLF001  likewise
    for content, told, right in (
        (png(300, 200), "image/jpeg", "image/png"),
        (jpeg(300, 200), "image/png", "image/jpeg"),
    ):
        picture = made(picture_id=posted(greenroom, content, told)).picture
        assert picture is not None
        assert (picture.content_type, picture.width, picture.height) == (right, 300, 200)
        kept = greenroom.clients.s3.get_object(
            Bucket=greenroom.settings.videos_bucket, Key=picture.key
        )
        assert (kept["ContentType"], kept["Body"].read()) == (right, examine_picture(content).shown)
        address = greenroom.container.rewards.address(picture)
        assert address == f"https://green.example/{picture.key}"
        assert picture.key.startswith(f"pictures/{greenroom.program.program_id}/")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_picture"),
        (b"<!doctype html><script>alert(1)</script>", "unsupported_picture"),
        (png(20_000, 100), "too_many_pixels"),
        (png(100, 100) + b"<script>", "damaged_picture"),
        (png(100, 100)[:-20], "damaged_picture"),
    ],
)
def test_a_file_that_is_no_fit_picture_is_refused_and_shown_nowhere(
    greenroom: Greenroom, made: Callable[..., Reward], content: bytes, code: str
) -> None:
    picture_id = posted(greenroom, content)
    (error,) = refusal(lambda: made(picture_id=picture_id)).errors
    assert (error.field, error.code) == ("picture_id", code)
    shown = greenroom.clients.s3.list_objects_v2(Bucket=greenroom.settings.videos_bucket)
    assert "Contents" not in shown


def test_a_picture_of_another_program_is_not_there(
    greenroom: Greenroom, rewards: RewardService, made: Callable[..., Reward]
) -> None:
    picture_id = posted(greenroom, png(100, 100))
    greenroom.container.programs.create_program("Other", "UTC", "zoe@other.example")
    zoe = greenroom.sign_in("zoe@other.example")
    problem = refusal(lambda: rewards.create(zoe, title="A", price=1, picture_id=picture_id))
    assert problem.errors[0].code == "picture_not_received"


def test_a_picture_is_replaced_and_taken_away(
    greenroom: Greenroom, rewards: RewardService, made: Callable[..., Reward]
) -> None:
    reward = made(picture_id=posted(greenroom, png(100, 100)))
    another = rewards.edit(
        greenroom.manager, reward.reward_id, 1, picture_id=posted(greenroom, png(90, 90))
    )
    assert another.picture is not None
    assert another.picture != reward.picture
    assert rewards.edit(greenroom.manager, reward.reward_id, 2, picture_id=None).picture is None
    assert rewards.reward(greenroom.manager, reward.reward_id) == replace(
        another, picture=None, version=3
    )


class Pictures:
    """The files that are shown, and the notes of them, whose stream is delivered when asked."""

    def __init__(self, greenroom: Greenroom) -> None:
        self._greenroom = greenroom
        self._noted: dict[str, Any] = {}
        self._relayed = Relayed(events_of)

    def files(self) -> set[str]:
        bucket = self._greenroom.settings.videos_bucket
        found = self._greenroom.clients.s3.list_objects_v2(Bucket=bucket)
        return {each["Key"] for each in found.get("Contents", ())}

    def notes(self) -> dict[str, Any]:
        """Read the notes as the table has them, by the file they are of."""
        found = self._greenroom.container.clients.dynamodb.scan(
            TableName=self._greenroom.settings.rewards_table
        )
        return {
            each["picture_file"]["S"]: each for each in found["Items"] if "picture_file" in each
        }

    def deliver_all(self, *, times: int = 1) -> None:
        """Deliver what the stream tells of notes that are gone since the last time."""
        now = self.notes()
        gone = [image for file, image in self._noted.items() if file not in now]
        self._noted |= now
        if gone:
            self._relayed.relay(streamed([{} for _ in gone], gone)["Records"])
        for _ in range(times):
            shown = self._greenroom.container.shown_pictures
            answer = worker.remove_pictures(shown, self._relayed.delivered())
            assert answer == {"batchItemFailures": []}

    def expires(self) -> set[str]:
        """Let a day pass, and DynamoDB remove what has expired; return whose files that were."""
        self._greenroom.clock.advance(timedelta(days=1, minutes=1))
        now = self._greenroom.clock.now().timestamp()
        self._noted |= self.notes()
        late = {
            file: note
            for file, note in self.notes().items()
            if float(note.get("expires_at", {"N": "inf"})["N"]) < now
        }
        for note in late.values():
            self._greenroom.container.clients.dynamodb.delete_item(
                TableName=self._greenroom.settings.rewards_table,
                Key={"key": note["key"], "item": note["item"]},
            )
        return set(late)


@pytest.fixture
def pictures(greenroom: Greenroom) -> Pictures:
    return Pictures(greenroom)


def test_a_picture_that_is_replaced_or_taken_away_is_removed_and_the_one_shown_stays(
    greenroom: Greenroom, rewards: RewardService, made: Callable[..., Reward], pictures: Pictures
) -> None:
    reward = made(picture_id=posted(greenroom, png(100, 100)))
    assert reward.picture
    pictures.deliver_all()
    assert pictures.files() == {reward.picture.key}
    another = rewards.edit(
        greenroom.manager, reward.reward_id, 1, picture_id=posted(greenroom, png(90, 90))
    )
    assert another.picture
    assert pictures.files() == {reward.picture.key, another.picture.key}
    pictures.deliver_all(times=2)  # told twice, it is the same
    assert pictures.files() == {another.picture.key}
    assert pictures.expires() == set()
    archived = rewards.edit(
        greenroom.manager, reward.reward_id, 2, state=RewardState.ARCHIVED, title="Old"
    )
    pictures.deliver_all()
    assert archived.picture == another.picture  # it may be brought back
    assert pictures.files() == {another.picture.key}
    assert rewards.edit(greenroom.manager, reward.reward_id, 3, picture_id=None).picture is None
    pictures.deliver_all()
    assert pictures.files() == set()
    assert pictures.notes() == {}


def test_one_posted_file_is_shown_by_two_rewards_each_in_its_own_copy(
    greenroom: Greenroom, rewards: RewardService, made: Callable[..., Reward], pictures: Pictures
) -> None:
    """So that one of them can let go of it."""
    picture_id = posted(greenroom, png(100, 100))
    first, second = made(picture_id=picture_id), made(picture_id=picture_id)
    assert first.picture
    assert second.picture
    pictures.deliver_all()
    rewards.edit(greenroom.manager, first.reward_id, 1, picture_id=None)
    pictures.deliver_all()
    assert pictures.files() == {second.picture.key}
    again = rewards.edit(greenroom.manager, first.reward_id, 2, picture_id=picture_id)
    assert again.picture
    pictures.deliver_all(times=2)  # what was told of the first copy says nothing of the next one
    assert pictures.files() == {second.picture.key, again.picture.key}


@pytest.mark.parametrize("dies_at", ["show", "change"])
def test_a_picture_that_no_reward_took_is_removed_after_a_day(
    greenroom: Greenroom,
    made: Callable[..., Reward],
    pictures: Pictures,
    monkeypatch: pytest.MonkeyPatch,
    dies_at: str,
) -> None:
    """The function died between the picture's file and the reward that was to show it."""
    rewards = greenroom.container.rewards
    reward = made(picture_id=posted(greenroom, png(100, 100)))
    assert reward.picture

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    dying: type = ShownPictures if dies_at == "show" else RewardStore
    with monkeypatch.context() as patched:
        patched.setattr(dying, dies_at, dies)
        with pytest.raises(KeyboardInterrupt):
            rewards.edit(
                greenroom.manager, reward.reward_id, 1, picture_id=posted(greenroom, png(90, 90))
            )
    pictures.deliver_all()
    assert len(pictures.files()) == (1 if dies_at == "show" else 2)
    (unused,) = pictures.expires()
    assert unused != reward.picture.key
    pictures.deliver_all(times=2)
    assert pictures.files() == {reward.picture.key}
    assert rewards.reward(greenroom.manager, reward.reward_id) == reward


def test_a_picture_of_another_program_is_removed_by_no_event(
    greenroom: Greenroom, made: Callable[..., Reward], pictures: Pictures
) -> None:
    picture = made(picture_id=posted(greenroom, png(100, 100))).picture
    assert picture
    with pytest.raises(ValueError, match="is not a picture of prg_other"):
        greenroom.container.shown_pictures.remove("prg_other", picture.key)
    assert pictures.files() == {picture.key}


# --- what it costs, and who fulfils -------------------------------------------------------------


def test_lists_cost_two_calls_and_so_does_one_reward(
    greenroom: Greenroom,
    rewards: RewardService,
    ben: Caller,
    made: Callable[..., Reward],
    calls: Calls,
) -> None:
    reward, *_ = [made(title=str(number)) for number in range(30)]
    manager, redemptions = greenroom.manager, greenroom.container.redemptions
    reads: tuple[Callable[[], object], ...] = (
        lambda: rewards.offered(greenroom.now(ben)),
        lambda: rewards.standing(greenroom.now(ben), reward.reward_id),
        lambda: rewards.rewards(greenroom.now(manager), 20, None, archived=False),
        lambda: redemptions.own(greenroom.now(ben), 20, None),
        lambda: redemptions.queue(greenroom.now(manager), RedemptionStatus.REQUESTED, 20, None),
    )
    for read in reads:
        read()  # what is read once for all, such as a secret
        calls.made.clear()
        read()
        assert len(calls.made) == 2


def test_a_reward_with_channels_and_a_picture_is_edited_in_seven_calls(
    greenroom: Greenroom, made: Callable[..., Reward], calls: Calls
) -> None:
    container, manager = greenroom.container, greenroom.manager
    channel = container.channels.create(manager, "Stage", ChannelKind.PUBLIC).channel
    reward = made(picture_id=posted(greenroom, png(100, 100)))
    picture_id = posted(greenroom, png(90, 90))
    calls.made.clear()
    changed = container.rewards.edit(
        greenroom.now(manager),
        reward.reward_id,
        1,
        channel_ids=[channel.channel_id],
        picture_id=picture_id,
    )
    assert changed.picture != reward.picture
    assert len(calls.made) == 7


def test_named_managers_fulfil_and_it_is_told_once_none_of_them_is_left(
    greenroom: Greenroom,
) -> None:
    programs, members = greenroom.container.programs, greenroom.container.members
    bea = greenroom.member("bea")
    problem = refusal(
        lambda: programs.change_program(
            greenroom.manager, ProgramChanges(fulfillers=frozenset({bea.member_id}))
        )
    )
    assert problem.errors[0].code == "not_a_manager"
    assert programs.is_anybody_fulfilling(programs.settings(greenroom.manager))
    members.change_role(greenroom.manager, bea.member_id, Role.MANAGER)
    named = programs.change_program(
        greenroom.manager, ProgramChanges(fulfillers=frozenset({bea.member_id}))
    )
    assert named.fulfillers == frozenset({bea.member_id})
    assert programs.is_anybody_fulfilling(named)
    members.change_role(greenroom.manager, bea.member_id, Role.MEMBER)
    assert not programs.is_anybody_fulfilling(programs.settings(greenroom.manager))
    nobody = programs.change_program(greenroom.manager, ProgramChanges(fulfillers=frozenset()))
    assert programs.is_anybody_fulfilling(nobody)
