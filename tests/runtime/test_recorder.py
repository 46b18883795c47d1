"""A recorder hears what every actor handles, in order, and is the clock that actors read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import pytest

from tests.runtime.world import MANY, PATIENCE_S, Note, RealClock
from vortex.runtime import Actor, ActorSystem, ChildSpec, PoolDispatcher, Supervisor, VirtualDispatcher


class Tape:
    """Keeps (path, generation, type of message) and stands at one time."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, int, str]] = []

    def now_ms(self) -> int:
        return 4_711

    def monotonic_ms(self) -> float:
        return 4_711.0

    def real_s(self, duration_ms: float) -> float:
        return duration_ms / 1_000.0

    def handling(self, path: str, generation: int, message: object | None) -> None:
        self.heard.append((path, generation, "" if message is None else type(message).__name__))


class TimeTeller(Actor):
    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {Note: lambda _: self.context.clock.now_ms()}


class Root(Supervisor):
    def children(self) -> Sequence[ChildSpec]:
        return [ChildSpec("a", TimeTeller)]


@pytest.mark.parametrize("kind", ["pool", "virtual"])
def test_a_recorder_hears_everything_in_order_and_is_the_clock(kind: str) -> None:
    dispatcher = PoolDispatcher(RealClock()) if kind == "pool" else VirtualDispatcher(seed=1, start_ms=0)
    tape, failures = Tape(), list[BaseException]()
    system = ActorSystem(dispatcher, on_root_failure=failures.append, recorder=tape)
    root = system.start_root(ChildSpec("root", lambda: Root(limits=MANY, random=Random(1))))
    while system.address(root, "a").state != "READY":
        _pass_time(dispatcher)
    assert system.address(root, "a").ask(Note("?"), PATIENCE_S) == 4_711
    assert [each for each in tape.heard if each[0] == "a"] == [("a", 1, ""), ("a", 1, "Note")]
    heard = [each for each in tape.heard if each[2] != "Beat"]
    assert heard[:3] == [("root", 1, ""), ("a", 1, ""), ("root", 1, "ChildReady")]
    assert system.stop(PATIENCE_S)
    assert failures == []


def _pass_time(dispatcher: PoolDispatcher | VirtualDispatcher) -> None:
    if isinstance(dispatcher, VirtualDispatcher):
        dispatcher.run_for(10.0)
    else:
        time.sleep(0.001)
