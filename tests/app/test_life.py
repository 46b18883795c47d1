"""How the process ends: by a signal, by a failure, by time, and at the latest when its time to stop is over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from typing import NoReturn

import pytest

from vortex.app import life as module
from vortex.app.life import Life

TIMEOUT_S = 30.0


def never(code: int) -> NoReturn:
    raise AssertionError(f"hard exit {code}")


def test_a_signal_while_starting_unwinds_the_start() -> None:
    life = Life(never)
    with pytest.raises(SystemExit) as caught:
        life.on_signal(signal.SIGTERM, None)
    assert caught.value.code == 0


def test_a_signal_while_running_is_a_graceful_end() -> None:
    life = Life(never)
    life.careful()
    life.on_signal(signal.SIGINT, None)
    life.wait(TIMEOUT_S)
    life.ended()
    assert life.code == 0


@pytest.mark.parametrize("careful", [True, False])
def test_a_second_signal_ends_at_once(*, careful: bool) -> None:
    codes: list[int] = []
    life = Life(hard_exit=codes.append)
    if careful:
        life.careful()
        life.on_signal(signal.SIGTERM, None)
    else:
        with pytest.raises(SystemExit):
            life.on_signal(signal.SIGTERM, None)
    life.on_signal(signal.SIGTERM, None)
    assert codes == [1]


def test_the_first_reason_decides_the_code() -> None:
    life = Life(never)
    life.careful()
    threading.Thread(target=life.end, args=(70, "the tree gave up")).start()
    life.wait(TIMEOUT_S)
    life.on_signal(signal.SIGTERM, None)
    life.ended()
    assert life.code == 70


def test_time_that_is_over_is_a_graceful_end() -> None:
    life = Life(never)
    life.wait(0.0)
    life.ended()
    assert life.code == 0


def test_a_hangup_reloads_once_and_the_wait_goes_on() -> None:
    life, reloads = Life(never), list[str]()
    life.on_hangup(signal.SIGHUP, None)
    life.on_hangup(signal.SIGHUP, None)

    def reload() -> None:
        reloads.append("reload")
        life.end(0, "seen enough")

    life.wait(TIMEOUT_S, reload=reload)
    life.ended()
    assert reloads == ["reload"]
    assert life.code == 0


def test_a_hangup_while_waiting_is_carried_out_by_the_waiting_thread() -> None:
    life, threads, looks = Life(never), list[int](), list[int]()

    def look() -> None:
        looks.append(threading.get_ident())
        if len(looks) == 1:
            threading.Thread(target=life.on_hangup, args=(signal.SIGHUP, None)).start()

    def reload() -> None:
        threads.append(threading.get_ident())
        life.end(0, "seen enough")

    life.wait(TIMEOUT_S, reload=reload, look=look)
    life.ended()
    assert threads == [threading.get_ident()]
    assert set(looks) == {threading.get_ident()}


def test_it_looks_at_least_four_times_a_second() -> None:
    life, times_s = Life(never), list[float]()

    def look() -> None:
        times_s.append(time.monotonic())
        if len(times_s) == 4:
            life.end(0, "seen enough")

    life.wait(TIMEOUT_S, look=look)
    life.ended()
    assert module.LOOK_S <= 0.25
    assert min(later - earlier for earlier, later in pairwise(times_s)) < 1.0  # a busy machine may be late now and then


@pytest.mark.parametrize(("code", "expected"), [(0, 1), (70, 70)])
def test_a_stop_that_hangs_is_cut_off(monkeypatch: pytest.MonkeyPatch, code: int, expected: int) -> None:
    monkeypatch.setattr(module, "SHUTDOWN_S", 0.01)
    ended, codes = threading.Event(), list[int]()

    def hard_exit(number: int) -> None:
        codes.append(number)
        ended.set()

    life = Life(hard_exit)
    life.end(code, "so it is")
    life.wait(TIMEOUT_S)
    assert ended.wait(TIMEOUT_S)
    assert codes == [expected]


PROCESS = """
import sys, time
from vortex.app.life import Life
life = Life()
life.handle_signals()
if sys.argv[1] == "careful":
    life.careful()
print("ready", flush=True)
if sys.argv[1] == "careful":
    life.wait(60, reload=lambda: print("reload", flush=True))
    life.ended()
else:
    time.sleep(60)
sys.exit(life.code)
"""


@pytest.mark.parametrize("phase", ["starting", "careful"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_real_process_ends_with_0(phase: str, number: signal.Signals) -> None:
    with subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", PROCESS, phase], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.parametrize("phase", ["starting", "careful"])
def test_a_hangup_does_not_end_a_real_process(phase: str) -> None:
    with subprocess.Popen(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", PROCESS, phase], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        if phase == "careful":
            assert process.stdout.readline() == "reload\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0
