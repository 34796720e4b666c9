"""The base of what requests and answers hold."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Schema(BaseModel):
    """A pydantic model that is built when it is first used, not when its module is imported.

    A module has the models of all its routes; a request uses two or three of them.
    """

    model_config = ConfigDict(defer_build=True)

    @classmethod
    def from_object(cls, thing: Any, **others: Any) -> Self:
        """Make a view of a thing's attributes of the same names, and of `others`."""
        own = {name: getattr(thing, name) for name in cls.model_fields if name not in others}
        return cls(**own, **others)
