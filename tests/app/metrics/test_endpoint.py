"""`GET /metrics` over a real socket: what Prometheus is sent, and who may ask."""

from __future__ import annotations

from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.app.kit import LABEL, TIMEOUT_S, Client, replies, running, served

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2"


def scraped(client: Client, **headers: str) -> tuple[HTTPResponse, str]:
    """One reply and its text."""
    connection = HTTPConnection("127.0.0.1", int(client.url.rpartition(":")[2]), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/metrics", headers=headers)
        reply = connection.getresponse()
        return reply, reply.read().decode()
    finally:
        connection.close()


def test_a_scrape_gets_the_plain_format_whatever_else_it_would_take(tmp_path: Path) -> None:
    """The line that says PAPER is a comment, which the other format forbids."""
    with running(replies()) as tiny, served(tmp_path, tiny) as client:
        reply, text = scraped(client, Accept=OPENMETRICS)
        again, _ = scraped(client)
    assert (reply.status, again.status) == (200, 200)
    assert reply.getheader("content-type") == "text/plain; version=0.0.4; charset=utf-8"
    assert text.startswith(f"# {LABEL}\n")
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"vortex_info", "vortex_ready", "process_resident_memory_bytes"} <= names
    assert "python_gc_objects_collected" not in names  # nothing of the library's own registry


def test_with_a_token_only_who_has_it_may_ask(tmp_path: Path) -> None:
    with running(replies()) as tiny, served(tmp_path, tiny, token="t" * 32) as client:
        assert scraped(client)[0].status == 401
        assert scraped(client, Authorization="Bearer " + "t" * 32)[0].status == 200
