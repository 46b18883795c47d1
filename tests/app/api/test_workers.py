"""Requests that wait: reads share answers and a thread, commands overtake them on another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from vortex.app.api.workers import THREADS, Workers

TIMEOUT_S = 30.0


class Slow:
    """A question whose answers are numbered; the first one waits to be let go."""

    def __init__(self) -> None:
        self.began, self.leave = threading.Event(), threading.Event()
        self.threads: set[int] = set()
        self.asked = 0

    def __call__(self) -> int:
        self.asked += 1
        self.threads.add(threading.get_ident())
        self.began.set()
        assert self.leave.wait(TIMEOUT_S)
        return self.asked


async def begun(slow: Slow, workers: Workers) -> asyncio.Task[int]:
    """The first reader, while it is being answered."""
    first = asyncio.create_task(workers.read(slow))
    assert await asyncio.to_thread(slow.began.wait, TIMEOUT_S)
    return first


def run(test: Callable[[Slow, Workers], object]) -> None:
    async def main() -> None:
        await asyncio.wait_for(test(Slow(), Workers()), TIMEOUT_S)  # type: ignore[arg-type]  # each is a coroutine

    asyncio.run(main())


def test_who_asks_the_same_shares_an_answer_that_is_not_older_than_the_question() -> None:
    async def share(slow: Slow, workers: Workers) -> None:
        first = await begun(slow, workers)
        later = [asyncio.create_task(workers.read(slow)) for _ in range(20)]
        await asyncio.sleep(0)
        slow.leave.set()
        assert await first == 1
        assert set(await asyncio.gather(*later)) == {2}
        assert await workers.read(slow) == 3

    run(share)


def test_a_command_does_not_wait_for_reads() -> None:
    async def overtake(slow: Slow, workers: Workers) -> None:
        first = await begun(slow, workers)
        assert await workers.command(lambda: "halted") == "halted"
        assert not first.done()
        slow.leave.set()
        await first

    run(overtake)


def test_a_slow_ledger_holds_up_neither_reads_nor_commands() -> None:
    async def overtake(slow: Slow, workers: Workers) -> None:
        looking = asyncio.create_task(workers.look_up(slow))
        assert await asyncio.to_thread(slow.began.wait, TIMEOUT_S)
        assert await workers.read(lambda: "ready") == "ready"
        assert await workers.command(lambda: "halted") == "halted"
        assert not looking.done()
        slow.leave.set()
        assert await looking == 1

    run(overtake)


def test_questions_to_a_slow_ledger_do_not_pile_up() -> None:
    async def pile(slow: Slow, workers: Workers) -> None:
        asked: list[int] = []
        first = asyncio.create_task(workers.look_up(slow))
        assert await asyncio.to_thread(slow.began.wait, TIMEOUT_S)
        later = [asyncio.create_task(workers.look_up(asked.append, limit)) for _ in range(20) for limit in (30, 200)]
        await asyncio.sleep(0)
        slow.leave.set()
        await asyncio.gather(first, *later)
        assert asked == [30, 200]

    run(pile)


def test_a_command_beside_a_slow_ledger_waits_for_one_read_at_most() -> None:
    async def wait(slow: Slow, workers: Workers) -> None:
        ledger, order = Slow(), list[str]()
        looking = asyncio.create_task(workers.look_up(ledger))
        assert await asyncio.to_thread(ledger.began.wait, TIMEOUT_S)
        first = await begun(slow, workers)
        command = asyncio.create_task(workers.command(lambda: order.append("command")))
        await asyncio.sleep(0)
        later = asyncio.create_task(workers.read(lambda: order.append("read")))
        slow.leave.set()
        await asyncio.gather(first, command, later)
        assert order == ["command", "read"]
        assert not looking.done()
        ledger.leave.set()
        await looking

    run(wait)


def test_commands_are_carried_out_one_after_another_and_threads_are_few() -> None:
    async def count(slow: Slow, workers: Workers) -> None:
        first = await begun(slow, workers)
        order: list[int] = []
        threads: set[int] = set()

        def command(number: int) -> None:
            threads.add(threading.get_ident())
            order.append(number)

        await asyncio.gather(*(workers.command(lambda number=number: command(number)) for number in range(50)))  # type: ignore[misc]  # a default argument
        slow.leave.set()
        await asyncio.gather(first, *(workers.read(lambda: threads.add(threading.get_ident())) for _ in range(50)))
        assert order == list(range(50))
        assert len(threads | slow.threads) <= THREADS

    run(count)


def test_an_error_reaches_everybody_who_asked() -> None:
    def fail() -> None:
        raise RuntimeError("no")

    async def ask(slow: Slow, workers: Workers) -> None:
        first = await begun(slow, workers)
        asked = [asyncio.create_task(workers.read(fail)) for _ in range(3)]
        await asyncio.sleep(0)
        slow.leave.set()
        await first
        for each in asked:
            with pytest.raises(RuntimeError, match="no"):
                await each
        with pytest.raises(RuntimeError, match="no"):
            await workers.command(fail)

    run(ask)


def test_a_reader_that_goes_away_takes_no_answer_from_the_others() -> None:
    async def leave(slow: Slow, workers: Workers) -> None:
        first = await begun(slow, workers)
        stays, leaves = (asyncio.create_task(workers.read(slow)) for _ in range(2))
        await asyncio.sleep(0)
        leaves.cancel()
        slow.leave.set()
        await first
        assert await stays == 2

    run(leave)
