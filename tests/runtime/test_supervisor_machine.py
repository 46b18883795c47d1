"""A supervisor against a small model of one, under any order of crashes, hangs, failing starts and people."""

from __future__ import annotations

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.runtime.world import PATIENCE_S, Note, StartChild, StopChild, Worker, World
from vortex.runtime import ChildSpec, Crash, RestartLimits, VirtualDispatcher

NAMES = ("a", "b", "c")
HOWS = ("exception", "system_exit", "hang")
LIMITS = RestartLimits(1_000_000, 60.0)
SETTLED_MS = 60_000.0
"""Longer than any start, stop or restart delay."""


class SupervisorMachine(RuleBasedStateMachine):
    """The model: which children there are, and how many starts each has had."""

    def __init__(self) -> None:
        super().__init__()
        self.dispatcher = VirtualDispatcher(seed=Random(5).randrange(100), start_ms=0)
        self.world = World(self.dispatcher)
        self.alive: dict[str, int] = {}
        self.starts = dict.fromkeys(NAMES, 0)
        self.world.start(limits=LIMITS)

    def settle(self) -> None:
        self.dispatcher.run_for(SETTLED_MS)

    @rule(name=st.sampled_from(NAMES))
    def start_child(self, name: str) -> None:
        if name not in self.alive:
            self.world.at("root").tell(StartChild(ChildSpec(name, lambda: Worker(world=self.world))))
            self.settle()
            self.starts[name] += 1
            self.alive[name] = self.starts[name]

    @rule(name=st.sampled_from(NAMES))
    def stop_child(self, name: str) -> None:
        if name in self.alive:
            self.world.at("root").tell(StopChild(name))
            self.settle()
            del self.alive[name]

    @rule(name=st.sampled_from(NAMES), how=st.sampled_from(HOWS), times=st.integers(1, 3))
    def crash(self, name: str, how: str, times: int) -> None:
        if name in self.alive:
            self.world.at(name).tell(Crash(how=how, times=times, seconds=9.0))  # type: ignore[arg-type]  # sampled
            self.settle()
            self._started(name, times)

    @rule(name=st.sampled_from(NAMES), times=st.integers(1, 3))
    def fail_starts(self, name: str, times: int) -> None:
        if name in self.alive:
            self.world.at(name).tell(Crash(how="start_failure", times=times))
            self.settle()
            self._started(name, times + 1)

    @rule(names=st.lists(st.sampled_from(NAMES), min_size=2, max_size=3, unique=True))
    def crash_together_and_stop_one(self, names: list[str]) -> None:
        there = [name for name in names if name in self.alive]
        for name in there:
            self.world.at(name).tell(Crash())
        for name in there[:1]:
            self.world.at("root").tell(StopChild(name))
        self.settle()
        for name in there[1:]:
            self._started(name, 1)
        for name in there[:1]:
            self.starts[name] = self.world.at(name).generation  # it may have been started once more before the stop
            del self.alive[name]

    @invariant()
    def states_and_generations_are_the_models(self) -> None:
        for name in NAMES:
            expected = "READY" if name in self.alive else "STOPPED" if self.starts[name] else ""
            assert self.world.state(name) == expected
            if name in self.alive:
                assert self.world.info(name).generation == self.alive[name]

    @invariant()
    def exactly_the_living_answer(self) -> None:
        for name in self.alive:
            assert self.world.at(name).ask(Note(name), PATIENCE_S) == name
        for name in set(NAMES) - set(self.alive):
            address = self.world.system.find(name)
            assert address is None or address.cell is None or address.cell.over

    def teardown(self) -> None:
        assert self.world.failures == []
        assert self.world.system.stop(PATIENCE_S)
        assert {info.state for info in self.world.system.tree()} == {"STOPPED"}

    def _started(self, name: str, times: int) -> None:
        self.starts[name] += times
        self.alive[name] = self.starts[name]


TestSupervisorMachine = SupervisorMachine.TestCase
TestSupervisorMachine.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
