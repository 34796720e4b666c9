"""Cursors: good for one list of one program (and one member), and for nothing else."""

import base64
import json

import jwt
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


def test_a_cursor_without_signature_is_refused(cursors: Cursors) -> None:
    claims = {"aud": "/".join(LIST), "at": POSITION}
    assert refused(cursors, jwt.encode(claims, "", algorithm="none"))


def test_a_cursor_signed_with_the_right_secret_in_another_way_is_refused(cursors: Cursors) -> None:
    claims = {"aud": "/".join(LIST), "at": POSITION}
    assert refused(cursors, jwt.encode(claims, SECRET * 2, algorithm="HS512"))


def test_a_cursor_whose_place_was_changed_is_refused(cursors: Cursors) -> None:
    head, _, signature = cursors.make(*LIST, POSITION).split(".")
    changed = json.dumps({"aud": "/".join(LIST), "at": {"before": "1#act_9"}}).encode()
    middle = base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
    assert refused(cursors, f"{head}.{middle}.{signature}")


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
