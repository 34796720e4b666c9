"""Small changes to a module, each of which a test should notice.

Compared, combined and computed otherwise, decided otherwise, a step left out, nothing returned.
What only a reader sees stays: words, log lines, annotations, and constants at the top of a module,
which tests import.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_COMBINED = {ast.And: ast.Or, ast.Or: ast.And}
_LOGS = ("logger.", "_log(", "log_alarm(")
_LONGEST = 90


@dataclass(frozen=True)
class Mutant:
    """One change: the function it is in, what it makes of what, and how to make it.

    `name` tells it from all others of its module, whatever the lines are numbered.
    """

    module: str
    name: str
    line: int
    make: Callable[[], None]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def mutants_of(module: str, tree: ast.Module) -> Iterator[Mutant]:
    """Yield every mutant of a module; each changes `tree` when it is made, for good."""
    seen: Counter[str] = Counter()
    for function, name in _functions(tree):
        for node in _walk(function):
            for change, make in _changes(node):
                told = f"{name}: {change}"
                seen[told] += 1
                number = f" #{seen[told]}" if seen[told] > 1 else ""
                line = getattr(node, "lineno", function.lineno)
                yield Mutant(module, f"{told}{number}", line, make)


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[ast.FunctionDef, str]]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef() if node.name != "__repr__":
                yield node, f"{prefix}{node.name}"
            case ast.ClassDef():
                yield from _functions(node, f"{prefix}{node.name}.")


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what is executed of a function, but for log lines and what is raised."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_told(child):
                continue
            yield child
            yield from _walk(child)


def _is_told(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        is_docstring = isinstance(node.value, ast.Constant)
        return is_docstring or ast.unparse(node).startswith(_LOGS)
    return isinstance(node, ast.Raise | ast.JoinedStr | ast.arguments)


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    yield from _otherwise_computed(node)
    yield from _otherwise_done(node)


def _otherwise_computed(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARED:
            yield _set(node, "ops", [_COMPARED[type(operator)]()])
        case ast.BinOp() if type(node.op) in _COMPUTED:
            yield _set(node, "op", _COMPUTED[type(node.op)]())
        case ast.BoolOp():
            yield _set(node, "op", _COMBINED[type(node.op)]())
        case ast.UnaryOp(op=ast.Not()):
            yield _set(node, "op", ast.UAdd(), f"not {ast.unparse(node.operand)} is left out")
        case ast.Constant(value=bool() as value):
            yield _set(node, "value", not value)
        case ast.Constant(value=int() as value):
            yield _set(node, "value", value + 1)


def _otherwise_done(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    match node:
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield _set(node, "value", ast.Constant(None))
        case ast.Expr():
            yield _set(node, "value", ast.Constant(None), f"{_short(node)} is left out")
        case ast.If() | ast.IfExp() | ast.While() if not isinstance(node.test, ast.Constant):
            for decided in (True, False):
                told = f"if {_short(node.test)} -> {decided}"
                yield _set(node, "test", ast.Constant(decided), told)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _set(
    node: ast.AST, field: str, value: object, told: str | None = None
) -> tuple[str, Callable[[], None]]:
    before, kept = _short(node), getattr(node, field)
    if told is None:
        setattr(node, field, value)
        told = f"{before} -> {_short(node)}"
        setattr(node, field, kept)

    def make() -> None:
        setattr(node, field, value)
        ast.fix_missing_locations(node)

    return told, make


def _short(node: ast.AST) -> str:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
        return ast.unparse(node.operand)
    written = " ".join(ast.unparse(node).split())
    return written if len(written) <= _LONGEST else f"{written[:_LONGEST]}..."


def without_not(tree: ast.Module) -> ast.Module:
    """Turn the unary plus that stands for a `not` left out into its operand."""
    _Unary().visit(tree)
    return tree


class _Unary(ast.NodeTransformer):
    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return node.operand if isinstance(node.op, ast.UAdd) else node
