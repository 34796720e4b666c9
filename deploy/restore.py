"""Tables as they were at an instant, beside the stack's own, and a template that has them instead.

DynamoDB restores a table under another name, without stream, expiry and protection. The copies get
these, and the template gets them under logical ids of their own: CloudFormation then takes the
copies into the stack, moves functions and outputs over, and lets go of the tables of before, which
stay in the account. Streams of the copies begin empty, so that nothing is announced again.
"""

import copy
import hashlib
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local.failure import Failure
from local.template import Template

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "AWS::DynamoDB::Table"
KEPT = "RetainExceptOnCreate"
NOT_RESTORED = frozenset({"AuditTable", "OriginsTable", "AccountsTable", "PrivacyTable"})
"""Tables that stay as they are unless they are named: what was done stays told, TikTok's tokens
change with each use, and who asked to be erased is not to come back."""
UNFINISHED = ("PerformancesTable", "unfinished_in")
"""Sends unfinished at the instant keep their current state, or TikTok would get a video twice."""
DIGITS = 8
TABLE_SECONDS = 4 * 3600.0
NAME_MOST = 255

Note = Callable[[str], None]
Resources = Mapping[str, Mapping[str, Any]]


def repointed(template: Template, tables: Mapping[str, str]) -> Template:
    """Return the template with these existing tables, by the logical ids of those they replace.

    Raises `Failure` for a table that the template does not have.
    """
    found = template
    for base, name in tables.items():
        old = logical_id(template, base)
        new = f"{base}{hashlib.sha256(name.encode()).hexdigest()[:DIGITS]}"
        found = renamed(found, old, new)
        found["Resources"][new]["Properties"]["TableName"] = name
    return found


def logical_id(template: Template, base: str) -> str:
    """Return what a table is called in the template: its name, or that of an earlier copy."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == TABLE and base_of(name) == base:
            return str(name)
    raise Failure(
        f"The template has no table {base}.",
        f"It has {', '.join(sorted(restorable(template)))}.",
    )


def replaced(before: Resources, after: Template, tables: Mapping[str, str]) -> set[str]:
    """Return the tables of a stack that others take the place of: those named by the owner."""
    there = {
        base_of(name): each["Properties"].get("TableName")
        for name, each in after["Resources"].items()
        if each["Type"] == TABLE
    }
    named = {base for base, table in tables.items() if there.get(base) == table}
    return {name for name in before if base_of(name) in named and name not in after["Resources"]}


def base_of(name: str) -> str:
    """Return the name that infra/tables.yaml gives to a table, of its copies, too."""
    return re.sub(rf"Table[0-9a-f]{{{DIGITS}}}$", "Table", name)


def restorable(template: Template) -> set[str]:
    """Return the tables that outlive the stack; what others hold expires within days."""
    return {
        base_of(name)
        for name, each in template["Resources"].items()
        if each["Type"] == TABLE and each.get("DeletionPolicy") == KEPT
    }


def renamed(value: Any, old: str, new: str) -> Any:
    """Return a part of a template in which a resource has another logical id."""
    match value:
        case {"Ref": name, **rest} if name == old and not rest:
            return {"Ref": new}
        case {"Fn::GetAtt": [name, attribute]} if name == old:
            return {"Fn::GetAtt": [new, attribute]}
        case {"Fn::Sub": text} if isinstance(text, str):
            return {"Fn::Sub": _in_text(text, old, new)}
        case {"Fn::Sub": [str() as text, names]}:
            return {"Fn::Sub": [_in_text(text, old, new), renamed(names, old, new)]}
        case dict():
            return {
                new if name == old else name: renamed(each, old, new)
                for name, each in value.items()
            }
        case list():
            return [renamed(each, old, new) for each in value]
        case str() if value == old:
            return new
    return copy.copy(value)


def _in_text(text: str, old: str, new: str) -> str:
    return re.sub(rf"\$\{{{old}(?=[.}}])", f"${{{new}", text)


def instant(text: str, now: datetime) -> datetime:
    """Read an instant. Raises `Failure` for one that no table can be restored to."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(
            f"{text!r} is no instant.", "Write it as 2026-11-28T10:00:00Z, in UTC."
        ) from None
    if at.tzinfo is None or not now.timestamp() - 35 * 86_400 < at.timestamp() < now.timestamp():
        raise Failure(
            f"No table can be restored to {text}.",
            "Name an instant of the last 35 days, with its zone, such as 2026-11-28T10:00:00Z.",
        )
    return at.astimezone(UTC)


@dataclass(frozen=True)
class Copies:
    """Makes the copies; each step is left out where it was done before."""

    dynamodb: "DynamoDBClient"
    stack: str
    at: datetime
    note: Note
    poll_seconds: float

    def name(self, base: str) -> str:
        return f"{self.stack}-{base}-{self.at:%Y%m%dT%H%M%SZ}"[-NAME_MOST:]

    def make(self, live: Mapping[str, str], template: Template) -> dict[str, str]:
        """Make a copy of each table of `live`, given by logical and physical names, and wait."""
        made = {base: self.name(base) for base in live}
        for base, name in made.items():
            if self._status(name) is None:
                self.dynamodb.restore_table_to_point_in_time(
                    SourceTableName=live[base], TargetTableName=name, RestoreDateTime=self.at
                )
                self.note(f"{base}: {name} is being made")
            else:
                self.note(f"{base}: {name} is there already")
        for base, name in made.items():
            self._wait(name)
            self._configure(name, template["Resources"][logical_id(template, base)]["Properties"])
        base, mark = UNFINISHED
        if base in made:
            changed = self._carry_over(live[base], made[base], mark)
            self.note(f"{changed} sends that were under way then go on from where they are now")
        return made

    def _status(self, name: str) -> str | None:
        try:
            return str(self.dynamodb.describe_table(TableName=name)["Table"]["TableStatus"])
        except ClientError as error:
            if error.response["Error"].get("Code") == "ResourceNotFoundException":
                return None
            raise

    def _wait(self, name: str) -> None:
        deadline = time.monotonic() + TABLE_SECONDS
        while self._status(name) != "ACTIVE":
            if time.monotonic() > deadline:
                raise Failure(f"{name} is not ready after four hours.", "Run this again later.")
            time.sleep(self.poll_seconds)

    def _configure(self, name: str, properties: Mapping[str, Any]) -> None:
        """Set on a copy the template's settings that a restored table lacks."""
        table = self.dynamodb.describe_table(TableName=name)["Table"]
        wanted = properties.get("StreamSpecification")
        if wanted and not table.get("StreamSpecification", {}).get("StreamEnabled"):
            stream: Any = {"StreamEnabled": True, **wanted}
            self.dynamodb.update_table(TableName=name, StreamSpecification=stream)
            self._wait(name)
        expiry = properties.get("TimeToLiveSpecification")
        told = self.dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if expiry and told.get("TimeToLiveStatus") not in {"ENABLED", "ENABLING"}:
            self.dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=expiry)
        self.dynamodb.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
        if not table.get("DeletionProtectionEnabled"):
            self.dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
            self._wait(name)

    def _carry_over(self, live: str, made: str, mark: str) -> int:
        """Replace items that were unfinished then by what they are now; return how many."""
        changed = 0
        for then in self._items(made, mark):
            key = {name: then[name] for name in ("owner", "performance_id")}
            now = self.dynamodb.get_item(TableName=live, Key=key, ConsistentRead=True).get("Item")
            if now == then:
                continue
            if now:
                self.dynamodb.put_item(TableName=made, Item=now)
            else:
                self.dynamodb.delete_item(TableName=made, Key=key)
            changed += 1
        return changed

    def _items(self, table: str, mark: str) -> Iterator[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=table,
            FilterExpression="attribute_exists(#m)",
            ExpressionAttributeNames={"#m": mark},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]


def chosen(template: Template, only: Collection[str]) -> set[str]:
    """Return the tables to restore. Raises `Failure` for one that is none."""
    known = restorable(template)
    if unknown := sorted(set(only) - known):
        raise Failure(
            f"No table that can be restored: {', '.join(unknown)}.",
            f"Name some of {', '.join(sorted(known))}.",
        )
    return set(only) or known - NOT_RESTORED


def with_tables(text: str, tables: Mapping[str, str]) -> str:
    """Return the text of a stage's file with its section of tables replaced, or added."""
    kept = re.sub(r"(?ms)^(# [^\n]*\n)*\[tables\]\n.*?(?=^\[|\Z)", "", text).rstrip("\n")
    lines = [
        "# Tables that were restored, in place of those that the template would make: without this",
        "# section an update is refused.",
        "[tables]",
        *(f'{name} = "{table}"' for name, table in sorted(tables.items())),
    ]
    return kept + "\n\n" + "\n".join(lines) + "\n"
