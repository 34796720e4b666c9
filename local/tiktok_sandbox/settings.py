"""The app as registered at TikTok, and the choices where TikTok's documents leave room."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from local.tiktok_sandbox.rules import check_registered_url

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS


class App(BaseModel):
    """One registered app. Seconds everywhere; the defaults are TikTok's, as far as it says them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_key: str = ""
    client_secret: str = Field(default="", repr=False)
    redirect_uris: tuple[str, ...] = ()
    webhook_url: str | None = None
    # All that TikTok documents for Login Kit, Content Posting and Display; an app asks for less.
    scopes: tuple[str, ...] = (
        "user.info.basic",
        "user.info.profile",
        "user.info.stats",
        "video.list",
        "video.upload",
        "video.publish",
    )
    # Is the app registered for desktop or mobile, where each consent needs a code_challenge?
    pkce_required: bool = False

    access_token_seconds: float = Field(default=2 * HOUR_SECONDS, gt=0)
    refresh_token_seconds: float = Field(default=180 * DAY_SECONDS, gt=0)
    code_seconds: float = Field(default=300, gt=0)
    # From the last byte until the video waits in the inbox.
    processing_seconds: float = Field(default=0.3, ge=0)

    # Webhooks wait, as long as nobody knows where the app is.
    hold_webhooks: bool = False

    # Does an init whose bytes never came use up one of the five slots? Unknown, so: yes.
    empty_inits_count: bool = True
    # Does a torn connection leave its bytes behind, or nothing of that chunk? Here: nothing.
    keep_torn_bytes: bool = False
    # Is the end of an answer's Content-Range a count of bytes or the index of the last one?
    content_range_end: Literal["count", "index"] = "count"
    # Is a repeated webhook signed with a fresh time?
    resign_retries: bool = True
    # Do webhooks carry the moved clock? The receiver's own clock was not moved, so: no.
    webhooks_use_moved_clock: bool = False

    @field_validator("redirect_uris")
    @classmethod
    def _redirect_uris_are_plain(cls, uris: tuple[str, ...]) -> tuple[str, ...]:
        for uri in uris:
            check_registered_url(uri, what="redirect_uri")
        return uris

    @field_validator("webhook_url")
    @classmethod
    def _webhook_url_is_absolute(cls, url: str | None) -> str | None:
        if url is not None:
            check_registered_url(url, what="webhook_url", plain=False)
        return url
