"""One structured logger. Ids and facts go in; tokens, forms, signatures, names never do."""

import time

from aws_lambda_powertools import Logger

logger = Logger(service="greenroom", utc=True)

ALARMS = "Greenroom"
"""The namespace of the metrics that alarms look at, as infra/alarms.yaml names it."""


def sound_alarm(metric: str, message: str, **facts: object) -> None:
    """Log what the owner has to mend, and count it in a metric that raises an alarm.

    CloudWatch reads the metric out of the line itself (its embedded metric format).
    """
    counted = {
        "Namespace": ALARMS,
        "Dimensions": [[]],
        "Metrics": [{"Name": metric, "Unit": "Count"}],
    }
    embedded = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [counted]}
    logger.error(message, extra={**facts, metric: 1, "_aws": embedded})
