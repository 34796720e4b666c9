"""Dataclasses of our own behave as the standard library's."""

import ast
import dataclasses
import inspect
from copy import copy
from typing import Any

import pytest

from chalicelib.foundation import values
from local.home import PROJECT

PUBLISHABLE = {"client.py", "errors.py", "chunks.py"}
"""Of TikTok's client, which imports next to nothing of ours."""


def classes(dataclass: Any) -> tuple[type, type, type, type]:
    @dataclass(frozen=True)
    class Plain:
        """One with all kinds of fields."""

        name: str
        size: int = 0
        parts: tuple[str, ...] = dataclasses.field(default_factory=tuple)
        secret: str = dataclasses.field(default="", repr=False)
        noted: int = dataclasses.field(default=0, compare=False)

    @dataclass(frozen=True)
    class Narrower(Plain):
        more: str = ""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Slotted:
        only: int

    @dataclass(frozen=True)
    class Empty:
        def __repr__(self) -> str:
            return "empty"

    return Plain, Narrower, Slotted, Empty


OURS, THEIRS = classes(values.dataclass), classes(dataclasses.dataclass)


def things(made: tuple[type, type, type, type]) -> list[Any]:
    plain, narrower, slotted, empty = made
    return [
        plain("a"),
        plain("a", noted=2),
        plain("a", 1),
        plain("a", 0, ("b",), "hidden"),
        narrower("a"),
        narrower("a", more="b"),
        slotted(only=1),
        slotted(only=2),
        empty(),
        plain("a", parts=["b"]),
    ]


def hashable(thing: Any) -> bool:
    try:
        hash(thing)
    except TypeError:
        return False
    return True


def test_our_dataclasses_compare_as_the_standard_librarys() -> None:
    ours, theirs = things(OURS), things(THEIRS)
    assert [[one == other for other in ours] for one in ours] == [
        [one == other for other in theirs] for one in theirs
    ]
    assert ours[0] != "a"


def test_equal_ones_have_one_hash_and_unhashable_fields_have_none() -> None:
    ours, theirs = things(OURS), things(THEIRS)
    assert [hashable(each) for each in ours] == [hashable(each) for each in theirs]
    assert hash(ours[0]) == hash(ours[1])
    assert len({*ours[:-1]}) == len({*theirs[:-1]})


def test_they_are_written_as_the_standard_librarys_without_hidden_fields() -> None:
    assert [repr(each) for each in things(OURS)] == [repr(each) for each in things(THEIRS)]
    assert "hidden" not in repr(things(OURS))


def test_they_are_dataclasses_to_the_standard_library() -> None:
    for one, its in zip(things(OURS), things(THEIRS), strict=True):
        assert dataclasses.asdict(one) == dataclasses.asdict(its)
        assert dataclasses.replace(one) == copy(one) == one
        assert type(one).__match_args__ == type(its).__match_args__
    with pytest.raises(TypeError, match="unexpected keyword"):
        OURS[0]("a", unknown=1)


def test_they_are_made_from_what_the_standard_librarys_are_made_from() -> None:
    for one, its in zip(OURS, THEIRS, strict=True):
        assert inspect.signature(one) == inspect.signature(its)
    assert vars(OURS[0])["__init__"].__qualname__ == vars(THEIRS[0])["__init__"].__qualname__


def later(dataclass: Any) -> list[Any]:
    """Values whose `__init__` does more than assign, or is the class's own."""

    @dataclass(frozen=True)
    class Simple:
        name: str = "a"

    @dataclass(frozen=True)
    class Checked:
        name: str
        size: int = 2

        def __post_init__(self) -> None:
            seen.append(self.name)

    @dataclass(frozen=True)
    class Filled(Simple):
        parts: list[str] = dataclasses.field(default_factory=list)
        known: int = dataclasses.field(default=3, init=False)

    @dataclass(frozen=True)
    class Wider(Filled):
        more: str = "more"

    @dataclass(frozen=True)
    class Own:
        name: str

        def __init__(self) -> None:
            object.__setattr__(self, "name", "own")

    seen: list[str] = []
    made: list[Any] = [Simple(), Checked("b"), Filled(), Wider("c", ["d"]), Own()]
    told = [dataclasses.asdict(each) for each in made]
    return [*told, Wider().parts is Wider().parts, seen]


def test_an_init_does_what_the_standard_librarys_does_beside_assigning() -> None:
    assert later(values.dataclass) == later(dataclasses.dataclass)


def test_a_field_without_a_default_after_one_with_it_is_refused() -> None:
    class UnexpectedResult:
        name: str = ""
        size: int

    with pytest.raises(TypeError, match="without a default"):
        values.dataclass(UnexpectedResult, frozen=True)


def test_one_that_may_change_is_the_standard_librarys() -> None:
    @values.dataclass
    class Changing:
        name: str

    changing = Changing("a")
    changing.name = "b"
    assert changing == Changing("b")
    with pytest.raises(TypeError, match="unhashable"):
        hash(changing)


def test_every_frozen_dataclass_of_the_product_is_one_of_them() -> None:
    found = 0
    for file in sorted((PROJECT / "chalicelib").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "dataclass" not in text:  # parsing takes long
            continue
        tree = ast.parse(text)
        imported = {
            (each.module, name.name)
            for each in ast.walk(tree)
            if isinstance(each, ast.ImportFrom)
            for name in each.names
        }
        found += ("chalicelib.foundation.values", "dataclass") in imported
        if file.name not in {*PUBLISHABLE, "values.py"}:
            assert ("dataclasses", "dataclass") not in imported, file
    assert found > 50
