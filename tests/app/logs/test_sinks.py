"""Logs: one place, one line each, no secret, no forged line, no noise of libraries."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from loguru import logger
from msgspec import structs

from vortex.app import logs
from vortex.config import Config, Secret
from vortex.config.sections import ColdStore, Control, Exchange, Log

CANARIES = {
    "api_key": "canary-api-key-1",
    "secret_key": "canary\\secret-2",
    "token": "canary token ä 3",
    "supabase": "canary-supabase-4",
    "database": "postgres://u:canary-5@h/d",
}
CONFIG = Config(
    exchange=Exchange(api_key=Secret(CANARIES["api_key"]), secret_key=Secret(CANARIES["secret_key"])),
    control=Control(token=Secret(CANARIES["token"])),
    cold_store=ColdStore(supabase_key=Secret(CANARIES["supabase"]), database_url=Secret(CANARIES["database"])),
)
SetUp = Callable[..., io.StringIO]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


@pytest.fixture
def set_up() -> Iterator[SetUp]:
    """Sets logs up on a text; everything is as before afterwards."""
    root, hook = logging.getLogger(), threading.excepthook
    handlers, level = root.handlers[:], root.level

    def begin(config: Config = CONFIG, log: Log = Log()) -> io.StringIO:  # noqa: B008  # frozen
        stream = io.StringIO()
        logs.set_up(structs.replace(config, log=log), stream)
        return stream

    yield begin
    root.handlers[:], threading.excepthook = handlers, hook
    root.setLevel(level)
    logging.getLogger("vortex").setLevel(logging.NOTSET)
    logger.remove()
    logger.configure(patcher=lambda _: None)
    logger.add(sys.stderr)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("name", CANARIES)
def test_a_configured_secret_never_appears(set_up: SetUp, name: str, *, as_json: bool) -> None:
    stream, canary = set_up(log=Log(json=as_json)), CANARIES[name]
    logger.info("a message with {} in it", canary)
    logging.getLogger("ccxt").warning("a library says %s", canary)
    failure = RuntimeError(f"signed with {canary}")
    failure.__cause__ = ValueError(canary)
    logger.opt(exception=failure).error("it failed")
    text = stream.getvalue()
    assert text.count("***") >= 4
    assert canary not in text
    assert json.dumps(canary)[1:-1] not in text


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("GET /fapi/v1/order?a=1&signature=0123abcd&b=2", "0123abcd"),
        ("wss://x/private/ws?listenKey=AbCd0123", "AbCd0123"),
        ('{"listenKey": "AbCd0123"}', "AbCd0123"),
        ("headers {'X-MBX-APIKEY': 'AbCd0123'}", "AbCd0123"),
        ("Authorization: Bearer AbCd0123", "AbCd0123"),
        ("postgresql://vortex:AbCd0123@db:5432/x", "AbCd0123"),
    ],
)
def test_what_looks_like_a_secret_is_masked_too(set_up: SetUp, text: str, gone: str) -> None:
    stream = set_up()
    logger.warning("{}", text)
    assert gone not in stream.getvalue()
    assert "***" in stream.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "PAPER · demo profile · recording of 2024-08-08: BTCUSDT, paper mode",
        "control API on http://127.0.0.1:8787",
        "listenKeyExpired, a bearer token is needed",
        "wss://fstream.binance.com:443/public/stream?streams=btcusdt@depth20",
    ],
)
def test_ordinary_words_stay(set_up: SetUp, text: str) -> None:
    config = Config(exchange=Exchange(api_key=Secret("paper"), secret_key=Secret("paper")))
    stream = set_up(config)
    logger.info("{}", text)
    assert stream.getvalue().endswith(f" INFO    {text}\n")


def test_no_text_from_outside_passes_for_a_line_of_its_own(set_up: SetUp) -> None:
    stream = set_up()
    logger.info("the exchange says {}", "no\n2026-01-01 00:00:00.000 INFO    all is well\x1b[2J\r")
    first, second = stream.getvalue().splitlines()
    assert first.endswith("the exchange says no")
    assert second == r"    2026-01-01 00:00:00.000 INFO    all is well\x1b[2J\r"


def test_libraries_are_quiet_and_vortex_is_not(set_up: SetUp) -> None:
    stream = set_up(log=Log(level="DEBUG"))
    for name in ("picows.client", "ccxt.base", "asyncio", "uvicorn.error"):
        logging.getLogger(name).info("connection established")
        logging.getLogger(name).debug("GET /signed")
    assert not stream.getvalue()
    logging.getLogger("vortex.runtime").debug("an actor says")
    logging.getLogger("picows").warning("a frame was cut")
    logging.getLogger("own").log(35, "of a level of its own")
    assert [line[24:].strip() for line in stream.getvalue().splitlines()] == [
        "DEBUG   an actor says",
        "WARNING a frame was cut",
        "Level 35 of a level of its own",
    ]


@pytest.mark.parametrize(("level", "shown"), [("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("ERROR", 1)])
def test_the_level_is_the_least_that_is_shown(set_up: SetUp, level: Level, shown: int) -> None:
    stream = set_up(log=Log(level=level))
    for name in ("DEBUG", "INFO", "WARNING", "ERROR"):
        logger.log(name, "x")
    assert len(stream.getvalue().splitlines()) == shown


def test_json_is_one_object_a_line(set_up: SetUp) -> None:
    stream = set_up(log=Log(json=True))
    logger.info("braces {} and <tags>", "{extra} {0}")
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logger.exception("in\ntwo lines")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["level"], first["message"], first["error"]) == ("INFO", "braces {extra} {0} and <tags>", None)
    assert first["ts_ms"] > 1_700_000_000_000
    assert "ZeroDivisionError: division by zero" in second["error"]


def test_a_thread_that_dies_is_in_the_log(set_up: SetUp) -> None:
    stream = set_up()
    thread = threading.Thread(target=lambda: 1 / 0, name="the one")
    thread.start()
    thread.join()
    assert "thread the one died" in stream.getvalue()
    assert "ZeroDivisionError" in stream.getvalue()


def test_a_reader_that_stops_reading_does_not_stop_the_log(set_up: SetUp) -> None:
    set_up()
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        logs.set_up(CONFIG, stream)
        began_s = time.monotonic()
        for _ in range(1_000):
            logger.info("x" * 200)
        assert time.monotonic() - began_s < 20
        open_files = len(list(Path("/proc/self/fd").iterdir()))
        logs.set_up(CONFIG, stream)
        assert len(list(Path("/proc/self/fd").iterdir())) <= open_files, "a reload opens nothing that stays"
        logger.remove()
    os.close(reader)
