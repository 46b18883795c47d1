from __future__ import annotations

import pytest

from vortex.sim.core.types import RequestRefused
from vortex.sim.server.user_stream import KEY_LIFE_MS, UserStream


def stream() -> UserStream:
    return UserStream()


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


def test_a_closed_key_is_gone() -> None:
    users = stream()
    key = users.open(0)
    users.close()
    assert not users.valid(key, 1)
