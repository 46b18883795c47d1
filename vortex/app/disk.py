"""How much is free where journal and outbox are kept: measured outside the actors, told to the exchange actor."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from loguru import logger

from vortex.adapters.sqlite.reserve import Reserve
from vortex.messages import DiskMeasured
from vortex.runtime import ActorSystem

EVERY_S = 2.0


class DiskRoom:
    """Looks from time to time.

    Args:
        folder: Where the files are.
        system: The actors.
        reserve: Room kept for a full disk; made again when there is enough of it.
    """

    def __init__(self, folder: Path, system: ActorSystem, reserve: Reserve) -> None:
        self._folder = folder
        self._system = system
        self._reserve = reserve
        self._next_s = 0.0

    def look(self) -> None:
        """Measure, if it is time."""
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + EVERY_S
        self._reserve.look()
        exchange = self._system.find("exchange")
        if exchange is not None:
            exchange.tell(DiskMeasured(room_bytes=free_bytes(self._folder)))


def free_bytes(folder: Path) -> int:
    """What is free there; 0 when that cannot be seen: then it is not there."""
    try:
        return shutil.disk_usage(folder).free
    except OSError as error:
        logger.error("the free disk cannot be measured: {}", error)
        return 0
