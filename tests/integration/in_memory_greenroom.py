"""A Greenroom on in-memory tables, cheap enough to create many, and a scripted TikTok.

Nothing is delivered by itself: the test decides when, in which order and how often the records of
the tables' streams are delivered.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from types import ModuleType
from typing import Any
from unittest.mock import patch

from chalicelib.performances.staging import Stager
from chalicelib.points import worker
from chalicelib.programs.events import events_of
from chalicelib.tiktok.client import Grant, ShareState, ShareStatus, UploadReceipt, UploadSession
from chalicelib.tiktok.errors import AccessTokenRefused, Cause, TikTokRefused, TryLater
from tests.clock import StoppedClock
from tests.events import Relayed, streamed
from tests.faults.cloud import Cloud
from tests.faults.expressions import Item
from tests.integration.conftest import SETTINGS
from tests.integration.greenroom import (
    CORRELATION,
    SECRETS,
    VIDEO,
    FakeTikTok,
    Greenroom,
)
from tests.integration.upload_services import GOOD

YEARS = 10 * 365 * 24 * 3600
BEHAVIOURS = ("takes it", "refuses", "refuses the bytes", "is busy", "thinks", "posts")
"""How TikTok may treat a draft."""


class ScriptedTikTok(FakeTikTok):
    """Treats each draft according to `behaviour`; no consent lapses by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.behaviour = "takes it"
        self._drafts = count(1)

    def grant(self, person: str) -> Grant:
        return replace(super().grant(person), refresh_expires_in=YEARS)

    def begin_upload(self, access_token: str, size_bytes: int) -> UploadSession:
        if access_token not in {pair[0] for pair in self.token_pairs.values()} or size_bytes != len(
            VIDEO
        ):
            raise AccessTokenRefused("access_token_invalid")
        if self.behaviour == "is busy":
            raise TryLater("rate_limit_exceeded")
        if self.behaviour == "refuses":
            raise TikTokRefused("spam_risk", cause=Cause.SPAM_RISK)
        return UploadSession(
            f"v_inbox_file~{next(self._drafts)}", "https://upload.tiktok.example/1"
        )

    def send(self, *_: Any, **__: Any) -> UploadReceipt:
        return UploadReceipt(len(VIDEO), len(VIDEO))

    def status(self, *_: str) -> ShareStatus:
        match self.behaviour:
            case "takes it":
                return ShareStatus(ShareState.IN_INBOX)
            case "posts":
                return ShareStatus(ShareState.POSTED)
            case "refuses" | "refuses the bytes":
                failed = TikTokRefused("file_format_check_failed", cause=Cause.VIDEO_FORMAT)
                return ShareStatus(ShareState.FAILED, failed)
            case _:
                return ShareStatus(ShareState.PROCESSING_DOWNLOAD)


class InMemoryGreenroom(Greenroom):
    """A Greenroom whose in-memory cloud answers this process's AWS clients until it is closed."""

    def __init__(self, clock: StoppedClock, tiktok: FakeTikTok) -> None:
        self.cloud = Cloud(clock, SECRETS)
        self.cloud.tables.changed = self._changed
        self._entries: dict[str, Item] = {}
        self._uncounted: dict[str, Item] = {}
        self._people: list[tuple[Item, Item]] = []
        self._installed = ExitStack()
        self._installed.enter_context(self.cloud.installed())
        super().__init__(SETTINGS, clock, tiktok)
        use = self.container.staging_dependencies
        self.container.stager = Stager(replace(use, sleep=_no_sleep))

    def close(self) -> None:
        self._installed.close()

    def replace(self, module: ModuleType, name: str, value: object) -> None:
        """Replace an attribute of a module until this is closed."""
        self._installed.enter_context(patch.object(module, name, value))

    def create_infrastructure(self) -> tuple[str, str]:
        return "http://127.0.0.1/staging", "tokens"

    def valid_upload(self) -> str:
        """Create a valid upload with its video; return its id."""
        upload = self.container.videos.ask_for_upload(
            self.manager, "video/webm", CORRELATION
        ).upload
        key = upload.video_key_for(f"etag-of-{upload.upload_id}")
        self.cloud.objects[key] = VIDEO
        facts = replace(GOOD, size_bytes=len(VIDEO))
        assert self.container.upload_store.decide(upload, facts, (), key, self.clock.now())
        return upload.upload_id

    # --- streams ------------------------------------------------------------------------------

    def _changed(self, table: str, before: Item | None, after: Item | None) -> None:
        item = after or before or {}
        if table == self.settings.programs_table:
            self._people.append((before or {}, after or {}))
        elif table == self.settings.points_table and item["item"]["S"].startswith("entry#"):
            assert before is None
            name = item["owner"]["S"] + item["item"]["S"]
            self._entries[name] = self._uncounted[name] = item

    def images(self) -> list[dict[str, Any]]:
        return [dict(each) for each in self._entries.values()]

    def count_entries(self, images: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Deliver these ledger entries, by default those not delivered yet."""
        told = list(self._uncounted.values()) if images is None else images
        for each in told:
            self._uncounted.pop(each["owner"]["S"] + each["item"]["S"], None)
        if told:
            super().count_entries(told)

    def notices(self) -> None:
        """Deliver the pending changes of people and settings."""
        told, self._people = self._people, []
        after, before = [each[1] for each in told], [each[0] for each in told]
        if told:
            relayed = Relayed(events_of)
            relayed.relay(streamed(after, before)["Records"])
            batch = relayed.delivered(*worker.SHOWN_ON_LEADERBOARDS)
            if batch["Records"]:  # Lambda is not invoked with an empty batch
                answer = worker.mark_changed_leaderboards(self.container.leaderboard_marks, batch)
                assert answer == {"batchItemFailures": []}


def _no_sleep(_seconds: float) -> None:
    """Return at once."""
