"""Telling people: the notifier of a run, and the proof that an address works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec
from loguru import logger

from vortex.adapters.notify.apprise import AddressError, AppriseAddress, open_addresses
from vortex.adapters.notify.notifier import Notifier
from vortex.app.logs.masking import Masker, secrets_of
from vortex.app.preflight import Check, Verdict
from vortex.config import Config, ConfigError
from vortex.domain.notify.day import Day
from vortex.domain.notify.teller import Teller, TellingRules
from vortex.ports import Clock

NAME = "notifications"
TEST_S = 10.0
"""An address that has not taken the test message by then does not work, real seconds."""
CLOSE_S = 1.0
"""At the end, for what is still to be told; whoever does not take it by then is not waited for."""


def open_notifier(config: Config, label: str, clock: Clock, kept: Path) -> Notifier | None:
    """The notifier of a run, not started yet; None when nobody is to be told.

    Args:
        config: Its `[notify]` section.
        label: Which run this is.
        clock: The injected clock.
        kept: The file in which the day's figures outlive the process.

    Raises:
        ConfigError: An address cannot be used.
        OSError: In live mode: one does not take a test message now, which may pass by itself.
    """
    addresses = _addresses(config)
    if not addresses:
        return None
    if config.mode == "live":
        _prove(addresses, label)
    settings = config.notify
    rules = TellingRules(
        mute=frozenset(settings.mute), most_per_min=settings.most_per_min, digest_ms=settings.digest_s * 1_000
    )
    teller = Teller(rules, clock.now_ms(), _kept(kept))
    mask = Masker(secrets_of(config))
    return Notifier(teller, addresses, label=label, clock=clock, keep=lambda: _keep(kept, teller.day), mask=mask)


def check(config: Config, label: str = "VORTEX-7") -> Check:
    """Send one test message to every address; blocks for at most 10 s. What failed is in the detail."""
    if not config.notify.urls:
        verdict = Verdict.FAILED if config.mode == "live" and not config.notify.none else Verdict.NOT_CHECKED
        return Check(name=NAME, verdict=verdict, detail="no address in [notify] urls: nobody is told of trouble")
    try:
        failures = _try(_addresses(config), f"{label}\ntest: this address works")
    except ConfigError as error:
        return Check(name=NAME, verdict=Verdict.FAILED, detail=str(error))
    if failures:
        return Check(name=NAME, verdict=Verdict.FAILED, detail="; ".join(failures), passing=True)
    return Check(name=NAME, verdict=Verdict.OK, detail=f"a test message was taken by {len(config.notify.urls)}")


def _addresses(config: Config) -> list[AppriseAddress]:
    try:
        return open_addresses([url.reveal() for url in config.notify.urls])
    except AddressError as error:
        raise ConfigError(str(error)) from error


def _prove(addresses: list[AppriseAddress], label: str) -> None:
    failures = _try(addresses, f"{label}\ntest: a start with real money; whoever reads this is told of trouble")
    if failures:
        raise OSError(
            f"notify.urls: {'; '.join(failures)}: expected addresses that take a test message in live mode, "
            "or notify.none = true"
        )


def _try(addresses: list[AppriseAddress], text: str) -> list[str]:
    """What did not work; all are tried at once."""
    answers: SimpleQueue[tuple[str, str | None]] = SimpleQueue()

    def send(address: AppriseAddress) -> Callable[[], None]:
        return lambda: answers.put((address.name, address.send(text)))

    for address in addresses:
        threading.Thread(target=send(address), name="notification test", daemon=True).start()
    failures = {address.name: f"no answer within {TEST_S:g} s" for address in addresses}
    deadline_s = time.monotonic() + TEST_S
    with suppress(Empty):
        for _ in addresses:
            name, failure = answers.get(timeout=max(0.0, deadline_s - time.monotonic()))
            del failures[name]
            if failure is not None:
                failures[name] = failure
    return [f"{name}: {failure}" for name, failure in failures.items()]


def _kept(path: Path) -> Day | None:
    """What an earlier run counted; a file that cannot be read is no reason not to start."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Day) if path.exists() else None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        logger.warning("{}: the day's figures begin anew: {}", path, error)
        return None


def _keep(path: Path, day: Day) -> None:
    draft = path.with_suffix(".new")
    try:
        draft.write_bytes(msgspec.json.encode(day))
        draft.replace(path)
    except OSError as error:
        logger.warning("{}: the day's figures are not kept: {}", path, error)
