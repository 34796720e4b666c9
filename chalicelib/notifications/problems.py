"""Problem codes of notifications."""

from chalicelib.foundation.problems import Code

FIELD_CODES = frozenset({"not_a_key"})
"""Of a browser's subscription; those of its address are the webhooks'."""


class NotificationProblem(Code):
    UNSUBSCRIBE_LINK_INVALID = (400, "This is no link of a mail of ours")
