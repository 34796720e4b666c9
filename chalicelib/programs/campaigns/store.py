"""Campaigns in the programs table: see docs/data.md for their keys and what each access costs."""

from collections.abc import Sequence

from chalicelib.audit.model import Kind, act, select_fields
from chalicelib.foundation.table import Put, Store, Update
from chalicelib.programs.model import Campaign
from chalicelib.programs.store import (
    CampaignItem,
    UniquenessItem,
    campaign_key,
    name_change_parts,
    of_version,
)

_THING_KIND = "campaign"


class AlreadyCreated(Exception):
    """The campaign of this id exists: the same request came before."""


class CampaignStore(Store):
    MODELS = (CampaignItem, UniquenessItem)

    def create(self, campaign: Campaign) -> None:
        """Create a campaign. Raises `AlreadyCreated` or `NameTaken`."""
        item = CampaignItem(
            campaign.program_id,
            campaign_key(campaign.campaign_id),
            campaign_id=campaign.campaign_id,
            name=campaign.name,
            archived=False,
            created_at=campaign.created_at,
        )
        self._database.commit(
            [
                Put(item, CampaignItem.item.does_not_exist(), AlreadyCreated),
                *name_change_parts(
                    _THING_KIND, campaign.program_id, campaign.campaign_id, None, campaign.name
                ),
                act(
                    Kind.CAMPAIGN_CREATED,
                    campaign.program_id,
                    campaign.campaign_id,
                    after=select_fields(campaign, ["name"]),
                    title=campaign.name,
                ),
            ]
        )

    def newest(self, program_id: str, before: str | None, count: int) -> Sequence[Campaign]:
        """List the campaigns created before the given one, newest first: one query."""
        prefix, key = campaign_key(""), CampaignItem.item
        # Both ends are in a range; the given one is read, and left out.
        earlier = key.between(prefix, campaign_key(before)) if before else key.startswith(prefix)
        found = self._database.query(
            CampaignItem,
            program_id,
            earlier,
            scan_index_forward=False,
            consistent_read=True,
            limit=count + 1,
        )
        return [item.to_campaign() for item in found if item.campaign_id != before][:count]

    def change(self, was: Campaign, becomes: Campaign) -> None:
        """Rename, archive or unarchive.

        Raises `NameTaken`, or `Conflict` if it has changed since it was read.
        """
        self._database.commit(
            [
                Update(
                    CampaignItem(was.program_id, campaign_key(was.campaign_id)),
                    [
                        CampaignItem.name.set(becomes.name),
                        CampaignItem.archived.set(becomes.archived),
                        CampaignItem.version.set(becomes.version),
                    ],
                    CampaignItem.item.exists() & of_version(CampaignItem.version, was.version),
                ),
                *name_change_parts(
                    _THING_KIND,
                    was.program_id,
                    was.campaign_id,
                    _open_name(was),
                    _open_name(becomes),
                ),
                act(
                    Kind.CAMPAIGN_CHANGED,
                    was.program_id,
                    was.campaign_id,
                    select_fields(was, ["name", "archived"]),
                    select_fields(becomes, ["name", "archived"]),
                    title=becomes.name,
                ),
            ]
        )


def _open_name(campaign: Campaign) -> str | None:
    return None if campaign.archived else campaign.name
