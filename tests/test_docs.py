"""The documentation says what the code says, and its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.generate_commands import BEGIN
from docs.generate_reference import FOLDER, NOTE, pages
from vortex.adapters.ledger import TABLES, VIEWS

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
WIDTH = 120
ADRS = ROOT / "docs" / "adr"
DEPENDENCY = re.compile(r'^    "([A-Za-z0-9-]+)[~>=<]', re.MULTILINE)


def documents() -> Iterator[Path]:
    """Every Markdown page of the repository."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],  # noqa: S607  # whichever git there is
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return (ROOT / name for name in listed.stdout.splitlines())


@pytest.mark.parametrize("name", ["configuration.md", "messages.md", "codes.md", "metrics.md", "command-line.md"])
def test_a_reference_page_is_what_the_code_says(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == pages()[name], "run `python -m docs.generate_reference`"


def test_the_ledger_page_has_every_column_of_every_table_and_view() -> None:
    sections = (FOLDER / "ledger.md").read_text(encoding="utf-8").split("\n## ")[1:]
    found = {part.split("`")[1]: tuple(re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)) for part in sections}
    assert found == {**TABLES, **VIEWS, "v_recent_trades": ()}  # the last one has those of trade_logs


def test_every_link_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in documents()
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_no_line_is_longer_than_an_editor_is_wide() -> None:
    """Of what people write; a row of a table cannot be broken."""
    long = [
        f"{page.relative_to(ROOT)}:{number}"
        for page in documents()
        for number, line in enumerate(_written(page).splitlines(), 1)
        if len(line) > WIDTH and not line.startswith("|")
    ]
    assert long == []


def _written(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    return "" if text.startswith(NOTE) else text.partition(BEGIN)[0]


def test_every_decision_is_in_the_index_and_complete() -> None:
    index = (ADRS / "README.md").read_text(encoding="utf-8")
    found = sorted(ADRS.glob("[0-9]*.md"))
    assert [int(page.name[:4]) for page in found] == list(range(1, len(found) + 1))
    for page in found:
        text = page.read_text(encoding="utf-8")
        assert f"({page.name})" in index, page.name
        assert all(f"\n## {part}\n" in text for part in ("Context", "Decision", "Consequences")), page.name
        assert 15 <= len(text.splitlines()) <= 35, page.name


def test_every_dependency_is_explained() -> None:
    declared = set(DEPENDENCY.findall((ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    explained = (FOLDER / "dependencies.md").read_text(encoding="utf-8")
    assert declared
    assert {name for name in declared if f"| {name} |" not in explained} == set()
