"""A stand for trials: one simulated exchange, one engine on it, and many symbols, each with a fault of its own.

What is wrong with one symbol may not touch another one: so the trials of a module run side by side on one process, each
on a symbol that was flat and paused before, and each is judged by what the exchange's ledger says of that symbol.
"""

from __future__ import annotations

import queue
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pytest

from tests.kit import invariants, stalls
from tests.kit.ledger import Span, since
from tests.kit.ordeal import MOVING, holding
from tests.kit.processes import Engine, engine, eventually, get, post, simulator
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.domain.trade import TradeRow

SPEED = 4
"""Real processes are held to their time limits up to this speed."""
HOLD_S = 6
TIMEOUT_MS = 2_000
"""Of the exchange's time: how long the answer to an order is waited for."""
LOAD_MS = stalls.BUSY_MS * SPEED
"""Of the exchange's time: by how much a busy machine may be late."""
SOON_S, TRADE_S = 30.0, 90.0
"""Real seconds, on a busy machine."""
LOOK_S, RARE_LOOK_S = 0.05, 0.2
ON_ITS_WAY_MS = 2_500
"""A little more than an order has, of the exchange's time."""
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
MANY = 1_000_000
CROWD = {
    "VORTEX__RISK__MAX_POSITIONS": "100",
    "VORTEX__RISK__MAX_SAME_DIRECTION": "100",
    "VORTEX__RISK__GOVERNOR_ENTRIES_PER_MIN": "10000",
    "VORTEX__RISK__COOLDOWN_SL_S": "0",
    "VORTEX__RISK__COOLDOWN_FAILURE_S": "10",
    "VORTEX__RISK__OPEN_RISK_MAX": "1",
    "VORTEX__RISK__DAILY_DRAWDOWN": "0.5",
    "VORTEX__RISK__HARD_FLATTEN": "0.9",
    "VORTEX__RISK__NOTIONAL_SYMBOL_MAX": "0.05",
    "VORTEX__RISK__RISK_PER_TRADE": "0.005",
}
"""What one symbol of a stand does is no limit for the others, and positions can be divided."""
T = TypeVar("T")


class Stand:
    """The running processes.

    Args:
        sim_url: The simulator.
        symbols: What is traded.
        data_dir: Of the engine, and of the next one.
        settings: Of the engine.

    Attributes:
        running: The present engine.
    """

    running: Engine

    def __init__(self, sim_url: str, symbols: Sequence[str], data_dir: Path, **settings: str) -> None:
        self.sim_url, self.symbols, self.data_dir = sim_url, tuple(symbols), data_dir
        self._settings = settings
        self._status: Mapping[str, Any] = {}
        self._news = threading.Condition()
        self._over = threading.Event()
        self.down: list[Span] = []
        self._ended_ms: int | None = None

    @contextmanager
    def trading(self, **settings: str) -> Iterator[Engine]:
        """One engine, ready, all symbols paused; the time without any is noted for the judge."""
        where = {"TRADING_PAIRS": ",".join(self.symbols), "VORTEX__EXCHANGE__SIMULATOR_URL": self.sim_url}
        all_settings = where | MOVING | CROWD | holding(HOLD_S) | self._settings | settings
        self._status = {}  # what the last one said is not said by the next
        with engine(self.data_dir, **all_settings) as self.running:
            self.running.wait_ready()
            if self._ended_ms is not None:
                self.down.append((self._ended_ms, self.now_ms()))
            self._over = threading.Event()
            watching = threading.Thread(target=self._watch, args=(self._over,), daemon=True)
            watching.start()
            try:
                yield self.running
            finally:
                self._over.set()
                watching.join(SOON_S)
        self._ended_ms = self.now_ms()

    # ------------------------------------------------------------------------------------------------------- the engine

    def command(self, name: str, **body: object) -> None:
        """Post a command to the control API; what is said too fast is said again."""

        def said() -> bool:
            return bool(post(f"{self.running.run['control_url']}/api/{name}", body)["ok"])

        eventually(said, SOON_S, f"{name} {body}")

    def until(self, holds: Callable[[Mapping[str, Any]], T], timeout_s: float, what: str) -> T:
        """Wait until the status of the whole system is so."""
        deadline_s = time.monotonic() + timeout_s
        with self._news:
            while True:
                if self._status and (found := holds(self._status)):
                    return found
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise AssertionError(f"{what}: not within {timeout_s} s, {self._status}")
                self._news.wait(left_s)

    def gate_closed(self, gate: str, symbol: str | None = None) -> None:
        """Wait until this gate is closed, for this symbol or at least one."""

        def closed(status: Mapping[str, Any]) -> bool:
            return any(each["gate"] == gate and symbol in (None, each["symbol"]) for each in status["gates"])

        self.until(closed, SOON_S, f"gate {gate} closed")

    def gates_open(self) -> None:
        """Wait until every gate is open, those that people close apart, and it is ready."""

        def well(status: Mapping[str, Any]) -> bool:
            return status["ready"] and {each["gate"] for each in status["gates"]} <= {"paused"}

        self.until(well, TRADE_S, "all gates open")

    def rows(self, symbol: str, since_ms: int = 0) -> list[TradeRow]:
        """The rows of this symbol on disk, newest first."""
        with closing(SqliteColdStore.read_only(self.data_dir / "vortex.db")) as store:
            found = store.recent_trades(10_000)
        return [row for row in found if row.symbol == symbol and row.opened_at >= since_ms]

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(LOOK_S):
            with suppress(OSError):  # one that stands still, or is too busy, does not answer
                status = get(f"{self.running.run['control_url']}/api/status", timeout_s=2.0)
                with self._news:
                    self._status = status
                    self._news.notify_all()

    # ----------------------------------------------------------------------------------------------------- the exchange

    def sim(self, name: str, **body: object) -> Any:
        """Post an order to the simulator's own interface."""
        return post(f"{self.sim_url}/sim/v1/{name}", body)

    def rule(self, method: str, path: str, do: str, *, symbol: str | None = None, nth: int = 1, times: int = 1) -> int:
        """Post a fault rule; returns its id."""
        asked = {"method": method, "path": path, "do": do, "nth": nth, "times": times}
        return int(self.sim("faults", symbol=symbol, **asked)["id"])

    def hits(self, *rules: int) -> int:
        """How often these rules fired."""
        return sum(row["hits"] for row in get(f"{self.sim_url}/sim/v1/faults") if row["id"] in rules)

    def lift(self, rules: Iterable[int]) -> None:
        """Delete these rules."""
        for rule in rules:
            url = f"{self.sim_url}/sim/v1/faults/{rule}"
            with urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=5.0):  # noqa: S310  # ours
                pass

    def now_ms(self) -> int:
        return int(get(f"{self.sim_url}/sim/v1/clock")["now_ms"])

    def outages(self) -> list[Span]:
        """When there was no engine, or nobody ran at all."""
        return [*self.down, *stalls.spans_ms(get(f"{self.sim_url}/sim/v1/clock"))]

    def pass_ms(self, duration_ms: int) -> None:
        """Let so much of the exchange's time pass."""
        until_ms = self.now_ms() + duration_ms
        eventually(lambda: self.now_ms() >= until_ms, duration_ms / 1_000 / SPEED + SOON_S, "time passes")

    def ledger(self) -> dict[str, Any]:
        found: dict[str, Any] = get(f"{self.sim_url}/sim/v1/ledger", timeout_s=20.0)
        return found


class Trial:
    """One symbol on a stand while a fault is tried on it; begins flat and paused, and ends so.

    Attributes:
        since_ms: When it began.
        cost_ms: How much longer than usual its faults make an answer to anything take.
        mixed: A person trades the same symbol: what is open is not all ours, and is not judged as if it were.
        recovering: It trades on when its faults are over.
    """

    def __init__(self, stand: Stand, symbol: str) -> None:
        self.stand, self.symbol = stand, symbol
        self.since_ms = stand.now_ms()
        self.cost_ms = 0
        self.mixed = False
        self.recovering = True
        self._rules: list[int] = []

    # ------------------------------------------------------------------------------------------------------------ doing

    def rule(self, method: str, path: str, do: str, *, nth: int = 1, times: int = 1) -> int:
        """Post a fault rule for this symbol alone."""
        self._rules.append(self.stand.rule(method, path, do, symbol=self.symbol, nth=nth, times=times))
        return self._rules[-1]

    def do(self, kind: str, what: str, **more: object) -> None:
        """Meddle with the symbol: `market`, `algo` or `user`."""
        assert self.stand.sim(kind, symbol=self.symbol, do=what, **more) == {"ok": True}

    def resume(self) -> None:
        self.stand.command("resume", symbol=self.symbol)

    def lift(self) -> None:
        """Delete its rules."""
        self.stand.lift(self._rules)
        self._rules.clear()

    # ---------------------------------------------------------------------------------------------------------- waiting

    @property
    def shown(self) -> Mapping[str, Any]:
        """The symbol as the status shows it."""
        found: Mapping[str, Any] = self.stand.until(lambda status: status["symbols"][self.symbol], SOON_S, self.symbol)
        return found

    def until(self, holds: Callable[[Mapping[str, Any]], T], what: str, timeout_s: float = TRADE_S) -> T:
        return self.stand.until(
            lambda status: holds(status["symbols"][self.symbol]), timeout_s, f"{self.symbol} {what}"
        )

    def opened(self, after_ms: int = 0) -> Mapping[str, Any]:
        """Wait for a protected position that was opened later than this; returns it."""

        def found(shown: Mapping[str, Any]) -> Mapping[str, Any] | None:
            position = shown["position"]
            held = bool(shown["protected"] and position is not None and position["opened_ms"] > after_ms)
            return position if held else None

        position = self.until(found, "a protected position")
        assert position is not None
        return position

    def paused(self) -> None:
        """No entry from now on; what is open stays."""
        self.stand.command("pause", symbol=self.symbol)

    def fired(self, *rules: int, times: int = 1) -> None:
        """Wait until these rules fired so often in all."""
        eventually(lambda: self.stand.hits(*rules) >= times, TRADE_S, f"{self.symbol}: the fault happens")

    def seen(self, part: str, holds: Callable[[Mapping[str, Any]], object], what: str) -> Mapping[str, Any]:
        """Wait for something of this trial in a part of the ledger."""

        def found() -> Mapping[str, Any] | None:
            return next((each for each in self.ledger()[part] if holds(each)), None)

        return rarely(found, TRADE_S, f"{self.symbol}: {what}")

    def ended(self, trade_id: str) -> TradeRow:
        """Wait for the row of a trade that is over."""

        def found() -> TradeRow | None:
            rows = self.stand.rows(self.symbol)
            return next((row for row in rows if row.id == trade_id and row.status != "OPEN"), None)

        return rarely(found, TRADE_S, f"{self.symbol}: the row of {trade_id}")

    def flat(self) -> None:
        """End everything: paused, flat, and seen to be."""
        self.paused()
        self.stand.command("flatten", symbol=self.symbol)
        self.until(lambda shown: shown["state"] == "PAUSED" and shown["position"] is None, "flat and paused")

    # ---------------------------------------------------------------------------------------------------------- judging

    def ledger(self) -> dict[str, Any]:
        """What happened to the symbol since the trial began."""
        return since(self.stand.ledger(), self.symbol, self.since_ms)

    def recovers(self) -> None:
        """Without its rules it trades on; then everything is ended."""
        self.lift()
        if self.recovering:
            began_ms = self.stand.now_ms()
            self.resume()
            self.opened(after_ms=began_ms)
        self.flat()

    def violations(self) -> list[str]:
        """What was wrong, by the ledger and the rows on disk."""
        ledger = self.ledger()
        if self.mixed:
            return [*invariants.of_ids(ledger), *invariants.left_over(ledger, self.symbol)]
        rows = self.stand.rows(self.symbol, self.since_ms)
        return [
            *invariants.of_ids(ledger),
            *invariants.of_symbol(ledger, self.symbol, self.stand.outages(), cost_ms=self.cost_ms + LOAD_MS),
            *invariants.of_rows(rows, ledger, [self.symbol]),
            *invariants.left_over(ledger, self.symbol),
        ]

    def judge(self) -> None:
        """Nothing is left, and nothing was ever unsafe; what is still being written or cancelled is waited for."""
        with suppress(AssertionError):
            rarely(lambda: not self.violations(), SOON_S, "no violation")
        assert self.violations() == [], self.violations()


def rarely(ask: Callable[[], T | None], timeout_s: float, what: str) -> T:
    """Wait until the answer is truthy, for answers that are much work: the whole ledger, all rows."""

    def asked() -> T | None:
        if not (answer := ask()):
            time.sleep(RARE_LOOK_S)
        return answer

    return eventually(asked, timeout_s, what)


Play: TypeAlias = Callable[[Trial], None]
Played: TypeAlias = Mapping[str, Future[None]]


def trials(stand: Stand, plays: Mapping[str, Play], symbols: Sequence[str]) -> dict[str, Future[None]]:
    """Run all of these, side by side on these symbols; the future of each raises what went wrong with it."""
    free: queue.SimpleQueue[str] = queue.SimpleQueue()
    for symbol in symbols:
        free.put(symbol)

    def run(play: Play) -> None:
        symbol = free.get()
        trial = Trial(stand, symbol)
        try:
            play(trial)
            trial.recovers()
            trial.judge()
        finally:
            trial.lift()
            with suppress(AssertionError):  # what went wrong is told already; the next one finds the symbol flat
                trial.flat()
            if trial.recovering:  # else it is not as it was
                free.put(symbol)

    with ThreadPoolExecutor(len(symbols)) as pool:
        return {name: pool.submit(run, play) for name, play in plays.items()}


@contextmanager
def stand(data_dir: Path, count: int, **settings: str) -> Iterator[Stand]:
    """Both processes with so many symbols, all flat and paused."""
    symbols = [f"S{number:02d}USDT" for number in range(count)]
    market = f"{','.join(symbols)}=btcusdt_20240808.gz"
    with simulator("--speed", str(SPEED), "--market", market) as url:
        built = Stand(url, symbols, data_dir, **settings)
        with built.trading():
            built.command("pause")
            built.command("flatten")
            for wait_ms in (ON_ITS_WAY_MS, 0):  # an entry that left before the pause may be filled after it
                built.until(lambda status: all(map(at_rest, status["symbols"].values())), TRADE_S, "at rest")
                built.pass_ms(wait_ms)
            yield built


@contextmanager
def played(request: pytest.FixtureRequest, data_dir: Path, plays: Mapping[str, Play], count: int) -> Iterator[Played]:
    """Run those of these that the session wants, whose parameter is `name`; the stand is there until the end."""
    wanted = {item.callspec.params["name"] for item in _items(request) if "name" in item.callspec.params}
    with stand(data_dir, count) as built:
        yield trials(built, {name: play for name, play in plays.items() if name in wanted}, built.symbols)


def sampled(names: Iterable[str], every: int) -> list[Any]:
    """As parameters: every so many-th as it is, the others for `make chaos-faults`."""
    marks = pytest.mark.chaos
    return [name if at % every == 0 else pytest.param(name, marks=marks) for at, name in enumerate(names)]


def _items(request: pytest.FixtureRequest) -> Iterator[Any]:
    for item in request.session.items:
        if item.path == request.path and hasattr(item, "callspec"):
            yield item


def at_rest(shown: Mapping[str, Any]) -> bool:
    return bool(shown["state"] == "PAUSED" and shown["position"] is None)
