"""One asyncio loop in one daemon thread that owns every socket and every ccxt object of the process."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

import uvloop
from loguru import logger

from vortex.adapters.binance.errors import describe

T = TypeVar("T")
_STOP_TIMEOUT_S = 5.0


class _Loop(uvloop.Loop):
    """uvloop 0.22 without a double close.

    A cancelled `create_connection(sock=...)` (aiohttp connects that way) has libuv close the descriptor while the
    Python socket still owns its number and closes it again when collected: by then it may be the journal's.
    """

    async def create_connection(self, *args: Any, sock: Any = None, **kwargs: Any) -> Any:
        try:
            return await super().create_connection(*args, sock=sock, **kwargs)
        except BaseException:
            if sock is not None:
                sock.detach()
            raise


class NetworkLoop:
    """Runs coroutines for the other threads; a task that fails is logged and reported, never lost.

    Args:
        on_fault: Told (task name, description) whenever a task dies of an exception; called in the loop's thread.
    """

    def __init__(self, on_fault: Callable[[str, str], None] | None = None) -> None:
        self._loop = _Loop()
        self._loop.set_exception_handler(self._on_loop_error)
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._on_fault = on_fault
        self._tasks: set[asyncio.Task[Any]] = set()
        self.faults = 0

    def start(self) -> None:
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, T], name: str) -> Future[T]:
        """Run a coroutine from any thread; the future has its result, a failure is logged as well."""
        future: Future[T] = Future()

        def begin() -> None:
            self.spawn(coroutine, name).add_done_callback(lambda task: _settle(future, task))

        try:
            self.call(begin)
        except RuntimeError:
            coroutine.close()
            raise
        return future

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Run a coroutine and wait for its result: for start-up, from any thread but the loop's own.

        Raises:
            TimeoutError: When it takes longer than `timeout_s` real seconds; the coroutine is then cancelled.
            RuntimeError: When the loop has been stopped.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()
            raise
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise

    def finish(self, closing: Coroutine[Any, Any, None], whose: str) -> None:
        """Run what closes an adapter and wait for it, for a moment; that it did not end in order is only logged."""
        try:
            self.run(closing, _STOP_TIMEOUT_S)
        except (RuntimeError, CancelledError, TimeoutError) as error:
            logger.warning("{} did not close in order: {}", whose, describe(error))

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Run a function in the loop's thread soon. Raises RuntimeError when the loop has been stopped."""
        self._loop.call_soon_threadsafe(function, *args)

    def spawn(self, coroutine: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start a task; only from inside the loop's thread."""
        task = self._loop.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def stop(self) -> None:
        """Cancel every task, wait for them and end the thread; harmless when repeated."""
        if not self._thread.is_alive():
            self._loop.close()
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._cancel_all())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _cancel_all(self) -> None:
        while waiting := asyncio.all_tasks(self._loop) - {asyncio.current_task()}:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report(task.get_name(), error)

    def _on_loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._report("loop", error if isinstance(error, BaseException) else RuntimeError(context.get("message", "")))

    def _report(self, name: str, error: BaseException) -> None:
        # Source lines only: a traceback with values, or the text of a chained ccxt error, would print signed URLs.
        where = "".join(traceback.format_tb(error.__traceback__)[-3:])
        self.faults += 1
        logger.error("network task {} died: {}\n{}", name, describe(error), where)
        if self._on_fault is not None:
            self._on_fault(name, describe(error))


def _settle(future: Future[T], task: asyncio.Task[T]) -> None:
    if task.cancelled():
        future.cancel()
    elif (error := task.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(task.result())
