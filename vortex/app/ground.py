"""What a run stands on before its first actor: everything that can be refused is taken and checked here."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

from loguru import logger
from msgspec import Struct

from vortex.actors.order_journal import OrderJournal
from vortex.adapters.clock import UuidIds
from vortex.adapters.courier import Couriers
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.adapters.sqlite.outbox import SqliteOutbox, open_delivery
from vortex.adapters.sqlite.reserve import Reserve
from vortex.app import collector
from vortex.app.api.server import ControlServer
from vortex.app.candles import Candles
from vortex.app.children.simulator import SimulatorChild
from vortex.app.data_dir import DataDir
from vortex.app.hot_store import open_hot_store
from vortex.app.ledger import open_ledger
from vortex.app.life import Life
from vortex.app.logs.files import LogFiles
from vortex.app.logs.sinks import FileSink, as_line
from vortex.app.notifying import CLOSE_S, open_notifier
from vortex.app.venue import Venue, open_venue
from vortex.app.wiring import Ports
from vortex.config import Config, Loaded
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.pnl import RowLabels
from vortex.messages import NOBODY, Recipient

FAILURE = 1


class Ground(Struct, frozen=True, kw_only=True):
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


def prepare(loaded: Loaded, life: Life, stack: ExitStack) -> Ground:
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
    sink = _log_files(config, data_dir, labels.words, stack)
    logger.info("{}", "; ".join((f"{labels.words}: {', '.join(config.trading_pairs)}", *loaded.notes)))
    venue.check_pairs(config.trading_pairs)
    reserve = Reserve(data_dir.reserve)
    reserve.look()
    notifier = _notifier(config, labels, venue, data_dir, stack)
    ports = _ports(config, venue, data_dir, reserve, notifier, stack)
    venue.clear(config, OrderJournal.reader(ports.journal, config.account.name).load())
    collector.calm()
    return Ground(
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
    notifier = open_notifier(config, labels.words, venue.clock, data_dir.path / "notify.json")
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
