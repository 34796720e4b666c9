"""A line of the log is one JSON object that leads to the request it was written for."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.foundation.logging import StructuredLogger, count_steps, log_alarm
from chalicelib.foundation.logging import logger as ours


class Log:
    def __init__(self, logger: StructuredLogger) -> None:
        self.logger, self.written = logger, io.StringIO()
        logger.handlers[0].stream = self.written  # type: ignore[attr-defined]  # a stream's handler

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(each) for each in self.written.getvalue().splitlines()]


@pytest.fixture
def log() -> Log:
    return Log(StructuredLogger("try"))


@pytest.fixture
def own() -> Iterator[Log]:
    stream = ours.handlers[0].stream  # type: ignore[attr-defined]  # a stream's handler
    yield Log(ours)
    ours.handlers[0].stream = stream  # type: ignore[attr-defined]


def test_a_line_says_what_where_when_and_for_whom(log: Log) -> None:
    log.logger.set_correlation_id("correlation-1")
    log.logger.append_keys(program_id="prg_1")
    log.logger.info("performed", extra={"points": 10})
    (line,) = log.lines()
    at = datetime.strptime(line.pop("timestamp"), "%Y-%m-%d %H:%M:%S,%f%z")
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    assert line.pop("location").startswith("test_a_line_says_what_where_when_and_for_whom:")
    assert line == {
        "level": "INFO",
        "message": "performed",
        "service": "try",
        "correlation_id": "correlation-1",
        "program_id": "prg_1",
        "points": 10,
    }


def test_nothing_of_one_piece_of_work_is_left_for_the_next(log: Log) -> None:
    log.logger.set_correlation_id("correlation-1")
    log.logger.append_keys(program_id="prg_1")
    log.logger.clear_state()
    log.logger.info("next")
    assert not {"correlation_id", "program_id"} & log.lines()[0].keys()
    assert log.logger.get_correlation_id() is None


def test_an_exception_is_told_in_one_line_with_its_name(log: Log) -> None:
    try:
        int("two\nlines")
    except ValueError:
        log.logger.exception("broke")
    (line,) = log.lines()
    assert (line["level"], line["exception_name"]) == ("ERROR", "ValueError")
    assert "Traceback" in line["exception"]
    assert "\\n" in line["exception"]


def test_values_that_json_cannot_hold_are_logged_as_text(log: Log) -> None:
    log.logger.info("when", extra={"at": datetime(2026, 1, 2, tzinfo=UTC)})
    assert log.lines()[0]["at"] == "2026-01-02 00:00:00+00:00"


def test_debug_is_not_written(log: Log) -> None:
    log.logger.debug("detail")
    assert log.lines() == []


def test_an_alarm_is_a_metric_of_its_stack_in_the_line_itself(
    own: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STACK", "greenroom-prod")
    log_alarm("AppRefused", "TikTok refuses the app", reason="invalid_client")
    (line,) = own.lines()
    assert line["AppRefused"] == 1
    # As the alarms' dimension in infra/alarms.yaml is named and filled.
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["stack"]]
    assert line["stack"] == "greenroom-prod"
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [
        {"Name": "AppRefused", "Unit": "Count"}
    ]
    assert line["reason"] == "invalid_client"


def test_steps_of_the_main_job_are_counted_in_one_line_and_nothing_is_no_line(
    own: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STACK", "greenroom-prod")
    count_steps({})
    assert own.lines() == []
    count_steps({"PerformanceStaged": 2, "PerformancePosted": 1})
    (line,) = own.lines()
    assert (line["PerformanceStaged"], line["PerformancePosted"], line["level"]) == (2, 1, "INFO")
    told = line["_aws"]["CloudWatchMetrics"][0]
    assert [each["Name"] for each in told["Metrics"]] == ["PerformanceStaged", "PerformancePosted"]
    assert (line["stack"], told["Dimensions"]) == ("greenroom-prod", [["stack"]])
