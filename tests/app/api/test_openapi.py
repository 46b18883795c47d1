"""The API described by itself, and held to that: schemathesis sends what the description allows, and worse."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests.app.kit import TIMEOUT_S, Client, replies, running, served
from tests.cli.test_command_line import REJECTION, TRADE
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.app import operate
from vortex.app.api import guard, status
from vortex.app.api.openapi import DOCUMENT, PAGE, POLICY

TOKEN = {"Authorization": "Bearer t0ken"}
EXAMPLES = 12
"""Of each operation, right and wrong."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, Client]]:
    """An API with a token and one without, on which many questions are not too many."""
    folder = tmp_path_factory.mktemp("openapi")
    (folder / "x.toml").touch()
    store = SqliteColdStore.open(folder / "vortex.db")
    store.write_trades([TRADE])
    store.write_rejections([REJECTION])
    store.close()
    with pytest.MonkeyPatch.context() as patch, running(replies()) as tiny:
        patch.setattr(guard, "READS_PER_S", 100_000)
        patch.setattr(guard, "COMMANDS_PER_S", 100_000)
        patch.setattr(status, "ASK_S", TIMEOUT_S)  # else one of so many answers may come late on a busy machine
        patch.setattr(operate, "REPLY_S", TIMEOUT_S)
        with served(folder, tiny, token="t0ken") as made, served(folder, tiny) as unguarded:
            yield made, unguarded


@pytest.fixture
def client(both: tuple[Client, Client]) -> Client:
    """The one with the token."""
    return both[0]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name)
def test_every_answer_is_as_described(both: tuple[Client, Client], mode: GenerationMode) -> None:
    """The same requests in every run: right ones, also without the token, and wrong ones, which must be refused.

    The wrong ones go where no token is needed: it would be given beside a header that is wrong on purpose.
    """
    client = both[mode is GenerationMode.NEGATIVE]
    schema = schemathesis.openapi.from_url(client.url + DOCUMENT, headers=TOKEN)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == len([each for methods in schema.raw_schema["paths"].values() for each in methods])
    for operation in operations:

        @settings(
            max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
            phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            case.call_and_validate(headers=TOKEN, timeout=TIMEOUT_S)

        try:
            ask()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label  # what takes no input cannot be asked wrongly


def test_every_route_is_described(client: Client) -> None:
    made = client.get(DOCUMENT, **TOKEN).body
    assert made["openapi"].startswith("3.1")
    assert {"/livez", "/api/status", "/api/decisions/{name}", "/api/unhalt", "/api/chaos/crash"} <= set(made["paths"])
    for path, methods in made["paths"].items():
        for each in methods.values():
            assert each["summary"], path
            assert {"200", "401", "403", "429", "500"} <= set(each["responses"]), path
    text = json.dumps(made)
    assert set(re.findall(r"#/components/schemas/(\w+)", text)) <= set(made["components"]["schemas"])
    assert made["security"] == [{"token": []}]


def test_the_page_loads_nothing_from_anywhere(client: Client) -> None:
    connection = HTTPConnection("127.0.0.1", int(client.url.rpartition(":")[2]), timeout=TIMEOUT_S)
    try:
        connection.request("GET", PAGE, headers=TOKEN)
        reply = connection.getresponse()
        text = reply.read().decode()
    finally:
        connection.close()
    assert (reply.status, reply.getheader("content-security-policy")) == (200, POLICY)
    assert "POST /api/halt" in text
    assert re.findall(r"<script|<link|<img|src=|href=|https?://|@import|url\(", text) == []
