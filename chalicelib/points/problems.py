"""Problem codes of points and leaderboards."""

from chalicelib.foundation.problems import Code


class PointProblem(Code):
    LEADERBOARD_OFF = (409, "The program has no leaderboard")
    BALANCE_TOO_LOW = (409, "Not enough points")


FIELD_ERROR_CODES = frozenset({"zero"})
