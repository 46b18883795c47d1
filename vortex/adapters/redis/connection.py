"""One connection to Redis that gives up soon and tries nothing twice; and its errors in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import redis
from msgspec import Struct
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
)
from redis.retry import Retry

TIMEOUT_S = 0.25
"""For a connection and for an answer; what takes longer will be written by the next go, newer."""


class Server(Struct, frozen=True, kw_only=True):
    """Where Redis is."""

    host: str
    port: int
    password: str = ""

    @property
    def place(self) -> str:
        """Its address for people."""
        return f"{self.host}:{self.port}"

    def client(self, on_connected: Callable[[], object]) -> redis.Redis:
        """A client of one connection that opens when it is first needed, and again when the server has closed it.

        The library's own default is ten retries with pauses: a server that hangs would hold the caller for seconds.

        Args:
            on_connected: Called for every connection that opens.
        """

        def connected(connection: Any) -> None:
            connection.on_connect()
            on_connected()

        return redis.Redis(
            host=self.host,
            port=self.port,
            password=self.password or None,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # as fast as 3, and 3 brings notices that nobody reads
            driver_info=None,
            max_connections=1,
            redis_connect_func=cast("Any", connected),  # declared without the connection that it is given
        )


def in_words(error: BaseException) -> str:
    """Say what is wrong, for a person who has to repair it."""
    for kind, words in _WORDS:
        if isinstance(error, kind):
            return words
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (AuthenticationError, "it does not accept the password ([hot_store] redis_password)"),
    (BusyLoadingError, "it still loads its data"),
    (OutOfMemoryError, "it is full (maxmemory) and evicts nothing"),
    (ReadOnlyError, "it is a read-only replica"),
    (redis.TimeoutError, f"it does not answer within {TIMEOUT_S} s"),
    (redis.ConnectionError, "it cannot be reached"),
)
