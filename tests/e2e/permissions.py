"""Who may call what: one entry for each operation of openapi.json.

The order is the one in which a program's own people do it all, one operation after the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.foundation.http import RequiredRole
from tests.e2e.contract import Operation

ANYONE, MEMBER, MANAGER = RequiredRole.ANYONE, RequiredRole.MEMBER, RequiredRole.MANAGER
SIGNED_IN = RequiredRole.SIGNED_IN


@dataclass(frozen=True)
class Permission:
    """Who may call an operation, what they are answered, and what a right call of it looks like.

    Ids stand as `{name}` in the body too. What is `personal` only its own
    member finds.
    """

    who: RequiredRole
    status: int = 200
    code: str | None = None
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    personal: bool = False

    def content(self, ids: Mapping[str, str]) -> Any:
        return _filled(self.body, ids)

    def names_a_thing(self, operation: Operation) -> bool:
        """Return whether a call names something that belongs to one program."""
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
A_BROWSERS_KEY = (  # of RFC 8291, appendix A
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)

PERMISSIONS: dict[str, Permission] = {
    "foundation_health": Permission(ANYONE),
    "connections_callback": Permission(
        ANYONE, 400, "tiktok_state_invalid", query={"state": "made-up", "code": "made-up"}
    ),
    "tiktok_webhooks_receive": Permission(ANYONE, 401, "signature_refused", body={}),
    "unsubscribing_ask": Permission(
        ANYONE, 400, "unsubscribe_link_invalid", query={"token": "made-up"}
    ),
    "unsubscribing_switch_off": Permission(
        ANYONE, 400, "unsubscribe_link_invalid", query={"token": "made-up"}
    ),
    "sessions_sign_in": Permission(
        ANYONE, 401, "sign_in_refused", body={"email": "{new}@matrix.example", "password": "x"}
    ),
    "sessions_renew": Permission(ANYONE, 401, "session_ended"),
    "sessions_begin_authenticator": Permission(ANYONE, 401, "session_ended"),
    "sessions_forgot": Permission(ANYONE, 202, body={"email": "{new}@matrix.example"}),
    "sessions_reset": Permission(
        ANYONE,
        400,
        "reset_refused",
        body={"email": "{new}@matrix.example", "code": "000000", "new_password": "Abcdefghijk1"},
    ),
    "sessions_sign_out": Permission(ANYONE, 204),
    # one's own
    "me_read": Permission(MEMBER),
    "me_change": Permission(MEMBER, body={"time_zone": "Europe/Berlin"}),
    "joining_list_invitations": Permission(SIGNED_IN),
    "joining_accept": Permission(SIGNED_IN, 404, "not_found"),
    "joining_decline": Permission(SIGNED_IN, 404, "not_found"),
    "privacy_ask_export": Permission(MEMBER, 202),
    "privacy_read_export": Permission(MEMBER),
    "points_leaderboard": Permission(MEMBER, query={"period": "week"}),
    "points_list_own": Permission(MEMBER),
    "notifications_list_own": Permission(MEMBER),
    "notifications_note_read": Permission(MEMBER, 204, body={"notice_ids": ["new#act_made_up"]}),
    "notifications_change": Permission(MEMBER, body={"hour": 8}),
    "pushing_read": Permission(MEMBER),
    "pushing_subscribe": Permission(
        MEMBER,
        body={
            "endpoint": "https://push.matrix.example/{new}",
            "p256dh": A_BROWSERS_KEY,
            "auth": "BTBZMqHH6r4Tts7J_aSIgg",
            "label": "Browser",
            "language": "en",
        },
    ),
    "pushing_unsubscribe": Permission(MEMBER, 204, personal=True),
    "pushing_unsubscribe_all": Permission(MEMBER, 204),
    "consents_begin": Permission(MEMBER),
    "tiktok_account": Permission(MEMBER),
    "consents_begin_views": Permission(MEMBER),
    "counts_end": Permission(MEMBER, 204),
    # the program
    "programs_read": Permission(MANAGER),
    "programs_change": Permission(MANAGER, body={"disclosure": "#ad"}),
    "members_invite": Permission(MANAGER, 201, body={"email": "{new}@matrix.example"}),
    "members_list_newest": Permission(MANAGER),
    "members_import_roster": Permission(MANAGER, body={"csv": "{new}-too@matrix.example"}),
    "members_read": Permission(MANAGER),
    "privacy_ask_export_of": Permission(MANAGER, 202),
    "privacy_read_export_of": Permission(MANAGER),
    "points_adjust": Permission(MANAGER, 201, body={"amount": 5, "reason": "{new}"}),
    "points_list_of_member": Permission(MANAGER),
    "members_change": Permission(MANAGER, body={"role": "manager"}),
    "channels_create": Permission(MANAGER, 201, body={**NAMED, "kind": "public"}),
    "channels_list_newest": Permission(MEMBER),
    "channels_list_members": Permission(MANAGER),
    "channels_change": Permission(MANAGER, body=NAMED),
    "channels_add_members": Permission(MANAGER, 204, body={"member_ids": ["{member_id}"]}),
    "channels_remove_member": Permission(MANAGER, 204),
    "channels_join": Permission(MEMBER, 204),
    "channels_leave": Permission(MEMBER, 204),
    "campaigns_create": Permission(MANAGER, 201, body=NAMED),
    "campaigns_list_newest": Permission(MEMBER),
    "campaigns_change": Permission(MANAGER, body=NAMED),
    "drafts_create": Permission(MANAGER, 201, body={"instructions": "{new}"}),
    "drafts_list_all": Permission(MANAGER),
    # rewards
    "rewards_ask_picture": Permission(MANAGER, 201, body={"content_type": "image/png"}),
    "rewards_create": Permission(MANAGER, 201, body={"title": "{new}", "price": 5}),
    "rewards_list_newest": Permission(MANAGER),
    "rewards_read": Permission(MANAGER),
    "rewards_list_offers": Permission(MEMBER),
    "rewards_read_offer": Permission(MEMBER),
    "redemptions_redeem": Permission(MEMBER, 201, body={"price": 1}),
    "redemptions_list_own": Permission(MEMBER),
    "redemptions_list_queue": Permission(MANAGER),
    "redemptions_fulfil": Permission(MANAGER, body={"code": "ABC"}),
    "redemptions_reject": Permission(MANAGER, 409, "redemption_decided", body={"reason": "{new}"}),
    "rewards_edit": Permission(MANAGER, body={"version": 1, "title": "{new}"}),
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
    "reports_note_seen": Permission(MEMBER, 204, body={"activity_ids": ["{activity_id}"]}),
    "activities_dismiss": Permission(MEMBER, 204),
    "activities_undismiss": Permission(MEMBER, 204),
    "performances_try_on_me": Permission(MANAGER, 202, body={}),
    "performances_perform": Permission(
        MEMBER, 202, body={"acknowledged_disclosure": "1.your_brand"}
    ),
    "performances_list_newest": Permission(MEMBER),
    "performances_read": Permission(MEMBER, personal=True),
    "performances_mark_shared": Permission(MEMBER, personal=True),
    "performances_unmark_shared": Permission(MEMBER, personal=True),
    # reports
    "reports_activity": Permission(MANAGER),
    "reports_performances": Permission(MANAGER),
    "reports_reuse": Permission(MANAGER),
    "reports_overview": Permission(MANAGER),
    "reports_totals": Permission(MANAGER, query={"activity_ids": "act_made_up"}),
    "reports_campaign": Permission(MANAGER),
    "reports_channels": Permission(MANAGER),
    "reports_members": Permission(MANAGER),
    "report_exports_ask": Permission(MANAGER, 202, body={"report": "members"}),
    "report_exports_read": Permission(MANAGER),
    "worklist_read": Permission(MANAGER),
    # the audit trail
    "audit_list_newest": Permission(MANAGER),
    "audit_list_names": Permission(MANAGER, query={"ids": "mem_made_up"}),
    "audit_read": Permission(MANAGER),
    # webhooks
    "webhooks_create": Permission(
        MANAGER, 201, body={**NAMED, "url": "https://{new}.matrix.example/events"}
    ),
    "webhooks_list_all": Permission(MANAGER),
    "webhooks_read": Permission(MANAGER),
    "webhooks_change": Permission(MANAGER, body={"version": 1, "state": "paused"}),
    "webhooks_rotate_secret": Permission(MANAGER),
    "webhooks_test": Permission(MANAGER, 202),
    "webhooks_list_deliveries": Permission(MANAGER),
    # what cannot be done twice
    "activities_end": Permission(MANAGER, body={}),
    "activities_archive": Permission(MANAGER, body={}),
    "activities_unarchive": Permission(MANAGER, body={}),
    "connections_disconnect": Permission(MEMBER, 204),
    "webhooks_remove": Permission(MANAGER, 204),
    "drafts_remove": Permission(MANAGER, 204),
    "members_remove": Permission(MANAGER, 204),
    "members_invite_again": Permission(MANAGER, 409, "member_removed"),
    "privacy_ask_erasure_of": Permission(MANAGER, 202),
    "privacy_read_erasure_of": Permission(MANAGER),
    "joining_leave": Permission(MEMBER, 204),
    "privacy_ask_erasure": Permission(MEMBER, 403, "not_a_member"),
}
