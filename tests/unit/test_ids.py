"""Ids: opaque, unique, and in the order they were made."""

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.foundation.ids import ID_PATTERN, new_id
from tests.clock import NOON

moments = st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1)).map(  # noqa: DTZ001  made UTC
    lambda moment: moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
)


@given(moments, st.integers(1, 10**9))
def test_an_id_made_a_millisecond_later_sorts_later(moment: datetime, later: int) -> None:
    assert new_id("act", moment) < new_id("act", moment + timedelta(milliseconds=later))


@given(moments)
def test_an_id_has_the_shape_the_contract_names(moment: datetime) -> None:
    assert re.match(ID_PATTERN, new_id("upl", moment))


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id("act", NOON) for _ in range(10_000)}) == 10_000
