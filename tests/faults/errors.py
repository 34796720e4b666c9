"""What AWS and the network say when they do not do what they are asked."""

from collections.abc import Callable

import requests
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from tests.faults.tables import error

ENDPOINT = "https://aws.example"


def raises(make: Callable[[], Exception]) -> Callable[[], None]:
    def happens() -> None:
        raise make()

    return happens


def throttled() -> Exception:
    """AWS has no capacity left, however often its client asked; nothing was done."""
    return error("ThrottlingException", "Rate exceeded", "any")


def timed_out() -> Exception:
    """It was done, but the answer never came."""
    return ReadTimeoutError(endpoint_url=ENDPOINT)


def conflicted() -> Exception:
    """Another transaction touched an item at the same time; nothing was done."""
    return error(
        "TransactionCanceledException",
        "Transaction cancelled",
        "TransactWriteItems",
        CancellationReasons=[{"Code": "TransactionConflict"}],
    )


def stream_broken() -> Exception:
    """An object's body breaks off in the middle."""
    return ConnectionClosedError(endpoint_url=ENDPOINT)


def refused() -> Exception:
    """Nobody listens there."""
    return requests.ConnectionError("connection refused")
