"""Rules about the shape of the code that no linter knows. Who may import whom is import-linter's (`make imports`)."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from msgspec import Struct, structs

from vortex import messages, queries
from vortex.config.schema import Engines
from vortex.domain import order, signal, trade
from vortex.domain.desk import notices
from vortex.domain.engines.registry import REGISTRY, EngineSpec
from vortex.domain.market import FlowStep, MarketValue, MinuteVolume, Trade
from vortex.domain.scoring import BaseWeights, MaxAges
from vortex.runtime import control

ROOT = Path(__file__).parents[1]
MODULE_LINES = 400
FUNCTION_LINES = 40
HANDLER_LINES = 20
REGISTRY_ADDRESS = re.compile(
    "|".join([r"pypi\." + "org", r"files\." + "pythonhosted", r"(?<!no-emit-)index" + "-url"])
)
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", r"\bX" + "XX" + r"\b"]))


@cache
def tracked() -> dict[str, str]:
    """Path and text of every tracked file that is text."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],  # noqa: S607  # whichever git there is
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    texts: dict[str, str] = {}
    for name in filter(None, listed.stdout.split("\0")):
        data = (ROOT / name).read_bytes() if (ROOT / name).exists() else b"\0"
        if b"\0" not in data:
            texts[name] = data.decode("utf-8")
    return texts


def modules(folder: str) -> dict[str, str]:
    """The tracked Python modules below a folder."""
    return {name: text for name, text in tracked().items() if name.startswith(f"{folder}/") and name.endswith(".py")}


def functions(folder: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function and method below a folder, with its place."""
    for name, text in modules(folder).items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}:{node.lineno} {node.name}", node


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("folder", ["vortex", "tests", "docs"])
def test_modules_and_functions_are_small(folder: str) -> None:
    assert modules(folder)
    assert [name for name, text in modules(folder).items() if len(text.splitlines()) > MODULE_LINES] == []
    assert [place for place, node in functions(folder) if lines_of(node) > FUNCTION_LINES] == []


def test_handlers_are_small() -> None:
    """An actor is a thin shell: what is worth more lines than these belongs into the domain."""
    handlers = [(place, node) for place, node in functions("vortex/actors") if node.name.startswith("_on_")]
    assert handlers
    assert [place for place, node in handlers if lines_of(node) > HANDLER_LINES] == []


def protocol() -> list[type[Struct]]:
    """Every value that is told to an actor, or is a part of one."""
    places = (messages, queries, control, notices, order, signal, trade)
    found = [
        kind for place in places for kind in vars(place).values()
        if isinstance(kind, type) and issubclass(kind, Struct) and kind is not Struct
    ]  # fmt: skip
    return [*found, *get_args(MarketValue), FlowStep, MinuteVolume, Trade]


@pytest.mark.parametrize("kind", protocol(), ids=lambda kind: kind.__name__)
def test_every_message_is_frozen(kind: type[Struct]) -> None:
    assert kind.__struct_config__.frozen


@pytest.mark.parametrize("spec", REGISTRY, ids=lambda spec: spec.section)
def test_every_engine_has_its_section(spec: EngineSpec) -> None:
    assert type(getattr(Engines(), spec.section)) is spec.params
    assert getattr(BaseWeights(), spec.section, spec.weight) == spec.weight
    assert getattr(MaxAges(), f"{spec.section}_ms", spec.max_age_ms) == spec.max_age_ms


def test_every_section_and_weight_is_an_engines() -> None:
    sections = {spec.section for spec in REGISTRY}
    assert {field.name for field in structs.fields(Engines)} == sections
    assert {field.name for field in structs.fields(BaseWeights)} <= sections
    assert {field.name.removesuffix("_ms") for field in structs.fields(MaxAges)} <= sections


def test_every_package_says_what_it_is() -> None:
    silent = [
        name for name, text in modules("vortex").items()
        if name.endswith("__init__.py") and ast.get_docstring(ast.parse(text)) is None
    ]  # fmt: skip
    assert silent == []


def test_no_docstring_points_to_a_document_that_is_not_here() -> None:
    absent = re.compile(r"\b(CONTRACTS|DESIGN|spec/\w+) \d")
    assert [name for name, text in modules("vortex").items() if absent.search(text)] == []


def test_no_file_names_a_package_registry() -> None:
    assert [name for name, text in tracked().items() if REGISTRY_ADDRESS.search(text)] == []


def test_nothing_is_left_unfinished() -> None:
    assert [name for name, text in tracked().items() if UNFINISHED.search(text)] == []
