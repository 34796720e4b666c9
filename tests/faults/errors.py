"""Errors that AWS and the network raise."""

from collections.abc import Callable

import requests
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from tests.faults.tables import error

ENDPOINT = "https://aws.example"


def raises(make: Callable[[], Exception]) -> Callable[[], None]:
    def fault() -> None:
        raise make()

    return fault


def throttled() -> Exception:
    """AWS throttled all attempts of the client; nothing was done."""
    return error("ThrottlingException", "Rate exceeded", "any")


def timed_out() -> Exception:
    """The request was done, but the answer timed out."""
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
    """The connection closed in the middle of an object's body."""
    return ConnectionClosedError(endpoint_url=ENDPOINT)


def refused() -> Exception:
    """The connection was refused."""
    return requests.ConnectionError("connection refused")
