"""Everything a user can get wrong ends in one clear line."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from vortex.config import ConfigError, load

KEYS = {"BINANCE_API_KEY": "key", "BINANCE_SECRET_KEY": "secret"}
REAL = {**KEYS, "TESTNET": "false"}
LIMITS = "[risk]\nmax_notional_usdt = 1000\nmax_daily_loss_usdt = 50\nmax_trades_per_day = 5\n"


def refusal(tmp_path: Path, text: str, environ: Mapping[str, str]) -> str:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load([path], environ)
    line = str(caught.value).replace(f"{tmp_path}/", "")
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert len(line) < 500
    return line


FILES = [
    ('mode = "papr"', ["x.toml", "mode", '"papr"', "one of live, paper, testnet"]),
    ("trading_pears = []", ["x.toml", "trading_pears", "did you mean trading_pairs?"]),
    ("[control]\nprot = 1", ["x.toml", "control.prot", "1", "did you mean port?"]),
    ("[contrl]", ["x.toml", "contrl", "did you mean control?"]),
    ("control = 3", ["x.toml", "control", "3", "a section"]),
    ('[control]\nport = "8787"', ["control.port", '"8787"', "an integer from 0 to 65535"]),
    ("[control]\nport = 65536", ["control.port", "65536", "an integer from 0 to 65535"]),
    ("[control]\nport = true", ["control.port", "true", "an integer"]),
    ("[chaos]\nenabled = 1", ["chaos.enabled", "1", "true or false"]),
    ("[sim]\nspeed = nan", ["sim.speed", "NaN", "a finite number"]),
    ("[sim]\nspeed = 1e400", ["sim.speed", "Infinity", "a finite number"]),
    ("[sim]\nspeed = -0.0", ["sim.speed", "-0.0", "a number from 0.1 to 100"]),
    ("[sim]\nmarket = [3]", ["sim.market = 3", "text"]),
    ("[risk]\nleverage_min = 0", ["risk.leverage_min", "0", "from 1 to 125"]),
    ("[risk]\nleverage_max = 126", ["risk.leverage_max", "126", "from 1 to 125"]),
    ("[risk]\nleverage_max = 10.5", ["risk.leverage_max", "10.5", "an integer"]),
    ("[risk]\nrisk_per_trade = -0.01", ["risk.risk_per_trade", "-0.01", "above 0"]),
    ("[risk]\nleverage_min = 20\nleverage_max = 10", ["x.toml", "[risk]", "leverage_min 20"]),
    ("[decision.weights]\ntick = 0.5", ["x.toml", "[decision.weights]", "sum to 1"]),
    ("[engines.order_flow]\ndepth = 21", ["engines.order_flow.depth", "21", "from 1 to 20"]),
    ("[engines.vpin]\nx = 1", ["engines.vpin", "order_flow, tick, technical, sentiment, regime"]),
    ('[account]\nname = "Main"', ["account.name", '"Main"', "1 to 6 of a-z and 0-9"]),
    ('[account]\nname = "main\\n"', ["account.name", '"main\\n"', "1 to 6"]),
    ('profile = ""', ["profile", '""', "1 to 40 printable"]),
    ("[symbols.BTCUSDT.risk]\nrr_mni = 1", ["symbols.BTCUSDT.risk.rr_mni", "did you mean rr_min?"]),
    ("[symbols.BTCUSDT.risk]\nrr_min = -1", ["symbols.BTCUSDT.risk.rr_min", "-1", "from 0 to 100"]),
    ("[symbols.BTCUSDT.risk]\nmax_positions = 1", ["symbols.BTCUSDT.risk.max_positions", "whole account"]),
    ("[symbols.BTCUSDT.control]\nport = 1", ["symbols.BTCUSDT.control", "engines, decision, risk, monitor"]),
    ("[symbols.btcusdt.risk]\nrr_min = 1", ["symbols.btcusdt", "A-Z and 0-9"]),
    ("symbols = 3", ["symbols", "3", "a section"]),
    ("symbols.BTCUSDT = 3", ["symbols.BTCUSDT", "3", "a section"]),
    ('mode = "paper"\nmode = "live"', ["x.toml", 'mode = \\"live\\"', "written twice"]),
    ("[risk]\n[risk]", ["x.toml", "[risk]"]),
    ("mode = paper", ["x.toml", '"mode = paper"', "line 1"]),
    ("x = " + "[" * 10_000, ["x.toml", "nested too deeply"]),
    ('trading_pairs = ["BTCUSDT", "BTCUSDT"]', ["trading_pairs", '"BTCUSDT"', "each pair once"]),
    ("trading_pairs = []", ["trading_pairs", "[]", "1 to 500"]),
    ('trading_pairs = "BTCUSDT"', ["trading_pairs", '"BTCUSDT"', "a list"]),
    ('trading_pairs = ["../x"]', ["trading_pairs", '"../x"', "A-Z and 0-9"]),
    ('trading_pairs = ["BTCUSDT\\n"]', ["trading_pairs", '"BTCUSDT\\n"', "A-Z and 0-9"]),
    ('[control]\nhost = "0.0.0.0"', ["control.host", '"0.0.0.0"', "token"]),
    ('[exchange]\nsimulator_url = "file:///x"', ["exchange.simulator_url", "http://HOST:PORT"]),
    ('[exchange]\nsimulator_url = "http://a@b:1"', ["exchange.simulator_url", "http://HOST:PORT"]),
    ('[exchange]\nsimulator_url = "http://h:99999"', ["exchange.simulator_url", "http://HOST:PORT"]),
    ('[exchange]\nrest_url = "https://fapi.binance.com"', ["exchange.rest_url", "nothing in paper mode"]),
]


@pytest.mark.parametrize(("text", "expected"), FILES, ids=[text[:30] for text, _ in FILES])
def test_a_bad_file_is_one_clear_line(tmp_path: Path, text: str, expected: list[str]) -> None:
    line = refusal(tmp_path, text, {})
    assert [part for part in expected if part not in line] == []


VARIABLES = [
    ({"TRADING_PAIRS": text}, ["environment TRADING_PAIRS", "trading_pairs", "A-Z and 0-9"])
    for text in ("", "BTCUSDT;", "btcusdt", "BTCUSDT,,ETHUSDT", "BTCUSDT_261225", "BTC\u0e51USDT", "B" * 10_000, "A\n")
] + [
    ({"TRADING_PAIRS": "BTCUSDT, BTCUSDT"}, ["environment TRADING_PAIRS", "each pair once"]),
    ({"TRADING_PAIRS": ",".join(f"S{n}USDT" for n in range(5_000))}, ["environment TRADING_PAIRS", "1 to 500"]),
    ({"TESTNET": "flase"}, ["environment", "TESTNET", '"flase"', "true, false, 1, 0, yes or no"]),
    ({"REDIS_PORT": "x", "VORTEX__HOT_STORE__ALLOW_PAPER_REMOTE": "yes"}, ["environment REDIS_PORT", '"x"', "65535"]),
    ({"VORTEX__MODE": "demo"}, ["environment VORTEX__MODE", '"demo"', "one of live, paper, testnet"]),
    ({"VORTEX__RISK__RR_MNI": "1"}, ["environment VORTEX__RISK__RR_MNI", "risk.rr_mni", "did you mean rr_min?"]),
    ({"VORTEX__NOPE": "1"}, ["environment VORTEX__NOPE", "a known key"]),
    ({"VORTEX__": "1"}, ["environment VORTEX__", "a known key"]),
    ({"VORTEX__RISK": "1"}, ["environment VORTEX__RISK", "inside that section"]),
    ({"VORTEX__CHAOS__ENABLED": "on"}, ["chaos.enabled", '"on"', "true or false"]),
    ({"BINANCE_API_KEY": "a", "BINANCE_API_KEY_FILE": "/nope"}, ["BINANCE_API_KEY", "both set"]),
    ({"BINANCE_API_KEY_FILE": "/nope"}, ["/nope", "no such file"]),
] + [
    ({"VORTEX__CONTROL__PORT": text}, ["environment VORTEX__CONTROL__PORT", "an integer from 0 to 65535"])
    for text in ("0x10", "1_000", "1,5", "8787.0", "true", "", "\u0e51", "9" * 40)
] + [
    ({"VORTEX__SIM__SPEED": text}, ["environment VORTEX__SIM__SPEED", "number"])
    for text in ("nan", "inf", "1e400", "1_0", "0x1p3", "1,5", " ")
]  # fmt: skip


@pytest.mark.parametrize(("environ", "expected"), VARIABLES, ids=[str(environ)[:40] for environ, _ in VARIABLES])
def test_a_bad_variable_is_one_clear_line(tmp_path: Path, environ: dict[str, str], expected: list[str]) -> None:
    line = refusal(tmp_path, "", environ)
    assert [part for part in expected if part not in line] == []


MODES = [
    ('mode = "live"', {}, ["x.toml", "BINANCE_API_KEY, BINANCE_SECRET_KEY, TESTNET", "TESTNET=true"]),
    ('mode = "live"', {"BINANCE_API_KEY": "k", "BINANCE_SECRET_KEY": ""}, ["BINANCE_SECRET_KEY, TESTNET"]),
    ('mode = "live"', KEYS, ["x.toml", "expected TESTNET", "TESTNET=false for real money"]),
    ('mode = "live"', {**KEYS, "TESTNET": ""}, ["expected TESTNET"]),
    ('mode = "testnet"', {}, ["BINANCE_API_KEY, BINANCE_SECRET_KEY in the environment"]),
    ('mode = "testnet"', REAL, ["environment TESTNET", "contradicts", "x.toml"]),
    ('mode = "live"', REAL, ["risk.max_notional_usdt, risk.max_daily_loss_usdt, risk.max_trades_per_day", "a file"]),
    (LIMITS, {**REAL, "VORTEX__MODE": "live"}, ["environment VORTEX__MODE", "written in a file"]),
    (
        'mode = "live"\n[risk]\nmax_notional_usdt = 1\nmax_daily_loss_usdt = 1',
        {**REAL, "VORTEX__RISK__MAX_TRADES_PER_DAY": "5"},
        ["risk.max_trades_per_day: expected in a file"],
    ),
    ('mode = "live"\n' + LIMITS, REAL, ["notify.urls = []", "an address", "notify.none = true"]),
    ("[notify]\nnone = true\nurls = ['json://h/t']", {}, ["notify.none = true", "false beside notify.urls"]),
    ("[notify]\nurls = ['canary-no-address']", {}, ['notify.urls = "***"', "://"]),
    ("[notify]\nurls = 'canary://h/t'", {}, ['notify.urls = "***"']),
    ("[notify]\nurls = ['canary://h/t', 7]", {}, ['notify.urls = "***"']),
    ("[notify]\nmute = ['entrance']", {}, ["notify.mute", "entry"]),
    ("[symbols.BTCUSDT.monitor]\non_exit = 'flatten'", {}, ["symbols.BTCUSDT.monitor.on_exit", "account"]),
    ('mode = "live"\n' + LIMITS + "[chaos]\nenabled = true", REAL, ["chaos.enabled", "false in live mode"]),
    ('mode = "testnet"\n[exchange]\nsimulator_url = "http://h:1"', KEYS, ["simulator_url", "nothing in testnet mode"]),
    ('mode = "testnet"\n[exchange]\nrest_url = "http://h"', KEYS, ["exchange.rest_url", "https://HOST"]),
    ('mode = "testnet"', {"BINANCE_API_KEY": "'k'", "BINANCE_SECRET_KEY": "s"}, ["BINANCE_API_KEY = ***", "quotes"]),
    ('mode = "testnet"', {"BINANCE_API_KEY": "k\r", "BINANCE_SECRET_KEY": "s"}, ['exchange.api_key = "***"']),
]  # fmt: skip


@pytest.mark.parametrize(("text", "environ", "expected"), MODES)
def test_what_a_mode_demands_is_one_clear_line(
    tmp_path: Path, text: str, environ: dict[str, str], expected: list[str]
) -> None:
    line = refusal(tmp_path, text, environ)
    assert [part for part in expected if part not in line] == []


def test_a_mistyped_secret_is_not_shown(tmp_path: Path) -> None:
    assert "hunter2" not in refusal(tmp_path, '[exchange]\napi_kye = "hunter2"', {})
    assert "hunter2" not in refusal(tmp_path, "", {"VORTEX__CONTROL__TOKN": "hunter2", "VORTEX__CONTROL__TOKEN_": "x"})


@pytest.mark.parametrize("kind", ["absent", "directory", "pipe", "huge", "binary"])
def test_a_file_that_is_no_text_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "huge":
        path.write_bytes(b"#" * 2_000_000)
    elif kind == "binary":
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=f"{kind}: ") as caught:
        load([path], {})
    assert len(str(caught.value).splitlines()) == 1


def test_a_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_bytes('\ufeffprofile = "x"\r\n'.encode())
    assert load([path], {}).config.profile == "x"


@pytest.mark.parametrize("text", ["A=1\nA=2", "just words", "=x"])
def test_a_bad_env_file_names_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".env"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\.env: line \d"):
        load([], {}, env_file=path)
