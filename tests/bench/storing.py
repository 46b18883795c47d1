"""What rows cost on their way into Supabase: one upsert of 100 against 100 of one, processor time of the client."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import Literal, TypeAlias

from msgspec import Struct

from tests.kit.ledgers import migrate, trade
from tests.kit.postgres import cluster
from tests.kit.postgrest import SECRET_KEY, serving
from vortex.adapters.supabase.cold_store import SupabaseColdStore

How: TypeAlias = Literal["batch", "single"]
ROWS = 100
ROUNDS = {"batch": 20, "single": 3}


class Storing(Struct, frozen=True, kw_only=True):
    """Milliseconds of processor time for 100 rows."""

    cpu_ms: float


def run(how: How, rounds: int | None = None) -> Storing:
    """The server is a process of its own; the first rows, which connect and import, are not counted."""
    with ExitStack() as stack:
        server = stack.enter_context(cluster())
        url = stack.enter_context(serving(server.dsn(migrate(server))))
        store = stack.enter_context(closing(SupabaseColdStore(url, SECRET_KEY)))
        store.write_trades([trade("first")])
        count = rounds or ROUNDS[how]
        rounds_of_rows = [[trade(f"{number} {place}") for place in range(ROWS)] for number in range(count)]
        begin_s = time.process_time()
        for rows in rounds_of_rows:
            for batch in [rows] if how == "batch" else [[row] for row in rows]:
                store.write_trades(batch)
        return Storing(cpu_ms=(time.process_time() - begin_s) * 1_000 / count)
