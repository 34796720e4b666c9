"""Acts that the audit trail tells of: declared by whoever does them, written with what they change.

An `Act` is a part of a transaction like any other. `foundation.table.Database` asks the recorder it
was given (`chalicelib.audit`) for the entry, so an act cannot be committed without its entry, nor
an entry without its act.
"""

from collections.abc import Mapping
from dataclasses import field

from chalicelib.foundation.values import dataclass


@dataclass(frozen=True)
class Act:
    """An audited act on a thing of a program, and the fields that it changed.

    `title` names the thing as it was, in words that are nobody's name or address; people are named
    by their ids everywhere. Values of `before` and `after` are plain JSON.
    """

    kind: str
    program_id: str
    thing: str
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)
    title: str = ""
