"""Looking back: what the functions did and what their roles may do are the same."""

import json
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from local import functions, template
from local.home import PROJECT
from local.process_environment import REGION
from tests.e2e.calls import (
    MARKING_CALL,
    Call,
    Grant,
    RecordingCut,
    access_key_of,
    calls_in,
    grants_of,
    recorded,
    time_of_mark,
)
from tests.e2e.deployed_stack import TICK, DeployedStack
from tests.e2e.people import Witness
from tests.e2e.waiting import wait_for

FUNCTIONS = {
    each.logical_id: each.role
    for each in functions.declared(template.declarations(PROJECT / "infra"))
}
DENIALS = ("AccessDenied", "is not authorized to perform", "UnauthorizedOperation")

# Granted to a role, done by the Lambda platform with it; no function of ours calls these.
PLATFORM = {
    "logs:CreateLogStream": "the platform writes a function's log with the function's role",
    "logs:PutLogEvents": "likewise",
    "sqs:ReceiveMessage": "the platform polls the queue for the function",
    "sqs:DeleteMessage": "likewise, for messages that were handled",
    "sqs:GetQueueAttributes": "likewise",
    "sqs:SendMessageBatch": "is no action of AWS; local/workarounds.py adds it to SendMessage",
    "dynamodb:DescribeStream": "the platform reads the stream for the function",
    "dynamodb:GetRecords": "likewise",
    "dynamodb:GetShardIterator": "likewise",
    "dynamodb:ListStreams": "likewise",
}
# Needed in AWS, and not to be seen in the recording.
PUT_ASIDE = {
    (each.role, "sqs:SendMessage", str(each.failed).lower()): "the platform puts aside what the "
    "function failed at for good, and nothing does in this run"
    for each in functions.declared(template.declarations(PROJECT / "infra"))
    if each.stream or each.schedule
}
UNSEEN = PUT_ASIDE | {
    (
        "NotificationsPlanAndSendDigestsRole",
        "ses:SendEmail",
        "*",
    ): "no call of the SES API v2 is recorded "
    "(measured): mails that arrive show it in test_notifications.py",
    **{
        (f"WebhooksDeliver{lane}Role", action, part): why
        for lane in ("ToQuickReceivers", "ToSlowReceivers")
        for action, part, why in (
            ("dynamodb:PutItem", "audittable", "quick receivers are not disabled, slow ones are"),
            ("dynamodb:DeleteItem", "webhookstable", "a webhook is removed while a message waits"),
            ("dynamodb:GetItem", "activitiestable", "an activity's message: without the cloud"),
            ("dynamodb:GetItem", "rewardstable", "a reward's, to a quick receiver: likewise"),
            ("sqs:SendMessage", "webhooksqueue", "a turn ends, or a receiver became slow"),
        )
    },
    **dict.fromkeys(
        (
            ("WebhooksDeliverToQuickReceiversRole", "dynamodb:Query", "webhookstable"),
            ("WebhooksDeliverToQuickReceiversRole", "dynamodb:UpdateItem", "webhookstable"),
            ("WebhooksDeliverToQuickReceiversRole", "kms:Decrypt", "key/"),
            ("WebhooksFanOutRole", "sqs:SendMessage", "webhooksqueue"),
            ("APIHandlerRole", "sqs:SendMessage", "webhooksqueue"),
        ),
        "receivers are slow until they have proved quick: test_webhooks.py",
    ),
    **{
        (
            "NotificationsPlanAndSendDigestsRole",
            action,
            part,
        ): "digests go at members' hours: test_notice_mails.py"
        for action, part in (
            ("dynamodb:Query", "markstable"),
            ("dynamodb:Query", "reportstable"),
            ("sqs:SendMessage", "digestsqueue"),
        )
    },
    **dict.fromkeys(
        (
            ("PrivacyMakeExportsRole", "s3:DeleteObject", "exportsbucket"),
            ("PrivacyEraseAndQueueExportsRole", "dynamodb:DeleteItem", "boardstable"),
            ("PrivacyEraseAndQueueExportsRole", "dynamodb:PutItem", "reportstable"),
        ),
        "what the erased person of this run has not: test_privacy.py",
    ),
    (
        "WebhooksQueueDueDeliveriesRole",
        "sqs:SendMessage",
        "webhooksqueue",
    ): "a wake is lost: without the cloud",
    ("WebhooksQueueDueDeliveriesRole", "dynamodb:UpdateItem", "webhookstable"): "likewise",
    (
        "NotificationsHandleSesEventsRole",
        "dynamodb:DeleteItem",
        "reportstable",
    ): "a member is removed while a mail of theirs comes back: test_notice_mails.py",
    (
        "PerformancesResumeOverdueSendsRole",
        "dynamodb:GetItem",
        "accountstable",
    ): "a send that waited for its connection finds the inbox full of places that have lapsed: "
    "shown without the cloud",
    (
        "TiktokMaintainAccountsRole",
        "dynamodb:UpdateItem",
        "programstable",
    ): "TikTok refuses an account that is about to lapse: shown without the cloud",
    (
        "TiktokMaintainAccountsRole",
        "dynamodb:GetItem",
        "programstable",
    ): "the event of a removal was lost for good: shown without the cloud",
    ("TiktokMaintainAccountsRole", "dynamodb:DeleteItem", "accountstable"): "likewise",
    ("TiktokMaintainAccountsRole", "dynamodb:PutItem", "audittable"): "likewise",
    (
        "ProgramsMailInvitationsRole",
        "dynamodb:PutItem",
        "audittable",
    ): "the user pool mails everybody here: shown without the cloud",
    (
        "ReportsMakeExportsRole",
        "secretsmanager:GetSecretValue",
        "cursorsecret",
    ): "a report of more than one page, so of more than 100 lines: shown without the cloud",
    (
        "VideosValidateRole",
        "s3:ListBucket",
        "incoming",
    ): "is asked for by no call of its own: with it, S3 answers 404 instead of 403 for a file that "
    "is gone",
    (
        "VideosSweepStuckUploadsRole",
        "s3:ListBucket",
        "incoming",
    ): "likewise, for a file that never came",
}


@pytest.fixture(scope="module")
def grants(deployed: DeployedStack) -> set[Grant]:
    """What the deployed roles may do."""
    iam = deployed.client("iam")
    found: set[Grant] = set()
    for role in FUNCTIONS.values():
        name = deployed.names[role]
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        documents = [
            iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        ]
        assert documents, f"{role} may do nothing, not even log."
        found |= set(grants_of(role, documents))
    return found


@pytest.fixture(scope="module")
def access_keys(deployed: DeployedStack) -> dict[str, str]:
    """Roles by the access keys that their functions' calls are signed with."""
    found = {}
    for function, role in FUNCTIONS.items():
        configuration = deployed.lambdas.get_function_configuration(
            FunctionName=deployed.names[function]
        )
        assert configuration["Role"].endswith(f"/{deployed.names[role]}")
        found[access_key_of(configuration["FunctionArn"], configuration["Role"])] = role
    return found


@pytest.fixture(scope="module")
def events(deployed: DeployedStack, beginning: str, access_keys: dict[str, str]) -> list[Any]:
    """The functions' calls in this run; refused unless the recording goes back to its beginning."""
    begun = time_of_mark(recorded(deployed, EventName=MARKING_CALL), beginning)
    return [
        event
        for key in access_keys
        for event in recorded(deployed, AccessKeyId=key)
        if event["EventTime"] >= begun
    ]


@pytest.fixture(scope="module")
def calls(
    deployed: DeployedStack, witness: Witness, access_keys: dict[str, str], events: list[Any]
) -> set[tuple[str, Call]]:
    """What the functions did in this run, by role; forms they signed were used in their name."""
    account = deployed.client("sts").get_caller_identity()["Account"]
    found = {
        (access_keys[call.access_key], call)
        for call in calls_in(events, account)
        if call.access_key in access_keys
    }
    for fields in witness.forms_used:
        key = fields["x-amz-credential"].partition("/")[0]
        resource = f"arn:aws:s3:::{deployed.names['IncomingBucket']}/{fields['key']}"
        found.add((access_keys[key], Call(key, "s3:PutObject", resource)))
    for url in witness.previews_watched:
        key = dict(parse_qsl(urlsplit(url).query))["X-Amz-Credential"].partition("/")[0]
        bucket = deployed.names["VideosBucket"]
        resource = f"arn:aws:s3:::{bucket}{urlsplit(url).path.partition(bucket)[2]}"
        found.add((access_keys[key], Call(key, "s3:GetObject", resource)))
    return found


def unused(grants: set[Grant], calls: set[tuple[str, Call]]) -> list[Grant]:
    """Name the grants that no call needed."""
    return sorted(
        grant
        for grant in grants
        if grant.action not in PLATFORM
        and not any(
            (grant.role, grant.action) == (role, action) and part in grant.resource.lower()
            for role, action, part in UNSEEN
        )
        and not any(
            role == grant.role and grant.covers(call.action, call.resource) for role, call in calls
        )
    )


@pytest.mark.usefixtures("whole_run")
def test_every_function_but_the_authorizer_called_something(
    calls: set[tuple[str, Call]],
) -> None:
    """The authorizer only fetches a public key set."""
    assert {role for role, _ in calls} == set(FUNCTIONS.values()) - {"AuthorizerRole"}


@pytest.mark.usefixtures("whole_run")
def test_nothing_is_granted_that_was_never_used(
    grants: set[Grant], calls: set[tuple[str, Call]]
) -> None:
    left = unused(grants, calls)
    assert not left, "\n".join(map(str, left))


@pytest.mark.usefixtures("whole_run")
def test_each_call_is_granted_by_the_policy_as_it_is_read_here(
    deployed: DeployedStack, grants: set[Grant], calls: set[tuple[str, Call]]
) -> None:
    """The cloud let them through; that the same is read here shows that nothing is misread."""
    secret = deployed.names["CursorSecret"]
    loose = [
        (role, call.action, call.resource)
        for role, call in calls
        if secret not in call.resource
        and not any(
            grant.role == role and grant.covers(call.action, call.resource) for grant in grants
        )
    ]
    assert loose == []


@pytest.mark.usefixtures("whole_run")
def test_no_call_of_the_run_was_denied(deployed: DeployedStack) -> None:
    """A denied call is not recorded, but its function says so: no handler swallows it."""
    assert denials(deployed, deployed.begun) == []


def denials(deployed: DeployedStack, since: float) -> list[str]:
    return [
        line
        for function in FUNCTIONS
        for line in deployed.log_of(function, since)
        if any(word in line for word in DENIALS)
    ]


def test_a_grant_too_many_is_found(grants: set[Grant], calls: set[tuple[str, Call]]) -> None:
    table = f"arn:aws:dynamodb:{REGION}:000000000000:table/x"
    too_many = {
        Grant("ActivitiesSweepDueActivitiesRole", "dynamodb:DeleteTable", table),
        Grant("ActivitiesApplyVerdictsRole", "s3:GetObject", "arn:aws:s3:::x/*"),
    }
    assert set(unused(grants | too_many, calls)) >= too_many


def test_a_recording_that_was_cut_off_is_refused(deployed: DeployedStack, beginning: str) -> None:
    """It drops its oldest calls, so the mark of the beginning goes before anything of the run."""
    marks = recorded(deployed, EventName=MARKING_CALL)
    assert time_of_mark(marks, beginning) == pytest.approx(deployed.begun, abs=60)
    cut = [event for event in marks if beginning not in event["CloudTrailEvent"]]
    with pytest.raises(RecordingCut):
        time_of_mark(cut, beginning)


def test_a_denied_call_is_found(deployed: DeployedStack) -> None:
    """On purpose: a role loses a right for a moment. Its function fails, and the log says why."""
    begun = max(deployed.begun, time.time())
    iam, role = deployed.client("iam"), deployed.names["ActivitiesSweepDueActivitiesRole"]
    deny = {"Effect": "Deny", "Action": "dynamodb:Query", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    with deployed.clock_stopped():
        iam.put_role_policy(RoleName=role, PolicyName="on-purpose", PolicyDocument=document)
        try:
            answer = deployed.lambdas.invoke(
                FunctionName=deployed.names["ActivitiesSweepDueActivities"],
                Payload=json.dumps(TICK).encode(),
            )
        finally:
            iam.delete_role_policy(RoleName=role, PolicyName="on-purpose")
    assert "FunctionError" in answer
    wait_for("The denial in a log", lambda: denials(deployed, begun) or None)
