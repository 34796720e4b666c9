"""Generates mutants of a module: small changes, each of which a test should notice.

Mutations replace comparison, arithmetic and boolean operators, fix conditions to true or false,
leave out statements and return None. They leave alone text, log lines, annotations, and a module's
top-level constants, which tests import.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_COMPARISONS = {
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
_ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_BOOLEAN = {ast.And: ast.Or, ast.Or: ast.And}
_LOGS = ("logger.", "_log(", "log_alarm(")
_MAX_LENGTH = 90


@dataclass(frozen=True)
class Mutant:
    """One change: its function, the code before and after, and a callable that applies it.

    `name` is unique within the module and does not depend on line numbers.
    """

    module: str
    name: str
    line: int
    make: Callable[[], None]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def mutants_of(module: str, tree: ast.Module) -> Iterator[Mutant]:
    """Yield every mutant of a module; applying one changes `tree` permanently."""
    seen: Counter[str] = Counter()
    for function, name in _functions(tree):
        for node in _walk(function):
            for change, make in _mutations(node):
                description = f"{name}: {change}"
                seen[description] += 1
                number = f" #{seen[description]}" if seen[description] > 1 else ""
                line = getattr(node, "lineno", function.lineno)
                yield Mutant(module, f"{description}{number}", line, make)


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[ast.FunctionDef, str]]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef() if node.name != "__repr__":
                yield node, f"{prefix}{node.name}"
            case ast.ClassDef():
                yield from _functions(node, f"{prefix}{node.name}.")


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the executed nodes of a function, except log lines and raised exceptions."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_ignored(child):
                continue
            yield child
            yield from _walk(child)


def _is_ignored(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        is_docstring = isinstance(node.value, ast.Constant)
        return is_docstring or ast.unparse(node).startswith(_LOGS)
    return isinstance(node, ast.Raise | ast.JoinedStr | ast.arguments)


def _mutations(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    yield from _expression_mutations(node)
    yield from _statement_mutations(node)


def _expression_mutations(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in _COMPARISONS:
            yield _set(node, "ops", [_COMPARISONS[type(operator)]()])
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            yield _set(node, "op", _ARITHMETIC[type(node.op)]())
        case ast.BoolOp():
            yield _set(node, "op", _BOOLEAN[type(node.op)]())
        case ast.UnaryOp(op=ast.Not()):
            yield _set(node, "op", ast.UAdd(), f"not {ast.unparse(node.operand)} is left out")
        case ast.Constant(value=bool() as value):
            yield _set(node, "value", not value)
        case ast.Constant(value=int() as value):
            yield _set(node, "value", value + 1)


def _statement_mutations(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    match node:
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield _set(node, "value", ast.Constant(None))
        case ast.Expr():
            yield _set(node, "value", ast.Constant(None), f"{_abbreviated(node)} is left out")
        case ast.If() | ast.IfExp() | ast.While() if not isinstance(node.test, ast.Constant):
            for decided in (True, False):
                description = f"if {_abbreviated(node.test)} -> {decided}"
                yield _set(node, "test", ast.Constant(decided), description)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _set(
    node: ast.AST, field: str, value: object, description: str | None = None
) -> tuple[str, Callable[[], None]]:
    before, kept = _abbreviated(node), getattr(node, field)
    if description is None:
        setattr(node, field, value)
        description = f"{before} -> {_abbreviated(node)}"
        setattr(node, field, kept)

    def make() -> None:
        setattr(node, field, value)
        ast.fix_missing_locations(node)

    return description, make


def _abbreviated(node: ast.AST) -> str:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd):
        return ast.unparse(node.operand)
    written = " ".join(ast.unparse(node).split())
    return written if len(written) <= _MAX_LENGTH else f"{written[:_MAX_LENGTH]}..."


def remove_unary_plus(tree: ast.Module) -> ast.Module:
    """Replace each unary plus, which marks a removed `not`, with its operand."""
    _UnaryPlusRemover().visit(tree)
    return tree


class _UnaryPlusRemover(ast.NodeTransformer):
    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return node.operand if isinstance(node.op, ast.UAdd) else node
