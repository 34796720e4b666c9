"""Problem codes of rewards and redemptions."""

from chalicelib.foundation.problems import Code


class RewardProblem(Code):
    REWARD_NOT_ON_OFFER = (409, "The reward is not on offer")
    REWARD_SOLD_OUT = (409, "The reward is sold out")
    REWARD_LIMIT_REACHED = (409, "You have as many as one member can have")
    REWARD_CHANGED = (409, "The reward has another price now")
    REDEMPTION_DECIDED = (409, "The request has been decided")


FIELD_ERROR_CODES = frozenset(
    {
        *("below_taken", "picture_not_received"),
        *("too_large", "too_small", "too_many_pixels"),
        *("unsupported_picture", "damaged_picture", "animated_picture"),
    }
)
"""Codes of errors of single fields: of the stock, and of a picture."""
