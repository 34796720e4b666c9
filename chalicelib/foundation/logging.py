"""One structured logger. Ids and facts go in; tokens, forms, signatures, names never do.

A line is a JSON object: level, place in the code, message, time (UTC), what `append_keys` holds for
this request, and the `extra` of the call. Powertools' logger does the same, but takes a tenth of
the start of every function to import.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.foundation.settings import Settings

METRICS_NAMESPACE = "Greenroom"
"""The namespace of this stack's own metrics, as infra/alarms.yaml and the dashboard name it."""

_CORRELATION_ID_KEY = "correlation_id"
_STANDARD_ATTRIBUTES = frozenset(
    {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
)


class StructuredLogger(logging.Logger):
    """Adds keys to each line until they are cleared: a function works on one thing at a time."""

    def __init__(self, name: str, level: int = logging.INFO) -> None:
        super().__init__(name, level)
        self.keys: dict[str, Any] = {}
        self.propagate = False  # Lambda's own handler would write each line again
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(_JsonFormatter(self))
        self.addHandler(handler)

    def append_keys(self, **keys: Any) -> None:
        self.keys |= keys

    def clear_state(self) -> None:
        self.keys.clear()

    def set_correlation_id(self, correlation_id: str | None) -> None:
        self.keys[_CORRELATION_ID_KEY] = correlation_id

    def get_correlation_id(self) -> str | None:
        found: str | None = self.keys.get(_CORRELATION_ID_KEY)
        return found


class _JsonFormatter(logging.Formatter):
    def __init__(self, logger: StructuredLogger) -> None:
        super().__init__()
        self._logger = logger

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "level": record.levelname,
            "location": f"{record.funcName}:{record.lineno}",
            "message": record.getMessage(),
            "timestamp": f"{at:%Y-%m-%d %H:%M:%S},{record.msecs:03.0f}+0000",
            "service": record.name,
            **self._logger.keys,
        }
        line |= {
            name: value for name, value in vars(record).items() if name not in _STANDARD_ATTRIBUTES
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = self.formatException(record.exc_info)
            line["exception_name"] = record.exc_info[0].__name__
        return json.dumps(line, default=str)


logger = StructuredLogger("greenroom")


def log_alarm(metric: str, message: str, **facts: object) -> None:
    """Log what the owner has to mend, and count it in this stack's metric that raises an alarm.

    CloudWatch reads the metric out of the line itself (its embedded metric format).
    """
    logger.error(message, extra={**facts, **_embedded_metrics({metric: 1})})


def count_steps(steps: Mapping[str, int]) -> None:
    """Count steps of the main job in this stack's metrics, one for each name: one line of the log.

    A step is counted when it is relayed, so one that is relayed twice counts twice.
    """
    if steps:
        logger.info("steps", extra=_embedded_metrics(steps))


def _embedded_metrics(counts: Mapping[str, int]) -> dict[str, object]:
    """Return what makes a line of the log a count, in CloudWatch's embedded metric format."""
    told = {
        "Namespace": METRICS_NAMESPACE,
        "Dimensions": [["stack"]],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
    }
    embedded = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [told]}
    stack = Settings.from_environment().stack or "unknown"
    return {**counts, "stack": stack, "_aws": embedded}
