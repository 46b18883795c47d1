"""The shipped profiles say what they do: prod.toml the defaults, paper.toml its differences, in its own header."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from vortex.config import Config, effective, load
from vortex.config.environment import NAMES

FOLDER = Path(__file__).parents[2] / "config"
DEMO = {"BINANCE_API_KEY": "k", "BINANCE_SECRET_KEY": "s", "TESTNET": "true"}
HEADER = re.compile(r"#  (?P<key>[a-z0-9_.]+) = (?P<value>.+?) \| (?P<reason>.+)")
VALUE_LINE = re.compile(r"(?:# )?[a-z0-9_]+ = ")
ENVIRONMENT_ONLY = {".".join(key) for key in NAMES.values()} | {
    "control.token",
    "hot_store.redis_password",
    "notify.urls",
}
PAPER_ONLY = ("sim.", "exchange.simulator_url", "hot_store.allow_paper", "cold_store.allow_paper", "data_dir")


def written(name: str) -> dict[str, object]:
    """Dotted keys and values as the file has them."""
    return dict(flat(tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))))


def flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def values(name: str) -> dict[str, object]:
    """Every key of the profile with its effective value, as far as the profile decides it."""
    rows = {row.key: row.value for row in effective(load([FOLDER / name], DEMO))}
    decided = {key: value for key, value in rows.items() if key not in ENVIRONMENT_ONLY | {"data_dir"}}
    return decided | {"mode": written(name)["mode"], "trading_pairs": written(name)["trading_pairs"]}


def header(name: str) -> dict[str, object]:
    """Dotted keys and values that the file's leading comment lists."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    lines = [match for line in text.split("\n\n")[0].splitlines() if (match := HEADER.fullmatch(line))]
    assert len({match["key"] for match in lines}) == len(lines)
    return {match["key"]: tomllib.loads(f"x = {match['value']}")["x"] for match in lines}


def test_the_header_of_paper_lists_exactly_what_differs_from_prod() -> None:
    paper, prod = values("paper.toml"), values("prod.toml")
    assert paper.keys() == prod.keys()
    assert header("paper.toml") == {key: value for key, value in paper.items() if value != prod[key]}


def test_paper_live_decides_as_prod_does() -> None:
    live, prod = values("paper-live.toml"), values("prod.toml")
    assert live.keys() == prod.keys()
    own = {key: value for key, value in live.items() if value != prod[key]}
    assert own == {"mode": "paper", "profile": "paper-live", "sim.market": ["live"], "dashboard.enabled": True}
    assert written("paper-live.toml")["data_dir"] == "var/paper-live"


def test_prod_writes_out_every_default() -> None:
    prod = written("prod.toml")
    defaults = {row.key: row.value for row in effective(load([], {}))}
    assert {key: value for key, value in prod.items() if value != defaults.get(key)} == {
        "mode": "live",
        "profile": "prod",
    }
    unset = {key for key, value in defaults.items() if value is None}
    left_out = {
        key for key in defaults.keys() - prod.keys() - ENVIRONMENT_ONLY - unset if not key.startswith(PAPER_ONLY)
    }
    assert left_out == set()
    commented = (FOLDER / "prod.toml").read_text(encoding="utf-8")
    assert {key for key in unset if f"# {key.rpartition('.')[2]} = " not in commented} == set()


def test_every_key_of_every_profile_has_a_comment() -> None:
    for path in FOLDER.glob("*.toml"):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if VALUE_LINE.match(line)]
        assert lines
        assert [line for line in lines if "  # " not in line] == []


def test_every_profile_loads_and_holds_no_secret() -> None:
    for path in FOLDER.glob("*.toml"):
        config: Struct = load([path], DEMO).config
        assert isinstance(config, Config)
        assert not ENVIRONMENT_ONLY - {"trading_pairs"} & written(path.name).keys()


def test_the_example_env_file_is_understood() -> None:
    example = FOLDER.parent / ".env.example"
    assert load([FOLDER / "paper.toml"], {}, env_file=example).notes == ()
    names = {
        line.split("=")[0].lstrip("# ") for line in example.read_text(encoding="utf-8").splitlines() if "=" in line
    }
    assert names >= {*NAMES, "TESTNET"}
