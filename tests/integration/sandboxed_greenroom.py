"""A Greenroom with the TikTok sandbox, and staging workers that can be killed."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.audit.model import EntryFilter, Kind
from chalicelib.performances.model import POST_WATCH_DURATION, Performance, State
from chalicelib.performances.staging import Stager
from chalicelib.performances.staging_run import StagingDependencies
from chalicelib.performances.store import PerformanceStore
from chalicelib.points.model import Totals
from chalicelib.tiktok.client import (
    ShareStatus,
    TikTokClient,
    TikTokSettings,
    TimeLimits,
    UploadReceipt,
    UploadSession,
)
from tests.integration.greenroom import VIDEO, Greenroom, reference_of
from tests.integration.sandbox import CLIENT_KEY, CLIENT_SECRET, REDIRECT_URI, Sandbox

LIMITS = TimeLimits(connect_seconds=2, answer_seconds=2, upload_answer_seconds=2)


class WorkerKilled(BaseException):
    """The function was killed: nothing runs after this, not even cleanup."""


class HookedTikTokClient(TikTokClient):
    """The real client with hooks that run once, right before or after a call."""

    def __init__(self, url: str) -> None:
        settings = TikTokSettings(
            api_url=url,
            authorize_url=f"{url}/v2/auth/authorize/",
            client_key=CLIENT_KEY,
            redirect_uri=REDIRECT_URI,
            upload_hosts=("127.0.0.1",),
        )
        super().__init__(settings, lambda: CLIENT_SECRET, LIMITS)
        self.made: list[str] = []
        self.before: dict[str, Callable[[], object]] = {}
        self.after: dict[str, Callable[[], object]] = {}

    def begin_upload(self, access_token: str, size_bytes: int) -> UploadSession:
        self._run_hook("begin_upload", self.before)
        draft = super().begin_upload(access_token, size_bytes)
        self.after.pop("begin_upload", _nothing)()
        return draft

    def send(self, *arguments: Any, **options: Any) -> UploadReceipt:
        self._run_hook("send", self.before)
        sent = super().send(*arguments, **options)
        self.after.pop("send", _nothing)()
        return sent

    def status(self, access_token: str, publish_id: str) -> ShareStatus:
        self._run_hook("status", self.before)
        return super().status(access_token, publish_id)

    def _run_hook(self, name: str, steps: dict[str, Callable[[], object]]) -> None:
        self.made.append(name)
        steps.pop(name, _nothing)()


def _nothing() -> None:
    """Do nothing."""


def dies() -> None:
    raise WorkerKilled


class Override:
    """Wraps an object and overrides some of its methods."""

    def __init__(self, of: object, **methods: Callable[..., Any]) -> None:
        assert all(callable(getattr(of, name)) for name in methods)
        self._of = of
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        return self._methods.get(name) or getattr(self._of, name)


def keeping_lease(store: PerformanceStore, **methods: Callable[..., Any]) -> Any:
    """Return a store that does not release leases, as if its worker was killed."""
    return Override(store, release_lease=lambda *_: None, **methods)


class SandboxedGreenroom:
    """A Greenroom with the TikTok sandbox; its manager is connected as `ana` there."""

    def __init__(self, greenroom: Greenroom, sandbox: Sandbox, tiktok: HookedTikTokClient) -> None:
        self.greenroom, self.sandbox, self.tiktok = greenroom, sandbox, tiktok
        self.clock = greenroom.clock
        self.ana = greenroom.manager
        begun = greenroom.asks(self.ana)
        came_back = sandbox.consent("ana", url=begun.authorize_url)
        greenroom.complete_consent(begun, "ana", code=came_back["code"])
        self.stager = self.worker()

    def worker(self, **others: Any) -> Stager:
        """Create a cold worker with `others` in place of some of its dependencies."""
        return Stager(replace(self.dependencies(), **others))

    def dependencies(self) -> StagingDependencies:
        """Create the dependencies of a cold worker, with minimal waits."""
        container = self.greenroom.cold_container()
        container.staging_queue = self.greenroom.queue
        return replace(
            container.staging_dependencies,
            sleep=lambda _seconds: time.sleep(0.06),
            jitter=lambda: 0.0,
        )

    def performed(self, **changes: Any) -> Performance:
        return self.greenroom.perform(self.ana, self.greenroom.activity(**changes))

    def stage(self, performance: Performance) -> Performance:
        self.stager.stage(reference_of(performance))
        return self.now(performance)

    def crash(self, performance: Performance) -> Performance:
        """Stage with a worker that is killed and so keeps its lease."""
        dying = self.worker(store=keeping_lease(self.dependencies().store))
        with pytest.raises(WorkerKilled):
            dying.stage(reference_of(performance))
        return self.now(performance)

    def stage_when_due(self, performance: Performance) -> Performance:
        """Advance the clock to the time that a performance waits for, and stage it."""
        due = self.now(performance).waits_until
        if due is not None and due > self.clock.now():
            self.advance(due - self.clock.now())
        return self.stage(performance)

    def now(self, performance: Performance) -> Performance:
        return self.greenroom.stored(performance)

    def advance(self, step: timedelta) -> None:
        """Advance the clock, here and at TikTok."""
        self.clock.advance(step)
        self.sandbox.advance(step.total_seconds())

    @property
    def drafts(self) -> int:
        return len(self.sandbox.record()["people"]["ana"]["inits"])

    @property
    def uploads(self) -> int:
        uploads: int = self.sandbox.record()["people"]["ana"]["completed_uploads"]
        return uploads

    def share(self, performance: Performance) -> dict[str, Any]:
        assert performance.publish_id is not None
        share: dict[str, Any] = self.sandbox.record()["shares"][performance.publish_id]
        return share

    def check_arrived_once(self, performance: Performance, points: int = 10) -> bool:
        """Assert that the video arrived in exactly one upload and the award is kept."""
        there = self.share(performance)
        assert self.uploads == there["completed_uploads"] == 1
        assert there["sha256"] == hashlib.sha256(VIDEO).hexdigest()
        assert self.greenroom.ledger(self.ana) == [("award", points)]
        assert self.greenroom.totals(self.ana) == Totals(points, points)
        assert self.greenroom.feed(self.ana) == []
        assert not self.rules_broken
        return True

    def check_failed(self, performance: Performance) -> bool:
        """Assert that the points were reversed once and the feed shows the activity again."""
        assert (performance.state, performance.failed_at) == (State.FAILED, self.clock.now())
        assert performance.reason
        assert self.greenroom.ledger(self.ana) == [("award", 10), ("reversal", -10)]
        assert self.greenroom.totals(self.ana) == Totals(0, 0)
        assert self.greenroom.feed(self.ana) == [performance.activity_id]
        self.greenroom.take_queued()
        self.clock.advance(POST_WATCH_DURATION)
        assert self.greenroom.container.overdue_performances.requeue_overdue() == 0
        assert self.stage(performance) == performance
        assert self.greenroom.ledger(self.ana) == [("award", 10), ("reversal", -10)]
        *_, reversal = self.greenroom.container.point_store.entries(self.ana.owner)
        assert (reversal.failure, reversal.reason) == (performance.failure, performance.reason)
        taken_back = EntryFilter(kind=Kind.POINTS_TAKEN_BACK)
        trail = self.greenroom.container.audit.entries(self.greenroom.manager, taken_back, 9, None)
        (entry,) = trail.items
        assert (entry.thing, entry.after["points"]) == (self.ana.member_id, -10)
        assert entry.after["performance"] == performance.performance_id
        return True

    @property
    def rules_broken(self) -> list[str]:
        """The avoidable violations of TikTok's rules."""
        found = self.sandbox.record()["violations"]
        return [rule["rule"] for rule in found if rule["avoidable"]]
