"""The database of the tests: the template's tables by their names there, over one client."""

from functools import cache

from chalicelib.audit.service import AuditRecorder
from chalicelib.audit.store import AuditStore, OriginStore
from chalicelib.foundation.aws import Clients
from chalicelib.foundation.table import Database
from tests.clock import StoppedClock


@cache
def clients() -> Clients:
    """Return the clients that all tests share: making them takes longer than most tests."""
    return Clients()


@cache
def database() -> Database:
    """Return the database; acts are recorded as at the tests' noon."""
    return Database(
        clients().dynamodb,
        lambda name: f"{name.capitalize()}Table",
        lambda act: _trail().record(act),
    )


@cache
def _trail() -> AuditRecorder:
    origins = OriginStore(database())
    return AuditRecorder(AuditStore(database()), lambda: origins, StoppedClock(), 730)
