"""The container files say what they must. What runs them is tested where there is a Docker: `docker compose config`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from tests.kit.processes import environment, eventually
from tests.kit.redis_server import program
from vortex.config import load

ROOT = Path(__file__).parents[1]
SECRETS = {"VORTEX__CONTROL__TOKEN": "t", "VORTEX__HOT_STORE__REDIS_PASSWORD": "p", "POSTGRES_PASSWORD": "q"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def test_every_service_is_confined(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}, name
        if name != "migrate":  # it ends by itself
            assert service["restart"] == "unless-stopped", name
            assert service["stop_grace_period"] == "60s", name
            assert service["healthcheck"]["test"], name
        assert not {"privileged", "network_mode", "pid", "cap_add", "devices"} & set(service), name


def test_ports_are_published_to_this_machine_alone(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert "ports" not in compose["services"]["redis"]


def test_the_page_is_served_where_its_port_is_published(compose: dict[str, Any]) -> None:
    vortex = compose["services"]["vortex"]
    settings = load([ROOT / "config" / "paper.toml"], {**vortex["environment"], "VORTEX__CONTROL__TOKEN": "t" * 40})
    assert (settings.config.dashboard.enabled, settings.config.dashboard.host) == (True, "0.0.0.0")  # noqa: S104  # inside
    assert f"127.0.0.1:8788:{settings.config.dashboard.port}" in vortex["ports"]


def test_state_is_in_named_volumes_and_the_ledger_s_server_is_optional(compose: dict[str, Any]) -> None:
    mounted = {
        volume.partition(":")[0] for service in compose["services"].values() for volume in service.get("volumes", ())
    }
    assert {name for name in mounted if not name.startswith(".")} == set(compose["volumes"])
    assert [name for name, service in compose["services"].items() if "profiles" in service] == ["postgres", "migrate"]


def test_no_secret_is_written_and_none_is_an_argument(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN|AUTH|KEY", key):
                assert str(value).startswith("${"), key
        assert "requirepass" not in " ".join(map(str, service.get("command", ()))).partition("<<CONF")[0]


def test_redis_keeps_positions_and_evicts_what_expires(compose: dict[str, Any], tmp_path: Path) -> None:
    """The very options run here, but for the directory; a stop reaches the server itself, which then ends in order."""
    script = compose["services"]["redis"]["command"][2]
    for option in ("--appendonly yes", "--maxmemory-policy volatile-lru", "--maxmemory "):
        assert option in script
    run = script.replace("$$", "$").replace("--dir /data", f"--dir {tmp_path} --unixsocket {tmp_path}/s --port 0")
    with subprocess.Popen(["/bin/sh", "-c", run.replace("exec redis-server", f"exec {program()}")],  # noqa: S603  # ours
                          env={"REDISCLI_AUTH": "right"}, stdout=subprocess.PIPE, text=True) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            eventually((tmp_path / "s").exists, 60.0, "the socket")
            with redis.Redis(unix_socket_path=f"{tmp_path}/s", password="right") as client:
                assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
            with redis.Redis(unix_socket_path=f"{tmp_path}/s") as stranger, pytest.raises(redis.AuthenticationError):
                stranger.ping()
            server.terminate()
            assert server.wait(60) == 0
        finally:
            server.kill()


def test_the_image_is_built_from_the_lock_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    _, build, final = text.split("\nFROM ")
    assert "--require-hashes --no-deps --only-binary :all: -r /src/requirements.lock" in build
    assert not re.search(r"\b(gcc|g\+\+|build-essential|apt-get)\b", text)
    assert final.index("USER vortex") < final.index("ENTRYPOINT")
    assert "HEALTHCHECK" in final
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*)", text, re.MULTILINE) for word in line.split()[:-1]]
    assert [word for word in copied if not (ROOT / word).exists()] == []
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == sent


def test_docker_compose_understands_it() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:  # noqa: S603  # found in the path
        pytest.skip("docker compose is not installed")
    done = subprocess.run(  # noqa: S603  # as above
        [docker, "compose", "--file", "docker-compose.yml", "--profile", "postgres", "config", "--quiet"],
        cwd=ROOT, env=environment(**SECRETS), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
