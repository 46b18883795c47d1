"""A stand-in for Supabase's Data API: PostgREST's answers to supabase-py, from a real PostgreSQL, and its failures.

Also a process: `python -m tests.kit.postgrest --dsn DSN [--port N]` prints its address; `POST /standin/faults` with
the fields of a Fault orders one, `POST /standin/lossy {"share": 0.25}` drops replies at random.
"""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Condition, Event, Lock, Thread
from typing import Any, Literal
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.kit.postgres import Dsn
from tests.kit.postgrest_sql import Query, RequestError

SECRET_KEY, PUBLISHABLE_KEY = "sb_secret_standin_0123456789", "sb_publishable_standin_0123456789"
DASHBOARD_KEY = "dashboard-token-of-a-signed-in-person"
ROLES = {SECRET_KEY: "service_role", PUBLISHABLE_KEY: "anon", DASHBOARD_KEY: "authenticated"}
SETTLE_S = 30.0
MAX_ROWS = 1_000
"""Supabase's default: no reply has more rows."""
STATUS_OF = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "P0001": 400,
    "53400": 500,
}
CLASSES = {
    "08": 503,
    "28": 403,
    "0L": 403,
    "0P": 403,
    "53": 503,
    **dict.fromkeys(("09", "25", "2D", "38", "39", "3B"), 500),
}
CLASSES |= dict.fromkeys(("40", "54", "55", "57", "58", "F0", "HV", "XX", "P0"), 500)
DEFAULTS = """
create schema if not exists standin;
create or replace function standin.defaults(of_table text) returns jsonb language plpgsql as $$
declare made jsonb := '{}'; each record; value jsonb;
begin
    for each in select column_name, column_default from information_schema.columns
        where table_schema = 'public' and table_name = of_table and column_default is not null loop
        execute 'select to_jsonb(' || each.column_default || ')' into value;
        made := made || jsonb_build_object(each.column_name, value);
    end loop;
    return made;
end $$;
grant usage on schema standin to public; grant execute on function standin.defaults to public;
"""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to the next `times` requests.

    drop: carried out, no reply. stall: carried out after `seconds`, so perhaps when nobody waits any more.
    slow_reply: carried out at once, answered after `seconds`. cut: carried out, the reply breaks off.
    status: not carried out, this status. html: not carried out, 502 of a gateway. auth: not carried out, wrong key.
    sign_in: not carried out, the page of a network that wants to know who is there first, as 200.
    """

    do: Literal["drop", "stall", "slow_reply", "cut", "status", "html", "auth", "sign_in", "empty"]
    times: int = 1
    seconds: float = 0.0
    status: int = 503
    retry_after: str | None = None


class PostgrestServer(ThreadingHTTPServer):
    """Answers on a free port until `stop`.

    Attributes:
        requests: How many requests came, by method and path without query.
        seen: Method, path with query, and headers of each.
        drop_share: Of replies that are dropped at random.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, dsn: Dsn, port: int = 0, *, seed: int = 7, statement_timeout_ms: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.dsn = dsn
        self.statement_timeout_ms = statement_timeout_ms
        self.requests: Counter[str] = Counter()
        self.seen: list[tuple[str, str, Mapping[str, str]]] = []
        self.drop_share = 0.0
        self.stopped = Event()
        self._random = Random(seed)
        self._faults: deque[Fault] = deque()
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self._busy = 0
        self._idle = Condition()
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(DEFAULTS)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fail(self, fault: Fault) -> None:
        """Order a fault; several are worked off in order."""
        with self._lock:
            self._faults.extend([fault] * fault.times)

    def heal(self) -> None:
        """Forget what was ordered and has not happened."""
        with self._lock:
            self._faults.clear()
        self.drop_share = 0.0

    def next_fault(self, method: str, path: str, headers: Mapping[str, str]) -> Fault | None:
        """What is to happen to this request."""
        with self._lock:
            self.requests[f"{method} {urlsplit(path).path}"] += 1
            self.seen.append((method, path, headers))
            if self._faults:
                return self._faults.popleft()
            return Fault(do="drop") if self._random.random() < self.drop_share else None

    @contextmanager
    def working(self) -> Iterator[None]:
        """One request is under way."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def settle(self) -> None:
        """Wait until no request is under way, also none that its client has given up."""
        with self._idle:
            assert self._idle.wait_for(lambda: not self._busy, SETTLE_S)

    def stop(self) -> None:
        """Close the port and every connection: what comes now is refused."""
        self.stopped.set()
        self.shutdown()
        self.server_close()

    def server_close(self) -> None:
        self.socket.close()
        with self._lock:
            still = list(self._open)
        for each in still:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of the server."""
        if not isinstance(sys.exception(), ConnectionError | ValueError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: PostgrestServer

    def setup(self) -> None:
        super().setup()
        self._database: psycopg.Connection[tuple[Any, ...]] | None = None

    def finish(self) -> None:
        if self._database is not None:
            self._database.close()
        with suppress(OSError):
            super().finish()

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PATCH = do_GET  # noqa: N815  # names of the standard library

    def _serve(self) -> None:
        with self.server.working():
            self._handle()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/standin/"):
            self._control(json.loads(body))
            return
        fault = self.server.next_fault(self.command, self.path, dict(self.headers.items()))
        do = fault.do if fault else ""
        if fault and do == "stall":
            self.server.stopped.wait(fault.seconds)
        if fault and do in {"status", "html", "auth", "sign_in", "empty"}:
            self._refuse(fault)
            return
        reply = self._answer(body)
        if fault and do == "slow_reply":
            self.server.stopped.wait(fault.seconds)
        if do == "drop":
            self.close_connection = True
            return
        self._send(*reply, cut=do == "cut")

    def _control(self, order: dict[str, Any]) -> None:
        if self.path == "/standin/lossy":
            self.server.drop_share = float(order["share"])
        elif self.path == "/standin/heal":
            self.server.heal()
        else:
            self.server.fail(Fault(**order))
        self._send(200, b"{}", {})

    def _refuse(self, fault: Fault) -> None:
        more = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
        if fault.do == "html":
            self._send(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", {"Content-Type": "text/html"})
        elif fault.do == "sign_in":
            self._send(200, b"<html><body><h1>Please sign in</h1></body></html>", {"Content-Type": "text/html"})
        elif fault.do == "empty":
            self._send(200, b"", {})
        elif fault.do == "auth":
            self._send(401, b'{"message":"Invalid API key"}', {})
        else:
            self._send(fault.status, json.dumps({"message": "no service now"}).encode(), more)

    def _answer(self, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        role = ROLES.get(self.headers.get("apikey", ""))
        if role is None:
            return 401, b'{"message":"Invalid API key"}', {}
        try:
            parts = urlsplit(self.path)
            query = Query.parse(self.command, parts.path, parts.query, self.headers.get("Prefer", ""), body)
            return self._execute(query, role)
        except RequestError as error:
            return _error(error.status, error.code, str(error))
        except psycopg.Error as error:
            self._forget_database()
            return _database_error(error, role, self.command)

    def _execute(self, query: Query, role: str) -> tuple[int, bytes, dict[str, str]]:
        if self._database is None or self._database.closed:
            self._database = psycopg.connect(self.server.dsn, prepare_threshold=None)
        with self._database.transaction():
            timeout = str(self.server.statement_timeout_ms)
            self._database.execute("select set_config('role', %s, true)", [role])
            self._database.execute("select set_config('statement_timeout', %s, true)", [timeout])
            statement = query.statement(MAX_ROWS)
            if not query.wants_rows:
                touched = self._database.execute(statement, query.values).rowcount
                total = str(touched) if "count=exact" in query.prefer else "*"
                return (201 if query.method == "POST" else 204), b"", {"Content-Range": f"*/{total}"}
            count, rows = self._rows(query, statement)
        if self.headers.get("Accept", "").startswith("application/vnd.pgrst.object"):
            if count != 1:
                raise RequestError(406, "PGRST116", "Cannot coerce the result to a single JSON object")
            rows = json.dumps(json.loads(rows)[0]).encode()
        first = int(query.parameter("offset") or 0)
        total = str(self._total(query, role)) if "count=exact" in query.prefer else "*"
        spread = f"{first}-{first + count - 1}" if count else "*"
        return (201 if query.method == "POST" else 200), rows, {"Content-Range": f"{spread}/{total}"}

    def _rows(self, query: Query, statement: sql.Composed) -> tuple[int, bytes]:
        assert self._database is not None
        wrapped = sql.SQL("with made as ({}) select count(*), coalesce(json_agg(made), '[]')::text from made")
        count, text = self._database.execute(wrapped.format(statement), query.values).fetchall()[0]
        return int(count), str(text).encode()

    def _total(self, query: Query, role: str) -> int:
        assert self._database is not None
        with self._database.transaction():
            self._database.execute("select set_config('role', %s, true)", [role])
            return int(self._database.execute(query.count(), query.values).fetchall()[0][0])

    def _forget_database(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body) + (10 if cut else 0)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if cut:
            self.close_connection = True


def _error(status: int, code: str, message: str, details: str | None = None) -> tuple[int, bytes, dict[str, str]]:
    body = json.dumps({"code": code, "message": message, "details": details, "hint": None}).encode()
    return status, body, {"Proxy-Status": f"PostgREST; error={code}"}


def _database_error(error: psycopg.Error, role: str, method: str) -> tuple[int, bytes, dict[str, str]]:
    code, message = error.sqlstate, error.diag.message_primary or str(error)
    if code is None:
        return _error(503, "PGRST001", "Database client error. Retrying the connection.")
    if code == "42P01":
        return _error(404, "PGRST205", f"Could not find the table in the schema cache: {message}")
    if code == "42703" and method != "GET":
        return _error(400, "PGRST204", f"Could not find the column in the schema cache: {message}")
    if code == "42501":
        return _error(401 if role == "anon" else 403, code, message)
    return _error(STATUS_OF.get(code, CLASSES.get(code[:2], 400)), code, message, error.diag.message_detail)


@contextmanager
def postgrest(dsn: Dsn, *, port: int = 0, statement_timeout_ms: int = 0) -> Iterator[PostgrestServer]:
    """The stand-in on a thread of this process."""
    server = PostgrestServer(dsn, port, statement_timeout_ms=statement_timeout_ms)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


@contextmanager
def serving(dsn: Dsn) -> Iterator[str]:
    """The stand-in as a process; yields its address."""
    command = [sys.executable, "-m", "tests.kit.postgrest", "--dsn", dsn]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # ours
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.kill()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.kit.postgrest", description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    server = PostgrestServer(options.dsn, options.port)
    sys.stdout.write(json.dumps({"event": "ready", "url": server.url}) + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
