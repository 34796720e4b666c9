"""Problem codes of activities, which performing them answers with too."""

from chalicelib.foundation.problems import Code


class ActivityProblem(Code):
    UPLOAD_NOT_VALID = (409, "The upload is not a valid video")
    UPLOAD_NOT_RECEIVED = (409, "The upload has no file yet")
    ALREADY_PERFORMED = (409, "You have already done this")
    ACTIVITY_NOT_STARTED = (409, "The activity has not started")
    ACTIVITY_ENDED = (409, "The activity has ended")
    ACTIVITY_REJECTED = (409, "The activity was rejected")
    ACTIVITY_PROCESSING = (409, "The activity's video is still being validated")
    DISCLOSURE_NOT_ACKNOWLEDGED = (409, "The disclosure was not acknowledged")
    ACTIVITY_PERFORMED = (409, "The activity has been performed")


FIELD_ERROR_CODES = frozenset(
    {
        *("invalid_time", "time_exists_twice", "time_does_not_exist", "too_far_ahead"),
        *("in_the_past", "before_start", "blank", "too_long", "invalid_hashtag"),
        *("unknown_campaign", "campaign_archived", "repeated", "same_file", "unknown_cut"),
    }
)
