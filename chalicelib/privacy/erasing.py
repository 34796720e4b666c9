"""Erases people in rounds: each asks every store of personal data, until none has anything left.

Nothing is noted between the stores. A round that dies anywhere is begun anew by the clock.
"""

from collections.abc import Callable, Sequence

from chalicelib.foundation.clock import Clock
from chalicelib.foundation.logging import logger
from chalicelib.foundation.personal import PersonalDataStore
from chalicelib.foundation.sweeps import IsLate, no_time_limit
from chalicelib.privacy.model import WRITES_SETTLE_TIME, Erasure, next_wait
from chalicelib.privacy.store import PersonalFiles, PrivacyStore


class ErasureOverdue(Exception):
    """An erasure does not come to its end by itself: somebody has to find out why."""


class Eraser:
    def __init__(
        self,
        store: PrivacyStore,
        files: Callable[[], PersonalFiles],
        personal_data: Callable[[], Sequence[PersonalDataStore]],
        clock: Clock,
    ) -> None:
        """`files` and `personal_data` are called when an erasure is due: they hold all packages."""
        self._store = store
        self._files = files
        self._personal_data = personal_data
        self._clock = clock

    def erase_due(self, is_late: IsLate = no_time_limit) -> int:
        """Run a round of each erasure that is due; returns how many had one.

        One that breaks does not keep the others waiting; the first error comes in the end. Raises
        `ErasureOverdue` in each run while there is one, due or not: that the runs of the clock fail
        is what an owner is told of.
        """
        now = self._clock.now()
        broken: Exception | None = None
        overdue: list[str] = []
        met = 0
        for erasure in self._store.erasures(now):
            ended = False
            if erasure.is_due(now) and not is_late():
                met += 1
                try:
                    ended = self.erase(erasure)
                except Exception as error:  # noqa: BLE001  raised below, once the others had their turn
                    logger.exception(
                        "erasure broke", extra={"erased_member": erasure.person.member_id}
                    )
                    broken = broken or error
            if erasure.is_overdue(now) and not ended:
                overdue.append(erasure.person.member_id)
        if broken:
            raise broken
        if overdue:
            raise ErasureOverdue(", ".join(overdue))
        return met

    def erase(self, erasure: Erasure) -> bool:
        """Run one round of an erasure; returns whether it was the last one."""
        begun = self._clock.now()
        taken = self._store.take_round(erasure, begun)
        if taken is None:
            return False
        person = taken.person
        self._forget_export(taken)
        left = [
            type(store).__name__ for store in self._personal_data() if not store.erase(person)
        ]  # all of them, each round: what is erased stays so, and what came late goes too
        if left or not taken.may_end(begun):
            logger.info("erasure goes on", extra={"erased_member": person.member_id, "left": left})
            settled = max(taken.asked_at + WRITES_SETTLE_TIME, begun)
            until = begun + next_wait(taken.rounds) if left else settled
            self._store.schedule_next_round(taken, until)
            return False
        self._store.end(taken, self._clock.now())
        logger.info("erased", extra={"erased_member": person.member_id})
        return True

    def _forget_export(self, erasure: Erasure) -> None:
        """Remove both files, whatever is known of them: the note of an export may go before it."""
        person = erasure.person
        known = False
        for for_others in (False, True):
            self._files().remove(person.program_id, person.member_id, for_others=for_others)
            known |= bool(
                self._store.export(person.program_id, person.member_id, for_others=for_others)
            )
        if known:
            self._store.forget_export(person.program_id, person.member_id)
