"""What a remote ledger does when its server is away, slow, locked, of another shape, or does not know us."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from threading import Thread

import httpx
import psycopg
import pytest

from tests.kit.ledgers import as_role, closed, rejection, trade
from tests.kit.postgres import Cluster, Dsn
from tests.kit.postgrest import DASHBOARD_KEY, PUBLISHABLE_KEY, SECRET_KEY, Fault, PostgrestServer, postgrest
from vortex.adapters.postgres.cold_store import PostgresColdStore
from vortex.adapters.supabase.cold_store import SupabaseColdStore
from vortex.ports import ColdStore, RowsRefusedError, StoreMisconfiguredError, StoreUnavailableError

PATIENT_S, SHORT_S = 20.0, 1.5
PATIENT, QUICK = httpx.Timeout(PATIENT_S), httpx.Timeout(SHORT_S)
REMOTE = ("postgres", "supabase")


def execute(dsn: Dsn, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextmanager
def opened(kind: str, dsn: Dsn, *, key: str = SECRET_KEY, patience_s: float = PATIENT_S) -> Iterator[ColdStore]:
    """A remote ledger in this database; PostgreSQL's is written by the role that the key stands for."""
    with ExitStack() as stack:
        if kind == "postgres":
            role = {SECRET_KEY: "service_role", PUBLISHABLE_KEY: "anon", DASHBOARD_KEY: "authenticated"}[key]
            postgres = PostgresColdStore(as_role(dsn, role), statement_s=patience_s)
            yield stack.enter_context(closing(postgres))
        else:
            server = stack.enter_context(postgrest(dsn, statement_timeout_ms=int(patience_s * 1_000)))
            timeout = httpx.Timeout(patience_s)
            yield stack.enter_context(closing(SupabaseColdStore(server.url, key, timeout=timeout)))


@pytest.fixture(params=REMOTE)
def remote(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("drop table trade_logs cascade", "trade_logs"),
        ("alter table trade_logs drop column profile cascade", "profile"),
        ("revoke insert on trade_logs from service_role", "permission denied"),
        ("alter role service_role nobypassrls", "row-level security"),
    ],
)
def test_a_database_of_another_shape_or_without_rights_needs_a_person(
    remote: str, cluster: Cluster, ledger: Dsn, change: str, says: str
) -> None:
    execute(ledger, change)
    try:
        with opened(remote, ledger) as store:
            with pytest.raises(StoreMisconfiguredError, match=says):
                store.write_trades([trade()])
            with pytest.raises(StoreMisconfiguredError, match=says) if "drop" in change else ExitStack():
                assert store.recent_trades(1) == []
    finally:
        execute(cluster.admin, "alter role service_role bypassrls")


def test_a_fresh_database_needs_its_tables(remote: str, cluster: Cluster) -> None:
    with opened(remote, cluster.dsn(cluster.create())) as store:
        with pytest.raises(StoreMisconfiguredError, match=r"42P01|PGRST205"):
            store.write_trades([trade()])
        with pytest.raises(StoreMisconfiguredError, match=r"42P01|PGRST205"):
            store.write_rejections([rejection()])


@pytest.mark.parametrize("key", [PUBLISHABLE_KEY, DASHBOARD_KEY])
def test_only_the_service_may_write(remote: str, shared: Dsn, key: str) -> None:
    with opened(remote, shared, key=key) as store, pytest.raises(StoreMisconfiguredError, match="42501"):
        store.write_trades([trade()])


def test_a_lock_that_is_held_passes(remote: str, ledger: Dsn) -> None:
    with opened(remote, ledger, patience_s=SHORT_S) as store:
        with psycopg.connect(ledger) as other:
            other.execute("lock table trade_logs in access exclusive mode")
            with pytest.raises(StoreUnavailableError):
                store.write_trades([trade()])
        store.write_trades([trade()])
        assert store.recent_trades(10) == [trade()]


def test_a_slow_database_is_given_up_and_waited_for(remote: str, ledger: Dsn) -> None:
    slow = "create trigger slow before insert on trade_logs for each row execute function slow()"
    execute(
        ledger,
        "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$",
        slow,
    )
    with opened(remote, ledger, patience_s=SHORT_S) as store:
        began_s = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            store.write_trades([trade()])
        assert time.monotonic() - began_s < 30
        execute(ledger, "drop trigger slow on trade_logs")
        store.write_trades([closed()])
        assert store.recent_trades(10) == [closed()]


def test_a_session_that_the_server_ended_is_replaced(ledger: Dsn, cluster: Cluster) -> None:
    with opened("postgres", ledger) as store:
        store.write_trades([trade()])
        execute(
            cluster.admin, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'vortex'"
        )
        with pytest.raises(StoreUnavailableError):
            store.write_trades([closed()])
        store.write_trades([closed()])
        assert store.recent_trades(10) == [closed()]


def test_a_server_that_is_not_there_is_an_outage(remote: str) -> None:
    with socket.socket() as closed_port:
        closed_port.bind(("127.0.0.1", 0))
        port = closed_port.getsockname()[1]
        store: ColdStore = SupabaseColdStore(f"http://127.0.0.1:{port}", SECRET_KEY)
        if remote == "postgres":
            store = PostgresColdStore(f"host=127.0.0.1 port={port} user=x dbname=x")
        with closing(store), pytest.raises(StoreUnavailableError):
            store.write_trades([trade()])


def test_a_name_that_nobody_resolves_is_an_outage(remote: str) -> None:
    store: ColdStore = SupabaseColdStore("http://nobody.invalid", SECRET_KEY)
    if remote == "postgres":
        store = PostgresColdStore("host=nobody.invalid user=x dbname=x")
    with closing(store), pytest.raises(StoreUnavailableError):
        store.write_trades([trade()])


@pytest.mark.parametrize("remote", REMOTE, indirect=True)
def test_a_server_that_accepts_and_says_nothing_is_an_outage(remote: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        store: ColdStore = SupabaseColdStore(f"http://127.0.0.1:{port}", SECRET_KEY, timeout=QUICK)
        if remote == "postgres":
            store = PostgresColdStore(f"host=127.0.0.1 port={port} user=x dbname=x connect_timeout=2")
        with closing(store), pytest.raises(StoreUnavailableError):
            store.write_trades([trade()])


def test_a_server_that_falls_silent_is_given_up(ledger: Dsn) -> None:
    """Beyond the statement timeout, which a stopped server does not keep."""
    with ExitStack() as stack:
        store = stack.enter_context(closing(PostgresColdStore(_through_mute(ledger, stack), statement_s=0.1)))
        began_s = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            store.write_trades([trade()])
        assert time.monotonic() - began_s < 15


def _through_mute(dsn: Dsn, stack: ExitStack) -> Dsn:
    """Through a relay that passes the start of the session on and nothing after it."""
    parts = psycopg.conninfo.conninfo_to_dict(dsn)
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    target = ("127.0.0.1", int(str(parts["port"])))

    def relay() -> None:
        client, _ = listener.accept()
        with client, socket.create_connection(target) as server:
            startup = client.recv(65_536)
            while b"user" not in startup:  # questions about encryption: no
                client.sendall(b"N")
                startup = client.recv(65_536)
            server.sendall(startup)
            client.sendall(server.recv(65_536))
            while client.recv(65_536):
                pass

    thread = Thread(target=relay, daemon=True)
    thread.start()
    stack.callback(thread.join, 20)
    return psycopg.conninfo.make_conninfo(dsn, port=listener.getsockname()[1], sslmode="disable", gssencmode="disable")


@pytest.mark.parametrize("what", ["nobody", "no such database"])
def test_who_is_not_let_in_needs_a_person(cluster: Cluster, what: str) -> None:
    dsn = cluster.dsn("postgres", user="nobody_knows") if what == "nobody" else cluster.dsn("not_here")
    with closing(PostgresColdStore(dsn)) as store, pytest.raises(StoreMisconfiguredError, match="does not exist"):
        store.write_trades([trade()])


LATER = (
    *(Fault(do="status", status=status) for status in (408, 429, 500, 502, 503, 504, 520)),
    Fault(do="html"),
    Fault(do="stall", seconds=2 * SHORT_S),
    Fault(do="slow_reply", seconds=2 * SHORT_S),
    Fault(do="cut"),
    Fault(do="drop"),
)
PERSON = (
    Fault(do="auth"),
    Fault(do="sign_in"),
    Fault(do="empty"),
    *(Fault(do="status", status=status) for status in (401, 403, 404)),
)
ROWS = tuple(Fault(do="status", status=status) for status in (409, 422))
"""What a gateway may answer, by what it means."""


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        *((fault, StoreUnavailableError) for fault in LATER),
        *((fault, StoreMisconfiguredError) for fault in PERSON),
        *((fault, RowsRefusedError) for fault in ROWS),
    ],
    ids=str,
)
def test_every_answer_of_a_gateway_has_its_meaning(
    standin: PostgrestServer, fault: Fault, error: type[Exception]
) -> None:
    timeout = QUICK if fault.seconds else PATIENT
    with closing(SupabaseColdStore(standin.url, SECRET_KEY, timeout=timeout)) as store:
        store.write_trades([trade("other")])
        standin.fail(fault)
        with pytest.raises(error) as caught:
            store.write_trades([trade()])
        assert SECRET_KEY[:7] not in str(caught.value)
        assert caught.value.__cause__ is None
        assert "\n" not in str(caught.value)
        store.write_trades([closed()])
        store.write_trades([trade()])
        standin.settle()
        assert [row for row in store.recent_trades(10) if row.id == closed().id] == [closed()]


def test_a_page_instead_of_rows_needs_a_person(standin: PostgrestServer) -> None:
    with closing(SupabaseColdStore(standin.url, SECRET_KEY)) as store:
        standin.fail(Fault(do="sign_in"))
        with pytest.raises(StoreMisconfiguredError, match="not of Supabase's Data API"):
            store.recent_trades(10)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("0.5", 0.5), ("soon", None), ("-1", 0.0), (None, None)])
def test_a_server_that_asks_for_time_gets_it(
    standin: PostgrestServer, header: str | None, seconds: float | None
) -> None:
    with closing(SupabaseColdStore(standin.url, SECRET_KEY)) as store:
        standin.fail(Fault(do="status", status=429, retry_after=header))
        with pytest.raises(StoreUnavailableError) as caught:
            store.write_trades([trade()])
        assert caught.value.retry_after_s == seconds


def test_a_request_that_timed_out_and_is_carried_out_late_changes_nothing_newer(
    standin: PostgrestServer,
) -> None:
    with closing(SupabaseColdStore(standin.url, SECRET_KEY, timeout=QUICK)) as store:
        standin.fail(Fault(do="stall", seconds=2 * SHORT_S))
        with pytest.raises(StoreUnavailableError):
            store.write_trades([closed(revision=2)])
        store.write_trades([closed(revision=3, profile="newer")])
        standin.settle()
        assert [row.profile for row in store.recent_trades(10)] == ["newer"]
