"""The clock ticked: accounts may be about to lapse."""

from typing import TYPE_CHECKING

from chalicelib.foundation.logging import logger

if TYPE_CHECKING:
    from chalicelib.tiktok.service import AccountService


def renew(accounts: "AccountService") -> int:
    """Refresh what would lapse for not being used."""
    logger.clear_state()
    renewed = accounts.renew_lapsing()
    logger.info("renewed", extra={"renewed": renewed})
    return renewed
