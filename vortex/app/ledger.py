"""Which ledger a configuration means, opened; vendors' clients are imported only for the one that is meant."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

from loguru import logger
from msgspec import Struct

from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.config import Config, ConfigError, ledger_kind
from vortex.ports import ColdStore, StoreMisconfiguredError, StoreUnavailableError

MISCONFIGURED = "look with `vortex db check`, or see docs/how-to/keep-the-ledger-in-supabase.md"


class Ledger(Struct, frozen=True, kw_only=True):
    """An opened ledger.

    Attributes:
        name: What people call it, without any secret.
        remote: It is asked over a network, and may be away.
    """

    store: ColdStore
    name: str
    remote: bool = False

    def greet(self) -> None:
        """Say once whether a remote ledger answers; trading does not wait for it."""
        if self.remote:
            Thread(target=self._greet, name="ledger-greeting", daemon=True).start()

    def _greet(self) -> None:
        try:
            self.store.recent_trades(1)
        except StoreUnavailableError as error:
            logger.warning("{} cannot be reached: rows are kept on disk and sent when it answers: {}", self.name, error)
        except StoreMisconfiguredError as error:
            logger.error("{} cannot be used: rows are kept on disk; {}: {}", self.name, MISCONFIGURED, error)
        else:
            logger.info("{} answers", self.name)


def open_ledger(config: Config, path: Path) -> Ledger:
    """Open it; a remote one is not asked anything yet.

    Args:
        config: The effective configuration.
        path: The file of the embedded ledger.

    Raises:
        ConfigError: A connection string that cannot be read.
        StoreError: The file cannot be used.
    """
    kind = ledger_kind(config)
    if kind == "supabase":
        return _supabase(config)
    if kind == "postgres":
        return _postgres(config)
    return Ledger(store=SqliteColdStore.open(path), name=f"the ledger {path}")


def _supabase(config: Config) -> Ledger:
    from vortex.adapters.supabase.cold_store import SupabaseColdStore  # noqa: PLC0415  # takes a second and 40 MiB

    settings = config.cold_store
    store = SupabaseColdStore(settings.supabase_url, settings.supabase_key.reveal())
    return Ledger(store=store, name=f"the ledger in Supabase at {settings.supabase_url}", remote=True)


def _postgres(config: Config) -> Ledger:
    from vortex.adapters.postgres.cold_store import PostgresColdStore  # noqa: PLC0415  # takes a quarter of a second
    from vortex.adapters.postgres.connection import UnusableDsnError, place  # noqa: PLC0415  # as above

    dsn = config.cold_store.database_url.reveal()
    try:
        where = place(dsn)
    except UnusableDsnError as error:
        raise ConfigError(f"DATABASE_URL = ***: {error}") from None
    return Ledger(store=PostgresColdStore(dsn), name=f"the ledger in {where}", remote=True)
