"""Dataclasses that take a third of the time that the standard library needs to make them.

`dataclasses.dataclass` writes six methods as source text for each frozen class and compiles it:
for the hundred classes that the API imports, that took a seventh of its start. Here only `__init__`
is compiled; comparison, hash and text are closures over the names of the fields. mypy refuses an
assignment to a frozen value; the interpreter does not, so `__init__` assigns fields directly and
making a value takes half the time or less.
"""

from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses
    from operator import attrgetter

    def dataclass(cls=None, /, *, frozen=False, **options):
        """Make a dataclass that behaves as one of the standard library does."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, **options)
        if not frozen:
            return dataclasses.dataclass(cls, **options)
        # Without a docstring, the standard library makes one of the signature, which takes long.
        cls.__doc__ = cls.__doc__ or cls.__name__
        own = set(cls.__dict__)
        made = dataclasses.dataclass(cls, eq=False, repr=False, **options)
        for name, method in _methods(made).items():
            if name not in own:
                setattr(made, name, method)
        return made

    def _methods(cls):
        compared = tuple(each.name for each in dataclasses.fields(cls) if each.compare)
        shown = tuple(each.name for each in dataclasses.fields(cls) if each.repr)
        key = attrgetter(*compared) if compared else lambda _: ()

        def equal(self, other):
            if other.__class__ is not self.__class__:
                return NotImplemented
            return self is other or key(self) == key(other)

        def hashed(self):
            return hash(key(self))

        def text(self):
            fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
            return f"{self.__class__.__qualname__}({fields})"

        return {"__eq__": equal, "__hash__": hashed, "__repr__": text}
