"""What the page needs to know before it starts."""

from __future__ import annotations

from msgspec import Struct


class Settings(Struct, frozen=True, kw_only=True):
    """Where the page listens and whom it asks.

    Attributes:
        host: Address the page listens on.
        port: 0 is any free port.
        token: Of the control API; when not empty, who opens the page must give it too.
        url: Of the control API; empty: as `run.json` in the data directory says.
        data_dir: Where `run.json` and the ledger lie; empty: the engine's files are not on this machine.
        own_ledger: The ledger is the file in the data directory; False: a server keeps it, an old file there is not it.
        mode: Named while nothing else is known.
    """

    host: str
    port: int
    token: str = ""
    url: str = ""
    data_dir: str = ""
    own_ledger: bool = True
    mode: str = "paper"
