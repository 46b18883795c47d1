"""Reading the configuration again: what takes effect, what waits, what is refused whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import pytest
from loguru import logger

from tests.app.kit import TIMEOUT_S, reloader_of
from vortex.app.reload import Changes, PairsFixedError, Reloader
from vortex.config import Config, ConfigError, Loaded, load
from vortex.messages import AddSymbol, RemoveSymbol

START = 'trading_pairs = ["BTCUSDT", "ETHUSDT"]\n'


class Desk:
    """A reloader over a file and a `.env`; `told` is what it told others."""

    def __init__(self, folder: Path, text: str = START, environ: Mapping[str, str] | None = None) -> None:
        self.file, self.dotenv = folder / "x.toml", folder / ".env"
        self.told: SimpleQueue[object] = SimpleQueue()
        self.file.write_text(text, encoding="utf-8")
        self.overrides: dict[str, object] = {}

        def read() -> Loaded:
            return load([self.file], environ or {}, self.overrides, env_file=self.dotenv)

        self.reloader: Reloader = reloader_of(read().config, self.told, read)

    def reload(self, text: str) -> Changes:
        self.file.write_text(text, encoding="utf-8")
        return self.reloader.reload()

    def heard(self) -> list[object]:
        found = []
        while True:
            try:
                found.append(self.told.get_nowait())
            except Empty:
                return found


def changes(*, added: str = "", removed: str = "", changed: str = "", ignored: str = "") -> Changes:
    parts = (tuple(words.split()) for words in (added, removed, changed, ignored))
    return Changes(**dict(zip(("added", "removed", "changed", "ignored"), parts, strict=True)))


def test_nothing_new_changes_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.reload(START) == changes()
    assert desk.reload('trading_pairs = ["ETHUSDT", "BTCUSDT"]') == changes(), "order means nothing"
    assert not any(isinstance(message, AddSymbol | RemoveSymbol) for message in desk.heard())


def test_pairs_come_go_and_come_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.reload('trading_pairs = ["BTCUSDT", "SOLUSDT"]') == changes(added="SOLUSDT", removed="ETHUSDT")
    assert desk.reloader.pairs() == ("BTCUSDT", "SOLUSDT")
    assert desk.heard()[1:] == [AddSymbol(symbol="SOLUSDT"), RemoveSymbol(symbol="ETHUSDT")]
    assert desk.reload(START) == changes(added="ETHUSDT", removed="SOLUSDT")
    assert desk.heard()[1:] == [AddSymbol(symbol="ETHUSDT"), RemoveSymbol(symbol="SOLUSDT")]


def test_the_factory_of_new_symbols_hears_before_the_root(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.reload('trading_pairs = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]\n[symbols.SOLUSDT.risk]\nrr_min = 2.5\n')
    config, message = desk.heard()
    assert isinstance(config, Config)
    assert config.of("SOLUSDT").risk.rr_min == 2.5
    assert message == AddSymbol(symbol="SOLUSDT")


def test_a_symbol_that_runs_keeps_its_settings_until_a_restart(tmp_path: Path) -> None:
    desk = Desk(tmp_path, START + "[symbols.BTCUSDT.risk]\nrr_min = 1.5\n")
    text = (
        'trading_pairs = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]\n[symbols.BTCUSDT.risk]\nrr_min = 9\n[risk.a]\nsl_atr = 3\n'
    )
    expected = changes(added="SOLUSDT", ignored="risk.a.sl_atr symbols.BTCUSDT.risk.rr_min")
    assert desk.reload(text) == expected
    config = desk.reloader.config
    assert (config.of("BTCUSDT").risk.rr_min, config.of("BTCUSDT").risk.a.sl_atr) == (1.5, 0.6)
    assert config.of("ETHUSDT").risk.a.sl_atr == 0.6
    assert config.of("SOLUSDT").risk.a.sl_atr == 3
    assert config.risk.a.sl_atr == 0.6, "the account's limits are those of the start"
    again = desk.reload(text)
    assert again.ignored == expected.ignored, "said as long as it waits"


def test_the_log_changes_at_once_and_a_secret_is_named_not_shown(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    text = START + '[log]\nlevel = "ERROR"\njson = true\n[control]\ntoken = "canary-token"\n'
    made = desk.reload(text)
    assert made == changes(changed="log.level log.json", ignored="control.token")
    assert "canary" not in str(made)
    assert desk.heard()[-1] is desk.reloader.config
    assert desk.reloader.config.log.json
    assert not desk.reloader.config.control.token
    assert desk.reload(text).changed == ()


def test_the_dotenv_file_is_read_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.dotenv.write_text("TRADING_PAIRS=BTCUSDT\n", encoding="utf-8")
    assert desk.reloader.reload() == changes(removed="ETHUSDT")
    desk.dotenv.unlink()
    assert desk.reloader.reload() == changes(added="ETHUSDT")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "trading_pairs = 3",
        'trading_pairs = ["BTCUSDT", "BTCUSDT"]',
        'trading_pairs = ["BTCUSDT", "NOSUCHUSDT"]',
        START + "[risk]\nrr_min = -1\n",
        START + "[nothing]\n",
        'mode = "live"\n' + START,
        "\x00",
    ],
)
def test_what_is_invalid_changes_nothing(tmp_path: Path, text: str) -> None:
    desk = Desk(tmp_path, 'trading_pairs = ["ETHUSDT"]')
    before = desk.reloader.config
    if text:
        with pytest.raises(ConfigError):
            desk.reload(text)
    else:
        desk.file.unlink()
        with pytest.raises(ConfigError, match="no such file"):
            desk.reloader.reload()
    assert desk.reloader.config is before
    assert desk.heard() == []


@pytest.mark.parametrize(
    ("environ", "overrides", "place"),
    [
        ({"TRADING_PAIRS": "BTCUSDT"}, {}, "environment TRADING_PAIRS"),
        ({"VORTEX__TRADING_PAIRS": "BTCUSDT"}, {}, "environment VORTEX__TRADING_PAIRS"),
        ({}, {"trading_pairs": "BTCUSDT"}, "command line"),
    ],
)
def test_pairs_fixed_from_outside_are_refused(
    tmp_path: Path, environ: Mapping[str, str], overrides: Mapping[str, object], place: str
) -> None:
    desk = Desk(tmp_path, environ=environ)
    desk.overrides.update(overrides)
    with pytest.raises(PairsFixedError, match=place):
        desk.reload('trading_pairs = ["SOLUSDT"]\n[log]\nlevel = "ERROR"\n')
    assert desk.heard() == []


def test_a_signal_s_reload_is_answered_in_one_line_of_the_log(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(message.record["message"]), level="INFO")
    try:
        desk.file.write_text('trading_pairs = ["SOLUSDT", "ETHUSDT"]\n[sim]\nseed = 1\n', encoding="utf-8")
        desk.reloader.on_hangup()
        desk.file.write_text("trading_pairs = 3", encoding="utf-8")
        desk.reloader.on_hangup()
    finally:
        logger.remove(sink)
    good, bad = lines
    assert good == "reload: added SOLUSDT, removed BTCUSDT, changed -, ignored sim.seed"
    assert bad.startswith("reload refused, nothing changed: ")
    assert "trading_pairs = 3" in bad


def test_reloads_at_the_same_time_are_one_after_another(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.file.write_text('trading_pairs = ["SOLUSDT"]', encoding="utf-8")
    threads = [Thread(target=desk.reloader.on_hangup) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    told = [message for message in desk.heard() if not isinstance(message, Config)]
    assert told == [AddSymbol(symbol="SOLUSDT"), RemoveSymbol(symbol="BTCUSDT"), RemoveSymbol(symbol="ETHUSDT")]
