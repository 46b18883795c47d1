"""The ledger in a Supabase project: one request a batch, one transaction a request.

supabase-py takes most of a second to import: this module is imported only where the ledger is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import Lock
from time import monotonic
from typing import Any

import httpx
from postgrest.types import JSON, CountMethod, ReturnMethod
from supabase.lib.client_options import SyncClientOptions

from supabase import Client, create_client
from vortex.adapters.ledger import TABLES
from vortex.adapters.sqlite.rows import R, from_columns, newest, to_columns
from vortex.adapters.supabase.errors import FAILURES, LastReply, translated
from vortex.domain.pnl import OPEN_REVISION
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import RowsRefusedError, StoreMisconfiguredError, StoreUnavailableError

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
"""Until the connection stands, and between any two signs of life after that, s."""
READ_S = 4.0
"""People wait for what is read, however many pages it has."""
PAGE = 1_000
"""Rows of a reply at most: Supabase's own limit."""
KINDS: Mapping[str, type[TradeRow | RejectionRow]] = {"trade_logs": TradeRow, "rejected_signals": RejectionRow}
STRANGER = "the reply is not of Supabase's Data API: is SUPABASE_URL right, and no proxy or sign-in page in between?"
MASK = "***"
"""For the key, should a server repeat it."""


class _Session:
    """One client with a connection of its own; one user at a time."""

    def __init__(self, url: str, key: str, timeout: httpx.Timeout) -> None:
        self._url, self._key, self._timeout = url, key, timeout
        self._last = LastReply()
        self._client: Client | None = None
        self._http: httpx.Client | None = None
        self._lock = Lock()

    def run(self, work: Callable[[Client], Any]) -> Any:
        """Send what `work` asks for. Raises the errors of the port."""
        with self._lock:
            self._last.forget()
            try:
                return work(self._connected())
            except FAILURES as error:
                refusal = translated(error, self._last)
                refusal.args = (str(refusal).replace(self._key, MASK),)
                raise refusal from None  # what caused it may show the request, and with it the key

    def close(self) -> None:
        """What is under way is not waited for, at the end of a process least of all."""
        if self._lock.acquire(blocking=False):
            try:
                self._disconnect()
            finally:
                self._lock.release()

    def _disconnect(self) -> None:
        if self._http is not None:
            self._http.close()
        self._client = self._http = None

    def _connected(self) -> Client:
        """HTTP/2 loses requests on connections that were idle; retries are the outbox's, which knows what is safe."""
        if self._client is None:
            hooks = {"response": [self._last.note]}
            self._http = httpx.Client(timeout=self._timeout, http2=False, event_hooks=hooks)
            options = SyncClientOptions(httpx_client=self._http, postgrest_client_retry=False, auto_refresh_token=False)
            self._client = create_client(self._url, self._key, options)
        return self._client


class SupabaseColdStore:
    """Implements ports.ColdStore; safe to use from several threads. Nothing connects before it is used.

    Args:
        url: `https://PROJECT.supabase.co`.
        key: A secret key, or the older `service_role` JWT.
        timeout: For each request.
    """

    def __init__(self, url: str, key: str, *, timeout: httpx.Timeout = TIMEOUT) -> None:
        self._writing = _Session(url, key, timeout)
        self._reading = _Session(url, key, _no_longer(timeout))

    def write_trades(self, rows: Sequence[TradeRow]) -> None:
        """A first row changes no other; in a later one the database keeps the higher `revision`."""
        rows = newest(rows)
        self._write("trade_logs", rows, ignore=all(row.revision <= OPEN_REVISION for row in rows))

    def write_rejections(self, rows: Sequence[RejectionRow]) -> None:
        self._write("rejected_signals", rows, ignore=True)

    def recent_trades(self, limit: int) -> list[TradeRow]:
        """Newest first. Raises like writing."""
        return self._read("trade_logs", "opened_at", limit, TradeRow)

    def recent_rejections(self, limit: int) -> list[RejectionRow]:
        """Newest first. Raises like writing."""
        return self._read("rejected_signals", "created_at", limit, RejectionRow)

    def close(self) -> None:
        self._writing.close()
        self._reading.close()

    def _write(self, table: str, rows: Sequence[TradeRow | RejectionRow], *, ignore: bool) -> None:
        if not rows:
            return

        values = [_wire(row) for row in rows]

        def work(client: Client) -> None:
            # A list, also of one: then every column is named, and none is taken for null.
            upsert = client.table(table).upsert(
                values,
                on_conflict="id",
                ignore_duplicates=ignore,
                returning=ReturnMethod.minimal,
                count=CountMethod.exact,
            )
            # supabase-py takes any 200 for success, also of whoever stands between: only the Data API counts rows.
            if upsert.execute().count is None:
                raise StoreMisconfiguredError(STRANGER)

        self._writing.run(work)

    def _read(self, table: str, time: str, limit: int, kind: type[R]) -> list[R]:
        rows: list[R] = []
        deadline_s = monotonic() + READ_S
        while len(rows) < limit:
            if monotonic() > deadline_s:
                raise StoreUnavailableError(f"read only {len(rows)} of {limit} rows within {READ_S} s")
            most = min(PAGE, limit - len(rows))
            page = self._reading.run(partial(_page, table, time, len(rows), most))
            rows += [from_columns(each, kind) for each in page]
            if len(page) < most:
                break
        return rows


def _selected(table: str) -> list[str]:
    """Decimals and JSON are read as the text that they were: JSON's numbers would round."""
    types = KINDS[table].__annotations__
    return [f"{name}::text" if "Decimal" in types[name] or name == "details" else name for name in TABLES[table]]


def _no_longer(timeout: httpx.Timeout) -> httpx.Timeout:
    """At most what a reader waits."""
    return httpx.Timeout(min(READ_S, timeout.read or READ_S), connect=min(READ_S, timeout.connect or READ_S))


def _page(table: str, time: str, first: int, most: int, client: Client) -> list[Any]:
    query = client.table(table).select(*_selected(table)).order(time, desc=True).order("id", desc=True)
    data: object = query.range(first, first + most - 1).execute().data
    if not isinstance(data, list):
        raise StoreMisconfiguredError(STRANGER)
    return data


def _wire(row: TradeRow | RejectionRow) -> dict[str, JSON]:
    """The row in JSON's types. Raises RowsRefusedError when its details are no JSON."""
    columns: dict[str, Any] = dict(zip(row.__struct_fields__, to_columns(row), strict=True))
    if isinstance(row, RejectionRow):
        try:
            columns["details"] = json.loads(row.details)
        except ValueError as error:
            raise RowsRefusedError(f"rejected_signals {row.id!r}: details are no JSON: {error}") from error
    return columns
