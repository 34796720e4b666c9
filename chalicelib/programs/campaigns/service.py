"""What managers do with campaigns."""

from dataclasses import replace

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.ids import new_id
from chalicelib.foundation.pages import Cursors, Page
from chalicelib.foundation.problems import Problem, ProblemCode, not_found
from chalicelib.foundation.table import Conflict
from chalicelib.programs.campaigns.store import AlreadyMade, CampaignStore
from chalicelib.programs.model import Campaign
from chalicelib.programs.service import ProgramService
from chalicelib.programs.store import NameTaken

_LIST = "campaigns"
_ATTEMPTS = 4


class CampaignService:
    def __init__(
        self, store: CampaignStore, programs: ProgramService, cursors: Cursors, clock: Clock
    ) -> None:
        self._store = store
        self._programs = programs
        self._cursors = cursors
        self._clock = clock

    def create(self, caller: Caller, name: str, made_id: str | None = None) -> Campaign:
        """Make a campaign. Raises the problem `name_taken`."""
        now = self._clock.now()
        campaign_id = f"cmp_{made_id}" if made_id else new_id("cmp", now)
        campaign = Campaign(caller.program_id, campaign_id, name, archived=False, created_at=now)
        try:
            self._store.create(campaign)
        except AlreadyMade:
            return self._campaign(caller, campaign_id)
        except NameTaken:
            raise _name_taken(name) from None
        return campaign

    def campaigns(self, caller: Caller, limit: int, cursor: str | None) -> Page[Campaign]:
        """List campaigns, newest first, archived ones too. One query."""
        before = None
        if cursor is not None:
            before = str(self._cursors.read(caller.program_id, _LIST, cursor)["before"])
        found = self._store.newest(caller.program_id, before, limit + 1)
        page = tuple(found[:limit])
        last = {"before": page[-1].campaign_id} if len(found) > limit else None
        return Page(page, self._cursors.make(caller.program_id, _LIST, last) if last else None)

    def change(
        self, caller: Caller, campaign_id: str, *, name: str | None, archived: bool | None
    ) -> Campaign:
        """Rename, archive or unarchive a campaign; what is None stays. Its activities stay in it.

        Raises problems: `not_found`, `name_taken`, `changed_meanwhile`.
        """
        for _ in range(_ATTEMPTS):
            was = self._campaign(caller, campaign_id)
            becomes = replace(
                was,
                name=was.name if name is None else name,
                archived=was.archived if archived is None else archived,
            )
            if becomes == was:
                return was
            try:
                self._store.change(was, becomes)
            except NameTaken:
                raise _name_taken(becomes.name) from None
            except Conflict:
                continue
            return becomes
        raise Problem(ProblemCode.CHANGED_MEANWHILE, "The campaign keeps changing. Try again.")

    def _campaign(self, caller: Caller, campaign_id: str) -> Campaign:
        campaign = self._programs.campaign(caller.program_id, campaign_id)
        if campaign is None:
            raise not_found("campaign")
        return campaign


def _name_taken(name: str) -> Problem:
    return Problem(ProblemCode.NAME_TAKEN, f"There is a campaign named {name!r} already.")
