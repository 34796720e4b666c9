"""The gates reuse what was compiled before, wherever the caller lets it lie."""

import pytest

from local.gates import keep_bytecode
from local.home import PROJECT


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {}),
        ({"PYTHONDONTWRITEBYTECODE": ""}, {}),  # for Python the same as none
        (
            {"PYTHONDONTWRITEBYTECODE": "1"},
            {"PYTHONPYCACHEPREFIX": str(PROJECT / ".local" / "bytecode")},
        ),
        (
            {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": "/elsewhere"},
            {"PYTHONPYCACHEPREFIX": "/elsewhere"},
        ),
    ],
)
def test_bytecode_is_kept_and_not_beside_sources_where_it_is_unwanted(
    given: dict[str, str], kept: dict[str, str]
) -> None:
    keep_bytecode(given)
    assert given == kept
