"""Function that the clock runs for invitations."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import late

if TYPE_CHECKING:
    from chalicelib.programs.members.invitations import InvitationMailer

TIME_RESERVE = timedelta(seconds=15)
"""Time kept for the mail under way; one takes longer only if AWS is in trouble."""


def mail_invitations(invitations: "InvitationMailer", context: Any) -> int:
    """Mail the invitations that are due."""
    logger.clear_state()
    mailed = invitations.mail_due(late(context, TIME_RESERVE))
    logger.info("invited", extra={"mailed": mailed})
    return mailed
