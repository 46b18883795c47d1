"""The file of a record: gzip members, each with its own checksum, so that a killed process leaves all but the last.

Each member holds what was noted within half a second, as MessagePack values with their lengths in front: the header
first, entries after it, and None when the run ended in order.
"""

from __future__ import annotations

import gzip
import secrets
import threading
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from loguru import logger

from vortex.app.replay.entries import (
    VERSION,
    Entry,
    Header,
    Note,
    Reconfigured,
    Record,
    RecordError,
    decode,
    encode,
)
from vortex.app.replay.recorder import Noted, Recorder
from vortex.app.wiring import Ports
from vortex.config.schema import Config
from vortex.domain.pnl import RowLabels
from vortex.ports import Clock

EVERY_S = 0.5
LEVEL = 1
"""Of compression: a book told to five actors costs little more than once even so."""
MIB = 1 << 20
LENGTH = 4
END: bytes = encode(None)


class Recording:
    """Writes what happens into a file, on a thread of its own, until `close` or until the file is full.

    Args:
        path: The file; it must not exist.
        config: The effective configuration; its secrets are not written.
        labels: What every output of the run is marked with.
        clock: The injected clock.
        most_mib: Size at which the recording ends; the run goes on without it.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(self, path: Path, config: Config, labels: RowLabels, clock: Clock, most_mib: int) -> None:
        self._notes: SimpleQueue[Noted] = SimpleQueue()
        self.recorder = Recorder(clock, self._notes.put)
        self._seed = secrets.token_hex(16)
        self._most_bytes = most_mib * MIB
        self._file = path.open("xb")
        self._closing = threading.Event()
        self._write([encode(Header(seed=self._seed, config=config, labels=labels))])
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def ports(self, ports: Ports) -> Ports:
        """The ports that the recorded actors are to use."""
        return self.recorder.ports(ports, self._seed)

    def reconfigured(self, config: Config) -> None:
        """Note the configuration of symbols that are added from now on."""
        self.recorder.keep(Reconfigured(config))

    def close(self) -> None:
        """Write what was noted and the end. May be repeated."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closing.wait(EVERY_S):
                self._write(_drained(self._notes))
                if self._file.tell() > self._most_bytes:
                    logger.warning("{} is full: inputs are not recorded any more", self._file.name)
                    return
            self._write([*_drained(self._notes), END])
        except (OSError, TypeError) as error:
            logger.error("{}: inputs are not recorded any more: {}", self._file.name, error)
        finally:
            self.recorder.keep = _forget
            self._file.close()

    def _write(self, values: Iterable[bytes]) -> None:
        frames = b"".join(len(value).to_bytes(LENGTH) + value for value in values)
        if frames:
            self._file.write(gzip.compress(frames, LEVEL))
            self._file.flush()


class _Entries:
    """The entries of a file, read anew each time, since a long run would not fit into memory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __iter__(self) -> Iterator[Entry]:
        values = _values(self._path)
        next(values)
        for value in values:
            if value != END:
                yield decode(value, Entry)


def read(path: Path) -> Record:
    """Open a record; one that ends in the middle goes as far as it goes.

    Raises:
        RecordError: The file is no record, of another version, or damaged.
        OSError: It cannot be read.
    """
    values = _values(path)
    first = next(values, b"")
    last = deque(values, maxlen=1)
    if not first:
        raise RecordError(f"{path} holds no record")
    header: Header = decode(first, Header)
    if header.version != VERSION:
        raise RecordError(f"{path} is of version {header.version}, this program reads version {VERSION}")
    return Record(header, _Entries(path), whole=END in last)


def as_entry(noted: Noted) -> Entry:
    """What was noted as it is written."""
    return noted.written() if isinstance(noted, Note) else noted


def _values(path: Path) -> Iterator[bytes]:
    """Every value of a file, up to where a killed process left it."""
    try:
        with gzip.open(path) as file, suppress(EOFError):
            while length := file.read(LENGTH):
                yield file.read(int.from_bytes(length))
    except (gzip.BadGzipFile, zlib.error) as error:
        raise RecordError(f"{path} is damaged, or no record: {error}") from error


def _drained(notes: SimpleQueue[Noted]) -> Iterator[bytes]:
    """What waits now."""
    for _ in range(notes.qsize()):
        yield encode(as_entry(notes.get()))


def _forget(_noted: Noted) -> None:
    """Nobody records any more."""
