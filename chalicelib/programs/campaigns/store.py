"""Campaigns in the programs table: see docs/data.md for their keys and what each access costs."""

from collections.abc import Sequence

from chalicelib.foundation.table import Put, Update, bind, commit
from chalicelib.programs.model import Campaign
from chalicelib.programs.store import CampaignItem, GuardItem, campaign_key, move_name

_KIND = "campaign"


class AlreadyMade(Exception):
    """The campaign of this id exists: the same request came before."""


class CampaignStore:
    def __init__(self, table_name: str) -> None:
        for model in (CampaignItem, GuardItem):
            bind(model, table_name)

    def create(self, campaign: Campaign) -> None:
        """Make a campaign. Raises `AlreadyMade` or `NameTaken`."""
        item = CampaignItem(
            campaign.program_id,
            campaign_key(campaign.campaign_id),
            campaign_id=campaign.campaign_id,
            name=campaign.name,
            archived=False,
            created_at=campaign.created_at,
        )
        commit(
            [
                Put(item, CampaignItem.item.does_not_exist(), AlreadyMade),
                *move_name(_KIND, campaign.program_id, campaign.campaign_id, None, campaign.name),
            ]
        )

    def newest(self, program_id: str, before: str | None, count: int) -> Sequence[Campaign]:
        """List campaigns, newest first, those made before the given one: one query."""
        prefix, key = campaign_key(""), CampaignItem.item
        # Both ends are in a range; the given one is read, and left out.
        earlier = key.between(prefix, campaign_key(before)) if before else key.startswith(prefix)
        found = CampaignItem.query(
            program_id,
            earlier,
            scan_index_forward=False,
            consistent_read=True,
            limit=count + 1,
        )
        return [item.to_campaign() for item in found if item.campaign_id != before][:count]

    def change(self, was: Campaign, becomes: Campaign) -> None:
        """Rename, archive or unarchive.

        Raises `NameTaken`, or `Conflict` if it is no longer what it was.
        """
        commit(
            [
                Update(
                    CampaignItem(was.program_id, campaign_key(was.campaign_id)),
                    [
                        CampaignItem.name.set(becomes.name),
                        CampaignItem.archived.set(becomes.archived),
                    ],
                    (CampaignItem.name == was.name) & (CampaignItem.archived == was.archived),
                ),
                *move_name(_KIND, was.program_id, was.campaign_id, _open(was), _open(becomes)),
            ]
        )


def _open(campaign: Campaign) -> str | None:
    return None if campaign.archived else campaign.name
