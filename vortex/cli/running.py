"""`vortex start`, `vortex sim`: what runs in the foreground."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vortex.cli.asking import FAILURE, INTERNAL_FAILURE, MISUSE, PAPER, checked, fail, reader
from vortex.cli.options import BINANCE, ConfigFiles, DataDir, Delay, LiveUrl, Pairs, Seconds, Sigma, Speed, money

if TYPE_CHECKING:
    from vortex.app.life import Life
    from vortex.config import Loaded


def start(config: ConfigFiles = None, pairs: Pairs = None, seconds: Seconds = None, data_dir: DataDir = None) -> None:
    """Run the system in the foreground; without --config the paper system."""
    from vortex.app.life import Life, no_core_dumps

    no_core_dumps()
    life = Life()
    life.handle_signals()
    read = reader(config or [PAPER], pairs=pairs, data_dir=data_dir)
    loaded = checked(read)
    from vortex.app import logs

    logs.set_up(loaded.config)
    raise typer.Exit(_run(loaded, life, seconds, read))


def sim(
    market: Annotated[list[str] | None, typer.Option(help="[SYMBOL[,SYMBOL...]=]FILE, synthetic:N, live.")] = None,
    host: Annotated[str, typer.Option(help="Address it listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8790,
    speed: Speed = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Of latency and of everything generated.")] = 7,
    balance: Annotated[str, typer.Option(callback=money, help="Wallet of a new account, USDT.")] = "10000",
    key: Annotated[str, typer.Option(help="API key of the account.")] = "paper",
    secret: Annotated[str, typer.Option(help="Secret of that key.")] = "paper",
    state: Annotated[Path | None, typer.Option(help="File that keeps the exchange across restarts.")] = None,
    market_latency_ms: Delay = 20.0,
    order_latency_ms: Delay = 60.0,
    latency_sigma: Sigma = 0.25,
    live_url: LiveUrl = BINANCE,
    parent_pid: Annotated[int | None, typer.Option(help="End when this process has ended.")] = None,
) -> None:
    """Run the Binance USD-M exchange on localhost."""
    from vortex.app import logs
    from vortex.config import Config
    from vortex.sim.server.app import run
    from vortex.sim.server.options import SimOptions

    options = SimOptions(
        markets=tuple(market or ()),
        host=host,
        port=port,
        speed=speed,
        seed=seed,
        balance_usdt=Decimal(balance),
        key=key,
        secret=secret,
        state=state,
        market_latency_ms=market_latency_ms,
        order_latency_ms=order_latency_ms,
        latency_sigma=latency_sigma,
        live_url=live_url,
        parent_pid=parent_pid,
    )
    logs.set_up(Config(), prefix="simulator: ")
    raise typer.Exit(run(options))


def _run(loaded: Loaded, life: Life, seconds: float | None, read: Callable[[], Loaded]) -> int:
    from loguru import logger

    from vortex.adapters.sqlite.connect import StoreError
    from vortex.app import live
    from vortex.app.children.simulator import SimulatorFailedError
    from vortex.app.data_dir import AlreadyRunningError
    from vortex.app.logs.masking import Masker, secrets_of
    from vortex.config import ConfigError

    mask = Masker(secrets_of(loaded.config))
    try:
        return live.run(loaded, life, seconds, read=read)
    except ConfigError as error:
        fail(mask(str(error)), MISUSE)
    except (AlreadyRunningError, SimulatorFailedError, StoreError, OSError) as error:
        fail(mask(str(error)), FAILURE)
    except Exception as error:  # noqa: BLE001  # our own mistake: its traceback goes through the log, which masks secrets
        logger.opt(exception=error).critical("internal failure")
        return INTERNAL_FAILURE
