"""The campaign's real way: supabase-py, a proxy that loses replies, the stand-in for the Data API, PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.chaos.outbox_places import Arrived
from tests.kit.ledgers import migrate
from tests.kit.lossy_proxy import LossyProxy, lossy_proxy
from tests.kit.postgres import Dsn, cluster
from tests.kit.postgrest import SECRET_KEY, postgrest
from vortex.adapters.supabase.cold_store import SupabaseColdStore
from vortex.ports import ColdStore

ARRIVED = "select id::text, revision from trade_logs union all select id::text, 0 from rejected_signals"


class SupabasePlace:
    """A ledger in PostgreSQL behind the proxy."""

    opener = "tests.chaos.supabase_place:open_supabase"

    def __init__(self, proxy: LossyProxy, dsn: Dsn) -> None:
        self._proxy, self._dsn = proxy, dsn
        self.address = proxy.url

    def away(self, *, away: bool) -> None:
        self._proxy.outage = away

    def arrived(self) -> list[Arrived]:
        with psycopg.connect(self._dsn) as connection:
            return [Arrived(*row) for row in connection.execute(ARRIVED)]


@contextmanager
def supabase(folder: Path, lost: float) -> Iterator[SupabasePlace]:  # noqa: ARG001  # all of it is in the server's folder
    """A server of its own, empty but for the migrations."""
    with cluster() as server:
        dsn = server.dsn(migrate(server))
        with postgrest(dsn) as standin, lossy_proxy(standin.url, lose=lost) as proxy:
            yield SupabasePlace(proxy, dsn)


def open_supabase(address: str) -> ColdStore:
    """The way to a SupabasePlace."""
    return SupabaseColdStore(address, SECRET_KEY)
