"""`vortex dashboard`: the web page by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from vortex.cli.asking import FAILURE, MISUSE, fail, load_config, usual_files
from vortex.cli.options import ConfigFiles, DataDir, Url


def dashboard(
    config: ConfigFiles = None,
    data_dir: DataDir = None,
    url: Url = None,
    host: Annotated[str | None, typer.Option(help="Default: dashboard.host of the configuration.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="0 takes a free one. Default: dashboard.port.")
    ] = None,
) -> None:
    """Serve the web page; also while the engine is down."""
    loaded = load_config(config or usual_files()).config
    from vortex.app import logs
    from vortex.app.dashboard.server import run
    from vortex.app.dashboard.settings import Settings
    from vortex.app.remote import UnusableUrlError, check_url
    from vortex.config import ConfigError, ledger_kind

    logs.set_up(loaded, prefix="dashboard: ")
    settings = Settings(
        host=host or loaded.dashboard.host,
        port=loaded.dashboard.port if port is None else port,
        token=loaded.control.token.reveal(),
        url=url or "",
        data_dir=str(data_dir or (loaded.data_dir if url is None else "")),
        own_ledger=ledger_kind(loaded) == "sqlite",
        mode=loaded.mode,
    )
    try:
        if url is not None:
            check_url(url)
        raise typer.Exit(run(settings))
    except (ConfigError, UnusableUrlError) as error:
        fail(str(error), MISUSE)
    except OSError as error:
        fail(str(error), FAILURE)
