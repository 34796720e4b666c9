"""Problem codes of notifications."""

from chalicelib.foundation.problems import Code


class NotificationProblem(Code):
    UNSUBSCRIBE_LINK_INVALID = (400, "This is no link of a mail of ours")
