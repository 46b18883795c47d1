"""Where the page's figures come from: the control API, and the ledger on disk for what an engine that is down left."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from loguru import logger
from msgspec import Struct
from msgspec.structs import replace

from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.connect import StoreError, named
from vortex.app.dashboard.settings import Settings
from vortex.app.data_dir import last_run
from vortex.app.remote import Answer, NoAnswerError, UnusableUrlError, ask
from vortex.config import ConfigError
from vortex.domain.pnl import RowLabels
from vortex.domain.results import results

FAST_S, SLOW_S = 2.0, 5.0
"""How often actors and explanations are asked for, and what changes by the trade; the status is each time."""
ROWS, TRADES, MOST_TRADES = 30, 200, 20_000
LEDGER, SIGNS = "vortex.db", ("journal.db", "journal.db-wal", "vortex.db", "vortex.db-wal")
"""Files whose last change says when an engine lived."""

Json = Mapping[str, Any]


class Board(Struct, frozen=True, kw_only=True):
    """Everything the page shows, as of one look. None is what nobody said.

    Attributes:
        label: The words beside every figure.
        looked_ms: When, by the wall clock; `heard_ms` is when the engine last answered, None when it never did.
        trouble: Why it does not answer now; empty while it does.
        sign_ms: The last sign of life on disk, for an engine that was never heard.
        ledger_trouble: Why the ledger on disk could not be read, looked at only while the engine is down.
        status: The last answer of `/api/status`, also while the engine is down.
        why: The newest evaluation by symbol, as `vortex why` explains it; `candles` those of `/api/candles`.
    """

    label: str
    looked_ms: int = 0
    heard_ms: int | None = None
    trouble: str = ""
    sign_ms: int | None = None
    ledger_trouble: str = ""
    status: Json | None = None
    actors: Sequence[Json] | None = None
    trades: Sequence[Json] | None = None
    rejects: Sequence[Json] | None = None
    results: Json | None = None
    why: Mapping[str, Json | None] = {}
    candles: Mapping[str, Json | None] = {}

    @property
    def down(self) -> bool:
        """True while the engine does not answer."""
        return bool(self.trouble)

    @property
    def down_since_ms(self) -> int | None:
        """When the engine was last known to live; None while it does, or when nothing is known."""
        return (self.heard_ms or self.sign_ms) if self.down else None

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that run, or ran when last heard."""
        return tuple(self.status["symbols"]) if self.status is not None else ()


class Source:
    """Asks one engine again and again; used by one thread at a time.

    Args:
        settings: Whom to ask.
        now_s: The wall clock, epoch seconds.

    Attributes:
        board: What the last look saw.
        asked_s: How long the engine took for the answers of that look, or of as many as there were.
    """

    def __init__(self, settings: Settings, now_s: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now_s = now_s
        self._folder = Path(settings.data_dir)
        self._next_s: dict[str, float] = {}
        self._ledger_state: object = None
        self._ledger_trouble = ""
        self.asked_s = 0.0
        self.board = Board(label=f"{settings.mode.upper()} · nothing heard yet", looked_ms=self._now_ms())

    def look(self, wanted: Collection[str] = ()) -> Board:
        """Ask for everything that is due; never raises for an engine that is down.

        Args:
            wanted: Symbols whose explanation and candles somebody looks at.
        """
        before, now_ms = self.board, self._now_ms()
        self.asked_s = 0.0
        try:
            status = self._ask("/api/status")
        except (NoAnswerError, UnusableUrlError, ConfigError) as error:
            self.board = self._without(replace(before, looked_ms=now_ms, trouble=str(error)))
            return self.board
        if before.down or before.heard_ms is None:
            self._next_s.clear()
        board = replace(before, label=status.label, status=status.value, looked_ms=now_ms, heard_ms=now_ms, trouble="")
        if self._due("fast", FAST_S, wanted):
            why = {symbol: self._part(f"/api/decisions/{symbol}") for symbol in wanted}
            board = replace(board, actors=self._part("/api/actors"), why=why)
        if self._due("slow", SLOW_S, wanted):
            board = self._slow(board, wanted)
        self.board = board
        return board

    def why(self, name: str) -> Json:
        """Explain a trade or reject by its id; raises as `order` does."""
        answer: Json = self._ask(f"/api/decisions/{quote(name, safe='')}").value
        return answer

    def order(self, action: str, symbol: str | None) -> tuple[str, ...]:
        """Order `pause`, `resume`, `flatten`, `halt` or `unhalt` of a symbol or all; the symbols concerned.

        Raises:
            NoAnswerError: Refused, or nobody answers: the order may still be carried out.
            UnusableUrlError, ConfigError: No address to send it to.
        """
        return tuple(self._ask(f"/api/{action}", {"symbol": symbol}).value["symbols"])

    def _slow(self, board: Board, wanted: Collection[str]) -> Board:
        made = self._ledger_results(_now_ms_of(board)) or self._part("/api/performance")
        return replace(
            board,
            trades=self._part(f"/api/trades?limit={TRADES}"),
            rejects=self._part(f"/api/rejects?limit={ROWS}"),
            results=made,
            candles={symbol: self._part(f"/api/candles/{symbol}") for symbol in wanted},
        )

    def _without(self, board: Board) -> Board:
        """What can be told while nobody answers."""
        if not self._due("ledger", SLOW_S, ()):
            return board
        self._next_s.pop("slow", None)
        rows = self._rows()
        shown = board if rows is None else replace(board, trades=rows[0], rejects=rows[1])
        if board.status is None and shown.trades:
            shown = replace(shown, label=msgspec.convert(shown.trades[0], RowLabels).words)
        made = self._ledger_results(board.looked_ms)
        return replace(
            shown, sign_ms=self._sign_ms(), results=made or shown.results, ledger_trouble=self._ledger_trouble
        )

    def _ask(self, path: str, order: Json | None = None) -> Answer:
        url = self._settings.url
        if not url:
            run = last_run(self._folder)
            if run is None:
                raise NoAnswerError(f"no engine runs with data directory {self._folder}: it was stopped, or never ran")
            url = run.control_url
        began_s = time.monotonic()
        try:
            return ask(url, path, self._settings.token, order)
        finally:
            self.asked_s += time.monotonic() - began_s

    def _part(self, path: str) -> Any:
        """One answer; None when this one question fails, so that nothing old passes for new."""
        try:
            return self._ask(path).value
        except (NoAnswerError, UnusableUrlError, ConfigError) as error:
            logger.debug("{}: {}", path, error)
            return None

    def _due(self, what: str, every_s: float, wanted: Collection[str]) -> bool:
        """True when it was not asked within this time, or somebody looks at something new."""
        key, now_s = f"{what} {' '.join(sorted(wanted))}", time.monotonic()
        if now_s < self._next_s.get(key, 0.0):
            return False
        self._next_s = {name: at_s for name, at_s in self._next_s.items() if not name.startswith(f"{what} ")}
        self._next_s[key] = now_s + every_s
        return True

    def _ledger_results(self, now_ms: int) -> Json | None:
        """Added up here rather than by the engine, whose time is for trading; None without a ledger on this disk."""
        state = (self._changed(LEDGER, f"{LEDGER}-wal"), now_ms // 60_000)
        if state == self._ledger_state and self.board.results is not None:
            return self.board.results
        rows = self._read(lambda store: store.recent_trades(MOST_TRADES))
        if rows is None:
            return None
        self._ledger_state = state
        made: Json = _as_sent({"now_ms": now_ms, "sources": results(rows, now_ms)})
        return made

    def _rows(self) -> tuple[list[Json], list[Json]] | None:
        rows = self._read(lambda store: (store.recent_trades(TRADES), store.recent_rejections(ROWS)))
        return None if rows is None else _as_sent(rows)

    def _read(self, read: Callable[[SqliteColdStore], Any]) -> Any:
        if not (self._settings.data_dir and self._settings.own_ledger):
            self._ledger_trouble = "it is not on this disk, only the engine asks for it"
            return None
        path = self._folder / LEDGER
        try:
            with named(path), closing(SqliteColdStore.read_only(path)) as store:
                self._ledger_trouble = ""
                return read(store)
        except StoreError as error:
            logger.debug("{}", error)
            self._ledger_trouble = str(error)
            return None

    def _sign_ms(self) -> int | None:
        return self._changed(*SIGNS)

    def _changed(self, *names: str) -> int | None:
        """When the newest of these files was changed; an empty one may have been made by a mere reader."""
        if not self._settings.data_dir:
            return None
        found = [path.stat() for name in names if (path := self._folder / name).exists()]
        return max([stat.st_mtime_ns // 1_000_000 for stat in found if stat.st_size > 0], default=None)

    def _now_ms(self) -> int:
        return round(self._now_s() * 1_000)


def _as_sent(value: object) -> Any:
    """What the control API would have answered."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _now_ms_of(board: Board) -> int:
    """The engine's own clock, which in paper mode may run faster."""
    return int(board.status["now_ms"]) if board.status is not None else board.looked_ms
