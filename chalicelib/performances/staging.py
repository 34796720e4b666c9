"""Staging: brings a performance into the member's TikTok inbox, once, whatever fails on the way.

A worker takes a performance under a lease and runs it as far as it goes (`staging_run`). Whoever
runs it twice, late, or after a crash finds the same answer.
"""

import secrets

from chalicelib.foundation.logging import logger
from chalicelib.foundation.table import Conflict
from chalicelib.performances.model import LEASE_DURATION, Performance, Reference
from chalicelib.performances.staging_run import StagingDependencies, StagingRun


class Stager:
    def __init__(self, use: StagingDependencies) -> None:
        self._dependencies = use

    def stage(self, reference: Reference) -> None:
        """Move a performance on as far as possible now. Raises on failure: try again.

        Before the time that it waits for there is nothing to do, however often a message comes;
        nor while another worker has it: that one brings it on, and should it die, the performance
        is overdue soon and comes again.
        """
        lease, now = secrets.token_hex(8), self._dependencies.clock.now()
        performance = self._dependencies.store.lease(reference, lease, now, now + LEASE_DURATION)
        if performance is None:
            logger.info("not due, or another worker has it, or it is gone")
            return
        logger.append_keys(program_id=reference.program_id, performance_id=reference.performance_id)
        run = StagingRun(self._dependencies, performance, lease)
        try:
            run.advance()
        except Conflict:
            # A webhook was faster; what it wrote is what holds.
            logger.info("performance changed meanwhile")
        finally:
            self._release_lease(performance, lease)

    def _release_lease(self, leased: Performance, lease: str) -> None:
        """End a run; should it have been brought forward meanwhile, it is looked at again."""
        left = self._dependencies.store.release_lease(leased.reference, lease)
        if left is not None and left.brought_forward_at != leased.brought_forward_at:
            self._dependencies.queue.send([left.reference])
