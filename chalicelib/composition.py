"""The one place where things are built and handed to each other, each when it is first needed."""

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.aws import Clients
from chalicelib.foundation.clock import Clock, SystemClock
from chalicelib.foundation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from chalicelib.activities.drafts.service import DraftService
    from chalicelib.activities.service import (
        ActivityLifecycle,
        ActivityMarks,
        ActivityService,
        DueActivitySweeper,
        PostTextAssigner,
    )
    from chalicelib.activities.store import ActivityStore, MarkStore
    from chalicelib.agents.service import AgentService
    from chalicelib.audit.service import AuditRecorder, AuditService
    from chalicelib.audit.store import AuditStore, OriginStore
    from chalicelib.foundation.events import EventBus
    from chalicelib.foundation.health import HealthService
    from chalicelib.foundation.idempotency import Idempotency
    from chalicelib.foundation.identity import TokenVerifier
    from chalicelib.foundation.origins import ViewerAddresses
    from chalicelib.foundation.pages import Cursors
    from chalicelib.foundation.personal import PersonalDataStore
    from chalicelib.foundation.quotas import Quotas
    from chalicelib.foundation.secret import CachedSecret
    from chalicelib.foundation.table import Database
    from chalicelib.me.service import MeService
    from chalicelib.notifications.bulletins import BulletinWriter
    from chalicelib.notifications.feedback import MailFeedback
    from chalicelib.notifications.noting import NoticeWriter
    from chalicelib.notifications.planning import DigestPlanner, DueDigests
    from chalicelib.notifications.pushing.sending import PushSender, PushTransport
    from chalicelib.notifications.pushing.service import PushService
    from chalicelib.notifications.pushing.store import PushStore
    from chalicelib.notifications.pushing.vapid import VapidKey
    from chalicelib.notifications.queue import MessageQueue
    from chalicelib.notifications.sending import NoticeMailer
    from chalicelib.notifications.service import NotificationService
    from chalicelib.notifications.store import NoticeStore
    from chalicelib.notifications.unsubscribing.service import UnsubscribeService
    from chalicelib.performances.connections.service import ConnectionService
    from chalicelib.performances.counts.service import PostStatistics
    from chalicelib.performances.overdue import OverdueRequeuer
    from chalicelib.performances.queue import FailedMessages, StagingQueue
    from chalicelib.performances.service import PerformanceService
    from chalicelib.performances.staging import Stager
    from chalicelib.performances.staging_run import StagingDependencies
    from chalicelib.performances.store import PerformanceStore
    from chalicelib.performances.tiktok_webhooks.service import TikTokWebhooks
    from chalicelib.points.board_store import BoardStore
    from chalicelib.points.boards import (
        EntryCounter,
        LeaderboardBuilder,
        LeaderboardMarks,
        LeaderboardReader,
    )
    from chalicelib.points.rebuilding import PointsRebuilder
    from chalicelib.points.service import PointService
    from chalicelib.points.store import PointStore
    from chalicelib.privacy.erasing import Eraser
    from chalicelib.privacy.exporting import PersonalExportMaker
    from chalicelib.privacy.queue import PersonalExportQueue, PersonalExportQueuer
    from chalicelib.privacy.service import PrivacyService
    from chalicelib.privacy.store import PersonalFiles, PrivacyStore
    from chalicelib.programs.campaigns.service import CampaignService
    from chalicelib.programs.channels.service import ChannelService
    from chalicelib.programs.joining.service import JoiningService
    from chalicelib.programs.members.invitations import InvitationMailer
    from chalicelib.programs.members.service import MemberService
    from chalicelib.programs.service import ProgramService
    from chalicelib.programs.store import ProgramStore
    from chalicelib.reports.counting import FactCounter, PersonCounter
    from chalicelib.reports.rebuilding import ReportsRebuilder
    from chalicelib.reports.report_exports.service import ReportExportMaker, ReportExportService
    from chalicelib.reports.report_exports.store import ReportExportFiles, ReportExportStore
    from chalicelib.reports.service import ReportService
    from chalicelib.reports.store import ReportStore
    from chalicelib.reports.worker import EventCounters
    from chalicelib.reports.worklist.service import RefusedAddresses, WorklistService
    from chalicelib.rewards.redemptions.service import RedemptionService
    from chalicelib.rewards.service import RewardService
    from chalicelib.rewards.store import RewardStore, ShownPictures
    from chalicelib.sessions.console import ConsoleSessions
    from chalicelib.tiktok.access_tokens.service import AccessTokens
    from chalicelib.tiktok.client import TikTokClient
    from chalicelib.tiktok.consents.service import ConsentService
    from chalicelib.tiktok.inbox.service import InboxPlaces
    from chalicelib.tiktok.pending_sends.service import PendingSends
    from chalicelib.tiktok.service import AccountService
    from chalicelib.tiktok.store import AccountStore
    from chalicelib.tiktok.vault import TokenVault
    from chalicelib.videos.examination import Examiner
    from chalicelib.videos.model import Examination, Preview
    from chalicelib.videos.queue import ArrivalsQueue
    from chalicelib.videos.ranges import RangeReader
    from chalicelib.videos.service import StuckUploadSweeper, Verdicts, VideoService
    from chalicelib.videos.store import UploadStore, VideoFiles
    from chalicelib.webhooks.queue import DeliveryQueues
    from chalicelib.webhooks.service import Deliverer, DueWebhooks, FanOut, WebhookService
    from chalicelib.webhooks.store import WebhookStore
    from chalicelib.webhooks.vault import SecretVault


class Container:
    """Services by room, made lazily: importing this costs next to nothing. Tests hand in others."""

    def __init__(
        self,
        settings: Settings | None = None,
        clock: Clock | None = None,
        clients: Clients | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self.sleep = sleep
        self.clock = clock or SystemClock()
        self.clients = clients or Clients()

    @cached_property
    def settings(self) -> Settings:
        return self._settings or Settings.from_environment()

    def _wait(self, seconds: float) -> None:
        self.sleep(seconds)  # asked for at each wait, as tests change it meanwhile

    def service_named(self, part: str) -> Any:
        """Return a service by the name of its package, or of its part of a split package."""
        return getattr(self, part)

    @cached_property
    def database(self) -> "Database":
        from chalicelib.foundation.table import Database

        return Database(
            self.clients.dynamodb,
            self.settings.table,
            lambda act: self.audit_recorder.record(act),  # noqa: PLW0108  not before it is asked
        )

    @cached_property
    def audit_recorder(self) -> "AuditRecorder":
        from chalicelib.audit.service import AuditRecorder

        return AuditRecorder(
            self._audit_store, lambda: self._origin_store, self.clock, self.settings.audit_days
        )

    @cached_property
    def _audit_store(self) -> "AuditStore":
        from chalicelib.audit.store import AuditStore

        return AuditStore(self.database)

    @cached_property
    def _origin_store(self) -> "OriginStore":
        from chalicelib.audit.store import OriginStore

        return OriginStore(self.database)

    @cached_property
    def audit(self) -> "AuditService":
        from chalicelib.audit.service import AuditService

        return AuditService(
            entries=self._audit_store,
            origins=self._origin_store,
            people=self.programs,
            cursors=self.cursors,
            clock=self.clock,
        )

    @cached_property
    def quotas(self) -> "Quotas":
        from chalicelib.foundation.quotas import Quotas

        return Quotas(
            uploads_waiting=self.settings.quota_uploads_waiting,
            video_gigabytes=self.settings.quota_video_gigabytes,
            members=self.settings.quota_members,
            activities_open=self.settings.quota_activities_open,
            invitations_a_day=self.settings.quota_invitations_a_day,
            unused_video_days=self.settings.unused_video_days,
        )

    @cached_property
    def tokens(self) -> "TokenVerifier":
        from chalicelib.foundation.identity import TokenVerifier

        return TokenVerifier(
            self.settings.token_issuer,
            self.settings.token_audience,
            self.settings.key_set_url,
        )

    @cached_property
    def cursors(self) -> "Cursors":
        from chalicelib.foundation.pages import Cursors

        return Cursors(self._cursor_secret)

    @cached_property
    def idempotency(self) -> "Idempotency":
        from chalicelib.foundation.idempotency import Idempotency

        return Idempotency(self.database, self.clock)

    @cached_property
    def events(self) -> "EventBus":
        from chalicelib.foundation.events import EventBus
        from chalicelib.webhooks.events import public_event

        return EventBus(self.clients.events, self.settings.event_bus, public_event)

    @cached_property
    def foundation(self) -> "HealthService":
        from chalicelib.foundation.health import HealthService

        return HealthService(
            self.settings.build,
            {
                "tables": lambda: self.program_store.program("health"),
                "storage": self.video_files.check,
            },
            self.clock,
        )

    @cached_property
    def program_store(self) -> "ProgramStore":
        from chalicelib.programs.store import ProgramStore

        return ProgramStore(self.database)

    @cached_property
    def programs(self) -> "ProgramService":
        from chalicelib.programs.service import ProgramService

        return ProgramService(self.program_store, self.clock, self.quotas)

    @cached_property
    def members(self) -> "MemberService":
        from chalicelib.programs.members.service import MemberService
        from chalicelib.programs.members.store import MemberStore

        store = MemberStore(self.database)
        return MemberService(store, self.programs, self.cursors, self.clock, self.quotas)

    @cached_property
    def joining(self) -> "JoiningService":
        from chalicelib.programs.joining.service import JoiningService
        from chalicelib.programs.members.store import MemberStore

        members = MemberStore(self.database)
        return JoiningService(self.program_store, members, self.programs, self.clock)

    @cached_property
    def invitations(self) -> "InvitationMailer":
        from chalicelib.programs.members.invitations import InvitationMailer
        from chalicelib.programs.members.store import MemberStore
        from chalicelib.programs.members.user_pool import UserPool

        pool_id = self.settings.user_pool_id
        pool = UserPool(self.clients.cognito, pool_id) if pool_id else None
        store = MemberStore(self.database)
        return InvitationMailer(store, pool, self.clock)

    @cached_property
    def viewer_addresses(self) -> "ViewerAddresses":
        from chalicelib.foundation.origins import ViewerAddresses

        return ViewerAddresses(self.settings.origin_key)

    @cached_property
    def sessions(self) -> "ConsoleSessions":
        from chalicelib.sessions.challenges import Challenges
        from chalicelib.sessions.console import ConsoleSessions
        from chalicelib.sessions.cookies import SessionCookies
        from chalicelib.sessions.devices import DeviceTokens
        from chalicelib.sessions.service import SessionService
        from chalicelib.sessions.store import AttemptStore
        from chalicelib.sessions.user_pool import SignInPool

        pool_id, client_id = self.settings.user_pool_id, self.settings.user_pool_client_id
        pool = SignInPool(self.clients.cognito, pool_id, client_id) if client_id else None
        devices = DeviceTokens(self._cursor_secret, self.clock)
        attempts = AttemptStore(self.database)
        public_url = self.settings.public_url
        return ConsoleSessions(
            SessionService(
                pool,
                attempts,
                devices,
                self.clock,
                Challenges(self._cursor_secret, self.clock),
                managers=self.programs.is_manager_or_invited_as_manager
                if self.settings.managers_need_mfa
                else None,
            ),
            SessionCookies(public_url),
            public_url,
            self.viewer_addresses,
        )

    @cached_property
    def channels(self) -> "ChannelService":
        from chalicelib.programs.channels.service import ChannelService
        from chalicelib.programs.channels.store import ChannelStore

        store = ChannelStore(self.database)
        return ChannelService(store, self.cursors, self.clock)

    @cached_property
    def campaigns(self) -> "CampaignService":
        from chalicelib.programs.campaigns.service import CampaignService
        from chalicelib.programs.campaigns.store import CampaignStore

        store = CampaignStore(self.database)
        return CampaignService(store, self.programs, self.cursors, self.clock)

    @cached_property
    def video_files(self) -> "VideoFiles":
        from chalicelib.videos.store import VideoFiles

        return VideoFiles(
            self.clients.s3,
            self.settings.incoming_bucket,
            self.settings.videos_bucket,
        )

    @cached_property
    def videos(self) -> "VideoService":
        from chalicelib.videos.service import VideoService

        return VideoService(
            self.upload_store, self.video_files, self._look, self.clock, self.quotas
        )

    @cached_property
    def upload_store(self) -> "UploadStore":
        from chalicelib.videos.store import UploadStore

        return UploadStore(self.database)

    @cached_property
    def verdicts(self) -> "Verdicts":
        from chalicelib.videos.service import Verdicts

        return Verdicts(self.upload_store)

    @cached_property
    def arrivals_queue(self) -> "ArrivalsQueue":
        from chalicelib.videos.queue import ArrivalsQueue

        return ArrivalsQueue(self.clients.sqs, self.settings.arrivals_queue_url)

    @cached_property
    def stuck_uploads(self) -> "StuckUploadSweeper":
        from chalicelib.videos.service import StuckUploadSweeper

        return StuckUploadSweeper(
            self.upload_store, self.video_files, self.arrivals_queue, self.clock, self.quotas
        )

    def _look(self, file: "RangeReader", size_bytes: int) -> "Examination":
        return self.examiner(file, size_bytes)

    @cached_property
    def examiner(self) -> "Examiner":
        """Only a validation needs it: nobody else has ffprobe, or pays for importing this."""
        from chalicelib.videos.examination import Examiner

        return Examiner(self.settings.ffprobe)

    @cached_property
    def activity_store(self) -> "ActivityStore":
        from chalicelib.activities.store import ActivityStore

        return ActivityStore(self.database)

    @cached_property
    def _activity_marks(self) -> "ActivityMarks":
        from chalicelib.activities.service import ActivityMarks

        return ActivityMarks(self.activity_mark_store)

    @cached_property
    def activity_mark_store(self) -> "MarkStore":
        from chalicelib.activities.store import MarkStore

        return MarkStore(self.database)

    @cached_property
    def activities(self) -> "ActivityService":
        from chalicelib.activities.service import ActivityService

        return ActivityService(
            store=self.activity_store,
            marks=self._activity_marks,
            videos=self.videos,
            groupings=self.programs,
            texts=self._post_texts,
            cursors=self.cursors,
            clock=self.clock,
            quotas=self.quotas,
        )

    @cached_property
    def _post_texts(self) -> "PostTextAssigner":
        from chalicelib.activities.service import PostTextAssigner

        return PostTextAssigner(self._disclosure)

    def _disclosure(self, program_id: str) -> str | None:
        program = self.programs.cached_program(program_id)
        return program.disclosure or None if program else None

    @cached_property
    def activity_lifecycle(self) -> "ActivityLifecycle":
        from chalicelib.activities.service import ActivityLifecycle

        return ActivityLifecycle(self.activity_store, self.clock)

    @cached_property
    def due_activities(self) -> "DueActivitySweeper":
        from chalicelib.activities.service import DueActivitySweeper

        return DueActivitySweeper(
            self.activity_store, self.activity_lifecycle, self.verdicts, self.clock
        )

    @cached_property
    def points(self) -> "PointService":
        from chalicelib.points.service import PointService

        return PointService(
            store=self.point_store,
            boards=lambda: self.leaderboard,
            programs=self.programs,
            cursors=self.cursors,
            clock=self.clock,
            sleep=self._wait,
        )

    @cached_property
    def me(self) -> "MeService":
        from chalicelib.me.service import MeService

        return MeService(self.programs, self.points, self.notifications)

    @cached_property
    def point_store(self) -> "PointStore":
        from chalicelib.points.store import PointStore

        return PointStore(self.database)

    @cached_property
    def reward_store(self) -> "RewardStore":
        from chalicelib.rewards.store import RewardStore

        return RewardStore(self.database)

    @cached_property
    def shown_pictures(self) -> "ShownPictures":
        from chalicelib.rewards.store import ShownPictures

        return ShownPictures(self.clients.s3, self.settings.videos_bucket)

    @cached_property
    def rewards(self) -> "RewardService":
        from chalicelib.rewards.service import RewardService
        from chalicelib.rewards.store import PictureFiles

        pictures = PictureFiles(
            self.clients.s3,
            self.settings.incoming_bucket,
            self.shown_pictures,
            self.settings.console_url,
        )
        return RewardService(
            store=self.reward_store,
            pictures=pictures,
            programs=self.programs,
            points=self.points,
            cursors=self.cursors,
            clock=self.clock,
        )

    @cached_property
    def redemptions(self) -> "RedemptionService":
        from chalicelib.rewards.redemptions.service import RedemptionService

        return RedemptionService(
            store=self.reward_store,
            programs=self.programs,
            points=self.points,
            cursors=self.cursors,
            clock=self.clock,
        )

    @cached_property
    def board_store(self) -> "BoardStore":
        from chalicelib.points.board_store import BoardStore

        return BoardStore(self.database)

    @cached_property
    def leaderboard(self) -> "LeaderboardReader":
        from chalicelib.points.boards import LeaderboardReader

        return LeaderboardReader(self.board_store, self.programs, self.clock)

    @cached_property
    def entry_counter(self) -> "EntryCounter":
        from chalicelib.points.boards import EntryCounter

        return EntryCounter(
            self.board_store, self.leaderboard_marks, self.point_store, self.programs
        )

    @cached_property
    def points_rebuilder(self) -> "PointsRebuilder":
        from chalicelib.points.rebuilding import PointsRebuilder

        return PointsRebuilder(
            boards=self.board_store,
            points=self.point_store,
            programs=self.programs,
            builder=self.leaderboard_builder,
            marks=self.leaderboard_marks,
            clock=self.clock,
        )

    @cached_property
    def leaderboard_marks(self) -> "LeaderboardMarks":
        from chalicelib.points.boards import LeaderboardMarks

        return LeaderboardMarks(self.board_store, self.clock)

    @cached_property
    def leaderboard_builder(self) -> "LeaderboardBuilder":
        from chalicelib.points.boards import LeaderboardBuilder

        return LeaderboardBuilder(
            self.board_store, self.leaderboard_marks, self.programs, self.clock
        )

    def _client_secret(self) -> str:
        return self._cached_client_secret.value()

    @cached_property
    def _cached_client_secret(self) -> "CachedSecret":
        from chalicelib.foundation.secret import CachedSecret

        return CachedSecret(self._tiktok_secret, "client_secret", self.clock)

    def _tiktok_secret(self) -> str:
        return self._secret(self.settings.tiktok_secret_id)

    def _cursor_secret(self) -> str:
        return self._secret(self.settings.cursor_secret_id)

    def _secret(self, secret_id: str) -> str:
        return self.clients.secrets.get_secret_value(SecretId=secret_id)["SecretString"]

    @cached_property
    def _callback_url(self) -> str:
        return f"{self.settings.public_url}/tiktok/callback"

    @cached_property
    def tiktok_client(self) -> "TikTokClient":
        from chalicelib.tiktok.client import TikTokClient, TikTokSettings, TimeLimits

        return TikTokClient(
            TikTokSettings(
                api_url=self.settings.tiktok_api_url,
                authorize_url=self.settings.tiktok_authorize_url,
                client_key=self.settings.tiktok_client_key,
                redirect_uri=self._callback_url,
                upload_hosts=self.settings.tiktok_upload_hosts,
            ),
            self._client_secret,
            TimeLimits(connect_seconds=3, answer_seconds=8),
        )

    @cached_property
    def account_store(self) -> "AccountStore":
        from chalicelib.tiktok.store import AccountStore

        return AccountStore(self.database)

    @cached_property
    def tiktok(self) -> "AccountService":
        from chalicelib.tiktok.service import AccountService

        return AccountService(
            store=self.account_store,
            tokens=self.access_tokens,
            client=lambda: self.tiktok_client,
            vault=lambda: self.vault,
            programs=self.programs,
            offers_views=lambda: self.settings.tiktok_views,
            clock=self.clock,
        )

    @cached_property
    def access_tokens(self) -> "AccessTokens":
        from chalicelib.tiktok.access_tokens.service import AccessTokens

        return AccessTokens(
            store=self.account_store,
            client=lambda: self.tiktok_client,
            vault=lambda: self.vault,
            programs=self.programs,
            clock=self.clock,
            sleep=self._wait,
        )

    @cached_property
    def consents(self) -> "ConsentService":
        from chalicelib.tiktok.consents.service import ConsentService
        from chalicelib.tiktok.consents.store import ConsentStore

        return ConsentService(
            store=ConsentStore(self.database),
            accounts=self.account_store,
            client=lambda: self.tiktok_client,
            vault=lambda: self.vault,
            programs=self.programs,
            callback_url=lambda: self._callback_url,
            pkce=lambda: self.settings.tiktok_pkce,
            offers_views=lambda: self.settings.tiktok_views,
            clock=self.clock,
        )

    @cached_property
    def inbox_places(self) -> "InboxPlaces":
        from chalicelib.tiktok.inbox.service import InboxPlaces
        from chalicelib.tiktok.inbox.store import InboxStore

        return InboxPlaces(InboxStore(self.database), self.clock)

    @cached_property
    def pending_sends(self) -> "PendingSends":
        from chalicelib.tiktok.pending_sends.service import PendingSends

        return PendingSends(self.account_store)

    @cached_property
    def vault(self) -> "TokenVault":
        from chalicelib.tiktok.vault import TokenVault

        return TokenVault(self.clients.kms, self.settings.tokens_key_id)

    @cached_property
    def performance_store(self) -> "PerformanceStore":
        from chalicelib.performances.store import PerformanceStore

        return PerformanceStore(self.database)

    @cached_property
    def performances(self) -> "PerformanceService":
        from chalicelib.performances.service import PerformanceService

        return PerformanceService(
            store=self.performance_store,
            programs=self.programs,
            accounts=self.tiktok,
            consents=self.consents,
            places=self.inbox_places,
            activities=self.activity_lifecycle,
            marks=self._activity_marks,
            texts=self._post_texts,
            points=self.points,
            cursors=self.cursors,
            clock=self.clock,
            preview_of=self._preview_of,
            sleep=self._wait,
        )

    def _preview_of(self, video_key: str, content_type: str) -> "Preview":
        """Make an address of a video; functions that sweep have no bucket of videos."""
        return self.videos.preview_of(video_key, content_type)

    @cached_property
    def connections(self) -> "ConnectionService":
        from chalicelib.performances.connections.service import ConnectionService

        return ConnectionService(
            store=self.performance_store,
            queue=self.staging_queue,
            performances=self.performances,
            programs=self.programs,
            accounts=self.tiktok,
            consents=self.consents,
            places=self.inbox_places,
            pending_sends=self.pending_sends,
            clock=self.clock,
        )

    @cached_property
    def counts(self) -> "PostStatistics":
        from chalicelib.performances.counts.service import PostStatistics

        return PostStatistics(
            store=self.performance_store,
            accounts=self.tiktok,
            tokens=self.access_tokens,
            client=lambda: self.tiktok_client,
            clock=self.clock,
        )

    @cached_property
    def tiktok_webhooks(self) -> "TikTokWebhooks":
        from chalicelib.performances.tiktok_webhooks.service import TikTokWebhooks

        return TikTokWebhooks(
            store=self.performance_store,
            queue=self.staging_queue,
            accounts=self.tiktok,
            places=self.inbox_places,
            points=self.points,
            client_secret=self._client_secret,
            clock=self.clock,
        )

    @cached_property
    def staging_queue(self) -> "StagingQueue":
        from chalicelib.performances.queue import StagingQueue

        return StagingQueue(self.clients.sqs, self.settings.staging_queue_url)

    def failed_messages(self, url: str) -> "FailedMessages":
        """Return what waits in the dead-letter queue at `url`, for the owner's commands."""
        from chalicelib.performances.queue import FailedMessages

        return FailedMessages(self.clients.sqs, url, self.staging_queue)

    @cached_property
    def staging_dependencies(self) -> "StagingDependencies":
        from chalicelib.performances.staging_run import StagingDependencies
        from chalicelib.videos.service import VideoReader

        return StagingDependencies(
            store=self.performance_store,
            queue=self.staging_queue,
            programs=self.programs,
            accounts=self.tiktok,
            tokens=self.access_tokens,
            places=self.inbox_places,
            client=self.tiktok_client,
            videos=VideoReader(self.video_files),
            activities=self.activity_lifecycle,
            marks=self._activity_marks,
            points=self.points,
            clock=self.clock,
            sleep=self._wait,
        )

    @cached_property
    def stager(self) -> "Stager":
        from chalicelib.performances.staging import Stager

        return Stager(self.staging_dependencies)

    @cached_property
    def overdue_performances(self) -> "OverdueRequeuer":
        from chalicelib.performances.overdue import OverdueRequeuer

        return OverdueRequeuer(self.performance_store, self.staging_queue, self.clock)

    @cached_property
    def webhook_store(self) -> "WebhookStore":
        from chalicelib.webhooks.store import WebhookStore

        return WebhookStore(self.database)

    @cached_property
    def webhook_vault(self) -> "SecretVault":
        from chalicelib.webhooks.vault import SecretVault

        return SecretVault(self.clients.kms, self.settings.tokens_key_id)

    @cached_property
    def delivery_queues(self) -> "DeliveryQueues":
        from chalicelib.webhooks.queue import DeliveryQueues

        return DeliveryQueues(
            self.clients.sqs,
            self.settings.webhooks_queue_url,
            self.settings.slow_webhooks_queue_url,
        )

    def _own_hosts(self) -> "Collection[str]":
        from urllib.parse import urlsplit

        return {urlsplit(self.settings.console_url).netloc, *self.settings.own_hosts}

    @cached_property
    def webhooks(self) -> "WebhookService":
        from chalicelib.webhooks.service import WebhookService

        return WebhookService(
            store=self.webhook_store,
            vault=lambda: self.webhook_vault,
            queues=lambda: self.delivery_queues,
            cursors=self.cursors,
            clock=self.clock,
            own_hosts=self._own_hosts(),
            test_networks=self.settings.webhook_test_networks,
        )

    @cached_property
    def fan_out(self) -> "FanOut":
        from chalicelib.webhooks.service import FanOut

        return FanOut(self.webhook_store, self.delivery_queues, self.clock)

    @cached_property
    def due_webhooks(self) -> "DueWebhooks":
        from chalicelib.webhooks.service import DueWebhooks

        return DueWebhooks(self.webhook_store, lambda: self.delivery_queues, self.clock)

    @cached_property
    def deliverer(self) -> "Deliverer":
        from chalicelib.foundation.outgoing import HttpSender
        from chalicelib.webhooks.service import Deliverer

        return Deliverer(
            store=self.webhook_store,
            vault=self.webhook_vault,
            queues=self.delivery_queues,
            sender=HttpSender(self._own_hosts(), self.settings.webhook_test_networks),
            titles=self.webhook_title,
            console_url=self.settings.console_url,
            clock=self.clock,
        )

    def webhook_title(self, program_id: str, data: "Mapping[str, Any]") -> str:
        """Return what the activity or reward of an event is called; empty if it is gone."""
        if activity_id := data.get("activity_id"):
            activity = self.activity_lifecycle.activity(program_id, activity_id)
            return activity.instructions if activity else ""
        if reward_id := data.get("reward_id"):
            reward = self.reward_store.get(program_id, reward_id)
            return reward.title if reward else ""
        return ""

    @cached_property
    def report_store(self) -> "ReportStore":
        from chalicelib.reports.store import ReportStore

        return ReportStore(self.database)

    @cached_property
    def reports(self) -> "ReportService":
        from chalicelib.reports.service import ReportService

        return ReportService(
            store=self.report_store,
            programs=self.programs,
            members=self.members,
            channels=self.channels,
            activities=self.activity_lifecycle,
            cursors=self.cursors,
            clock=self.clock,
        )

    @cached_property
    def worklist(self) -> "WorklistService":
        from chalicelib.reports.worklist.service import WorklistService

        return WorklistService(self.report_store, self.clock)

    @cached_property
    def fact_counter(self) -> "FactCounter":
        from chalicelib.reports.counting import FactCounter

        return FactCounter(self.report_store, self.programs, self._titles, self.clock, self._wait)

    def _titles(self, program_id: str, activity_ids: "Sequence[str]") -> dict[str, str]:
        found = self.activity_lifecycle.activities(program_id, activity_ids)
        return {activity_id: each.instructions for activity_id, each in found.items()}

    @cached_property
    def person_counter(self) -> "PersonCounter":
        from chalicelib.reports.counting import PersonCounter

        return PersonCounter(self.report_store, self.programs, self.clock)

    @cached_property
    def event_counters(self) -> "EventCounters":
        from chalicelib.reports.counting import DayPacker
        from chalicelib.reports.worker import EventCounters
        from chalicelib.reports.worklist.service import (
            AppRefusals,
            ArchivedActivities,
            DisabledWebhooks,
            OpenRedemptions,
            RefusedVideos,
        )
        from chalicelib.rewards.redemptions.requesters import Requesters

        return EventCounters(
            facts=self.fact_counter,
            days=DayPacker(self.report_store, self.clock),
            people=self.person_counter,
            app=AppRefusals(self.report_store),
            videos=RefusedVideos(self.report_store, self.activity_lifecycle),
            archived=ArchivedActivities(self.report_store, self.activity_lifecycle),
            redemptions=OpenRedemptions(self.report_store, self.reward_store),
            requesters=Requesters(self.reward_store, self.programs),
            webhooks=DisabledWebhooks(self.report_store, self.webhook_store),
        )

    @cached_property
    def report_export_store(self) -> "ReportExportStore":
        from chalicelib.reports.report_exports.store import ReportExportStore

        return ReportExportStore(self.database)

    @cached_property
    def report_export_files(self) -> "ReportExportFiles":
        from chalicelib.reports.report_exports.store import ReportExportFiles

        return ReportExportFiles(self.clients.s3, self.settings.exports_bucket)

    @cached_property
    def report_exports(self) -> "ReportExportService":
        from chalicelib.reports.report_exports.service import ReportExportService

        return ReportExportService(
            self.report_export_store, self.report_export_files, self.reports, self.clock
        )

    @cached_property
    def report_export_maker(self) -> "ReportExportMaker":
        from chalicelib.reports.report_exports.service import ReportExportMaker

        return ReportExportMaker(
            self.report_export_store,
            self.report_export_files,
            self.reports,
            self.programs,
            self.audit,
        )

    @cached_property
    def reports_rebuilder(self) -> "ReportsRebuilder":
        from chalicelib.reports.rebuilding import ReportsRebuilder

        return ReportsRebuilder(
            store=self.report_store,
            programs=self.programs,
            performances=self.performance_store,
            marks=self.activity_mark_store,
            facts=self.fact_counter,
            people=self.person_counter,
            clock=self.clock,
        )

    # --- privacy

    @cached_property
    def personal_data_stores(self) -> "Sequence[PersonalDataStore]":
        """Everything that keeps something of members; in this order it is erased."""
        from chalicelib.activities.personal import MarkPersonalData
        from chalicelib.audit.personal import AuditPersonalData
        from chalicelib.foundation.idempotency import IdempotencyPersonalData
        from chalicelib.notifications.personal import DevicePersonalData, NoticePersonalData
        from chalicelib.performances.personal import PerformancePersonalData
        from chalicelib.points.personal import LeaderboardPersonalData, LedgerPersonalData
        from chalicelib.privacy.personal import RequestPersonalData
        from chalicelib.programs.members.personal import MembershipPersonalData, SignInPersonalData
        from chalicelib.programs.members.user_pool import UserPool
        from chalicelib.reports.personal import ReportFilePersonalData, ReportPersonalData
        from chalicelib.reports.worklist.service import OpenRedemptions
        from chalicelib.rewards.personal import RedemptionPersonalData
        from chalicelib.tiktok.personal import AccountPersonalData

        database, pool_id = self.database, self.settings.user_pool_id
        pool = UserPool(self.clients.cognito, pool_id) if pool_id else None
        redemptions = OpenRedemptions(self.report_store, self.reward_store)
        return (
            AuditPersonalData(database, self._origin_store, redemptions.ids_of),
            MembershipPersonalData(database),
            SignInPersonalData(pool, self.program_store),
            AccountPersonalData(database, self.account_store),
            MarkPersonalData(database),
            NoticePersonalData(database, self.notifications),
            DevicePersonalData(database, self.pushing),
            PerformancePersonalData(database, self.clock),
            LedgerPersonalData(database, self.board_store),
            RedemptionPersonalData(database),
            ReportPersonalData(
                database, self.report_store, self.person_counter, redemptions, self.clock
            ),
            ReportFilePersonalData(database, self.report_export_store, self.report_export_files),
            LeaderboardPersonalData(
                self.board_store, self.leaderboard_marks, self.programs, self.clock
            ),
            IdempotencyPersonalData(
                database, lambda owner: {each.entry_id for each in self.point_store.entries(owner)}
            ),
            RequestPersonalData(database),
        )

    @cached_property
    def drafts(self) -> "DraftService":
        from chalicelib.activities.drafts.service import DraftService
        from chalicelib.activities.drafts.store import DraftStore

        return DraftService(DraftStore(self.database), self.programs, self.clock)

    @cached_property
    def agents(self) -> "AgentService":
        """Return the service, with what its tools call made: at the function's start, not later."""
        from chalicelib.agents.model import TOOL_PARTS
        from chalicelib.agents.service import AgentService
        from chalicelib.agents.store import CallCounter

        for part in TOOL_PARTS:
            self.service_named(part)
        return AgentService(
            counter=CallCounter(self.database),
            recorder=self.audit_recorder,
            programs=self.programs,
            service_named=self.service_named,
            clock=self.clock,
        )

    @cached_property
    def privacy_store(self) -> "PrivacyStore":
        from chalicelib.privacy.store import PrivacyStore

        return PrivacyStore(self.database)

    @cached_property
    def personal_files(self) -> "PersonalFiles":
        from chalicelib.privacy.store import PersonalFiles

        return PersonalFiles(self.clients.s3, self.settings.exports_bucket)

    @cached_property
    def personal_exports_queue(self) -> "PersonalExportQueue":
        from chalicelib.privacy.queue import PersonalExportQueue

        return PersonalExportQueue(self.clients.sqs, self.settings.personal_exports_queue_url)

    @cached_property
    def privacy(self) -> "PrivacyService":
        from chalicelib.privacy.service import PrivacyService

        return PrivacyService(
            self.privacy_store,
            self.personal_files,
            self.members,
            self.clock,
        )

    @cached_property
    def eraser(self) -> "Eraser":
        from chalicelib.privacy.erasing import Eraser

        return Eraser(
            self.privacy_store,
            lambda: self.personal_files,
            lambda: self.personal_data_stores,
            self.clock,
        )

    @cached_property
    def personal_export_maker(self) -> "PersonalExportMaker":
        from chalicelib.privacy.exporting import PersonalExportMaker

        return PersonalExportMaker(
            self.privacy_store,
            self.personal_files,
            self.programs,
            self.personal_data_stores,
            self.clock,
        )

    @cached_property
    def personal_export_queuer(self) -> "PersonalExportQueuer":
        from chalicelib.privacy.queue import PersonalExportQueuer

        return PersonalExportQueuer(
            self.privacy_store, lambda: self.personal_exports_queue, self.clock
        )

    @cached_property
    def notice_store(self) -> "NoticeStore":
        from chalicelib.notifications.store import NoticeStore

        return NoticeStore(self.database)

    @cached_property
    def notifications(self) -> "NotificationService":
        from chalicelib.notifications.service import NotificationService

        return NotificationService(
            self.notice_store,
            self.programs,
            lambda: self.refused_addresses,
            self.clock,
            self._sends_notices,
        )

    def _sends_notices(self) -> bool:
        return bool(self.settings.notices_from)

    @cached_property
    def refused_addresses(self) -> "RefusedAddresses":
        from chalicelib.reports.worklist.service import RefusedAddresses

        return RefusedAddresses(self.report_store)

    @cached_property
    def notice_writer(self) -> "NoticeWriter":
        from chalicelib.notifications.noting import NoticeSources, NoticeWriter

        sources = NoticeSources(
            programs=self.programs,
            activities=self.activity_lifecycle,
            marks=self._activity_marks,
            redemptions=self.reward_store,
            ledger=self.point_store,
        )
        return NoticeWriter(
            store=self.notice_store,
            sources=sources,
            notifications=self.notifications,
            pushes=self.pushing,
            clock=self.clock,
            mails=self._sends_notices,
        )

    @cached_property
    def bulletin_writer(self) -> "BulletinWriter":
        from chalicelib.notifications.bulletins import BulletinWriter

        return BulletinWriter(self.notice_store, self.programs, self.activity_lifecycle, self.clock)

    @cached_property
    def due_digests(self) -> "DueDigests":
        from chalicelib.notifications.planning import DueDigests

        return DueDigests(self.notice_store, self.programs, lambda: self.digests_queue, self.clock)

    @cached_property
    def digest_planner(self) -> "DigestPlanner":
        from chalicelib.notifications.planning import DigestPlanner

        return DigestPlanner(
            store=self.notice_store,
            programs=self.programs,
            bulletins=self.bulletin_writer,
            worklists=lambda: self.worklist,
            queue=lambda: self.digests_queue,
            clock=self.clock,
            mails=self._sends_notices,
        )

    @cached_property
    def digests_queue(self) -> "MessageQueue":
        from chalicelib.notifications.queue import MessageQueue

        return MessageQueue(self.clients.sqs, self.settings.digests_queue_url)

    @cached_property
    def unsubscribing(self) -> "UnsubscribeService":
        from chalicelib.notifications.unsubscribing.service import (
            UnsubscribeService,
            UnsubscribeTokens,
        )

        return UnsubscribeService(
            self.notice_store,
            self.programs,
            UnsubscribeTokens(self._cursor_secret),
            lambda: self.settings.public_url,
        )

    @cached_property
    def notice_mailer(self) -> "NoticeMailer":
        from chalicelib.notifications.sending import NoticeMailer
        from chalicelib.notifications.ses import SesMailSender

        return NoticeMailer(
            store=self.notice_store,
            programs=self.programs,
            marks=self._activity_marks,
            ses=SesMailSender(self.clients.ses, self.settings.mail_configuration_set),
            unsubscribing=self.unsubscribing,
            sender=self.settings.notices_from,
            console_url=self.settings.console_url,
            clock=self.clock,
            pause=self._wait,
        )

    @cached_property
    def push_store(self) -> "PushStore":
        from chalicelib.notifications.pushing.store import PushStore

        return PushStore(self.database, self.clock)

    @cached_property
    def push_key(self) -> "VapidKey":
        from chalicelib.notifications.pushing.vapid import VapidKey

        return VapidKey(self._cursor_secret, self.settings.console_url, self.clock)

    @cached_property
    def pushing(self) -> "PushService":
        from chalicelib.notifications.pushing.service import PushService

        return PushService(
            self.push_store,
            lambda: self.push_key,
            self.clock,
            self._own_hosts,
            lambda: self.settings.webhook_test_networks,
        )

    @cached_property
    def push_sender(self) -> "PushSender":
        from chalicelib.notifications.pushing.sending import PushSender

        return PushSender(
            store=self.push_store,
            notices=self.notice_store,
            programs=self.programs,
            performances=lambda: self.performance_store,
            key=lambda: self.push_key,
            sender=lambda: self.push_client,
            clock=self.clock,
        )

    @cached_property
    def push_client(self) -> "PushTransport":
        from chalicelib.foundation.outgoing import HttpSender
        from chalicelib.notifications.pushing.sending import TOTAL_SECONDS

        return HttpSender(
            self._own_hosts(),
            self.settings.webhook_test_networks,
            total_seconds=TOTAL_SECONDS,
        )

    @cached_property
    def mail_feedback(self) -> "MailFeedback":
        from chalicelib.notifications.feedback import MailFeedback
        from chalicelib.programs.members.invitations import ReturnedInvitations
        from chalicelib.programs.members.store import MemberStore

        return MailFeedback(
            self.notice_store,
            self.programs,
            self.refused_addresses,
            ReturnedInvitations(self.program_store, MemberStore(self.database), self.clock),
            self.clock,
        )
