"""The whole examination, in the order in which people look for trouble; a line as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vortex.app.doctor import exchange, machine, stores
from vortex.app.doctor.family import Family, Options
from vortex.app.preflight import Check, Verdict
from vortex.config import ConfigError, Loaded

FAMILIES = (
    Family(("data directory", "disk space", "time synchronisation", "ccxt"), machine.look),
    Family(tuple(stores.PROBES), stores.look),
    Family(exchange.NAMES, exchange.look, timeout_s=45.0),
)


def examine(read: Callable[[], Loaded], options: Options) -> Iterator[Check]:
    """Every check; without a usable configuration there is nothing to look at."""
    try:
        loaded = read()
    except ConfigError as error:
        yield Check(name="configuration", verdict=Verdict.FAILED, detail=str(error))
        for name in (name for family in FAMILIES for name in family.names):
            yield Check(name=name, verdict=Verdict.NOT_CHECKED, detail="configuration failed")
        return
    config = loaded.config
    words = f"mode {config.mode}, {config.profile}, {', '.join(config.trading_pairs[:5])}"
    more = f" and {len(config.trading_pairs) - 5} more" if len(config.trading_pairs) > 5 else ""  # noqa: PLR2004  # as above
    yield Check(name="configuration", verdict=Verdict.OK, detail="; ".join((words + more, *loaded.notes)))
    for family in FAMILIES:
        yield from family.examine(config, options)
