"""Problem codes of exports and erasures."""

from chalicelib.foundation.problems import Code


class PrivacyProblem(Code):
    ERASURE_BEGUN = (409, "This person's data is being erased")
