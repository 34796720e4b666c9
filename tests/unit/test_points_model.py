"""Points: what a ledger adds up to, and the names that let an entry be made once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.points.model import (
    MAX_ABOUT_LENGTH,
    EntryKind,
    LedgerEntry,
    Source,
    SourceKind,
    Totals,
    award_entry_id,
    entry_id_of,
    points_phrase,
    shorten,
    sum_entries,
)
from tests.clock import NOON


def award(number: int, points: int) -> LedgerEntry:
    performance_id = f"prf_{number}"
    source = Source(SourceKind.PERFORMANCE, performance_id)
    return LedgerEntry(award_entry_id(performance_id), EntryKind.AWARD, points, source, NOON)


def reversal_of(entry: LedgerEntry) -> LedgerEntry:
    return LedgerEntry(
        entry_id_of(entry.source.source_id, EntryKind.REVERSAL),
        EntryKind.REVERSAL,
        -entry.points,
        entry.source,
        NOON,
    )


awards = st.lists(st.tuples(st.integers(0, 1_000_000), st.booleans()), max_size=30)


def test_an_empty_ledger_is_worth_nothing() -> None:
    assert sum_entries([]) == Totals(balance=0, earned=0)


@given(awards, st.randoms())
def test_totals_are_what_was_awarded_and_not_taken_back_in_whatever_order(
    made: list[tuple[int, bool]], randomly: object
) -> None:
    entries = [award(number, points) for number, (points, _) in enumerate(made)]
    ledger = entries + [reversal_of(entries[at]) for at, (_, back) in enumerate(made) if back]
    randomly.shuffle(ledger)  # type: ignore[attr-defined]
    left = sum(points for points, back in made if not back)
    assert sum_entries(ledger) == Totals(balance=left, earned=left)


@given(awards)
def test_a_ledger_adds_up_piece_by_piece(made: list[tuple[int, bool]]) -> None:
    entries = [award(number, points) for number, (points, _) in enumerate(made)]
    whole, first, second = (sum_entries(part) for part in (entries, entries[::2], entries[1::2]))
    assert whole == Totals(first.balance + second.balance, first.earned + second.earned)


@given(st.integers(0, 1_000_000))
def test_an_award_and_its_reversal_sum_to_zero(points: int) -> None:
    entry = award(1, points)
    assert sum_entries([entry, reversal_of(entry)]) == Totals()


def test_each_performance_has_one_name_for_each_kind_of_entry() -> None:
    names = {entry_id_of(of, kind) for kind in EntryKind for of in ("prf_1", "prf_2")}
    assert len(names) == 2 * len(EntryKind)
    assert all(name.startswith(("prf_1#", "prf_2#")) for name in names)


@given(st.sampled_from(EntryKind), st.integers(-1_000_000, 1_000_000))
def test_spending_and_its_refund_change_the_balance_and_nothing_that_was_earned(
    kind: EntryKind, points: int
) -> None:
    entry = LedgerEntry("entry_1", kind, points, Source(SourceKind.REDEMPTION, "rdm_1"), NOON)
    spends = kind in (EntryKind.SPENDING, EntryKind.REFUND)
    assert sum_entries([entry]) == Totals(points, 0 if spends else points)


@given(st.text(max_size=2 * MAX_ABOUT_LENGTH))
def test_an_entry_keeps_the_beginning_of_what_it_is_about(text: str) -> None:
    kept = shorten(text)
    assert len(kept) <= MAX_ABOUT_LENGTH
    assert kept == text or text.startswith(kept.removesuffix("…"))


@pytest.mark.parametrize(
    ("points", "words"),
    [(1, "1 point"), (0, "0 points"), (-1, "-1 points"), (1_000_000, "1,000,000 points")],
)
def test_points_in_words_are_one_or_several(points: int, words: str) -> None:
    assert points_phrase(points) == words
