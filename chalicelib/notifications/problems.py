"""Problem codes of notifications."""

from chalicelib.foundation.problems import Code

FIELD_ERROR_CODES = frozenset({"not_a_key"})
"""Codes for a push subscription's fields; those for its address are shared with webhooks."""


class NotificationProblem(Code):
    UNSUBSCRIBE_LINK_INVALID = (400, "This is no link of a mail of ours")
