"""The how-to, done to a copy of the package: one new file, one line in the registry, one section."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.processes import REPOSITORY

HOW_TO = REPOSITORY / "docs" / "how-to" / "add-an-engine.md"
HEAD = '''"""E6, as the how-to has it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Struct

from vortex.domain.market import MarketValue, MarkPrice
from vortex.domain.ranges import above
from vortex.domain.signal import Signal


'''
PROBE = """
import json, sys
from pathlib import Path
from vortex.config import load
from vortex.domain.decision import SignalBoard
from vortex.domain.engines.registry import REGISTRY
from vortex.domain.market import MarkPrice
from vortex.domain.scoring import weights_by_regime
from vortex.domain.signal import Regime, Signal

file = Path(sys.argv[1])
file.write_text("[engines.funding]\\nfull_rate = 0.002\\n")
config = load([file], {}).config
spec = REGISTRY[-1]
engine = spec.build(getattr(config.engines, spec.section))
mark = MarkPrice(symbol="S", ts_ms=1_000, recv_ms=1_000, mark_price=1.0, index_price=1.0, funding_rate=0.001,
                 next_funding_ms=0)
said = engine.update(mark)
board = SignalBoard(config.decision)
for each in REGISTRY[:-1]:
    board.put(Signal(engine=each.id, ts_ms=1_000, score=0.5, quality=1.0, components={"mr": 0.5, "tr": 0.5},
                     regime=Regime.RANGING if each.id == "E5" else None))
alone = board.evaluate(now_ms=1_000, epoch=1, symbol="S", decision_id="d")
board.put(said)
joined = board.evaluate(now_ms=1_000, epoch=2, symbol="S", decision_id="d")
late = board.evaluate(now_ms=6_001, epoch=3, symbol="S", decision_id="d")
print(json.dumps({
    "id": spec.id, "score": said.score, "weights": sum(weights_by_regime(config.decision, Regime.RANGING).values()),
    "alone": alone.final_score, "joined": joined.final_score, "weight": joined.weights["E6"],
    "missing": "E6_MISSING" in alone.reasons, "stale": "E6_STALE" in late.reasons, "shown": joined.scores["E6"],
}))
"""


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file}: {old}"
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package with the how-to's engine, nothing else changed."""
    package = tmp_path / "vortex"
    shutil.copytree(REPOSITORY / "vortex", package, ignore=shutil.ignore_patterns("__pycache__", "captures"))
    engine, line = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)[:2]
    body = "\n".join([each.removeprefix("   ") for each in engine.splitlines()])
    (package / "domain" / "engines" / "funding.py").write_text(HEAD + body + "\n", encoding="utf-8")
    registry = package / "domain" / "engines" / "registry.py"
    last = '    _spec("regime", 0.08, 75_000, RegimeParams, RegimeEngine),\n'
    edit(registry, last, f"{last}    {line.strip()},\n")
    imported = "from vortex.domain.engines.order_flow import"
    edit(registry, imported, f"from vortex.domain.engines.funding import FundingEngine, FundingParams\n{imported}")
    schema, field = package / "config" / "schema.py", "    regime: RegimeParams = RegimeParams()\n"
    edit(schema, field, f"{field}    funding: FundingParams = FundingParams()\n")
    edit(schema, imported, f"from vortex.domain.engines.funding import FundingParams\n{imported}")
    return tmp_path


def test_a_sixth_engine_is_one_file_one_line_and_one_section(copy: Path) -> None:
    ended = subprocess.run(  # noqa: S603  # ourselves
        [sys.executable, "-c", PROBE, str(copy / "sixth.toml")],
        cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    assert (said["id"], said["score"], said["shown"]) == ("E6", -0.5, -0.5)
    assert said["weights"] == pytest.approx(1.0)
    assert said["weight"] == pytest.approx(0.05 / 1.15)  # ranging gives E3 half as much again
    assert said["alone"] == pytest.approx(0.5)
    assert said["joined"] == pytest.approx(0.5 - 0.05 / 1.15)
    assert said["missing"] is True
    assert said["stale"] is True
