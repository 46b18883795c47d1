"""The embedded hot store: a dictionary in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock


class MemoryHotStore:
    """Implements ports.HotStore; safe to use from several threads. It ends with the process, as a mirror may."""

    def __init__(self) -> None:
        self._values: dict[str, object] = {}
        self._lock = Lock()

    def put(self, values: Mapping[str, object]) -> None:
        with self._lock:
            self._values.update(values)

    def delete(self, keys: Sequence[str]) -> None:
        with self._lock:
            for key in keys:
                self._values.pop(key, None)

    def get(self, keys: Sequence[str]) -> dict[str, object]:
        with self._lock:
            return {key: self._values[key] for key in keys if key in self._values}
