"""Amazon SES, as far as mails need it: one message to one address, sent once or surely not."""

import re
from email.message import EmailMessage
from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.foundation.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

_TAG_PATTERN = re.compile(r"[^A-Za-z0-9_-]")
_UNAVAILABLE = 500

CLAIM_TAG, PROGRAM_TAG, MEMBER_TAG = "claim", "program", "member"
"""The tags that SES returns with each of its events of a mail."""


class SendResult(Enum):
    """The result of handing a mail to SES."""

    SENT = "sent"
    REFUSED = "refused"  # this mail, for good
    TOO_FAST = "too_fast"  # surely not sent: over the rate, so a moment later it may be taken
    LATER = "later"  # surely not sent, nor would others be: the quota is used up, sending is paused
    UNKNOWN = "unknown"  # the answer never came


_RATE_LIMIT_CODES = frozenset(
    {
        "TooManyRequestsException",
        "LimitExceededException",
        "Throttling",
        "ThrottlingException",
    }
)
"""Of the rate as of the day's quota; the message says which: "Maximum sending rate exceeded.",
"Daily message quota exceeded."."""

_TRY_LATER_CODES = frozenset(
    {
        "SendingPausedException",
        "AccountSuspendedException",
        "MailFromDomainNotVerifiedException",
        "NotFoundException",
        "AccessDeniedException",
    }
)


@dataclass(frozen=True)
class MessageTags:
    """Message tags that name a mail's member and claim."""

    program_id: str
    member_id: str
    claim_id: str

    def to_ses(self) -> "list[Mapping[str, str]]":
        pairs = {
            CLAIM_TAG: self.claim_id,
            PROGRAM_TAG: self.program_id,
            MEMBER_TAG: self.member_id,
        }
        return [
            {"Name": name, "Value": _TAG_PATTERN.sub("-", value)} for name, value in pairs.items()
        ]


class SesMailSender:
    """Sends by SES v2; its client must not try again by itself, for a mail would come twice."""

    def __init__(self, client: Any, configuration_set: str) -> None:
        self._client = client
        self._configuration_set = configuration_set

    def send(self, mail: EmailMessage, to: str, tags: MessageTags) -> SendResult:
        """Hand a mail over, once; it is from whom its header says, also in letters beyond ASCII."""
        try:
            self._client.send_email(
                Destination={"ToAddresses": [to]},
                Content={"Raw": {"Data": mail.as_bytes()}},
                EmailTags=tags.to_ses(),
                **(
                    {"ConfigurationSetName": self._configuration_set}
                    if self._configuration_set
                    else {}
                ),
            )
        except ClientError as error:
            return _outcome_of(error)
        except BotoCoreError:
            return SendResult.UNKNOWN
        return SendResult.SENT


def _outcome_of(error: ClientError) -> SendResult:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _RATE_LIMIT_CODES:
        is_quota = "quota" in str(error.response.get("Error", {}).get("Message", "")).lower()
        return SendResult.LATER if is_quota else SendResult.TOO_FAST
    if code in _TRY_LATER_CODES:
        return SendResult.LATER
    # An error of its own may come after SES took the mail: only its events say so.
    return SendResult.UNKNOWN if status >= _UNAVAILABLE else SendResult.REFUSED
