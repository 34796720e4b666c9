"""Sweeps over members, each of whom may need a call to TikTok."""

from collections.abc import Callable, Iterable

from chalicelib.foundation.logging import logger
from chalicelib.foundation.sweeps import IsLate
from chalicelib.tiktok.errors import Cause, TikTokError, TikTokRefused
from chalicelib.tiktok.model import NotConnected


def for_each_member(
    members: Iterable[tuple[str, str]], act: Callable[[str, str], object], is_late: IsLate
) -> int:
    """Call `act(program_id, member_id)` for each member; returns for how many it went well.

    A later run tries again what TikTok does not do now. Raises the first other failure at the end.
    """
    done = 0
    failure: Exception | None = None
    for program_id, member_id in members:
        if is_late():
            break
        logger.append_keys(program_id=program_id, member_id=member_id)
        try:
            act(program_id, member_id)
        except NotConnected:
            logger.info("not connected any more")
        except TikTokError as error:
            if isinstance(error, TikTokRefused) and error.cause is Cause.APP_SETTINGS:
                raise  # and so it would be for all others: this app itself is refused
            logger.warning("not now", extra={"tiktok": error.code, "log_id": error.log_id})
        except Exception as error:  # noqa: BLE001  raised below, once the others had their turn
            logger.exception("failed for one member")
            failure = failure or error
        else:
            done += 1
    if failure:
        raise failure
    return done
