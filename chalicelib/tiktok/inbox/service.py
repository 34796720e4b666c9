"""Counts the places in a member's TikTok inbox: TikTok lets five shares of a day wait there."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.table import Part
from chalicelib.tiktok.inbox.store import InboxStore
from chalicelib.tiktok.model import INBOX_PLACES, InboxPlace


class InboxPlaces:
    def __init__(self, store: InboxStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def take_place(
        self, program_id: str, member_id: str, place: InboxPlace, otherwise: Callable[[], Exception]
    ) -> Part:
        """Part: take a place in the member's TikTok inbox. Fails when `INBOX_PLACES` are taken,
        lapsed ones included: `full_until` clears those away.
        """
        return self._store.take_place(program_id, member_id, place, otherwise)

    def record_place(self, program_id: str, member_id: str, place: InboxPlace) -> Part:
        """Part: count the place of a draft that may lie at TikTok, however full it is there."""
        return self._store.record_place(program_id, member_id, place)

    def free_places(self, program_id: str, member_id: str, places: Collection[InboxPlace]) -> Part:
        """Part: free places: their share was posted, or never made."""
        return self._store.free_places(program_id, member_id, places)

    def list_taken_places(self, program_id: str, member_id: str) -> Sequence[InboxPlace]:
        """List the places taken in the member's inbox: what is under way or waits there."""
        return self._store.places(program_id, member_id)

    def full_until(self, program_id: str, member_id: str) -> datetime | None:
        """Return when the member's inbox has a place again; None if it has one now."""
        now = self._clock.now()
        places = self._store.places(program_id, member_id)
        taken = [place for place in places if place.is_taken_at(now)]
        if len(taken) < len(places):
            lapsed = [place for place in places if not place.is_taken_at(now)]
            self._store.commit([self._store.free_places(program_id, member_id, lapsed)])
        if len(taken) < INBOX_PLACES:
            return None
        # A place that was counted above the limit has to lapse too before there is room.
        return taken[len(taken) - INBOX_PLACES].free_at
