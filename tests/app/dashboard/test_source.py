"""The page's reader against a real API over real sockets, and against a real ledger when nobody answers."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.app.kit import LABEL, Tiny, replies, running, served
from tests.app.test_candles import candle
from tests.domain.test_performance import LOST, WON
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.app.candles import Candles
from vortex.app.dashboard import source as module
from vortex.app.dashboard.settings import Settings
from vortex.app.dashboard.source import Source
from vortex.app.dashboard.wording import outage
from vortex.app.data_dir import DataDir, RunInfo
from vortex.app.remote import NoAnswerError
from vortex.config import Config

NOBODY = "http://127.0.0.1:1"


def settings(folder: Path, url: str = "", token: str = "") -> Settings:
    return Settings(host="127.0.0.1", port=0, url=url, data_dir=str(folder), token=token)


def test_a_look_brings_everything(tmp_path: Path) -> None:
    candles = Candles()
    candles.observe(candle(1))
    with running(replies()) as tiny, served(tmp_path, tiny, candles=candles) as client:
        source = Source(settings(tmp_path, client.url), now_s=lambda: 7.0)
        assert source.board.label == "PAPER · nothing heard yet"
        board = source.look(("BTCUSDT",))
    assert (board.label, board.heard_ms, board.down, board.down_since_ms) == (LABEL, 7_000, False, None)
    assert board.symbols == ("BTCUSDT", "ETHUSDT")
    assert board.status is not None
    assert board.status["account"]["equity_usdt"] == "9999.5"
    assert board.actors is not None
    assert "exchange" in {actor["path"] for actor in board.actors}
    assert board.trades == board.rejects == []
    assert board.results is not None
    assert board.results["sources"] == []
    assert board.why == {"BTCUSDT": None}, "no decision is there: not known, and no error"
    shown = board.candles["BTCUSDT"]
    assert shown is not None
    assert len(shown["candles"]) == 1


def test_the_token_goes_along_and_orders_are_sent(tmp_path: Path) -> None:
    with running(replies()) as tiny, served(tmp_path, tiny, token="secret") as client:
        source = Source(settings(tmp_path, client.url, "secret"))
        assert not source.look().down
        assert source.order("pause", "ETHUSDT") == ("ETHUSDT",)
        assert source.order("flatten", None) == ("BTCUSDT", "ETHUSDT")
        with pytest.raises(NoAnswerError, match="no symbol 'NOSUCH' runs"):
            source.order("pause", "NOSUCH")
        with pytest.raises(NoAnswerError, match="404"):
            source.why("nothing")
        stranger = Source(settings(tmp_path, client.url)).look()
        assert "401" in stranger.trouble


def test_an_engine_that_goes_leaves_what_it_said_and_the_ledger(tmp_path: Path) -> None:
    with running(replies()) as tiny, served(tmp_path, tiny) as client:
        source = Source(settings(tmp_path, client.url), now_s=lambda: 7.0)
        heard = source.look()
    with closing(SqliteColdStore.open(tmp_path / "vortex.db")) as ledger:
        ledger.write_trades([WON, LOST])
    board = source.look()
    assert board.down
    assert (board.down_since_ms, board.label, board.status) == (7_000, LABEL, heard.status)
    assert "nobody answers" in board.trouble
    assert board.trades is not None
    assert {trade["id"] for trade in board.trades} == {WON.id, LOST.id}
    assert board.results is not None
    assert board.results["sources"][0]["tallies"][2]["n"] == 2


def test_an_engine_that_was_never_heard_is_known_by_its_files(tmp_path: Path) -> None:
    unknown = Source(settings(tmp_path)).look()
    assert "it was stopped, or never ran" in unknown.trouble
    assert (unknown.down_since_ms, unknown.trades, unknown.results) == (None, None, None)
    with closing(SqliteColdStore.open(tmp_path / "vortex.db")) as ledger:
        ledger.write_trades([WON])
    board = Source(settings(tmp_path)).look()
    assert board.label == "TESTNET · p · Binance Demo Trading", "what the newest trade is labelled with"
    assert board.down_since_ms is not None
    assert board.status is None
    assert board.trades is not None
    assert [trade["pnl_net_usdt"] for trade in board.trades] == ["18.7876"]


def test_reading_the_ledger_is_no_sign_of_life(tmp_path: Path) -> None:
    _write(tmp_path)
    for path in tmp_path.iterdir():
        os.utime(path, (5.0, 5.0))
    for _ in range(2):
        board = Source(settings(tmp_path)).look()
        assert board.trades
        assert board.down_since_ms == 5_000


def test_a_ledger_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "vortex.db").write_bytes(b"no database at all, but long enough to be looked at" * 50)
    board = Source(settings(tmp_path)).look()
    assert (board.trades, board.results) == (None, None)
    assert "vortex.db: damaged" in board.ledger_trouble
    assert any("cannot be read" in line for line in outage(board))


@pytest.mark.parametrize("elsewhere", [{"own_ledger": False}, {"data_dir": ""}])
def test_a_ledger_that_is_not_the_engines_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    _write(tmp_path)
    remote = SqliteColdStore.open(tmp_path / "remote.db")
    with running(replies()) as tiny, served(tmp_path, tiny, store=remote) as client:
        source = Source(structs.replace(settings(tmp_path, client.url), **elsewhere))
        heard = source.look()
    assert heard.results is not None
    assert heard.results["sources"] == [], "the engine's own answer"
    down = source.look()
    assert (down.down, down.trades, down.results) == (True, [], heard.results)
    assert any("not on this disk" in line for line in outage(down))


def run_info(url: str) -> RunInfo:
    return RunInfo(pid=1, mode="paper", control_url=url, sim_url=None, dashboard_url=None, started_ms=1)


def test_an_engine_that_comes_back_elsewhere_is_found(tmp_path: Path) -> None:
    data_dir = DataDir.claim(Config(data_dir=str(tmp_path)))
    data_dir.write_run(run_info(NOBODY))
    source = Source(settings(tmp_path))
    assert source.look().down
    with running(replies()) as tiny, served(tmp_path, tiny) as client:
        data_dir.write_run(run_info(client.url))
        assert not source.look().down
    (tmp_path / "run.json").write_text("{}")
    assert "damaged" in source.look().trouble
    data_dir.release()


def test_results_come_from_the_ledger_here_and_from_the_api_without_one(tmp_path: Path) -> None:
    engine, page = tmp_path / "engine", tmp_path / "page"
    engine.mkdir()
    page.mkdir()
    with running(replies()) as tiny, served(engine, tiny) as client:
        _write(engine)
        near, far = (Source(settings(folder, client.url)).look().results for folder in (engine, page))
    assert near is not None
    assert far is not None
    assert near["sources"] == far["sources"] != []


def _write(folder: Path) -> None:
    with closing(SqliteColdStore.open(folder / "vortex.db")) as ledger:
        ledger.write_trades([WON, LOST])


def test_what_is_slow_is_asked_seldom_and_anew_for_another_symbol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FAST_S", "SLOW_S"):
        monkeypatch.setattr(module, name, 600.0)
    candles = Candles()
    with running(replies()) as tiny, served(tmp_path, tiny, candles=candles) as client:
        source = Source(settings(tmp_path, client.url))
        source.look(("BTCUSDT",))
        candles.observe(candle(1))
        again = source.look(("BTCUSDT",)).candles["BTCUSDT"]
        assert again is not None
        assert again["candles"] == []
        assert set(source.look(("ETHUSDT",)).candles) == {"ETHUSDT"}
        newest = source.look(("BTCUSDT",)).candles["BTCUSDT"]
        assert newest is not None
        assert len(newest["candles"]) == 1


def test_an_unanswered_part_is_not_the_old_one(tiny: Tiny, tmp_path: Path) -> None:
    with served(tmp_path, tiny) as client:
        source = Source(settings(tmp_path, client.url))
        assert source.look(("BTCUSDT",)).candles["BTCUSDT"] is not None
        assert source.look(("NOSUCH",)).candles == {"NOSUCH": None}


@pytest.fixture(name="tiny")
def running_system() -> object:
    with running(replies()) as system:
        yield system
