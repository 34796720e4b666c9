"""Ports on loopback: the ones remembered, the preferred ones, or any that are free."""

import random
import socket

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
    """A free port below the range that systems hand out to clients, so that it stays free."""
    choice = random.SystemRandom()
    while True:
        port = choice.randrange(20_000, 32_000)
        if is_free(port):
            return port


def choose(remembered: int | None, preferred: int | None) -> int:
    for port in (remembered, preferred):
        if port is not None and is_free(port):
            return port
    return any_free()
