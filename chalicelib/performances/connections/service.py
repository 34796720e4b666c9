"""Use cases of connecting and disconnecting TikTok: what follows for what a member sends."""

from datetime import datetime, timedelta

from chalicelib.foundation import actors
from chalicelib.foundation.actors import acting
from chalicelib.foundation.clock import Clock
from chalicelib.foundation.identity import Caller
from chalicelib.foundation.logging import logger
from chalicelib.foundation.problems import Problem, ProblemCode
from chalicelib.foundation.sweeps import IsLate, no_time_limit
from chalicelib.foundation.values import dataclass
from chalicelib.performances.model import BEFORE_STAGED, Performance, Reference, Waiting
from chalicelib.performances.queue import MessageNotQueued, StagingQueue
from chalicelib.performances.service import PerformanceService
from chalicelib.performances.store import PerformanceStore, WaitNotEnded
from chalicelib.programs.model import MemberStatus
from chalicelib.programs.service import ProgramService
from chalicelib.tiktok.consents.service import ConsentService
from chalicelib.tiktok.inbox.service import InboxPlaces
from chalicelib.tiktok.model import NotConnected, PendingSend
from chalicelib.tiktok.pending_sends.service import PendingSends
from chalicelib.tiktok.service import AccountService

PENDING_GRACE = timedelta(minutes=1)
"""A send that waited for its connection should long be made by then."""


@dataclass(frozen=True)
class ConnectionResult:
    """A connection just made, and what became of the send it was made for.

    `views` is whether its member lets views be read; None if they were not asked.
    """

    display_name: str
    performance: Performance | None
    problem: Problem | None
    activity_id: str | None = None
    views: bool | None = None


class ConnectionService:
    def __init__(
        self,
        *,
        store: PerformanceStore,
        queue: StagingQueue,
        performances: PerformanceService,
        programs: ProgramService,
        accounts: AccountService,
        consents: ConsentService,
        places: InboxPlaces,
        pending_sends: PendingSends,
        clock: Clock,
    ) -> None:
        self._store = store
        self._queue = queue
        self._performances = performances
        self._programs = programs
        self._accounts = accounts
        self._consents = consents
        self._places = places
        self._pending_sends = pending_sends
        self._clock = clock

    def connect(
        self, state: str, nonce: str, code: str | None, error: str | None
    ) -> ConnectionResult:
        """Finish a consent; if it was asked for by a send, make that send."""
        connection = self._consents.finish_consent(state, nonce, code, error)
        account, pending = connection.account, connection.pending
        self._bring_forward(account.program_id, account.member_id, Waiting.ACCOUNT)
        views = account.views_since is not None if connection.views else None
        if pending is None:
            return ConnectionResult(account.display_name, None, None, views=views)
        performance, problem = self._send_pending(pending)
        return ConnectionResult(
            account.display_name, performance, problem, pending.activity_id, views
        )

    def disconnect(self, caller: Caller) -> None:
        """Disconnect the caller's TikTok account; what was not sent yet fails, and says so."""
        self._accounts.disconnect_account(caller.program_id, caller.member_id)
        self._bring_forward(caller.program_id, caller.member_id)

    def release_removed_member(self, program_id: str, member_id: str) -> None:
        """Let go of a member who was removed: TikTok revoked, queued sends settled.

        Somebody who came back meanwhile keeps what they connected since.
        """
        if self._accounts.release_removed_member(program_id, member_id):
            self._bring_forward(program_id, member_id)

    def _bring_forward(
        self, program_id: str, member_id: str, waits_for: Waiting | None = None
    ) -> None:
        """Have what a member has under way looked at now; with `waits_for`, only what waits so.

        Should it not be queued, or be missing here, its time to be looked at comes all the same.
        """
        taken = self._places.list_taken_places(program_id, member_id)
        under_way = {place.performance_id for place in taken}
        told, now = logger.get_correlation_id() or "", self._clock.now()
        references = [Reference(program_id, member_id, each, told) for each in sorted(under_way)]
        try:
            found = [
                each
                for each in references
                if self._store.bring_forward(each, now, BEFORE_STAGED, waits_for)
            ]
            self._queue.send(found)
        except (WaitNotEnded, MessageNotQueued):
            # The account is connected, or gone, all the same: that is what is to be answered.
            logger.exception("not queued: the clock does it")

    def _send_pending(self, pending: PendingSend) -> tuple[Performance | None, Problem | None]:
        member = self._programs.member(pending.program_id, pending.member_id)
        performance, problem = None, None
        if member is not None and member.status is MemberStatus.ACTIVE:
            try:
                with acting(actors.member(pending.member_id)):
                    performance = self._performances.perform_connected(
                        self._programs.as_caller(member),
                        pending.activity_id,
                        pending.correlation_id,
                        None,
                        pending.disclosed,
                    )
            except Problem as refused:
                if refused.code is ProblemCode.CHANGED_MEANWHILE:
                    raise  # it waits, and the clock makes it
                problem = refused
            except NotConnected:
                logger.info("account gone before the send that waited for it")
        self._pending_sends.forget_send(pending)
        return performance, problem

    def send_pending(self, is_late: IsLate = no_time_limit) -> int:
        """Make the sends whose connection was made but which were not, for whatever reason.

        One that breaks is put off, ever longer. Tells how many there were.
        """
        now = self._clock.now()
        met = 0
        for pending in self._pending_sends.sends_due(now - PENDING_GRACE):
            if is_late():
                break
            met += 1
            logger.set_correlation_id(pending.correlation_id)
            try:
                whole = self._pending_sends.with_disclosure(pending)
                if whole is not None:
                    self._send_pending(whole)
            except Exception:  # noqa: BLE001  it comes again; those behind it have their turn
                logger.exception("waiting send broke", extra={"activity_id": pending.activity_id})
                self._postpone(pending, now)
        return met

    def _postpone(self, pending: PendingSend, now: datetime) -> None:
        try:
            self._pending_sends.postpone_send(pending, now)
        except Exception:  # noqa: BLE001  it comes again all the sooner
            logger.exception("not put off")
