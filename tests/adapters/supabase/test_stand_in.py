"""The stand-in for the Data API, asked by the real supabase-py, answers what PostgREST's documentation says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import httpx
import pytest
from postgrest import SyncRequestBuilder
from postgrest.exceptions import APIError
from postgrest.types import CountMethod, ReturnMethod
from supabase.lib.client_options import SyncClientOptions

from supabase import Client, create_client
from tests.kit.ledgers import id_of, rejection, trade
from tests.kit.postgres import Dsn
from tests.kit.postgrest import DASHBOARD_KEY, PUBLISHABLE_KEY, SECRET_KEY, PostgrestServer, postgrest, serving
from vortex.adapters.sqlite.rows import to_columns
from vortex.adapters.supabase.errors import retry_after_s
from vortex.domain.trade import RejectionRow, TradeRow

MINIMAL = ReturnMethod.minimal
PATIENT_S = 30.0


def plain(row: TradeRow | RejectionRow, **changes: object) -> dict[str, object]:
    return {**dict(zip(row.__struct_fields__, to_columns(row), strict=True)), **changes}


def rows(query: Any) -> Any:
    """What a query finds."""
    return query.execute().data


class Connect(Protocol):
    """Makes clients of the stand-in that are closed after the test."""

    def __call__(self, key: str = SECRET_KEY, /, seen: list[httpx.Response] | None = None) -> Client: ...


@pytest.fixture
def client(standin: PostgrestServer) -> Iterator[Connect]:
    with ExitStack() as stack:

        def connect(key: str = SECRET_KEY, /, seen: list[httpx.Response] | None = None) -> Client:
            hooks = {"response": [seen.append] if seen is not None else []}
            http = stack.enter_context(httpx.Client(timeout=PATIENT_S, event_hooks=hooks))
            return create_client(standin.url, key, SyncClientOptions(httpx_client=http, postgrest_client_retry=False))

        yield connect


@pytest.fixture
def trades(client: Connect) -> SyncRequestBuilder:
    return client().table("trade_logs")


def last(standin: PostgrestServer) -> tuple[str, dict[str, list[str]], set[str]]:
    """Method, parameters and wishes of the newest request."""
    method, path, headers = standin.seen[-1]
    wishes = {wish.strip() for wish in headers.get("Prefer", "").split(",")} - {""}
    return method, parse_qs(urlsplit(path).query), wishes


def test_one_row_and_the_same_again(standin: PostgrestServer, trades: SyncRequestBuilder) -> None:
    assert trades.insert(plain(trade()), returning=MINIMAL).execute().data == []
    method, parameters, wishes = last(standin)
    assert (method, parameters, wishes) == ("POST", {}, {"return=minimal"})
    with pytest.raises(APIError) as caught:
        trades.insert(plain(trade()), returning=MINIMAL).execute()
    assert caught.value.code == "23505"


def test_several_rows_name_their_columns(standin: PostgrestServer, trades: SyncRequestBuilder) -> None:
    made = rows(trades.insert([plain(trade("a")), plain(trade("b"))]))
    assert [row["id"] for row in made] == [id_of("a"), id_of("b")]
    assert {name.strip('"') for name in last(standin)[1]["columns"][0].split(",")} == set(TradeRow.__struct_fields__)


def test_an_upsert_that_ignores_and_one_that_merges(standin: PostgrestServer, trades: SyncRequestBuilder) -> None:
    trades.insert(plain(trade()), returning=MINIMAL).execute()
    other = plain(trade(), profile="other", revision=2)
    trades.upsert([other], on_conflict="id", ignore_duplicates=True, returning=MINIMAL, default_to_null=False).execute()
    assert last(standin)[2] == {"return=minimal", "resolution=ignore-duplicates", "missing=default"}
    assert last(standin)[1]["on_conflict"] == ["id"]
    assert trades.select("profile").execute().data == [{"profile": "demo profile"}]
    trades.upsert(other, on_conflict="id", returning=MINIMAL).execute()
    assert "resolution=merge-duplicates" in last(standin)[2]
    assert "columns" not in last(standin)[1]
    assert trades.select("profile").execute().data == [{"profile": "other"}]


def test_written_rows_are_counted_when_that_is_asked(trades: SyncRequestBuilder) -> None:
    def written(name: str, **asked: Any) -> int | None:
        upsert = trades.upsert(
            [plain(trade(name))], on_conflict="id", ignore_duplicates=True, returning=MINIMAL, **asked
        )
        return upsert.execute().count

    assert [written(name, count=CountMethod.exact) for name in ("a", "b", "a")] == [1, 1, 0]
    assert written("c") is None


def test_a_bulk_upsert_nulls_what_a_row_does_not_mention(trades: SyncRequestBuilder) -> None:
    """The reason why our rows are always whole."""
    full = plain(trade("a"), close_reason="MANUAL")
    short = {name: value for name, value in plain(trade("b")).items() if name != "close_reason"}
    trades.upsert([full, short], on_conflict="id").execute()
    assert trades.select("close_reason").eq("id", id_of("b")).execute().data == [{"close_reason": None}]
    without = {name: value for name, value in plain(trade("c")).items() if name != "funding_usdt"}
    with pytest.raises(APIError) as caught:
        trades.upsert([plain(trade("d")), without], on_conflict="id").execute()
    assert caught.value.code == "23502"
    trades.upsert([plain(trade("d")), without], on_conflict="id", default_to_null=False).execute()
    assert trades.select("funding_usdt").eq("id", id_of("c")).execute().data == [{"funding_usdt": 0}]


def test_one_row_twice_in_a_merge_is_refused(trades: SyncRequestBuilder) -> None:
    with pytest.raises(APIError) as caught:
        trades.upsert([plain(trade()), plain(trade(), revision=2)]).execute()
    assert caught.value.code == "21000"


def test_an_update_that_finds_nothing_is_no_error(standin: PostgrestServer, trades: SyncRequestBuilder) -> None:
    trades.insert(plain(trade()), returning=MINIMAL).execute()
    found = rows(trades.update({"profile": "x"}).eq("id", id_of("t1")).eq("status", "OPEN"))
    assert [row["profile"] for row in found] == ["x"]
    assert last(standin)[:2] == ("PATCH", {"id": [f"eq.{id_of('t1')}"], "status": ["eq.OPEN"]})
    assert trades.update({"profile": "y"}).eq("status", "CLOSED").execute().data == []
    assert trades.update({"profile": "y"}, returning=MINIMAL).eq("status", "OPEN").execute().data == []


@pytest.mark.parametrize(
    ("column", "operator", "value", "found"),
    [
        ("leverage", "eq", 2, [2]), ("leverage", "neq", 2, [1, 3]), ("leverage", "gt", 1, [2, 3]),
        ("leverage", "gte", 2, [2, 3]), ("leverage", "lt", 3, [1, 2]), ("leverage", "lte", 1, [1]),
        ("leverage", "in_", [1, 3], [1, 3]), ("exit_price", "is_", None, [1, 2, 3]),
    ],
)  # fmt: skip
def test_filters(trades: SyncRequestBuilder, column: str, operator: str, value: object, found: list[int]) -> None:
    trades.insert([plain(trade(str(n)), leverage=n) for n in (1, 2, 3)], returning=MINIMAL).execute()
    query = getattr(trades.select("leverage"), operator)(column, "null" if value is None else value)
    assert [row["leverage"] for row in query.order("leverage").execute().data] == found


def test_reading_in_order_by_pages_and_with_exact_figures(standin: PostgrestServer, trades: SyncRequestBuilder) -> None:
    trades.insert([plain(trade(str(n), opened_at=n)) for n in range(5)], returning=MINIMAL).execute()
    newest = trades.select("id").order("opened_at", desc=True).limit(2).execute().data
    assert newest == [{"id": id_of("4")}, {"id": id_of("3")}]
    assert last(standin)[1] == {"select": ["id"], "order": ["opened_at.desc"], "limit": ["2"]}
    page = trades.select("id").order("opened_at", desc=True).order("id", desc=True).range(3, 4).execute().data
    assert page == [{"id": id_of("1")}, {"id": id_of("0")}]
    (row,) = rows(trades.select("entry_price", "opened_at", "quantity::text").limit(1))
    assert row["entry_price"] == 60000.1
    assert row["quantity"] == "0.002"
    assert row["opened_at"].startswith("1970-01-01T00:00:00")


def test_counting_and_single_rows(trades: SyncRequestBuilder) -> None:
    trades.insert([plain(trade(str(n))) for n in range(3)], returning=MINIMAL).execute()
    assert trades.select("id", count=CountMethod.exact, head=True).execute().count == 3
    assert trades.select("id", count=CountMethod.exact).limit(1).execute().count == 3
    assert trades.select("id").eq("id", id_of("1")).single().execute().data == {"id": id_of("1")}
    with pytest.raises(APIError) as caught:
        trades.select("id").single().execute()
    assert caught.value.code == "PGRST116"


def test_views_are_read_like_tables(client: Connect) -> None:
    api = client()
    api.table("trade_logs").insert(plain(trade()), returning=MINIMAL).execute()
    (row,) = rows(api.table("v_trading_summary").select("*"))
    assert (row["mode"], row["open_trades"], row["win_rate_pct"]) == ("paper", 1, None)


@pytest.mark.parametrize(
    ("row", "status", "code"),
    [
        (plain(trade(), nobody=1), 400, "PGRST204"),
        (plain(trade(), quantity="-1"), 400, "23514"),
        (plain(trade(), quantity="much"), 400, "22P02"),
        (plain(trade(), quantity=None), 400, "23502"),
        (plain(trade(), id="x"), 400, "22P02"),
        (plain(trade(), symbol="NUL \x00"), 400, "22P05"),
    ],
)
def test_errors_name_their_code(client: Connect, row: dict[str, object], status: int, code: str) -> None:
    seen: list[httpx.Response] = []
    with pytest.raises(APIError) as caught:
        client(seen=seen).table("trade_logs").insert([row]).execute()
    assert caught.value.code == code
    assert seen[-1].status_code == status
    assert seen[-1].headers["Proxy-Status"] == f"PostgREST; error={code}"


@pytest.mark.parametrize(
    ("key", "code"), [("sb_secret_of_nobody", None), (PUBLISHABLE_KEY, "42501"), (DASHBOARD_KEY, "42501")]
)  # fmt: skip
def test_keys_stand_for_roles(client: Connect, key: str, code: str | None) -> None:
    with pytest.raises(APIError) as caught:
        client(key).table("rejected_signals").insert([plain(rejection(), details={})]).execute()
    assert caught.value.code == code


def test_unknown_tables_and_broken_bodies(standin: PostgrestServer, client: Connect) -> None:
    with pytest.raises(APIError) as caught:
        client().table("nobody").select("*").execute()
    assert caught.value.code == "PGRST205"
    headers = {"apikey": SECRET_KEY, "Content-Type": "application/json"}
    reply = httpx.post(f"{standin.url}/rest/v1/trade_logs", content=b"{", headers=headers, timeout=PATIENT_S)
    assert (reply.status_code, reply.json()["code"]) == (400, "PGRST102")


def test_a_server_that_was_stopped_refuses(ledger: Dsn) -> None:
    with postgrest(ledger) as server, httpx.Client(timeout=PATIENT_S) as http:
        api = create_client(server.url, SECRET_KEY, SyncClientOptions(httpx_client=http, postgrest_client_retry=False))
        for _ in range(3):
            api.table("trade_logs").select("id").execute()
        assert server.requests == {"GET /rest/v1/trade_logs": 3}
        server.stop()
        with pytest.raises(httpx.TransportError):
            api.table("trade_logs").select("id").execute()


def test_it_also_runs_as_a_process_and_fails_as_ordered(ledger: Dsn) -> None:
    with serving(ledger) as url:
        order = json.dumps({"do": "status", "status": 429, "retry_after": "7"}).encode()
        urlopen(Request(f"{url}/standin/faults", order), timeout=PATIENT_S).close()  # noqa: S310  # ours
        asked = f"{url}/rest/v1/trade_logs"
        replies = [httpx.get(asked, headers={"apikey": SECRET_KEY}, timeout=PATIENT_S) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [429, 200]
    assert replies[0].headers["Retry-After"] == "7"


def test_a_date_to_retry_after_is_seconds_from_now() -> None:
    seconds = retry_after_s("Fri, 31 Dec 2100 23:59:59 GMT")
    assert seconds is not None
    assert seconds > 1e6
    assert retry_after_s("Fri, 31 Dec 1999 23:59:59 GMT") == 0.0
    assert retry_after_s("nan") is None
