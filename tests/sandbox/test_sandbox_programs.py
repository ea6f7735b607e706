"""Finding and fetching programs: the order of places, sources of the libraries, interrupted downloads."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pos_sandbox import arm64, cache, mariadb, mongo_tools, versions
from pos_sandbox.cli import app
from pos_sandbox.errors import ServerError, UsageError
from pos_sandbox.settings import Ports

APT = shutil.which("apt-get") or "apt-get"
ONE_LINE = "deb [arch=amd64] http://mirror.example/debian bookworm main contrib\n"
DEB822 = (
    "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"
)
THIRD_PARTY = "deb http://other.example/repository nodistro main\n"


@pytest.fixture
def apt_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Point apt at a configuration that holds one file of sources, in place of the machine's."""

    def configure(name: str, content: str) -> None:
        parts = tmp_path / "sources.list.d"
        parts.mkdir()
        (parts / "another.list").write_text(THIRD_PARTY)
        (parts / name).write_text(content)
        config = tmp_path / "apt.conf"
        config.write_text(f'Dir::Etc::SourceList "/dev/null"; Dir::Etc::SourceParts "{parts}";\n')
        monkeypatch.setenv("APT_CONFIG", str(config))
        monkeypatch.delenv("POS_DEBIAN_MIRROR", raising=False)

    return configure


@pytest.mark.parametrize(("name", "content"), [("debian.list", ONE_LINE), ("debian.sources", DEB822)])
def test_the_mirror_comes_from_the_configuration_of_apt(
    apt_with: Callable[[str, str], None], name: str, content: str
) -> None:
    apt_with(name, content)
    lines = arm64._sources(APT).splitlines()
    assert [line.split("] ")[1] for line in lines] == [
        "http://mirror.example/debian/ bookworm main",
        "http://mirror.example/debian/ bullseye main",
    ]
    assert all("arch=arm64" in line for line in lines)


def test_a_machine_without_a_debian_mirror_is_told_what_to_set(apt_with: Callable[[str, str], None]) -> None:
    apt_with("ubuntu.list", "deb http://mirror.example/ubuntu noble main\n")
    with pytest.raises(UsageError, match="POS_DEBIAN_MIRROR"):
        arm64._sources(APT)


def test_a_mirror_whose_key_is_missing_names_the_package() -> None:
    apt = ["sh", "-c", "echo \"E: The repository 'x bookworm InRelease' is not signed.\" >&2; exit 100"]
    with pytest.raises(ServerError, match="install debian-archive-keyring and rerun"):
        cache.run(apt, what="apt-get update", where="arm64 libraries")


@pytest.mark.parametrize(("user", "flags"), [(0, ["--user=root"]), (1000, [])])
def test_only_root_names_mariadbs_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, flags: list[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    server = mariadb.server(tmp_path, 33306)
    assert [flag for flag in server.flags if flag.startswith("--user=")] == flags


def test_a_killed_download_leaves_nothing_and_is_repeated(tmp_path: Path) -> None:
    final = tmp_path / "programs"
    (tmp_path / "partial-of-a-killed-run").mkdir()
    with cache.locked(tmp_path):
        with pytest.raises(KeyboardInterrupt):
            _unpack(final, "half", KeyboardInterrupt())
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
        _unpack(final, "whole", None)
    assert (final / "mongod").read_text() == "whole"


def _unpack(final: Path, content: str, interruption: BaseException | None) -> None:
    with cache.in_place(final) as partial:
        (partial / "mongod").write_text(content)
        if interruption:
            raise interruption


def test_another_content_than_the_pinned_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.write_text("not it")
    with pytest.raises(UsageError, match=f"is not the expected {versions.SHA256['mongod']} \\(mongod\\)"):
        arm64._check(program, versions.SHA256["mongod"])


def fake(folder: Path, name: str, version: str) -> None:
    """Write a program that only knows its version."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho 'db version v{version}'\n")
    (folder / name).chmod(0o755)


def test_pos_mongo_bin_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("chosen", "on-path"):
        for name in ("mongod", "mongos"):
            fake(tmp_path / folder, name, "7.0.12")
    monkeypatch.setenv("PATH", str(tmp_path / "on-path"), prepend=":")
    monkeypatch.delenv("POS_MONGO_BIN", raising=False)
    assert mongo_tools.find(tmp_path, print).mongos == (str(tmp_path / "on-path" / "mongos"),)
    monkeypatch.setenv("POS_MONGO_BIN", str(tmp_path / "chosen"))
    assert mongo_tools.find(tmp_path, print).mongod == (str(tmp_path / "chosen" / "mongod"),)


def test_a_single_server_takes_a_mongod_that_has_no_mongos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("chosen", "on-path"):
        fake(tmp_path / folder, "mongod", "7.0.12")
    monkeypatch.setenv("PATH", str(tmp_path / "on-path"), prepend=":")
    monkeypatch.delenv("POS_MONGO_BIN", raising=False)
    assert mongo_tools.find_native(tmp_path, print) == (str(tmp_path / "on-path" / "mongod"),)
    monkeypatch.setenv("POS_MONGO_BIN", str(tmp_path / "chosen"))
    assert mongo_tools.find_native(tmp_path, print) == (str(tmp_path / "chosen" / "mongod"),)


def test_mongod_and_mongos_of_two_releases_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path, "mongod", "6.0.5")
    fake(tmp_path, "mongos", "7.0.11")
    monkeypatch.setenv("POS_MONGO_BIN", str(tmp_path))
    with pytest.raises(UsageError, match=r"mongod 6\.0 and mongos 7\.0 do not work together"):
        mongo_tools.find(tmp_path, print)


def test_a_folder_without_the_programs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POS_MONGO_BIN", str(tmp_path))
    with pytest.raises(UsageError, match=f"no mongod in {tmp_path} \\(POS_MONGO_BIN\\)"):
        mongo_tools.find(tmp_path, print)


def test_a_missing_program_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pos_sandbox.mariadb.SEARCH", "")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"qemu-aarch64 is missing \(PATH\); apt-get install qemu-user"):
        arm64.fetch(tmp_path, emulate=True, note=print)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--mariadb-port=27117"], "port 27117 is given twice (mariadb, mongos)"),
        (["--mongos-port=70000"], "port 70000 is not in 1-65535 (mongos)"),
    ],
)
def test_impossible_ports_are_one_line(tmp_path: Path, arguments: list[str], expected: str) -> None:
    done = CliRunner().invoke(app, ["up", "--dir", str(tmp_path / "new"), *arguments])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert expected in done.stderr


def test_ports_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POS_SANDBOX_SHARD1_PORT", str(Ports().config))
    done = CliRunner().invoke(app, ["up", "--dir", str(tmp_path / "new")])
    assert f"port {Ports().config} is given twice" in done.stderr


def test_status_and_down_before_the_first_up(tmp_path: Path) -> None:
    folder = str(tmp_path / "new")
    status = CliRunner().invoke(app, ["status", "--dir", folder])
    assert (status.exit_code, status.stdout.count("stopped")) == (1, 5)
    down = CliRunner().invoke(app, ["down", "--erase", "--dir", folder])
    assert (down.exit_code, down.stderr) == (0, "pos-sandbox: nothing was running\n")


@pytest.mark.parametrize("command", app.registered_commands, ids=lambda command: command.callback.__name__)
def test_every_command_has_help_and_an_example(command: object) -> None:
    name = getattr(command, "name", None) or command.callback.__name__  # type: ignore[attr-defined]
    shown = CliRunner().invoke(app, [name, "--help"]).stdout
    assert f"Example: pos-sandbox {name}" in shown
    assert command.callback.__doc__  # type: ignore[attr-defined]


def test_a_damaged_state_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "sandbox.json").write_text("{")
    done = CliRunner().invoke(app, ["status", "--dir", str(tmp_path)])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "state file is damaged" in done.stderr
