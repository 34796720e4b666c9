"""Personal data: what each package hands out of a member, and erases of them.

A package that keeps something of a member has a `personal.py` with a `PersonalDataStore`.
`chalicelib/privacy` asks all of them: for an export, and again and again for an erasure until each
says that nothing is left. Their `erase` may die anywhere and be called again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Protocol

from chalicelib.foundation.values import dataclass

ERASED_NAME = "Erased member"
"""The name that stands where a person's stood."""

Record = Mapping[str, Any]

_INTERNAL_ATTRIBUTES = frozenset(
    {"changed_by", "change_correlation_id", "write_id", "lease", "leased_until"}
)
"""Marks of the machinery: of whoever wrote an item last, and of the worker that has it."""


def erased_address(member_id: str) -> str:
    """Return the address in place of an erased member's; nothing can be mailed to it."""
    return f"{member_id}@erased.invalid"


@dataclass(frozen=True)
class Person:
    """A member as they were before their erasure; without one, as they are.

    `for_others` says that somebody else asks for what is kept of them, who may not see all of it.
    """

    program_id: str
    member_id: str
    email: str = field(repr=False)
    name: str = field(repr=False)
    subject: str | None = field(default=None, repr=False)
    for_others: bool = False

    @property
    def owner(self) -> str:
        """The key of what belongs to the member, in all tables."""
        return f"{self.program_id}/{self.member_id}"


class PersonalDataStore(Protocol):
    """A store of personal data."""

    def personal_data(self, person: Person) -> Iterator[tuple[str, Record]]:
        """Yield what is kept of a member, each with the name of its part of the export.

        For others it leaves out whatever is the member's own secret in the program.
        """
        ...

    def erase(self, person: Person) -> bool:
        """Erase what identifies a person; False if something is left and has to wait.

        Called again until every one returns True, also after a death anywhere within.
        """
        ...


def part(
    name: str, records: Iterable[Record], *without: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield records as a part of an export, without secrets and the marks of the machinery."""
    left_out = _INTERNAL_ATTRIBUTES.union(without)
    for record in records:
        yield name, {key: value for key, value in record.items() if key not in left_out}


def attribute_to_json(value: Mapping[str, Any]) -> Any:
    """Return an attribute value of DynamoDB's as JSON has it; bytes, which are secret, as None."""
    ((kind, held),) = value.items()
    match kind:
        case "N":
            return _number(held)
        case "M":
            return {name: attribute_to_json(each) for name, each in held.items()}
        case "L":
            return [attribute_to_json(each) for each in held]
        case "SS":
            return sorted(held)
        case "NS":
            return sorted(map(_number, held))
        case "S" | "BOOL":
            return held
        case _:
            return None


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)
