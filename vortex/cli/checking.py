"""`vortex doctor` looks at everything that a start needs, `vortex init` writes what a start reads."""

from __future__ import annotations

from typing import Annotated

import typer

from vortex.cli.asking import FAILURE, PAPER, fail, print_json, reader
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
        typer.Option(envvar="VORTEX_LIVE_URL", help="Measure the way to this public exchange, for [sim.latency]."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check everything that a start needs, one line each; nothing is changed. 1 when a check fails.

    Examples: vortex doctor · vortex doctor --config config/prod.toml --canary
    """
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
            outcome = "FAILED" if check.verdict is Verdict.FAILED else check.verdict
            typer.echo(f"{outcome:<11}  {check.name}: {check.detail}")
    if as_json:
        print_json([{"name": each.name, "outcome": each.verdict, "text": each.detail} for each in found])
    failed = [check.name for check in found if check.verdict is Verdict.FAILED]
    if failed:
        fail(f"{len(failed)} of {len(found)} checks failed: {', '.join(failed)}", FAILURE)
