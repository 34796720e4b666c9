"""The one place where things are built and handed to each other, each when it is first needed."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib.foundation.aws import Clients
from chalicelib.foundation.clock import Clock, SystemClock
from chalicelib.foundation.settings import Settings

if TYPE_CHECKING:
    from chalicelib.activities.service import ActivityLifecycle, ActivityService
    from chalicelib.activities.store import ActivityStore
    from chalicelib.foundation.health import HealthService
    from chalicelib.foundation.idempotency import Idempotency
    from chalicelib.foundation.identity import TokenVerifier
    from chalicelib.foundation.pages import Cursors
    from chalicelib.programs.service import ProgramService
    from chalicelib.programs.store import ProgramStore
    from chalicelib.videos.service import VideoService
    from chalicelib.videos.store import VideoFiles


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
        """Give a room's service, by the room's name."""
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

        secret_id = self.settings.require("cursor_secret_id")
        return Cursors(
            lambda: self.clients.secrets.get_secret_value(SecretId=secret_id)["SecretString"]
        )

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
    def _video_files(self) -> "VideoFiles":
        from chalicelib.videos.store import VideoFiles

        return VideoFiles(
            self.clients.s3,
            self.settings.require("incoming_bucket"),
            self.settings.videos_bucket,
        )

    @cached_property
    def videos(self) -> "VideoService":
        from chalicelib.videos.probe import examine
        from chalicelib.videos.service import VideoService
        from chalicelib.videos.store import UploadStore

        store = UploadStore(self.settings.require("uploads_table"))
        return VideoService(store, self._video_files, examine, self.clock)

    @cached_property
    def _activity_store(self) -> "ActivityStore":
        from chalicelib.activities.store import ActivityStore

        return ActivityStore(self.settings.require("activities_table"))

    @cached_property
    def activities(self) -> "ActivityService":
        from chalicelib.activities.service import ActivityService

        return ActivityService(self._activity_store, self.videos, self.cursors, self.clock)

    @cached_property
    def activity_lifecycle(self) -> "ActivityLifecycle":
        from chalicelib.activities.service import ActivityLifecycle

        return ActivityLifecycle(self._activity_store, self.clock)
