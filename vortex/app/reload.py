"""Reading the configuration again while the system runs: pairs come and go, the log changes, the rest waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock

from loguru import logger
from msgspec import Struct, structs

from vortex.app.notify_systemd import Systemd
from vortex.config import Config, ConfigError, Loaded, changed
from vortex.messages import AddSymbol, RemoveSymbol

PAIRS = "trading_pairs"
LIVE = frozenset({"log.level", "log.json", "log.rotate_mib", "log.keep"})
"""Keys besides the pairs that take effect at once."""


class PairsFixedError(Exception):
    """What the files say of the pairs does not count in this process; `str(error)` is one line."""


class Changes(Struct, frozen=True, kw_only=True):
    """What came of it: pairs, keys that took effect, and keys that differ and need a restart."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    ignored: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(f"{name} {' '.join(getattr(self, name)) or '-'}" for name in self.__struct_fields__)


class Reloader:
    """Applies what may change, all or nothing; from any thread that is no actor's.

    Attributes:
        config: What is in effect.

    Args:
        config: What the system started with.
        read: Reads files, `.env`, environment and command line again. Raises ConfigError.
        check_pairs: Raises ConfigError for a pair that the exchange does not list, OSError when it does not answer.
        reconfigure: Told the configuration from which added symbols are built; those that run keep theirs.
        tell_root: Delivers to the root supervisor.
        set_log: Applies `[log]`.
        systemd: Told that a reload begins and ends.
    """

    def __init__(
        self,
        config: Config,
        *,
        read: Callable[[], Loaded],
        check_pairs: Callable[[tuple[str, ...]], None],
        reconfigure: Callable[[Config], None],
        tell_root: Callable[[object], None],
        set_log: Callable[[Config], None],
        systemd: Systemd,
    ) -> None:
        self.config = config
        self._read = read
        self._check_pairs = check_pairs
        self._reconfigure = reconfigure
        self._tell_root = tell_root
        self._set_log = set_log
        self._systemd = systemd
        self._lock = Lock()

    def pairs(self) -> tuple[str, ...]:
        """The pairs that are to be traded now."""
        return self.config.trading_pairs

    def reload(self) -> Changes:
        """Read again and apply.

        Raises:
            ConfigError: It cannot be used, or names a pair that the exchange does not list; nothing has changed.
            PairsFixedError: The pairs are fixed from outside the files; nothing has changed.
            OSError: The exchange does not say whether it lists a new pair; nothing has changed.
        """
        with self._lock, self._systemd.reloading():
            fresh = self._read()
            if (origin := fresh.fixed(PAIRS)) is not None:
                raise PairsFixedError(f"the pairs are fixed by {origin}: only a restart changes them")
            changes = self._compare(fresh.config)
            if changes.added:
                self._check_pairs(changes.added)
            self._apply(fresh.config, changes)
            logger.info("reload: {}", changes)
            return changes

    def on_hangup(self) -> None:
        """Reload because of a signal: there is nobody to answer to but the log."""
        try:
            self.reload()
        except (ConfigError, PairsFixedError, OSError) as error:
            logger.error("reload refused, nothing changed: {}", error)

    def _compare(self, new: Config) -> Changes:
        before, after = self.config.trading_pairs, new.trading_pairs
        keys = [key for key in changed(self.config, new, _without(before, _without(before, after))) if key != PAIRS]
        return Changes(
            added=_without(after, before),
            removed=_without(before, after),
            changed=tuple(key for key in keys if key in LIVE),
            ignored=tuple(key for key in keys if key not in LIVE),
        )

    def _apply(self, new: Config, changes: Changes) -> None:
        """A symbol that runs keeps its settings, also where it crashes and starts again: they are not half changed."""
        kept = {symbol: self.config.of(symbol) for symbol in {*self.config.symbols, *self.config.trading_pairs}}
        added = {symbol: new.of(symbol) for symbol in changes.added}
        symbols = {**kept, **added}
        self.config = structs.replace(self.config, trading_pairs=new.trading_pairs, symbols=symbols, log=new.log)
        self._reconfigure(self.config)
        for symbol in changes.added:
            self._tell_root(AddSymbol(symbol=symbol))
        for symbol in changes.removed:
            self._tell_root(RemoveSymbol(symbol=symbol))
        if changes.changed:
            self._set_log(self.config)


def _without(pairs: tuple[str, ...], others: Iterable[str]) -> tuple[str, ...]:
    return tuple(pair for pair in pairs if pair not in set(others))
