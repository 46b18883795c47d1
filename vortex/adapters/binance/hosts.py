"""Where each mode may connect, and nowhere else."""

from __future__ import annotations

from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

Mode: TypeAlias = Literal["paper", "testnet", "live"]

ALLOWED: dict[Mode, frozenset[str]] = {
    "paper": frozenset({"127.0.0.1", "::1", "localhost"}),
    "testnet": frozenset(
        {"demo-fapi.binance.com", "testnet.binancefuture.com", "fstream.binancefuture.com", "demo-fstream.binance.com"}
    ),
    "live": frozenset({"fapi.binance.com", "fstream.binance.com", "api.binance.com"}),
}
"""Host names each mode may reach. No name is in two lists: one mode can never talk to another's exchange."""

SENTIMENT: frozenset[str] = frozenset({"fapi.binance.com"})
"""Host names that Demo Trading may read without keys, for the ratios that it does not serve itself."""

_PLAIN: frozenset[str] = frozenset({"http", "ws"})
_SECURE: frozenset[str] = frozenset({"https", "wss"})


class HostRefused(ValueError):  # noqa: N818  # a refusal, not a malfunction
    """An address that this mode must not reach."""


class Hosts(Struct, frozen=True, kw_only=True):
    """Base addresses of one mode, checked against its allow-list when made and again before every request.

    Attributes:
        rest: Base of REST, like `https://fapi.binance.com`.
        ws: Base of the streams, like `wss://fstream.binance.com`; empty when none is read.
        wallet: Base of the host that knows what a key permits; empty when the mode has none.
        ratios: True when the exchange serves the long/short ratios under /futures/data (Demo Trading does not).
        keyless: True for public data alone: no key is ever sent there, and no other call exists.
    """

    mode: Mode
    rest: str
    ws: str = ""
    wallet: str = ""
    ratios: bool = True
    keyless: bool = False

    def __post_init__(self) -> None:
        self.check(self.rest)
        for url in filter(None, (self.ws, self.wallet)):
            self.check(url)

    def check(self, url: str) -> None:
        """Raise HostRefused unless this mode may connect to `url`."""
        parts = urlsplit(url)
        schemes = _SECURE | _PLAIN if self.mode == "paper" else _SECURE
        allowed = SENTIMENT if self.keyless else ALLOWED[self.mode]
        if parts.hostname not in allowed or parts.scheme not in schemes:
            raise HostRefused(
                f"{self.mode} mode must not connect to {parts.scheme}://{parts.hostname}; "
                f"it may use {', '.join(sorted(allowed))} by {', '.join(sorted(schemes))}"
            )

    def public_stream(self, streams: tuple[str, ...]) -> str:
        """Address of the combined streams of order books."""
        return f"{self.ws}/public/stream?streams={'/'.join(streams)}"

    def market_stream(self, streams: tuple[str, ...]) -> str:
        """Address of the combined streams of trades, candles, mark prices and liquidations."""
        return f"{self.ws}/market/stream?streams={'/'.join(streams)}"

    def user_stream(self, listen_key: str) -> str:
        """Address of the user stream. It holds the key: never log it."""
        return f"{self.ws}/private/ws?listenKey={listen_key}"

    def rest_urls(self) -> dict[str, str]:
        """The address table for ccxt. Only these APIs exist: a call to any other fails before it is sent."""
        kinds = ("Public",) if self.keyless else ("Public", "Private")
        urls = {f"fapi{kind}": f"{self.rest}/fapi/v1" for kind in kinds}
        for version in (2, 3):
            urls |= {f"fapi{kind}V{version}": f"{self.rest}/fapi/v{version}" for kind in kinds}
        urls |= {"sapi": f"{self.wallet}/sapi/v1"} if self.wallet else {}
        return urls | ({"fapiData": f"{self.rest}/futures/data"} if self.ratios else {})


def simulator(url: str) -> Hosts:
    """Paper: the simulator at `url` (http://127.0.0.1:PORT), whose streams are on the same port."""
    base = url.rstrip("/")
    return Hosts(mode="paper", rest=base, ws=base.replace("http", "ws", 1))


def demo(rest: str = "https://demo-fapi.binance.com", ws: str = "wss://fstream.binancefuture.com") -> Hosts:
    """Binance Demo Trading; both addresses may be overridden within the allow-list."""
    return Hosts(mode="testnet", rest=rest.rstrip("/"), ws=ws.rstrip("/"), ratios=False)


def live(rest: str = "https://fapi.binance.com", ws: str = "wss://fstream.binance.com") -> Hosts:
    """The real market."""
    wallet = "https://api.binance.com"
    return Hosts(mode="live", rest=rest.rstrip("/"), ws=ws.rstrip("/"), wallet=wallet)


def sentiment() -> Hosts:
    """Demo Trading's view of the real crowd: public data of the real market, read without keys."""
    return Hosts(mode="testnet", rest="https://fapi.binance.com", keyless=True)
