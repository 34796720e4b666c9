"""Looking back: every answer that openapi.json promises was really given."""

import pytest

from tests.e2e.contract import Contract
from tests.e2e.people import Witness

# What this run cannot bring about, and why.
EVERYWHERE = {
    "internal": "is what is left when something breaks that nobody thought of",
    "unavailable": "the gateway says it while a function does not start; nothing here breaks them",
    "too_many_requests": "the account's limit of thousands at once is not reached by a laptop",
}
SINGLE = {
    (
        "activities_create",
        "changed_meanwhile",
    ): "four verdicts would have to come within one request",
    ("activities_duplicate", "changed_meanwhile"): "likewise",
    (
        "performances_try_on_me",
        "changed_meanwhile",
    ): "a place would have to be taken between counting them and taking one",
    (
        "performances_perform",
        "changed_meanwhile",
    ): "its video would have to change eight times within one request",
    ("performances_callback", "changed_meanwhile"): "two consents would have to end at one instant",
    ("performances_disconnect", "changed_meanwhile"): "likewise, a consent and a disconnection",
    **{
        (f"{part}_{name}", "changed_meanwhile"): "four others would have to win against one request"
        for part, name in (
            ("programs", "change"),
            ("members", "change"),
            ("members", "remove"),
            ("members", "invite_again"),
            ("channels", "change"),
            ("channels", "join"),
            ("campaigns", "change"),
            ("points", "change_me"),
        )
    },
    (
        "channels_add_members",
        "changed_meanwhile",
    ): "somebody would have to be changed between a request's read and its write",
}
STATUSES = {("foundation_health", 503): "nothing that it depends on can be stopped alone here"}


def missing(contract: Contract, seen: set[tuple[str, int, str | None]]) -> list[str]:
    """Name what was promised and not seen."""
    absent = []
    for operation in contract.operations:
        name = operation.operation_id
        plain = [status for status in operation.successes if (name, status, None) not in seen]
        absent += [f"{name} {status}" for status in plain]
        absent += [
            f"{name} {status} {code}"
            for status, code in sorted(operation.codes)
            if (name, status, code) not in seen
            and code not in EVERYWHERE
            and (name, code) not in SINGLE
        ]
    return absent


@pytest.mark.usefixtures("whole_run")
def test_every_success_and_every_problem_that_can_be_brought_about_was_seen(
    witness: Witness,
) -> None:
    absent = missing(witness.contract, witness.seen)
    assert not absent, absent


def test_what_was_not_seen_is_named() -> None:
    contract = Contract()
    absent = missing(contract, {("points_me", 200, None)})
    assert "points_me 200" not in absent
    assert "points_me 401 unauthenticated" in absent
    assert "activities_create 201" in absent


def test_the_exceptions_are_about_what_is_documented() -> None:
    documented = {
        (operation.operation_id, code)
        for operation in Contract().operations
        for _, code in operation.codes
    }
    assert set(SINGLE) <= documented
    assert set(EVERYWHERE) <= {code for _, code in documented}
    statuses = {
        (operation.operation_id, status)
        for operation in Contract().operations
        for status in operation.responses
    }
    assert set(STATUSES) <= statuses
