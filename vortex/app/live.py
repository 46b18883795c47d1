"""The life of one running system: claim the data directory, connect, start the actors, wait, stop in reverse."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from random import Random

from loguru import logger
from msgspec import Struct

from vortex.actors.feed import SubscriptionTable
from vortex.actors.order_journal import OrderJournal
from vortex.adapters.clock import UuidIds
from vortex.adapters.courier import Couriers
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.adapters.sqlite.outbox import SqliteOutbox, open_delivery
from vortex.adapters.sqlite.reserve import Reserve
from vortex.app import collector, logs
from vortex.app.api.application import Api
from vortex.app.api.server import ControlServer
from vortex.app.api.status import StatusReader
from vortex.app.candles import Candles
from vortex.app.children.dashboard import DashboardChild, dashboard_beside
from vortex.app.children.simulator import SimulatorChild
from vortex.app.data_dir import DataDir, RunInfo
from vortex.app.disk import DiskRoom
from vortex.app.heartbeat import Heartbeat
from vortex.app.hot_store import open_hot_store
from vortex.app.ledger import open_ledger
from vortex.app.life import Life
from vortex.app.logs.files import LogFiles
from vortex.app.logs.masking import SHORTEST_PART, Masker, secrets_of
from vortex.app.logs.sinks import FileSink, as_line
from vortex.app.metrics.collector import Metrics
from vortex.app.notify_systemd import Systemd
from vortex.app.notifying import CLOSE_S, open_notifier
from vortex.app.operate import KillSwitch, Operator
from vortex.app.reload import Reloader
from vortex.app.replay.recording import Recording
from vortex.app.stopping import settle
from vortex.app.venue import Venue, open_venue
from vortex.app.wiring import Ports, Wiring
from vortex.config import Config, Loaded
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.notify.kinds import Kind, Notification
from vortex.domain.pnl import RowLabels
from vortex.messages import NOBODY, Recipient
from vortex.runtime import ActorSystem, Crash, PoolDispatcher, StockDispatcher, ThreadDispatcher

DISPATCHERS = {"pool": PoolDispatcher, "thread": ThreadDispatcher, "stock": StockDispatcher}
STOP_S = 5.0
"""For the actors to stop, the outbox included. The rest takes moments; whatever hangs, life.SHUTDOWN_S ends it."""
FAILURE, INTERNAL_FAILURE = 1, 70


class _Ground(Struct, frozen=True, kw_only=True):
    """What a run stands on before its first actor."""

    data_dir: DataDir
    server: ControlServer
    child: SimulatorChild | None
    sim_url: str | None
    venue: Venue
    labels: RowLabels
    ports: Ports
    reserve: Reserve
    sink: FileSink | None
    candles: Candles

    @property
    def simulated(self) -> bool:
        """False only for the real market or a testnet."""
        return self.venue.market is not None


class _Crew(Struct, frozen=True, kw_only=True):
    """Who serves people and the service manager while the actors trade."""

    system: ActorSystem
    reader: StatusReader
    metrics: Metrics
    operator: Operator
    reloader: Reloader
    systemd: Systemd
    dashboard: DashboardChild | None


def run(loaded: Loaded, life: Life, seconds: float | None = None, *, read: Callable[[], Loaded]) -> int:
    """Run the system until it is told to end; returns the exit code.

    Args:
        loaded: The effective configuration.
        life: Says when to end.
        seconds: Real seconds after which it ends by itself.
        read: Reads the configuration again, for a reload. Raises ConfigError.

    Raises:
        ConfigError: Something of the configuration cannot be used.
        AlreadyRunningError: Another process uses the data directory.
        SimulatorFailedError, OSError: The exchange cannot be reached, or an address cannot be used.
        StoreError: A database file cannot be used.
    """
    with ExitStack() as stack:
        stack.callback(life.ended)
        try:
            ground = _prepare(loaded, life, stack)
        finally:
            life.careful()
        crew = _operate(loaded.config, ground, read, life, stack)
        life.wait(seconds, reload=crew.reloader.on_hangup, look=_looker(ground, crew, halt=loaded.halt))
    return life.code


def label_of(labels: RowLabels) -> str:
    """The words that stand beside every output of a run, e.g. `PAPER · demo profile · recording of 2024-08-08`."""
    return f"{labels.mode.upper()} · {labels.profile} · {labels.market_source}"


def _prepare(loaded: Loaded, life: Life, stack: ExitStack) -> _Ground:
    """Take and check everything that can be refused; nothing trades yet."""
    config = loaded.config
    data_dir = DataDir.claim(config)
    stack.callback(data_dir.release)
    server = ControlServer(config.control.host, config.control.port)
    stack.callback(server.stop)
    child, sim_url = _simulator(config, data_dir, life, stack)
    venue = open_venue(config, sim_url)
    stack.callback(venue.close)
    labels = RowLabels(
        mode=config.mode, account=config.account.name, market_source=venue.market_source, profile=config.profile
    )
    sink = _log_files(config, data_dir, label_of(labels), stack)
    logger.info("{}", "; ".join((f"{label_of(labels)}: {', '.join(config.trading_pairs)}", *loaded.notes)))
    venue.check_pairs(config.trading_pairs)
    reserve = Reserve(data_dir.reserve)
    reserve.look()
    notifier = _notifier(config, labels, venue, data_dir, stack)
    ports = _ports(config, venue, data_dir, reserve, notifier, stack)
    venue.clear(config, OrderJournal.reader(ports.journal, config.account.name).load())
    collector.calm()
    return _Ground(
        data_dir=data_dir,
        server=server,
        child=child,
        sim_url=sim_url,
        venue=venue,
        labels=labels,
        ports=ports,
        reserve=reserve,
        sink=sink,
        candles=Candles(),
    )


def _operate(config: Config, ground: _Ground, read: Callable[[], Loaded], life: Life, stack: ExitStack) -> _Crew:
    """Start the actors, show them to the world, and see to it that they stop in order."""
    systemd = Systemd(os.environ.get("NOTIFY_SOCKET", ""))
    stack.callback(systemd.close)
    recording = _record(config, ground, stack)
    ports = ground.ports if recording is None else recording.ports(ground.ports)
    system, wiring = _start(config, ports, recording, ground, life, systemd, stack)
    root = system.address(None, "root")
    reloader = Reloader(
        config,
        read=read,
        check_pairs=ground.venue.check_pairs,
        reconfigure=partial(_reconfigure, wiring, recording),
        tell_root=root.tell,
        set_log=ground.sink.again if ground.sink is not None else logs.set_up,
        systemd=systemd,
    )
    reader, metrics = _readers(system, wiring, reloader, ground)
    operator = Operator(system, reader.symbols, ground.data_dir.halt)
    crew = _Crew(
        system=system,
        reader=reader,
        metrics=metrics,
        operator=operator,
        reloader=reloader,
        systemd=systemd,
        dashboard=dashboard_beside(config, ground.server.url, ground.data_dir, stack),
    )
    _serve(config, ground, crew, life, stack)
    return crew


def _readers(system: ActorSystem, wiring: Wiring, reloader: Reloader, ground: _Ground) -> tuple[StatusReader, Metrics]:
    """Who reads the running system for people, and for Prometheus."""
    reader = StatusReader(
        system=system,
        pairs=reloader.pairs,
        clock=ground.venue.clock,
        labels=ground.labels,
        simulated=ground.simulated,
        hot_store=ground.ports.hot_store.status,
    )
    metrics = Metrics(
        reader=reader,
        meters=wiring.meters,
        clock=ground.venue.clock,
        labels=ground.labels,
        simulated=ground.simulated,
        folder=ground.data_dir.path,
        label=label_of(ground.labels),
    )
    return reader, metrics


def _serve(config: Config, ground: _Ground, crew: _Crew, life: Life, stack: ExitStack) -> None:
    """Answer people from now on; what they could reach goes away before the actors do."""
    ground.server.serve(_api(config, ground, crew).app())
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
    started = f"{', '.join(config.trading_pairs)}; control API on {ground.server.url}"
    ground.ports.notifier.tell(Notification(kind=Kind.START, text=started))
    stack.callback(lambda: settle(crew.system, crew.reader, config.monitor.on_exit, ground.ports.notifier, life.why))
    stack.callback(crew.systemd.stopping)


def _looker(ground: _Ground, crew: _Crew, *, halt: bool) -> Callable[[], None]:
    """What the main thread sees to while it waits."""
    kill_switch = KillSwitch(crew.operator, ground.data_dir.halt, at_start=halt)
    room = DiskRoom(ground.data_dir.path, crew.system, ground.reserve)
    heartbeat = Heartbeat(crew.system, crew.reader.symbols, ground.ports.notifier)
    announced = not crew.systemd.listens

    def look() -> None:
        nonlocal announced
        room.look()
        if ground.child is not None:
            ground.child.look()
        kill_switch.look()
        heartbeat.look()
        if ground.sink is not None:
            ground.sink.tidy()
        if crew.dashboard is not None:
            crew.dashboard.look()
        if not announced and not crew.reader.unready():
            announced = True
            crew.systemd.ready()

    return look


def _simulator(
    config: Config, data_dir: DataDir, life: Life, stack: ExitStack
) -> tuple[SimulatorChild | None, str | None]:
    """In paper mode the simulator's address; it is started as a child unless one is configured."""
    if config.mode != "paper":
        return None, None
    if config.exchange.simulator_url:
        return None, config.exchange.simulator_url
    child = SimulatorChild(
        config, data_dir.simulator, lambda code: life.end(FAILURE, f"the simulator ended with code {code}")
    )
    stack.callback(child.stop)
    return child, child.wait_ready()


def _log_files(config: Config, data_dir: DataDir, label: str, stack: ExitStack) -> FileSink | None:
    if not config.log.files:
        return None
    sink = FileSink(config, LogFiles(data_dir.path / "logs", config.log, head=as_line(label)))
    stack.callback(sink.close)
    return sink


def _notifier(config: Config, labels: RowLabels, venue: Venue, data_dir: DataDir, stack: ExitStack) -> Recipient:
    """Who tells people; nobody when no address is configured."""
    notifier = open_notifier(config, label_of(labels), venue.clock, data_dir.path / "notify.json")
    if notifier is None:
        return NOBODY
    notifier.start()
    stack.callback(notifier.close, CLOSE_S)
    return notifier


def _ports(
    config: Config,
    venue: Venue,
    data_dir: DataDir,
    reserve: Reserve,
    notifier: Recipient,
    stack: ExitStack,
) -> Ports:
    now_ms = venue.clock.now_ms
    journal = SqliteJournal(data_dir.journal, now_ms, reserve=reserve)
    stack.callback(journal.close)
    outbox = SqliteOutbox(data_dir.journal, now_ms, reserve=reserve)
    stack.callback(outbox.close)
    ledger = open_ledger(config, data_dir.ledger)
    stack.callback(ledger.store.close)
    ledger.greet()
    couriers = Couriers(partial(open_delivery, data_dir.journal, ledger.store), ledger.name)
    stack.callback(couriers.close)
    hot_store = open_hot_store(config, venue.market_source, now_ms)
    stack.callback(hot_store.close)
    flow = config.engines.order_flow
    return Ports(
        clock=venue.clock,
        ids=UuidIds(),
        exchange=venue.exchange,
        feed=lambda: venue.feed(lambda: BookFlow(flow.depth, flow.decay, flow.levels)),
        hot_store=hot_store,
        cold_store=ledger.store,
        journal=journal,
        outbox=outbox,
        courier=couriers,
        notifier=notifier,
    )


def _record(config: Config, ground: _Ground, stack: ExitStack) -> Recording | None:
    if not config.runtime.record:
        return None
    path = ground.data_dir.path / f"inputs-{time.time_ns() // 1_000_000}.rec"
    recording = Recording(path, config, ground.labels, ground.venue.clock, config.runtime.record_mib)
    stack.callback(recording.close)
    logger.info("what actors handle is recorded in {}", path)
    return recording


def _reconfigure(wiring: Wiring, recording: Recording | None, config: Config) -> None:
    if recording is not None:
        recording.reconfigured(config)
    wiring.reconfigure(config)


def _start(
    config: Config,
    ports: Ports,
    recording: Recording | None,
    ground: _Ground,
    life: Life,
    systemd: Systemd,
    stack: ExitStack,
) -> tuple[ActorSystem, Wiring]:
    def failed(error: BaseException) -> None:
        why = f"the actor tree gave up: {error}"
        ports.notifier.tell(Notification(kind=Kind.HALT, text=f"{why}; positions keep their stops"))
        life.end(INTERNAL_FAILURE, why)

    system = ActorSystem(
        DISPATCHERS[config.runtime.dispatcher](ports.clock),
        on_root_failure=failed,
        on_beat=systemd.beat,
        recorder=None if recording is None else recording.recorder,
    )
    stack.callback(_stop, system, life)
    jitter = Random()  # noqa: S311  # spreads restarts, keeps no secret
    table = SubscriptionTable(ports.hot_store.observe, ground.candles.observe)
    wiring = Wiring(config=config, ports=ports, labels=ground.labels, random=jitter, table=table)
    system.start_root(wiring.root())
    return system, wiring


def _api(config: Config, ground: _Ground, crew: _Crew) -> Api:
    def crash(path: str, order: Crash) -> bool:
        address = crew.system.find(path)
        if address is None:
            return False
        address.tell(order)
        return True

    allowed = config.chaos.enabled and config.mode != "live"
    return Api(
        reader=crew.reader,
        operator=crew.operator,
        reloader=crew.reloader,
        store=ground.ports.cold_store,
        metrics=crew.metrics,
        candles=ground.candles,
        crash=crash if allowed else None,
        host=config.control.host,
        token=config.control.token.reveal(),
        label=label_of(ground.labels),
        mask=Masker(secrets_of(config), shortest=SHORTEST_PART).body,
    )


def _stop(system: ActorSystem, life: Life) -> None:
    if not system.stop(STOP_S):
        logger.error("the actors did not stop within {} s", STOP_S)
        life.code = life.code or FAILURE
