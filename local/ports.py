"""Ports on loopback: remembered, preferred, or any free ones."""

import random
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port whose last connections are still fading is free, as it is to a server.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """Return a free port below the range of client ports, so that it stays free."""
    choice = random.SystemRandom()
    while True:
        port = choice.randrange(20_000, 32_000)
        if is_free(port):
            return port


def choose(
    remembered: int | None, preferred: int | None, others: Collection[int] = frozenset()
) -> int:
    """Choose a free port that is none of `others`, which are chosen but not in use yet."""
    for wanted in (remembered, preferred):
        if wanted is not None and wanted not in others and is_free(wanted):
            return wanted
    while True:
        port = any_free()
        if port not in others:
            return port
