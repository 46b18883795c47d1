"""What commands do alike: read the configuration, ask a running system, print its answer, fail in one line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from vortex.app.remote import Answer
    from vortex.config import Config, Loaded

PAPER = Path("config/paper.toml")
FAILURE, MISUSE, INTERNAL_FAILURE = 1, 2, 70


def reader(files: Sequence[Path], *, pairs: str | None = None, data_dir: Path | None = None) -> Callable[[], Loaded]:
    """Reads this configuration, now and whenever it is to be read again."""
    from functools import partial

    from vortex.config import load

    overrides: dict[str, object] = {}
    if pairs is not None:
        overrides["trading_pairs"] = pairs
    if data_dir is not None:
        overrides["data_dir"] = str(data_dir)
    return partial(load, files, dict(os.environ), overrides, env_file=Path(".env"))


def checked(read: Callable[[], Loaded]) -> Loaded:
    """The configuration that `read` gives; a mistake in it ends the command with 2."""
    from vortex.config import ConfigError

    try:
        return read()
    except ConfigError as error:
        fail(str(error), MISUSE)


def load_config(files: Sequence[Path], *, pairs: str | None = None) -> Loaded:
    """The configuration as it is now; a mistake in it ends the command with 2."""
    return checked(reader(files, pairs=pairs))


class Question:
    """What is asked of a running system, as often as it takes; the configuration is read once.

    Args:
        path: What to ask, with its query.
        url: Its control API; None finds it by the data directory.
        data_dir: Its data directory; None is that of the configuration.
        files: The configuration; without any that of paper mode, where it lies here.
        pick: What of the answer is wanted; None is all.
    """

    def __init__(
        self,
        path: str,
        url: str | None,
        data_dir: Path | None,
        files: Sequence[Path] | None,
        pick: Callable[[Any], Any] | None = None,
    ) -> None:
        self._path = path
        self._pick = pick
        self._url = url
        config = _config(files)
        self._data_dir = data_dir or Path(config.data_dir)
        self._token = config.control.token.reveal()

    def ask(self, order: Mapping[str, object] | None = None) -> Answer:
        """Ask, or order; none running ends the command with 1."""
        from vortex.app.data_dir import read_run
        from vortex.app.remote import NoAnswerError, UnusableUrlError, ask
        from vortex.config import ConfigError

        try:
            run = None if self._url is not None else read_run(self._data_dir)
            if self._url is None and run is None:
                fail(f"no system is running with data directory {self._data_dir}", FAILURE)
            answer = ask(self._url or (run.control_url if run else ""), self._path, self._token, order)
        except UnusableUrlError as error:
            fail(str(error), MISUSE)
        except (NoAnswerError, ConfigError) as error:
            fail(str(error), FAILURE)
        except PermissionError as error:
            fail(f"{error.filename}: may not be read: ask as the user who runs the system", FAILURE)
        return answer if self._pick is None else answer._replace(value=self._pick(answer.value))


def data_directory(data_dir: Path | None, files: Sequence[Path] | None) -> Path:
    """The data directory that is meant; a mistake in the configuration ends the command with 2."""
    return data_dir or Path(_config(files).data_dir)


def _config(files: Sequence[Path] | None) -> Config:
    # A reader needs the data directory and the token; it may run where no profile lies.
    return load_config(files or usual_files()).config


def usual_files() -> list[Path]:
    """The profile of paper mode where it lies here; in a folder that may not be entered nothing does."""
    try:
        return [PAPER] if PAPER.exists() else []
    except PermissionError:
        return []


def fail(text: str, code: int) -> NoReturn:
    """End the command with one line on stderr."""
    sys.stderr.write(f"vortex: {text}\n")
    raise typer.Exit(code)


def fail_usage(text: str) -> NoReturn:
    """End the command as every wrong use of the command line ends."""
    raise typer.BadParameter(text)


def show(answer: Answer, kind: str, *, as_json: bool) -> None:
    """Print a reply under the label of its run; JSON goes out as it came in."""
    if as_json:
        print_json(answer.value)
        return
    typer.echo(answer.label)
    for line in page_of(kind)(answer.value):
        typer.echo(line)


def page_of(kind: str) -> Callable[[Any], Iterator[str]]:
    """What makes lines for people of a reply of this kind."""
    from vortex.cli.pages import PAGES
    from vortex.cli.tables import TABLES

    return {**PAGES, **TABLES}[kind]


def progress(text: str) -> None:
    """Say how far long work is, on one line of a terminal that the next word replaces; nobody else is told."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def print_json(value: object) -> None:
    """Print for other programs."""
    typer.echo(json.dumps(value, indent=2))
