"""Telling systemd how the service does, where there is a systemd: datagrams to the socket that NOTIFY_SOCKET names."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger


class Systemd:
    """Says it and goes on, from any thread; without a socket it says nothing.

    Args:
        address: The path of a unix datagram socket, with a leading `@` an abstract name; empty when there is none.
    """

    def __init__(self, address: str) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        if self._socket is not None:
            self._socket.setblocking(False)

    @property
    def listens(self) -> bool:
        return self._socket is not None

    def ready(self) -> None:
        self._say("READY=1")

    def beat(self) -> None:
        """We live; WatchdogSec= of the unit says how often this is expected."""
        self._say("WATCHDOG=1")

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """Between these two the configuration is read again."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1_000}")
        try:
            yield
        finally:
            self._say("READY=1")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _say(self, words: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(words.encode(), self._address)
        except OSError as error:  # the service manager is not worth a crash, nor a wait when its queue is full
            logger.debug("systemd does not hear {}: {}", words, error)
