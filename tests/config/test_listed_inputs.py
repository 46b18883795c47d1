"""The list of bad inputs that the system is held to, item by item: each is one clear line, or harmless.

What HTTP is sent is in tests/app/api/test_hostile_http.py; what stores and the exchange send, with their adapters.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vortex.adapters.binance.hosts import HostRefused, Mode, demo, live, simulator
from vortex.app.venue import open_venue
from vortex.config import Config, ConfigError, load
from vortex.config.sections import Exchange

KEYS = {"BINANCE_API_KEY": "key", "BINANCE_SECRET_KEY": "secret"}


def refusal(files: list[Path], environ: dict[str, str], env_file: Path | None = None) -> str:
    """The one line that says what is wrong."""
    with pytest.raises(ConfigError) as caught:
        load(files, environ, env_file=env_file)
    line = str(caught.value)
    assert (len(line.splitlines()), line.isprintable(), len(line) < 500) == (1, True, True), line
    return line


SYMBOLS = {
    "a semicolon": "BTCUSDT;",
    "a path": "../x",
    "a line end": "BTCUSDT\n",
    "empty": "",
    "10 kB": "B" * 10_240,
    "lower case": "btcusdt",
    "Thai digits": "BTC\u0e51USDT",
    "duplicated": "BTCUSDT,BTCUSDT",
    "a delivery contract": "BTCUSDT_261225",
    "5,000 of them": ",".join(f"S{number}USDT" for number in range(5_000)),
    "a NUL": "BTC\x00USDT",
    "an emoji": "BTC\U0001f600",
    "SQL": "'; drop table trade_logs; --",
    "another alphabet's letters": "\u0412\u0422\u0421USDT",
}


@pytest.mark.parametrize("place", ["environment", ".env", "file"])
@pytest.mark.parametrize("name", SYMBOLS)
def test_a_symbol_that_is_none(tmp_path: Path, name: str, place: str) -> None:
    text = SYMBOLS[name]
    file, dotenv = tmp_path / "x.toml", tmp_path / ".env"
    file.write_text(f"trading_pairs = {json.dumps(text.split(','), ensure_ascii=True)}" if place == "file" else "")
    if place == ".env":
        dotenv.write_text("TRADING_PAIRS=" + text.replace("\n", "\\n"), encoding="utf-8")
    line = refusal([file], {"TRADING_PAIRS": text} if place == "environment" else {}, dotenv)
    assert "trading_pairs" in line


NUMBERS = ("1e400", "NaN", "-0", "0x10", "1_000", "1,5", "true", "inf", "", "\u0e51", "--1", "1 000")


@pytest.mark.parametrize("text", NUMBERS)
@pytest.mark.parametrize("key", ["risk.leverage_max", "sim.speed", "control.port"])
def test_a_number_that_is_none_in_the_environment(text: str, key: str) -> None:
    name = "VORTEX__" + key.replace(".", "__").upper()
    if (key, text) == ("control.port", "-0"):
        assert load([], {name: text}).config.control.port == 0
        return
    line = refusal([], {name: text})
    assert name in line
    assert key in line


@pytest.mark.parametrize("text", ["1e400", "nan", "-0.0", "true", '"1.5"', "[1]", "1979-05-27"])
def test_a_number_that_is_none_in_a_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(f"[sim]\nspeed = {text}", encoding="utf-8")
    line = refusal([file], {})
    assert "x.toml" in line
    assert "sim.speed" in line


@pytest.mark.parametrize("text", ["0", "126", "10.5", "-1"])
def test_leverage_that_there_is_not(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(f"[risk]\nleverage_max = {text}", encoding="utf-8")
    line = refusal([file], {})
    assert f"risk.leverage_max = {text}" in line
    assert "from 1 to 125" in line or "an integer" in line


@pytest.mark.parametrize(
    "kind", ["duplicate key", "100 MB", "dangling link", "pipe", "device", "NUL", "link to a folder"]
)
def test_a_toml_file_that_is_none(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "x.toml"
    if kind == "duplicate key":
        file.write_text('profile = "a"\nprofile = "b"', encoding="utf-8")
    elif kind == "100 MB":
        with file.open("wb") as stream:
            stream.truncate(100 * 2**20)  # sparse: it costs no disk
    elif kind == "dangling link":
        file.symlink_to(tmp_path / "nowhere")
    elif kind == "link to a folder":
        file.symlink_to(tmp_path)
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "NUL":
        file.write_bytes(b'profile = "a\x00b"')
    path = Path("/dev/zero") if kind == "device" else file
    assert str(path) in refusal([path], {})


def test_a_byte_order_mark_and_a_link_to_a_file_are_no_mistakes(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "x.toml"
    real.write_bytes('\ufeffprofile = "x"'.encode())
    link.symlink_to(real)
    assert load([link], {}).config.profile == "x"


@pytest.mark.parametrize(
    ("text", "port"),
    [('"1234"', 1234), ("'1234'", 1234), ("1234 ", 1234), ("1234\r", 1234), (" 1234  # a comment", 1234)],
)
def test_blanks_quotes_and_carriage_returns_of_a_dotenv_file_are_no_mistakes(
    tmp_path: Path, text: str, port: int
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(f"VORTEX__CONTROL__PORT={text}\n".encode())
    assert load([], {}, env_file=dotenv).config.control.port == port


@pytest.mark.parametrize("value", ["key ", "'key'", '"key"', "key\r", "ke y", "k\u00e9y"])
def test_a_key_with_blanks_or_quotes_is_named_not_shown(value: str) -> None:
    line = refusal([], {**KEYS, "VORTEX__MODE": "testnet", "BINANCE_API_KEY": value})
    assert value.strip() not in line.replace("api_key", "").replace("API_KEY", "")


@pytest.mark.parametrize(
    ("text", "real"), [("yes", False), ("1", False), ("True", False), ("TRUE ", False), ("no", True), ("0", True)]
)
def test_testnet_may_be_written_so(tmp_path: Path, text: str, real: bool) -> None:  # noqa: FBT001  # a column
    file = tmp_path / "x.toml"
    limits = "max_notional_usdt = 1\nmax_daily_loss_usdt = 1\nmax_trades_per_day = 1\n"
    file.write_text(f'mode = "live"\n[risk]\n{limits}[notify]\nnone = true\n', encoding="utf-8")
    assert load([file], {**KEYS, "TESTNET": text}).config.mode == ("live" if real else "testnet")


@pytest.mark.parametrize("text", ["flase", "2", "on", "wahr", "true;false", "\u0e51"])
def test_testnet_is_not_guessed(text: str) -> None:
    assert "true, false, 1, 0, yes or no" in refusal([], {"TESTNET": text})


URLS = {
    "user info": "https://user:pass@demo-fapi.binance.com",
    "plain http": "http://demo-fapi.binance.com",
    "a file": "file:///etc/passwd",
    "a path": "https://demo-fapi.binance.com/x",
    "a query": "https://demo-fapi.binance.com?x=1",
    "no port number": "https://demo-fapi.binance.com:x",
    "nothing but a scheme": "https://",
}


@pytest.mark.parametrize("name", URLS)
def test_an_address_of_another_shape(name: str) -> None:
    line = refusal([], {**KEYS, "VORTEX__MODE": "testnet", "VORTEX__EXCHANGE__REST_URL": URLS[name]})
    assert "exchange.rest_url" in line
    assert "https://HOST" in line


@pytest.mark.parametrize(
    ("mode", "url"),
    [
        ("live", "https://[::1]"),
        ("live", "https://demo-fapi.binance.com"),
        ("live", "https://fapi.binance.com.evil.example"),
        ("testnet", "https://fapi.binance.com"),
        ("testnet", "https://127.0.0.1"),
    ],
)
def test_an_address_that_the_mode_must_not_reach(mode: Mode, url: str) -> None:
    with pytest.raises(HostRefused):
        (live if mode == "live" else demo)(rest=url)
    with pytest.raises(ConfigError, match="must not connect") as caught:
        open_venue(Config(mode=mode, exchange=Exchange(rest_url=url)), None)
    assert len(str(caught.value).splitlines()) == 1


def test_a_simulator_is_on_this_machine() -> None:
    assert simulator("http://[::1]:8790").rest == "http://[::1]:8790"
    for url in ("http://10.0.0.1:8790", "http://evil.example"):
        with pytest.raises(HostRefused):
            simulator(url)


@pytest.mark.parametrize("value", ["redis://:hunter2@mirror:6379/0", "me:hunter2@mirror", "mirror hunter2"])
def test_an_address_of_redis_with_a_password_is_named_not_shown(value: str) -> None:
    line = refusal([], {**KEYS, "VORTEX__MODE": "testnet", "REDIS_HOST": value})
    assert "hot_store.redis_host" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("value", ["mirror", "redis.example.com", "10.0.0.7", "::1"])
def test_a_host_of_redis_is_taken_and_on_paper_not_looked_at(value: str) -> None:
    assert load([], {**KEYS, "VORTEX__MODE": "testnet", "REDIS_HOST": value}).config.hot_store.redis_host == value
    assert load([], {"REDIS_HOST": "redis://mirror"}).config.mode == "paper"
