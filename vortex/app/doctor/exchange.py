"""The exchange: whether it answers, how far away it is, and what the start-up checks find of account and key."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from statistics import median, pstdev
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from msgspec import structs

from vortex.actors.order_journal import OrderJournal
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.app import preflight
from vortex.app.children.simulator import SimulatorChild, SimulatorFailedError
from vortex.app.data_dir import read_run
from vortex.app.doctor.canary import try_stops
from vortex.app.doctor.family import EXPECTED, Options
from vortex.app.preflight import SLOW_MS, Check, Finding, Verdict
from vortex.app.venue import Venue, open_venue
from vortex.config import Config, ConfigError
from vortex.sim.server.peer import peer_at

SAMPLES = 9
STARTUP = (
    "clock", "key permissions", "position mode", "assets mode", "margin type", "filters", "leverage brackets",
    "taker fee", "fee asset", "balance", "open positions", "open orders",
)  # fmt: skip
"""What `preflight.checks` looks at."""
NAMES = ("exchange", "round trip", *STARTUP, "canary", "latency for paper")
MORE_SPREAD = 2.0
"""Sigmas beyond this the simulator does not take."""


def look(config: Config, options: Options) -> Iterator[Check]:
    """Connect to where the mode trades: in paper mode the simulator that runs, or one for the moment."""
    with ExitStack() as stack:
        url, where = _simulator(config, stack)
        venue = open_venue(config, url)
        stack.callback(venue.close)
        inspection = venue.inspection()
        stack.callback(inspection.close)
        taken_ms = inspection.round_trips_ms(SAMPLES)
        yield Check(name="exchange", verdict=Verdict.OK, detail=f"{venue.market_source}, {where or venue.hosts.rest}")
        yield _check("round trip", round_trip(taken_ms))
        facts = inspection.read(config.trading_pairs[0])
        yield from preflight.checks(facts, config, tuple(facts_symbols(venue, config)))
        yield _check("canary", try_stops(config, venue, inspection, facts) if options.canary else NOT_ASKED)
        yield _check("latency for paper", _proposal(config, options, taken_ms))


NOT_ASKED: Finding = (Verdict.NOT_CHECKED, "it places two orders, far away: ask for it with --canary")


def facts_symbols(venue: Venue, config: Config) -> Iterator[str]:
    """Symbols of the trades that a journal here knows to be under way; it is only read."""
    path = Path(config.data_dir) / "journal.db"
    if not path.exists():
        return
    journal = SqliteJournal(path, venue.clock.now_ms, read_only=True)
    try:
        yield from OrderJournal.reader(journal, config.account.name).load()
    finally:
        journal.close()


def round_trip(taken_ms: Sequence[float]) -> Finding:
    """How long an answer takes, and how evenly."""
    usual = median(taken_ms)
    words = f"median {usual:.1f} ms of {len(taken_ms)}, from {min(taken_ms):.1f} to {max(taken_ms):.1f} ms"
    if usual > SLOW_MS:
        return Verdict.WARN, f"{words}; slow: an order has 2000 ms to arrive"
    return Verdict.OK, words


def proposal(taken_ms: Sequence[float]) -> Finding:
    """Settings under which paper trading is as far from the exchange as this machine.

    Market data takes half a round trip. An order is taken to take a whole one: its way, and the time in the exchange.
    """
    usual = median(taken_ms)
    spread = min(MORE_SPREAD, max(0.05, pstdev(math.log(max(each, 0.001)) for each in taken_ms)))
    words = f"market_ms = {max(1.0, usual / 2):.0f}.0, order_ms = {max(1.0, usual):.0f}.0, sigma = {spread:.2f}"
    return Verdict.OK, f"[sim.latency] {words}"


def _proposal(config: Config, options: Options, taken_ms: Sequence[float]) -> Finding:
    if options.latency_from is not None:
        try:
            return proposal(public_round_trips_ms(options.latency_from, SAMPLES))
        except EXPECTED as error:
            return Verdict.FAILED, str(error)
    if config.mode == "paper":
        return (
            Verdict.NOT_CHECKED,
            "the simulator is on this machine: measure with --latency-from https://fapi.binance.com",
        )
    return proposal(taken_ms)


def public_round_trips_ms(url: str, count: int) -> tuple[float, ...]:
    """Ask Binance's public market, or a simulator on this machine, so many times for the time; ms.

    Raises:
        ConfigError: Another address.
        OSError: It does not answer.
    """
    try:
        parts = urlsplit(peer_at(url).rest)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=2.0)
    taken_ms = []
    try:
        for _ in range(count + 1):
            sent_s = time.monotonic()
            connection.request("GET", "/fapi/v1/time")
            connection.getresponse().read()
            taken_ms.append(1000 * (time.monotonic() - sent_s))
    except (HTTPException, OSError) as error:
        raise OSError(f"{url}: nobody answers: {error}") from error
    finally:
        connection.close()
    return tuple(taken_ms[1:])  # the first one connects


def _simulator(config: Config, stack: ExitStack) -> tuple[str | None, str]:
    """Its address in paper mode, and in words where it comes from; none is left behind."""
    if config.mode != "paper":
        return None, ""
    if config.exchange.simulator_url:
        return config.exchange.simulator_url, config.exchange.simulator_url
    run = read_run(Path(config.data_dir))
    if run is not None and run.sim_url is not None:
        return run.sim_url, f"the simulator that runs at {run.sim_url}"
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="vortex-doctor-")))
    anywhere = structs.replace(config, sim=structs.replace(config.sim, port=0))
    log = stack.enter_context((folder / "log").open("w+", encoding="utf-8"))
    child = SimulatorChild(anywhere, folder / "sim.db", lambda _: None, log.fileno())
    stack.callback(child.stop)
    try:
        return child.wait_ready(), "a simulator started for this check"
    except SimulatorFailedError as error:
        log.seek(0)
        raise SimulatorFailedError(f"{error}: {' '.join(log.read().splitlines()[-1:])}") from error


def _check(name: str, finding: Finding) -> Check:
    return Check(name=name, verdict=finding[0], detail=finding[1])
