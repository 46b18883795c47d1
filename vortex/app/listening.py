"""Taking an address before anything is served on it, so that one that cannot be used is refused at once."""

from __future__ import annotations

import socket
from typing import NamedTuple

_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # how a server on every address is reached from here


class Bound(NamedTuple):
    """An address that is taken; `url` is where this machine reaches it."""

    socket: socket.socket
    url: str
    port: int


def take(what: str, host: str, port: int) -> Bound:
    """Listen on an address, 0 is any free port; `what` it is for is said when it fails.

    Raises:
        OSError: It cannot be used; `str(error)` is one line.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        taken = socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(f"{what}: cannot listen on {host} port {port}: {error.strerror}") from error
    local, bound = _LOCAL.get(host, host), taken.getsockname()[1]
    return Bound(taken, f"http://[{local}]:{bound}" if ":" in local else f"http://{local}:{bound}", bound)
