"""One run in this process: what it refuses, what it leaves behind, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NoReturn

import pytest
from loguru import logger
from msgspec import structs

from tests.app.kit import TIMEOUT_S
from tests.kit.processes import eventually, get, post
from tests.sim.server.kit import Running, options_of, running, short_capture
from vortex.app.children.simulator import SimulatorFailedError
from vortex.app.data_dir import AlreadyRunningError, DataDir, read_run
from vortex.app.doctor.exchange import STARTUP
from vortex.app.life import Life
from vortex.app.live import run as run_loaded
from vortex.config import Config, ConfigError, Loaded, Secret
from vortex.config.sections import Chaos, Control, Exchange, Runtime, Sim

pytestmark = pytest.mark.e2e
SOON_S = 60.0


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(options_of(short_capture(tmp_path_factory.mktemp("live")))) as simulator:
        yield simulator


@pytest.fixture
def config(tmp_path: Path, simulator: Running) -> Config:
    return Config(
        trading_pairs=("BTCUSDT",),
        profile="own profile",
        data_dir=str(tmp_path / "data"),
        exchange=Exchange(simulator_url=simulator.server.url, api_key=Secret("paper"), secret_key=Secret("paper")),
        control=Control(port=0),
        chaos=Chaos(enabled=True),
    )


def run(config: Config, life: Life, seconds: float | None = None, *notes: str, halt: bool = False) -> int:
    """A run that reads the same configuration again and again."""
    loaded = Loaded(config=config, origins={}, notes=notes, halt=halt)
    return run_loaded(loaded, life, seconds, read=lambda: loaded)


def never(code: int) -> NoReturn:
    raise AssertionError(f"hard exit {code}")


@contextmanager
def leaves_nothing(config: Config) -> Iterator[None]:
    """Threads, run.json and the lock are as before, whatever happens in the block."""
    before = set(threading.enumerate())
    yield
    own = [thread for thread in threading.enumerate() if thread not in before and thread.name != "AnyIO worker thread"]
    for thread in own:
        thread.join(TIMEOUT_S)
    assert [thread.name for thread in own if thread.is_alive()] == []
    assert read_run(Path(config.data_dir)) is None
    DataDir.claim(config).release()


@contextmanager
def lines() -> Iterator[list[str]]:
    """What is logged in the block."""
    logged: list[str] = []
    sink = logger.add(lambda message: logged.append(message.record["message"]), level="INFO")
    try:
        yield logged
    finally:
        logger.remove(sink)


def url_of(config: Config) -> str:
    """The control API of the running system, once there is one."""
    found = eventually(lambda: read_run(Path(config.data_dir)), SOON_S, "run.json")
    return found.control_url


def test_a_run_is_labelled_ready_and_leaves_nothing(config: Config, simulator: Running) -> None:
    life, seen = Life(never), dict[str, object]()

    def look() -> None:
        url = url_of(config)
        eventually(lambda: get(f"{url}/readyz")["ready"], SOON_S, "ready")
        seen.update(json.loads((Path(config.data_dir) / "run.json").read_text()), status=get(f"{url}/api/status"))
        life.end(0, "seen enough")

    looker = threading.Thread(target=look)
    with leaves_nothing(config), lines() as logged:
        looker.start()
        assert run(config, life, 2 * SOON_S, "a remark") == 0
        looker.join()
    label = f"PAPER · own profile · {simulator.client.get('/sim/v1/market').body['label']}"
    assert logged[0] == f"{label}: BTCUSDT; a remark"
    assert seen["sim_url"] == simulator.server.url
    assert seen["mode"] == "paper"
    status = seen["status"]
    assert isinstance(status, dict)
    assert " · ".join((status["mode"].upper(), status["profile"], status["market_source"])) == label


def test_a_tree_that_gives_up_ends_with_70(config: Config) -> None:
    config = structs.replace(config, runtime=Runtime(root_restarts=0))
    life = Life(never)

    def crash() -> None:
        url = url_of(config)
        eventually(lambda: get(f"{url}/readyz")["ready"], SOON_S, "ready")
        post(f"{url}/api/chaos/crash", {"actor": "exchange"})

    crasher = threading.Thread(target=crash)
    with leaves_nothing(config), lines() as logged:
        crasher.start()
        assert run(config, life, 2 * SOON_S) == 70
        crasher.join()
    assert any("the actor tree gave up" in line for line in logged)


def test_the_service_manager_is_told_how_it_goes(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    life, heard = Life(never), list[str]()

    def listen(manager: socket.socket) -> None:
        while "STOPPING=1" not in heard:
            word = manager.recv(200).decode().partition("\n")[0]
            heard.append(word)
            if word == "READY=1" and "RELOADING=1" not in heard:
                life.on_hangup(signal.SIGHUP, None)
            elif word == "WATCHDOG=1" and heard.count("READY=1") == 2:
                life.end(0, "heard enough")

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(SOON_S)
        listener = threading.Thread(target=listen, args=(manager,))
        listener.start()
        with leaves_nothing(config):
            assert run(config, life, 2 * SOON_S) == 0
        listener.join()
    spoken = [word for word in heard if word != "WATCHDOG=1"]
    assert spoken == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


def children() -> set[int]:
    """Processes that the main thread has started."""
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


def test_a_simulator_that_dies_ends_the_run(config: Config, tmp_path: Path) -> None:
    sim = Sim(market=(f"BTCUSDT={short_capture(tmp_path)}",), port=0)
    config = structs.replace(config, exchange=Exchange(api_key=Secret("paper"), secret_key=Secret("paper")), sim=sim)
    life, others = Life(never), children()

    def kill() -> None:
        url_of(config)
        (child,) = children() - others
        os.kill(child, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    with leaves_nothing(config), lines() as logged:
        killer.start()
        assert run(config, life, 2 * SOON_S) == 1
        killer.join()
    assert "stopping: the simulator ended with code -9" in logged


@pytest.mark.parametrize("dispatcher", ["pool", "thread", "stock"])
def test_every_dispatcher_becomes_ready(config: Config, dispatcher: Literal["pool", "thread", "stock"]) -> None:
    config = structs.replace(config, runtime=Runtime(dispatcher=dispatcher))
    life, actors = Life(never), list[str]()

    def look() -> None:
        url = url_of(config)
        eventually(lambda: get(f"{url}/readyz")["ready"], SOON_S, "ready")
        actors.extend(thread.name for thread in threading.enumerate())
        life.end(0, "seen enough")

    looker = threading.Thread(target=look)
    with leaves_nothing(config):
        looker.start()
        assert run(config, life, 2 * SOON_S) == 0
        looker.join()
    assert ("BTCUSDT/E1" in actors) is (dispatcher != "pool")


def test_real_money_cannot_be_sent_anywhere_else(config: Config, simulator: Running) -> None:
    port = simulator.server.url.rpartition(":")[2]
    for url in (f"https://127.0.0.1:{port}", simulator.server.url):
        elsewhere = structs.replace(config, mode="live", exchange=structs.replace(config.exchange, rest_url=url))
        with leaves_nothing(elsewhere), pytest.raises(ConfigError, match="live mode must not connect to"):
            run(elsewhere, Life(never))


def test_the_account_is_checked_before_anything_trades(config: Config) -> None:
    life = Life(never)
    with leaves_nothing(config), lines() as logged:
        assert run(config, life, 0.0) == 0
    said = [line for line in logged if line.startswith("check: ")]
    assert [line.split(": ")[1] for line in said] == list(STARTUP)
    assert [line for line in said if ": FAILED: " in line] == []
    assert "check: position mode: ok: one-way" in said
    assert "check: key permissions: not checked: the simulator does not tell them" in said


def test_keys_that_the_exchange_does_not_know_are_not_checked_on_paper_but_said(
    config: Config, simulator: Running
) -> None:
    wrong = Exchange(simulator_url=simulator.server.url, api_key=Secret("wrong"), secret_key=Secret("wrong"))
    with lines() as logged:
        assert run(structs.replace(config, exchange=wrong), Life(never), 0.0) == 0
    assert any(line.startswith("check: balance: not checked: ApiError: HTTP 401, code -2014") for line in logged)


def test_a_second_run_is_refused(config: Config) -> None:
    claimed = DataDir.claim(config)
    with pytest.raises(AlreadyRunningError):
        run(config, Life(never))
    claimed.release()


def test_a_taken_control_port_is_refused_before_anything_starts(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = structs.replace(config, control=Control(port=taken.getsockname()[1]))
        with leaves_nothing(config), lines() as logged, pytest.raises(OSError, match="control API: cannot listen"):
            run(config, Life(never))
    assert logged == []


def test_an_exchange_that_does_not_answer_is_refused(config: Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    config = structs.replace(config, exchange=Exchange(simulator_url=url))
    with leaves_nothing(config), pytest.raises(OSError, match="no simulator answers"):
        run(config, Life(never))


def test_a_pair_that_is_not_listed_is_refused(config: Config) -> None:
    config = structs.replace(config, trading_pairs=("NOSUCHUSDT",))
    with leaves_nothing(config), pytest.raises(ConfigError, match="NOSUCHUSDT"):
        run(config, Life(never))


def test_a_simulator_that_does_not_come_up_is_refused(config: Config) -> None:
    config = structs.replace(config, exchange=Exchange(), sim=Sim(market=("nothing.gz",), port=0))
    with leaves_nothing(config), pytest.raises(SimulatorFailedError, match="before it was ready"):
        run(config, Life(never))


def test_the_hosts_of_another_mode_are_refused(config: Config) -> None:
    config = structs.replace(config, exchange=Exchange(simulator_url="http://10.0.0.1:1"))
    with leaves_nothing(config), pytest.raises(ConfigError, match="must not connect"):
        run(config, Life(never))
