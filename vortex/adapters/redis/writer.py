"""One go at the mirror: everything that is not written yet, in one transaction on one connection."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import redis
from loguru import logger

from vortex.adapters.redis.connection import Server, in_words
from vortex.adapters.redis.documents import MARK, TICKS, TTL_S, UnwritableError, document, tick, ticks
from vortex.adapters.redis.health import Health
from vortex.adapters.redis.image import RING, Image, Ring, Write
from vortex.domain.market import Trade
from vortex.domain.recall import leading_up

GIVE_WAY_EVERY = 16
"""Values turned into JSON before the interpreter is offered to whoever waits for it: an engine must not."""
MARK_S = 60
"""A mark that nobody renews is gone after this: so one who was overwritten by another learns that he has left."""
LARGEST_LIST = 4_194_304
"""Bytes of a list of trades in Redis; a larger one is not ours."""
RIVAL = "another engine writes the same keys: give each its own [hot_store] namespace"


class Writer:
    """Brings an image to a server.

    Args:
        server: Where.
        namespace: What every key begins with, with a colon; may be empty.
        origin: Whose market this is: what was left of another one is not taken for its own past.
        token: Differs from that of every other writer. It leaves origin and token under its mark.
        health: Told how every go went.
    """

    def __init__(self, server: Server, *, namespace: str, origin: str, token: str, health: Health) -> None:
        self._prefix = f"{namespace}:" if namespace else ""
        self._origin = f"{origin} ".encode()
        self._mark = self._origin + token.encode()
        self._is_heir: bool | None = None
        self._health = health
        self._client = server.client(self._connected)
        self._is_new = self._is_down = False
        self._refused: set[str] = set()

    def write(self, image: Image, now_ms: int) -> None:
        """Write what there is; whatever goes wrong is counted and tried again by the next go."""
        arrived, image.arrived = image.arrived, 0
        try:
            failed, rival = self._go(image, now_ms)
            self._is_down = False
        except (redis.RedisError, OSError) as error:
            image.forget()
            self._hang_up()
            self._health.failed(in_words(error), arrived)
        else:
            if failed or rival:
                self._health.failed(RIVAL if rival else "some of its keys held something else", failed)
            elif not image.backlog:
                self._health.succeeded()

    def recall(self, symbol: str, now_ms: int) -> tuple[Trade, ...]:
        """Return the trades that another process left and that lead up to now; none whatever goes wrong.

        While Redis is down it is not asked: each question could take as long as the timeout.
        """
        key = self._key(TICKS + symbol)
        try:
            kept = [] if self._is_down else self._left(key)
        except redis.ResponseError as error:
            return self._refuse(key, in_words(error))
        except (redis.RedisError, OSError) as error:
            self._hang_up()
            return self._refuse(key, in_words(error))
        except ValueError as error:  # msgspec's too
            return self._refuse(key, f"it is not ours: {error}")
        trades = leading_up(kept, now_ms)
        if kept and not trades:
            return self._refuse(key, "it does not lead up to now")
        if trades:
            logger.info("{}: the last {} trades are taken from the mirror", symbol, len(trades))
        return trades

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    # ---------------------------------------------------------------------------------------------------------- a go

    def _go(self, image: Image, now_ms: int) -> tuple[int, bool]:
        """Return how many lists could not be written, and whether somebody else writes too."""
        mark = self._look()
        anew = self._is_new or mark is None
        if anew:
            image.forget()
        if image.gone:  # apart: a server that is full still deletes
            self._client.delete(*map(self._key, sorted(image.gone)))
            image.gone.clear()
        writes, rings = image.writes(now_ms), list(image.rings_to_write())
        pipe: Any = self._client.pipeline(transaction=True)
        for symbol, ring in rings:
            _push(pipe, self._key(TICKS + symbol), ring)
        self._set(pipe, image, writes)
        if anew or mark == self._mark:
            pipe.set(self._key(MARK), self._mark, ex=MARK_S)
        answers = pipe.execute(raise_on_error=False)
        for write in writes:
            image.written(write.key, write.value)
        self._is_new = False
        return _settle(rings, answers), not anew and mark != self._mark

    def _look(self) -> object:
        """Return who wrote last; the first time that decides whether what he left is ours."""
        mark: Any = self._client.get(self._key(MARK))
        if self._is_heir is None:
            self._is_heir = mark is not None and mark.startswith(self._origin)
        return mark

    def _set(self, pipe: Any, image: Image, writes: Sequence[Write]) -> None:
        """All documents at once, and to each how long it counts."""
        bodies = {}
        for number, write in enumerate(writes):
            try:
                bodies[self._key(write.key)] = document(write.value, write.stamp_ms)
            except UnwritableError as error:
                image.written(write.key, write.value)  # it will not become writable
                logger.error("hot store: {} cannot be mirrored: {}", write.key, error)
            if number % GIVE_WAY_EVERY == 0:
                time.sleep(0)
        if bodies:
            pipe.mset(bodies)
        for write in writes:
            if write.ttl_s is not None:
                pipe.expire(self._key(write.key), write.ttl_s)

    def _left(self, key: str) -> list[Trade]:
        """The trades under a key, oldest first. Raises ValueError for anything else, and what redis raises."""
        if self._is_heir is None:
            self._look()
        size: Any = self._client.memory_usage(key, samples=0)
        if size is None:
            return []
        if not self._is_heir:
            raise ValueError(f"another mode, account or market left it, or it is from more than {MARK_S} s ago")
        if size > LARGEST_LIST:
            raise ValueError(f"it takes {size} bytes")
        lines: Any = self._client.lrange(key, 0, RING - 1)
        return ticks(lines[::-1])

    def _refuse(self, key: str, why: str) -> tuple[Trade, ...]:
        """Say once for each reason that what is there does not count."""
        if why not in self._refused:
            self._refused.add(why)
            logger.warning("hot store: {} in Redis is not used for a warm start: {}", key, why)
        return ()

    def _hang_up(self) -> None:
        self._is_down = True
        self._client.close()

    def _connected(self) -> None:
        """It may be another server, or the same one without its last second."""
        self._is_new = True

    def _key(self, key: str) -> str:
        return self._prefix + key


def _push(pipe: Any, key: str, ring: Ring) -> None:
    """Three commands; the list is newest first, so the oldest is pushed first."""
    new = list(ring.trades) if ring.whole else list(ring.trades)[-ring.unsent :]
    if ring.whole:
        pipe.delete(key)
    else:
        pipe.ltrim(key, 0, RING - 1 - len(new))
    pipe.lpush(key, *map(tick, new))
    pipe.expire(key, TTL_S["ticks"])


def _settle(rings: Sequence[tuple[str, Ring]], answers: Sequence[object]) -> int:
    """Note which lists were written; return how many were not: something else stood there, and is deleted next time."""
    failed = 0
    for number, (_, ring) in enumerate(rings):
        ring.unsent = 0
        ring.whole = any(isinstance(answer, Exception) for answer in answers[3 * number : 3 * number + 3])
        failed += ring.whole
    return failed
