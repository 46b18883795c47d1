from __future__ import annotations

import pytest

from vortex.app import listening


def test_an_address_is_taken_at_once() -> None:
    bound = listening.take("it", "127.0.0.1", 0)
    try:
        assert bound.url == f"http://127.0.0.1:{bound.port}"
        with pytest.raises(OSError, match=rf"^it: cannot listen on 127\.0\.0\.1 port {bound.port}: .+in use"):
            listening.take("it", "127.0.0.1", bound.port)
    finally:
        bound.socket.close()


def test_a_server_on_every_address_is_reached_from_here() -> None:
    bound = listening.take("it", "0.0.0.0", 0)  # noqa: S104  # what is tested
    bound.socket.close()
    assert bound.url == f"http://127.0.0.1:{bound.port}"
