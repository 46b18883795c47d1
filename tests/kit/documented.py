"""What the documentation tells people to type, and a terminal in which a test types it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.kit.processes import REPOSITORY, environment, eventually, free_port, get

BLOCK = re.compile(r"^ *```console\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
PROMPT = "$ "
FOREGROUND = re.compile(r"\b(make start|vortex (start|sim|dashboard))\b(?!.* --for )")
BRIEF_START = re.compile(r"\bvortex start\b.* --for ")
OF_A_RUNNING_SYSTEM = re.compile(
    r"vortex (status|actors|trades|rejects|why|stats|pause|resume|flatten|halt|unhalt)\b(?!.* --data-dir )"
    r"|:8787/|var/paper/HALT"
)
RECORDING = re.compile(r"inputs-\d+\.rec")
BY_ITSELF = re.compile(r"vortex (sim|dashboard)\b")
"""Runs beside an engine, and prints a line when it is ready."""
READY_LINE = re.compile(r'^\{"event": ?"ready"', re.MULTILINE)
DOCUMENTED_PORTS = {"8787": "CONTROL", "8788": "DASHBOARD", "8790": "SIM"}
PAPER = "var/paper"
READY_S, ANSWER_S, STOP_S = 120.0, 120.0, 60.0


class Command(NamedTuple):
    """One command of a page, with the lines it goes on over."""

    page: str
    text: str


def commands_of(page: Path, root: Path = REPOSITORY) -> Iterator[Command]:
    """Every command of the page's console blocks, in the page's order."""
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        lines = iter(block.splitlines())
        for line in lines:
            text = line.strip()
            if text.startswith(PROMPT):
                while text.endswith("\\"):
                    text = f"{text[:-1]} {next(lines).strip()}"
                yield Command(str(page.relative_to(root)), text.removeprefix(PROMPT))


class Terminal:
    """A folder that looks like a clone with all installed, where commands run as a person's would.

    Ports are free ones instead of those that the documentation names. What runs in the foreground goes on until its
    place is needed again or the page has ended; then it is stopped by Ctrl-C and must end with 0. A page that orders a
    running system about, without having started one, finds one.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {number: str(free_port()) for number in DOCUMENTED_PORTS}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._exports: dict[str, str] = {}
        (folder / "tmp").mkdir()
        for name in ("config", "supabase", ".env.example"):
            (folder / name).symlink_to(REPOSITORY / name)
        binaries = folder / ".venv" / "bin"
        binaries.mkdir(parents=True)
        for name in ("vortex", "python"):
            binary = binaries / name
            module = "-m vortex " if name == "vortex" else ""
            binary.write_text(f'#!/bin/sh\nexec {sys.executable} {module}"$@"\n')
            binary.chmod(0o755)
        for capture in (REPOSITORY / "vortex/sim/market/captures").glob("*.gz"):
            shutil.copy(capture, folder)

    def type(self, text: str) -> str:
        """Run one command. Returns what it printed; of what runs in the foreground, once it is ready, nothing."""
        if OF_A_RUNNING_SYSTEM.search(text) and PAPER not in self._running:
            self._start(".venv/bin/vortex start")
        if BRIEF_START.search(text):
            self._stop(PAPER)
        command = self._here(text)
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self._exports[name] = value
            return ""
        if FOREGROUND.search(command):
            self._start(command.split("   #")[0].rstrip(" &"))
            return ""
        done = subprocess.run(  # noqa: S603  # what our own pages say
            ["/bin/bash", "-c", command], cwd=self._folder, env=self._environment(), capture_output=True, text=True,
            timeout=ANSWER_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def close(self) -> None:
        """Stop what runs in the foreground."""
        for place in list(self._running):
            self._stop(place)

    def _here(self, text: str) -> str:
        """The command with this terminal's ports and folders."""
        for number, port in self._ports.items():
            text = text.replace(number, port)
        text = RECORDING.sub("inputs-*.rec", text).replace("/tmp/", f"{self._folder}/tmp/")  # noqa: S108  # what pages say
        text = text.replace("make start", ".venv/bin/vortex start")
        return re.sub(r"vortex sim\b(?! --port)", f"vortex sim --port {self._ports['8790']}", text)

    def _environment(self) -> dict[str, str]:
        ports = {f"VORTEX__{DOCUMENTED_PORTS[number]}__PORT": port for number, port in self._ports.items()}
        path = f"{self._folder}/.venv/bin:/usr/local/bin:/usr/bin:/bin"
        return environment(**ports, PYTHONPATH=str(REPOSITORY), PATH=path) | self._exports

    def _start(self, command: str) -> None:
        found = BY_ITSELF.search(command) or re.search(r"--data-dir (\S+)", command)
        place = found.group(1) if found else PAPER
        self._stop(place)
        with (self._folder / "tmp" / "terminal.log").open("ab") as log:
            before = log.tell()
            process = subprocess.Popen(  # noqa: S603  # what our own pages say
                ["/bin/bash", "-c", f"exec env {command}"],
                cwd=self._folder,
                env=self._environment(),
                stdout=log,
                stderr=log,
            )
        self._running[place] = process
        eventually(lambda: self._is_ready(place, process, before), READY_S, f"{command} is ready", self._log)

    def _is_ready(self, place: str, process: subprocess.Popen[bytes], before: int) -> bool:
        """`before` is where its part of the log begins."""
        assert process.poll() is None, self._log()
        if BY_ITSELF.search(f"vortex {place}"):
            told = (self._folder / "tmp" / "terminal.log").read_bytes()[before:]
            return READY_LINE.search(told.decode(errors="replace")) is not None
        run: Mapping[str, object] = json.loads((self._folder / place / "run.json").read_text())
        return run["pid"] == process.pid and bool(get(f"{run['control_url']}/readyz")["ready"])

    def _stop(self, place: str) -> None:
        process = self._running.pop(place, None)
        if process is None:
            return
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(STOP_S)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        assert code == 0, self._log()

    def _log(self) -> str:
        return (self._folder / "tmp" / "terminal.log").read_text(errors="replace")[-4_000:]
