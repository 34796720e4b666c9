"""Dataclasses that take a sixth of the time that the standard library needs to make them.

`dataclasses.dataclass` writes six methods as source text for each frozen class and compiles it:
for the hundred classes that the API imports, that took a seventh of its start. Here comparison,
hash and text are closures over the names of the fields, and an `__init__` that assigns fields is
compiled once for all classes with as many of them. mypy refuses an assignment to a frozen value;
the interpreter does not, so `__init__` assigns fields directly and making a value takes half the
time or less.
"""

from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses
    from functools import cache
    from operator import attrgetter
    from types import FunctionType

    def dataclass(cls=None, /, *, frozen=False, **options):
        """Make a dataclass that behaves as one of the standard library does."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, **options)
        if not frozen:
            return dataclasses.dataclass(cls, **options)
        # Without a docstring, the standard library makes one of the signature, which takes long.
        cls.__doc__ = cls.__doc__ or cls.__name__
        own = set(cls.__dict__)
        assigns = not options and _only_assigns(cls)
        made = dataclasses.dataclass(cls, eq=False, repr=False, init=not assigns, **options)
        methods = _methods(made)
        if assigns:
            methods["__init__"] = _initialiser(made)
        for name, method in methods.items():
            if name not in own:
                setattr(made, name, method)
        return made

    def _only_assigns(cls):
        """Return whether an `__init__` has nothing to do but assign what it is given."""
        fields = [
            each
            for base in cls.__mro__[:-1]
            for each in vars(base).get("__dataclass_fields__", vars(base)).values()
            if isinstance(each, dataclasses.Field)
        ]
        return not hasattr(cls, "__post_init__") and all(
            each.init and each.default_factory is dataclasses.MISSING for each in fields
        )

    def _initialiser(cls):
        fields = dataclasses.fields(cls)
        names = tuple(each.name for each in fields)
        defaults = [each.default for each in fields if each.default is not dataclasses.MISSING]
        last = fields[len(fields) - len(defaults) :]
        if any(each.default is dataclasses.MISSING for each in last):
            raise TypeError(f"{cls.__qualname__}: a field without a default follows one with")
        code = _assignments(len(names)).replace(
            co_varnames=("self", *names),
            co_names=names,
            co_qualname=f"{cls.__qualname__}.__init__",
        )
        method = FunctionType(code, {}, "__init__", tuple(defaults))
        method.__annotations__ = {**{each.name: each.type for each in fields}, "return": None}
        return method

    @cache
    def _assignments(count):
        """Compile an `__init__` of so many fields; its names are put in for each class."""
        names = [f"_{number}" for number in range(count)]
        lines = [f" self.{name} = {name}" for name in names] or [" pass"]
        made = {}
        # The source is made of `_0`, `_1` and so on: nothing from outside is in it.
        exec("\n".join([f"def __init__(self, {', '.join(names)}):", *lines]), made)  # noqa: S102  of numbers alone
        return made["__init__"].__code__

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
