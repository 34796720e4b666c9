"""Who may call what: one entry for each operation of openapi.json.

The order is the one in which a program's own people do it all, one operation after the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.foundation.http import Who
from tests.e2e.contract import Operation

ANYONE, MEMBER, MANAGER = Who.ANYONE, Who.MEMBER, Who.MANAGER


@dataclass(frozen=True)
class Permission:
    """Who may call an operation, what they are answered, and what a right call of it looks like.

    Ids stand as `{name}` in the body too. What is `personal` only its own
    member finds.
    """

    who: Who
    status: int = 200
    code: str | None = None
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    personal: bool = False

    def content(self, ids: Mapping[str, str]) -> Any:
        return _filled(self.body, ids)

    def names_a_thing(self, operation: Operation) -> bool:
        """Tell whether a call names something that belongs to one program."""
        return bool(operation.names) or "_id}" in repr(self.body)


def _filled(body: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(body, str):
        return body.format(**ids)
    if isinstance(body, list):
        return [_filled(each, ids) for each in body]
    if isinstance(body, dict):
        return {name: _filled(value, ids) for name, value in body.items()}
    return body


NAMED = {"name": "{new}"}

PERMISSIONS: dict[str, Permission] = {
    "foundation_health": Permission(ANYONE),
    "performances_callback": Permission(
        ANYONE, 400, "tiktok_state_invalid", query={"state": "made-up", "code": "made-up"}
    ),
    "performances_webhook": Permission(ANYONE, 401, "signature_refused", body={}),
    # one's own
    "points_me": Permission(MEMBER),
    "points_change_me": Permission(MEMBER, body={"time_zone": "Europe/Berlin"}),
    "points_leaderboard": Permission(MEMBER, query={"period": "week"}),
    "tiktok_authorize": Permission(MEMBER),
    "tiktok_account": Permission(MEMBER),
    # the program
    "programs_read": Permission(MANAGER),
    "programs_change": Permission(MANAGER, body={"disclosure": "#ad"}),
    "members_invite": Permission(MANAGER, 201, body={"email": "{new}@matrix.example"}),
    "members_list_newest": Permission(MANAGER),
    "members_import_roster": Permission(MANAGER, body={"csv": "{new}-too@matrix.example"}),
    "members_read": Permission(MANAGER),
    "members_change": Permission(MANAGER, body={"role": "manager"}),
    "channels_create": Permission(MANAGER, 201, body={**NAMED, "kind": "public"}),
    "channels_list_newest": Permission(MEMBER),
    "channels_list_members": Permission(MANAGER),
    "channels_change": Permission(MANAGER, body=NAMED),
    "channels_add_members": Permission(MANAGER, 204, body={"member_ids": ["{member_id}"]}),
    "channels_take_out": Permission(MANAGER, 204),
    "channels_join": Permission(MEMBER, 204),
    "channels_leave": Permission(MEMBER, 204),
    "campaigns_create": Permission(MANAGER, 201, body=NAMED),
    "campaigns_list_newest": Permission(MANAGER),
    "campaigns_change": Permission(MANAGER, body=NAMED),
    # videos and activities
    "videos_ask": Permission(MANAGER, 201, body={"content_type": "video/mp4"}),
    "videos_read": Permission(MANAGER),
    "activities_create": Permission(MANAGER, 201, body={"upload_id": "{upload_id}"}),
    "activities_list_newest": Permission(MANAGER),
    "activities_read": Permission(MANAGER),
    "activities_edit": Permission(MANAGER, body={"version": 1, "points": 3}),
    "activities_duplicate": Permission(MANAGER, 201, body={}),
    "activities_feed": Permission(MEMBER),
    "activities_feed_item": Permission(MEMBER),
    "activities_dismiss": Permission(MEMBER, 204),
    "activities_undismiss": Permission(MEMBER, 204),
    "performances_try_on_me": Permission(MANAGER, 202),
    "performances_perform": Permission(MEMBER, 202),
    "performances_list_newest": Permission(MEMBER),
    "performances_read": Permission(MEMBER, personal=True),
    # what cannot be done twice
    "activities_end": Permission(MANAGER, body={}),
    "activities_archive": Permission(MANAGER, body={}),
    "performances_disconnect": Permission(MEMBER, 204),
    "members_remove": Permission(MANAGER, 204),
    "members_invite_again": Permission(MANAGER, 409, "member_removed"),
}
