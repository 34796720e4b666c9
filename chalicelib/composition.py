"""The one place where things are built and handed to each other, each when it is first needed."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.aws import Clients
from chalicelib.foundation.clock import Clock, SystemClock
from chalicelib.foundation.settings import Settings

if TYPE_CHECKING:
    from chalicelib.activities.service import (
        ActivityLifecycle,
        ActivityMarks,
        ActivityService,
        PostTexts,
    )
    from chalicelib.activities.store import ActivityStore
    from chalicelib.foundation.health import HealthService
    from chalicelib.foundation.idempotency import Idempotency
    from chalicelib.foundation.identity import TokenVerifier
    from chalicelib.foundation.pages import Cursors
    from chalicelib.foundation.secret import Remembered
    from chalicelib.performances.queue import FailedMessages, StagingQueue
    from chalicelib.performances.service import PerformanceService
    from chalicelib.performances.staging import FollowUp, Stager
    from chalicelib.performances.store import PerformanceStore
    from chalicelib.points.board_store import BoardStore
    from chalicelib.points.boards import Counter, Leaderboard, Snapshots
    from chalicelib.points.rebuilding import Rebuilding
    from chalicelib.points.service import PointService
    from chalicelib.points.store import PointStore
    from chalicelib.programs.campaigns.service import CampaignService
    from chalicelib.programs.channels.service import ChannelService
    from chalicelib.programs.members.invitations import Invitations
    from chalicelib.programs.members.service import MemberService
    from chalicelib.programs.service import ProgramService
    from chalicelib.programs.store import ProgramStore
    from chalicelib.tiktok.client import TikTokClient
    from chalicelib.tiktok.service import AccountService
    from chalicelib.tiktok.vault import TokenVault
    from chalicelib.videos.examination import Examiner
    from chalicelib.videos.model import Examination
    from chalicelib.videos.probe import RangeReader
    from chalicelib.videos.queue import ArrivalsQueue
    from chalicelib.videos.service import LostAndFound, VideoService
    from chalicelib.videos.store import UploadStore, VideoFiles


class House:
    """Services by room, made lazily: importing this costs next to nothing. Tests hand in others."""

    def __init__(
        self,
        settings: Settings | None = None,
        clock: Clock | None = None,
        clients: Clients | None = None,
    ) -> None:
        self._settings = settings
        self.clock = clock or SystemClock()
        self.clients = clients or Clients()

    @cached_property
    def settings(self) -> Settings:
        return self._settings or Settings.from_environment()

    def service_of(self, room: str) -> Any:
        """Give a service by the name of its room, or of its part of a room that is split."""
        return getattr(self, room)

    @cached_property
    def tokens(self) -> "TokenVerifier":
        from chalicelib.foundation.identity import TokenVerifier

        return TokenVerifier(
            self.settings.require("token_issuer"),
            self.settings.require("token_audience"),
            self.settings.require("key_set_url"),
        )

    @cached_property
    def cursors(self) -> "Cursors":
        from chalicelib.foundation.pages import Cursors

        return Cursors(lambda: self._secret("cursor_secret_id"))

    @cached_property
    def idempotency(self) -> "Idempotency":
        from chalicelib.foundation.idempotency import Idempotency

        return Idempotency(self.settings.require("idempotency_table"), self.clock)

    @cached_property
    def foundation(self) -> "HealthService":
        from chalicelib.foundation.health import HealthService

        return HealthService(
            self.settings.build,
            {
                "tables": lambda: self._program_store.program("health"),
                "storage": self._video_files.check,
            },
            self.clock,
        )

    @cached_property
    def _program_store(self) -> "ProgramStore":
        from chalicelib.programs.store import ProgramStore

        return ProgramStore(self.settings.require("programs_table"))

    @cached_property
    def programs(self) -> "ProgramService":
        from chalicelib.programs.service import ProgramService

        return ProgramService(self._program_store, self.clock)

    @cached_property
    def members(self) -> "MemberService":
        from chalicelib.programs.members.service import MemberService
        from chalicelib.programs.members.store import MemberStore

        store = MemberStore(self.settings.require("programs_table"))
        return MemberService(store, self.programs, self.cursors, self.clock)

    @cached_property
    def invitations(self) -> "Invitations":
        from chalicelib.programs.members.invitations import Invitations
        from chalicelib.programs.members.store import MemberStore
        from chalicelib.programs.members.user_pool import UserPool

        pool_id = self.settings.user_pool_id
        pool = UserPool(self.clients.cognito, pool_id) if pool_id else None
        store = MemberStore(self.settings.require("programs_table"))
        return Invitations(store, pool, self.clock)

    @cached_property
    def channels(self) -> "ChannelService":
        from chalicelib.programs.channels.service import ChannelService
        from chalicelib.programs.channels.store import ChannelStore

        store = ChannelStore(self.settings.require("programs_table"))
        return ChannelService(store, self.cursors, self.clock)

    @cached_property
    def campaigns(self) -> "CampaignService":
        from chalicelib.programs.campaigns.service import CampaignService
        from chalicelib.programs.campaigns.store import CampaignStore

        store = CampaignStore(self.settings.require("programs_table"))
        return CampaignService(store, self.programs, self.cursors, self.clock)

    @cached_property
    def _video_files(self) -> "VideoFiles":
        from chalicelib.videos.store import VideoFiles

        return VideoFiles(
            self.clients.s3,
            self.settings.incoming_bucket,
            self.settings.videos_bucket,
        )

    @cached_property
    def videos(self) -> "VideoService":
        from chalicelib.videos.service import VideoService

        return VideoService(self._upload_store, self._video_files, self._look, self.clock)

    @cached_property
    def _upload_store(self) -> "UploadStore":
        from chalicelib.videos.store import UploadStore

        return UploadStore(self.settings.require("uploads_table"))

    @cached_property
    def arrivals_queue(self) -> "ArrivalsQueue":
        from chalicelib.videos.queue import ArrivalsQueue

        return ArrivalsQueue(self.clients.sqs, self.settings.require("arrivals_queue_url"))

    @cached_property
    def lost_and_found(self) -> "LostAndFound":
        from chalicelib.videos.service import LostAndFound

        return LostAndFound(self._upload_store, self._video_files, self.arrivals_queue, self.clock)

    def _look(self, file: "RangeReader", size_bytes: int) -> "Examination":
        return self._examiner(file, size_bytes)

    @cached_property
    def _examiner(self) -> "Examiner":
        """Only a validation needs it: nobody else has ffprobe, or pays for importing this."""
        from chalicelib.videos.examination import Examiner

        return Examiner(self.settings.require("ffprobe"))

    @cached_property
    def _activity_store(self) -> "ActivityStore":
        from chalicelib.activities.store import ActivityStore

        return ActivityStore(self.settings.require("activities_table"))

    @cached_property
    def _marks(self) -> "ActivityMarks":
        from chalicelib.activities.service import ActivityMarks
        from chalicelib.activities.store import MarkStore

        return ActivityMarks(MarkStore(self.settings.require("marks_table")))

    @cached_property
    def activities(self) -> "ActivityService":
        from chalicelib.activities.service import ActivityService

        return ActivityService(
            store=self._activity_store,
            marks=self._marks,
            videos=self.videos,
            groupings=self.programs,
            texts=self._post_texts,
            cursors=self.cursors,
            clock=self.clock,
        )

    @cached_property
    def _post_texts(self) -> "PostTexts":
        from chalicelib.activities.service import PostTexts

        return PostTexts(self._disclosure)

    def _disclosure(self, program_id: str) -> str | None:
        program = self.programs.remembered(program_id)
        return program.disclosure or None if program else None

    @cached_property
    def activity_lifecycle(self) -> "ActivityLifecycle":
        from chalicelib.activities.service import ActivityLifecycle

        return ActivityLifecycle(self._activity_store, self.clock)

    @cached_property
    def points(self) -> "PointService":
        from chalicelib.points.service import PointService

        return PointService(self._point_store, self.programs, lambda: self.leaderboard, self.clock)

    @cached_property
    def _point_store(self) -> "PointStore":
        from chalicelib.points.store import PointStore

        return PointStore(self.settings.require("points_table"))

    @cached_property
    def _board_store(self) -> "BoardStore":
        from chalicelib.points.board_store import BoardStore

        return BoardStore(self.settings.require("boards_table"))

    @cached_property
    def leaderboard(self) -> "Leaderboard":
        from chalicelib.points.boards import Leaderboard

        return Leaderboard(self._board_store, self.programs, self.clock)

    @cached_property
    def counter(self) -> "Counter":
        from chalicelib.points.boards import Counter

        return Counter(self._board_store, self._point_store, self.programs, self.clock)

    @cached_property
    def rebuilding(self) -> "Rebuilding":
        from chalicelib.points.rebuilding import Rebuilding

        return Rebuilding(
            self._board_store, self._point_store, self.programs, self.snapshots, self.clock
        )

    @cached_property
    def snapshots(self) -> "Snapshots":
        from chalicelib.points.boards import Snapshots

        return Snapshots(self._board_store, self.programs, self.clock)

    def _client_secret(self) -> str:
        return self._remembered_client_secret.value()

    @cached_property
    def _remembered_client_secret(self) -> "Remembered":
        from chalicelib.foundation.secret import Remembered

        return Remembered(lambda: self._secret("tiktok_secret_id"), "client_secret", self.clock)

    def _secret(self, setting: str) -> str:
        secret_id = self.settings.require(setting)
        return self.clients.secrets.get_secret_value(SecretId=secret_id)["SecretString"]

    @cached_property
    def _callback_url(self) -> str:
        return f"{self.settings.require('public_url')}/tiktok/callback"

    @cached_property
    def _tiktok_client(self) -> "TikTokClient":
        from chalicelib.tiktok.client import TikTokClient, TikTokSettings, TimeLimits

        return TikTokClient(
            TikTokSettings(
                api_url=self.settings.require("tiktok_api_url"),
                authorize_url=self.settings.require("tiktok_authorize_url"),
                client_key=self.settings.require("tiktok_client_key"),
                redirect_uri=self._callback_url,
                upload_hosts=tuple(self.settings.require("tiktok_upload_hosts").split(",")),
            ),
            self._client_secret,
            TimeLimits(connect_seconds=3, answer_seconds=8),
        )

    @cached_property
    def tiktok(self) -> "AccountService":
        from chalicelib.tiktok.service import AccountService
        from chalicelib.tiktok.store import AccountStore

        return AccountService(
            store=AccountStore(self.settings.require("accounts_table")),
            client=lambda: self._tiktok_client,
            vault=self._vault,
            programs=self.programs,
            callback_url=lambda: self._callback_url,
            clock=self.clock,
        )

    def _vault(self) -> "TokenVault":
        from chalicelib.tiktok.vault import TokenVault

        return TokenVault(self.clients.kms, self.settings.require("tokens_key_id"))

    @cached_property
    def _performance_store(self) -> "PerformanceStore":
        from chalicelib.performances.store import PerformanceStore

        return PerformanceStore(self.settings.require("performances_table"))

    @cached_property
    def performances(self) -> "PerformanceService":
        from chalicelib.performances.service import PerformanceService

        return PerformanceService(
            store=self._performance_store,
            queue=self.staging_queue,
            programs=self.programs,
            accounts=self.tiktok,
            activities=self.activity_lifecycle,
            marks=self._marks,
            texts=self._post_texts,
            points=self.points,
            cursors=self.cursors,
            client_secret=self._client_secret,
            clock=self.clock,
        )

    @cached_property
    def staging_queue(self) -> "StagingQueue":
        from chalicelib.performances.queue import StagingQueue

        return StagingQueue(self.clients.sqs, self.settings.require("staging_queue_url"))

    def failed_messages(self, url: str) -> "FailedMessages":
        """Give what waits in the dead-letter queue at `url`, for the owner's commands."""
        from chalicelib.performances.queue import FailedMessages

        return FailedMessages(self.clients.sqs, url, self.staging_queue)

    @cached_property
    def stager(self) -> "Stager":
        from chalicelib.performances.staging import Stager
        from chalicelib.videos.service import VideoShelf

        return Stager(
            store=self._performance_store,
            queue=self.staging_queue,
            programs=self.programs,
            accounts=self.tiktok,
            client=self._tiktok_client,
            videos=VideoShelf(self._video_files),
            activities=self.activity_lifecycle,
            marks=self._marks,
            points=self.points,
            clock=self.clock,
        )

    @cached_property
    def follow_up(self) -> "FollowUp":
        from chalicelib.performances.staging import FollowUp

        return FollowUp(self._performance_store, self.staging_queue, self.clock)
