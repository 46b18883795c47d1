"""The life of one running system: claim the data directory, connect, start the actors, wait, stop in reverse."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from random import Random

from loguru import logger
from msgspec import Struct

from vortex.actors.feed import SubscriptionTable
from vortex.adapters.clock import UuidIds
from vortex.adapters.memory import MemoryHotStore
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.adapters.sqlite.outbox import SqliteOutbox
from vortex.app.api import Api
from vortex.app.control import ControlServer
from vortex.app.data_dir import DataDir, RunInfo
from vortex.app.life import Life
from vortex.app.sim_child import SimulatorChild
from vortex.app.status import StatusReader
from vortex.app.venue import Venue, open_venue
from vortex.app.wiring import Ports, Wiring
from vortex.config import Config, ConfigError
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.pnl import RowLabels
from vortex.messages import Shutdown
from vortex.runtime import ActorSystem, Crash, ThreadDispatcher

SETTLE_S = 3.0
"""For orders under way to end and stops to be confirmed."""
STOP_S = 5.0
"""For the actors to stop, the outbox included. The rest takes moments; whatever hangs, life.SHUTDOWN_S ends it."""
POLL_S = 0.05
FAILURE, INTERNAL_FAILURE = 1, 70


class _Ground(Struct, frozen=True, kw_only=True):
    """What a run stands on before its first actor."""

    data_dir: DataDir
    server: ControlServer
    sim_url: str | None
    venue: Venue
    labels: RowLabels
    ports: Ports


def run(config: Config, life: Life, seconds: float | None = None, notes: Sequence[str] = ()) -> int:
    """Run the system until it is told to end; returns the exit code.

    Args:
        config: The effective configuration.
        life: Says when to end.
        seconds: Real seconds after which it ends by itself.
        notes: Remarks on the configuration for the first line of the log.

    Raises:
        ConfigError: Something of the configuration cannot be used.
        AlreadyRunningError: Another process uses the data directory.
        SimulatorFailedError, OSError: The exchange cannot be reached, or an address cannot be used.
        StoreError: A database file cannot be used.
    """
    if config.mode == "live":
        raise ConfigError(
            'mode = "live": real money waits for the order safety of a later version: expected paper, or TESTNET=true'
        )
    with ExitStack() as stack:
        stack.callback(life.ended)
        try:
            ground = _prepare(config, life, notes, stack)
        finally:
            life.careful()
        _operate(config, ground, life, stack)
        life.wait(seconds)
    return life.code


def label_of(labels: RowLabels) -> str:
    """The words that stand beside every output of a run, e.g. `PAPER · demo profile · recording of 2024-08-08`."""
    return f"{labels.mode.upper()} · {labels.profile} · {labels.market_source}"


def _prepare(config: Config, life: Life, notes: Sequence[str], stack: ExitStack) -> _Ground:
    """Take and check everything that can be refused; nothing trades yet."""
    data_dir = DataDir.claim(config)
    stack.callback(data_dir.release)
    server = ControlServer(config.control.host, config.control.port)
    stack.callback(server.stop)
    sim_url = _simulator(config, data_dir, life, stack)
    venue = open_venue(config, sim_url)
    stack.callback(venue.close)
    labels = RowLabels(
        mode=config.mode, account=config.account.name, market_source=venue.market_source, profile=config.profile
    )
    logger.info("{}", "; ".join((f"{label_of(labels)}: {', '.join(config.trading_pairs)}", *notes)))
    venue.check_pairs(config.trading_pairs)
    ports = _ports(config, venue, data_dir, stack)
    return _Ground(data_dir=data_dir, server=server, sim_url=sim_url, venue=venue, labels=labels, ports=ports)


def _operate(config: Config, ground: _Ground, life: Life, stack: ExitStack) -> None:
    """Start the actors, show them to the world, and see to it that they stop in order."""
    system = _start(config, ground.ports, ground.labels, life, stack)
    reader = StatusReader(
        system=system,
        symbols=config.trading_pairs,
        clock=ground.venue.clock,
        labels=ground.labels,
        simulated=ground.venue.market is not None,
    )
    ground.server.serve(_api(config, reader, ground, system).app())
    stack.callback(ground.server.stop)
    logger.info("control API on {}", ground.server.url)
    ground.data_dir.write_run(
        RunInfo(
            pid=os.getpid(),
            mode=config.mode,
            control_url=ground.server.url,
            sim_url=ground.sim_url,
            dashboard_url=None,
            started_ms=ground.venue.clock.now_ms(),
        )
    )
    stack.callback(_settle, system, reader)


def _simulator(config: Config, data_dir: DataDir, life: Life, stack: ExitStack) -> str | None:
    """The simulator's address in paper mode, started as a child unless one is configured."""
    if config.mode != "paper":
        return None
    if config.exchange.simulator_url:
        return config.exchange.simulator_url
    child = SimulatorChild(
        config, data_dir.simulator, lambda code: life.end(FAILURE, f"the simulator ended with code {code}")
    )
    stack.callback(child.stop)
    return child.wait_ready()


def _ports(config: Config, venue: Venue, data_dir: DataDir, stack: ExitStack) -> Ports:
    now_ms = venue.clock.now_ms
    journal = SqliteJournal(data_dir.journal, now_ms)
    stack.callback(journal.close)
    outbox = SqliteOutbox(data_dir.journal, now_ms)
    stack.callback(outbox.close)
    cold_store = SqliteColdStore.open(data_dir.ledger)
    stack.callback(cold_store.close)
    flow = config.engines.order_flow
    return Ports(
        clock=venue.clock,
        ids=UuidIds(),
        exchange=venue.exchange,
        feed=lambda: venue.feed(lambda: BookFlow(flow.depth, flow.decay, flow.levels)),
        hot_store=MemoryHotStore(),
        cold_store=cold_store,
        journal=journal,
        outbox=outbox,
    )


def _start(config: Config, ports: Ports, labels: RowLabels, life: Life, stack: ExitStack) -> ActorSystem:
    def failed(error: BaseException) -> None:
        life.end(INTERNAL_FAILURE, f"the actor tree gave up: {error}")

    system = ActorSystem(ThreadDispatcher(ports.clock), on_root_failure=failed)
    stack.callback(_stop, system, life)
    jitter = Random()  # noqa: S311  # spreads restarts, keeps no secret
    wiring = Wiring(config=config, ports=ports, labels=labels, random=jitter, table=SubscriptionTable())
    system.start_root(wiring.root())
    return system


def _api(config: Config, reader: StatusReader, ground: _Ground, system: ActorSystem) -> Api:
    def crash(path: str, order: Crash) -> bool:
        address = system.find(path)
        if address is None:
            return False
        address.tell(order)
        return True

    allowed = config.chaos.enabled and config.mode != "live"
    return Api(
        reader=reader,
        store=ground.ports.cold_store,
        crash=crash if allowed else None,
        host=config.control.host,
        token=config.control.token.reveal(),
        label=label_of(ground.labels),
    )


def _settle(system: ActorSystem, reader: StatusReader) -> None:
    """Close entries at once; wait until no order is under way and every open position has its stop."""
    root = system.find("root")
    if root is not None:
        root.tell(Shutdown())
    deadline_s = time.monotonic() + SETTLE_S
    status = reader.exchange()
    while status is not None and status.unsettled and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
        status = reader.exchange()
    if status is None:
        logger.error("the exchange actor does not answer: look at the exchange for open positions and their stops")
        return
    for symbol, trade in status.trades.items():
        logger.warning(
            "{} {}: stays open, {} {}, stop at {} {}; time exits do not run while stopped",
            symbol,
            trade.trade_id,
            trade.plan.side,
            trade.quantity,
            trade.plan.sl_price,
            "rests on the exchange" if trade.protected else "IS NOT CONFIRMED",
        )


def _stop(system: ActorSystem, life: Life) -> None:
    if not system.stop(STOP_S):
        logger.error("the actors did not stop within {} s", STOP_S)
        life.code = life.code or FAILURE
