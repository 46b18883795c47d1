"""Which hot store a configuration means."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from loguru import logger

from vortex.adapters.memory import MemoryHotStore
from vortex.config import Config
from vortex.ports import HotStore


def open_hot_store(config: Config, market_source: str, now_ms: Callable[[], int]) -> HotStore:
    """Open it; a Redis that cannot be reached is said once and tried on, it keeps nobody from starting."""
    if not is_redis(config):
        return MemoryHotStore(now_ms)
    from vortex.adapters.redis.connection import Server  # noqa: PLC0415  # takes a quarter of a second and 20 MiB
    from vortex.adapters.redis.store import RedisHotStore  # noqa: PLC0415  # as above

    settings = config.hot_store
    server = Server(host=settings.redis_host, port=settings.redis_port, password=settings.redis_password.reveal())
    origin = f"{config.mode}/{config.account.name}/{market_source}"
    return RedisHotStore(server, now_ms, namespace=settings.namespace, origin=origin, token=str(uuid4()))


def is_redis(config: Config) -> bool:
    """In paper mode only when that is allowed expressly: else what runs on paper could show up as the real thing."""
    settings = config.hot_store
    wanted = settings.kind == "redis" or (settings.kind is None and bool(settings.redis_host))
    if wanted and config.mode == "paper" and not settings.allow_paper_remote:
        logger.info("hot store: in paper mode it is kept in memory ([hot_store] allow_paper_remote)")
        return False
    return wanted
