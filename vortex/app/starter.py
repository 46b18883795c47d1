"""What `vortex init` writes: a configuration, a `.env` for secrets, and the line that keeps it out of git."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from vortex.config.sections import Mode

CONFIG, ENV, IGNORE = "vortex.toml", ".env", ".gitignore"

HEAD: dict[Mode, str] = {
    "paper": """\
# VORTEX-7 on paper: orders go to a simulated exchange on this machine. No key is needed, no money is at stake.
#
# The thresholds are those of production: on the shipped recording hours may pass without a trade. The demonstration
# that trades every minute is config/paper.toml of the repository.
""",
    "testnet": """\
# VORTEX-7 on Binance Demo Trading: a separate market with play money. It needs keys of Demo Trading in .env.
""",
    "live": """\
# VORTEX-7 with REAL MONEY, as soon as .env says TESTNET=false. Until then the same settings run on Demo Trading.
#
# At 0.05 % taker fee a side the measured edge of these signals is smaller than the cost: expect to lose money.
# Before the first start: vortex doctor --config vortex.toml --canary
""",
}
COMMON = """
mode = {mode}  # where orders go: the simulator, Demo Trading, real money
trading_pairs = {pairs}  # one tree of actors each; TRADING_PAIRS wins
data_dir = {data_dir}  # journal, ledger and lock of this mode and account
"""
SECTIONS: dict[Mode, str] = {
    "paper": """
[sim]
market = []             # sources: [SYMBOL[,SYMBOL...]=]FILE, synthetic:N, live; none is the shipped recording
balance_usdt = 10000.0  # wallet of a new account, USDT

[sim.latency]
market_ms = 20.0  # median delay of market data, ms; `vortex doctor --latency-from` proposes yours
order_ms = 60.0   # median delay until an order executes, ms
""",
    "testnet": "",
    "live": """
[risk]
# These three must be written here before real money is traded. They are small on purpose: raise them knowingly.
max_notional_usdt = 100    # largest notional of all positions together, USDT; an entry beyond it is refused
max_daily_loss_usdt = 5    # loss of a UTC day that ends its entries, USDT
max_trades_per_day = 10    # entries of a UTC day

[exchange]
foreign_position = "leave"  # a position not ours: left alone without entries beside it; or "protect", "refuse"

[notify]
# Who is told of trouble: VORTEX__NOTIFY__URLS in .env, and none = false; `vortex notify test` tries it.
none = true
""",
}
COMMAND = """
[control]
host = "127.0.0.1"  # the control API; another host needs a token
port = 8787         # 0 is any free port
"""
ENV_HEAD = """\
# Secrets, for nobody else's eyes: keep this file out of git and readable by you alone.
# The process environment wins over this file; this file wins over vortex.toml.
# Each secret can also be a file: BINANCE_SECRET_KEY_FILE=/run/secrets/binance_secret
"""
ENV_KEYS: dict[Mode, str] = {
    "paper": "",
    "testnet": """
# Keys of Demo Trading.
BINANCE_API_KEY=
BINANCE_SECRET_KEY=
TESTNET=true
""",
    "live": """
# Futures on; withdrawals and transfers off, or the start is refused; bound to this machine's address.
BINANCE_API_KEY=
BINANCE_SECRET_KEY=

# true: Demo Trading, with its own keys. false: REAL MONEY.
TESTNET=true
""",
}
ENV_STORES = """
# Remote stores. Empty: SQLite in the data directory, and this process's memory.{unused}
SUPABASE_URL=
SUPABASE_KEY=
DATABASE_URL=
REDIS_HOST=
REDIS_PORT=
"""
UNUSED = " Paper mode does not use them."


class ExistsError(Exception):
    """Something of that name is there and stays; `str(error)` is one line."""


def config_text(mode: Mode, pairs: Sequence[str], data_dir: str) -> str:
    """The configuration, commented; what is not written has its default."""
    values = COMMON.format(mode=json.dumps(mode), pairs=json.dumps(list(pairs)), data_dir=json.dumps(data_dir))
    return HEAD[mode] + values + SECTIONS[mode] + COMMAND


def env_text(mode: Mode) -> str:
    """The `.env` of this mode, without a value that is secret."""
    return ENV_HEAD + ENV_KEYS[mode] + ENV_STORES.format(unused=UNUSED if mode == "paper" else "")


def write(folder: Path, mode: Mode, pairs: Sequence[str], data_dir: str) -> tuple[Path, ...]:
    """Write all files or none that is there already; returns what was written.

    Raises:
        ExistsError: Configuration or `.env` is there; nothing is written.
        OSError: The folder cannot be written.
    """
    texts = {folder / CONFIG: config_text(mode, pairs, data_dir), folder / ENV: env_text(mode)}
    if there := [path for path in texts if path.exists() or path.is_symlink()]:
        raise ExistsError(f"{there[0]} is there already and stays as it is: move it away, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        # Never readable by others, not even for a moment; never through a link; never over what came in between.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if path.name == ENV else 0o644)
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(text)
    return (*texts, *_ignored(folder / IGNORE))


def _ignored(path: Path) -> tuple[Path, ...]:
    """Add the line to what git ignores, unless it is there."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if ENV in text.split():
        return ()
    lead = "" if not text or text.endswith("\n") else "\n"
    with path.open("a", encoding="utf-8") as stream:
        stream.write(f"{lead}{ENV}\nvar/\n")
    return (path,)
