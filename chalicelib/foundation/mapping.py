"""Between an item of a table and a plain model whose fields have the same names.

A field that needs no conversion is named in the model and on the item, and nowhere between them.
"""

from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from functools import cache
from typing import Any

from pynamodb.attributes import Attribute, UnicodeSetAttribute
from pynamodb.constants import STRING
from pynamodb.models import Model


class EnumAttribute[Kind: StrEnum](Attribute[Kind]):
    """A word of an enumeration."""

    attr_type = STRING

    def __init__(self, kind: type[Kind], **options: Any) -> None:
        super().__init__(**options)
        self._kind = kind

    def serialize(self, value: Any) -> str:
        return str(value)

    def deserialize(self, value: Any) -> Kind:
        return self._kind(value)


class FrozenSetAttribute(UnicodeSetAttribute):
    """Texts in no order, as models have them."""

    def deserialize(self, value: Any) -> Any:
        return frozenset(value)


def to_model[Thing](item: Model, model: type[Thing], **others: Any) -> Thing:
    """Make a model of an item's attributes; one that the item lacks is as by default, or None.

    `others` are fields that the item has not, or under another name.
    """
    values = {**item.attribute_values, **others} if others else item.attribute_values
    given = {
        name: values.get(name)
        for name, default in _defaults(model).items()  # type: ignore[arg-type]  # a class is hashable
        if default is MISSING or values.get(name) is not None
    }
    return model(**given)


def to_attributes(thing: Any, model: type[Model], apart: Collection[str] = ()) -> Mapping[str, Any]:
    """Return the attributes of an item for a model; optional ones that are as by default are not.

    Raises `KeyError` for a field that the item has no attribute for, unless it is one of `apart`.
    """
    known = model.get_attributes()
    return {
        name: value
        for name, default in _defaults(type(thing)).items()  # type: ignore[arg-type]  # likewise
        if name not in apart
        and not ((value := getattr(thing, name)) == default and known[name].null)
    }


@cache
def _defaults(model: Any) -> Mapping[str, Any]:
    def default(each: Field[Any]) -> Any:
        if each.default_factory is not MISSING:
            raise TypeError(f"{model.__name__}.{each.name}: a default factory is not known here")
        return each.default

    return {each.name: default(each) for each in fields(model)}
