"""Cursors: good for one list of one program (and one member), and for nothing else."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.pages import MAX_CURSOR_LENGTH, Cursors
from chalicelib.foundation.problems import Problem, ProblemCode

SECRET = "a-secret-of-at-least-thirty-two-bytes"
LIST = ("prg_1", "feed/mem_1")
POSITION = {"before": "1#act_1"}


@pytest.fixture
def cursors() -> Cursors:
    return Cursors(lambda: SECRET)


def refused(
    cursors: Cursors, cursor: str, program_id: str = LIST[0], listing: str = LIST[1]
) -> bool:
    with pytest.raises(Problem) as problem:
        cursors.read(program_id, listing, cursor)
    return problem.value.code is ProblemCode.INVALID_CURSOR


@given(st.text(max_size=40), st.text(max_size=40), st.dictionaries(st.text(), st.text()))
def test_a_cursor_leads_back_to_its_place(
    program_id: str, listing: str, position: dict[str, str]
) -> None:
    cursors = Cursors(lambda: SECRET)
    assert (
        cursors.read(program_id, listing, cursors.make(program_id, listing, position)) == position
    )


@pytest.mark.parametrize(
    ("program_id", "listing"),
    [("prg_2", "feed/mem_1"), ("prg_1", "feed/mem_2"), ("prg_1", "activities"), ("prg_1", "feed")],
)
def test_a_cursor_of_another_program_member_or_list_is_refused(
    cursors: Cursors, program_id: str, listing: str
) -> None:
    cursor = cursors.make(*LIST, POSITION)
    assert cursors.read(*LIST, cursor) == POSITION
    assert refused(cursors, cursor, program_id, listing)


def test_a_cursor_signed_with_another_secret_is_refused(cursors: Cursors) -> None:
    foreign = Cursors(lambda: SECRET[::-1])
    assert refused(cursors, foreign.make(*LIST, POSITION))


def parts_of(cursor: str) -> tuple[bytes, bytes]:
    content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    return content[:32], content[32:]


def written(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_a_cursor_without_signature_is_refused(cursors: Cursors) -> None:
    _, place = parts_of(cursors.make(*LIST, POSITION))
    assert refused(cursors, written(place))
    assert refused(cursors, written(bytes(32) + place))


def test_a_cursor_whose_place_was_changed_is_refused(cursors: Cursors) -> None:
    signature, _ = parts_of(cursors.make(*LIST, POSITION))
    assert refused(cursors, written(signature + json.dumps({"before": "1#act_9"}).encode()))


def test_a_cursor_is_good_in_one_form_alone(cursors: Cursors) -> None:
    cursor = cursors.make(*LIST, POSITION)
    for other in (f"{cursor}=", f"{cursor}\n", f" {cursor}", cursor[:-1] + "_-"[cursor[-1] == "_"]):
        assert refused(cursors, other)


def test_the_boundary_between_program_and_list_is_signed_too(cursors: Cursors) -> None:
    cursor = cursors.make("prg_1/feed", "mem_1", POSITION)
    assert refused(cursors, cursor, "prg_1", "feed/mem_1")


@given(st.text(max_size=MAX_CURSOR_LENGTH) | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]+"))
def test_garbage_is_refused(garbage: str) -> None:
    assert refused(Cursors(lambda: SECRET), garbage)


def test_the_longest_cursor_of_ours_is_far_below_the_limit(cursors: Cursors) -> None:
    longest = cursors.make(
        f"prg_{'z' * 26}", f"feed/mem_{'z' * 26}", {"before": f"1#act_{'z' * 26}"}
    )
    assert len(longest) * 2 < MAX_CURSOR_LENGTH


def test_the_secret_is_fetched_once_and_not_before_it_is_needed() -> None:
    fetched: list[str] = []

    def fetch() -> str:
        fetched.append(SECRET)
        return SECRET

    cursors = Cursors(fetch)
    assert fetched == []
    cursors.read(*LIST, cursors.make(*LIST, POSITION))
    assert fetched == [SECRET]
