"""Recording from one exchange on this machine, and playing it in another one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sim.server.kit import Running, running, until
from tests.sim.server.listener import listening
from vortex.app.capture import recorder
from vortex.app.capture.file import verify
from vortex.app.capture.recorder import MIB, Job
from vortex.sim.market.recording import Recording
from vortex.sim.market.wire import AggTrade, Contract, MarkUpdate, PartialDepth, Snapshot
from vortex.sim.server.options import SimOptions
from vortex.sim.server.peer import peer_at

pytestmark = pytest.mark.e2e
SYMBOL = "SYN001USDT"
LONGEST_S = 60.0
"""A recording is ended by what it holds, and after this long in any case."""
ENOUGH = 150
"""Books: fifteen seconds of the market, of which less is played and compared."""
SOME = 20
BOOKS, TRADES, MARKS = (f"{SYMBOL.lower()}@{kind}" for kind in ("depth20@100ms", "aggTrade", "markPrice@1s"))


def options(market: str, speed: float) -> SimOptions:
    return SimOptions(markets=(market,), port=0, speed=speed, market_latency_ms=0.0)


@pytest.fixture(scope="module")
def origin() -> Iterator[Running]:
    with running(options("synthetic:1", 5.0)) as server:
        yield server


def job(origin: Running, out: Path, **changes: Any) -> Job:
    usual: dict[str, Any] = {
        "peer": peer_at(origin.server.url),
        "symbols": (SYMBOL,),
        "out": out,
        "seconds": LONGEST_S,
        "rotate_bytes": MIB,
    }
    return Job(**(usual | changes))


def content(frame: dict[str, Any]) -> tuple[Any, ...]:
    """What a frame says, without its time."""
    match frame["e"]:
        case "depthUpdate":
            return ([*map(tuple, frame["b"])], [*map(tuple, frame["a"])])
        case "aggTrade":
            return (frame["p"], frame["q"], frame["m"])
        case _:
            return (float(frame["p"]), float(frame["i"]), float(frame["r"]))


def recorded(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The same of what a file holds, by stream."""
    said: dict[str, list[tuple[Any, ...]]] = {}
    file = Recording(path)
    for message in file:
        match message:
            case PartialDepth():
                said.setdefault(file.stream, []).append((message.bids, message.asks))
            case AggTrade():
                said.setdefault(file.stream, []).append((message.price, message.quantity, message.buyer_is_maker))
            case MarkUpdate():
                figures = (message.mark_price, message.index_price, message.funding_rate)
                said.setdefault(file.stream, []).append(tuple(map(float, figures)))
    return said


def inside(part: list[Any], whole: list[Any]) -> bool:
    """True when `part` occurs in `whole` as it is."""
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))


def end_it() -> None:
    """As a person does it; only on the recorder's own loop, while it is there to take the signal."""
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_recording_is_what_was_streamed_and_plays_so_elsewhere(
    origin: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "FLUSH_S", 0.2)

    def told(size: int, _files: int) -> None:
        held = recorded(next(tmp_path.iterdir())) if size else {}
        if held.keys() == {BOOKS, TRADES, MARKS} and len(held[BOOKS]) >= ENOUGH:
            end_it()

    with (
        listening(origin.server.ws_url, "public", BOOKS) as books,
        listening(origin.server.ws_url, "market", TRADES, MARKS) as others,
    ):
        assert recorder.run(job(origin, tmp_path, told=told)) == 0
        (path,) = tmp_path.iterdir()
        said = recorded(path)
        streamed = {stream: [*map(content, frames)] for one in (books, others) for stream, frames in one.frames.items()}
    assert said.keys() == {BOOKS, TRADES, MARKS}
    assert all(inside(messages, streamed[stream]) for stream, messages in said.items())
    with running(options(str(path), 4.0)) as other:
        with (
            listening(other.server.ws_url, "public", BOOKS) as books,
            listening(other.server.ws_url, "market", TRADES, MARKS) as others,
        ):
            until(lambda: len(books.frames.get(BOOKS, [])) >= SOME, "books")
            until(lambda: all(len(others.frames.get(s, [])) > 3 for s in (TRADES, MARKS)), "trades and mark prices")
        listings = [one.client.get("/fapi/v1/exchangeInfo").body["symbols"][0]["filters"] for one in (origin, other)]
    for one in (books, others):
        for stream, frames in one.frames.items():
            assert inside([*map(content, frames[:SOME])], said[stream]), stream  # before it begins anew
    assert listings[0] == listings[1]


def test_files_rotate_by_size_and_each_is_complete(
    origin: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recorder, "FLUSH_S", 1.0)
    with listening(origin.server.ws_url, "public", BOOKS) as listener:

        def fill_and_end(loop: asyncio.AbstractEventLoop) -> None:
            seen = len(listener.frames[BOOKS])
            until(lambda: len(listener.frames[BOOKS]) > seen + SOME, "books of the second file")
            loop.call_soon_threadsafe(end_it)

        def told(_size: int, files: int) -> None:
            if files == 2:
                monkeypatch.setattr(recorder, "FLUSH_S", LONGEST_S)  # it is the last one
                threading.Thread(target=fill_and_end, args=(asyncio.get_running_loop(),)).start()

        assert recorder.run(job(origin, tmp_path / "new", rotate_bytes=1_000, told=told)) == 0
        streamed = [*map(content, listener.frames[BOOKS])]
    files = sorted((tmp_path / "new").iterdir(), key=lambda path: path.name[-6:])
    said = [line for line in capfd.readouterr().out.splitlines() if "; replays" in line]
    assert [line.partition(": ")[0] for line in said] == [*map(str, files)]
    assert len(files) == 2
    for path in files:
        kinds = [type(message) for message in Recording(path)]
        assert kinds.count(Contract) == kinds.count(Snapshot) == 1
    assert inside([book for path in files for book in recorded(path)[BOOKS]], streamed)  # nothing lost between them


def test_a_kill_leaves_a_file_that_replays(origin: Running, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "vortex",
        "record",
        "--symbols",
        SYMBOL,
        "--out",
        str(tmp_path),
        "--url",
        origin.server.url,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:  # noqa: S603  # our own program
        try:
            until(lambda: [p for p in tmp_path.iterdir() if verify_quietly(p)], "a flush with a book")
        finally:
            process.send_signal(signal.SIGKILL)
    (path,) = tmp_path.iterdir()
    verdict = verify(path)
    assert (verdict.problem, verdict.gaps) == (None, ())
    assert verdict.counts["depth20@100ms"] > 0


def verify_quietly(path: Path) -> bool:
    return path.stat().st_size > 0 and verify(path).problem is None


def test_a_symbol_that_is_not_listed_and_an_exchange_that_is_not_there(
    origin: Running, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert recorder.run(job(origin, tmp_path, symbols=("GONEUSDT",))) == 2
    assert f"not listed at {origin.server.url}: GONEUSDT" in capfd.readouterr().err
    assert recorder.run(job(origin, tmp_path, peer=peer_at("http://127.0.0.1:9"))) == 1
    assert "vortex record: /fapi/v1/exchangeInfo: ClientConnectorError" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []
