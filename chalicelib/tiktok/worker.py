"""The clock ticked: accounts may be about to lapse, or left behind by who was removed."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import late

if TYPE_CHECKING:
    from chalicelib.tiktok.service import AccountService

RESERVE = timedelta(seconds=100)
"""Longer than one account can take, waiting for another worker's refresh and then for TikTok."""


def renew(accounts: "AccountService", context: Any) -> int:
    """Refresh what would lapse for not being used; let go of what removed members left behind."""
    logger.clear_state()
    is_late = late(context, RESERVE)
    try:
        departed = accounts.let_go_departed(is_late)
    finally:
        renewed = accounts.renew_lapsing(is_late)
        logger.info("renewed", extra={"renewed": renewed})
    logger.info("let go", extra={"departed": departed})
    return renewed + departed
