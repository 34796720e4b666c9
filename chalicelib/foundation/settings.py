"""The settings of a function: read once, when first needed, and complete or refused."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields


class SettingMissing(Exception):
    """A setting that this function uses is not in its environment: a fault of the deployment."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The setting {name.upper()} is missing from this function's environment.")


@dataclass(frozen=True)
class Settings:
    """Names and addresses of what the stack made; each function is given only those it uses.

    A value is looked at when it is used: `require` raises `SettingMissing` for one not given.
    """

    build: str = "unknown"
    programs_table: str = ""
    uploads_table: str = ""
    activities_table: str = ""
    idempotency_table: str = ""
    incoming_bucket: str = ""
    videos_bucket: str = ""
    ffprobe: str = ""
    cursor_secret_id: str = ""
    user_pool_id: str = ""
    token_issuer: str = ""
    token_audience: str = ""
    key_set_url: str = ""
    marks_table: str = ""
    points_table: str = ""
    boards_table: str = ""
    performances_table: str = ""
    accounts_table: str = ""
    staging_queue_url: str = ""
    arrivals_queue_url: str = ""
    tokens_key_id: str = ""
    public_url: str = ""
    tiktok_api_url: str = ""
    tiktok_authorize_url: str = ""
    tiktok_upload_hosts: str = ""
    tiktok_client_key: str = ""
    tiktok_secret_id: str = ""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        given = {field.name: environment.get(field.name.upper(), "") for field in fields(cls)}
        return cls(**{name: value for name, value in given.items() if value})

    def require(self, name: str) -> str:
        value: str = getattr(self, name)
        if not value:
            raise SettingMissing(name)
        return value
