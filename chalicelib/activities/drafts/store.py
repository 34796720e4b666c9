"""Drafts in the activities table: see docs/data.md for their keys and what each access costs."""

from collections.abc import Sequence
from dataclasses import asdict

from pynamodb.attributes import JSONAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.exceptions import DoesNotExist

from chalicelib.activities.model import MAX_DRAFTS, Draft, DraftContent
from chalicelib.audit.model import Kind, act
from chalicelib.foundation.acts import Act
from chalicelib.foundation.table import Conflict, Delete, StampedModel, Store


class DraftItem(StampedModel):
    """Under a key of its own, so that no activity's address leads to a draft."""

    class Meta:
        table_name = "activities"

    program_id = UnicodeAttribute(hash_key=True)
    activity_id = UnicodeAttribute(range_key=True)
    draft = JSONAttribute()
    created_by = UnicodeAttribute()
    created_at = UTCDateTimeAttribute()

    def to_draft(self) -> Draft:
        kept = self.draft
        lists = ("channel_ids", "captions", "hashtags")
        content = DraftContent(**{**kept, **{name: tuple(kept[name]) for name in lists}})
        program_id = self.program_id.removesuffix(_DRAFTS_SUFFIX)
        return Draft(program_id, self.activity_id, content, self.created_by, self.created_at)


_DRAFTS_SUFFIX = "/drafts"


class DraftStore(Store):
    MODELS = (DraftItem,)

    def newest(self, program_id: str) -> Sequence[Draft]:
        """List all drafts of a program, the newest first: one query."""
        found = self._database.query(
            DraftItem,
            program_id + _DRAFTS_SUFFIX,
            scan_index_forward=False,
            consistent_read=True,
            limit=2 * MAX_DRAFTS,  # a few more than allowed may be made at once
        )
        return [item.to_draft() for item in found]

    def get(self, program_id: str, draft_id: str) -> Draft | None:
        try:
            return self._database.get(DraftItem, program_id + _DRAFTS_SUFFIX, draft_id).to_draft()
        except DoesNotExist:
            return None

    def create(self, draft: Draft) -> bool:
        """Save a draft; False if it was saved before, by the same request."""
        item = DraftItem(
            draft.program_id + _DRAFTS_SUFFIX,
            draft.draft_id,
            draft=asdict(draft.content),
            created_by=draft.created_by,
            created_at=draft.created_at,
        )
        made = _act(Kind.DRAFT_CREATED, draft, after=asdict(draft.content))
        return self._database.put(item, DraftItem.activity_id.does_not_exist(), made)

    def remove(self, draft: Draft) -> bool:
        """Remove a draft; False if it is gone."""
        item = DraftItem(draft.program_id + _DRAFTS_SUFFIX, draft.draft_id)
        removed = _act(Kind.DRAFT_REMOVED, draft, before=asdict(draft.content))
        try:
            self._database.commit([Delete(item, DraftItem.activity_id.exists()), removed])
        except Conflict:
            return False
        return True


def _act(kind: Kind, draft: Draft, **fields: dict[str, object]) -> Act:
    title = draft.content.instructions
    return act(kind, draft.program_id, draft.draft_id, title=title, **fields)
