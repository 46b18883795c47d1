"""The outbox campaign before PostgreSQL behind the Data API: `--store tests.chaos.supabase_place:supabase`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from tests.chaos.outbox_places import Arrived
from tests.kit.ledgers import migrate
from tests.kit.postgres import Dsn, cluster
from tests.kit.postgrest import SECRET_KEY, postgrest
from tests.kit.processes import free_port
from vortex.adapters.supabase.cold_store import SupabaseColdStore
from vortex.ports import ColdStore

ARRIVED = "select id::text, revision from trade_logs union all select id::text, 0 from rejected_signals"


class SupabasePlace:
    """Loses replies at random; away, it refuses connections."""

    opener = "tests.chaos.supabase_place:open_supabase"

    def __init__(self, dsn: Dsn, lost: float) -> None:
        self._dsn, self._lost, self._port = dsn, lost, free_port()
        self._server: ExitStack | None = None
        self.address = f"http://127.0.0.1:{self._port}"
        self.away(away=False)

    def away(self, *, away: bool) -> None:
        if away and self._server is not None:
            self._server.close()
            self._server = None
        elif not away and self._server is None:
            self._server = ExitStack()
            self._server.enter_context(postgrest(self._dsn, port=self._port)).drop_share = self._lost

    def arrived(self) -> list[Arrived]:
        with psycopg.connect(self._dsn) as connection:
            return [Arrived(row_id, revision) for row_id, revision in connection.execute(ARRIVED).fetchall()]


@contextmanager
def supabase(folder: Path, lost: float) -> Iterator[SupabasePlace]:  # noqa: ARG001  # the database has a folder of its own
    """A place in a server of its own."""
    with cluster() as server:
        place = SupabasePlace(server.dsn(migrate(server)), lost)
        try:
            yield place
        finally:
            place.away(away=True)


def open_supabase(address: str) -> ColdStore:
    """The way there."""
    return SupabaseColdStore(address, SECRET_KEY)
