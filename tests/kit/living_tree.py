"""The whole tree in virtual time with trades of seconds: what a test awaits of it, asks it, and has it suffer."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from loguru import logger

from tests.kit import invariants
from tests.kit.ledger import trades_of
from tests.kit.processes import REPOSITORY
from tests.kit.virtual import virtual_run
from vortex.config import load
from vortex.domain.operation import OperatorAction
from vortex.messages import Operate, Shutdown
from vortex.queries import ExchangeStatus, GetExchange, GetSymbolStatus, SymbolStatus
from vortex.runtime import ActorInfo, Address, Crash
from vortex.runtime.errors import ActorGone, AskTimeout
from vortex.sim.market import capture, tape
from vortex.sim.market.sources import DEFAULT_MARKETS

BTC, ETH = "BTCUSDT", "ETHUSDT"
QUICK = {
    "VORTEX__DECISION__A__THETA": "0.05",
    "VORTEX__DECISION__A__S1_MIN": "0.05",
    "VORTEX__DECISION__A__CONFIDENCE_MIN": "0.0",
    "VORTEX__RISK__A__MAX_HOLD_S": "3",
    "VORTEX__RISK__B__MAX_HOLD_S": "3",
    "VORTEX__RISK__COOLDOWN_CLOSE_S": "1",
    "VORTEX__RISK__COOLDOWN_SL_S": "1",
    "VORTEX__RISK__COOLDOWN_LOSSES_S": "1",
    "VORTEX__RISK__COOLDOWN_FAILURE_S": "1",
    "VORTEX__RISK__GOVERNOR_ENTRIES_PER_MIN": "10000",
}
"""A trade of three seconds every few seconds."""
STEP_S = 0.02
PATIENCE_S = 120.0
"""Virtual seconds after which what is awaited does not come."""
READ_ONCE = cache(tape.load_tape)
T = TypeVar("T")


@contextmanager
def in_memory() -> Iterator[Path]:
    """A directory without a disk where there is such a place; recordings read once, and no log of meant crashes."""
    memory = Path("/dev/shm")  # noqa: S108  # what is in it is ours alone
    logger.disable("vortex")
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        patch.setattr(capture, "load_tape", READ_ONCE)
        patch.setattr(logging.getLogger("vortex.runtime"), "disabled", True)
        try:
            yield Path(name)
        finally:
            logger.enable("vortex")  # else a test that fails here takes those with it that listen to the log


class LivingTree:
    """One running system; `heard` keeps every message that an actor handled since `listen`: time, path, message."""

    def __init__(self, data_dir: Path, *pairs: str, settings: Mapping[str, str] | None = None, seed: int = 1) -> None:
        environ = {**QUICK, "TRADING_PAIRS": ",".join(pairs), **(settings or {})}
        config = load([REPOSITORY / "config" / "paper.toml"], environ).config
        self.run = virtual_run(config, data_dir, seed=seed, markets=DEFAULT_MARKETS)
        self.heard: list[tuple[float, str, object]] = []
        self._record = self.run.dispatcher.record
        self.run.run_for(1)

    # ------------------------------------------------------------------------------------------------------- asking

    def address(self, path: str) -> Address:
        address = self.run.system.find(path)
        assert address is not None, f"nobody named {path}"
        return address

    def ask(self, path: str, question: object, kind: type[T]) -> T:
        answer: Any = self.address(path).ask(question, 2.0)
        assert isinstance(answer, kind)
        return answer

    def status(self, symbol: str) -> SymbolStatus:
        return self.ask(symbol, GetSymbolStatus(), SymbolStatus)

    def exchange(self) -> ExchangeStatus:
        return self.ask("exchange", GetExchange(), ExchangeStatus)

    def actors(self) -> dict[str, ActorInfo]:
        return {actor.path: actor for actor in self.run.system.tree()}

    def position(self, symbol: str) -> Decimal:
        """What the exchange holds for us."""
        held = (one["position_amt"] for one in self.run.ledger()["positions"] if one["symbol"] == symbol)
        return Decimal(next(held, 0))

    def entries(self, symbol: str) -> int:
        """Trades that the exchange has executed so far."""
        return len(trades_of(self.run.ledger(), symbol))

    # ------------------------------------------------------------------------------------------------------- waiting

    def until(self, holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> float:
        """Let time pass until this holds; how long it took, in virtual seconds."""
        start_ms = self.run.dispatcher.monotonic_ms()
        while not holds():
            waited_s = (self.run.dispatcher.monotonic_ms() - start_ms) / 1_000.0
            assert waited_s < patience_s, f"in vain for {waited_s} s"
            self.run.run_for(STEP_S)
        return (self.run.dispatcher.monotonic_ms() - start_ms) / 1_000.0

    def until_state(self, symbol: str, state: str, patience_s: float = PATIENCE_S) -> float:
        def there() -> bool:
            with suppress(ActorGone, AskTimeout):
                return self.status(symbol).state == state
            return False

        return self.until(there, patience_s)

    def until_trade(self, symbol: str) -> None:
        """Until a position of this symbol is open and protected."""
        self.until(lambda: any(trade.protected for name, trade in self.exchange().trades.items() if name == symbol))

    # ------------------------------------------------------------------------------------------------------ suffering

    def listen(self) -> None:
        """Keep what actors hear from now on."""
        self.run.dispatcher.record = self._keep  # type: ignore[method-assign]  # a test's ear

    def _keep(self, path: str, message: object) -> None:
        self._record(path, message)
        self.heard.append((self.run.dispatcher.monotonic_ms(), path, message))

    def told(self, path: str, kind: type[T]) -> list[T]:
        """Messages of a kind that an actor handled since `listen`."""
        return [message for _, where, message in self.heard if where == path and isinstance(message, kind)]

    def longest_pause_ms(self, path: str, kind: type) -> float:
        """The longest time between two messages of a kind to an actor."""
        times = [time_ms for time_ms, where, message in self.heard if where == path and isinstance(message, kind)]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def crash(self, path: str, **how: Any) -> None:
        self.address(path).tell(Crash(**how))

    def operate(self, action: OperatorAction, symbol: str | None) -> None:
        """As people do it: the exchange actor first, then the root."""
        order = Operate(action=action, symbol=symbol, why="a test")
        self.ask("exchange", order, tuple)
        self.address("root").tell(order)

    # --------------------------------------------------------------------------------------------------------- judging

    def judge(self, symbols: Sequence[str] = (BTC, ETH)) -> None:
        """Let every trade end, then look at the exchange's ledger and at the rows, never at what the actors believe."""
        self.address("root").tell(Shutdown())
        self.run.run_for(8)
        ledger = self.run.ledger()
        violations = [
            *invariants.of_ids(ledger),
            *(v for symbol in symbols for v in invariants.of_symbol(ledger, symbol)),
        ]
        violations += invariants.of_rows(self.run.cold_store.recent_trades(10_000), ledger, symbols)
        assert violations == []
        assert self.run.failures == []
