"""What the documentation tells people to type works when it is typed, page by page, in the page's order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.documented import Command, Terminal, commands_of
from tests.kit.processes import REPOSITORY

pytestmark = pytest.mark.e2e

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(str(page.relative_to(REPOSITORY)) for page in REPOSITORY.glob("docs/*/*.md")),
)
BRIEF = ("README.md", "docs/tutorial/first-paper-trade.md")
"""What everybody reads; the other pages take minutes."""

ELSEWHERE = {
    r"make (setup|test|check|bench|chaos\S*|stranger|docs|screenshots)\b": "this test is part of it, or it takes long",
    r"python -m (pytest|tests\.)": "this test is part of it, or it takes long",
    r"--config config/(paper-live|prod|testnet)\.toml": "needs the network, or a key",
    r"cd demo && ": "needs a key of Demo Trading",
    r"vortex record --symbols": "needs the network",
    r"vortex db (migrate|check)": "needs a database; tests/cli/test_database.py types them",
    r"docker (compose|inspect)|openssl rand": "needs Docker",
    r"ssh -L ": "needs another machine",
    r"cat \.env$": "shows a file that a person has written",
    r"BTCUSDT_1m_\S+\.csv\.gz": "a file that is not shipped",
}
"""Commands that are not typed here, and why."""


def left_out(command: Command) -> bool:
    return any(re.search(pattern, command.text) for pattern in ELSEWHERE)


def all_commands() -> Iterator[Command]:
    for page in PAGES:
        yield from commands_of(REPOSITORY / page)


def test_nothing_is_left_out_in_vain() -> None:
    texts = [command.text for command in all_commands()]
    assert [pattern for pattern in ELSEWHERE if not any(re.search(pattern, text) for text in texts)] == []


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=() if page in BRIEF else pytest.mark.chaos) for page in PAGES]
)
def test_the_commands_of_a_page(page: str, tmp_path: Path) -> None:
    typed = [command for command in commands_of(REPOSITORY / page) if not left_out(command)]
    if not typed:
        return
    terminal = Terminal(tmp_path)
    try:
        for command in typed:
            terminal.type(command.text)
    finally:
        terminal.close()
