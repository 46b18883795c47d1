"""One side of a comparison, in a process of its own: `python -m tests.bench.side load pool 500 2`; prints JSON."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence

import msgspec
from loguru import logger

from tests.bench import (
    crashes,
    evaluation,
    first_words,
    isolation,
    load,
    outbox,
    pages,
    slow_replies,
    soak,
    stall,
    storing,
)

SIDES: Mapping[str, Callable[[Sequence[str]], object]] = {
    "load": lambda words: load.run(words[0], int(words[1]), float(words[2])),
    "crashes": lambda words: crashes.run(int(words[0]), float(words[1]), crashing=words[2] == "crashing"),
    "evaluation": lambda words: evaluation.run(msgspec.convert(words[0], evaluation.How)),
    "help": lambda words: first_words.run(msgspec.convert(words[0], first_words.How)),
    "isolation": lambda words: isolation.run(int(words[0]), float(words[1]), how=_how(words[2])),
    "outbox": lambda words: outbox.run(msgspec.convert(words[0], outbox.How), int(words[1])),
    "pages": lambda words: pages.run(msgspec.convert(words[0], pages.Who), int(words[1]), float(words[2])),
    "stall": lambda words: stall.run(msgspec.convert(words[0], stall.How), int(words[1]), float(words[2])),
    "slow_replies": lambda words: slow_replies.run(msgspec.convert(words[0], slow_replies.Late), float(words[1])),
    "soak": lambda words: soak.run(float(words[0])),
    "storing": lambda words: storing.run(msgspec.convert(words[0], storing.How)),
}


def _how(word: str) -> isolation.How | None:
    return None if word == "quiet" else msgspec.convert(word, isolation.How)


def main(words: Sequence[str]) -> None:
    """Measure and print."""
    logger.remove()
    logging.disable()  # tracebacks on a terminal are not what is measured
    result = SIDES[words[0]](words[1:])
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
