"""ingestr copies each mart into a collection of flat rows, replacing what is there; it cannot nest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.setting import TABLES, Setting

PREFIX = "flat_"
"""What the names of the collections begin with."""


def run(setting: Setting) -> None:
    """Copy one mart after another with the program in this Python's environment."""
    program = str(Path(sys.executable).with_name("ingestr"))
    source = f"mysql://pos:pos@127.0.0.1:{setting.mariadb_port}/{setting.schema}"
    for table in TABLES:
        command = [program, "ingest", "--yes", "--progress", "log", "--source-uri", source]
        command += ["--source-table", f"{setting.schema}.{table}", "--dest-uri", setting.mongo_uri]
        command += ["--dest-table", f"{setting.database}.{PREFIX}{table}"]
        silent = {**os.environ, "INGESTR_DISABLE_TELEMETRY": "true"}
        done = subprocess.run(command, env=silent, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"ingestr failed: {(done.stderr or done.stdout)[-500:]}")
