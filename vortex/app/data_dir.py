"""The data directory: whose it is, who uses it now, and where its files lie."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from loguru import logger
from msgspec import Struct
from msgspec.structs import replace

from vortex.config import Config, ConfigError

OWNER = "owner.json"
RUN = "run.json"
LOCK = "lock"
ACCOUNT = "the account of this API key"


class AlreadyRunningError(Exception):
    """Another process uses this data directory or this API key; `str(error)` is one line, the exit code is 1."""


class Owner(Struct, frozen=True, kw_only=True):
    """Whose state the directory holds, for good."""

    mode: str
    account: str


class RunInfo(Struct, frozen=True, kw_only=True):
    """What other programs need to find a running system; kept in `run.json`."""

    pid: int
    mode: str
    control_url: str
    sim_url: str | None
    dashboard_url: str | None
    started_ms: int


class DataDir:
    """A claimed data directory: nobody else uses it until `release`, or until this process ends in any way."""

    def __init__(self, path: Path, locks: ExitStack) -> None:
        self.path = path
        self.journal = path / "journal.db"
        self.ledger = path / "vortex.db"
        self.reserve = path / "reserve"
        self.simulator = path / "sim.db"
        self.halt = path / "HALT"
        self._locks = locks

    @classmethod
    def claim(cls, config: Config) -> DataDir:
        """Make the directory if need be, and take it for this process.

        Raises:
            ConfigError: It belongs to another mode or account, or cannot be used.
            AlreadyRunningError: Another process holds it or, outside paper mode, trades with the same API key.
        """
        path = Path(config.data_dir)
        owner = owner_of(config)
        try:
            with ExitStack() as locks:
                path.mkdir(parents=True, exist_ok=True)
                check_owner(path, owner)  # before the lock: a wrong directory is wrong, running or not
                locks.callback(os.close, _lock(path / LOCK, f"data_dir {path}"))
                if config.mode != "paper":
                    locks.callback(os.close, _lock(_key_lock(config), ACCOUNT))
                    locks.enter_context(_hold_name(_key_lock(config).stem))
                check_owner(path, owner)  # somebody else may have come and gone in between
                _write(path / OWNER, owner)
                (path / RUN).unlink(missing_ok=True)  # of a run that was killed; its pid may be anybody's by now
                return cls(path, locks.pop_all())
        except OSError as error:
            raise ConfigError(f"data_dir = {str(path)!r}: cannot be used: {error.strerror}") from error

    def write_run(self, run: RunInfo) -> None:
        _write(self.path / RUN, run)

    def show_dashboard(self, url: str | None) -> None:
        """Say in `run.json` where the web page is now; a disk that refuses, or a damaged file, costs only that."""
        try:
            run = last_run(self.path)
            if run is not None:
                self.write_run(replace(run, dashboard_url=url))
        except (OSError, ConfigError) as error:
            logger.warning("the page's address is not written: {}", error)

    def release(self) -> None:
        """Let others have it; what says that we run is ignored once we do not, should it have to stay."""
        try:
            (self.path / RUN).unlink(missing_ok=True)
        except OSError as error:
            logger.warning("{} is left behind: {}", self.path / RUN, error.strerror)
        self._locks.close()


def read_run(data_dir: Path) -> RunInfo | None:
    """The system that runs with this directory; None when there is none. Raises ConfigError for a damaged file."""
    run = last_run(data_dir)
    return run if run is not None and _alive(run.pid) else None


def last_run(data_dir: Path) -> RunInfo | None:
    """What runs with this directory, or ran and did not stop in order. Raises ConfigError for a damaged file."""
    path = data_dir / RUN
    return _read(path, RunInfo) if path.exists() else None


def read_owner(data_dir: Path) -> Owner | None:
    """Whose state the directory holds; None when it is nobody's yet. Raises ConfigError for a damaged file."""
    owner: Owner | None = _read(data_dir / OWNER, Owner) if (data_dir / OWNER).exists() else None
    return owner


def owner_of(config: Config) -> Owner:
    """Whose state this configuration's directory must be."""
    return Owner(mode=config.mode, account=config.account.name)


def check_owner(path: Path, owner: Owner) -> None:
    """Raise ConfigError when the directory holds somebody else's state, or its mark is damaged."""
    if not (path / OWNER).exists():
        return
    found = _read(path / OWNER, Owner)
    if found != owner:
        raise ConfigError(
            f"data_dir = {str(path)!r}: holds mode {found.mode}, account {found.account}: "
            f"expected another directory for mode {owner.mode}, account {owner.account}"
        )


def _lock(path: Path, what: str) -> int:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(f"{what}: the lock {path} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(lock, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise AlreadyRunningError(f"{what}: already in use by the process with pid {pid}") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _hold_name(name: str) -> socket.socket:
    """Take a name that the kernel keeps until this process ends: one with a `/tmp` of its own does not see our file."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if sys.platform == "linux":  # others know no names without a file
            holder.bind(f"\0{name}")
    except OSError as error:
        holder.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise AlreadyRunningError(f"{ACCOUNT}: already in use by another process of this machine") from None
    return holder


def _key_lock(config: Config) -> Path:
    digest = hashlib.sha256(config.exchange.api_key.reveal().encode()).hexdigest()
    return Path(tempfile.gettempdir()) / f"vortex-{digest[:16]}.lock"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process lives under this number
        return True
    return True


def _write(path: Path, value: Struct) -> None:
    """Replace the file in one step, so that no reader ever sees half of it."""
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(msgspec.json.encode(value) + b"\n")
    draft.replace(path)


def _read(path: Path, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: damaged: {error}: expected {kind.__name__} as JSON") from error
