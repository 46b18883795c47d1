"""Crashes on order, of every kind; poison; limits of a child's own; starts that never succeed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, Literal

import pytest

from tests.runtime.world import MANY, PATIENCE_S, Boom, Boss, Note, Worker, World
from vortex.runtime import ChildSpec, Crash, RestartLimits

ONE = RestartLimits(1, 60.0)
AT_ONCE = RestartLimits(1_000, 0.000_001)


class Forgiving(Boss):
    """Tries a child that has used up its restarts again after a while."""

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {**super().handlers(), str: self.revive}

    def child_exhausted(self, name: str, error: BaseException) -> float:
        self._world.journal.append(f"{self.context.path} gives {name} a rest: {type(error).__name__}")
        return 3_600.0


def forgiving(world: World, name: str, children: Sequence[ChildSpec]) -> ChildSpec:
    return ChildSpec(name, lambda: Forgiving(world=world, first=children, limits=MANY))


@pytest.mark.parametrize("how", ["exception", "system_exit"])
def test_a_crash_is_repeated_in_each_next_incarnation(
    every_world: World, how: Literal["exception", "system_exit"]
) -> None:
    every_world.start(every_world.worker("a"), every_world.worker("b"), limits=AT_ONCE)
    every_world.at("a").tell(Crash(how=how, times=3))
    every_world.until_ready("a", 4)
    assert every_world.at("a").ask(Note("well again"), PATIENCE_S) == "well again"
    assert every_world.info("b").generation == 1
    assert every_world.at("a").crash_to_come is None


def test_a_start_failure_is_one_crash_and_then_as_many_failed_starts(every_world: World) -> None:
    every_world.start(every_world.worker("a"), limits=AT_ONCE)
    every_world.at("a").tell(Crash(how="start_failure", times=2))
    every_world.until_ready("a", 4)
    assert every_world.journal.count("a started") == 2
    assert every_world.info("a").restarts == 3


def test_a_message_that_crashes_its_actor_three_times_is_not_given_to_it_again(world: World) -> None:
    world.start(world.worker("a"))
    for generation in (2, 3, 4):
        assert world.info("a").state == "READY"
        world.at("a").tell(Boom(ValueError()))
        world.until(partial(_restarted, world, generation))
    world.at("a").tell(Boom(ValueError()))
    assert world.at("a").ask(Note("still here"), PATIENCE_S) == "still here"
    assert (world.state("a"), world.info("a").generation) == ("QUARANTINED", 4)
    assert world.at("a").dead_by_type["Boom"] == 1


def test_different_causes_are_no_poison(world: World) -> None:
    world.start(world.worker("a"))
    for generation, error in enumerate((ValueError(), KeyError(), ValueError(), KeyError()), 2):
        world.at("a").tell(Boom(error))
        world.until_ready("a", generation)


def test_injected_crashes_are_no_poison(world: World) -> None:
    world.start(world.worker("a"))
    world.at("a").tell(Crash(times=4))
    world.until_ready("a", 5)
    assert world.at("a").quarantined == frozenset()


def test_a_child_with_limits_of_its_own_does_not_use_up_its_siblings(world: World) -> None:
    own = world.worker("a", limits=RestartLimits(10, 60.0))
    world.start(own, world.worker("b"), limits=ONE)
    world.at("a").tell(Crash(times=3))
    world.until_ready("a", 4)
    world.at("b").tell(Crash())
    world.until_ready("b", 2)
    assert not world.failures


def test_a_supervisor_may_rest_a_child_and_revive_it(world: World) -> None:
    children = [world.worker("x", limits=ONE), world.worker("y")]
    world.start(forgiving(world, "T", children))
    world.until(lambda: world.state("T/y") == "READY")
    world.at("T/x").tell(Crash(times=2))
    world.until(lambda: "T gives x a rest: InjectedCrash" in world.journal)
    assert world.state("T/x") == "RESTARTING"
    assert world.at("T/y").ask(Note("unharmed"), PATIENCE_S) == "unharmed"
    world.at("T").tell("x")
    world.until_ready("T/x", 3)
    world.at("T/x").tell(Crash())
    world.until_ready("T/x", 4)


def test_a_child_with_limits_of_its_own_that_never_starts_holds_nobody_up(world: World) -> None:
    class Never(Worker):
        def started(self) -> None:
            raise OSError("never")

    never = ChildSpec("x", lambda: Never(world=world), limits=RestartLimits(0, 60.0))
    world.start(forgiving(world, "T", [never, world.worker("y")]))
    world.until(lambda: world.state("T/y") == "READY")
    assert world.state("T/x") == "RESTARTING"


def test_jitter_shortens_delays_but_not_the_first(world: World) -> None:
    assert 0.8 <= Random(1).uniform(0.8, 1.0) <= 1.0
    world.start(world.worker("a"))
    before_ms = world.dispatcher.clock.monotonic_ms()
    world.at("a").tell(Crash(times=3))
    world.until_ready("a", 4)
    assert world.dispatcher.clock.monotonic_ms() - before_ms >= 80.0 + 160.0


def _restarted(world: World, generation: int) -> bool:
    info = world.info("a")
    return info.generation == generation and info.state in ("READY", "QUARANTINED")
