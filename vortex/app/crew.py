"""Who serves people and the service manager while the actors trade."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack

from loguru import logger
from msgspec import Struct

from vortex.app.api.application import Api
from vortex.app.api.status import StatusReader
from vortex.app.children.dashboard import DashboardChild
from vortex.app.data_dir import RunInfo
from vortex.app.disk import DiskRoom
from vortex.app.ground import Ground
from vortex.app.heartbeat import Heartbeat
from vortex.app.life import Life
from vortex.app.logs.masking import SHORTEST_PART, Masker, secrets_of
from vortex.app.metrics.collector import Metrics
from vortex.app.notify_systemd import Systemd
from vortex.app.operate import KillSwitch, Operator
from vortex.app.reload import Reloader
from vortex.app.stopping import settle
from vortex.app.wiring import Wiring
from vortex.config import Config
from vortex.domain.notify.kinds import Kind, Notification
from vortex.runtime import ActorSystem, Crash


class Crew(Struct, frozen=True, kw_only=True):
    """Who serves people and the service manager while the actors trade."""

    system: ActorSystem
    reader: StatusReader
    metrics: Metrics
    operator: Operator
    reloader: Reloader
    systemd: Systemd
    dashboard: DashboardChild | None


def readers(system: ActorSystem, wiring: Wiring, reloader: Reloader, ground: Ground) -> tuple[StatusReader, Metrics]:
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
        label=ground.labels.words,
    )
    return reader, metrics


def serve(config: Config, ground: Ground, crew: Crew, life: Life, stack: ExitStack) -> None:
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


def looker(ground: Ground, crew: Crew, *, halt: bool) -> Callable[[], None]:
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


def _api(config: Config, ground: Ground, crew: Crew) -> Api:
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
        label=ground.labels.words,
        mask=Masker(secrets_of(config), shortest=SHORTEST_PART).body,
    )
