"""Runs each small change of the code that keeps orders safe against the tests of it, several in a second.

This process imports pytest and no code of ours: each change is tested in a fork of it, into which the changed module is
loaded before anything else asks for it.
"""

from __future__ import annotations

import argparse
import ast
import os
import resource
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from pathlib import Path
from random import Random
from time import monotonic
from types import CodeType, ModuleType

import hypothesis
import pytest
from msgspec import Struct

from tests.chaos.mutation import Edit, edits_of
from tests.chaos.progress import Progress, say
from tests.kit.processes import REPOSITORY

WANTED = 0.90
CPU_S = 60
"""A change that makes an endless loop is found by this."""
WORLD_SEEDS = 150
DESK_TESTS = (
    "bracket", "bracket_ids", "leg", "reconcile", "flatness", "attribution", "adoption", "planning", "desk",
    "desk_positions", "desk_refusals", "desk_flatten", "desk_doubt", "desk_write_off", "funding", "questions", "rivals",
)  # fmt: skip
DESK = tuple(f"tests/domain/desk/test_{name}.py" for name in DESK_TESTS)


class Target(Struct, frozen=True):
    """What is changed, and what must notice.

    Attributes:
        tests: In this order, up to the first that fails.
        world_seeds: How many hostile worlds a change must survive after the tests.
    """

    tests: tuple[str, ...]
    world_seeds: int = 0


ORDERS = (
    "bracket", "leg", "reconcile", "planning", "desk", "flatness", "agenda", "questions", "vacancy", "attribution",
    "adoption", "recovery", "absence", "herald", "rivals",
)  # fmt: skip
MONEY = tuple(f"tests/domain/risk/test_{name}.py" for name in ("parts", "gates", "situation", "account"))
RISK = ("account", "costs", "depth", "gates", "leverage", "liquidation", "proposal", "sizing", "targets", "view")
TARGETS = (
    {f"vortex.domain.desk.{name}": Target(DESK, WORLD_SEEDS) for name in ORDERS}
    | {f"vortex.domain.risk.{name}": Target((*MONEY, "tests/domain/test_golden.py")) for name in RISK}
    | {"vortex.domain.pnl": Target(("tests/domain/test_pnl.py",))}
)


class Tested(Struct, frozen=True, kw_only=True):
    """What became of one change."""

    module: str
    change: str
    killed: bool


class Changed(MetaPathFinder, Loader):
    """Loads one module from a syntax tree instead of its file."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module, self._code = module, code

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        return spec_from_loader(name, self) if name == self._module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # noqa: S102  # this is what it is for


def source_of(module: str) -> Path:
    """The file of a module, found without importing it."""
    return REPOSITORY / Path(*module.split(".")).with_suffix(".py")


def is_noticed(module: str, tree: ast.Module, target: Target) -> bool:
    """Load the changed module and run the tests: true when one fails, or nothing works any more."""
    assert not any(name.startswith("vortex.") for name in sys.modules)
    code = compile(ast.fix_missing_locations(tree), str(source_of(module)), "exec")
    sys.meta_path.insert(0, Changed(module, code))
    quiet = ("-x", "-q", "--no-header", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:randomly")
    if pytest.main([*quiet, *(str(REPOSITORY / test) for test in target.tests)]) != pytest.ExitCode.OK:
        return True
    return target.world_seeds > 0 and _worlds_notice(target.world_seeds)


def _worlds_notice(seeds: int) -> bool:
    from tests.domain.hostile_judge import violations_of  # noqa: PLC0415  # only after the change is in place

    return any(violations_of(seed) for seed in range(seeds))


def start_trial(module: str, tree: ast.Module, edit: Edit | None, target: Target) -> int:
    """Start a child that tests one change, or none; returns its process id. It ends with 0 when nothing noticed."""
    pid = os.fork()
    if pid:
        return pid
    noticed = 1
    with suppress(BaseException):  # whatever comes out of it, it was noticed
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        if edit is not None:
            edit.apply()
        noticed = int(is_noticed(module, tree, target))
    os._exit(noticed)


def try_all(module: str, known: set[str], workers: int, deadline_s: float, most: int | None) -> Iterator[Tested]:
    """Test every change of a module that is not known yet, or a sample, some at a time, until time is over."""
    tree, target = ast.parse(source_of(module).read_text("utf-8")), TARGETS[module]
    changes = list(_named(edits_of(tree)))
    if most is not None and most < len(changes):
        changes = Random(module).sample(changes, most)
    left = [(change, edit) for change, edit in changes if change not in known]
    _, status = os.waitpid(start_trial(module, tree, None, target), 0)
    if status:
        raise RuntimeError(f"the tests of {module} fail without any change: {' '.join(target.tests)}")
    running: dict[int, str] = {}
    while left or running:
        while left and len(running) < workers and monotonic() < deadline_s:
            change, edit = left.pop(0)
            running[start_trial(module, tree, edit, target)] = change
        if not running:
            return
        pid, status = os.wait()
        yield Tested(module=module, change=running.pop(pid), killed=status != 0)


def _named(edits: Sequence[Edit]) -> Iterator[tuple[str, Edit]]:
    """Each with a name of its own: two alike in one line are numbered."""
    seen: Counter[str] = Counter()
    for edit in edits:
        name = edit.describe()
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name} (no. {seen[name]})"), edit


def report(tested: Sequence[Tested], modules: Sequence[str]) -> int:
    """Print the share of killed changes and every survivor; 1 when too many survived."""
    for one in tested:
        if not one.killed and one.module in modules:
            say(f"survived {one.module}:{one.change}")
    for module in modules:
        of_module = [one.killed for one in tested if one.module == module]
        if of_module:
            say(f"{module:28} {sum(of_module):4} of {len(of_module):4} killed, {sum(of_module) / len(of_module):.1%}")
    killed = [one.killed for one in tested if one.module in modules]
    share = sum(killed) / len(killed) if killed else 0.0
    say(f"{'all':28} {sum(killed):4} of {len(killed):4} killed, {share:.1%}; wanted are {WANTED:.0%}")
    return int(share < WANTED)


def warm_up() -> None:
    """Import what every child needs, but nothing that is changed."""
    hypothesis.settings.register_profile("mutation", database=None, derandomize=True)
    hypothesis.settings.load_profile("mutation")
    for name in ("pykka", "loguru", "hypothesis.strategies", "_pytest.assertion.rewrite"):
        __import__(name)
    assert PathFinder in sys.meta_path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.mutation_run", description=__doc__)
    parser.add_argument("modules", nargs="*", help=f"instead of all: {', '.join(TARGETS)}")
    parser.add_argument("--minutes", type=float, default=50.0, help="stop after this time")
    parser.add_argument("--changes", type=int, help="so many of each module, drawn by its name; all by default")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="forks side by side")
    parser.add_argument("--state", type=Path, default=REPOSITORY / "build" / "chaos-mutants.jsonl")
    chosen = parser.parse_args()
    modules = chosen.modules or list(TARGETS)
    warm_up()
    progress = Progress(chosen.state, Tested, ("tests/domain",))
    deadline_s = monotonic() + chosen.minutes * 60
    for module in modules:
        known = {one.change for one in progress.verdicts if one.module == module}
        for tested in try_all(module, known, chosen.workers, deadline_s, chosen.changes):
            progress.add(tested)
    return report(progress.verdicts, modules)


if __name__ == "__main__":
    sys.exit(main())
