"""Peers that a machine cannot run are left out; wrong work is not measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks import check, environments
from benchmarks.contenders import CHANGED, CONTENDERS
from benchmarks.setting import Setting

COUNTS = {"documents": 500, "inserted": 0, "replaced": 5, "unchanged": 495, "deleted": 0}


def test_spark_is_left_out_where_there_is_no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert environments.lacks("spark").startswith("there is no Java ")
    assert environments.lacks("ingestr") == ""


def test_spark_is_left_out_where_there_is_no_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _java(tmp_path, "17.0.15", monkeypatch)
    monkeypatch.setattr(environments, "JDBC", tmp_path / "driver.jar")
    monkeypatch.delenv("POS_SPARK_JARS", raising=False)
    assert "libmariadb-java" in environments.lacks("spark")
    monkeypatch.setenv("POS_SPARK_JARS", "one.jar,two.jar")
    assert (environments.lacks("spark"), environments.jars()) == ("", ["one.jar", "two.jar"])


def test_spark_is_left_out_where_java_is_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _java(tmp_path, "11.0.2", monkeypatch)
    assert environments.lacks("spark").startswith("there is Java 11 ")


def _java(folder: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)


@pytest.mark.parametrize("peer", sorted({each.environment for each in CONTENDERS.values()} - {""}))
def test_every_peer_is_locked_to_hashes(peer: str) -> None:
    locked = (Path(environments.__file__).with_name(f"{peer}.txt")).read_text()
    assert re.search(rf"^(py)?{peer}==\S+ \\\n    --hash=sha256:", locked, re.MULTILINE)
    assert "://" not in locked


@pytest.mark.parametrize(("changed", "wrong"), [(5, False), (6, True)])
def test_a_load_that_changed_something_else_is_refused(tmp_path: Path, changed: int, wrong: bool) -> None:
    (tmp_path / "load_results.json").write_text(json.dumps({"collections": [COUNTS]}))
    setting = Setting(0, "", "", "", str(tmp_path))
    if wrong:
        with pytest.raises(SystemExit, match="1% changed: documents differ"):
            check.loaded(CHANGED, setting, changed)
    else:
        check.loaded(CHANGED, setting, changed)
