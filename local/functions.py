"""The Lambdas as `infra/functions.yaml` declares them, each once, and the resources they stand for.

Chalice makes the functions themselves and what invokes them out of app.py. Everything that has to
agree with that (role, settings, source, queues, log, alarms) is derived here from one declaration.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.failure import Failure

API = "api_handler"
PYTHON = "3.13"
"""What the functions run on, and their packages are made for, whatever Python builds them."""
BUS = "EventBus"
KEPT_SECONDS = 14 * 24 * 3600  # as long as SQS keeps messages
VISIBILITY_FACTOR = 6
"""AWS asks for a queue that hides messages six times as long as its function may take."""
RUNBOOK = "docs/runbook.md"
"""Where each alarm's page is; `tests/infra` compares the two."""
DELIVERIES = 5
STACK = {"STACK": {"Ref": "AWS::StackName"}}
"""The setting that all functions have: metrics carry it, so that two stacks keep apart."""
AT_ONCE = 3
"""Invocations at once for a queue that says no number: what one queue may take of the account's."""
RECORD_RETRIES = 10
LATE_MILLISECONDS = 300_000
EVENTS_FAILED, STREAMS_FAILED, CLOCK_FAILED = "EventsFailed", "StreamsFailed", "ClockFailed"
"""Queues of failures that all functions of a kind share; each message names its function."""
RUN_RETRIES = 2
RUN_SECONDS = 900
"""After so long a run that the clock asked for counts as failed: the next ones do its work."""
LATE_SECONDS = 600

_ASSUMED_BY_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
_READS_STREAMS = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
]
_READS_QUEUES = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]

Resources = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Function:
    """One Lambda: `name` is that of its handler in app.py."""

    name: str
    memory: int
    seconds: int
    settings: Sequence[str | Mapping[str, Any]] = ()
    policy: Sequence[Mapping[str, Any]] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    failed_means: str = ""
    late_means: str = ""
    late_always: bool = False
    layers: Sequence[Any] = ()
    errors_alarm: bool = True

    @property
    def logical_id(self) -> str:
        """Return the function's name in the template, as Chalice makes it."""
        return "APIHandler" if self.name == API else logical_id(self.name)

    def variables(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the function's environment: its name, and settings with common or own values."""
        found: dict[str, Any] = {"FUNCTION": self.name}
        for each in self.settings:
            found |= {each: values[each]} if isinstance(each, str) else each
        return found

    @property
    def role(self) -> str:
        return f"{self.logical_id}Role"

    @property
    def schedule(self) -> str | None:
        return self.source.get("schedule")

    @property
    def enabled(self) -> str | None:
        """Return the condition under which the function's queue is read at all, if there is one."""
        return self.source.get("enabled")

    @property
    def stream(self) -> str | None:
        return self.source.get("stream")

    @property
    def events(self) -> Sequence[str]:
        """Return the types of the events that the function takes from the bus."""
        found: Sequence[str] = self.source.get("events", ())
        return found

    @property
    def queue(self) -> str | None:
        """Return the queue that invokes the function: a given one, or its own for events."""
        return f"{self.logical_id}Queue" if self.events else self.source.get("queue")

    @property
    def at_once(self) -> int:
        """Return how many invocations the function's queue may have running at once."""
        found: int = self.source.get("at_once", AT_ONCE)
        return found

    @property
    def failed(self) -> str | None:
        """Return the queue of what it could not handle, which functions of its kind share."""
        if self.stream:
            return STREAMS_FAILED
        if self.events:
            return EVENTS_FAILED
        return CLOCK_FAILED if self.schedule else None


def logical_id(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def declared(template: Mapping[str, Any]) -> list[Function]:
    """Read the declarations. Raises `Failure` for one that cannot be meant."""
    found = []
    for name, entry in template.get("Functions", {}).items():
        try:
            function = Function(name=name, **entry)
        except TypeError as error:
            raise Failure(
                f"The function {name} is declared wrongly: {error}.",
                "The head of infra/functions.yaml says what an entry holds.",
            ) from None
        named = {each for each in function.settings if isinstance(each, str)}
        unknown = named - set(template.get("Settings", {}))
        if unknown:
            raise Failure(
                f"The function {name} is given settings without a value: {sorted(unknown)}.",
                "Add them to Settings in infra/functions.yaml.",
            )
        found.append(function)
    return found


def expand(template: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the declarations of a template by the resources and outputs they stand for."""
    functions, settings = declared(template), template.get("Settings", {})
    expanded = {
        section: dict(entries)
        for section, entries in template.items()
        if section not in {"Functions", "Settings"}
    }
    resources = expanded.setdefault("Resources", {})
    for function in functions:
        for name, resource in _resources(function, settings):
            if name in resources:
                raise Failure(
                    f"{name} stands in infra/ and is what {function.name} makes.",
                    "Leave it to infra/functions.yaml.",
                )
            resources[name] = resource
        if function.events:
            expanded.setdefault("Outputs", {})[f"{function.queue}Url"] = {
                "Value": {"Ref": function.queue}
            }
    if subscribed := [each for each in functions if each.events]:
        resources[f"{EVENTS_FAILED}Policy"] = _queue_policy(
            EVENTS_FAILED, [f"{each.logical_id}Rule" for each in subscribed]
        )
    if functions:
        resources["TracePolicy"] = _trace_policy([each.role for each in functions])
    return expanded


def _trace_policy(roles: Sequence[str]) -> dict[str, Any]:
    """Return what lets functions send traces, in a stack that is traced."""
    # X-Ray's two actions are allowed on everything or not at all.
    traces = _allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")
    return {
        "Type": "AWS::IAM::Policy",
        "Condition": "Traced",
        "Properties": {
            "PolicyName": "trace",
            "Roles": [{"Ref": role} for role in roles],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [traces]},
        },
    }


def _resources(
    function: Function, settings: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    own = function.logical_id
    yield own, _function(function, settings)
    yield function.role, _role(function)
    yield (
        f"{own}Logs",
        {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": {"Fn::Sub": f"/aws/lambda/${{{own}}}"},
                "RetentionInDays": {"Ref": "LogRetentionDays"},
            },
        },
    )
    if function.errors_alarm:
        errors = _of_function("Errors", function)
        alarm = _alarm(f"{own} fails.", "a-function-fails", **errors, **_SUM)
        yield f"{own}Errors", {"Condition": "FunctionsAlarmed", **alarm}
    if function.stream:
        age = _of_function("IteratorAge", function)
        yield f"{own}Late", _late_alarm(function, age, LATE_MILLISECONDS)
    if function.events:
        yield from _subscription(function)


def _function(function: Function, settings: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "Runtime": f"python{PYTHON}",
        "Architectures": [{"Ref": "Architecture"}],
        "Role": {"Fn::GetAtt": [function.role, "Arn"]},
        "MemorySize": function.memory,
        "Timeout": function.seconds,
        "Tracing": {"Fn::If": ["Traced", "Active", "PassThrough"]},
        "Environment": {"Variables": STACK | function.variables(settings)},
    }
    if function.layers:
        properties["Layers"] = list(function.layers)
    if function.stream:
        source: dict[str, Any] = {
            "Stream": {"Fn::GetAtt": [function.stream, "StreamArn"]},
            "StartingPosition": "TRIM_HORIZON",
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": RECORD_RETRIES,
            "DestinationConfig": {
                "OnFailure": {
                    "Type": "SQS",
                    "Destination": {"Fn::GetAtt": [function.failed, "Arn"]},
                }
            },
            "FilterCriteria": {
                "Filters": [{"Pattern": pattern} for pattern in function.source["patterns"]]
            },
        }
        properties["Events"] = {event_source(function): {"Properties": source}}
    elif function.queue:
        source = {
            "Queue": {"Fn::GetAtt": [function.queue, "Arn"]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": function.at_once},
        }
        if function.enabled:
            source["Enabled"] = {"Fn::If": [function.enabled, True, False]}
        properties["Events"] = {event_source(function): {"Properties": source}}
    elif function.schedule:
        properties["EventInvokeConfig"] = {
            "MaximumRetryAttempts": RUN_RETRIES,
            "MaximumEventAgeInSeconds": RUN_SECONDS,
            "DestinationConfig": {
                "OnFailure": {
                    "Type": "SQS",
                    "Destination": {"Fn::GetAtt": [function.failed, "Arn"]},
                }
            },
        }
    return {"Properties": properties}


def event_source(function: Function) -> str:
    """Return the name that Chalice gives to the event source of a function."""
    kind = "DynamodbEventSource" if function.stream else "SqsEventSource"
    return f"{function.logical_id}{'Event' if function.schedule else kind}"


def _role(function: Function) -> dict[str, Any]:
    log = (
        "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:"
        f"/aws/lambda/${{AWS::StackName}}-{function.logical_id}-*"
    )
    statements: list[dict[str, Any]] = [
        _allow(["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::Sub": log})
    ]
    if function.stream:
        stream = {"Fn::Sub": f"${{{function.stream}.Arn}}/stream/*"}
        statements.append(_allow(_READS_STREAMS, stream))
    if function.stream or function.schedule:
        statements.append(_allow("sqs:SendMessage", {"Fn::GetAtt": [function.failed, "Arn"]}))
    if function.queue:
        statements.append(_allow(_READS_QUEUES, {"Fn::GetAtt": [function.queue, "Arn"]}))
    statements += [{"Effect": "Allow", **statement} for statement in function.policy]
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": _ASSUMED_BY_LAMBDA,
            "Policies": [
                {
                    "PolicyName": function.name.replace("_", "-"),
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
                }
            ],
        },
    }


def _subscription(function: Function) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the bus's rule for a function's events, and the queue in between."""
    own, queue, rule = function.logical_id, str(function.queue), f"{function.logical_id}Rule"
    pattern: dict[str, Any] = {"detail-type": list(function.events)}
    if where := function.source.get("where"):
        pattern["detail"] = {"payload": where}
    yield (
        queue,
        _queue(
            VisibilityTimeout=VISIBILITY_FACTOR * function.seconds,
            RedrivePolicy={
                "deadLetterTargetArn": {"Fn::GetAtt": [function.failed, "Arn"]},
                "maxReceiveCount": DELIVERIES,
            },
        ),
    )
    yield (
        rule,
        {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventBusName": {"Ref": BUS},
                "EventPattern": pattern,
                "Targets": [
                    {
                        "Id": "queue",
                        "Arn": {"Fn::GetAtt": [queue, "Arn"]},
                        # Keeps events that cannot be put into the queue for a day.
                        "DeadLetterConfig": {"Arn": {"Fn::GetAtt": [function.failed, "Arn"]}},
                    }
                ],
            },
        },
    )
    yield f"{queue}Policy", _queue_policy(queue, [rule])
    age = _of_queue("ApproximateAgeOfOldestMessage", queue)
    yield f"{own}Late", _late_alarm(function, age, LATE_SECONDS)


def _queue_policy(queue: str, rules: Sequence[str]) -> dict[str, Any]:
    """Return the policy of a queue that rules of the bus send to; a queue has one policy."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": [queue, "Arn"]},
        "Condition": {
            "ArnEquals": {"aws:SourceArn": [{"Fn::GetAtt": [each, "Arn"]} for each in rules]}
        },
    }
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {
            "Queues": [{"Ref": queue}],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        },
    }


def _allow(action: str | Sequence[str], resource: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def _queue(**properties: Any) -> dict[str, Any]:
    kept = {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": KEPT_SECONDS}
    return {"Type": "AWS::SQS::Queue", "Properties": {**kept, **properties}}


_SUM = {"Statistic": "Sum", "Period": 300, "EvaluationPeriods": 1, "Threshold": 1}


def _late(threshold: int) -> dict[str, Any]:
    return {"Statistic": "Maximum", "Period": 60, "EvaluationPeriods": 5, "Threshold": threshold}


def _of_function(metric: str, function: Function) -> dict[str, Any]:
    dimension = {"Name": "FunctionName", "Value": {"Ref": function.logical_id}}
    return {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": [dimension]}


def _of_queue(metric: str, queue: str) -> dict[str, Any]:
    dimension = {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}
    return {"Namespace": "AWS/SQS", "MetricName": metric, "Dimensions": [dimension]}


def _late_alarm(function: Function, age: Mapping[str, Any], threshold: int) -> dict[str, Any]:
    alarm = _alarm(function.late_means, "something-is-late", **age, **_late(threshold))
    return alarm if function.late_always else {"Condition": "LateAlarmed", **alarm}


def _alarm(description: str, page: str, **metric: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": f"{description} {RUNBOOK}#{page}",
            **metric,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [{"Ref": "AlarmTopic"}],
        },
    }
