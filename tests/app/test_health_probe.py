from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from vortex.app.data_dir import RunInfo
from vortex.app.health_probe import main

REPLIES: dict[str, int] = {}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        right = self.headers.get("authorization") == "Bearer secret"
        self.send_response(REPLIES[self.path] if right else 401)
        self.end_headers()
        self.wfile.write(b'{"reasons": ["BTCUSDT is RECONCILING"]}')

    def log_message(self, *_: object) -> None: ...


@contextmanager
def engine(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that can be killed, and an API that answers for it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    run = RunInfo(
        pid=process.pid, mode="paper", control_url=f"http://127.0.0.1:{server.server_port}", sim_url=None,
        dashboard_url=None, started_ms=1,
    )  # fmt: skip
    (folder / "paper").mkdir()
    (folder / "paper" / "run.json").write_bytes(msgspec.json.encode(run))
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()
        server.shutdown()
        server.server_close()


def probe(folder: Path, token: str = "secret") -> int:
    return main(folder, folder, {"VORTEX__CONTROL__TOKEN": token})


def test_alive_is_healthy_and_readiness_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with engine(tmp_path):
        REPLIES.update({"/livez": 200, "/readyz": 200})
        assert (probe(tmp_path), capsys.readouterr().out) == (0, "alive, ready\n")
        REPLIES["/readyz"] = 503
        assert probe(tmp_path) == 0
        assert capsys.readouterr().out.startswith("alive, not ready: ")


def test_three_times_not_alive_is_killed_and_a_good_answer_begins_anew(tmp_path: Path) -> None:
    with engine(tmp_path) as process:
        REPLIES.update({"/livez": 503, "/readyz": 503})
        assert [probe(tmp_path), probe(tmp_path)] == [1, 1]
        REPLIES["/livez"] = 200
        assert probe(tmp_path) == 0
        REPLIES["/livez"] = 503
        assert [probe(tmp_path), probe(tmp_path)] == [1, 1]
        assert process.poll() is None
        assert probe(tmp_path) == 1
        assert process.wait(10) == -9


def test_a_count_that_was_cut_off_begins_anew(tmp_path: Path) -> None:
    with engine(tmp_path) as process:
        REPLIES["/livez"] = 503
        (tmp_path / "health_failures").touch()
        assert [probe(tmp_path), probe(tmp_path), probe(tmp_path)] == [1, 1, 1]
        assert process.wait(10) == -9


def test_a_wrong_token_kills_nobody(tmp_path: Path) -> None:
    with engine(tmp_path) as process:
        assert [probe(tmp_path, "wrong") for _ in range(4)] == [0] * 4
        assert process.poll() is None


def test_without_an_engine_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (probe(tmp_path), capsys.readouterr().out) == (1, "no engine runs\n")


def test_a_damaged_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text("{", encoding="ascii")
    assert probe(tmp_path) == 1
    assert f"{tmp_path}/run.json: damaged" in capsys.readouterr().out
