"""`/metrics` in Prometheus's text format: the running system read once for each request, into a registry of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from vortex import __version__
from vortex.app.api.status import StatusReader
from vortex.app.disk import free_bytes
from vortex.app.metrics.catalogue import METRICS, Metric
from vortex.app.metrics.readings import MS_PER_S, Reading, Samples, mirrored, samples
from vortex.domain.meters import Histogram, Meters
from vortex.domain.pnl import RowLabels
from vortex.ports import Clock
from vortex.queries import GetAccount, GetExchange, GetFeedAges, GetMirror, GetOutbox, GetSymbolStatus

QUESTIONS: Mapping[str, object] = {
    "account": GetAccount(), "exchange": GetExchange(), "storage": GetOutbox(), "feed": GetFeedAges(),
    "hot_store": GetMirror(keys=()),
}  # fmt: skip
TASKS = Path("/proc/self/task")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Reads one running system; on one thread at a time.

    Args:
        reader: Asks the actors.
        meters: What they count.
        clock: The injected clock.
        labels: Mode, account, profile and market source of the run.
        simulated: False only for the real market or a testnet.
        folder: Where journal and outbox are kept.
        label: What a person must know of this run.
    """

    def __init__(
        self,
        *,
        reader: StatusReader,
        meters: Meters,
        clock: Clock,
        labels: RowLabels,
        simulated: bool,
        folder: Path,
        label: str,
    ) -> None:
        self._reader = reader
        self._meters = meters
        self._clock = clock
        self._run = (__version__, labels.mode.upper(), labels.profile, labels.market_source, labels.account,
                     str(simulated).lower())  # fmt: skip
        self._folder = folder
        self._label = " ".join(label.split())
        self._started_ms = clock.monotonic_ms()

    def text(self) -> bytes:
        """Everything, after one line that says whether it is real: `# PAPER · demo profile · ...`."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Once(self._families()))
        ProcessCollector(registry=registry)
        return f"# {self._label}\n".encode() + generate_latest(registry)

    def _families(self) -> Iterable[Family]:
        began_s = time.monotonic()
        found: dict[str, list[tuple[tuple[str, ...], float | Histogram]]] = {}
        for name, labels, value in self._samples():
            found.setdefault(name, []).append((labels, value if isinstance(value, Histogram) else float(value)))
        found["vortex_scrape_seconds"] = [((), time.monotonic() - began_s)]
        return [_family(metric, found[metric.name]) for metric in METRICS if metric.name in found]

    def _samples(self) -> Samples:
        yield "vortex_info", self._run, 1
        yield "vortex_up", (), self._reader.alive()
        yield "vortex_uptime_seconds", (), (self._clock.monotonic_ms() - self._started_ms) / MS_PER_S
        yield "vortex_disk_free_bytes", (), free_bytes(self._folder)
        yield "vortex_threads", (), _threads()
        yield from mirrored(self._reader.mirror())
        reading = self._read()
        yield "vortex_ready", (), not self._reader.reasons(reading.symbols, reading.answers)
        yield from samples(reading, self._meters)

    def _read(self) -> Reading:
        symbols = self._reader.symbols()
        answers = self._reader.ask({**QUESTIONS, **dict.fromkeys(symbols, GetSymbolStatus())})
        return Reading(
            symbols=symbols,
            states={symbol: self._reader.state(symbol, answers) for symbol in symbols},
            answers=answers,
            actors=tuple(self._reader.actors()),
            now_ms=self._clock.now_ms(),
        )


def _threads() -> int:
    """As the operating system counts them; where it does not say, Python's own."""
    return len(list(TASKS.iterdir())) if TASKS.exists() else threading.active_count()


class _Once(Collector):
    """A collector of families that are there already."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        yield from self._families


def _family(metric: Metric, found: Iterable[tuple[tuple[str, ...], float | Histogram]]) -> Family:
    """What prometheus-client writes out; its families add the endings of counters and infos by themselves."""
    text, labels = metric.meaning, metric.labels
    histograms = HistogramMetricFamily(metric.name, text, labels=labels)
    infos = InfoMetricFamily(metric.name.removesuffix("_info"), text)
    counter = metric.kind == "counter"
    numbers = (CounterMetricFamily if counter else GaugeMetricFamily)(metric.name, text, labels=labels)
    for values, value in found:
        if isinstance(value, Histogram):
            histograms.add_metric(values, _buckets(value), sum_value=value.total / MS_PER_S)
        elif metric.kind == "info":
            infos.add_metric((), dict(zip(labels, values, strict=True)))
        else:
            numbers.add_metric(values, value)
    return {"histogram": histograms, "info": infos}.get(metric.kind, numbers)


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them; the bounds in seconds."""
    bounds = (*(str(bound / MS_PER_S) for bound in histogram.bounds), "+Inf")
    below, cumulative = 0, []
    for bound, count in zip(bounds, tuple(histogram.counts), strict=True):
        below += count
        cumulative.append((bound, float(below)))
    return cumulative
