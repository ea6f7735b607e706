"""Each service of docker-compose.yml runs its command and its health check, with the sandbox's programs.

No Docker runs here. Names of services become loopback, folders and ports become the test's, and `mongosh`
comes from npm; all else is as it is written. MariaDB's health check is a script of its image, so its two
questions are asked by SQL.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from pos_sandbox import mariadb, mongo_tools
from pos_sandbox.process import HOST
from pos_sandbox.settings import Ports, cache_folder

MONGOSH = "mongosh@2.12.0"
DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "docker-compose.yml").read_text(encoding="utf-8")
)
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
LOCAL = '"127.0.0.1:" + port'
NAMES = ('name + ":" + port', 'name + (number ? "_" + (number + 1) : "") + ":" + port')
"""How the scripts write a host from a service's name."""
SECONDS = 300


@dataclass
class Services:
    """Running services in a folder; `ports` maps each port of the file to one of the test's."""

    folder: Path
    ports: dict[str, str]
    mongosh: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def moved(self, name: str, word: str) -> str:
        """One word of a command, with this test's ports and folders."""
        for service in sorted(SERVICES, key=len, reverse=True):
            word = word.replace(f"{service}:", f"{HOST}:")
        for written, ours in self.ports.items():
            word = word.replace(written, ours)
        word = word.replace("--bind_ip_all", f"--bind_ip={HOST}")
        return word.replace("/data/db", str(self.folder / name)).replace("/mongo-", f"{self.folder}/mongo-")

    def start(self, name: str) -> None:
        """Run the command of a server."""
        program, *words = SERVICES[name]["command"]
        (self.folder / name).mkdir()
        command = [*getattr(mongo_tools.find(cache_folder(), print), program)]
        command += [self.moved(name, word) for word in words]
        with (self.folder / f"{name}.out").open("wb") as output:
            self.running[name] = subprocess.Popen(command, stdout=output, stderr=output)

    def check(self, name: str) -> int:
        """Run the health check of a server once."""
        kind, program, *words = SERVICES[name]["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "mongosh")
        command = [str(self.mongosh), *(self.moved(name, word) for word in words)]
        return subprocess.run(command, capture_output=True, check=False, timeout=120).returncode

    def wait(self, name: str) -> None:
        """Wait until a server is healthy."""
        end = time.monotonic() + SECONDS
        while self.check(name):
            assert self.running[name].poll() is None, (self.folder / f"{name}.out").read_text()[-2000:]
            assert time.monotonic() < end, f"{name} is not healthy"

    def script(self, name: str) -> None:
        """Run a service that works and ends."""
        (config,) = SERVICES[name]["configs"]
        text = DOCUMENT["configs"][config["source"]]["content"]
        for written in NAMES:
            text = text.replace(written, LOCAL)
        for written, ours in self.ports.items():
            text = text.replace(written, ours)
        (self.folder / config["target"].lstrip("/")).write_text(text.replace('"mongos:', f'"{HOST}:'))
        program, *words = SERVICES[name]["command"]
        assert program == "mongosh"
        done = subprocess.run(
            [str(self.mongosh), *(self.moved(name, word) for word in words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def services(tmp_path: Path, free_ports: Callable[[], Ports]) -> Iterator[Services]:
    shell = tmp_path / "shell"
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(shell), MONGOSH]
    subprocess.run(npm, check=True, capture_output=True, timeout=300)
    ports, defaults = free_ports(), Ports()
    moved = {
        str(getattr(defaults, name)): str(getattr(ports, name)) for name in vars(defaults) if name != "more"
    }
    moved |= {str(port): str(ours) for port, ours in zip(defaults.further, ports.further, strict=True)}
    made = Services(tmp_path, moved, shell / "node_modules" / ".bin" / "mongosh")
    try:
        yield made
    finally:
        for process in made.running.values():
            process.kill()
            process.wait()


@pytest.mark.long
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("profile", [None, "members"])
def test_mongodbs_services_become_healthy(services: Services, profile: str | None) -> None:
    wanted = [
        name
        for name, service in SERVICES.items()
        if service["command"][0] in ("mongod", "mongos") and service.get("profiles", [profile]) == [profile]
    ]
    for name in wanted:
        services.start(name)
    for name in wanted:
        if SERVICES[name]["command"][0] == "mongod":
            services.wait(name)
    assert services.check("mongos") != 0  # it waits for mongo-init, as the file says
    services.script("mongo-init")
    if profile:
        services.script("mongo-members")
    for name in wanted:
        services.wait(name)


def test_mariadbs_service_takes_its_command(tmp_path: Path, free_ports: Callable[[], Ports]) -> None:
    program, *words = SERVICES["mariadb"]["command"]
    own = mariadb.server(tmp_path, free_ports().mariadb)
    places = [flag for flag in own.flags if flag not in mariadb.TUNING and "skip-test" not in flag]
    (mariadbd,) = mariadb.prepare(tmp_path)
    assert mariadbd.endswith(f"/{program}")
    own.log.parent.mkdir()
    with subprocess.Popen([mariadbd, *places, *words]) as process:
        try:
            end = time.monotonic() + SECONDS
            while mariadb.version(own.port) is None:  # --connect
                assert process.poll() is None, own.log.read_text()[-2000:]
                assert time.monotonic() < end
            with mariadb.connect(port=own.port) as connection:
                cursor = connection.cursor()
                cursor.execute("select count(*) > 0 from information_schema.innodb_sys_tables")
                assert cursor.fetchall() == [(1,)]  # --innodb_initialized
        finally:
            process.terminate()
