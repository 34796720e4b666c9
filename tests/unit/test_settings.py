"""Settings: read by name, and complete or refused when they are used."""

from dataclasses import fields

import pytest

from chalicelib.foundation.settings import SettingMissing, Settings


def test_every_setting_is_read_from_the_variable_of_its_name() -> None:
    names = [field.name for field in fields(Settings)]
    settings = Settings.from_environment({name.upper(): f"the {name}" for name in names})
    assert {name: settings.require(name) for name in names} == {
        name: f"the {name}" for name in names
    }


def test_a_function_needs_only_the_settings_it_uses() -> None:
    settings = Settings.from_environment({"UPLOADS_TABLE": "uploads", "UNRELATED": "x"})
    assert settings.require("uploads_table") == "uploads"


@pytest.mark.parametrize("environment", [{}, {"UPLOADS_TABLE": ""}])
def test_a_missing_or_empty_setting_is_named_when_it_is_used(environment: dict[str, str]) -> None:
    with pytest.raises(SettingMissing, match="UPLOADS_TABLE"):
        Settings.from_environment(environment).require("uploads_table")


def test_a_build_without_a_name_says_so() -> None:
    assert Settings.from_environment({}).build == "unknown"
