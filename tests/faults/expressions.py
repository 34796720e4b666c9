"""DynamoDB's expressions, as far as they are written here: conditions, key conditions, updates.

What is not known raises ValueError, so that nothing passes by being overlooked.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

type Value = Mapping[str, Any]
type Item = Mapping[str, Value]
type Test = Callable[[Item, "Names"], bool]

_TOKEN = re.compile(r"\s*(?:([#:]?[A-Za-z0-9_]+)|(<=|>=|<>|[=<>(),+-]))")
_SIZE = "size of "
_SETS = frozenset({"SS", "NS", "BS"})


@dataclass(frozen=True)
class Names:
    """What the placeholders of one call stand for."""

    names: Mapping[str, str]
    values: Mapping[str, Value]

    @classmethod
    def of(cls, call: Mapping[str, Any]) -> "Names":
        return cls(
            call.get("ExpressionAttributeNames") or {}, call.get("ExpressionAttributeValues") or {}
        )

    def attribute(self, word: str) -> str:
        return self.names[word] if word.startswith("#") else word

    def operand(self, word: str, item: Item) -> Value | None:
        if word.startswith(_SIZE):
            value = self.operand(word.removeprefix(_SIZE), item)
            return None if value is None else {"N": str(len(plain(value)))}
        return self.values[word] if word.startswith(":") else item.get(self.attribute(word))


def plain(value: Value) -> Any:
    """Return what a value compares by; the order in which a set is written says nothing."""
    ((kind, content),) = value.items()
    if kind in _SETS:
        return frozenset(content)
    return float(content) if kind == "N" else content


def _same(left: Value | None, right: Value | None) -> bool:
    if left is None or right is None:
        return left is right
    return _comparable(left, right) and bool(plain(left) == plain(right))


def _comparable(left: Value | None, right: Value | None) -> bool:
    return left is not None and right is not None and left.keys() == right.keys()


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}


def holds(expression: str | None, item: Item, names: Names) -> bool:
    """Return whether a condition holds for an item; one that is not there has no attributes."""
    return expression is None or _condition(expression)(item, names)


@lru_cache(maxsize=1000)
def _condition(expression: str) -> Test:
    reader = _Reader(_tokens(expression))
    test = reader.either()
    reader.end()
    return test


def _tokens(expression: str) -> list[str]:
    found, at = [], 0
    while expression[at:].strip():
        token = _TOKEN.match(expression, at)
        if token is None:
            raise ValueError(f"not understood: {expression[at:]}")
        found.append(token[1] or token[2])
        at = token.end()
    return found


class _Reader:
    """Reads a condition by recursive descent."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens, self._at = tokens, 0

    def _next(self, expected: str | None = None) -> str:
        token = self._tokens[self._at]
        if expected is not None and token != expected:
            raise ValueError(f"{expected} expected, not {token}")
        self._at += 1
        return token

    def _comes(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def end(self) -> None:
        if self._at != len(self._tokens):
            raise ValueError(f"not understood: {self._tokens[self._at :]}")

    def either(self) -> Test:
        tests = [self._both()]
        while self._comes("OR"):
            tests.append(self._both())
        return lambda item, names: any(test(item, names) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._comes("AND"):
            tests.append(self._one())
        return lambda item, names: all(test(item, names) for test in tests)

    def _one(self) -> Test:
        if self._comes("NOT"):
            test = self._one()
            return lambda item, names: not test(item, names)
        if self._comes("("):
            test = self.either()
            self._next(")")
            return test
        word = self._next()
        if self._comes("("):
            if word != "size":
                return self._call(word)
            word = _SIZE + self._next()
            self._next(")")
        return self._comparison(word)

    def _list(self) -> list[str]:
        words = [self._next()]
        while self._comes(","):
            words.append(self._next())
        self._next(")")
        return words

    def _call(self, function: str) -> Test:
        words = self._list()

        def operand(item: Item, names: Names, number: int) -> Value | None:
            return names.operand(words[number], item)

        def begins_with(item: Item, names: Names) -> bool:
            left, right = operand(item, names, 0), operand(item, names, 1)
            return left is not None and right is not None and plain(left).startswith(plain(right))

        def contains(item: Item, names: Names) -> bool:
            left, right = operand(item, names, 0), operand(item, names, 1)
            return left is not None and right is not None and plain(right) in plain(left)

        match function:
            case "attribute_exists":
                return lambda item, names: operand(item, names, 0) is not None
            case "attribute_not_exists":
                return lambda item, names: operand(item, names, 0) is None
            case "begins_with":
                return begins_with
            case "contains":
                return contains
        raise ValueError(f"unknown function {function}")

    def _comparison(self, word: str) -> Test:
        operator = self._next()
        if operator == "IN":
            self._next("(")
            among = self._list()
            return lambda item, names: any(
                _same(names.operand(word, item), names.operand(each, item)) for each in among
            )
        other = self._next()
        if operator == "BETWEEN":
            self._next("AND")
            last = self._next()

            def between(item: Item, names: Names) -> bool:
                value = names.operand(word, item)
                low, high = names.operand(other, item), names.operand(last, item)
                if value is None or low is None or high is None:
                    return False
                return bool(plain(low) <= plain(value) <= plain(high))

            return between
        if operator == "<>":
            return lambda item, names: (
                not _same(names.operand(word, item), names.operand(other, item))
            )
        compare = _COMPARE[operator]

        def compared(item: Item, names: Names) -> bool:
            left, right = names.operand(word, item), names.operand(other, item)
            if left is None or right is None or not _comparable(left, right):
                return False
            return compare(plain(left), plain(right))

        return compared


_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD|DELETE)\b")
_ONCE = re.compile(r"if_not_exists\s*\(\s*([#\w]+)\s*,\s*(:?\w+)\s*\)")


def updated(expression: str, item: Item, names: Names) -> dict[str, Value]:
    """Return an item after an update; every operand is what it was before."""
    after = dict(item)
    parts = _CLAUSE.split(expression)[1:]
    for clause, text in zip(parts[::2], parts[1::2], strict=True):
        for action in _actions(text):
            _apply(clause, action, item, after, names)
    return after


def _actions(text: str) -> list[str]:
    """Split at commas outside parentheses."""
    return [each.strip() for each in re.split(r",(?![^(]*\))", text)]


def _apply(clause: str, action: str, item: Item, after: dict[str, Value], names: Names) -> None:
    match clause:
        case "SET":
            target, _, source = action.partition("=")
            after[names.attribute(target.strip())] = _source(source.strip(), item, names)
        case "REMOVE":
            after.pop(names.attribute(action), None)
        case _:
            word, _, added = action.partition(" ")
            name, value = names.attribute(word), names.values[added.strip()]
            _change(clause, name, value, after)


def _source(text: str, item: Item, names: Names) -> Value:
    once = _ONCE.fullmatch(text)
    if once:
        return names.operand(once[1], item) or names.values[once[2]]
    words = _tokens(text)
    value = names.operand(words[0], item)
    if value is None:
        raise ValueError(f"{words[0]} is not there")
    if len(words) == 1:
        return value
    other = names.operand(words[2], item)
    if len(words) != 3 or other is None:
        raise ValueError(f"not understood: {text}")
    sign = {"+": 1, "-": -1}[words[1]]
    return {"N": _number(plain(value) + sign * plain(other))}


def _change(clause: str, name: str, value: Value, after: dict[str, Value]) -> None:
    ((kind, content),) = value.items()
    there = after.get(name)
    if kind == "N" and clause == "ADD":
        after[name] = {"N": _number((plain(there) if there else 0) + plain(value))}
    elif kind in _SETS:
        have = list(there[kind]) if there else []
        if clause == "ADD":
            after[name] = {kind: have + [each for each in content if each not in have]}
        elif kept := [each for each in have if each not in content]:
            after[name] = {kind: kept}
        else:
            after.pop(name, None)
    else:
        raise ValueError(f"{clause} of {kind}")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
