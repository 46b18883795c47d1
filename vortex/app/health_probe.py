"""What a container asks again and again: `python -m vortex.app.health_probe DIRECTORY`; exit code 0 while it lives.

Docker marks what is unhealthy and leaves it running. So an engine that says three times in a row that it is not alive,
or says nothing, is killed here, and started anew by the restart policy; positions keep their stops on the exchange.
That an engine lives and is not ready is only shown.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from vortex.app.data_dir import RUN, RunInfo, read_run
from vortex.config import ConfigError

TOKEN = "VORTEX__CONTROL__TOKEN"  # noqa: S105  # where it is, not what
TIMEOUT_S = 5.0
FAILURES = 3
COUNT = "health_failures"
"""A file beside others that may be lost, which counts."""


def main(root: Path, counts: Path, environ: Mapping[str, str]) -> int:
    """Look after the engine whose data directory is `root` or lies below it; print one line."""
    try:
        run = _newest(root)
    except ConfigError as error:
        return _say(str(error), 1)
    if run is None:
        return _say("no engine runs", 1)
    count = counts / COUNT
    token = _token(environ)
    status, _ = _get(run, "/livez", token)
    if status not in (0, HTTPStatus.SERVICE_UNAVAILABLE):  # a wrong token is no reason to kill what answers
        count.unlink(missing_ok=True)
        ready, text = _get(run, "/readyz", token)
        return _say("alive, ready" if ready == HTTPStatus.OK else f"alive, not ready: {text}", 0)
    failures = 1 + _counted(count)
    count.write_text(str(failures % FAILURES), encoding="ascii")
    if failures >= FAILURES:
        os.kill(run.pid, signal.SIGKILL)
    return _say(f"not alive, {failures} times in a row; at {FAILURES} it is killed", 1)


def _counted(count: Path) -> int:
    """Failures so far; a probe that was itself ended may have left half a file."""
    text = count.read_bytes() if count.exists() else b""
    return int(text) if text.isdigit() else 0


def _newest(root: Path) -> RunInfo | None:
    runs = [run for path in root.rglob(RUN) if (run := read_run(path.parent)) is not None]
    return max(runs, key=lambda run: run.started_ms, default=None)


def _token(environ: Mapping[str, str]) -> str:
    file = environ.get(f"{TOKEN}_FILE", "")
    return Path(file).read_text(encoding="utf-8").strip() if file else environ.get(TOKEN, "")


def _get(run: RunInfo, path: str, token: str) -> tuple[int, str]:
    """Status and text of the reply; 0 when there is none."""
    parts = urlsplit(run.control_url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"authorization": f"Bearer {token}"} if token else {})
        reply = connection.getresponse()
        return reply.status, reply.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        return 0, str(error)
    finally:
        connection.close()


def _say(line: str, code: int) -> int:
    sys.stdout.write(f"{line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path("/tmp"), os.environ))  # noqa: S108  # the container's own
