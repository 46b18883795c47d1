"""`vortex record`: the present market into captures that the simulator plays. Reads public data only."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlencode

import msgspec
from loguru import logger
from msgspec import Raw, Struct

from vortex.app.capture.file import CaptureWriter
from vortex.sim.market.live import streams_of
from vortex.sim.market.wire import rest_stream
from vortex.sim.server.peer import Peer, PeerError, PublicClient
from vortex.sim.server.relay import POSITIONING, contracts

FLUSH_S = 2.0
"""What a kill may cost, in seconds."""
RATES_EVERY_S = 60.0
RATIOS_EVERY_S = 300.0
DEPTH_LEVELS = 1_000
MIB = 1024 * 1024

DEPTH = "/fapi/v1/depth"
Params: TypeAlias = Mapping[str, str | int]
Sample: TypeAlias = tuple[str, Params]
RATES: tuple[Sample, ...] = (("/fapi/v1/premiumIndex", {}), ("/fapi/v1/openInterest", {}))
RATIOS: tuple[Sample, ...] = tuple(
    (f"/futures/data/{name}", {"period": period, "limit": 30}) for name in POSITIONING for period in ("5m", "1h")
)
KLINES: tuple[Sample, ...] = (
    ("/fapi/v1/klines", {"interval": "1m", "limit": 1_500}),
    ("/fapi/v1/klines", {"interval": "15m", "limit": 500}),
)


class _Stream(Struct):
    stream: str = ""


class _Contract(Struct):
    symbol: str


class _ExchangeInfo(Struct):
    symbols: list[Raw]


def _unheard(_: int, __: int) -> None:
    """Where nobody wants to know."""


class Job(Struct, frozen=True, kw_only=True):
    """What to record.

    Attributes:
        seconds: Stop after so many; None runs until a signal.
        rotate_bytes: Size of a file at which the next one is begun.
        told: Is told from time to time how many bytes the open files have, and how many files were begun.
    """

    peer: Peer
    symbols: tuple[str, ...]
    out: Path
    seconds: float | None
    rotate_bytes: int
    told: Callable[[int, int], object] = _unheard


class Recorder:
    """Writes one file a symbol at a time, each complete in itself: contract, book, candles, then what comes."""

    def __init__(self, job: Job, client: PublicClient, finished: Callable[[Path], None]) -> None:
        self._job = job
        self._client = client
        self._finished = finished
        self._number = 0
        self._files: dict[str, CaptureWriter] = {}
        self._begun: asyncio.Queue[str] = asyncio.Queue()
        for symbol in job.symbols:
            self._begin(symbol)

    async def run(self) -> None:
        """Record until cancelled. Raises OSError when a file cannot be written."""
        public, market = streams_of(self._job.symbols)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._client.listen("public", public, on_frame=self._take, on_up=_nothing))
                group.create_task(self._client.listen("market", market, on_frame=self._take, on_up=_nothing))
                group.create_task(self._sample_beginnings())
                group.create_task(self._sample_again(RATES, RATES_EVERY_S))
                group.create_task(self._sample_again(RATIOS, RATIOS_EVERY_S))
                group.create_task(self._write())
        finally:
            for writer in self._files.values():
                writer.close()
                self._finished(writer.path)

    def _take(self, body: bytes) -> None:
        received_ns = time.time_ns()
        try:
            stream = msgspec.json.decode(body, type=_Stream).stream
        except msgspec.DecodeError as problem:
            logger.warning("a malformed message is not recorded: {}", problem)
            return
        writer = self._files.get(stream.partition("@")[0].upper())
        if writer is not None:
            writer.add(received_ns, body)

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            for symbol, writer in tuple(self._files.items()):
                writer.flush()
                if writer.size >= self._job.rotate_bytes:
                    self._begin(symbol)
                    writer.close()
                    self._finished(writer.path)
            self._job.told(sum(writer.size for writer in self._files.values()), self._number)

    def _begin(self, symbol: str) -> None:
        self._number += 1
        at = datetime.now(UTC)
        self._files[symbol] = CaptureWriter(self._job.out / f"{symbol}_{at:%Y%m%dT%H%M%SZ}_{self._number:03}.gz")
        self._begun.put_nowait(symbol)

    # ------------------------------------------------------------------------------------------------ asked by REST

    async def _sample_beginnings(self) -> None:
        while True:
            symbol = await self._begun.get()
            await self._keep(symbol, "/fapi/v1/exchangeInfo", {}, partial(_contract, symbol=symbol))
            await self._keep(symbol, DEPTH, {"symbol": symbol, "limit": DEPTH_LEVELS})
            for path, params in (*KLINES, *RATES, *RATIOS):
                await self._keep(symbol, path, {"symbol": symbol, **params})

    async def _sample_again(self, samples: Sequence[Sample], every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            for symbol in self._job.symbols:
                for path, params in samples:
                    await self._keep(symbol, path, {"symbol": symbol, **params})

    async def _keep(self, symbol: str, path: str, params: Params, part: Callable[[bytes], bytes] = bytes) -> None:
        """Ask once and write down the answer, or the part of it that belongs to the symbol; a failure leaves a hole."""
        try:
            body = part(await self._client.get(path, **params))
            msgspec.json.decode(body)
        except (PeerError, msgspec.DecodeError) as problem:
            logger.warning("not recorded: {} of {}: {}", path, symbol, problem)
            await asyncio.sleep(problem.retry_after_s if isinstance(problem, PeerError) else 0.0)
            return
        if path != DEPTH:  # which captures hold as it comes
            query = urlencode({name: value for name, value in params.items() if name != "symbol"})
            name = rest_stream(symbol, f"{path}?{query}" if query else path)
            body = b'{"stream":%s,"data":%s}' % (msgspec.json.encode(name), body)
        self._files[symbol].add(time.time_ns(), body)


def _contract(body: bytes, symbol: str) -> bytes:
    """The symbol's own entry in an answer of exchangeInfo."""
    for entry in msgspec.json.decode(body, type=_ExchangeInfo).symbols:
        if msgspec.json.decode(entry, type=_Contract).symbol == symbol:
            return bytes(entry)
    raise PeerError(f"exchangeInfo: {symbol} is not listed")


def _nothing() -> None:
    """A gap shows in the times of receipt."""


class _Verifier:
    """Has finished files looked at one after the other, in processes of their own: the recording must not wait."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._checks: list[asyncio.Task[int]] = []

    def add(self, path: Path) -> None:
        self._checks.append(asyncio.create_task(self._check(path)))

    async def all_good(self) -> bool:
        """Wait for every file."""
        return not any(await asyncio.gather(*self._checks))

    async def _check(self, path: Path) -> int:
        command = (sys.executable, "-m", "vortex", "record", "--verify", str(path))
        async with self._turn:
            process = await asyncio.create_subprocess_exec(*command, process_group=0)  # out of Ctrl-C's reach
            return await process.wait()


def run(job: Job) -> int:
    """Record and return the exit code: 0 done, 1 a file does not replay or cannot be written, 2 no such symbol."""
    try:
        job.out.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_record(job))
    except (OSError, ExceptionGroup) as error:
        failure = _first(error)
        if not isinstance(failure, OSError):
            raise
        sys.stderr.write(f"vortex record: {failure}\n")
        return 1


async def _record(job: Job) -> int:
    missing = sorted(set(job.symbols) - (await contracts(job.peer)).keys())
    if missing:
        sys.stderr.write(f"vortex record: not listed at {job.peer.rest}: {', '.join(missing)}\n")
        return 2
    stop, verifier = asyncio.Event(), _Verifier()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with PublicClient(job.peer) as client:
        recording = asyncio.create_task(Recorder(job, client, verifier.add).run())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([recording, stopped], timeout=job.seconds, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if recording.done():
            recording.result()
        recording.cancel()
        await asyncio.wait([recording])
    return 0 if await verifier.all_good() else 1


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
