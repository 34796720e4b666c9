"""Keeps the sends that wait for a member's account until they are made or cannot be."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from chalicelib.tiktok.model import PendingSend
from chalicelib.tiktok.store import AccountStore

SHORTEST_POSTPONEMENT, LONGEST_POSTPONEMENT = timedelta(minutes=5), timedelta(hours=6)
"""How long a send that broke waits for its next turn: a quarter of the time it has waited."""


class PendingSends:
    def __init__(self, store: AccountStore) -> None:
        self._store = store

    def sends_due(self, before: datetime) -> Iterator[PendingSend]:
        """Yield sends that waited for a connection and should have been made by then."""
        return self._store.pending_sends(before)

    def with_disclosure(self, send: PendingSend) -> PendingSend | None:
        """Return a due send with the disclosure acknowledged for it; None if it waits no more."""
        account = self._store.account(send.program_id, send.member_id)
        pending = account.pending if account else None
        return pending if pending and pending.activity_id == send.activity_id else None

    def forget_send(self, send: PendingSend) -> None:
        """Forget a send that waited for the connection: it was made, or it cannot be."""
        self._store.forget_send(send.program_id, send.member_id, send.activity_id)

    def postpone_send(self, send: PendingSend, now: datetime) -> None:
        """Let a waiting send wait on, ever longer, so that those behind it have their turn."""
        account = self._store.account(send.program_id, send.member_id)
        if account is not None:
            waited = now - account.connected_at
            delay = max(SHORTEST_POSTPONEMENT, min(waited / 4, LONGEST_POSTPONEMENT))
            self._store.postpone_send(send, now + delay)
