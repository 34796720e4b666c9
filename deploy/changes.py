"""What an update would do to a stack, in words, and which updates are refused. No I/O."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TABLE = "AWS::DynamoDB::Table"
POOL = "AWS::Cognito::UserPool"
SECRET = "AWS::SecretsManager::Secret"  # noqa: S105  a type of resource
STATEFUL = {
    TABLE: "table",
    "AWS::S3::Bucket": "bucket",
    POOL: "user pool",
    "AWS::KMS::Key": "key",
    SECRET: "secret",
}
"""What people would miss: its content does not come back with a new one."""

IDENTITY = {
    TABLE: ("TableName", "KeySchema"),
    "AWS::S3::Bucket": ("BucketName",),
    POOL: ("UsernameAttributes", "UsernameConfiguration", "AliasAttributes"),
    "AWS::KMS::Key": ("KeySpec", "KeyUsage", "MultiRegion", "Origin"),
    SECRET: ("Name",),
}
"""Properties that AWS changes only by making a new thing, or not at all."""

QUEUE = "AWS::SQS::Queue"
INDEXES = "GlobalSecondaryIndexes"
FIRST_VALUES = ("GenerateSecretString", "SecretString")
WORDS = {"Add": "adds", "Modify": "changes", "Remove": "removes", "Import": "imports"}
NAMED_AT_MOST = 8

Resources = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Change:
    """One resource's part in a change set. `replaced`: True, False, or None if it depends."""

    action: str
    name: str
    kind: str
    replaced: bool | None = False
    properties: tuple[str, ...] = ()

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Change":
        """Read an entry of CloudFormation's DescribeChangeSet."""
        changed = described["ResourceChange"]
        targets = [each.get("Target", {}) for each in changed.get("Details", ())]
        names = {each.get("Name") or each.get("Attribute") for each in targets}
        return cls(
            changed["Action"],
            changed["LogicalResourceId"],
            changed["ResourceType"],
            {"True": True, "Conditional": None}.get(changed.get("Replacement", "False"), False),
            tuple(sorted(each for each in names if each)),
        )


@dataclass(frozen=True)
class Refusal:
    """An update that is not made, and how to reach the same end."""

    what: str
    instead: str


def describe(changes: Sequence[Change]) -> Iterator[str]:
    """Yield lines for people: what is replaced or removed first, the same done to many as one."""
    groups: dict[tuple[int, str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for each in changes:
        order, words = _weight(each)
        groups[order, words, word_for(each.kind), each.properties].append(each.name)
    for (_, words, kind, properties), names in sorted(groups.items()):
        shown = ", ".join(sorted(names)[:NAMED_AT_MOST])
        more = len(names) - NAMED_AT_MOST
        counted = f"{len(names)} {_plural(kind)}: " if len(names) > 1 else f"{kind} "
        told = f" ({', '.join(properties)})" if properties else ""
        yield f"{words} {counted}{shown}{f' and {more} more' if more > 0 else ''}{told}"


def _plural(kind: str) -> str:
    return f"{kind[:-1]}ies" if kind.endswith("y") and not kind.endswith("ey") else f"{kind}s"


def _weight(change: Change) -> tuple[int, str]:
    if change.action == "Remove":
        return 0, "REMOVES"
    if change.replaced:
        return 0, "REPLACES"
    if change.action == "Modify" and change.replaced is None:
        return 1, "changes, and perhaps replaces,"
    return 2, WORDS.get(change.action, change.action.lower())


def word_for(kind: str) -> str:
    """Return a type of resource in words, such as event source mapping."""
    name = STATEFUL.get(kind) or kind.rpartition("::")[2]
    spaced = "".join(f" {each}" if each.isupper() else each for each in name)
    return spaced.strip().lower()


def refusals(
    changes: Sequence[Change],
    before: Resources,
    after: Resources,
    let_go: Collection[str] = (),
) -> Iterator[Refusal]:
    """Yield what is wrong with an update from the resources `before` to those `after`.

    `let_go` names what the owner has decided to do without.
    """
    for each in changes:
        kept = each.kind in STATEFUL and each.name not in let_go
        if kept and each.action == "Remove":
            yield _removal(each)
        elif kept and each.action == "Modify" and _is_replaced(each, before, after):
            yield _replacement(each)
    for name in sorted(set(before) & set(after)):
        yield from _of_indexes(name, before[name], after[name])
        yield from _of_secrets(name, before[name], after[name])


def lost_queues(changes: Sequence[Change], let_go: Collection[str] = ()) -> Iterator[Change]:
    """Yield the queues that an update takes away with all that is in them."""
    for each in changes:
        gone = each.action == "Remove" or (each.action == "Modify" and each.replaced)
        if each.kind == QUEUE and gone and each.name not in let_go:
            yield each


def holds_messages(name: str, waiting: int) -> Refusal:
    return Refusal(
        f"The queue {name} would go, with {waiting} messages that wait in it.",
        "Wait until its function has emptied it. A queue of failures is emptied by"
        " python -m commands events redrive, or, if nothing in it is needed, by aws sqs"
        f" purge-queue. Then run this again; --let-go {name} does without its messages.",
    )


def _is_replaced(change: Change, before: Resources, after: Resources) -> bool:
    """CloudFormation says that it depends where an index brings an attribute to a table."""
    if change.replaced:
        return True
    old, new = (each.get(change.name, {}).get("Properties", {}) for each in (before, after))
    if any(old.get(name) != new.get(name) for name in IDENTITY[change.kind]):
        return True
    types = [
        {
            each["AttributeName"]: each["AttributeType"]
            for each in one.get("AttributeDefinitions", ())
        }
        for one in (old, new)
    ]
    return any(types[1].get(name, kind) != kind for name, kind in types[0].items())


def _replacement(change: Change) -> Refusal:
    kind = word_for(change.kind)
    return Refusal(
        f"The {kind} {change.name} would be replaced by an empty one"
        f" ({', '.join(change.properties) or 'its identity'} changed).",
        f"Make it in two deployments. First add the new {kind} under another name in infra/, with"
        " code that writes to both and reads the old one, deploy, and copy what is in the old one."
        f" Then move the readers over, take {change.name} out of infra/, and deploy with"
        f" --let-go {change.name}: it stays in the account until you delete it.",
    )


def _removal(change: Change) -> Refusal:
    kind = word_for(change.kind)
    return Refusal(
        f"The {kind} {change.name} would leave the stack.",
        "Make it in two deployments. First deploy code that does not use it any more, and see that"
        f" nothing misses it. Then take it out of infra/ and deploy with --let-go {change.name}:"
        " if it is kept by its DeletionPolicy, it stays in the account until you delete it.",
    )


def _of_indexes(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Refusal]:
    if before.get("Type") != TABLE or after.get("Type") != TABLE:
        return
    old, new = (
        {each["IndexName"]: each for each in one.get("Properties", {}).get(INDEXES, ())}
        for one in (before, after)
    )
    changed = sorted(each for each in set(old) & set(new) if old[each] != new[each])
    for index in changed:
        yield Refusal(
            f"The index {index} of {name} would change; DynamoDB changes no index.",
            f"Make it in two deployments. First add it under another name beside {index}, with code"
            f" that still asks {index}, and deploy. Then let the code ask the new one, take {index}"
            " out of infra/tables.yaml, and deploy again.",
        )
    made, dropped = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    if len(made) + len(dropped) > 1:
        steps = [*(f"add {each}" for each in made), *(f"remove {each}" for each in dropped)]
        yield Refusal(
            f"{name} would get or lose {len(steps)} indexes at once ({', '.join(steps)});"
            " DynamoDB makes or removes one for each update.",
            f"Make it in {len(steps)} deployments, one of these in infra/tables.yaml each time,"
            f" in this order: {', then '.join(steps)}. Code that asks a new index comes with or"
            " after the deployment that makes it; code that asks an old one goes before.",
        )


def _of_secrets(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Refusal]:
    if before.get("Type") != SECRET or after.get("Type") != SECRET:
        return
    old, new = (each.get("Properties", {}) for each in (before, after))
    if any(old.get(each) != new.get(each) for each in FIRST_VALUES):
        yield Refusal(
            f"The secret {name} would be given a new value, over the one that is used.",
            "Undo the change of how its first value is made. To change the value itself, put it"
            " into Secrets Manager: make secret STAGE=... for TikTok's.",
        )
