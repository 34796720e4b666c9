"""Counts agents' calls in the table of attempts, whose items go by themselves."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.agents.model import RateWindow
from chalicelib.foundation.table import Model, Store


class CallItem(Model):
    class Meta:
        table_name = "attempts"

    counter = UnicodeAttribute(hash_key=True)
    attempts = NumberAttribute()
    expires_at = NumberAttribute()


class CallCounter(Store):
    MODELS = (CallItem,)

    def count_call(self, rate_windows: tuple[RateWindow, ...]) -> RateWindow | None:
        """Count one call in each window, a call each; return the first that is full, if one is.

        A call counted in a window before a full one stays counted: the calls are few, and who
        meets the limit of the day has none left anyhow.
        """
        return next((each for each in rate_windows if not self._count(each)), None)

    def _count(self, window: RateWindow) -> bool:
        return self._database.update(
            CallItem(window.key),
            [
                CallItem.attempts.add(1),
                CallItem.expires_at.set(int(window.ends_at.timestamp())),
            ],
            CallItem.attempts.does_not_exist() | (CallItem.attempts < window.most),
        )
