"""The life of one running system: claim the data directory, connect, start the actors, wait, stop in reverse."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from random import Random

from loguru import logger

from vortex.actors.feed import SubscriptionTable
from vortex.app import logs
from vortex.app.children.dashboard import dashboard_beside
from vortex.app.crew import Crew, looker, readers, serve
from vortex.app.ground import FAILURE, Ground, prepare
from vortex.app.life import Life
from vortex.app.notify_systemd import Systemd
from vortex.app.operate import Operator
from vortex.app.reload import Reloader
from vortex.app.replay.recording import Recording
from vortex.app.wiring import Ports, Wiring
from vortex.config import Config, Loaded
from vortex.domain.notify.kinds import Kind, Notification
from vortex.runtime import ActorSystem, PoolDispatcher, StockDispatcher, ThreadDispatcher

DISPATCHERS = {"pool": PoolDispatcher, "thread": ThreadDispatcher, "stock": StockDispatcher}
STOP_S = 5.0
"""For the actors to stop, the outbox included. The rest takes moments; whatever hangs, life.SHUTDOWN_S ends it."""
INTERNAL_FAILURE = 70


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
            ground = prepare(loaded, life, stack)
        finally:
            life.careful()
        crew = _operate(loaded.config, ground, read, life, stack)
        life.wait(seconds, reload=crew.reloader.on_hangup, look=looker(ground, crew, halt=loaded.halt))
    return life.code


def _operate(config: Config, ground: Ground, read: Callable[[], Loaded], life: Life, stack: ExitStack) -> Crew:
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
    reader, metrics = readers(system, wiring, reloader, ground)
    operator = Operator(system, reader.symbols, ground.data_dir.halt)
    crew = Crew(
        system=system,
        reader=reader,
        metrics=metrics,
        operator=operator,
        reloader=reloader,
        systemd=systemd,
        dashboard=dashboard_beside(config, ground.server.url, ground.data_dir, stack),
    )
    serve(config, ground, crew, life, stack)
    return crew


def _record(config: Config, ground: Ground, stack: ExitStack) -> Recording | None:
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
    ground: Ground,
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


def _stop(system: ActorSystem, life: Life) -> None:
    if not system.stop(STOP_S):
        logger.error("the actors did not stop within {} s", STOP_S)
        life.code = life.code or FAILURE
