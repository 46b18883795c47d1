"""This machine: the data directory, its disk, the clock's keeper, and the one package that must be the locked one."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import vortex
from vortex.actors.common_gates import DISK_ROOM_BYTES
from vortex.app.data_dir import check_owner, owner_of, read_run
from vortex.app.doctor.family import Options, line
from vortex.app.preflight import Check, Finding, Verdict
from vortex.config import Config

MIB = 2**20
LITTLE_BYTES = 1024 * MIB
"""Free space below which a person should know; a day of trading takes a few MiB, a recording much more."""

NOT_SYNCHRONISED = 5
"""What the kernel's adjtimex returns when nobody keeps its clock right (TIME_ERROR)."""
_TIMEX_BYTES = 1_024
"""More than the kernel's structure has on any machine."""
_LOCKED = re.compile(r"^ccxt==(\S+)", re.MULTILINE)


def look(config: Config, _: Options) -> Iterator[Check]:
    """Everything that needs no network."""
    yield line("data directory", lambda: data_dir(config))
    yield line("disk space", lambda: disk(Path(config.data_dir)))
    yield line("time synchronisation", time_kept)
    yield line("ccxt", lambda: ccxt_version(Path(vortex.__file__).parents[1] / "requirements.lock"))


def data_dir(config: Config) -> Finding:
    """Whose it is, whether it can be written, and who uses it; nothing is made."""
    path = Path(config.data_dir)
    if not path.exists():
        above = _existing(path)
        able = os.access(above, os.W_OK | os.X_OK)
        return (Verdict.OK, f"{path} will be made") if able else (Verdict.FAILED, f"{above} cannot be written")
    if not path.is_dir():
        return Verdict.FAILED, f"{path} is no directory"
    check_owner(path, owner_of(config))
    if not os.access(path, os.W_OK | os.X_OK):
        return Verdict.FAILED, f"{path} cannot be written: make it writable for the user who runs this program"
    whose = f"{path} is of mode {config.mode}, account {config.account.name}"
    run = read_run(path)
    return Verdict.OK, f"{whose}; a system runs there, pid {run.pid}" if run is not None else f"{whose}, writable"


def disk(path: Path) -> Finding:
    """What is free where the journal lies."""
    free = shutil.disk_usage(_existing(path)).free
    words = f"{free // MIB} MiB free"
    if free < DISK_ROOM_BYTES:
        return Verdict.FAILED, f"{words}: below {DISK_ROOM_BYTES // MIB} MiB nothing is entered"
    return (Verdict.WARN, f"{words}: make room soon") if free < LITTLE_BYTES else (Verdict.OK, words)


def time_kept() -> Finding:
    """Whether the kernel believes its clock; asks only, which everybody may."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except AttributeError:
        return Verdict.NOT_CHECKED, "this system does not tell"
    if state < 0:
        return Verdict.NOT_CHECKED, "this system does not tell"
    if state == NOT_SYNCHRONISED:
        return Verdict.WARN, "nobody keeps this machine's clock right: for example timedatectl set-ntp true"
    return Verdict.OK, "this machine's clock is kept right"


def ccxt_version(lock: Path) -> Finding:
    """Whether the installed package is the locked one: what it sends was checked against this version alone."""
    installed = version("ccxt")
    locked = _LOCKED.search(lock.read_text(encoding="utf-8")) if lock.is_file() else None
    if locked is None:
        return Verdict.NOT_CHECKED, f"{installed} is installed; there is no lock beside the program"
    if installed != locked[1]:
        return Verdict.FAILED, f"{installed} is installed, the lock says {locked[1]}: run make setup"
    return Verdict.OK, f"{installed}, as locked"


def _existing(path: Path) -> Path:
    """The path, or what of it is there."""
    return next((each for each in (path, *path.absolute().parents) if each.exists()), Path("/"))
