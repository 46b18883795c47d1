"""Who may ask: API key, HMAC-SHA256 signature over the raw parameters, and the time window."""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import Enum, auto

from vortex.sim.core.types import RequestRefused
from vortex.sim.server.params import Params

DEFAULT_WINDOW_MS = 5_000
MAX_WINDOW_MS = 60_000
FUTURE_MS = 1_000
"""How far ahead of the exchange's clock a timestamp may be."""

_SIGNATURE = re.compile(r"(?:^|&)signature=([^&]*)")


class Security(Enum):
    """What an endpoint asks of its caller."""

    OPEN = auto()
    KEY = auto()
    SIGNED = auto()


class Guard:
    """Checks requests against the one account's key and secret."""

    def __init__(self, *, key: str, secret: str) -> None:
        self._key = key
        self._secret = secret.encode()

    def check(self, security: Security, *, key: str | None, raw: str, params: Params, server_ms: int) -> None:
        """Raise RequestRefused with Binance's code unless the request passes. `raw` is query and body, joined."""
        if security is Security.OPEN:
            return
        if key is None or not hmac.compare_digest(_bytes(key), _bytes(self._key)):
            raise RequestRefused(-2014, "API-key format invalid.")
        if security is Security.SIGNED:
            self._check_signature(raw, params)
            _check_time(params, server_ms)

    def _check_signature(self, raw: str, params: Params) -> None:
        given = params.text("signature")
        wanted = hmac.new(self._secret, _SIGNATURE.sub("", raw).encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(_bytes(given), _bytes(wanted)):
            raise RequestRefused(-1022, "Signature for this request is not valid.")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")  # what a header holds need not be text


def _check_time(params: Params, server_ms: int) -> None:
    window_ms = params.optional_integer("recvWindow")
    window_ms = DEFAULT_WINDOW_MS if window_ms is None else window_ms
    if not 0 < window_ms <= MAX_WINDOW_MS:
        raise RequestRefused(-1131, "recvWindow must be less than 60000")
    age_ms = server_ms - params.integer("timestamp")
    if age_ms < -FUTURE_MS:
        raise RequestRefused(-1021, f"Timestamp for this request was {FUTURE_MS}ms ahead of the server's time.")
    if age_ms > window_ms:
        raise RequestRefused(-1021, "Timestamp for this request is outside of the recvWindow.")
