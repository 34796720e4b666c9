"""How a request to somebody else's address went."""

from datetime import timedelta

from chalicelib.foundation.values import dataclass


@dataclass(frozen=True)
class DeliveryResult:
    """How one try went: the receiver's status if it answered, else the code of what went wrong."""

    status: int | None
    error: str | None
    milliseconds: int
    retry_after: timedelta | None = None

    @property
    def delivered(self) -> bool:
        return self.error is None
