"""The names that dbt has moved exist while dbt-mysql is imported, and at no other time."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest
from dbt_common.exceptions import DbtRuntimeError

from dbt.adapters.mariadb_marts import moved


def test_no_old_name_is_left_behind() -> None:
    script = (
        "import dbt.adapters.mariadb_marts, dbt.adapters.factory, sys\n"
        "from dbt.adapters.mariadb_marts import moved\n"
        "import dbt.events, dbt.utils, dbt.contracts.graph.nodes, dbt.exceptions\n"
        "assert 'dbt.contracts.connection' not in sys.modules\n"
        "assert 'dbt.clients.agate_helper' not in sys.modules\n"
        "assert not hasattr(dbt.events, 'AdapterLogger')\n"
        "assert not hasattr(dbt.utils, 'executor')\n"
        "assert dbt.exceptions is not moved.EXCEPTIONS\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_another_adapter_works_in_the_same_process() -> None:
    """Each finds its own exceptions: the parent's modules have a `dbt` of their own."""
    script = (
        "import dbt.adapters.mariadb_marts\n"
        "from dbt.adapters.mariadb import connections\n"
        "import dbt.exceptions, dbt\n"
        "assert connections.dbt.exceptions.FailedToConnectError\n"
        "assert connections.dbt is not dbt\n"
        "from dbt.adapters.base import AdapterPlugin\n"
        "from dbt.adapters.sql import SQLAdapter\n"
        "assert not hasattr(dbt.exceptions, 'FailedToConnectError')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "dbt-mysql is not installed"),
        ("1.6.0", "dbt-mysql 1.6.0 is installed, 1.7.0 is needed"),
    ],
)
def test_a_missing_parent_is_one_line_with_the_command(
    found: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(_: str) -> str:
        if found is None:
            raise PackageNotFoundError
        return found

    monkeypatch.setattr(moved, "version", version)
    with pytest.raises(DbtRuntimeError) as error:
        moved.require_parent()
    assert str(error.value.msg) == f"{said}; run: pip install --no-deps dbt-mysql==1.7.0"


def test_names_are_put_back_as_they_were() -> None:
    with moved.names_in_place():
        assert "dbt.contracts.connection" in sys.modules
    assert "dbt.contracts.connection" not in sys.modules
