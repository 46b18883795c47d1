"""The real system writes down what its actors handle; another process runs that again, to the same decisions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.living_tree import QUICK
from tests.kit.processes import REPOSITORY, engine, environment, eventually, post
from vortex.app.replay.entries import Handled, Sent
from vortex.app.replay.recording import read
from vortex.domain.order import PlaceOrder

pytestmark = pytest.mark.e2e

SOON_S = 60.0
CRASHES = (("BTCUSDT/E1", "exception"), ("BTCUSDT/decision", "exception"), ("exchange", "system_exit"))


def test_a_recorded_process_is_replayed_by_another(tmp_path: Path) -> None:
    settings = {"VORTEX__SIM__SPEED": "4", "VORTEX__RUNTIME__RECORD": "true", "TRADING_PAIRS": "BTCUSDT"}
    with engine(tmp_path / "data", **QUICK, **settings) as running:
        running.wait_ready()
        url = running.run["control_url"]
        for path, how in CRASHES:
            trades = len(running.api("/api/trades"))
            eventually(lambda seen=trades: len(running.api("/api/trades")) > seen, SOON_S, "a trade")  # type: ignore[misc]  # a default is no parameter
            post(f"{url}/api/chaos/crash", {"actor": path, "how": how})
            eventually(lambda path=path: running.actor(path)["generation"] == 2, SOON_S, path)  # type: ignore[misc]  # as above
        post(f"{url}/api/halt", {"symbol": "BTCUSDT"})
        assert running.stop() == 0
    (file,) = (tmp_path / "data").glob("inputs-*.rec")
    record = read(file)
    entries = list(record.entries)
    assert record.whole
    placed = [each.request for each in entries if isinstance(each, Sent) and isinstance(each.request, PlaceOrder)]
    assert len(placed) >= len(CRASHES), "a row for each, also when the exchange let its entry expire"
    assert {request.client_id[-1] for request in placed} >= {"E", "S", "T"}
    assert {("BTCUSDT/E1", 2), ("BTCUSDT/decision", 2), ("exchange", 2)} <= {
        (entry.path, entry.generation) for entry in entries if isinstance(entry, Handled)
    }
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "vortex", "replay", str(file)],
        cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"\n{len(entries)} entries, 14 actors: " in done.stdout
    assert "all as recorded" in done.stdout
