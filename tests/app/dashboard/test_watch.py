from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest

from vortex.app.dashboard import watch as module
from vortex.app.dashboard.settings import Settings
from vortex.app.dashboard.source import Board, Source
from vortex.app.dashboard.watch import Watch
from vortex.app.remote import NoAnswerError

TIMEOUT_S = 60.0


class Counting(Source):
    """Counts its looks, and fails at the first one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Settings(host="127.0.0.1", port=0, data_dir=str(folder)))
        self.wanted: list[tuple[str, ...]] = []
        self.looked = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def look(self, wanted: Collection[str] = ()) -> Board:
        self.wanted.append(tuple(sorted(wanted)))
        self.loop.call_soon_threadsafe(self.looked.set)
        if len(self.wanted) == 1:
            raise ZeroDivisionError
        return super().look(wanted)


def test_one_look_serves_all_pages_and_a_new_page_need_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OPEN_S", TIMEOUT_S)
    monkeypatch.setattr(module, "CLOSED_S", TIMEOUT_S)

    async def next_look(source: Counting) -> None:
        await asyncio.wait_for(source.looked.wait(), TIMEOUT_S / 2)
        source.looked.clear()

    async def story() -> list[tuple[str, ...]]:
        source = Counting(tmp_path)
        watch = Watch(source)
        looking = asyncio.create_task(watch.run())
        await next_look(source)
        watch.views("one", "BTCUSDT")
        await next_look(source)
        watch.views("two", "ETHUSDT")
        await next_look(source)
        watch.views("two", "ETHUSDT")
        watch.left("one")
        with pytest.raises(NoAnswerError):
            await watch.order("pause", None)
        await next_look(source)
        looking.cancel()
        assert watch.board.down
        return source.wanted

    assert asyncio.run(story()) == [(), ("BTCUSDT",), ("BTCUSDT", "ETHUSDT"), ("ETHUSDT",)]


@pytest.mark.parametrize(
    ("viewers", "asked_s", "pause_s"), [(0, 0.001, 5.0), (1, 0.001, 1.0), (1, 0.02, 2.0), (2, 0.02, 2.0), (1, 9.0, 5.0)]
)
def test_an_engine_that_takes_long_to_answer_is_asked_less_often(
    tmp_path: Path, viewers: int, asked_s: float, pause_s: float
) -> None:
    async def story() -> float:
        source = Counting(tmp_path)
        watch = Watch(source)
        for page in range(viewers):
            watch.views(str(page), "BTCUSDT")
        source.asked_s = asked_s
        return watch._pause_s()  # what it waits is private

    assert asyncio.run(story()) == pytest.approx(pause_s)
