"""What the shell offers for a symbol or an actor: those that run, else those that are configured; never an error."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

QUICK_S = 0.5
"""A person waits with a finger on the key."""


def symbols(ctx: typer.Context, incomplete: str) -> list[str]:
    """Symbols, as they run or are configured."""
    shown = _running(ctx, "/api/status")
    return _matching(shown["symbols"] if isinstance(shown, dict) else _configured(ctx), incomplete)


def actors(ctx: typer.Context, incomplete: str) -> list[str]:
    """Paths of actors; those of a symbol once it is written."""
    rows = _running(ctx, "/api/actors")
    if isinstance(rows, list):
        return _matching((row["path"] for row in rows), incomplete)
    children = ("E1", "E2", "E3", "E4", "E5", "decision", "monitor")
    trees = (path for pair in _configured(ctx) for path in (pair, *(f"{pair}/{name}" for name in children)))
    return _matching(("root", "exchange", "storage", "hot_store", "account", "feed", *trees), incomplete)


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _running(ctx: typer.Context, path: str) -> Any:
    """What a running system answers to this; None when none does, or not quickly."""
    from vortex.app.data_dir import read_run
    from vortex.app.remote import NoAnswerError, UnusableUrlError, ask
    from vortex.config import ConfigError

    try:
        config = _config(ctx)
        url = ctx.params.get("url")
        if url is None:
            run = read_run(Path(ctx.params.get("data_dir") or config.data_dir))
            url = run.control_url if run is not None else None
        return None if url is None else ask(url, path, config.control.token.reveal(), timeout_s=QUICK_S).value
    except (ConfigError, NoAnswerError, UnusableUrlError, OSError):
        return None


def _configured(ctx: typer.Context) -> tuple[str, ...]:
    from vortex.config import ConfigError

    try:
        return tuple(_config(ctx).trading_pairs)
    except ConfigError:
        return ()


def _config(ctx: typer.Context) -> Any:
    from vortex.cli.asking import reader, usual_files

    files = ctx.params.get("config") or usual_files()
    return reader([Path(file) for file in files])().config
