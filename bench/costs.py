"""Computes Greenroom's AWS costs: `python -m bench.costs` writes docs/costs.md and README's sums.

`--measure` first records what each function does (`bench.scenarios`, in memory: calls, capacity
units by the sizes of items, milliseconds of processor) into bench/costs.json. The page is made of
these figures, of what the template has (alarms, queues, schedules, secrets) and of the dated list
prices in bench/prices.toml. Tests compare the figures with a recording of their own,
and the page with the figures.
"""

import json
import math
import os
import pkgutil
import re
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click

import chalicelib
from bench import memory
from local.functions import declared
from local.home import PROJECT
from local.process_environment import isolate_environment
from local.template import declarations, together
from tests.faults.cloud import template_tables

FIGURES = PROJECT / "bench" / "costs.json"
PRICES = PROJECT / "bench" / "prices.toml"
PAGE = PROJECT / "docs" / "costs.md"
README = PROJECT / "README.md"

# Assumptions, named on the page.
AWS_MS, TIKTOK_MS = 6, 300  # a call's way there and back
UPLOAD_MB_A_SECOND = 20
VIDEO_MB = 20
WHOLE_PROCESSOR_MB = 1769
LOG_BYTES = 600  # an invocation's lines
POLLS_A_MINUTE = 15  # of a queue that is empty: five long polls of 20 s
MINUTES = 43_200  # of a month of 30 days
MINUTES_OF = {"minute": 1, "minutes": 1, "hour": 60, "hours": 60, "day": 1440, "days": 1440}

# What one performance is: a member opens the app, sends, and posts.
PERFORMANCE: Mapping[str, float] = {
    "/me": 1,
    "feed": 2,  # and the history, which costs less
    "perform": 1,
    "authorizer": 1,  # asked once for all of a visit's requests
    "performances queue and relay": 3,  # queued, staged, posted
    "stage": 2,  # with one look at its status
    "webhook": 2,  # delivered, posted
    "publish dismissals": 1,
    "count entries": 1,
    "count events": 3,
}


def record() -> dict[str, dict[str, Any]]:
    """Record each function's calls for its typical event."""
    from bench.recorded_cloud import Server  # noqa: PLC0415  the app reads its environment at import
    from bench.scenarios import Bench, environment  # noqa: PLC0415  likewise

    isolate_environment()
    with tempfile.TemporaryDirectory(prefix="greenroom-costs-") as folder:
        server = Server(Path(folder))
        os.environ.update(environment(server))
        bench = RecordingBench(Bench(server))
        try:
            bench.record()
        finally:
            server.close()
    return bench.figures


class RecordingBench:
    """A bench that records the calls, units and processor time of each of its scenarios.

    Milliseconds are those of an invocation whose process has all modules, and makes its services
    anew: more than a warm one takes, and less than the first. Scenarios that are done twice with
    the same event have those of the second time.
    """

    def __init__(self, bench: Any) -> None:
        self._bench = bench
        self._took: dict[int, float] = {}
        self.figures: dict[str, dict[str, Any]] = {}

    def record(self) -> None:
        for each in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
            import_module(each.name)
        app = self._bench.app
        for name in ("app", *app.functions.names - {"api_handler"}):
            setattr(app, name, self._timed(getattr(app, name)))
        self._bench.record()
        for scenario in self._bench.scenarios:
            calls = scenario.recording.calls
            self.figures[scenario.name] = {
                "function": scenario.function,
                "calls": dict(sorted(Counter(each.operation for each in calls).items())),
                "read_units": sum(map(read_units, calls)),
                "write_units": sum(map(write_units, calls)),
                "tiktok": len(scenario.recording.requests),
                "ms": round(self._took[id(scenario.event)] * 1000),
            }

    def _timed(self, handle: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def timed(event: Any, context: Any) -> Any:
            began = time.process_time()
            answer = handle(event, context)
            self._took[id(event)] = time.process_time() - began
            return answer

        return timed


def size_of(item: Mapping[str, Any]) -> int:
    """Return the approximate bytes of an item as DynamoDB counts them: names and values."""
    return len(json.dumps(item, separators=(",", ":"), default=str))


def _units(items: Sequence[Mapping[str, Any]], unit: int, factor: float) -> float:
    return sum(math.ceil(max(1, size_of(each)) / unit) for each in items) * factor


def read_units(call: Any) -> float:
    """Return the read units of a call by what it answered: 4 KB each, half if not consistent."""
    asked, answer = call.parameters, call.answer
    consistent = 1.0 if asked.get("ConsistentRead") else 0.5
    match call.operation:
        case "GetItem":
            return _units([answer.get("Item", {})], 4096, consistent)
        case "Query":
            return math.ceil(max(1, sum(map(size_of, answer.get("Items", ())))) / 4096) * consistent
        case "BatchGetItem":
            found = [each for items in answer.get("Responses", {}).values() for each in items]
            return _units(found, 4096, 0.5)
        case "TransactGetItems":
            found = [each.get("Item", {}) for each in answer.get("Responses", ())]
            return _units(found, 4096, 2)
    return 0


def write_units(call: Any) -> float:
    """Return the write units of a call: a kilobyte each, twice in a transaction.

    An index whose key the write carries takes as much again. An update is counted by what it sets.
    """
    asked = call.parameters
    match call.operation:
        case "PutItem" | "UpdateItem" | "DeleteItem":
            return _written(asked)
        case "TransactWriteItems":
            parts = [(kind, part) for each in asked["TransactItems"] for kind, part in each.items()]
            return sum(
                2 * (1 if kind == "ConditionCheck" else _written(part)) for kind, part in parts
            )
        case "BatchWriteItem":
            requests = [
                (table, next(iter(each.values())))
                for table, some in asked["RequestItems"].items()
                for each in some
            ]
            return sum(_written({"TableName": table, **part}) for table, part in requests)
    return 0


_TABLES = template_tables()


def _written(part: Mapping[str, Any]) -> float:
    item = part.get("Item") or {
        **part.get("Key", {}),
        **part.get("ExpressionAttributeValues", {}),
    }
    kilobytes = math.ceil(max(1, size_of(item)) / 1024)
    named = set(part.get("Item", {})) | set(part.get("ExpressionAttributeNames", {}).values())
    table = _TABLES[part["TableName"]]
    touched = sum(
        not named.isdisjoint({*keys} - {*table.keys}) for keys, _ in table.indexes.values()
    )
    return kilobytes * (1 + touched)


@dataclass(frozen=True)
class Costs:
    """Dollars by purpose."""

    of: Mapping[str, float]

    @property
    def total(self) -> float:
        return sum(self.of.values())

    def most(self) -> str:
        return max(self.of, key=lambda each: self.of[each])


class Prices:
    """Costs computed from recorded figures, a template and list prices."""

    def __init__(
        self, figures: Mapping[str, Any], template: Mapping[str, Any], prices: Mapping[str, Any]
    ) -> None:
        self.figures, self.prices = figures, prices
        self.resources = template["Resources"]
        self._conditions = template["Conditions"]
        self._defaults = {
            name: str(each.get("Default", "")) for name, each in template["Parameters"].items()
        }

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.resources.values() if each.get("Type") == kind]

    def is_condition_true(self, condition: str, **given: str) -> bool:
        """Return whether a condition of the template holds, with parameters or their defaults."""
        return self._true(self._conditions[condition], self._defaults | given)

    def _true(self, told: Any, given: Mapping[str, str]) -> bool:
        ((function, of),) = told.items()
        match function:
            case "Condition":
                return self._true(self._conditions[of], given)
            case "Fn::Not":
                return not self._true(of[0], given)
            case "Fn::And":
                return all(self._true(each, given) for each in of)
            case "Fn::Or":
                return any(self._true(each, given) for each in of)
            case "Fn::Equals":
                left, right = (given[x["Ref"]] if isinstance(x, dict) else x for x in of)
                return bool(left == right)
        raise ValueError(function)

    def alarms(self, **given: str) -> int:
        """Return how many alarms a stack with these parameters has."""
        return sum(
            "Condition" not in each or self.is_condition_true(each["Condition"], **given)
            for each in self.of_kind("AWS::CloudWatch::Alarm")
        )

    def polled_queues(self, **given: str) -> int:
        """Return how many queues Lambda polls in a stack with these parameters."""
        sources = [
            event["Properties"]
            for each in self.resources.values()
            for event in each.get("Properties", {}).get("Events", {}).values()
            if isinstance(event, dict) and "Queue" in event.get("Properties", {})
        ]
        return sum(
            "Enabled" not in each or self.is_condition_true(each["Enabled"]["Fn::If"][0], **given)
            for each in sources
        )

    @staticmethod
    def scheduled_runs() -> dict[str, float]:
        """Return how often a month each scheduled function runs, by its idle scenario."""
        found = {}
        for each in declared(declarations(PROJECT / "infra")):
            if each.schedule:
                number, unit = each.schedule.removeprefix("rate(").removesuffix(")").split()
                scenario = each.name.replace("_", " ")
                found[scenario] = MINUTES / (int(number) * MINUTES_OF[unit])
        return found

    def memory(self, name: str) -> int:
        function = self.figures[name]["function"]
        found: int = self.resources[logical(function)]["Properties"]["MemorySize"]
        return found

    def milliseconds(self, name: str) -> float:
        """Return an invocation's billed time: processor time at its share, and round trips."""
        figure = self.figures[name]
        share = min(1.0, self.memory(name) / WHOLE_PROCESSOR_MB)
        waits = sum(figure["calls"].values()) * AWS_MS + figure["tiktok"] * TIKTOK_MS
        upload = VIDEO_MB / UPLOAD_MB_A_SECOND * 1000 if name == "stage" else 0
        return float(figure["ms"] / share + waits + upload / PERFORMANCE["stage"])

    def performances(self, number: float, free: bool = True) -> Costs:
        """Return the monthly cost of performances, less the free tier if `free`."""
        p, n = self.prices, number
        figures = {
            name: (self.figures["perform" if name == "webhook" else name], times)
            for name, times in PERFORMANCE.items()
        }
        seconds = sum(
            times
            * self.milliseconds("perform" if name == "webhook" else name)
            / 1000
            * self.memory("perform" if name == "webhook" else name)
            / 1024
            for name, times in PERFORMANCE.items()
        )
        invocations = sum(PERFORMANCE.values())
        requests = sum(PERFORMANCE[each] for each in ("/me", "feed", "perform", "webhook"))

        def calls(*operations: str) -> float:
            return math.fsum(
                times * sum(figure["calls"].get(each, 0) for each in operations)
                for figure, times in figures.values()
            )

        def units(kind: str) -> float:
            return math.fsum(times * figure[kind] for figure, times in figures.values())

        queued = calls("SendMessage", "SendMessageBatch") + 3 * calls("PutEvents") + 3 * 2

        def left(used: float, given: float) -> float:
            return max(0.0, used - given) if free else used

        return Costs(
            {
                "egress to TikTok": left(n * VIDEO_MB / 1000, p["egress"]["free_gb"])
                * p["egress"]["gb"],
                "API Gateway": n * requests * p["api"]["request"],
                "DynamoDB": n * units("read_units") * p["dynamodb"]["read_unit"]
                + n * units("write_units") * p["dynamodb"]["write_unit"],
                "Lambda": left(n * seconds, p["lambda"]["free_gb_seconds"])
                * p["lambda"]["gb_second"]
                + left(n * invocations, p["lambda"]["free_requests"]) * p["lambda"]["request"],
                "SQS, EventBridge": n * queued * p["sqs"]["request"]
                + n * calls("PutEvents") * p["events"]["event"],
                "KMS": left(n * calls("Encrypt", "Decrypt"), p["kms"]["free_requests"])
                * p["kms"]["request"],
                "logs": left(n * invocations * LOG_BYTES / 1e9, p["cloudwatch"]["free_log_gb"])
                * p["cloudwatch"]["log_gb"],
            }
        )

    def idle(self, *, free: bool = True, **given: str) -> Costs:
        """Return the cost of an idle month, less the free tier if `free`."""
        p, c = self.prices, self.prices["cloudwatch"]
        alarms, sources = self.alarms(**given), self.polled_queues(**given)
        polls = sources * POLLS_A_MINUTE * MINUTES
        secrets = len(self.of_kind("AWS::SecretsManager::Secret"))
        keys = len(self.of_kind("AWS::KMS::Key"))
        ticks = self.scheduled_runs()
        runs = sum(ticks.values())
        reads = sum(self.figures[each]["read_units"] * times for each, times in ticks.items())
        seconds = sum(
            self.milliseconds(each) / 1000 * self.memory(each) / 1024 * times
            for each, times in ticks.items()
        )

        def left(used: float, of: float) -> float:
            return max(0.0, used - of) if free else used

        return Costs(
            {
                f"{alarms} alarms": left(alarms, c["free_alarms"]) * c["alarm_month"],
                f"empty polls of {sources} queues": left(polls, p["sqs"]["free_requests"])
                * p["sqs"]["request"],
                f"{len(ticks)} functions on the clock: Lambda": left(
                    seconds, p["lambda"]["free_gb_seconds"]
                )
                * p["lambda"]["gb_second"]
                + left(runs, p["lambda"]["free_requests"]) * p["lambda"]["request"],
                f"{len(ticks)} functions on the clock: what they read": reads
                * p["dynamodb"]["read_unit"],
                f"KMS ({keys} key)": keys * p["kms"]["key_month"],
                f"secrets ({secrets})": secrets * p["secrets"]["secret_month"],
            }
        )

    def program(self, members: int) -> Costs:
        """Return a program's monthly cost if members send twice and visit four times more."""
        sends = self.performances(2 * members)
        p = self.prices
        visits = 4 * members * (PERFORMANCE["/me"] + PERFORMANCE["feed"])
        people = max(0, members - p["cognito"]["free_people"]) * p["cognito"]["person_month"]
        idle = self.idle().total
        rest = {
            "what runs anyway": idle,
            "visits without a send": visits * p["api"]["request"],
            "the user pool": people,
        }
        return Costs({**sends.of, **rest})


def logical(function: str) -> str:
    return {"api_handler": "APIHandler"}.get(
        function, "".join(part.title() for part in function.split("_"))
    )


def dollars(value: float) -> str:
    return f"${value:,.2f}"


def table(costs: Costs) -> list[str]:
    rows = sorted(costs.of.items(), key=lambda each: -each[1])
    return [
        "| | |",
        "|---|---:|",
        *(f"| {name} | {dollars(value)} |" for name, value in rows),
        f"| **together** | **{dollars(costs.total)}** |",
    ]


def idle_table(prices: Prices) -> list[str]:
    listed, less = prices.idle(free=False), prices.idle()
    rows = sorted(less.of.items(), key=lambda each: -each[1])
    return [
        "| | list price | less what an account has free |",
        "|---|---:|---:|",
        *(f"| {name} | {dollars(listed.of[name])} | {dollars(value)} |" for name, value in rows),
        f"| **together** | {dollars(listed.total)} | **{dollars(less.total)}** |",
    ]


def margins(prices: Prices) -> str:
    """Return the least and the greatest memory that functions hold, for each that they may have."""
    figures = memory.kept()
    held: dict[int, list[float]] = {}
    for name in figures:
        given = prices.resources[logical(name)]["Properties"]["MemorySize"]
        held.setdefault(given, []).append(memory.required_mb(figures, name))
    return (
        ", ".join(
            f"{' to '.join(dict.fromkeys((f'{min(each):.0f}', f'{max(each):.0f}')))} of {given} MB"
            for given, each in sorted(held.items())
        )
        + "."
    )


def page(prices: Prices) -> str:
    """Return docs/costs.md."""
    idle, thousand = prices.idle(), prices.performances(1000, free=False)
    free_alarms = prices.prices["cloudwatch"]["free_alarms"]
    polls = next(value for name, value in idle.of.items() if "polls" in name)
    late = prices.alarms(LateAlarms="true") - prices.alarms()
    each = prices.alarms(FunctionAlarms="true") - prices.alarms()
    a_queue = POLLS_A_MINUTE * MINUTES * prices.prices["sqs"]["request"]
    video = thousand.of["egress to TikTok"]
    lines = [
        "# What it costs",
        "",
        "For owners: what the stack costs while nobody uses it, for 1,000 performances, and for"
        " programs of three sizes; last, the measurements behind these sums.",
        "",
        "**The prices were written down from memory on"
        f" {prices.prices['day']}, without a look at AWS's pages, and no bill has confirmed a sum"
        " here.** Before you rely on a sum, compare the prices that matter (SQS requests, egress,"
        " the user pool's people) with AWS's pages, correct `bench/prices.toml`, and run the"
        " command again.",
        "",
        "`python -m bench.costs` writes this page. Tests keep its three sources together:",
        "",
        f"- list prices of {prices.prices['day']} for us-east-1 (`bench/prices.toml`);",
        "- what the template has: alarms, queues, schedules, secrets;",
        "- calls, units and milliseconds of each function's typical work (`bench/costs.json`,"
        " recorded by `python -m bench.costs --measure`).",
        "",
        "## A month in which nobody does anything",
        "",
        *idle_table(prices),
        "",
        "**Empty polls dominate**:"
        f" {dollars(polls)} of {dollars(idle.total)}. Lambda asks each queue that it reads some"
        f" {POLLS_A_MINUTE} times a minute ({dollars(a_queue)} a month), and no setting lowers"
        " that. [Decision 31](decisions/0031-what-an-idle-month-costs.md) weighs what could be"
        " given up, and says why the goal of $3 is missed: every queue that holds work is needed.",
        "",
        "The second column takes off what an account has free each month. It is free once for the"
        " account, so a second stack of the account pays the first column:",
        "",
        f"- {free_alarms} alarms, three dashboards, ten metrics of one's own (an idle stack writes"
        " none);",
        "- a million requests of SQS;",
        "- a million invocations and 400,000 GB-seconds of Lambda (functions on the clock stay"
        " within them);",
        "- 5 GB of logs, 25 GB of tables.",
        "",
        f'`LateAlarms = "true"` adds {late} alarms for what is late and not lost,'
        f' `FunctionAlarms = "true"` {each} for single errors of single functions: a dime each.',
        "",
        "## 1,000 performances",
        "",
        f"Each with a video of {VIDEO_MB} MB, without what is free each month:",
        "",
        *table(thousand),
        "",
        f"**The videos' way to TikTok dominates**: {dollars(video)} of {dollars(thousand.total)},"
        " from the"
        f" {prices.prices['egress']['free_gb'] / VIDEO_MB * 1000:,.0f}th performance of a month"
        " on, for 100 GB a month are free.",
        "",
        "TikTok could fetch the videos itself (`PULL_FROM_URL`) from a CloudFront distribution, of"
        " which a terabyte a month is free:"
        f" {prices.prices['cloudfront']['free_gb'] / VIDEO_MB * 1000:,.0f} performances. Greenroom"
        " does not do that, for three reasons:",
        "",
        "- An init whose answer is lost may have begun a pull, so that sending again can deliver"
        " twice; an upload without bytes delivers nothing.",
        "- Pulls have hung in the field, unseen from here.",
        "- Each video would be at a public address for an hour.",
        "",
        "## Programs",
        "",
        "Each member sends twice a month and visits four times more, with a password of the stack's"
        " own pool:",
        "",
        "| members | a month | for each member | mostly |",
        "|---:|---:|---:|---|",
    ]
    for members in (100, 10_000, 1_000_000):
        costs = prices.program(members)
        name = costs.most()
        lines.append(
            f"| {members:,} | {dollars(costs.total)} | ${costs.total / members:,.3f} |"
            f" {name}, {dollars(costs.of[name])} |"
        )
    lines += [
        "",
        "The user pool counts people who sign in within the month, the first"
        f" {prices.prices['cognito']['free_people']:,} free. A company's own issuer (`TokenIssuer`)"
        " in place of the pool costs nothing; federated into the pool its people are counted.",
        "",
        "## What was measured",
        "",
        "| | function | memory (MB) | calls | read units | write units | ms of processor |"
        " ms billed |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, figure in prices.figures.items():
        lines.append(
            f"| {name} | {logical(figure['function'])} | {prices.memory(name)} |"
            f" {sum(figure['calls'].values())} | {figure['read_units']:g} |"
            f" {figure['write_units']:g} | {figure['ms']} | {prices.milliseconds(name):.0f} |"
        )
    lines += [
        "",
        "Milliseconds of processor are those of a warm invocation for requests that read, and for"
        " functions on the clock at a tick with nothing to do. For the others they are those of an"
        " invocation that makes its services anew; a warm one takes less.",
        "",
        "Milliseconds billed are the sum of:",
        "",
        "- the processor's milliseconds at the share that the memory buys"
        f" ({WHOLE_PROCESSOR_MB} MB are a whole processor);",
        f"- {AWS_MS} ms for each call of AWS, and {TIKTOK_MS} for each of TikTok or a webhook's"
        " receiver;",
        f"- the video at {UPLOAD_MB_A_SECOND} MB a second.",
        "",
        "A performance is: "
        + ", ".join(f"{name} {times:g}" for name, times in PERFORMANCE.items())
        + ". A webhook counts like perform.",
        "",
        "### Memory",
        "",
        "Memory is bought for the processor that comes with it.",
        "",
        "| MB | functions | why |",
        "|---:|---|---|",
        "| 256 | relays and the clock | nobody waits for their milliseconds |",
        "| 512 | those that answer a person, or bring a video to TikTok | somebody waits |",
        "| 1024 | `notifications_plan_and_send_digests`"
        " | walks 100,000 members in half of its time |",
        "| 1769 | `videos_validate`, `points_build_leaderboards` | a whole processor for their"
        " worst cases: a 4K HEVC file within its examiner's limit"
        " ([measured](videos.md#what-it-costs)), and the boards of 100,000 members in 37 of 120"
        " seconds and 160 MB"
        " ([measured](data.md#limits-worth-knowing)) |",
        "",
        "Each function holds at most half of its memory: " + margins(prices) + " 128 MB would be"
        " less than twice what most of them hold, and half the processor.",
        "",
        "`python -m bench.memory` measures that: it does each function's typical work in a process"
        " of its own, and adds the runtime's share and the worst case (`bench/memory.json`). A test"
        " repeats it.",
    ]
    return "\n".join(lines) + "\n"


def kept_prices() -> Prices:
    """Return costs by the figures, the template and the prices that are kept."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    prices = tomllib.loads(PRICES.read_text(encoding="utf-8"))
    return Prices(figures, together(PROJECT / "infra"), prices)


def written() -> str:
    """Return the page."""
    return page(kept_prices())


def readme() -> str:
    """Return the README with the two sums that it names."""
    prices = kept_prices()
    sums = {
        r"\$[\d.,]+ a month while": f"{dollars(prices.idle().total)} a month while",
        r"\$[\d.,]+ for 1,000": f"{dollars(prices.performances(1000, free=False).total)} for 1,000",
    }
    text = README.read_text(encoding="utf-8")
    for pattern, told in sums.items():
        text, times = re.subn(pattern, told.replace("\\", ""), text)
        if times != 1:
            raise click.ClickException(f"README.md says {times} times what {pattern} looks for.")
    return text


@click.command()
@click.option("--measure", is_flag=True, help="Record the main job first.")
@click.option("--show", is_flag=True, help="Record, and print the figures instead.")
def main(*, measure: bool, show: bool) -> None:
    """Write docs/costs.md."""
    if measure or show:
        told = json.dumps(record(), indent=1) + "\n"
        if show:
            sys.stdout.write(told)
            return
        FIGURES.write_text(told, encoding="utf-8")
    PAGE.write_text(written(), encoding="utf-8")
    README.write_text(readme(), encoding="utf-8")


if __name__ == "__main__":
    main()
