"""Settings: typed, read by name, complete and well-formed when a function starts."""

from typing import Any

import pytest

from chalicelib.foundation.settings import (
    NotSetUp,
    SettingMissing,
    Settings,
    SettingsMalformed,
    address,
    flag,
    hosts,
    networks,
    pkce,
    whole,
)

EXAMPLES: dict[Any, str] = {
    address: "https://x.example/v1",
    hosts: ".x.example,127.0.0.1:4580",
    networks: "127.0.0.0/8",
    pkce: "S256",
    flag: "true",
    whole: "7",
}
VALUES = {
    name: EXAMPLES.get(setting.reads, f"the-{name}") for name, setting in Settings.all().items()
}


def test_every_setting_is_read_from_the_variable_of_its_name() -> None:
    settings = Settings.from_environment({name.upper(): value for name, value in VALUES.items()})
    for name, setting in Settings.all().items():
        assert getattr(settings, name) == setting.reads(VALUES[name])
    assert settings.tiktok_upload_hosts == (".x.example", "127.0.0.1:4580")
    assert settings.tiktok_pkce is True


@pytest.mark.parametrize("environment", [{}, {"UPLOADS_TABLE": ""}])
def test_a_missing_or_empty_setting_names_itself(environment: dict[str, str]) -> None:
    with pytest.raises(SettingMissing, match="UPLOADS_TABLE"):
        _ = Settings.from_environment(environment).uploads_table


def test_a_table_is_found_by_its_name_in_models() -> None:
    settings = Settings(uploads_table="Uploads")
    assert settings.table("uploads") == "Uploads"
    with pytest.raises(SettingMissing, match="MARKS_TABLE"):
        settings.table("marks")


def test_settings_the_owner_sets_later_differ_from_missing_ones() -> None:
    with pytest.raises(NotSetUp, match="PUBLIC_URL"):
        _ = Settings().public_url


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STAGING_QUEUE_URL", "staging"),
        ("STAGING_QUEUE_URL", "ftp://x.example"),
        ("KEY_SET_URL", "https://"),
        ("PUBLIC_URL", "https://x.example/v1?a=b"),
        ("PUBLIC_URL", "https://x.example/v1#a"),
        ("WEBHOOK_TEST_NETWORKS", "127.0.0.1/8"),
        ("WEBHOOK_TEST_NETWORKS", "localhost"),
        ("TIKTOK_UPLOAD_HOSTS", "https://x.example"),
        ("TIKTOK_UPLOAD_HOSTS", "x.example,,y.example"),
        ("TIKTOK_PKCE", "on"),
        ("EVENT_BUS", " bus"),
    ],
)
def test_a_malformed_setting_names_itself_at_once(name: str, value: str) -> None:
    with pytest.raises(SettingsMalformed, match=name):
        Settings.from_environment({name: value, "UPLOADS_TABLE": "uploads"})


def test_all_that_are_malformed_are_named_together() -> None:
    with pytest.raises(SettingsMalformed, match=r"PUBLIC_URL .*; TIKTOK_PKCE "):
        Settings.from_environment({"TIKTOK_PKCE": "on", "PUBLIC_URL": "here"})


def test_a_build_without_a_name_says_so() -> None:
    assert Settings.from_environment({}).build == "unknown"


def test_a_setting_that_does_not_exist_cannot_be_given() -> None:
    with pytest.raises(TypeError, match="upload_table"):
        Settings(upload_table="uploads")


def test_changed_settings_leave_the_others_and_the_original() -> None:
    settings = Settings(uploads_table="Uploads", public_url="https://x.example")
    other = settings.changed(uploads_table="Others", public_url=None)
    assert (other.uploads_table, settings.uploads_table) == ("Others", "Uploads")
    with pytest.raises(NotSetUp):
        _ = other.public_url
