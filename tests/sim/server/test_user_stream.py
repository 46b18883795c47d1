from __future__ import annotations

import json
from typing import Any, cast

import pytest

from vortex.sim.core.types import RequestRefused
from vortex.sim.server.sockets import Outlet
from vortex.sim.server.user_stream import KEY_LIFE_MS, UserStream


class Listener:
    """What an outlet is to the stream."""

    combined = False

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def push(self, frame: bytes) -> None:
        self.heard.append(json.loads(frame))


def stream() -> UserStream:
    return UserStream(lambda: 0)


def test_the_key_stays_the_same_while_it_is_valid() -> None:
    users = stream()
    key = users.open(0)
    assert users.open(KEY_LIFE_MS - 1) == key
    assert users.valid(key, 2 * KEY_LIFE_MS - 2)
    assert not users.valid("another", 0)
    assert not users.valid(None, 0)


def test_a_key_that_is_not_kept_expires() -> None:
    users = stream()
    key = users.open(0)
    assert not users.valid(key, KEY_LIFE_MS)
    with pytest.raises(RequestRefused) as refusal:
        users.keep(KEY_LIFE_MS)
    assert refusal.value.code == -1125
    assert users.open(KEY_LIFE_MS) != key


def test_keeping_gives_a_new_life() -> None:
    users = stream()
    key = users.open(0)
    assert users.keep(KEY_LIFE_MS - 1) == key
    assert users.valid(key, KEY_LIFE_MS + 1)


def test_the_end_of_a_key_is_told_in_the_time_that_clients_see() -> None:
    users, listener = UserStream(lambda: -3_600_000), Listener()
    users.open(0)
    users.join(cast("Outlet", listener))
    users.expire(KEY_LIFE_MS)
    assert [(frame["e"], frame["E"]) for frame in listener.heard] == [("listenKeyExpired", 0)]


def test_a_closed_key_is_gone() -> None:
    users = stream()
    key = users.open(0)
    users.close()
    assert not users.valid(key, 1)
