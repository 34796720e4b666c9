"""The caller's profile with their points and the number of their unread notices."""

from chalicelib.foundation.identity import Caller, ShownAs
from chalicelib.foundation.problems import not_found
from chalicelib.foundation.values import dataclass
from chalicelib.notifications.service import NotificationService
from chalicelib.points.model import Totals
from chalicelib.points.service import PointService
from chalicelib.programs.service import Profile, ProgramService


@dataclass(frozen=True)
class MeOverview:
    """A member with their points, and how many notices they have not seen."""

    profile: Profile
    points: Totals
    unread: int


class MeService:
    def __init__(
        self, programs: ProgramService, points: PointService, notifications: NotificationService
    ) -> None:
        self._programs = programs
        self._points = points
        self._notifications = notifications

    def overview(self, caller: Caller) -> MeOverview:
        """Return the caller's profile, points and number of unread notices: one call."""
        reads = [*self._programs.profile_reads(caller), self._points.read_of_totals(caller.owner)]
        notices, (member, program, totals) = self._notifications.overview_with_reads(caller, reads)
        if member is None or program is None:
            raise not_found("member")
        return MeOverview(Profile(member, program), totals or Totals(), notices.unread)

    def change_profile(
        self,
        caller: Caller,
        *,
        name: str | None = None,
        time_zone: str | None = None,
        shown_as: ShownAs | None = None,
        alias: str | None = None,
    ) -> MeOverview:
        """Change what the caller may change of their profile; None leaves what there is.

        Raises problems: `invalid_request` for an unknown zone, and for an alias that is missing or
        taken; `changed_meanwhile`.
        """
        self._programs.change_profile(
            caller, name=name, time_zone=time_zone, shown_as=shown_as, alias=alias
        )
        return self.overview(caller)
