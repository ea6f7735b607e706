"""Sandbox tests say themselves which folder, ports and server they mean."""

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("POS_SANDBOX_", "POS_MARIADB_")):
            monkeypatch.delenv(name)
