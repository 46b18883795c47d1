"""`vortex record` writes public market data, `vortex replay` runs a recorded run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vortex.cli.asking import FAILURE, MISUSE, fail, progress
from vortex.cli.options import BINANCE, LiveUrl, Seconds


def record(
    symbols: Annotated[str, typer.Option(help="Comma separated, one file each at a time.")] = "BTCUSDT,ETHUSDT",
    out: Annotated[Path, typer.Option(help="Folder of the files; made when it is not there.")] = Path("captures"),
    seconds: Seconds = None,
    rotate_mib: Annotated[float, typer.Option(min=0.001, max=4096, help="Begin the next file at this size.")] = 64.0,
    url: LiveUrl = BINANCE,
    verify: Annotated[Path | None, typer.Option(help="Only look whether this file replays.")] = None,
) -> None:
    """Record public market data into files that `sim --market` plays; every finished file is checked."""
    from vortex.app import logs
    from vortex.app.capture.file import verify as verdict_on
    from vortex.app.capture.recorder import MIB, Job, run
    from vortex.config import Config
    from vortex.sim.server.peer import peer_at

    if verify is not None:
        verdict = verdict_on(verify)
        typer.echo(str(verdict))
        raise typer.Exit(0 if verdict.problem is None else FAILURE)
    try:
        peer = peer_at(url)
    except ValueError as error:
        fail(str(error), MISUSE)
    names = tuple(dict.fromkeys(name for name in symbols.upper().split(",") if name))
    logs.set_up(Config(), prefix="record: ")
    size = round(rotate_mib * MIB)
    raise typer.Exit(run(Job(peer=peer, symbols=names, out=out, seconds=seconds, rotate_bytes=size, told=_recorded)))


def replay(file: Annotated[Path, typer.Argument(help="What a run with runtime.record = true wrote.")]) -> None:
    """Run a recorded run again; fails where a decision or an order is not the same."""
    import logging

    from loguru import logger

    from vortex.app.replay.entries import RecordError
    from vortex.app.replay.recording import read
    from vortex.app.replay.rerun import rerun

    logger.disable("vortex")
    logging.disable()  # the crashes of the recorded run happen again
    try:
        record = read(file)
        again = rerun(record, lambda done: progress(f"{done} entries"))
        progress("")
    except (RecordError, OSError) as error:
        fail(str(error), FAILURE)
    finally:
        logging.disable(logging.NOTSET)
        logger.enable("vortex")
    typer.echo(record.header.labels.words)
    counts = f"{len(again.decisions)} decisions and {len(again.requests)} requests to the exchange"
    cut = "" if record.whole else " up to where the file breaks off"
    typer.echo(f"{again.entries} entries{cut}, {again.actors} actors: {counts}")
    if again.difference is not None:
        fail(again.difference, FAILURE)
    typer.echo(f"all as recorded, digest {again.digest}")


def _recorded(size: int, files: int) -> None:
    progress(f"{size / 2**20:.1f} MiB in the open files, {files} begun; Ctrl-C ends it")
