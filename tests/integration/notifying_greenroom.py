"""A Greenroom in memory that turns its events into notices and mails when a test says so."""

import email
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.activities import events as activities
from chalicelib.activities.model import Activity
from chalicelib.foundation.events import Event
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.notifications import received, worker
from chalicelib.notifications.model import Frequency, NoticeCategory
from chalicelib.notifications.service import NotificationOverview, SettingsChanges
from chalicelib.performances import events as performances
from chalicelib.points import events as points
from chalicelib.programs import events as programs
from chalicelib.reports import events as reports
from chalicelib.rewards import events as rewards
from tests.clock import StoppedClock
from tests.events import Relayed, queued, streamed
from tests.integration.greenroom import CONTEXT
from tests.integration.reporting_greenroom import ReportingGreenroom

DERIVED = {
    "ProgramsTable": programs.events_of,
    "ActivitiesTable": activities.events_of,
    "MarksTable": activities.events_of_marks,
    "PerformancesTable": performances.events_of,
    "PointsTable": points.events_of,
    "RewardsTable": rewards.events_of,
    "ReportsTable": reports.events_of,
}
NOTED = {each.TYPE for each in received.HANDLED_EVENTS}


class Killed(BaseException):
    """The function's process was killed."""


@dataclass
class Mail:
    """A mail that SES accepted."""

    to: str
    message: EmailMessage
    tags: dict[str, str]

    def part(self, kind: str) -> str:
        found = self.message.get_body((kind,))
        assert found is not None
        return str(found.get_content())


class NotifyingGreenroom(ReportingGreenroom):
    """Records every change, and delivers its events to the writers of notices and mails."""

    def __init__(self, clock: StoppedClock) -> None:
        self.mails: list[Mail] = []
        self.ses_events: list[str] = []
        self.ses_errors: list[Exception] = []
        self.ses_rate: int | None = None
        """How many mails SES accepts per second."""
        self.rate_exceeded = 0
        self._taken_at: list[datetime] = []
        self.messages: list[str] = []
        self.delays: list[int] = []
        self.groups: list[tuple[str, str | None]] = []
        """Queued messages, each with its message group."""
        self.walks: list[str] = []
        self.effects = 0
        self.killed_at: tuple[int, str] | None = None
        super().__init__(clock)
        self.container.sleep = lambda seconds: self.advance(seconds=seconds)
        self._inner = self.cloud.call
        self.cloud.call = self._intercept  # type: ignore[method-assign]  # SES and the queue beside
        # Managers are members too; these tests are about the others' mails.
        kinds = dict.fromkeys(set(NoticeCategory) - {NoticeCategory.WORKLIST}, Frequency.NEVER)
        self.container.notifications.change_settings(self.manager, SettingsChanges(kinds))

    def _intercept(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Any:
        self.effects += 1
        if self.killed_at == (self.effects, "before"):
            raise Killed
        answer = self._answer(service, operation, parameters)
        if self.killed_at == (self.effects, "after"):
            raise Killed
        return answer

    def _answer(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Any:
        if service == "sesv2":
            return self._accept_mail(parameters)
        if service == "sqs" and parameters["QueueUrl"] == self.settings.digests_queue_url:
            sent = [each["MessageBody"] for each in parameters["Entries"]]
            self.delays += [each["DelaySeconds"] for each in parameters["Entries"]]
            self.groups += [
                (each["MessageBody"], each.get("MessageGroupId")) for each in parameters["Entries"]
            ]
            self.messages += sent
            self.walks += [each for each in sent if '"member_ids": []' in each]
            return {"Successful": []}
        return self._inner(service, operation, parameters)

    def _accept_mail(self, parameters: Mapping[str, Any]) -> Any:
        if self.ses_errors:
            raise self.ses_errors.pop(0)
        self._check_rate()
        raw = parameters["Content"]["Raw"]["Data"]
        message = email.message_from_bytes(raw, policy=SMTP)
        assert isinstance(message, EmailMessage)
        (to,) = parameters["Destination"]["ToAddresses"]
        tags = {each["Name"]: each["Value"] for each in parameters["EmailTags"]}
        self.mails.append(Mail(to, message, tags))
        self.ses_events.append(ses_event("Send", tags, to))
        return {"MessageId": "1"}

    def _check_rate(self) -> None:
        if self.ses_rate is None:
            return
        now = self.clock.now()
        self._taken_at = [each for each in self._taken_at if each > now - timedelta(seconds=1)]
        if len(self._taken_at) >= self.ses_rate:
            self.rate_exceeded += 1
            raise refusal("TooManyRequestsException", 429, "Maximum sending rate exceeded.")
        self._taken_at.append(now)

    # --- mails --------------------------------------------------------------------------------

    def send_due_mails(self) -> None:
        """Run the schedule once and process the queued messages, one after the other."""
        container = self.container
        worker.queue_due_digests(container.due_digests, lambda: container.digests_queue, CONTEXT)
        while self.messages:
            record = {"messageId": "1", "body": self.messages[0]}
            answer = worker.process_digest_messages(
                container.digest_planner,
                container.notice_mailer,
                {"Records": [record]},
                CONTEXT,
            )
            assert answer == {"batchItemFailures": []}
            self.messages.pop(0)

    def deliver_ses_events(self, *events: str) -> None:
        """Deliver these events of SES, by default all that it has published."""
        told = list(events) or self.ses_events
        for body in told:
            record = {"messageId": "1", "body": body}
            answer = worker.handle_ses_events(self.container.mail_feedback, {"Records": [record]})
            assert answer == {"batchItemFailures": []}
        self.ses_events = []

    def pass_time(self, hours: float, minutes: int = 15) -> None:
        """Advance the clock, running the schedule every quarter of an hour."""
        until = self.clock.now() + timedelta(hours=hours)
        while self.clock.now() < until:
            self.advance(minutes=minutes)
            self.send_due_mails()
            self.deliver_ses_events()

    def to(self, caller: Caller) -> list[Mail]:
        return [each for each in self.mails if each.to == caller.email]

    def events(self) -> list[Event[Any]]:
        told, self._changes = self._changes, []
        found: list[Event[Any]] = []
        for number, (table, before, after) in enumerate(told):
            if table in DERIVED:
                relayed = Relayed(DERIVED[table])
                (record,) = streamed([after], [before])["Records"]
                record["eventID"] = f"{id(told)}-{number}"
                record["dynamodb"]["ApproximateCreationDateTime"] = self.clock.now().timestamp()
                relayed.relay([record])
                found += [each for each in relayed.events if each.payload.TYPE in NOTED]
        return found

    def deliver(self, events: Sequence[Event[Any]]) -> None:
        answer = received.record_events(
            self.container.bulletin_writer, self.container.notice_writer, queued(*events)
        )
        assert answer == {"batchItemFailures": []}

    def publish(self, **changes: Any) -> Activity:
        """Publish an activity now."""
        now = self.clock.now()
        return self.activity(**{"created_at": now, "activity_id": new_id("act", now), **changes})

    def edit_activity(self, activity: Activity, **changes: Any) -> Activity:
        """Change an activity, as an edit does."""
        return self.put_activity(replace(activity, **changes))

    def overview(self, caller: Caller) -> NotificationOverview:
        return self.container.notifications.overview(self.now(caller))

    def unread_notices(self, caller: Caller) -> list[tuple[str, str]]:
        """Return the unread notices that a member sees."""
        return [
            (each.notice.what.value, each.notice.title)
            for each in self.overview(caller).items
            if not each.read
        ]

    def revoke_consent(self, caller: Caller) -> None:
        """Revoke a member's consent at TikTok, and record TikTok's webhook about it."""
        name = caller.email.partition("@")[0]
        self.tiktok.token_pairs.pop(name)
        self.advance(seconds=1)
        accounts = self.container.tiktok
        assert accounts.record_access_removed(f"open-{name}", self.clock.now())

    def count_calls(self, use: Callable[[], object]) -> int:
        """Count the AWS calls of a use when it runs a second time, identity included."""
        use()
        before = self.effects
        use()
        return self.effects - before


def refusal(code: str, status: int, message: str = "") -> ClientError:
    """Return what botocore raises for an answer of SES."""
    told = {"Error": {"Code": code, "Message": message}}
    status_told = {"ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError({**told, **status_told}, "SendEmail")  # type: ignore[typeddict-item]  # as far as it is read


def ses_event(kind: str, tags: Mapping[str, str], to: str, **more: Any) -> str:
    """Return an event of SES as EventBridge delivers it."""
    mail = {"destination": [to], "tags": {name: [value] for name, value in tags.items()}}
    return json.dumps({"source": "aws.ses", "detail": {"eventType": kind, "mail": mail, **more}})


def bounce(
    mail: Mail, address: str = "", kind: str = "Permanent", at: datetime | None = None
) -> str:
    recipients = [{"emailAddress": address or mail.to}]
    told = {"bounceType": kind, "bouncedRecipients": recipients, **_told_at(at)}
    return ses_event("Bounce", mail.tags, mail.to, bounce=told)


def complaint(
    mail: Mail, address: str = "", kind: str = "abuse", at: datetime | None = None
) -> str:
    recipients = [{"emailAddress": address or mail.to}]
    told = {"complainedRecipients": recipients, "complaintFeedbackType": kind, **_told_at(at)}
    return ses_event("Complaint", mail.tags, mail.to, complaint=told)


def _told_at(at: datetime | None) -> dict[str, str]:
    """Return an instant as SES writes it; empty without one."""
    return {"timestamp": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"} if at else {}
