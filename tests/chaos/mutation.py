"""Small changes to a module's source, one at a time: what of the code no test looks at shows as a change that survives.

A change is made to the syntax tree. The list leaves out what no order depends on: texts, annotations, imports.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

OTHER: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
"""What stands in the place of an operator."""
TEXT = "detail"
"""The argument that only people read."""
BODIES = ("body", "orelse", "finalbody")
UNTOUCHED = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Return, ast.Raise, ast.Pass, ast.AnnAssign)
"""Statements that are not simply left out: without them nothing would run, or they are changed in other ways."""


class Edit(Struct, frozen=True):
    """One change: this value in the place of a node's field, or of one element of it."""

    owner: ast.AST
    field: str
    index: int | None
    value: Any
    line: int

    def apply(self) -> Any:
        """Make the change; returns what was there before."""
        if self.index is None:
            before = getattr(self.owner, self.field)
            setattr(self.owner, self.field, self.value)
            return before
        values = getattr(self.owner, self.field)
        before, values[self.index] = values[self.index], self.value
        return before

    def describe(self) -> str:
        """Line, code before and code after; the tree is left as it was."""
        before = self._shown()
        undo = Edit(self.owner, self.field, self.index, self.apply(), self.line)
        after = self._shown()
        undo.apply()
        if isinstance(self.owner, ast.Call):
            (gone,) = {keyword.arg for keyword in self.owner.keywords} - {keyword.arg for keyword in self.value}
            return f"{self.line}: {ast.unparse(self.owner.func)}(...) without {gone}"
        return f"{self.line}: {before}  ->  {after}"

    def _shown(self) -> str:
        """The first line of what changes."""
        statement = None if self.index is None else getattr(self.owner, self.field)[self.index]
        node = statement if isinstance(statement, ast.stmt) else self.owner
        return ast.unparse(ast.fix_missing_locations(node)).splitlines()[0].strip()


def edits_of(tree: ast.Module) -> list[Edit]:
    """Every change there is to a module, in the order of its lines."""
    spared = _spared(tree)
    nodes = [node for node in ast.walk(tree) if node not in spared]
    found = [edit for node in nodes for edit in (*_values(node), *_statements(node, spared))]
    return sorted(found, key=lambda edit: edit.line)


def _values(node: ast.AST) -> Iterator[Edit]:  # noqa: C901, PLR0912  # one case per kind of node
    """Changes to what a node computes."""
    line = getattr(node, "lineno", 0)
    match node:
        case ast.Compare(ops=ops):
            for index, op in enumerate(ops):
                yield Edit(node, "ops", index, OTHER[type(op)](), line)
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in OTHER:
            yield Edit(node, "op", None, OTHER[type(op)](), line)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield Edit(node, "operand", None, ast.UnaryOp(node.op, operand), line)
        case ast.Constant(value=bool() as value):
            yield Edit(node, "value", None, not value, line)
        case ast.Constant(value=int() as value):
            yield Edit(node, "value", None, value + 1, line)
        case ast.If(test=test) | ast.IfExp(test=test):
            yield Edit(node, "test", None, ast.UnaryOp(ast.Not(), test), line)
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield Edit(node, "value", None, ast.Constant(None), line)
        case ast.Call(keywords=keywords):
            for keyword in keywords:
                if keyword.arg != TEXT:
                    yield Edit(node, "keywords", None, [one for one in keywords if one is not keyword], keyword.lineno)
        case ast.comprehension(ifs=[first, *_]):
            yield Edit(node, "ifs", None, [], first.lineno)
        case ast.match_case(guard=ast.expr() as guard):
            yield Edit(node, "guard", None, None, guard.lineno)


def _statements(node: ast.AST, spared: set[ast.AST]) -> Iterator[Edit]:
    """Statements left out."""
    for field in BODIES:
        body = getattr(node, field, None)
        if not isinstance(body, list) or isinstance(node, ast.ClassDef | ast.Module):
            continue
        for index, statement in enumerate(body):
            if not isinstance(statement, UNTOUCHED) and statement not in spared:
                yield Edit(node, field, index, ast.Pass(), statement.lineno)


def _spared(tree: ast.Module) -> set[ast.AST]:
    """Annotations, docstrings, decorators and the like, with all that is in them."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef():
                roots += [node.returns, *node.decorator_list]
            case ast.arg():
                roots.append(node.annotation)
            case ast.AnnAssign():
                roots.append(node.annotation)
            case ast.ClassDef():
                roots += [*node.keywords, *node.bases]
            case ast.Expr(value=ast.Constant(value=str())):
                roots.append(node)
            case ast.Raise():
                roots.append(node)
    return {inner for root in roots if root is not None for inner in ast.walk(root)}


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
