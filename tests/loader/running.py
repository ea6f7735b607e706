"""`pos-loader` as a process of its own, between a warehouse and a MongoDB database."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database
from typer.testing import CliRunner

from pos_loader.cli import app
from tests import forked
from tests.warehouse import Warehouse

Documents = Database[dict[str, Any]]
ERROR = "pos-loader: error: "
LEASES = "pos_loader_leases"
NESTED = "customer_order_history", "product_purchase_details"
SELECTING = "load", "plan", "verify", "status"


@dataclass(frozen=True)
class Finished:
    """What a run ended in."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What it printed, with `--json`."""
        return json.loads(self.stdout)

    @property
    def error(self) -> str:
        """The one line of an error; anything more on stderr, or data on stdout, fails the test."""
        assert self.stderr.startswith(ERROR), self.stderr
        assert self.stderr.count("\n") == 1, self.stderr
        assert not self.stdout
        return self.stderr.removeprefix(ERROR).strip()


@dataclass(frozen=True)
class Loader:
    """The command with the settings of one warehouse and one MongoDB database.

    A run without a --select of its own works on `select`: the two nested collections unless told otherwise,
    whatever else the project declares; all collections where it is empty.
    """

    warehouse: Warehouse
    mongo_uri: str
    database: str
    select: tuple[str, ...] = NESTED

    def run(self, *arguments: str, **environment: str) -> Finished:
        """Run to the end; the keywords are environment variables."""
        done = forked.run(
            "pos_loader",
            self._selecting(arguments),
            cwd=self.warehouse.project,
            env={**self.settings, **environment},
            timeout=300,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    def done(self, *arguments: str, **environment: str) -> Finished:
        """Run to the end; a run that fails fails the test."""
        finished = self.run(*arguments, **environment)
        assert finished.code == 0, finished
        return finished

    def invoke(self, *arguments: str, **environment: str) -> Finished:
        """Run within this process, which spares a start of Python: for runs that end in an error."""
        settings = {**self.settings, "POS_PROJECT_DIR": str(self.warehouse.project), **environment}
        result = CliRunner().invoke(app, self._selecting(arguments), env=settings)
        assert isinstance(result.exception, SystemExit | None), result.exception
        return Finished(result.exit_code, result.stdout, result.stderr)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start and return the running process."""
        return subprocess.Popen(
            [sys.executable, "-m", "pos_loader", *self._selecting(arguments)],
            cwd=self.warehouse.project,
            env={**self.settings, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _selecting(self, arguments: tuple[str, ...]) -> list[str]:
        if arguments[0] not in SELECTING or "--select" in arguments:
            return [*arguments]
        return [*arguments, *(word for name in self.select for word in ("--select", name))]

    @property
    def settings(self) -> dict[str, str]:
        """The environment of every run."""
        return {
            **self.warehouse.environment,
            "POS_MONGO_URI": self.mongo_uri,
            "POS_MONGO_DATABASE": self.database,
            "POS_PROFILES_DIR": str(self.warehouse.profiles_dir),
            "POS_TARGET_PATH": str(self.warehouse.target_path),
        }

    @property
    def results(self) -> Path:
        """Where a load writes what it did."""
        return self.warehouse.target_path / "load_results.json"


def content(database: Documents, collection: str) -> bytes:
    """Every byte of a collection's documents, in `_id` order."""
    batches: Any = database[collection].find_raw_batches(sort=[("_id", 1)])
    return b"".join(batches)


def left_behind(database: Documents) -> list[str]:
    """Build collections and leases that outlived their load."""
    builds = database.list_collection_names(filter={"name": {"$regex": "__build_"}})
    return builds + [str(each["_id"]) for each in database[LEASES].find()]


def mark_end(database: Documents) -> Any:
    """Insert a document into `end`, so that a reader of the changes knows when to stop; return its `_id`.

    A router hands on a change when it has heard from every shard. An idle shard reports every 10 s, and at
    once when its log gets a note.
    """
    end = database["end"].insert_one({}).inserted_id
    database.client.admin.command("appendOplogNote", data={"end": str(end)})
    return end


def connect(uri: str) -> MongoClient[dict[str, Any]]:
    """Open a client of the tests' own, for a `with` block."""
    return MongoClient(uri, serverSelectionTimeoutMS=10_000)
