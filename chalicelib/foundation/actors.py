"""The actor of a write: a member, an owner's command, or a function of the system.

Each entry point (the HTTP router, a Lambda, a command) sets the actor once; `foundation.table`
puts it on every item that is written meanwhile. The router also names the request: the audit
trail keeps its address and the caller's role.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace

from chalicelib.foundation.values import dataclass

UNKNOWN = "system:unknown"
"""Nobody said so. Only a test or a script that goes past the entry points writes this."""


@dataclass(frozen=True)
class Origin:
    """The request that is being answered: the address it began at, and the role of its caller."""

    address: str
    role: str | None = None


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)
_current: ContextVar[str] = ContextVar("actor", default=UNKNOWN)


def member(member_id: str) -> str:
    return f"member:{member_id}"


def command(name: str) -> str:
    return f"command:{name}"


def system(name: str) -> str:
    return f"system:{name}"


def public(actor: str) -> dict[str, str]:
    """Return an actor for systems outside: its kind, and of a member the id.

    Names of functions and commands are this system's own business.
    """
    kind, _, name = actor.partition(":")
    return {"kind": "member", "member_id": name} if kind == "member" else {"kind": kind}


def current() -> str:
    """Return the actor of everything that is written now."""
    return _current.get()


def origin() -> Origin | None:
    """Return the request that everything written now belongs to; None without one."""
    return _origin.get()


def origin_as(role: str) -> Origin | None:
    """Return the request that is being answered, as one of a caller of this role."""
    found = _origin.get()
    return replace(found, role=str(role)) if found else None


@contextmanager
def acting(actor: str, origin: Origin | None = None) -> Iterator[None]:
    """Write as this actor for a while; without an `origin` under the same request as before."""
    token = _current.set(actor)
    under = _origin.set(origin or _origin.get())
    try:
        yield
    finally:
        _origin.reset(under)
        _current.reset(token)
