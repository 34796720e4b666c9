"""Problem codes of TikTok accounts, consents and webhooks."""

from chalicelib.foundation.problems import Code


class TikTokProblem(Code):
    TIKTOK_STATE_INVALID = (400, "This consent is not in progress")
    TIKTOK_CODE_REFUSED = (400, "TikTok did not confirm the consent")
    TIKTOK_CONSENT_DENIED = (403, "The consent was not given")
    TIKTOK_SCOPE_MISSING = (403, "A permission is missing")
    TIKTOK_ACCOUNT_TAKEN = (409, "This TikTok account cannot be added")
    TIKTOK_ACCOUNT_REQUIRED = (409, "Add your TikTok account first")
    TIKTOK_VIEWS_OFF = (409, "Views are not read here")
    TIKTOK_INBOX_FULL = (409, "Your TikTok inbox is full")
    SIGNATURE_REFUSED = (401, "The signature is not valid")
    MALFORMED_EVENT = (400, "The event cannot be read")
