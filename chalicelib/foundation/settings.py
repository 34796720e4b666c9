"""The settings of a function: typed, and complete and well-formed at its start, or refused.

A function's environment holds the settings that `infra/functions.yaml` gives it. All that are given
are read at once, and its services ask for theirs when they are made, which is at its start
(`foundation.functions`): so a setting that is missing or malformed stops the function and names
itself, before anybody's request is half done.
"""

import os
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Self, overload
from urllib.parse import urlsplit

from chalicelib.foundation.quotas import Quotas


class SettingMissing(Exception):
    """A setting that this function uses is not in its environment: a fault of the deployment."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The setting {name.upper()} is missing from this function's environment.")


class NotSetUp(SettingMissing):
    """A setting that the owner gives after the first deployment is not there yet."""


class SettingsMalformed(Exception):
    """Values in this function's environment are not what their settings hold."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        told = "; ".join(f"{name.upper()} {reason}" for name, reason in reasons.items())
        super().__init__(f"Settings of this function are malformed: {told}.")


def text(value: str) -> str:
    """Read a name or an id. Raises `ValueError`, as every reader here does."""
    if value != value.strip():
        raise ValueError("has blanks at its ends")
    return value


def address(value: str) -> str:
    """Read an http(s) address, to which paths are added."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is no http(s) address")
    if parts.query or parts.fragment:
        raise ValueError("has a query or a fragment")
    return value


def hosts(value: str) -> tuple[str, ...]:
    """Read hosts, separated by commas: with a leading dot all below one, or with a port."""
    found = tuple(each.strip() for each in value.split(","))
    if any(not each.strip(".") or set(each) & set("/@ *") for each in found):
        raise ValueError("is no list of host names")
    return found


type Network = IPv4Network | IPv6Network


def networks(value: str) -> tuple[Network, ...]:
    """Read networks, such as 127.0.0.0/8, separated by commas."""
    return tuple(ip_network(each.strip()) for each in value.split(","))


def pkce(value: str) -> bool:
    """Read whether consents carry a PKCE challenge."""
    if value not in {"off", "S256"}:
        raise ValueError("is neither off nor S256")
    return value == "S256"


def flag(value: str) -> bool:
    """Read whether something is so."""
    if value not in {"true", "false"}:
        raise ValueError("is neither true nor false")
    return value == "true"


def whole(value: str) -> int:
    """Read a number of things, one at least."""
    if not value.isascii() or not value.isdigit() or not int(value):
        raise ValueError("is no whole number above 0")
    return int(value)


_NO_DEFAULT: Any = object()


class Setting[T]:
    """One setting: its name in capitals is its variable's; one without a default is required.

    `later`: the owner gives it after the first deployment, so functions start without it.
    """

    def __init__(
        self, reads: Callable[[str], T], default: T = _NO_DEFAULT, *, later: bool = False
    ) -> None:
        self.reads = reads
        self.default = default
        self.later = later

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, settings: None, owner: type) -> Self: ...
    @overload
    def __get__(self, settings: "Settings", owner: type) -> T: ...
    def __get__(self, settings: "Settings | None", owner: type) -> "Self | T":
        if settings is None:
            return self
        value: T = settings.given.get(self.name, self.default)
        if value is _NO_DEFAULT:
            raise NotSetUp(self.name) if self.later else SettingMissing(self.name)
        return value


class Settings:
    """Names and addresses of what the stack made; each function is given only those it uses.

    Asking for one that is required and not given raises `SettingMissing`.
    """

    function = Setting(text, "")
    """The function's name in app.py, which says what it gets ready at its start."""
    build = Setting(text, "unknown")
    stack = Setting(text, "")
    programs_table = Setting(text)
    uploads_table = Setting(text)
    activities_table = Setting(text)
    idempotency_table = Setting(text)
    marks_table = Setting(text)
    points_table = Setting(text)
    boards_table = Setting(text)
    rewards_table = Setting(text)
    performances_table = Setting(text)
    reports_table = Setting(text)
    notices_table = Setting(text)
    accounts_table = Setting(text)
    attempts_table = Setting(text)
    audit_table = Setting(text)
    origins_table = Setting(text)
    incoming_bucket = Setting(text)
    videos_bucket = Setting(text)
    exports_bucket = Setting(text)
    ffprobe = Setting(text)
    cursor_secret_id = Setting(text)
    user_pool_id = Setting(text, "")
    user_pool_client_id = Setting(text, "")
    managers_need_mfa = Setting(flag, default=False)
    origin_key = Setting(text, "")
    token_issuer = Setting(address)
    token_audience = Setting(text)
    key_set_url = Setting(address)
    privacy_table = Setting(text)
    personal_exports_queue_url = Setting(address)
    staging_queue_url = Setting(address)
    digests_queue_url = Setting(address)
    notices_from = Setting(text, "")
    mail_configuration_set = Setting(text, "")
    arrivals_queue_url = Setting(address)
    event_bus = Setting(text)
    tokens_key_id = Setting(text)
    public_url = Setting(address, later=True)
    console_url = Setting(text, "")
    tiktok_api_url = Setting(address)
    tiktok_authorize_url = Setting(address)
    tiktok_upload_hosts = Setting(hosts)
    tiktok_client_key = Setting(text)
    tiktok_secret_id = Setting(text)
    tiktok_pkce = Setting(pkce, default=False)
    tiktok_views = Setting(flag, default=False)
    webhooks_table = Setting(text)
    webhooks_queue_url = Setting(address)
    slow_webhooks_queue_url = Setting(address)
    webhook_test_networks = Setting[tuple[Network, ...]](networks, default=())
    own_hosts = Setting[tuple[str, ...]](hosts, default=())
    quota_uploads_waiting = Setting(whole, default=Quotas.uploads_waiting)
    quota_video_gigabytes = Setting(whole, default=Quotas.video_gigabytes)
    quota_members = Setting(whole, default=Quotas.members)
    quota_activities_open = Setting(whole, default=Quotas.activities_open)
    quota_invitations_a_day = Setting(whole, default=Quotas.invitations_a_day)
    unused_video_days = Setting(whole, default=Quotas.unused_video_days)
    audit_days = Setting(whole, default=730)

    def __init__(self, **given: Any) -> None:
        """Take values of the settings' own types. Raises `TypeError` for an unknown name."""
        if unknown := given.keys() - self.all():
            raise TypeError(f"There are no settings {sorted(unknown)}.")
        self.given: Mapping[str, Any] = given

    @classmethod
    def all(cls) -> Mapping[str, Setting[Any]]:
        return {name: each for name, each in vars(cls).items() if isinstance(each, Setting)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read all that are given. Raises `SettingsMalformed`, which names each that cannot be."""
        read: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, setting in cls.all().items():
            value = environment.get(name.upper())
            if not value:  # an empty variable is how a template gives none
                continue
            try:
                read[name] = setting.reads(value)
            except ValueError as error:
                wrong[name] = str(error)
        if wrong:
            raise SettingsMalformed(wrong)
        return cls(**read)

    def changed(self, **changes: Any) -> "Settings":
        """Return these settings with others in place of some; None takes one away."""
        given = {**self.given, **changes}
        return Settings(**{name: value for name, value in given.items() if value is not None})

    def table(self, name: str) -> str:
        """Return the name in DynamoDB of a table, by its name in models. Raises as settings do."""
        found: str = getattr(self, f"{name}_table")
        return found
