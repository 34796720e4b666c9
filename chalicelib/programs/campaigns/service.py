"""Use cases of campaigns: managers run them, members read their names."""

from dataclasses import replace

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.conflicts import check_version, retry_conflicts
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import Problem, ProblemCode, not_found
from chalicelib.programs.campaigns.store import AlreadyCreated, CampaignStore
from chalicelib.programs.model import Campaign
from chalicelib.programs.service import ProgramService, changed_meanwhile
from chalicelib.programs.store import NameTaken

_LIST_NAME = "campaigns"


class CampaignService:
    def __init__(
        self, store: CampaignStore, programs: ProgramService, cursors: Cursors, clock: Clock
    ) -> None:
        self._store = store
        self._programs = programs
        self._cursors = cursors
        self._clock = clock

    def create(self, caller: Caller, name: str, made_id: str | None = None) -> Campaign:
        """Create a campaign. Raises the problem `name_taken`."""
        now = self._clock.now()
        campaign_id = f"cmp_{made_id}" if made_id else new_id("cmp", now)
        campaign = Campaign(caller.program_id, campaign_id, name, archived=False, created_at=now)
        try:
            self._store.create(campaign)
        except AlreadyCreated:
            return self._campaign(caller, campaign_id)
        except NameTaken:
            raise _name_taken(name) from None
        return campaign

    def campaigns(self, caller: Caller, limit: int, cursor: str | None) -> Page[Campaign]:
        """List campaigns, newest first, archived ones too. One query."""
        return self._cursors.page(
            caller.program_id,
            _LIST_NAME,
            cursor,
            limit,
            fetch=lambda at, count: self._store.newest(caller.program_id, at.get("before"), count),
            position_of=lambda last: {"before": last.campaign_id},
        )

    @retry_conflicts("The campaign keeps changing. Try again.")
    def change(
        self,
        caller: Caller,
        campaign_id: str,
        *,
        name: str | None,
        archived: bool | None,
        version: int | None = None,
        expected: Campaign | None = None,
    ) -> Campaign:
        """Rename, archive or unarchive a campaign; what is None stays. Its activities stay in it.

        With a `version` it must have that, with `expected` be as it was there.
        Raises problems: `not_found`, `name_taken`, `changed_meanwhile` (with the `version` it has
        now).
        """
        was = self._campaign(caller, campaign_id)
        check_version("this campaign", was.version, version)
        if expected is not None and was != expected:
            raise changed_meanwhile(f"the campaign {was.name!r}")
        becomes = replace(
            was,
            name=was.name if name is None else name,
            archived=was.archived if archived is None else archived,
        )
        if becomes == was:
            return was
        becomes = replace(becomes, version=was.version + 1)
        try:
            self._store.change(was, becomes)
        except NameTaken:
            raise _name_taken(becomes.name) from None
        return becomes

    def _campaign(self, caller: Caller, campaign_id: str) -> Campaign:
        campaign = self._programs.campaign(caller.program_id, campaign_id)
        if campaign is None:
            raise not_found("campaign")
        return campaign


def _name_taken(name: str) -> Problem:
    return Problem(ProblemCode.NAME_TAKEN, f"There is already a campaign named {name!r}.")
