"""Golden digests: the documents, exit codes and JSON outputs of the sample, as a recorded revision left them.

A change of structure leaves them as they are. A change that is meant to show is recorded with
`POS_RECORD_GOLDEN=1 pytest tests/queries/test_golden.py`, and the difference of `golden.yml` is reviewed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.loader.running import content
from tests.queries.conftest import QUERIES, Published

GOLDEN = Path(__file__).with_name("golden.yml")
RECORD = bool(os.environ.get("POS_RECORD_GOLDEN"))
VOLATILE = re.compile(
    r"(load_id|uuid|\w*_at|\w*seconds\w*|dbt_invocation|invocation|mariadb|mongodb|peak_memory|shards|host|uri|error|loads?|galera_node|run_warnings)$"
)
"""Fields of the outputs that differ from run to run: times, identities, addresses."""
LATER = {"moment", "waits", "zones"}
"""Fields that outputs have got since the digests were recorded; the rest must still be the same."""
COMMANDS = {
    "plan": ("plan", "--json"),
    "verify": ("verify", "--json"),
    "verify --quick": ("verify", "--quick", "--json"),
    "load": ("load", "--json"),
    "load --full-refresh": ("load", "--full-refresh", "--json"),
    "status": ("status", "--json"),
    "query": ("query", "--json"),
}


def steady(value: Any) -> Any:
    """The value without what differs from run to run."""
    match value:
        case dict():
            return {
                name: steady(each)
                for name, each in value.items()
                if not VOLATILE.match(name) and name not in LATER
            }
        case list():
            return [steady(each) for each in value]
        case _:
            return value


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def found(published: Published) -> dict[str, Any]:
    """The digest of each collection's documents, and each command's exit code and digest of its JSON."""
    names = {query.collection for query in QUERIES.values()}
    names |= {collection["name"] for collection in published.load["collections"]}
    documents = {name: digest(content(published.documents, name)) for name in sorted(names)}
    commands = {}
    for name, words in COMMANDS.items():
        finished = published.loader.run(*words, "--quiet")
        output = json.dumps(steady(finished.json), sort_keys=True).replace(
            published.loader.database, "DATABASE"
        )
        commands[name] = {"exit": finished.code, "output": digest(output.encode())}
    return {"documents": documents, "commands": commands}


def test_documents_exit_codes_and_outputs_are_those_recorded(published: Published) -> None:
    now = found(published)
    if RECORD:
        GOLDEN.write_text(yaml.safe_dump(now, sort_keys=False), encoding="utf-8")
        pytest.fail("recorded; run again without POS_RECORD_GOLDEN")
    assert now == yaml.safe_load(GOLDEN.read_text(encoding="utf-8"))
