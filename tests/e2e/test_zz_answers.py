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
    **{
        (
            name,
            "limit_reached",
        ): "the quotas are far above what a run makes: shown without the cloud"
        for name in (
            "videos_ask",
            "activities_create",
            "activities_duplicate",
            "activities_edit",
            "members_invite",
            "members_import_roster",
        )
    },
    ("report_exports_ask", "limit_reached"): "files are made faster than ten of them are asked for",
    ("points_adjust", "changed_meanwhile"): "twelve others would have to win against one request",
    ("consents_begin_views", "tiktok_views_off"): "this stack offers it: shown without the cloud",
    ("webhooks_rotate_secret", "changed_meanwhile"): "another change would have to come within one",
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
    (
        "connections_callback",
        "changed_meanwhile",
    ): "two consents would have to end at one instant",
    (
        "connections_disconnect",
        "changed_meanwhile",
    ): "likewise, a consent and a disconnection",
    **{
        (f"{part}_{name}", "changed_meanwhile"): "four others would have to win against one request"
        for part, name in (
            ("members", "change"),
            ("members", "remove"),
            ("members", "invite_again"),
            ("channels", "change"),
            ("channels", "join"),
            ("campaigns", "change"),
            ("me", "change"),
            ("joining", "decline"),
            ("joining", "leave"),
            ("programs", "change"),
            ("privacy", "ask_erasure"),
            ("privacy", "ask_erasure_of"),
        )
    },
    (
        "sessions_sign_in",
        "sign_in_step_unsupported",
    ): "the stack's own pool asks for no step but those that are offered: shown without the cloud",
    **{
        (f"sessions_{name}", "sign_in_elsewhere"): "the stack has a user pool of its own: likewise"
        for name in ("sign_in", "renew", "begin_authenticator", "forgot", "reset", "sign_out")
    },
    (
        "redemptions_redeem",
        "changed_meanwhile",
    ): "many have to be at one stock at one instant, which the local engine does not refuse",
    **{
        (f"redemptions_{name}", "changed_meanwhile"): "the stock would have to change four times"
        for name in ("fulfil", "reject")
    },
    (
        "channels_add_members",
        "changed_meanwhile",
    ): "somebody would have to be changed between a request's read and its write",
}
SINGLE[("privacy_ask_export", "erasure_begun")] = (
    "whoever is being erased is no member any more: a manager is told so"
)
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
    assert not absent, "\n".join(absent)


def test_unseen_answers_are_named() -> None:
    contract = Contract()
    absent = missing(contract, {("me_read", 200, None)})
    assert "me_read 200" not in absent
    assert "me_read 401 unauthenticated" in absent
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
