"""The names that dbt 1.8 moved, put where dbt-mysql 1.7.0 still looks for them.

dbt-mysql is imported unmodified. The old names exist while it is imported. Then they are removed, so that no
other adapter in the process sees them. dbt-mysql looks `dbt.exceptions.*` up at run time, and finds them in
the global `dbt` of its own modules.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType, SimpleNamespace

import dbt.adapters.exceptions
import dbt_common.exceptions
from dbt.adapters.contracts.connection import AdapterResponse, Connection, Credentials
from dbt.adapters.events.logging import AdapterLogger
from dbt_common.clients import agate_helper
from dbt_common.contracts.constraints import ConstraintType
from dbt_common.exceptions import DbtRuntimeError
from dbt_common.utils.executor import executor

PARENT = "1.7.0"
"""The release of dbt-mysql that this plugin is written for."""

MOVED = {
    "dbt.clients.agate_helper": {"DEFAULT_TYPE_TESTER": agate_helper.DEFAULT_TYPE_TESTER},
    "dbt.contracts.connection": {
        "AdapterResponse": AdapterResponse,
        "Connection": Connection,
        "Credentials": Credentials,
    },
    "dbt.contracts.graph.nodes": {"ConstraintType": ConstraintType},
    "dbt.events": {"AdapterLogger": AdapterLogger},
    "dbt.utils": {"executor": executor},
}
"""Old module → old names and what they are today."""

EXCEPTIONS = SimpleNamespace(
    CompilationError=dbt_common.exceptions.CompilationError,
    DbtDatabaseError=dbt_common.exceptions.DbtDatabaseError,
    DbtRuntimeError=DbtRuntimeError,
    FailedToConnectError=dbt.adapters.exceptions.FailedToConnectError,
)
"""What dbt-mysql raises, by the names under which it looks in `dbt.exceptions`."""

_ABSENT = object()


def require_parent() -> None:
    """Raise `DbtRuntimeError` with the command to run where dbt-mysql is missing or of another release."""
    command = f"pip install --no-deps dbt-mysql=={PARENT}"
    try:
        found = version("dbt-mysql")
    except PackageNotFoundError:
        raise DbtRuntimeError(f"dbt-mysql is not installed; run: {command}") from None
    if found != PARENT:
        raise DbtRuntimeError(f"dbt-mysql {found} is installed, {PARENT} is needed; run: {command}")


@contextmanager
def names_in_place() -> Iterator[None]:
    """Let the old names exist inside the block; afterwards every module is as it was."""
    undo: list[tuple[ModuleType, str, object]] = []
    made: list[tuple[str, ModuleType | None]] = []
    try:
        for name, values in MOVED.items():
            module = _module(name, made)
            for key, value in values.items():
                undo.append((module, key, vars(module).get(key, _ABSENT)))
                setattr(module, key, value)
        yield
    finally:
        for module, key, before in reversed(undo):
            if before is _ABSENT:
                delattr(module, key)
            else:
                setattr(module, key, before)
        for name, _ in reversed(made):
            sys.modules.pop(name, None)


def _module(name: str, made: list[tuple[str, ModuleType | None]]) -> ModuleType:
    """Import the module, or make an empty one of that name where today's dbt has none."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise
    parent, _, _ = name.rpartition(".")
    if parent != "dbt":
        _module(parent, made)
    module = ModuleType(name)
    module.__path__ = []
    sys.modules[name] = module
    made.append((name, None))
    return module


def bind_exceptions(*modules: ModuleType) -> None:
    """Give dbt-mysql's modules a global `dbt` whose `exceptions` holds what they raise."""
    for module in modules:
        module.dbt = SimpleNamespace(exceptions=EXCEPTIONS)  # type: ignore[attr-defined]
