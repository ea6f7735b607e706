"""The committed sample is what its generator writes."""

import subprocess
import sys
from pathlib import Path

from tests.warehouse import PROJECT


def test_generator_writes_the_committed_seeds(tmp_path: Path) -> None:
    subprocess.run([sys.executable, PROJECT / "seeds" / "generate.py", tmp_path], check=True)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_bytes() for path in (PROJECT / "seeds").glob("*.csv")}
