"""`vortex doctor` looks at everything that a start needs, `vortex init` writes what a start reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vortex.cli.asking import FAILURE, MISUSE, PAPER, fail, print_json, reader
from vortex.cli.options import ConfigFiles, DataDir, Json, Pairs


def doctor(
    config: ConfigFiles = None,
    pairs: Pairs = None,
    data_dir: DataDir = None,
    canary: Annotated[
        bool, typer.Option("--canary", help="Place two far stops and take them back, as a start does.")
    ] = False,
    latency_from: Annotated[
        str | None,
        typer.Option(envvar="VORTEX_LIVE_URL", help="Measure the way to this public exchange, for sim.latency."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check everything that a start needs, one line each; nothing is changed. 1 when a check fails."""
    from loguru import logger

    from vortex.app.doctor.examination import examine
    from vortex.app.doctor.family import Options
    from vortex.app.preflight import Verdict

    logger.remove()  # what the parts of a system tell a log is told here as lines
    read = reader(config or [PAPER], pairs=pairs, data_dir=data_dir)
    found = []
    for check in examine(read, Options(canary=canary, latency_from=latency_from)):
        found.append(check)
        if not as_json:
            typer.echo(f"{check.verdict:<11}  {check.name}: {check.detail}")
    if as_json:
        print_json([{"name": each.name, "outcome": each.verdict, "text": each.detail} for each in found])
    failed = [check.name for check in found if check.verdict is Verdict.FAILED]
    if failed:
        fail(f"{len(failed)} of {len(found)} checks failed: {', '.join(failed)}", FAILURE)


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; made when it is not there.")] = Path(),
    mode: Annotated[
        Literal["paper", "testnet", "live"], typer.Option(help="Where orders will go; live is real money.")
    ] = "paper",
    pairs: Pairs = None,
    data_dir: Annotated[str | None, typer.Option(help="State of this mode and account; default var/MODE.")] = None,
) -> None:
    """Write a configuration and a .env to begin with; nothing that is there is overwritten."""
    from vortex.app.starter import CONFIG, ExistsError, write
    from vortex.config import ConfigError, load

    given = {"trading_pairs": pairs, "data_dir": data_dir}
    try:
        config = load([], {}, {key: text for key, text in given.items() if text is not None}).config
        written = write(folder, mode, config.trading_pairs, data_dir or f"var/{mode}")
    except ConfigError as error:
        fail(str(error), MISUSE)
    except (ExistsError, OSError) as error:
        fail(str(error), FAILURE)
    for path in written:
        typer.echo(f"wrote {path}")
    keys = "" if mode == "paper" else "fill in .env, then "
    there = "" if folder == Path() else f"cd {folder} && "
    typer.echo(f"next: {keys}{there}vortex doctor --config {CONFIG} && vortex start --config {CONFIG}")
