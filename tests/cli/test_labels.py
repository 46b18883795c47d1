"""Nothing simulated goes out without saying so: every table, JSON, CSV and reply of a paper run is looked at."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.kit import LABEL, Client, replies, running, served
from tests.cli.kit import Vortex, command_line
from tests.cli.test_command_line import ORDERS, REJECTION, TRADE
from tests.kit.processes import REPOSITORY
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.app.api.openapi import DOCUMENT

READERS = (("status",), ("actors",), ("trades",), ("rejects",), ("why", TRADE.id), ("why", REJECTION.id), ("stats",))
MARK = "PAPER"


@pytest.fixture
def vortex(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Vortex]:
    with command_line(REPOSITORY, monkeypatch, capsys) as run:
        yield run


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("labels")
    (Path(folder) / "x.toml").touch()
    store = SqliteColdStore.open(folder / "vortex.db")
    store.write_trades([TRADE])
    store.write_rejections([REJECTION])
    store.close()
    with running(replies()) as tiny, served(folder, tiny) as made:
        yield made


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_a_table_begins_with_the_label(vortex: Vortex, client: Client, command: tuple[str, ...]) -> None:
    assert vortex(*command, "--url", client.url).out.splitlines()[0] == LABEL


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_s_answer_begins_with_the_label(vortex: Vortex, client: Client, order: str) -> None:
    assert vortex(order, "--all", "--url", client.url).out.splitlines()[0] == LABEL


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_json_says_it_in_the_object_or_in_every_row(vortex: Vortex, client: Client, command: tuple[str, ...]) -> None:
    value = json.loads(vortex(*command, "--url", client.url, "--json").out)
    rows = value if isinstance(value, list) else [value]
    assert rows
    assert [row for row in rows if not labelled(row)] == []


def labelled(row: dict[str, Any]) -> bool:
    return row.get("label") == LABEL or (row.get("mode") == "paper" and row["market_source"] in LABEL)


def test_csv_says_it_in_every_row(vortex: Vortex, client: Client) -> None:
    rows = list(csv.DictReader(io.StringIO(vortex("trades", "--url", client.url, "--csv").out)))
    assert [(row["label"], row["mode"], row["simulated"]) for row in rows] == [(LABEL, "paper", "true")]


def test_every_reply_of_the_api_says_it_and_refusals_too(client: Client) -> None:
    """All routes there are, as the API lists them itself."""
    routes = client.get(DOCUMENT).body["paths"]
    asked = 0
    for path, methods in routes.items():
        if path == "/metrics":  # text; its first line is another test's
            continue
        for method in methods:
            reply = client.send(method.upper(), path.replace("{name}", "BTCUSDT"))
            assert reply.headers["x-vortex"].startswith(MARK), path
            asked += 1
    assert asked >= 17
    refused = client.get("/nothing", host="evil.example")
    assert (refused.status, refused.headers["x-vortex"].startswith(MARK)) == (403, True)
