"""The project's manifest, and servers that the tests of waits may freeze, cut off and lock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loader.conftest import manifest as manifest
from tests.loader.manifests import Manifest
from tests.waits.stage import Stage, set_up


@pytest.fixture(scope="module")
def stage(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with set_up(tmp_path_factory.mktemp("stage"), manifest) as found:
        yield found
