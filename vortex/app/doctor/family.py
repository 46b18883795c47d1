"""A family of checks: looked at together, within a time limit of their own, and never the end of the examination."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeAlias

from msgspec import Struct

from vortex.adapters.sqlite.connect import StoreError
from vortex.app.children.simulator import SimulatorFailedError
from vortex.app.data_dir import AlreadyRunningError
from vortex.app.preflight import Check, Finding, Verdict
from vortex.config import Config, ConfigError

EXPECTED = (OSError, ConfigError, StoreError, SimulatorFailedError, AlreadyRunningError)
"""What a look may find instead of an answer; the words are fit for people."""


class Options(Struct, frozen=True, kw_only=True):
    """What the examination was asked for besides.

    Attributes:
        canary: Place two far orders and take them back.
        latency_from: Public exchange to measure the way to; paper mode alone is nowhere.
    """

    canary: bool = False
    latency_from: str | None = None


Look: TypeAlias = Callable[[Config, Options], Iterable[Check]]


class Family(Struct, frozen=True):
    """Checks by their names, and what looks; real seconds until what has not been found counts as failed."""

    names: tuple[str, ...]
    look: Look
    timeout_s: float = 10.0

    def examine(self, config: Config, options: Options) -> Iterator[Check]:
        """A line for every name, as it is found: one that failed to be found says why, those behind it that it did."""
        queue: SimpleQueue[Check | str | None] = SimpleQueue()
        Thread(target=_look, args=(self.look, config, options, queue), daemon=True, name=self.names[0]).start()
        missing = list(self.names)
        while (found := self._next(queue)) is not None:
            if isinstance(found, str):
                yield from _lost(missing, found)
                return
            if found.name in missing:
                missing.remove(found.name)
            yield found
        yield from (Check(name=name, verdict=Verdict.NOT_CHECKED, detail="nothing was found out") for name in missing)

    def _next(self, queue: SimpleQueue[Check | str | None]) -> Check | str | None:
        try:
            return queue.get(timeout=self.timeout_s)
        except Empty:
            return f"no answer within {self.timeout_s:g} s"


def line(name: str, judge: Callable[[], Finding]) -> Check:
    """One check from one judgement; what it meets instead of an answer is its failure."""
    try:
        verdict, detail = judge()
    except EXPECTED as error:
        verdict, detail = Verdict.FAILED, str(error)
    return Check(name=name, verdict=verdict, detail=detail)


def _look(look: Look, config: Config, options: Options, queue: SimpleQueue[Check | str | None]) -> None:
    """On a thread of its own, which may hang."""
    try:
        for check in look(config, options):
            queue.put(check)
    except EXPECTED as error:
        queue.put(str(error))
    except Exception as error:  # noqa: BLE001  # our own mistake is a line too: the other families are still looked at
        queue.put(f"internal error: {type(error).__name__}")
    else:
        queue.put(None)


def _lost(names: list[str], why: str) -> Iterator[Check]:
    """The first of these failed; without it nothing was found of those behind it."""
    for position, name in enumerate(names):
        if position == 0:
            yield Check(name=name, verdict=Verdict.FAILED, detail=why)
        else:
            yield Check(name=name, verdict=Verdict.NOT_CHECKED, detail=f"{names[0]} failed")
