"""Measures how soon after its write an event is on the bus: `python -m bench.bus`.

Brings up a whole stack, offers and withdraws rewards, and lets a rule hand their public events to a
queue. An event's time runs from just before the request whose write it tells of is sent until the
queue has it, so the request and the rule's delivery count as well. The first event is shown apart:
it waits for the start of the functions that it goes through. The local cloud looks for new records
of a stream as often as it likes; AWS, whose Lambda does so four times a second, is another matter.

Ends with 1 if an event is missing, or more than one in twenty takes longer than the goal.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.measurements import Report
from local import stack
from local.aws import STACK_NAME, Aws
from local.demo import Browser
from local.home import Home
from local.process_environment import isolate_environment
from local.stack import RunningStack

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import TargetTypeDef

REWARDS = 20
"""Each makes two events."""
APART_SECONDS = 0.3
MOST_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
TYPES = ("reward.offered", "reward.withdrawn")


def listening_queue(local: Aws) -> str:
    """Create a queue and a rule that sends public events to it; return the queue's URL."""
    bus = f"{STACK_NAME}-events"
    url = local.sqs.create_queue(QueueName="bench-bus")["QueueUrl"]
    told = local.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    target: TargetTypeDef = {"Id": "queue", "Arn": told["Attributes"]["QueueArn"]}
    pattern = json.dumps({"source": ["greenroom"], "detail-type": list(TYPES)})
    local.events.put_rule(Name="bench-bus", EventBusName=bus, EventPattern=pattern)
    local.events.put_targets(Rule="bench-bus", EventBusName=bus, Targets=[target])
    return url


def send_requests(manager: Browser) -> dict[tuple[str, str], float]:
    """Offer and withdraw rewards; return the time before each request, by its event."""
    sent: dict[tuple[str, str], float] = {}
    for number in range(REWARDS):
        begun = time.time()
        made = manager.post("/rewards", {"title": f"Mug {number}", "price": 1})
        sent[TYPES[0], made["reward_id"]] = begun
        time.sleep(APART_SECONDS)  # events apart, as people make them
        begun = time.time()
        change = {"version": made["version"], "state": "archived"}
        manager.ask("PATCH", f"/rewards/{made['reward_id']}", change).raise_for_status()
        sent[TYPES[1], made["reward_id"]] = begun
        time.sleep(APART_SECONDS)  # likewise
    return sent


def receive_events(local: Aws, url: str, count: int) -> dict[tuple[str, str], float]:
    """Return the time at which the queue received each event, by the queue's timestamp."""
    found: dict[tuple[str, str], float] = {}
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    while len(found) < count and time.monotonic() < until:
        received: Any = local.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        for each in received.get("Messages", ()):
            told = json.loads(each["Body"])["detail"]
            at = int(each["Attributes"]["SentTimestamp"]) / 1000
            found.setdefault((told["type"], told["data"]["reward_id"]), at)
            local.sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return found


def run(running: RunningStack) -> bool:
    local = Aws(str(running.content["aws"]["endpoint_url"]))
    manager = Browser(running, running.first("manager"))
    url = listening_queue(local)
    begun = time.time()
    manager.post("/rewards", {"title": "Mug", "price": 1})
    first = [at - begun for at in receive_events(local, url, 1).values()]
    sent = send_requests(manager)
    found = receive_events(local, url, len(sent))
    taken = sorted(found[each] - at for each, at in sent.items() if each in found)
    report = Report()
    report.goal("events missing", 1 - len(first) + len(sent) - len(taken), 0)
    report.line("the first event, whose functions start", *(f"{each:.2f} s" for each in first))
    if taken:
        report.line(f"{len(taken)} more, median", f"{statistics.median(taken):.2f} s")
        report.line("  slowest", f"{taken[-1]:.2f} s")
        nineteen = round(taken[len(taken) * 19 // 20 - 1], 2)
        report.goal("nineteen of twenty", nineteen, MOST_SECONDS, " s")
    return not report.missed


def main() -> int:
    isolate_environment()
    with tempfile.TemporaryDirectory(prefix="greenroom-bench-") as folder:
        home = Home(Path(folder))
        supervisor = stack.start_in_background(home, ("--throwaway", "--without-console"))
        try:
            return 0 if run(stack.wait_until_ready(home, supervisor)) else 1
        finally:
            supervisor.stop()


if __name__ == "__main__":
    sys.exit(main())
