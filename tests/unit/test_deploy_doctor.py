"""What the doctor asks the account: each line done, to do, or not to be asked."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deploy.doctor import Doctor, State
from deploy.stage import Stage

STAGE = Stage("x", "greenroom-x", "eu-west-1", "", "arm64", None, {})
API = "https://greenroom.example/v1"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:alarms"
SENDER = {"MailIdentityArn": "arn:aws:ses:eu-west-1:111122223333:identity/x.example"}
TOLD = {"AlarmEmail": "ana@x.example"}


def account(**answers: Any) -> Any:
    """Return what makes clients of AWS, which answer so."""

    def client(_name: str) -> Any:
        return SimpleNamespace(
            get_account=lambda: answers["ses"],
            list_subscriptions_by_topic=lambda **_asked: answers["sns"],
            get_account_settings=lambda: answers["lambda"],
            get_caller_identity=lambda: {"Account": "111122223333"},
            describe_budgets=lambda **_asked: answers["budgets"],
        )

    return client


@pytest.mark.parametrize(
    ("question", "parameters", "answers", "state", "words"),
    [
        ("_sender", {}, {}, State.TO_DO, "MailIdentityArn"),
        ("_sender", SENDER, {"ses": {"ProductionAccessEnabled": False}}, State.TO_DO, "sandbox"),
        ("_sender", SENDER, {"ses": {"ProductionAccessEnabled": True}}, State.DONE, "sandbox"),
        ("_alarms", {}, {}, State.TO_DO, "AlarmEmail"),
        (
            "_alarms",
            TOLD,
            {"sns": {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}},
            State.TO_DO,
            "follow the link",
        ),
        (
            "_alarms",
            TOLD,
            {"sns": {"Subscriptions": [{"SubscriptionArn": f"{TOPIC}:1"}]}},
            State.DONE,
            "ana@x.example has confirmed",
        ),
        (
            "_concurrency",
            {},
            {"lambda": {"AccountLimit": {"ConcurrentExecutions": 50}}},
            State.TO_DO,
            "Service Quotas",
        ),
        (
            "_concurrency",
            {},
            {"lambda": {"AccountLimit": {"ConcurrentExecutions": 1000}}},
            State.DONE,
            "1000 functions",
        ),
        ("_budget", {}, {"budgets": {}}, State.TO_DO, "AWS Budgets"),
        ("_budget", {}, {"budgets": {"Budgets": [{"BudgetName": "b"}]}}, State.DONE, "budget"),
    ],
)
def test_the_doctor_looks_at_the_account(
    question: str,
    parameters: Mapping[str, str],
    answers: Mapping[str, Any],
    state: State,
    words: str,
) -> None:
    patient = Doctor(STAGE, account(**answers), parameters, {"AlarmTopicArn": TOPIC}, API)
    (line,) = getattr(patient, question)()
    assert line.state is state
    assert words in line.words


def test_a_check_without_permission_is_unknown_and_the_others_run() -> None:
    def refused(_name: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Ask")

    # Nothing listens at this address, so that TikTok cannot be asked either.
    parameters = {**SENDER, **TOLD, "TikTokAuthorizeUrl": "http://127.0.0.1:9/"}
    nowhere = "http://127.0.0.1:9/v1"
    lines = list(Doctor(STAGE, refused, parameters, {"AlarmTopicArn": TOPIC}, nowhere).lines())
    asked = [each.words for each in lines if each.state is State.UNKNOWN]
    for subject in ("protection", "sender", "alarms", "concurrency", "budget", "tiktok redirect"):
        assert [each for each in asked if each.startswith(f"{subject}: it cannot be asked")]
    assert [each for each in lines if "tables and user pool" in each.words]
