"""The table of attempts: a number for each subject and window, which goes by itself."""

from collections.abc import Sequence

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.foundation.table import Model, Store
from chalicelib.sessions.model import AttemptCounter


class AttemptItem(Model):
    class Meta:
        table_name = "attempts"

    counter = UnicodeAttribute(hash_key=True)
    attempts = NumberAttribute()
    expires_at = NumberAttribute()


class AttemptStore(Store):
    """Counts attempts before they are made, so that no number of them at once gets past a limit.

    One conditional update for each counter. At its limit a counter is not written any more.
    """

    MODELS = (AttemptItem,)

    def count_attempt(self, counters: Sequence[AttemptCounter]) -> AttemptCounter | None:
        """Count one attempt on all counters, or on none: return the first that is at its limit."""
        for number, counter in enumerate(counters):
            if not self._count(counter):
                self.uncount(counters[:number])
                return counter
        return None

    def uncount(self, counters: Sequence[AttemptCounter]) -> None:
        """Uncount an attempt that was no failure."""
        for counter in counters:
            taken = AttemptItem.attempts > 0
            self._database.update(AttemptItem(counter.key), [AttemptItem.attempts.add(-1)], taken)

    def _count(self, counter: AttemptCounter) -> bool:
        return self._database.update(
            AttemptItem(counter.key),
            [
                AttemptItem.attempts.add(1),
                AttemptItem.expires_at.set(int(counter.ends_at.timestamp())),
            ],
            AttemptItem.attempts.does_not_exist() | (AttemptItem.attempts < counter.most),
        )
