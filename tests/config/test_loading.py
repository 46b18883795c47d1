"""What wins over what, which mode runs, and what is never shown."""

import copy
import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vortex.config import Config, ConfigError, Loaded, Secret, changed, effective, load
from vortex.config.environment import NAMES
from vortex.config.tree import Tree

KEYS = {"BINANCE_API_KEY": "public-part", "BINANCE_SECRET_KEY": "hunter2"}


def load_text(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> Loaded:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    return load([path], environ or {})


# ------------------------------------------------------------------------------------------------------- precedence

PLACES = ["default", "first file", "second file", ".env", "environment", "command line"]


@settings(deadline=None)  # reads files
@given(given_in=st.sets(st.integers(1, 5)))
def test_the_highest_place_that_names_a_key_wins(tmp_path_factory: pytest.TempPathFactory, given_in: set[int]) -> None:
    folder = tmp_path_factory.mktemp("precedence")
    first, second, dotenv = folder / "first.toml", folder / "second.toml", folder / ".env"
    first.write_text("[control]\nport = 1\n" if 1 in given_in else "", encoding="utf-8")
    second.write_text("[control]\nport = 2\n" if 2 in given_in else "", encoding="utf-8")
    dotenv.write_text("VORTEX__CONTROL__PORT=3\n" if 3 in given_in else "", encoding="utf-8")
    loaded = load(
        [first, second],
        {"VORTEX__CONTROL__PORT": "4"} if 4 in given_in else {},
        {"control.port": 5} if 5 in given_in else {},
        env_file=dotenv,
    )
    winner = max(given_in, default=0)
    origins = [None, str(first), str(second), f"{dotenv} VORTEX__CONTROL__PORT", "environment VORTEX__CONTROL__PORT"]
    assert loaded.config.control.port == (winner or 8787)
    assert loaded.origins.get("control.port") == [*origins, "command line"][winner]


tables: st.SearchStrategy[dict[str, object]] = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.integers(), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), st.integers() | inner, max_size=3),
    max_leaves=8,
)


@given(low=tables, high=tables)
def test_merging_keeps_what_the_higher_table_does_not_name(low: dict[str, object], high: dict[str, object]) -> None:
    tree = Tree()
    tree.merge(low, "low")
    tree.merge(high, "high")
    below = Tree()
    below.merge(low, "low")
    for name in "abc":
        value = high.get(name, low.get(name))
        if not isinstance(value, dict):
            assert tree.get((name,)) == value
            continue
        for inner in "abc":
            if inner not in value:
                kept = below.get((name, inner)) if isinstance(low.get(name), dict) else None
                assert tree.get((name, inner)) == kept


def test_files_merge_key_by_key_and_lists_are_replaced(tmp_path: Path) -> None:
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text('trading_pairs = ["A1", "B1"]\n[control]\nhost = "localhost"\nport = 1\n', encoding="utf-8")
    second.write_text('trading_pairs = ["C1"]\n[control]\nport = 2\n', encoding="utf-8")
    config = load([first, second], {}).config
    assert config.trading_pairs == ("C1",)
    assert (config.control.host, config.control.port) == ("localhost", 2)


def test_the_environment_reaches_every_kind_of_value() -> None:
    config = load(
        [],
        {
            "TRADING_PAIRS": "SOLUSDT, DOGEUSDT",
            "VORTEX__ENGINES__ORDER_FLOW__DEPTH": "5",
            "VORTEX__DECISION__A__ALIGNMENT_REQUIRED": "No",
            "VORTEX__RISK__MAX_NOTIONAL_USDT": "1e3",
            "VORTEX__RISK__MAX_TRADES_PER_DAY": "7",
            "VORTEX__SIM__MARKET": "live,A1,B1=a.gz,c.gz,D1=d.gz",
            "VORTEX__SYMBOLS__SOLUSDT__RISK__RR_MIN": "0.5",
            "VORTEX__PROFILE": "night run",
        },
    ).config
    assert config.trading_pairs == ("SOLUSDT", "DOGEUSDT")
    assert config.engines.order_flow.depth == 5
    assert config.decision.a.alignment_required is False
    assert (config.risk.max_notional_usdt, config.risk.max_trades_per_day) == (1000.0, 7)
    assert config.sim.market == ("live", "A1,B1=a.gz", "c.gz", "D1=d.gz")
    assert config.of("SOLUSDT").risk.rr_min == 0.5
    assert config.profile == "night run"


def test_a_long_name_wins_over_the_short_one_of_the_same_place() -> None:
    assert load([], {"TRADING_PAIRS": "A1", "VORTEX__TRADING_PAIRS": "B1"}).config.trading_pairs == ("B1",)


def test_the_command_line_takes_texts_like_the_environment() -> None:
    loaded = load([], {"TRADING_PAIRS": "A1"}, {"trading_pairs": "B1,C1", "data_dir": "elsewhere"})
    assert loaded.config.trading_pairs == ("B1", "C1")
    assert loaded.config.data_dir == "elsewhere"
    with pytest.raises(ConfigError, match="command line: trading_pairs"):
        load([], {}, {"trading_pairs": "b1"})


def test_an_env_file_knows_quotes_comments_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"# a comment\r\nexport VORTEX__PROFILE='a # b'  # said so\r\nTRADING_PAIRS=A1 # one\r\nFOO=\r\n")
    loaded = load([], {}, env_file=path)
    assert loaded.config.profile == "a # b"
    assert loaded.config.trading_pairs == ("A1",)
    assert loaded.notes == (f"{path}: FOO sets nothing here",)


def test_overrides_of_a_symbol_stand_on_the_common_sections(tmp_path: Path) -> None:
    config = load_text(
        tmp_path,
        "[risk]\nrr_min = 0.5\ncooldown_sl_s = 7\n"
        "[symbols.ETHUSDT.risk]\nrr_min = 0.9\n[symbols.ETHUSDT.risk.a]\nsl_atr = 2\n",
    ).config
    assert (config.of("BTCUSDT").risk.rr_min, config.of("ETHUSDT").risk.rr_min) == (0.5, 0.9)
    assert config.of("ETHUSDT").risk.cooldown_sl_s == 7
    assert (config.of("ETHUSDT").risk.a.sl_atr, config.of("BTCUSDT").risk.a.sl_atr) == (2.0, 0.6)
    assert config.of("ETHUSDT").engines == config.engines


# ------------------------------------------------------------------------------------------------------------- modes


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "Yes"])
def test_testnet_true_turns_live_into_demo_trading_and_says_so(tmp_path: Path, text: str) -> None:
    loaded = load_text(tmp_path, 'mode = "live"', {**KEYS, "TESTNET": text})
    assert loaded.config.mode == "testnet"
    assert loaded.config.data_dir == "var/testnet"
    assert loaded.origins["mode"] == "environment TESTNET"
    assert "Demo Trading" in loaded.notes[0]


@pytest.mark.parametrize("text", ["false", "False", "0", "NO"])
def test_real_money_needs_the_mode_and_three_limits_in_files(tmp_path: Path, text: str) -> None:
    limits = "[risk]\nmax_notional_usdt = 1000\nmax_daily_loss_usdt = 50\nmax_trades_per_day = 5\n"
    limits += "[notify]\nnone = true\n"
    loaded = load_text(tmp_path, f'mode = "live"\n{limits}', {**KEYS, "TESTNET": text})
    assert (loaded.config.mode, loaded.config.data_dir, loaded.notes) == ("live", "var/live", ())


def test_testnet_may_be_set_in_the_env_file_and_the_process_wins(tmp_path: Path) -> None:
    path, dotenv = tmp_path / "x.toml", tmp_path / ".env"
    path.write_text('mode = "live"', encoding="utf-8")
    dotenv.write_text("TESTNET=true\nBINANCE_API_KEY=a\nBINANCE_SECRET_KEY=b\n", encoding="utf-8")
    assert load([path], {}, env_file=dotenv).config.mode == "testnet"
    with pytest.raises(ConfigError, match="max_notional_usdt"):
        load([path], {"TESTNET": "false"}, env_file=dotenv)


@pytest.mark.parametrize("text", ["true", "false", ""])
def test_paper_ignores_testnet_and_real_keys_and_remote_stores(text: str) -> None:
    environ = {**KEYS, "TESTNET": text, "REDIS_HOST": "r", "DATABASE_URL": "postgres://u:pw@h/d", "SUPABASE_URL": "s"}
    loaded = load([], environ)
    assert loaded.config.mode == "paper"
    assert loaded.config.exchange.api_key == loaded.config.exchange.secret_key == Secret("paper")
    assert not loaded.config.hot_store.redis_host
    assert not loaded.config.cold_store.database_url
    assert {note.split()[1] for note in loaded.notes} == {*KEYS, "REDIS_HOST", "DATABASE_URL", "SUPABASE_URL"}


def test_paper_may_be_told_to_use_one_remote_store() -> None:
    environ = {"REDIS_HOST": "r", "REDIS_PORT": "1", "SUPABASE_KEY": "k", "VORTEX__HOT_STORE__ALLOW_PAPER_REMOTE": "1"}
    config = load([], environ).config
    assert (config.hot_store.redis_host, config.hot_store.redis_port) == ("r", 1)
    assert not config.cold_store.supabase_key


# ------------------------------------------------------------------------------------------------------------ secrets


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n", encoding="utf-8")
    environ = {
        "BINANCE_API_KEY": "k",
        "BINANCE_SECRET_KEY_FILE": str(secret),
        "VORTEX__CONTROL__TOKEN_FILE": str(secret),
    }
    config = load_text(tmp_path, 'mode = "testnet"', environ).config
    assert config.exchange.secret_key.reveal() == config.control.token.reveal() == "hunter2"
    secret.write_text("two\nlines\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="exactly one line"):
        load_text(tmp_path, 'mode = "testnet"', environ)


def test_no_secret_appears_in_any_dump(tmp_path: Path) -> None:
    text = 'mode = "testnet"\n[control]\ntoken = "hunter2"\n'
    environ = dict.fromkeys((*KEYS, "SUPABASE_KEY", "DATABASE_URL"), "hunter2")
    environ["SUPABASE_URL"] = "https://project.supabase.co"
    loaded = load_text(tmp_path, text, environ)
    shown = [repr(loaded), str(loaded.config), json.dumps([(row.key, row.value) for row in effective(loaded)])]
    assert [text for text in shown if "hunter2" in text] == []
    for dump in (msgspec.json.encode, msgspec.to_builtins, pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            dump(loaded.config)


def test_secrets_compare_by_content_and_empty_ones_are_false() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("")}) == 2
    assert Secret("a")
    assert not Secret()
    assert (str(Secret()), str(Secret("a"))) == ("", "***")
    assert Secret("a") != "a"


# ------------------------------------------------------------------------------------------------------- show-config


def test_the_effective_configuration_names_every_key_and_its_origin(tmp_path: Path) -> None:
    text = "[control]\nport = 0\n[symbols.ETHUSDT.risk]\nrr_min = 0.9\n"
    loaded = load_text(tmp_path, text, {"TRADING_PAIRS": "ETHUSDT"})
    rows = {row.key: row for row in effective(loaded)}
    assert rows["control.port"].origin == str(tmp_path / "x.toml")
    assert (rows["trading_pairs"].value, rows["trading_pairs"].origin) == (["ETHUSDT"], "environment TRADING_PAIRS")
    assert (rows["risk.rr_min"].value, rows["risk.rr_min"].origin) == (0.8, "default")
    assert rows["symbols.ETHUSDT.risk.rr_min"].value == 0.9
    assert [key for key in rows if key.startswith("symbols.")] == ["symbols.ETHUSDT.risk.rr_min"]
    assert {".".join(key) for key in NAMES.values()} < rows.keys()
    json.dumps([row.value for row in rows.values()])


def test_no_files_at_all_is_the_built_in_paper_configuration() -> None:
    config = load([], {}).config
    assert (config.mode, config.trading_pairs, config.data_dir) == ("paper", ("BTCUSDT", "ETHUSDT"), "var/paper")
    assert config.sim == Config().sim


# ------------------------------------------------------------------------------------------- what a running system asks


@pytest.mark.parametrize(
    ("environ", "dotenv", "halt"),
    [
        ({}, "", False),
        ({"VORTEX_HALT": ""}, "", False),
        ({"VORTEX_HALT": "0"}, "", False),
        ({"VORTEX_HALT": "1"}, "", True),
        ({"VORTEX_HALT": "Yes"}, "", True),
        ({}, "VORTEX_HALT=1", True),
        ({"VORTEX_HALT": "0"}, "VORTEX_HALT=1", False),
    ],
)
def test_the_environment_can_halt_from_the_start(
    tmp_path: Path, environ: Mapping[str, str], dotenv: str, *, halt: bool
) -> None:
    (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
    loaded = load([], environ, env_file=tmp_path / ".env")
    assert loaded.halt is halt
    assert loaded.notes == ()


def test_an_unclear_halt_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r'^environment: VORTEX_HALT = "maybe": expected true, false, 1, 0, yes or no$'
    ):
        load([], {"VORTEX_HALT": "maybe"})


def test_what_the_process_fixes_no_file_can_change(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TRADING_PAIRS=A1\nVORTEX__CONTROL__PORT=1", encoding="utf-8")
    environ = {"VORTEX__CONTROL__PORT": "2"}
    loaded = load([], environ, {"data_dir": "x"}, env_file=tmp_path / ".env")
    assert loaded.fixed("trading_pairs") is None
    assert loaded.fixed("log.level") is None
    assert loaded.fixed("control.port") == "environment VORTEX__CONTROL__PORT"
    assert loaded.fixed("data_dir") == "command line"


def test_what_differs_is_named_once(tmp_path: Path) -> None:
    old = load_text(tmp_path, "[symbols.A1.risk]\nrr_min = 1\n[symbols.B1.risk]\nrr_min = 1\n").config
    text = "[control]\ntoken = 'secret'\n[risk]\nmax_positions = 9\n[symbols.A1.risk]\nrr_min = 2\n"
    new = load_text(tmp_path, text).config
    assert changed(old, old, ["A1", "B1"]) == []
    assert changed(old, new, []) == ["risk.max_positions", "control.token"]
    own = ["symbols.A1.risk.rr_min", "symbols.B1.risk.rr_min"]
    assert changed(old, new, ["A1", "B1"]) == ["risk.max_positions", "control.token", *own]
    assert changed(new, old, ["A1", "B1"]) == ["risk.max_positions", "control.token", *own]
