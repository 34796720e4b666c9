"""Each Lambda gets ready at its start what it always uses, and asks for its settings there."""

import gc
from collections.abc import Iterator, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

import app as plan
from chalicelib.composition import Container
from chalicelib.foundation.aws import Clients
from chalicelib.foundation.functions import Functions
from chalicelib.foundation.settings import NotSetUp, SettingMissing, Settings
from local import functions
from local.home import PROJECT
from local.template import declarations
from tests.unit.test_settings import VALUES

DECLARED = {each.name: each for each in functions.declared(declarations(PROJECT / "infra"))}
LATER = {name.upper() for name, setting in Settings.all().items() if setting.later}


@cache
def clients() -> Clients:
    return Clients()


class Watched(Mapping[str, Any]):
    """Values of settings that remember which were asked for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name.upper())
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def given_to(name: str) -> dict[str, str]:
    """Return the environment of a function, with values that its settings can have."""
    variables = DECLARED[name].variables(dict.fromkeys(map(str.upper, VALUES)))
    return {each: VALUES[each.lower()] for each in variables} | {"FUNCTION": name}


def started(environment: Mapping[str, str]) -> Watched:
    settings = Settings.from_environment(environment)
    settings.given = watched = Watched(settings.given)
    plan.functions.start(Container(settings, clients=clients()))
    return watched


def test_every_lambda_is_registered() -> None:
    assert plan.functions.names == DECLARED.keys()


@pytest.mark.parametrize("name", DECLARED)
def test_a_function_asks_at_its_start_for_all_settings_that_it_is_given(name: str) -> None:
    asked, given = started(given_to(name)).asked, given_to(name).keys()
    assert given <= asked
    assert not [each for each in asked - given if is_required(each)]


@pytest.mark.parametrize("name", DECLARED)
def test_a_function_does_not_start_without_a_setting_that_it_uses_and_names_it(name: str) -> None:
    given = given_to(name)
    for each in filter(is_required, given):
        with pytest.raises(SettingMissing, match=each):
            started({other: value for other, value in given.items() if other != each})


def is_required(name: str) -> bool:
    try:
        getattr(Settings(), name.lower())
    except SettingMissing as missing:
        return not isinstance(missing, NotSetUp)
    return False


@pytest.mark.parametrize("name", [each for each in DECLARED if LATER & given_to(each).keys()])
def test_a_function_starts_before_the_owner_has_given_what_comes_later(name: str) -> None:
    given = {each: value for each, value in given_to(name).items() if each not in LATER}
    started(given)
    with pytest.raises(NotSetUp):
        _ = Settings.from_environment(given).public_url


def test_a_start_looks_for_no_garbage_and_what_comes_after_it_does() -> None:
    seen: list[bool] = []

    class Parts:
        settings = Settings(function="api_handler")

        @property
        def service(self) -> None:
            seen.append(gc.isenabled())

    made = Functions()
    made.register("api_handler", parts=("service",), modules=())
    frozen = gc.get_freeze_count()
    made.start(Parts())
    assert seen == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() > frozen


def test_a_start_that_fails_leaves_the_collector_on() -> None:
    made = Functions()
    made.register("api_handler", parts=("missing",), modules=())
    with pytest.raises(AttributeError):
        made.start(SimpleNamespace(settings=Settings(function="api_handler")))
    assert gc.isenabled()
