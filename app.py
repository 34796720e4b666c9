"""The plan of the app: every route and every Lambda, at a glance.

Handlers live in the packages (`chalicelib/<package>/routes.py`, `worker.py`). Each Lambda shares
this file; at its start (the last line) it imports and makes what it always uses, and nothing else.
"""

from typing import Any

from chalice.app import AuthRequest, AuthResponse, Chalice, CloudWatchEvent, DynamoDBEvent, SQSEvent

from chalicelib.composition import Container
from chalicelib.foundation.functions import Functions
from chalicelib.foundation.http import Router
from chalicelib.foundation.identity import TokenRefused

app = Chalice("greenroom")
container = Container()
functions = Functions()


class Unauthorized(Exception):
    """API Gateway answers 401 to this very word."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


@app.authorizer()
def authorizer(request: AuthRequest) -> AuthResponse:
    """Check the ID token; who may do what is the handler's business."""
    try:
        claims = container.tokens.verify(request.token)
    except TokenRefused:
        raise Unauthorized from None
    return AuthResponse(routes=["*"], principal_id=claims.subject, context=claims.to_context())


router = Router(
    app,
    authorizer,
    container.clock,
    service_named=container.service_named,
    caller_of=lambda claims: container.programs.caller(claims),  # noqa: PLW0108  not before it is asked
    idempotency_of=lambda: container.idempotency,
    address_of=lambda *seen: container.viewer_addresses.viewer_address(*seen),  # noqa: PLW0108  not before it is asked
    console_url=lambda: container.settings.console_url,
)

router.add("GET   /health", "foundation.health", public=True)
router.add("POST  /session", "sessions.sign_in", public=True)
router.add("DELETE /session", "sessions.sign_out", public=True)
router.add("POST  /session/renew", "sessions.renew", public=True)
router.add("POST  /session/authenticator", "sessions.begin_authenticator", public=True)
router.add("POST  /session/forgot", "sessions.forgot", public=True)
router.add("POST  /session/reset", "sessions.reset", public=True)
router.add("GET   /me", "me.read", often=True)
router.add("PATCH /me", "me.change")
router.add("GET   /program", "programs.read")
router.add("PATCH /program", "programs.change")
router.add("POST  /members", "programs.members.invite")
router.add("POST  /members/{member_id}/invite", "programs.members.invite_again")
router.add("POST  /members/import", "programs.members.import_roster")
router.add("GET   /members", "programs.members.list_newest")
router.add("GET   /members/{member_id}", "programs.members.read")
router.add("PATCH /members/{member_id}", "programs.members.change")
router.add("DELETE /members/{member_id}", "programs.members.remove")
router.add("GET   /me/invitations", "programs.joining.list_invitations")
router.add("POST  /me/invitations/{program_id}/accept", "programs.joining.accept")
router.add("DELETE /me/invitations/{program_id}", "programs.joining.decline")
router.add("DELETE /me", "programs.joining.leave")
router.add("POST  /me/export", "privacy.ask_export")
router.add("GET   /me/export", "privacy.read_export")
router.add("POST  /me/erasure", "privacy.ask_erasure")
router.add("POST  /members/{member_id}/export", "privacy.ask_export_of")
router.add("GET   /members/{member_id}/export", "privacy.read_export_of")
router.add("POST  /members/{member_id}/erasure", "privacy.ask_erasure_of")
router.add("GET   /members/{member_id}/erasure", "privacy.read_erasure_of")
router.add("POST  /channels", "programs.channels.create")
router.add("GET   /channels", "programs.channels.list_newest")
router.add("PATCH /channels/{channel_id}", "programs.channels.change")
router.add("GET   /channels/{channel_id}/members", "programs.channels.list_members")
router.add("POST  /channels/{channel_id}/members", "programs.channels.add_members")
router.add("PUT   /channels/{channel_id}/members/me", "programs.channels.join")
router.add("DELETE /channels/{channel_id}/members/me", "programs.channels.leave")
router.add("DELETE /channels/{channel_id}/members/{member_id}", "programs.channels.remove_member")
router.add("POST  /campaigns", "programs.campaigns.create")
router.add("GET   /campaigns", "programs.campaigns.list_newest")
router.add("PATCH /campaigns/{campaign_id}", "programs.campaigns.change")
router.add("GET   /leaderboard", "points.leaderboard", often=True)
router.add("GET   /points", "points.list_own")
router.add("GET   /members/{member_id}/points", "points.list_of_member")
router.add("POST  /members/{member_id}/points", "points.adjust")
router.add("POST  /rewards/pictures", "rewards.ask_picture")
router.add("POST  /rewards", "rewards.create")
router.add("GET   /rewards", "rewards.list_newest")
router.add("GET   /rewards/{reward_id}", "rewards.read")
router.add("PATCH /rewards/{reward_id}", "rewards.edit")
router.add("POST  /rewards/{reward_id}/redeem", "rewards.redemptions.redeem")
router.add("GET   /offers", "rewards.list_offers")
router.add("GET   /offers/{reward_id}", "rewards.read_offer")
router.add("GET   /redemptions", "rewards.redemptions.list_own")
router.add("GET   /redemptions/queue", "rewards.redemptions.list_queue")
router.add("POST  /redemptions/{redemption_id}/fulfil", "rewards.redemptions.fulfil")
router.add("POST  /redemptions/{redemption_id}/reject", "rewards.redemptions.reject")
router.add("POST  /uploads", "videos.ask")
router.add("GET   /uploads/{upload_id}", "videos.read")
router.add("POST  /drafts", "activities.drafts.create")
router.add("GET   /drafts", "activities.drafts.list_all")
router.add("DELETE /drafts/{draft_id}", "activities.drafts.remove")
router.add("POST  /activities", "activities.create")
router.add("GET   /activities", "activities.list_newest")
router.add("GET   /activities/{activity_id}", "activities.read")
router.add("PATCH /activities/{activity_id}", "activities.edit")
router.add("POST  /activities/{activity_id}/end", "activities.end")
router.add("POST  /activities/{activity_id}/duplicate", "activities.duplicate")
router.add("POST  /activities/{activity_id}/archive", "activities.archive")
router.add("POST  /activities/{activity_id}/unarchive", "activities.unarchive")
router.add("POST  /activities/{activity_id}/try", "performances.try_on_me")
router.add("GET   /feed", "activities.feed", often=True)
router.add("GET   /feed/{activity_id}", "activities.feed_item")
router.add("POST  /activities/{activity_id}/dismiss", "activities.dismiss")
router.add("DELETE /activities/{activity_id}/dismiss", "activities.undismiss")
router.add("POST  /activities/{activity_id}/perform", "performances.perform", often=True)
router.add("GET   /performances", "performances.list_newest")
router.add("GET   /performances/{performance_id}", "performances.read")
router.add("POST  /performances/{performance_id}/shared", "performances.mark_shared")
router.add("DELETE /performances/{performance_id}/shared", "performances.unmark_shared")
router.add("POST  /feed/seen", "reports.note_seen")
router.add("GET   /activities/{activity_id}/report", "reports.activity")
router.add("GET   /activities/{activity_id}/performances", "reports.performances")
router.add("GET   /reports/reuse", "reports.reuse")
router.add("GET   /reports/overview", "reports.overview")
router.add("GET   /reports/activities", "reports.totals")
router.add("GET   /reports/campaigns/{campaign_id}", "reports.campaign")
router.add("GET   /reports/channels", "reports.channels")
router.add("GET   /reports/members", "reports.members")
router.add("POST  /reports/exports", "reports.report_exports.ask")
router.add("GET   /reports/exports/{export_id}", "reports.report_exports.read")
router.add("GET   /worklist", "reports.worklist.read")
router.add("GET   /audit", "audit.list_newest")
router.add("GET   /audit/names", "audit.list_names")
router.add("GET   /audit/{entry_id}", "audit.read")
router.add("POST  /webhooks", "webhooks.create")
router.add("GET   /webhooks", "webhooks.list_all")
router.add("GET   /webhooks/{webhook_id}", "webhooks.read")
router.add("PATCH /webhooks/{webhook_id}", "webhooks.change")
router.add("DELETE /webhooks/{webhook_id}", "webhooks.remove")
router.add("POST  /webhooks/{webhook_id}/secret", "webhooks.rotate_secret")
router.add("POST  /webhooks/{webhook_id}/test", "webhooks.test")
router.add("GET   /webhooks/{webhook_id}/deliveries", "webhooks.list_deliveries")
router.add("GET   /notifications", "notifications.list_own")
router.add("POST  /notifications/read", "notifications.note_read")
router.add("PATCH /me/notifications", "notifications.change")
router.add("GET   /me/push", "notifications.pushing.read")
router.add("POST  /me/push/devices", "notifications.pushing.subscribe")
router.add("DELETE /me/push/devices", "notifications.pushing.unsubscribe_all")
router.add("DELETE /me/push/devices/{device_id}", "notifications.pushing.unsubscribe")
router.add("GET   /notifications/unsubscribe", "notifications.unsubscribing.ask", public=True)
router.add(
    "POST  /notifications/unsubscribe", "notifications.unsubscribing.switch_off", public=True
)
router.add("POST  /tiktok/connect", "tiktok.consents.begin")
router.add("GET   /tiktok/account", "tiktok.account")
router.add("DELETE /tiktok/account", "performances.connections.disconnect")
router.add("POST  /tiktok/views", "tiktok.consents.begin_views")
router.add("DELETE /tiktok/views", "performances.counts.end")
router.add("GET   /tiktok/callback", "performances.connections.callback", public=True)
router.add("POST  /tiktok/webhook", "performances.tiktok_webhooks.receive", public=True)


# The event sources named here are placeholders: infra/functions.yaml puts the stack's own there,
# and says everything else about each function.
_STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/{}/stream/0"
_QUEUE = "arn:aws:sqs:us-east-1:000000000000:{}"
_TIKTOK = ("tiktok_client", "vault", "settings.tiktok_secret_id")
"""Parts that a function which always calls TikTok makes at its start."""
_TIKTOK_SETTINGS = (
    "settings.public_url",
    "settings.tiktok_api_url",
    "settings.tiktok_authorize_url",
    "settings.tiktok_client_key",
    "settings.tiktok_secret_id",
    "settings.tiktok_upload_hosts",
    "settings.tokens_key_id",
)
"""Settings of TikTok that a function checks at its start where it seldom needs the client."""
_ERASING_SETTINGS = (
    "settings.accounts_table",
    "settings.audit_days",
    "settings.audit_table",
    "settings.boards_table",
    "settings.exports_bucket",
    "settings.idempotency_table",
    "settings.marks_table",
    "settings.notices_table",
    "settings.origins_table",
    "settings.performances_table",
    "settings.personal_exports_queue_url",
    "settings.points_table",
    "settings.programs_table",
    "settings.reports_table",
    "settings.rewards_table",
    "settings.user_pool_id",
)
"""Settings of all that keeps something of members, checked where that is seldom needed."""


# --- Programs


@app.on_dynamodb_record(stream_arn=_STREAM.format("programs"), batch_size=100)
@functions.function("events", module="programs.worker")
def programs_relay(event: DynamoDBEvent) -> Any:
    """Publishes events of programs and members."""
    from chalicelib.programs import worker

    return worker.relay(container.events, event.to_dict())


@app.schedule("rate(1 minute)")
@functions.function("invitations", "audit_recorder", module="programs.members.worker")
def programs_mail_invitations(event: CloudWatchEvent) -> int:
    """Mails the invitations that are due."""
    from chalicelib.programs.members import worker

    return worker.mail_invitations(container.invitations, event.context)


# --- Agents


@app.lambda_function(name="agents_serve_mcp")
def agents_serve_mcp(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """Answers requests of AI agents: the Model Context Protocol over HTTP."""
    from chalicelib.agents import worker

    settings = container.settings
    return worker.serve(
        container.agents, container.viewer_addresses.viewer_address, settings.console_url, event
    )


# --- Videos


@app.on_sqs_message(queue_arn=_QUEUE.format("arrivals"), batch_size=1)
@functions.function("videos", "examiner", module="videos.worker")
def videos_validate(event: SQSEvent) -> Any:
    """Validates a file that arrived in `incoming/`."""
    from chalicelib.videos import worker

    return worker.validate(container.videos, event.to_dict())


@app.on_sqs_message(queue_arn=_QUEUE.format("arrivals-failed"), batch_size=1)
@functions.function("videos", module="videos.worker")
def videos_reject_unexaminable(event: SQSEvent) -> Any:
    """Rejects an upload whose file could not be examined, however often that was tried."""
    from chalicelib.videos import worker

    return worker.reject_unexaminable(container.videos, event.to_dict())


@app.schedule("rate(1 minute)")
@functions.function("stuck_uploads", module="videos.worker")
def videos_sweep_stuck_uploads(event: CloudWatchEvent) -> int:  # noqa: ARG001  a tick says nothing but now
    """Moves on uploads that are stuck, and ends those whose file never came."""
    from chalicelib.videos import worker

    return worker.sweep_stuck_uploads(container.stuck_uploads)


@app.on_dynamodb_record(stream_arn=_STREAM.format("uploads"), batch_size=10)
@functions.function("events", module="videos.worker")
def videos_relay(event: DynamoDBEvent) -> Any:
    """Publishes verdicts on uploads."""
    from chalicelib.videos import worker

    return worker.relay(container.events, event.to_dict())


# --- TikTok


@app.schedule("rate(1 hour)")
@functions.function(
    "tiktok",
    "access_tokens",
    *_TIKTOK_SETTINGS,
    "audit_recorder",
    module="tiktok.worker",
)
def tiktok_maintain_accounts(event: CloudWatchEvent) -> int:
    """Refreshes TikTok accounts about to lapse; disconnects those of removed members."""
    from chalicelib.tiktok import worker

    return worker.maintain_accounts(container.tiktok, container.access_tokens, event.context)


# --- Activities


@app.on_sqs_message(queue_arn=_QUEUE.format("activities-apply-verdicts"), batch_size=10)
@functions.function("activity_lifecycle", "verdicts", "audit_recorder", module="activities.worker")
def activities_apply_verdicts(event: SQSEvent) -> Any:
    """Publishes or rejects the activities that wait for a decided upload."""
    from chalicelib.activities import worker

    return worker.apply_verdicts(container.activity_lifecycle, container.verdicts, event.to_dict())


@app.schedule("rate(1 minute)")
@functions.function("due_activities", "audit_recorder", module="activities.worker")
def activities_sweep_due_activities(event: CloudWatchEvent) -> int:  # noqa: ARG001  a tick says nothing but now
    """Ends activities past their end, and applies verdicts whose event was lost."""
    from chalicelib.activities import worker

    return worker.process_due(container.due_activities)


@app.on_dynamodb_record(stream_arn=_STREAM.format("activities"), batch_size=100)
@functions.function("events", module="activities.worker")
def activities_relay(event: DynamoDBEvent) -> Any:
    """Publishes which activities were published, were rejected or ended."""
    from chalicelib.activities import worker

    return worker.relay(container.events, event.to_dict())


@app.on_dynamodb_record(stream_arn=_STREAM.format("marks"), batch_size=100)
@functions.function("events", module="activities.worker")
def activities_publish_dismissals(event: DynamoDBEvent) -> Any:
    """Publishes which activities were dismissed, and which dismissals taken back."""
    from chalicelib.activities import worker

    return worker.publish_dismissals(container.events, event.to_dict())


# --- Performances


@app.on_dynamodb_record(stream_arn=_STREAM.format("performances"), batch_size=10)
@functions.function("staging_queue", "events", module="performances.worker")
def performances_queue_and_relay(event: DynamoDBEvent) -> Any:
    """Queues new performances for staging; publishes events of performances."""
    from chalicelib.performances import worker

    return worker.relay(container.staging_queue, container.events, event.to_dict())


@app.on_sqs_message(queue_arn=_QUEUE.format("staging"), batch_size=1)
@functions.function("stager", *_TIKTOK, "audit_recorder", module="performances.worker")
def performances_stage(event: SQSEvent) -> Any:
    """Puts a performance's video into its member's TikTok inbox."""
    from chalicelib.performances import worker

    return worker.stage(container.stager, event.to_dict())


@app.schedule("rate(1 minute)")
@functions.function(
    "overdue_performances", "connections", "audit_recorder", module="performances.worker"
)
def performances_resume_overdue_sends(event: CloudWatchEvent) -> int:
    """Queues overdue performances again; makes sends that waited for a connection."""
    from chalicelib.performances import worker

    return worker.resume_overdue(
        container.overdue_performances, container.connections, event.context
    )


@app.schedule("rate(15 minutes)")
@functions.function(
    "counts",
    *_TIKTOK_SETTINGS,
    "settings.tiktok_views",
    "audit_recorder",
    module="performances.worker",
)
def performances_sync_views(event: CloudWatchEvent) -> int:
    """Reads views of posts whose members allow it; removes those of members who do not any more."""
    from chalicelib.performances import worker

    offered = container.settings.tiktok_views
    return worker.sync_views(container.counts, offered=offered, context=event.context)


@app.on_sqs_message(
    queue_arn=_QUEUE.format("performances-disconnect-removed-members"), batch_size=1
)
@functions.function(
    "connections",
    *_TIKTOK_SETTINGS,
    "audit_recorder",
    module="performances.worker",
)
def performances_disconnect_removed_members(event: SQSEvent) -> Any:
    """Disconnects a removed member's TikTok account, and ends what was not sent yet."""
    from chalicelib.performances import worker

    return worker.disconnect_removed_members(container.connections, event.to_dict())


# --- Points


@app.on_dynamodb_record(stream_arn=_STREAM.format("points"), batch_size=100)
@functions.function("entry_counter", "events", module="points.worker")
def points_count_entries(event: DynamoDBEvent) -> Any:
    """Counts new ledger entries into the scores of leaderboards; publishes adjustments."""
    from chalicelib.points import worker

    return worker.count_entries(container.entry_counter, container.events, event.to_dict())


@app.on_sqs_message(queue_arn=_QUEUE.format("points-mark-changed-leaderboards"), batch_size=10)
@functions.function("leaderboard_marks", module="points.worker")
def points_mark_changed_leaderboards(event: SQSEvent) -> Any:
    """Marks leaderboards whose members or settings changed for a rebuild."""
    from chalicelib.points import worker

    return worker.mark_changed_leaderboards(container.leaderboard_marks, event.to_dict())


@app.schedule("rate(1 minute)")
@functions.function("leaderboard_builder", module="points.worker")
def points_build_leaderboards(event: CloudWatchEvent) -> int:  # noqa: ARG001  a tick says nothing but now
    """Builds the leaderboards that are due."""
    from chalicelib.points import worker

    return worker.build_leaderboards(container.leaderboard_builder)


# --- Rewards


@app.on_dynamodb_record(stream_arn=_STREAM.format("rewards"), batch_size=100)
@functions.function("events", module="rewards.worker")
def rewards_relay(event: DynamoDBEvent) -> Any:
    """Publishes events of rewards and redemptions."""
    from chalicelib.rewards import worker

    return worker.relay(container.events, event.to_dict())


@app.on_sqs_message(queue_arn=_QUEUE.format("rewards-remove-pictures"), batch_size=10)
@functions.function("shown_pictures", module="rewards.worker")
def rewards_remove_pictures(event: SQSEvent) -> Any:
    """Removes the files of pictures that no reward shows any more."""
    from chalicelib.rewards import worker

    return worker.remove_pictures(container.shown_pictures, event.to_dict())


# --- Webhooks


@app.on_sqs_message(queue_arn=_QUEUE.format("webhooks-fan-out"), batch_size=10)
@functions.function("fan_out", module="webhooks.worker")
def webhooks_fan_out(event: SQSEvent) -> Any:
    """Writes a delivery of each public event for each webhook that wants it."""
    from chalicelib.webhooks import worker

    return worker.fan_out(container.fan_out, event.to_dict())


@app.on_sqs_message(queue_arn=_QUEUE.format("webhooks"), batch_size=1)
@functions.function(
    "deliverer",
    "audit_recorder",
    "settings.activities_table",
    "settings.rewards_table",
    module="webhooks.worker",
)
def webhooks_deliver_to_quick_receivers(event: SQSEvent) -> Any:
    """Sends deliveries that are due to receivers that answer quickly."""
    from chalicelib.webhooks import worker

    return worker.deliver(container.deliverer, event.to_dict(), slow=False)


@app.on_sqs_message(queue_arn=_QUEUE.format("slow-webhooks"), batch_size=1)
@functions.function(
    "deliverer",
    "audit_recorder",
    "settings.activities_table",
    "settings.rewards_table",
    module="webhooks.worker",
)
def webhooks_deliver_to_slow_receivers(event: SQSEvent) -> Any:
    """Sends deliveries that are due to receivers that are slow, down or new."""
    from chalicelib.webhooks import worker

    return worker.deliver(container.deliverer, event.to_dict(), slow=True)


@app.schedule("rate(1 minute)")
@functions.function(
    "due_webhooks",
    "settings.webhooks_queue_url",
    "settings.slow_webhooks_queue_url",
    module="webhooks.worker",
)
def webhooks_queue_due_deliveries(event: CloudWatchEvent) -> int:
    """Queues webhooks whose next try is due, or whose message was lost."""
    from chalicelib.webhooks import worker

    return worker.queue_due_deliveries(container.due_webhooks, event.context)


@app.on_dynamodb_record(stream_arn=_STREAM.format("webhooks"), batch_size=100)
@functions.function("events", module="webhooks.worker")
def webhooks_relay(event: DynamoDBEvent) -> Any:
    """Publishes which webhooks were disabled, and which are mended."""
    from chalicelib.webhooks import worker

    return worker.relay(container.events, event.to_dict())


# --- Reports


@app.on_sqs_message(
    queue_arn=_QUEUE.format("reports-count-events"),
    batch_size=100,
    maximum_batching_window_in_seconds=5,
)
@functions.function("event_counters", module="reports.worker")
def reports_count_events(event: SQSEvent) -> Any:
    """Counts events for reports and the worklist."""
    from chalicelib.reports import worker

    return worker.count_events(container.event_counters, event.to_dict())


@app.on_dynamodb_record(stream_arn=_STREAM.format("reports"), batch_size=100)
@functions.function("fact_counter", "events", module="reports.worker")
def reports_count_impressions(event: DynamoDBEvent) -> Any:
    """Counts impressions; publishes requests for report exports."""
    from chalicelib.reports import worker

    return worker.relay(container.fact_counter, container.events, event.to_dict())


@app.on_sqs_message(queue_arn=_QUEUE.format("reports-make-exports"), batch_size=1)
@functions.function("report_export_maker", "settings.cursor_secret_id", module="reports.worker")
def reports_make_exports(event: SQSEvent) -> Any:
    """Makes the files of reports that managers asked for."""
    from chalicelib.reports import worker

    return worker.make_exports(container.report_export_maker, event.to_dict())


# --- Privacy


@app.on_sqs_message(queue_arn=_QUEUE.format("personal-exports"), batch_size=1)
@functions.function("personal_export_maker", "settings.audit_days", module="privacy.worker")
def privacy_make_exports(event: SQSEvent) -> Any:
    """Makes the personal data exports that were requested."""
    from chalicelib.privacy import worker

    return worker.make_exports(container.personal_export_maker, event.to_dict())


@app.schedule("rate(1 minute)")
@functions.function("eraser", "personal_export_queuer", *_ERASING_SETTINGS, module="privacy.worker")
def privacy_erase_and_queue_exports(event: CloudWatchEvent) -> int:
    """Runs a round of each due erasure; queues exports that are due."""
    from chalicelib.privacy import worker

    return worker.process_due(container.eraser, container.personal_export_queuer, event.context)


# --- Notifications


@app.on_sqs_message(queue_arn=_QUEUE.format("notifications-record-events"), batch_size=10)
@functions.function(
    "bulletin_writer", "notice_writer", "settings.notices_from", module="notifications.received"
)
def notifications_record_events(event: SQSEvent) -> Any:
    """Writes the notices and bulletins that events cause."""
    from chalicelib.notifications import received

    return received.record_events(
        container.bulletin_writer, container.notice_writer, event.to_dict()
    )


@app.schedule("rate(1 minute)")
@functions.function("due_digests", "settings.digests_queue_url", module="notifications.worker")
def notifications_queue_due_digests(event: CloudWatchEvent) -> int:
    """Queues the programs whose digests are due, and the mails that are."""
    from chalicelib.notifications import worker

    return worker.queue_due_digests(
        container.due_digests, lambda: container.digests_queue, event.context
    )


@app.on_sqs_message(queue_arn=_QUEUE.format("digests"), batch_size=1)
@functions.function(
    "digest_planner",
    "notice_mailer",
    "settings.digests_queue_url",
    "settings.reports_table",
    "settings.public_url",
    "settings.cursor_secret_id",
    module="notifications.worker",
)
def notifications_plan_and_send_digests(event: SQSEvent) -> Any:
    """Looks at members whose digest is due, and sends their mails."""
    from chalicelib.notifications import worker

    return worker.process_digest_messages(
        container.digest_planner, container.notice_mailer, event.to_dict(), event.context
    )


@app.schedule("rate(1 minute)")
@functions.function(
    "push_sender",
    "settings.console_url",
    "settings.cursor_secret_id",
    "settings.own_hosts",
    "settings.performances_table",
    "settings.webhook_test_networks",
    module="notifications.worker",
)
def notifications_send_pushes(event: CloudWatchEvent) -> int:
    """Sends the pushes that are due to members' browsers."""
    from chalicelib.notifications import worker

    return worker.push(container.push_sender, event.context)


@app.on_sqs_message(queue_arn=_QUEUE.format("mail-events"), batch_size=10)
@functions.function("mail_feedback", "audit_recorder", module="notifications.worker")
def notifications_handle_ses_events(event: SQSEvent) -> Any:
    """Records which mails SES sent, which bounced and which people complained of."""
    from chalicelib.notifications import worker

    return worker.handle_ses_events(container.mail_feedback, event.to_dict())


# Some requests alone need these, and make them then; their settings are checked at the start.
_LATER_USED = (
    "accounts_table",
    "attempts_table",
    "audit_days",
    "audit_table",
    "boards_table",
    "build",
    "console_url",
    "cursor_secret_id",
    "exports_bucket",
    "idempotency_table",
    "incoming_bucket",
    "managers_need_mfa",
    "notices_from",
    "notices_table",
    "origin_key",
    "origins_table",
    "privacy_table",
    "public_url",
    "reports_table",
    "rewards_table",
    "slow_webhooks_queue_url",
    "staging_queue_url",
    "tiktok_api_url",
    "tiktok_authorize_url",
    "tiktok_client_key",
    "tiktok_pkce",
    "tiktok_secret_id",
    "tiktok_upload_hosts",
    "tiktok_views",
    "tokens_key_id",
    "uploads_table",
    "user_pool_client_id",
    "user_pool_id",
    "videos_bucket",
    "webhook_test_networks",
    "own_hosts",
    "webhooks_queue_url",
    "webhooks_table",
)

AGENT_SETTINGS = (
    "activities_table",
    "attempts_table",
    "audit_days",
    "audit_table",
    "boards_table",
    "console_url",
    "cursor_secret_id",
    "marks_table",
    "origins_table",
    "points_table",
    "programs_table",
    "reports_table",
    "uploads_table",
    "videos_bucket",
)
"""Settings that agents' tools ask for when they are called, checked at the function's start."""

functions.register("authorizer", parts=("tokens",), modules=())
functions.register(
    "agents_serve_mcp",
    parts=("agents", "viewer_addresses", *(f"settings.{each}" for each in AGENT_SETTINGS)),
    modules=("agents.worker", "activities.routes"),  # what pydantic needs is imported then, too
)
functions.register(
    "api_handler",
    parts=(
        *router.parts,
        "leaderboard",
        "audit_recorder",
        "viewer_addresses",
        *(f"settings.{each}" for each in _LATER_USED),
    ),
    modules=router.modules,
)
functions.start(container)
