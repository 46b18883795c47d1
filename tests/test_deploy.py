"""What is deployed beside the engine names metrics and commands that exist, and is valid to the tools that read it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from vortex.app.life import SHUTDOWN_S
from vortex.app.metrics.catalogue import BY_NAME, METRICS
from vortex.runtime.watchdog import BEAT_S

DEPLOY = Path(__file__).parents[1] / "deploy"
DASHBOARD, RULES = DEPLOY / "grafana" / "vortex.json", DEPLOY / "prometheus" / "alerts.yml"
SELECTOR = re.compile(r"\b((?:vortex|process)_[a-z_0-9]+)\b(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
OUTSIDE = frozenset({"instance", "job", "le"})
"""Labels that Prometheus adds, and the one of buckets."""
PROMTOOL = shutil.which("promtool")
TIMEOUT_S = 60
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


def series() -> frozenset[str]:
    """Every name that a query may have."""
    ends = ("_bucket", "_sum", "_count")
    histograms = [f"{each.name}{end}" for each in METRICS if each.kind == "histogram" for end in ends]
    return frozenset({*histograms, *(each.name for each in METRICS if each.kind != "histogram")})


def panels() -> list[dict[str, Any]]:
    """The dashboard's panels, without its rows."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    return [rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]


def queries() -> Iterator[tuple[str, str]]:
    """Where a query stands, and what it says."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in json.loads(DASHBOARD.read_text(encoding="utf-8"))["templating"]["list"]:
        if variable["type"] == "query":
            yield f"${variable['name']}", variable["definition"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def test_every_query_names_metrics_and_labels_that_are_documented() -> None:
    known, asked = series(), set()
    for place, query in queries():
        found = SELECTOR.findall(query)
        assert found or "absent(up" in query, place
        for name, labels in found:
            assert name in known, f"{place}: {name}"
            base = re.sub("_(bucket|sum|count)$", "", name) if name not in BY_NAME else name
            asked.add(base)
            strange = set(LABEL.findall(re.sub(r'"[^"]*"', '""', labels))) - {*BY_NAME[base].labels, *OUTSIDE}
            assert not strange, f"{place}: {name} has no label {strange}"
    unseen = {metric.name for metric in METRICS if metric.name not in asked}
    assert unseen <= {"vortex_uptime_seconds", "process_virtual_memory_bytes", "process_max_fds"}


def test_the_dashboard_can_be_imported_anywhere() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert dashboard["schemaVersion"] >= 39
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource", "instance", "symbol"]
    sources = {target["datasource"]["uid"] for panel in panels() for target in panel["targets"]}
    assert sources == {"${datasource}"}
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))
    rows = [panel["title"] for panel in dashboard["panels"] if panel["type"] == "row"]
    assert rows == ["Which run this is", "Safety", "Latency", "Runtime", "Exchange", "Money and stores"]


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_alert_says_how_urgent_it_is_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "warn", "info"}
        assert set(rule["annotations"]) == {"summary", "action"}


def test_prometheus_is_told_of_the_job_that_the_alerts_know() -> None:
    config = yaml.safe_load((RULES.parent / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    assert job["job_name"] == "vortex"
    assert any('up{job="vortex"}' in rule["expr"] for rule in rules())


def promtool(*arguments: str) -> None:
    """Run it; what it says is shown when it fails."""
    assert PROMTOOL is not None
    done = subprocess.run(  # noqa: S603  # found on the path
        [PROMTOOL, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_rules_and_configuration() -> None:
    promtool("check", "rules", str(RULES))
    promtool("check", "config", str(RULES.parent / "prometheus.yml"))


CALM: Mapping[str, str] = {
    'up{job="vortex"}': "1x120",
    "vortex_up": "1x120",
    "vortex_ready": "1x120",
    'vortex_unprotected_now_seconds{symbol="BTCUSDT"}': "0 0.2 0.4 0x117",
    'vortex_fill_to_stop_seconds_bucket{le="2.0"}': "0+1x120",
    "vortex_fill_to_stop_seconds_count": "0+1x120",
    'vortex_trades_total{symbol="BTCUSDT",strategy="A",reason="TIME_EXIT"}': "1+1x119",
    "vortex_user_stream_up": "1x120",
    "vortex_exchange_unknown_orders": "0 1 0x118",
    'vortex_gate_closed{gate="book",symbol="BTCUSDT"}': "1x20 0x100",
    'vortex_actor_restarts_total{symbol="BTCUSDT",role="E2"}': "2x120",
    "vortex_outbox_oldest_seconds": "30x120",
    "vortex_outbox_parked": "0x120",
    "vortex_disk_free_bytes": "7e10x120",
    "vortex_drawdown_latched": "0x120",
}  # fmt: skip
"""Twenty minutes in steps of 10 s in which nothing is wrong that a person must know."""
TROUBLES: Mapping[str, Mapping[str, str]] = {
    "VortexDown": {'up{job="vortex"}': "1x20 0x100"},
    "VortexMissing": {'up{job="vortex"}': "_x120"},
    "VortexPositionUnprotected": {'vortex_unprotected_now_seconds{symbol="BTCUSDT"}': "0x100 1+1x20"},
    "VortexStopLate": {'vortex_fill_to_stop_seconds_bucket{le="2.0"}': "0+1x100 100+1x20"},
    "VortexTradeEndedBadly": {
        'vortex_trades_total{symbol="BTCUSDT",strategy="A",reason="PROTECTION_FAILED"}': "_x90 1x30"
    },
    "VortexUserStreamStale": {"vortex_user_stream_up": "1x20 0x100"},
    "VortexOrderUnknown": {"vortex_exchange_unknown_orders": "0x20 1x100"},
    "VortexGateClosed": {'vortex_gate_closed{gate="book",symbol="BTCUSDT"}': "0x20 1x100"},
    "VortexRestarts": {'vortex_actor_restarts_total{symbol="BTCUSDT",role="E2"}': "2x90 3x30"},
    "VortexQuarantine": {
        'vortex_actor_state{symbol="BTCUSDT",role="E2",state="QUARANTINED"}': "_x60 1x60"
    },
    "VortexOutboxLag": {"vortex_outbox_oldest_seconds": "0+10x120"},
    "VortexRowsParked": {"vortex_outbox_parked": "0x60 2x60"},
    "VortexDrawdownLatched": {"vortex_drawdown_latched": "0x60 1x60"},
    "VortexDisk": {"vortex_disk_free_bytes": "7e10x60 1e9x60"},
    "VortexNotReady": {"vortex_ready": "0x120"},
}  # fmt: skip


@needs_promtool
@pytest.mark.parametrize("alert", [None, *TROUBLES])
def test_an_alert_fires_in_its_own_trouble_and_none_without(tmp_path: Path, alert: str | None) -> None:
    given = {**CALM, **(TROUBLES[alert] if alert is not None else {})}
    asked = {"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "20m"}
    fired = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if alert is not None else []
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "10s",
        "tests": [
            {
                "interval": "10s",
                "input_series": [{"series": name, "values": values} for name, values in given.items()],
                "promql_expr_test": [{**asked, "exp_samples": fired}],
            }
        ],
    }
    path = tmp_path / "alerts_test.yml"
    path.write_text(yaml.safe_dump(test), encoding="utf-8")
    promtool("test", "rules", str(path))


ROOT = DEPLOY.parent
UNITS = {path.name: path for path in sorted((DEPLOY / "systemd").glob("*.service"))}
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
MOST_EXPOSED = "25"
"""Of 100, by systemd's own count of what a service may do."""


def settings(unit: str) -> dict[str, str]:
    """The keys of a unit that are given once."""
    lines = (line for line in UNITS[unit].read_text(encoding="utf-8").splitlines() if "=" in line and line[0] != "#")
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def analyze(*arguments: str, cwd: Path) -> str:
    assert ANALYZE is not None
    done = subprocess.run(  # noqa: S603  # found on the path
        [ANALYZE, *arguments], cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_unit_and_finds_it_little_exposed(name: str, tmp_path: Path) -> None:
    """As it is installed, but for the place of the program, which must exist."""
    binary = tmp_path / ".venv" / "bin" / "vortex"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    unit = tmp_path / name
    unit.write_text(UNITS[name].read_text(encoding="utf-8").replace("/opt/vortex", str(tmp_path)))
    assert analyze("verify", "--man=no", str(unit), cwd=tmp_path) == ""
    analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", str(unit), cwd=tmp_path)


def test_the_engine_is_restarted_for_what_a_restart_can_mend() -> None:
    """Exit code 2 is a person's to mend; its own stop has 10 s; READY=1 may be late, and is never a reason to kill."""
    engine = settings("vortex.service")
    assert (engine["Type"], engine["Restart"], engine["RestartPreventExitStatus"]) == ("notify", "always", "2")
    assert int(engine["TimeoutStopSec"]) > SHUTDOWN_S
    assert int(engine["WatchdogSec"]) > 10 * BEAT_S
    assert (engine["TimeoutStartSec"], engine["StartLimitIntervalSec"]) == ("infinity", "0")
    assert (engine["KillMode"], engine["LimitCORE"], engine["UMask"]) == ("mixed", "0", "0077")


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_runs_a_command_and_a_configuration_that_exist(name: str) -> None:
    program, command, option, config = settings(name)["ExecStart"].split()
    assert program == "/opt/vortex/.venv/bin/vortex"
    assert command == {"vortex.service": "start", "vortex-dashboard.service": "dashboard"}[name]
    assert (option, config) == ("--config", "config/paper.toml")
    assert (ROOT / config).exists()
