"""A supervisor that hangs cannot look after its children any more: its own supervisor does."""

from __future__ import annotations

from tests.runtime.world import PATIENCE_S, Note, StopChild, World
from vortex.runtime import Crash

HUNG = Crash(how="hang", seconds=10.0)  # longer than the machine runs somebody else: it is found in any case


def test_one_that_hangs_is_replaced_with_all_of_its_children(world: World) -> None:
    world.start(world.tree("T", world.worker("x")))
    world.until(lambda: world.state("T/x") == "READY")
    world.at("T").tell(HUNG)
    world.until_ready("T/x", 2)
    assert world.at("T/x").ask(Note("new"), PATIENCE_S) == "new"


def test_one_that_hangs_while_it_is_to_stop_leaves_no_child_behind(world: World) -> None:
    root = world.start(world.tree("T", world.worker("x"), stop_s=60.0))
    world.until(lambda: world.state("T/x") == "READY")
    world.at("T").tell(HUNG)
    root.tell(StopChild("T"))
    world.until(lambda: world.state("T/x") == "STOPPED")
    world.at("T/x").tell(Note("nobody is there"))
    assert world.at("T/x").dead_by_type["Note"] == 1
    assert "T/x nobody is there" not in world.journal


def test_a_root_that_hangs_leaves_nobody_running(world: World) -> None:
    world.start(world.worker("a"), world.tree("T", world.worker("x")))
    world.until(lambda: world.state("T/x") == "READY")
    world.at("root").tell(HUNG)
    world.until(lambda: bool(world.failures))
    assert {world.state(path) for path in ("root", "a", "T", "T/x")} == {"STOPPED"}
    world.at("T/x").tell(Note("nobody is there"))
    assert world.at("T/x").dead_by_type["Note"] == 1
