"""Points: what a ledger adds up to, and the names that let an entry be made once."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.points.model import Entry, EntryKind, Totals, award_id, reversal_id, totals_of
from tests.clock import NOON


def award(number: int, points: int) -> Entry:
    performance_id = f"prf_{number}"
    return Entry(award_id(performance_id), EntryKind.AWARD, points, "act_1", performance_id, NOON)


def reversal_of(entry: Entry) -> Entry:
    return Entry(
        reversal_id(entry.performance_id),
        EntryKind.REVERSAL,
        -entry.points,
        entry.activity_id,
        entry.performance_id,
        NOON,
    )


awards = st.lists(st.tuples(st.integers(0, 1_000_000), st.booleans()), max_size=30)


def test_an_empty_ledger_is_worth_nothing() -> None:
    assert totals_of([]) == Totals(balance=0, earned=0)


@given(awards, st.randoms())
def test_totals_are_what_was_awarded_and_not_taken_back_in_whatever_order(
    made: list[tuple[int, bool]], randomly: object
) -> None:
    entries = [award(number, points) for number, (points, _) in enumerate(made)]
    ledger = entries + [reversal_of(entries[at]) for at, (_, back) in enumerate(made) if back]
    randomly.shuffle(ledger)  # type: ignore[attr-defined]
    left = sum(points for points, back in made if not back)
    assert totals_of(ledger) == Totals(balance=left, earned=left)


@given(awards)
def test_a_ledger_adds_up_piece_by_piece(made: list[tuple[int, bool]]) -> None:
    entries = [award(number, points) for number, (points, _) in enumerate(made)]
    whole, first, second = (totals_of(part) for part in (entries, entries[::2], entries[1::2]))
    assert whole == Totals(first.balance + second.balance, first.earned + second.earned)


@given(st.integers(0, 1_000_000))
def test_what_was_awarded_and_taken_back_is_worth_nothing(points: int) -> None:
    entry = award(1, points)
    assert totals_of([entry, reversal_of(entry)]) == Totals()


def test_each_performance_has_one_name_for_its_award_and_one_for_its_reversal() -> None:
    names = {name(of) for name in (award_id, reversal_id) for of in ("prf_1", "prf_2")}
    assert len(names) == 4
    assert all(name.startswith(("prf_1#", "prf_2#")) for name in names)
