"""`/metrics` against what happened: the product's own tree in virtual time, read as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.app.kit import LABEL, LABELS, SYMBOLS, exchange_status, metrics_of, replies, running
from tests.domain.money_builders import NOW, trade
from tests.kit.virtual import VirtualRun, virtual_run
from vortex.app.api.status import StatusReader
from vortex.app.metrics.catalogue import BY_NAME, GROUPS, METRICS
from vortex.app.metrics.collector import Metrics
from vortex.config import load
from vortex.domain.decision import Action
from vortex.domain.meters import Meters
from vortex.domain.operation import Gate, OperatorAction
from vortex.domain.order import Side
from vortex.domain.risk.codes import RejectCode
from vortex.domain.risk.view import AccountView
from vortex.domain.trade import CloseReason, Strategy, TradeStatus
from vortex.messages import GateClosed, Operate
from vortex.queries import GetAccount, GetExchange, GetOutbox, GetSymbolStatus, OutboxStatus
from vortex.runtime import ActorState, Crash

PAPER = Path(__file__).parents[3] / "config" / "paper.toml"
SECONDS = 180
WORDS: Mapping[str, frozenset[str]] = {
    "symbol": frozenset({"", *SYMBOLS}),
    "role": frozenset({"", "root", "supervisor", "decision", "monitor", "exchange", "storage", "hot_store", "account",
                       "feed", "E1", "E2", "E3", "E4", "E5"}),
    "gate": frozenset(Gate),
    "state": frozenset({*ActorState, "WARMING", "RECONCILING", "PAUSED", "FLATTENING", "HALTED", "LEAVING"}),
    "action": frozenset(Action),
    "reason": frozenset({*RejectCode, *CloseReason}),
    "strategy": frozenset(Strategy),
    "outcome": frozenset({"DONE", "REFUSED", "UNKNOWN"}),
    "request": frozenset({"PlaceOrder", "CancelOrder", "QueryOrder", "QuerySymbol", "QueryAccount", "QueryPositions",
                          "QueryFunding", "PrepareSymbol", "SetLeverage"}),
    "stream": frozenset({"depth20", "aggTrade", "kline_1m", "kline_15m", "markPrice", "forceOrder", "sentiment"}),
}  # fmt: skip
"""Every value that a label may have; the run's own are those of its labels."""


class Page:
    """One answer of `/metrics`, parsed by prometheus-client itself."""

    def __init__(self, metrics: Metrics) -> None:
        self.text = metrics.text().decode()
        self.families = list(text_string_to_metric_families(self.text))
        self.samples: list[Sample] = [sample for family in self.families for sample in family.samples]

    def all(self, name: str) -> dict[tuple[str, ...], float]:
        """Values by the labels' values, in the catalogue's order."""
        labels = BY_NAME[family_name(name)].labels
        return {tuple(each.labels[label] for label in labels): each.value for each in self.samples if each.name == name}

    def one(self, name: str, *labels: str) -> float:
        return self.all(name)[labels]


def page_of(run: VirtualRun, folder: Path) -> Page:
    """What the run says of itself now."""
    reader = StatusReader(
        system=run.system,
        pairs=lambda: SYMBOLS,
        clock=run.dispatcher,
        labels=LABELS,
        simulated=True,
        hot_store=run.hot_store.status,
    )
    return Page(metrics_of(reader, run.meters, folder, run.dispatcher))


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> tuple[VirtualRun, Page]:
    """Three minutes of the paper profile and until a position is open; E2 of one symbol crashes twice."""
    folder = tmp_path_factory.mktemp("metrics")
    run = virtual_run(load([PAPER], {}).config, folder)
    run.run_for(30)
    for _ in range(2):
        engine = run.system.find("BTCUSDT/E2")
        assert engine is not None
        engine.tell(Crash())
        run.run_for(5)
    run.run_for(SECONDS)
    while not any(algo["status"] == "NEW" for algo in run.ledger()["algo_orders"]):
        run.run_for(1)
    run.run_for(2)
    return run, page_of(run, folder)


def family_name(sample: str) -> str:
    """The catalogue's name of a sample."""
    return next((name for name in (sample, *(sample.removesuffix(end) for end in ("_bucket", "_sum", "_count")))
                 if name in BY_NAME), sample)  # fmt: skip


def test_everything_shown_is_documented_and_everything_documented_is_shown(traded: tuple[VirtualRun, Page]) -> None:
    _, page = traded
    shown = {family_name(sample.name) for sample in page.samples}
    assert shown - set(BY_NAME) == set()
    assert set(BY_NAME) - shown == set()
    kinds = {family.name: family.type for family in page.families}
    for metric in METRICS:
        kind = kinds.get(metric.name) or kinds[metric.name.removesuffix("_total")]
        assert kind == ("gauge" if metric.kind == "info" else metric.kind), metric.name


def test_labels_are_those_of_the_catalogue_and_never_free_text(traded: tuple[VirtualRun, Page]) -> None:
    _, page = traded
    for sample in page.samples:
        metric = BY_NAME[family_name(sample.name)]
        assert set(sample.labels) - {"le"} == set(metric.labels), sample.name
        if metric.kind != "info":
            free = {name: text for name, text in sample.labels.items() if name != "le" and text not in WORDS[name]}
            assert free == {}, sample.name
    assert len({(each.name, tuple(sorted(each.labels.items()))) for each in page.samples}) == len(page.samples)
    assert len(page.samples) < 700


def test_names_follow_the_conventions() -> None:
    assert len(BY_NAME) == len(METRICS)
    assert {metric.group for metric in METRICS} == set(GROUPS)
    for metric in METRICS:
        assert metric.name.startswith(("vortex_", "process_"))
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert not metric.name.endswith(("_ms", "_s", "_mib"))
        assert bool(metric.bounds_ms) == (metric.kind == "histogram")
        assert metric.meaning
        assert metric.bad


def test_a_run_on_paper_says_so_in_its_first_line(traded: tuple[VirtualRun, Page]) -> None:
    _, page = traded
    assert page.text.splitlines()[0] == f"# {LABEL}"
    (info,) = (sample for sample in page.samples if sample.name == "vortex_info")
    assert (info.labels["mode"], info.labels["simulated"]) == ("PAPER", "true")
    assert (info.labels["profile"], info.labels["market_source"]) == (LABELS.profile, LABELS.market_source)


def test_every_entry_has_its_stop_timed_as_the_exchange_saw_it(traded: tuple[VirtualRun, Page]) -> None:
    run, page = traded
    ledger = run.ledger()
    entries = [entry for entry in entries_of(run) if float(entry["executed_qty"])]
    assert len(entries) >= 4
    assert page.one("vortex_fill_to_stop_seconds_count") == len(entries)
    assert page.one("vortex_decision_to_ack_seconds_count") == len(entries)
    for symbol in SYMBOLS:
        naked_s = naked_ms(ledger["timeline"], symbol) / 1_000
        ours_s = page.one("vortex_unprotected_seconds_total", symbol)
        assert naked_s <= ours_s <= naked_s + 0.5 * len(entries), symbol  # we hear of a stop later than it rests
        assert page.one("vortex_unprotected_now_seconds", symbol) == 0


def naked_ms(timeline: list[Mapping[str, object]], symbol: str) -> int:
    """All the time in which the exchange saw a position of this symbol without a working stop."""
    whole, since = 0, None
    for entry in timeline:
        if entry["symbol"] != symbol:
            continue
        now_ms = int(str(entry["ts_ms"]))
        naked = Decimal(str(entry["position_amt"])) != 0 and not entry["stop_working"]
        if since is not None:
            whole += now_ms - since
        since = now_ms if naked else None
    return whole


def test_trades_requests_and_decisions_are_those_that_were(traded: tuple[VirtualRun, Page]) -> None:
    run, page = traded
    rows = run.cold_store.recent_trades(1_000)
    ended = [row for row in rows if row.status is TradeStatus.CLOSED]
    closed = [(row.symbol, str(row.strategy), str(row.close_reason)) for row in ended]
    assert closed
    assert page.all("vortex_trades_total") == {key: closed.count(key) for key in closed}
    opened = {row.symbol for row in rows if row.status is TradeStatus.OPEN}
    assert {key[0] for key, value in page.all("vortex_positions_open").items() if value} == opened
    rejects = run.cold_store.recent_rejections(1_000)
    counted = page.all("vortex_rejections_total")
    assert set(counted) == {(row.symbol, row.rejection_reason) for row in rejects}
    assert sum(counted.values()) >= sum(row.count for row in rejects)
    placed = page.one("vortex_exchange_requests_total", "PlaceOrder", "DONE")
    assert placed == len(run.ledger()["orders"]) + len(run.ledger()["algo_orders"]) - children(run)
    assert page.one("vortex_exchange_reply_seconds_count", "PlaceOrder") >= placed
    books = page.one("vortex_tick_to_decision_seconds_count")
    assert 1_000 < books <= sum(page.all("vortex_decisions_total").values())


def children(run: VirtualRun) -> int:
    """Orders that a conditional one became: nobody placed them."""
    return sum(algo["child_order_id"] is not None for algo in run.ledger()["algo_orders"])


def test_a_crash_is_one_restart_of_that_actor(traded: tuple[VirtualRun, Page]) -> None:
    _, page = traded
    restarts = page.all("vortex_actor_restarts_total")
    assert {key: n for key, n in restarts.items() if n} == {("BTCUSDT", "E2"): 2}
    states = page.all("vortex_actor_state")
    assert {state for *_, state in states} == {"READY"}
    assert len(states) == len(restarts) == 6 + 2 * 8


def test_no_entry_is_missed_when_the_exchange_actor_crashes_over_it(tmp_path: Path) -> None:
    """What is late by a crash is late; it counts all the same."""
    run = virtual_run(load([PAPER], {}).config, tmp_path, seed=3)
    run.run_for(20)
    exchange, crashed = run.system.find("exchange"), 0
    assert exchange is not None
    for _ in range(1_200):
        run.run_for(0.05)
        if crashed < 2 and len(entries_of(run)) > crashed:
            exchange.tell(Crash())
            crashed += 1
    page = page_of(run, tmp_path)
    filled = [entry for entry in entries_of(run) if float(entry["executed_qty"])]
    assert (crashed, run.failures) == (2, [])
    assert len(filled) >= 2
    assert page.one("vortex_fill_to_stop_seconds_count") == len(filled)
    assert page.one("vortex_decision_to_ack_seconds_count") == len(filled)
    assert page.one("vortex_fill_to_stop_seconds_sum") >= sum(
        naked_ms(run.ledger()["timeline"], symbol) / 1_000 for symbol in SYMBOLS
    )


def entries_of(run: VirtualRun) -> list[dict[str, Any]]:
    """The entry orders that the exchange has seen."""
    return [order for order in run.ledger()["orders"] if order["client_id"].endswith("E")]


def test_the_account_is_the_account_actors(traded: tuple[VirtualRun, Page]) -> None:
    run, page = traded
    ledger = run.ledger()
    unrealized = sum(Decimal(each["unrealized_pnl_usdt"]) for each in ledger["positions"])
    assert abs(page.one("vortex_equity_usdt") - float(Decimal(ledger["wallet_usdt"]) + unrealized)) < 1
    assert page.one("vortex_drawdown_latched") == 0
    assert page.one("vortex_ready") == 1
    assert page.one("vortex_user_stream_up") == 1
    assert page.one("vortex_uptime_seconds") >= 0


def test_a_pause_closes_its_gate_in_every_symbol(tmp_path: Path) -> None:
    run = virtual_run(load([PAPER], {}).config, tmp_path)
    run.run_for(20)
    exchange = run.system.find("exchange")
    assert exchange is not None
    exchange.tell(Operate(action=OperatorAction.PAUSE, symbol="ETHUSDT", why="a test"))
    run.run_for(1)
    page = page_of(run, tmp_path)
    assert {key for key, value in page.all("vortex_gate_closed").items() if value} == {("paused", "ETHUSDT")}
    assert page.all("vortex_entry_allowed") == {("BTCUSDT",): 1, ("ETHUSDT",): 0}
    assert ("ETHUSDT", "PAUSED") in page.all("vortex_symbol_state")


def test_what_nobody_answers_is_missing_and_said_to_be(tmp_path: Path) -> None:
    actors = replies() | {"exchange": {GetExchange: Event()}, "account": {GetAccount: Event()}}
    with running(actors) as tiny:
        page = Page(metrics_of(tiny.reader, Meters(), tmp_path))
    assert page.all("vortex_answered") == {
        ("exchange",): 0, ("account",): 0, ("storage",): 1, ("hot_store",): 1, ("feed",): 1,
    }  # fmt: skip
    assert page.all("vortex_equity_usdt") == page.all("vortex_exchange_weight_used") == {}
    assert page.all("vortex_positions_open") == page.all("vortex_user_stream_up") == {}
    assert page.one("vortex_gate_closed", "exchange", "") == 1
    assert page.one("vortex_gate_closed", "account", "") == 1
    assert page.one("vortex_ready") == 1  # as /readyz: the symbols themselves answer
    assert page.one("vortex_outbox_pending") == 0


def test_a_gate_of_a_symbol_that_does_not_answer_is_not_open(tmp_path: Path) -> None:
    with running(replies() | {"ETHUSDT": {GetSymbolStatus: Event()}}) as tiny:
        page = Page(metrics_of(tiny.reader, Meters(), tmp_path))
    assert {symbol for _, symbol in page.all("vortex_gate_closed")} == {"", "BTCUSDT"}
    silent: dict[str, dict[type, object]] = {symbol: {GetSymbolStatus: Event()} for symbol in SYMBOLS}
    with running(replies() | silent) as tiny:
        page = Page(metrics_of(tiny.reader, Meters(), tmp_path))
    assert page.all("vortex_gate_closed") == {}


def test_what_is_bad_is_shown(tmp_path: Path) -> None:
    """An unprotected short, a latched drawdown, parked rows, a lost user stream, a clock that is off."""
    open_trade = trade(side=Side.SHORT)
    clock = GateClosed(gate=Gate.CLOCK, since_ms=NOW, detail='off\nby "far" \\ 700 ms')
    lost = exchange_status(trades=[open_trade], user_stream_ms=None, unknown_orders=1)
    latched = AccountView(ts_ms=1, drawdown_latched=True, governor_tripped="30 entries in a minute")
    actors = replies([clock]) | {
        "exchange": {GetExchange: lost},
        "account": {GetAccount: latched},
        "storage": {GetOutbox: OutboxStatus(pending=3, oldest_ms=NOW, parked=2, paused="no table")},
    }
    with running(actors) as tiny:
        page = Page(metrics_of(tiny.reader, Meters(), tmp_path))
    assert page.one("vortex_position_protected", "BTCUSDT") == 0
    assert page.one("vortex_position_notional_usdt", "BTCUSDT") == -float(open_trade.quantity * open_trade.entry_price)
    assert page.one("vortex_gate_closed", "clock", "") == 1
    assert page.one("vortex_user_stream_up") == 0
    assert page.all("vortex_user_stream_age_seconds") == {}
    assert page.one("vortex_exchange_unknown_orders") == 1
    assert (page.one("vortex_drawdown_latched"), page.one("vortex_governor_tripped")) == (1, 1)
    assert (page.one("vortex_outbox_pending"), page.one("vortex_outbox_parked")) == (3, 2)
    assert page.one("vortex_outbox_oldest_seconds") > 1_000
    assert page.one("vortex_outbox_paused") == 1
    assert "no table" not in page.text
    assert "700 ms" not in page.text
