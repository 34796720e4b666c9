"""Webhooks of a program, with a receiver whose answers a test sets."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.composition import Container
from chalicelib.foundation.events import PublicEvent
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.outcomes import DeliveryResult
from chalicelib.webhooks.events import MemberJoinedData
from chalicelib.webhooks.model import Delivery, Format, Language, Webhook
from chalicelib.webhooks.queue import DeliveryTrigger
from chalicelib.webhooks.service import Deliverer, DueWebhooks, FanOut, WebhookService
from tests.clock import StoppedClock
from tests.integration.greenroom import Greenroom

URL = "https://hooks.example/greenroom/1234"
OK = DeliveryResult(200, None, 20)
FAILS = DeliveryResult(500, "refused", 20)
TIMES_OUT = DeliveryResult(None, "timeout", 10_000)


@dataclass
class Receiver:
    """Returns the given answers in turn, then `always`; records the requests it got."""

    answers: list[DeliveryResult] = field(default_factory=list)
    always: DeliveryResult = OK
    got: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> DeliveryResult:
        self.got.append((url, headers, body))
        self.meanwhile()
        return self.answers.pop(0) if self.answers else self.always

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.got]


class WebhookServices:
    """The webhook services, wired as deployed except for the receiver and the bus."""

    def __init__(self, greenroom: Greenroom) -> None:
        self.clock: StoppedClock = greenroom.clock
        sqs = greenroom.clients.sqs
        self.quick, self.slow = (
            sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("hooks", "slow-hooks")
        )
        self.sqs = sqs
        settings = greenroom.settings.changed(
            webhooks_queue_url=self.quick,
            slow_webhooks_queue_url=self.slow,
            console_url="https://console.example",
        )
        self.container = Container(settings, greenroom.clock, greenroom.clients)
        self.manager: Caller = greenroom.manager
        self.receiver = Receiver()
        self.service: WebhookService = self.container.webhooks
        self.store = self.container.webhook_store
        self.fan_out: FanOut = self.container.fan_out
        self.due: DueWebhooks = self.container.due_webhooks
        self.deliverer = self.cold_deliverer()
        self._events = 0

    def cold_deliverer(self) -> Deliverer:
        return Deliverer(
            store=self.store,
            vault=self.container.webhook_vault,
            queues=self.container.delivery_queues,
            sender=self.receiver,
            titles=self.container.webhook_title,
            console_url="https://console.example",
            clock=self.clock,
            jitter=lambda: 0.0,
        )

    def create(self, caller: Caller | None = None, url: str = URL, **wanted: Any) -> Webhook:
        given = {"name": "Ours", "format": Format.JSON, "language": Language.ENGLISH, "types": ()}
        return self.service.create(caller or self.manager, url=url, **{**given, **wanted})

    def event(self, program_id: str | None = None) -> dict[str, Any]:
        """Create an event as the bus delivers it."""
        self._events += 1
        event = PublicEvent(
            event_id=f"evt_{self._events:032x}",
            program_id=program_id or self.manager.program_id,
            occurred_at=self.clock.now(),
            actor="system:test",
            data=MemberJoinedData("mem_1", "member"),
        )
        told: dict[str, Any] = json.loads(event.to_detail())
        return told

    def publish_events(self, count: int = 1, program_id: str | None = None) -> list[dict[str, Any]]:
        events = [self.event(program_id) for _ in range(count)]
        self.fan_out.deliver(events)
        return events

    def take_messages(self, url: str) -> list[DeliveryTrigger]:
        """Receive and delete all messages of a queue."""
        found: list[DeliveryTrigger] = []
        while True:
            got = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            messages: Sequence[Any] = got.get("Messages", ())
            if not messages:
                return found
            for each in messages:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
                found.append(DeliveryTrigger.from_message(each["Body"]))

    def run_deliveries(self) -> int:
        """Process messages until none is left; return how many deliveries succeeded."""
        delivered = 0
        while True:
            quick, slow = self.take_messages(self.quick), self.take_messages(self.slow)
            if not quick and not slow:
                return delivered
            for each in quick:
                delivered += self.deliverer.deliver(each, slow=False)
            for each in slow:
                delivered += self.deliverer.deliver(each, slow=True)

    def run_schedule(self) -> int:
        """Run the schedule that queues due deliveries, and process them."""
        self.due.queue_due(lambda: False)
        return self.run_deliveries()

    def log(self, webhook: Webhook) -> list[Delivery]:
        caller = self.manager
        return list(self.service.deliveries(caller, webhook.webhook_id, 100, None).items)
