from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.sim.core.types import RequestRefused
from vortex.sim.server.auth import Guard, Security
from vortex.sim.server.params import Params

NOW_MS = 1_700_000_000_000
GUARD = Guard(key="paper", secret="paper")


def signed(text: str) -> str:
    return f"{text}&signature={hmac.new(b'paper', text.encode(), hashlib.sha256).hexdigest()}"


def check(raw: str, key: str | None = "paper", security: Security = Security.SIGNED) -> None:
    GUARD.check(security, key=key, raw=raw, params=Params(dict(parse_qsl(raw))), server_ms=NOW_MS)


def refused(raw: str, key: str | None = "paper") -> int:
    with pytest.raises(RequestRefused) as refusal:
        check(raw, key)
    return refusal.value.code


def test_the_example_of_the_documentation() -> None:
    # Binance's own worked example of a signature.
    text = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    )
    secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
    wanted = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    raw = f"{text}&signature={wanted}"
    guard, params = Guard(key="key", secret=secret), Params(dict(parse_qsl(raw)))
    guard.check(Security.SIGNED, key="key", raw=raw, params=params, server_ms=1499827319559)


@given(st.dictionaries(st.text("abcXYZ", min_size=1), st.text(min_size=1), max_size=5))
def test_a_signature_covers_the_raw_text_whatever_it_holds(values: dict[str, str]) -> None:
    check(signed(urlencode({**values, "timestamp": NOW_MS})))


def test_a_changed_character_breaks_the_signature() -> None:
    assert refused(signed(f"quantity=1&timestamp={NOW_MS}").replace("quantity=1", "quantity=2")) == -1022
    assert refused(f"timestamp={NOW_MS}&signature=00") == -1022


def test_wrong_or_missing_key() -> None:
    good = signed(f"timestamp={NOW_MS}")
    assert refused(good, key="other") == -2014
    assert refused(good, key=None) == -2014


def test_what_a_signed_request_must_carry() -> None:
    assert refused(f"timestamp={NOW_MS}") == -1102
    assert refused(signed("a=1")) == -1102


@pytest.mark.parametrize(("age_ms", "window"), [(5_001, None), (101, "100"), (-1_001, None), (60_000, "59999")])
def test_a_timestamp_outside_its_window(age_ms: int, window: str | None) -> None:
    text = f"timestamp={NOW_MS - age_ms}" + (f"&recvWindow={window}" if window else "")
    assert refused(signed(text)) == -1021


@pytest.mark.parametrize("age_ms", [5_000, 0, -1_000])
def test_a_timestamp_within_its_window(age_ms: int) -> None:
    check(signed(f"timestamp={NOW_MS - age_ms}"))


@pytest.mark.parametrize("window", ["0", "60001"])
def test_an_impossible_window(window: str) -> None:
    assert refused(signed(f"timestamp={NOW_MS}&recvWindow={window}")) == -1131


def test_open_endpoints_ask_nothing_and_key_endpoints_no_signature() -> None:
    check("", key=None, security=Security.OPEN)
    check("", security=Security.KEY)
