"""Places in members' inboxes, in the accounts table."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute, UnicodeSetAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import size
from pynamodb.expressions.update import Action

from chalicelib.foundation.table import Model, Store, Update
from chalicelib.tiktok.model import INBOX_PLACES, InboxPlace
from chalicelib.tiktok.store import member_key

_INBOX_KEY = "inbox"


class InboxItem(Model):
    """The places that are taken in a member's TikTok inbox, as far as we know.

    It outlives connections, as the drafts do. A set of strings, because only a set grows,
    shrinks and is counted in one conditional write, whatever else changes it.
    """

    class Meta:
        table_name = "accounts"

    key = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    places = UnicodeSetAttribute(null=True)


class InboxStore(Store):
    MODELS = (InboxItem,)

    def take_place(
        self, program_id: str, member_id: str, place: InboxPlace, otherwise: Callable[[], Exception]
    ) -> Update:
        """Part: take a place in the member's inbox; fails while `INBOX_PLACES` are taken."""
        free = InboxItem.places.does_not_exist() | (size(InboxItem.places) < INBOX_PLACES)
        actions: list[Action] = [InboxItem.places.add({_place_to_text(place)})]
        return Update(_inbox_item(program_id, member_id), actions, free, otherwise)

    def record_place(self, program_id: str, member_id: str, place: InboxPlace) -> Update:
        """Part: count a place that a draft takes, or may have taken, full or not."""
        actions: list[Action] = [InboxItem.places.add({_place_to_text(place)})]
        return Update(_inbox_item(program_id, member_id), actions)

    def free_places(
        self, program_id: str, member_id: str, places: Collection[InboxPlace]
    ) -> Update:
        """Part: free places; those that are free already stay so."""
        actions: list[Action] = [
            InboxItem.places.delete({_place_to_text(place) for place in places})
        ]
        return Update(_inbox_item(program_id, member_id), actions)

    def places(self, program_id: str, member_id: str) -> Sequence[InboxPlace]:
        """List the places that are counted as taken, the longest taken first."""
        try:
            item = self._database.get(
                InboxItem, member_key(program_id, member_id), _INBOX_KEY, consistent_read=True
            )
        except DoesNotExist:
            return []
        return [_place_from_text(each) for each in sorted(item.places or ())]


def _place_to_text(place: InboxPlace) -> str:
    """Write `since#performance` or `since#performance#lost draft`: sorts by time."""
    parts = [place.since.isoformat(), place.performance_id]
    if place.lost_draft is not None:
        parts.append(str(place.lost_draft))
    return "#".join(parts)


def _place_from_text(text: str) -> InboxPlace:
    since, performance_id, *lost_draft = text.split("#")
    number = int(lost_draft[0]) if lost_draft else None
    return InboxPlace(performance_id, datetime.fromisoformat(since), number)


def _inbox_item(program_id: str, member_id: str) -> InboxItem:
    return InboxItem(member_key(program_id, member_id), _INBOX_KEY)
