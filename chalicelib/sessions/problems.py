"""Problem codes of signing in."""

from chalicelib.foundation.problems import Code


class SessionProblem(Code):
    PASSWORD_TOO_WEAK = (400, "The password is too weak")
    RESET_REFUSED = (400, "The password was not reset")
    CODE_REFUSED = (400, "The code was refused")
    SIGN_IN_REFUSED = (401, "The sign-in was refused")
    SESSION_ENDED = (401, "Your session has ended")
    SIGN_IN_ELSEWHERE = (409, "Sign in with your company")
    AUTHENTICATOR_SET_UP = (409, "You have an authenticator already")
    SIGN_IN_STEP_UNSUPPORTED = (409, "Your sign-in needs another step")
    TOO_MANY_ATTEMPTS = (429, "Too many attempts")


FIELD_ERROR_CODES = frozenset({"one_way", "too_short", "no_lowercase", "no_uppercase", "no_digit"})
