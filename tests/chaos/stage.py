"""One run of the whole system that is to be crashed, and what a world outside does to it meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct

from tests.chaos.profile import BTC, ETH, profile
from tests.kit.crashing import CrashingDispatcher, Strike, role_of
from tests.kit.virtual import START_MS, virtual_run
from vortex.domain.order import OrderKind
from vortex.queries import GetSymbolStatus, SymbolStatus
from vortex.runtime import ActorState, Crash
from vortex.runtime.errors import ActorFault, AskTimeout
from vortex.sim.core.world import Latency
from vortex.sim.market.sources import DEFAULT_MARKETS, SHIPPED

SLICE_S = 0.2
OUTAGE_S = 1.0
ASK_S = 2.0
PLACES, STRIDE_MS = 12, 37_000
"""A seed begins at one of these places of the recording."""


class Setting(Struct, frozen=True, kw_only=True):
    """Which market a run is about.

    Attributes:
        symbols: What is traded.
        twins: Both symbols show the same prices at the same moments, and the account has room for one position.
        hold_s: How long a trade lasts.
        patient: No number of crashes makes a supervisor give up.
    """

    symbols: tuple[str, ...] = (BTC,)
    twins: bool = False
    hold_s: int = 1
    patient: bool = True


class Stage:
    """The system under one seed.

    Attributes:
        violations: What was seen to go wrong while it ran.
        outages: When there was no process, from the root's death to the next start, in epoch ms.
        hits: Paths of the actors that were crashed.
        doomed: The root may die.
        moved: Symbols that were removed or added meanwhile.
    """

    def __init__(
        self, data_dir: Path, seed: int, strikes: tuple[Strike, ...] = (), setting: Setting | None = None
    ) -> None:
        self.setting = setting or Setting()
        self.random = Random(f"{seed}/stage")
        self.violations: list[str] = []
        self.outages: list[tuple[int, int]] = []
        self.dispatcher = CrashingDispatcher(seed, START_MS, strikes)
        self.doomed = False
        self.moved: set[str] = set()
        self._told: list[str] = []
        twins = self.setting.twins
        self.run = virtual_run(
            profile(self.symbols, self.setting.hold_s, 1 if twins else 3, patient=self.setting.patient),
            data_dir,
            seed=seed,
            markets=(f"{BTC},{ETH}={SHIPPED / DEFAULT_MARKETS[0]}",) if twins else DEFAULT_MARKETS[: len(self.symbols)],
            played_ms=dict.fromkeys((BTC, ETH), seed % PLACES * STRIDE_MS),
            latency=Latency(sigma=0.0) if twins else None,
            dispatcher=self.dispatcher,
        )

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.setting.symbols

    @property
    def hits(self) -> list[str]:
        return [*self._told, *self.dispatcher.companions, *(path for path, *_ in self.dispatcher.fired)]

    def pass_s(self, seconds: float) -> None:
        """Let time pass; when the root dies, nothing runs for a second, then another process starts."""
        end_ms = self.dispatcher.now_ms() + round(seconds * 1000)
        while (left_ms := end_ms - self.dispatcher.now_ms()) > 0:
            self.run.run_for(min(SLICE_S, left_ms / 1000))
            if self.run.failures:
                self.reboot()

    def pass_until(self, happened: Callable[[], bool], limit_s: float) -> bool:
        """Let time pass until something is true; false when it took longer."""
        end_ms = self.dispatcher.now_ms() + round(limit_s * 1000)
        while not happened():
            if self.dispatcher.now_ms() >= end_ms:
                return False
            self.pass_s(SLICE_S)
        return True

    def reboot(self) -> None:
        """The process is gone: a while later there is another, which knows the files alone."""
        deaths = self._deaths()
        if not (deaths or self.doomed):
            self.violations.append(f"the root died of {self.run.failures[0]!r}")
        down_ms = deaths[0] if deaths else self.dispatcher.now_ms()
        self.run.system.cut_off(self.run.system.address(None, "root"))
        self.run.run_for(OUTAGE_S)
        self.run.failures.clear()
        self.run.restart()
        self.outages.append((down_ms, self.dispatcher.now_ms()))

    @property
    def dying(self) -> bool:
        """True from a crash of the root until another process runs."""
        return bool(self._deaths())

    def _deaths(self) -> list[int]:
        """When the root of the present process was crashed, in epoch ms."""
        began_ms = self.outages[-1][1] if self.outages else 0
        return [at_ms for path, _, at_ms in self.dispatcher.fired if path == "root" and at_ms >= began_ms]

    def tell(self, path: str, message: object) -> None:
        """Tell an actor that runs, or has run."""
        address = self.run.system.find(path)
        if address is not None:
            address.tell(message)

    def crash(self, path: str) -> None:
        """Have an actor crash once, by a message of its own."""
        self._told.append(path)
        self.tell(path, Crash())

    def fail_starts(self, path: str, times: int) -> None:
        """Have an actor crash, and then fail to start so often."""
        self._told += [path] * (1 + times)
        self.tell(path, Crash(how="start_failure", times=times))

    def ask(self, path: str, message: object) -> Any:
        """Ask as the control API does; None when the actor crashed over it or was down. It is never left waiting."""
        address = self.run.system.find(path)
        try:
            return None if address is None else address.ask(message, ASK_S)
        except ActorFault as fault:  # it crashed over the question, is down, or is just leaving
            if isinstance(fault, AskTimeout) and path not in self.hanging:
                self.violations.append(f"an ask was left without an answer: {fault}")
            return None

    def insist(self, path: str, message: object) -> Any:
        """Ask until it is answered, as a person would."""
        for _ in range(100):
            reply = self.ask(path, message)
            if reply is not None:
                return reply
            self.pass_s(SLICE_S)
        self.violations.append(f"{path} never answered {type(message).__name__}")
        return None

    def paths(self, roles: Collection[str]) -> list[str]:
        """Every actor of these roles that has run."""
        return [actor.path for actor in self.run.system.tree() if role_of(actor.path) in roles]

    def status(self, symbol: str) -> SymbolStatus | None:
        status = self.ask(symbol, GetSymbolStatus())
        return status if isinstance(status, SymbolStatus) else None

    @property
    def hanging(self) -> set[str]:
        """Who has hung within the time of an ask."""
        since_ms = self.dispatcher.now_ms() - round(ASK_S * 1000)
        return {path for path, _, until_ms in self.dispatcher.hangs if until_ms >= since_ms}

    def unattended(self) -> list[tuple[int, int]]:
        """When nobody could have sent an order: without a process, or with an exchange actor that hung."""
        return [*self.outages, *((since, until) for path, since, until in self.dispatcher.hangs if path == "exchange")]

    def all_ready(self) -> bool:
        """True when every actor runs."""
        return {actor.state for actor in self.run.system.tree()} == {ActorState.READY}

    def open_symbol(self) -> str | None:
        """A symbol with a position, by the exchange."""
        for position in self.run.core.ledger_parts(self.dispatcher.now_ms())["positions"]:
            return str(position["symbol"])
        return None

    def resting(self) -> list[str]:
        """Client ids of the stops and take-profits that rest, stops first."""
        algos = [algo for algo in self.run.ledger()["algo_orders"] if algo["status"] == "NEW"]
        return [algo["client_id"] for algo in sorted(algos, key=lambda algo: algo["type"] != OrderKind.STOP_MARKET)]
