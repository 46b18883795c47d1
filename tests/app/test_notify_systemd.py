"""What a real unix socket hears, and that nobody is bothered when there is none."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vortex.app.notify_systemd import Systemd

TIMEOUT_S = 10.0


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(TIMEOUT_S)
        manager.bind(address)
        yield manager


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_hears_every_word(tmp_path: Path, *, abstract: bool) -> None:
    name = f"vortex-{os.getpid()}-{tmp_path.name}"
    bound, given = (f"\0{name}", f"@{name}") if abstract else (str(tmp_path / "s"),) * 2
    with listening(bound) as manager:
        systemd = Systemd(given)
        assert systemd.listens
        systemd.ready()
        systemd.beat()
        with systemd.reloading():
            systemd.beat()
        systemd.stopping()
        systemd.close()
        heard = [manager.recv(200).decode() for _ in range(6)]
    assert heard[:2] == ["READY=1", "WATCHDOG=1"]
    begun, stamp = heard[2].split("\n")
    assert begun == "RELOADING=1"
    assert int(stamp.removeprefix("MONOTONIC_USEC=")) > 0
    assert heard[3:] == ["WATCHDOG=1", "READY=1", "STOPPING=1"]


def test_a_reload_that_fails_is_over_too(tmp_path: Path) -> None:
    with listening(str(tmp_path / "s")) as manager:
        systemd = Systemd(str(tmp_path / "s"))
        with pytest.raises(ValueError, match="bad"), systemd.reloading():
            raise ValueError("bad")
        systemd.close()
        assert manager.recv(200).startswith(b"RELOADING=1\n")
        assert manager.recv(200) == b"READY=1"


def test_nobody_there_bothers_nobody(tmp_path: Path) -> None:
    gone = Systemd(str(tmp_path / "gone"))
    gone.ready()
    gone.close()
    gone.beat()
    silent = Systemd("")
    assert not silent.listens
    silent.ready()
    silent.close()


def test_a_full_queue_does_not_hold_us_up(tmp_path: Path) -> None:
    with listening(str(tmp_path / "s")) as manager:
        systemd = Systemd(str(tmp_path / "s"))
        for _ in range(10_000):
            systemd.beat()
        systemd.close()
        assert manager.recv(200) == b"WATCHDOG=1"
