"""Use cases of drafts: a proposal of an activity, without a video, that a manager publishes."""

from collections.abc import Sequence
from typing import Any

from chalicelib.activities.drafts.store import DraftStore
from chalicelib.activities.model import (
    MAX_DRAFTS,
    Draft,
    DraftContent,
    InvalidText,
    check_post_texts,
    normalized_captions,
    normalized_hashtags,
)
from chalicelib.activities.service import Groupings
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.problems import Problem, ProblemCode, invalid_field, not_found
from chalicelib.programs.problems import require_open_channels


class DraftService:
    def __init__(self, store: DraftStore, groupings: Groupings, clock: Clock) -> None:
        self._store = store
        self._groupings = groupings
        self._clock = clock

    def create(self, caller: Caller, made_id: str | None = None, **wanted: Any) -> Draft:
        """Save a draft, checked as an activity is. Nobody but managers ever sees it.

        Raises problems: `invalid_request` for texts, channels and a campaign that no activity
        could have, `limit_reached` at about 50 drafts, for it is counted before it is written.
        """
        now = self._clock.now()
        draft_id = f"drf_{made_id}" if made_id else new_id("drf", now)
        known = self._store.get(caller.program_id, draft_id) if made_id else None
        if known:
            return known  # by the same request, whose answer was lost
        content = _draft_content(wanted)
        self._check_groupings(caller.program_id, content)
        if len(self._store.newest(caller.program_id)) >= MAX_DRAFTS:
            raise Problem(
                ProblemCode.LIMIT_REACHED,
                f"A program has {MAX_DRAFTS} drafts at most. Publish or remove some first.",
                members={"quota": "drafts", "limit": MAX_DRAFTS},
            )
        draft = Draft(caller.program_id, draft_id, content, caller.member_id, now)
        self._store.create(draft)
        return draft

    def drafts(self, caller: Caller) -> Sequence[Draft]:
        """List the program's drafts, the newest first: one query."""
        return self._store.newest(caller.program_id)

    def remove(self, caller: Caller, draft_id: str) -> None:
        """Remove a draft, because it was published or is not wanted. Raises `not_found`."""
        draft = self._store.get(caller.program_id, draft_id)
        if draft is None or not self._store.remove(draft):
            raise not_found("draft")

    def _check_groupings(self, program_id: str, content: DraftContent) -> None:
        wanted = content.channel_ids
        known = self._groupings.channels(program_id, wanted) if wanted else {}
        require_open_channels(wanted, known)
        if content.campaign_id is None:
            return
        campaign = self._groupings.campaign(program_id, content.campaign_id)
        if campaign is None or campaign.archived:
            raise invalid_field(
                "campaign_id",
                "campaign_archived" if campaign else "unknown_campaign",
                "The campaign is archived." if campaign else "There is no such campaign.",
            )


def _draft_content(wanted: dict[str, Any]) -> DraftContent:
    try:
        content = DraftContent(
            **{
                **wanted,
                "channel_ids": tuple(dict.fromkeys(wanted.get("channel_ids", ()))),
                "captions": normalized_captions(wanted.get("captions", ())),
                "hashtags": normalized_hashtags(wanted.get("hashtags", ())),
            }
        )
        check_post_texts(content)
    except InvalidText as error:
        raise invalid_field(error.field, error.code, str(error), error.limit) from error
    return content
