"""The hot-store actor: through it what actors know comes into the mirror that observers read.

Market values do not pass through this inbox: the feed shows them to the store itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vortex.messages import Mirror, RecallTrades
from vortex.ports import HotStore
from vortex.queries import GetMirror
from vortex.runtime import Actor


class HotStoreActor(Actor):
    """Writes the newest value of each key; what waits is conflated by key in the inbox."""

    def __init__(self, *, store: HotStore) -> None:
        self._store = store

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {Mirror: self._on_mirror, RecallTrades: self._on_recall, GetMirror: self._on_get}

    def _on_mirror(self, message: Mirror) -> None:
        if message.value is None:
            self._store.delete((message.key,))
        else:
            self._store.put({message.key: message.value})

    def _on_recall(self, message: RecallTrades) -> None:
        self._store.recall(message.symbol, message.reply_to)

    def _on_get(self, message: GetMirror) -> dict[str, object]:
        return self._store.get(message.keys)
