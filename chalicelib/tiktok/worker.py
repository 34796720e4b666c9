"""The clock's part: accounts that are about to lapse, and accounts of removed members."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import late

if TYPE_CHECKING:
    from chalicelib.tiktok.access_tokens.service import AccessTokens
    from chalicelib.tiktok.service import AccountService

TIME_RESERVE = timedelta(seconds=100)
"""Longer than one account can take, waiting for another worker's refresh and then for TikTok."""


def maintain_accounts(accounts: "AccountService", tokens: "AccessTokens", context: Any) -> int:
    """Refresh accounts that would lapse for not being used; release those of removed members."""
    logger.clear_state()
    is_late = late(context, TIME_RESERVE)
    try:
        released = accounts.disconnect_removed_members(is_late)
    finally:
        renewed = tokens.refresh_lapsing_accounts(is_late)
        logger.info("renewed", extra={"renewed": renewed})
    logger.info("released", extra={"released": released})
    return renewed + released
