"""What is secret is found in a configuration, and taken out of texts and replies in whatever form it is written."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from vortex.app.logs.masking import SHORTEST_PART, Masker, secrets_of
from vortex.config import Config, Secret
from vortex.config.sections import ColdStore, Control, Notify

URLS = (
    "tgram://123456789:canary-bot/-100200300",
    "json://user:canary-word@push.example.com/canary%20path?key=canary-key",
)
CONFIG = Config(
    notify=Notify(urls=tuple(map(Secret, URLS))),
    control=Control(token=Secret('canary "token" ä')),
    cold_store=ColdStore(
        supabase_url="https://canary-login:canary-pass@x.supabase.co",
        database_url=Secret("postgresql://vortex:canary-pw@db.example.com:5432/postgres"),
    ),
)
PIECES = (
    *URLS, "123456789", "canary-bot", "-100200300", "canary-word", "canary%20path", "canary path", "canary-key",
    'canary "token" ä', "canary-login:canary-pass", "canary-pass", "canary-pw",
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_every_secret_and_every_piece_of_a_secret_address_is_masked(piece: str) -> None:
    mask = Masker(secrets_of(CONFIG))
    for form in (piece, json.dumps(piece), json.dumps(piece, ensure_ascii=False), quote(piece, safe="")):
        masked = mask(f"it says {form} here")
        assert "***" in masked
        assert form.strip('"') not in masked
        assert json.loads(mask.body(json.dumps({"error": f"it says {piece}"}).encode()))["error"] != f"it says {piece}"


@pytest.mark.parametrize("word", ["push.example.com", "postgres", "user", "vortex", "json", "x.supabase.co", "5432"])
def test_hosts_and_ordinary_words_stay(word: str) -> None:
    assert Masker(secrets_of(CONFIG))(f"no answer of {word}") == f"no answer of {word}"


def test_a_reply_keeps_what_is_too_short_to_be_told_from_words() -> None:
    body = b'{"account": "main"}'
    assert Masker(["main"], shortest=SHORTEST_PART).body(body) == body
    assert Masker(["main"])("account main") == "account ***"


def test_bytes_that_are_no_text_pass() -> None:
    assert Masker(["canary-1"]).body(b"\xff canary-1 \xfe") == b"\xff *** \xfe"
