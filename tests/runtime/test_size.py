"""The runtime stays small enough to be read in one sitting."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import vortex.runtime

RUNTIME = Path(vortex.runtime.__file__).parent
LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(source: str) -> int:
    """Count lines that hold code: no blank lines, comments or docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in LAYOUT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def test_counting() -> None:
    assert code_lines('"""Doc."""\n\n# why\nx = (\n    1\n)\ndef f():\n    """Doc."""\n    return x  # c\n') == 5


def test_the_runtime_is_small() -> None:
    assert sum(code_lines(path.read_text()) for path in RUNTIME.rglob("*.py")) <= 1_050


def test_few_names_are_public() -> None:
    assert len(vortex.runtime.__all__) <= 14
