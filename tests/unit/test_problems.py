"""Problems: one code each, a status that fits, and members as RFC 9457 has them."""

import json
import re

import pytest

from chalicelib.foundation.problems import (
    FieldError,
    Problem,
    ProblemCode,
    invalid_field,
    not_found,
)


def test_no_code_hides_behind_another() -> None:
    # Two names with the same status and title would be one enum member under two names.
    assert list(ProblemCode.__members__) == [each.name for each in ProblemCode]


def test_titles_tell_the_codes_apart() -> None:
    assert len({each.title for each in ProblemCode}) == len(ProblemCode)


@pytest.mark.parametrize("code", list(ProblemCode), ids=lambda each: each.code)
def test_every_code_is_plain_and_has_an_error_status(code: ProblemCode) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code.code)
    assert code.status in {400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503}
    assert code.title


# What clients switch on: a code here never changes its status.
STATUSES = {
    "invalid_json": 400,
    "invalid_cursor": 400,
    "unauthenticated": 401,
    "not_a_member": 403,
    "manager_only": 403,
    "not_found": 404,
    "changed_meanwhile": 409,
    "request_in_progress": 409,
    "upload_not_valid": 409,
    "upload_not_received": 409,
    "activity_ended": 409,
    "activity_rejected": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "invalid_request": 422,
    "idempotency_key_reused": 422,
    "internal": 500,
}


def test_codes_keep_their_statuses() -> None:
    assert {code: status for code, status in now_given().items() if code in STATUSES} == STATUSES


def now_given() -> dict[str, int]:
    return {each.code: each.status for each in ProblemCode}


def test_a_problem_is_told_with_its_errors_and_members() -> None:
    problem = Problem(
        ProblemCode.INVALID_REQUEST,
        "Not like this.",
        (FieldError("points", "too_many", "At most 5.", 5), FieldError("name", "missing", "Say.")),
        {"offsets": ["+01:00"]},
    )
    assert json.loads(json.dumps(problem.to_dict())) == {
        "type": "about:blank",
        "title": "Something in the request is not right",
        "status": 422,
        "code": "invalid_request",
        "detail": "Not like this.",
        "errors": [
            {"field": "points", "code": "too_many", "message": "At most 5.", "limit": 5},
            {"field": "name", "code": "missing", "message": "Say."},
        ],
        "offsets": ["+01:00"],
    }
    assert str(problem) == "invalid_request: Not like this."


def test_a_problem_without_errors_does_not_mention_any() -> None:
    assert "errors" not in not_found("upload").to_dict()


def test_a_limit_of_zero_is_told() -> None:
    assert invalid_field("points", "too_few", "At least 0.", 0).to_dict()["errors"] == [
        {"field": "points", "code": "too_few", "message": "At least 0.", "limit": 0}
    ]
