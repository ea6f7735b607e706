"""Asking a question: MongoDB's answer as a stream of documents, and their values as text.

The whole answer shows one moment (read concern snapshot), except on a standalone server, which has no
snapshots. A transaction would be stricter (docs/publishing.md), but it ends after a minute, and a long answer
may take longer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from bson.decimal128 import Decimal128
from pymongo.command_cursor import CommandCursor
from pymongo.errors import OperationFailure

from pos_loader.queries.declared import Question
from pos_loader.servers.mongo import (
    Client,
    is_transient,
    require_published,
    retrying,
    translated,
    working,
)
from pos_loader.servers.mongo_client import Topology

BATCH = 2_000
"""How many documents are fetched at once; it limits memory."""
SNAPSHOT_UNAVAILABLE = 246
_MOVING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that move the cursor or the text: control, line and direction characters, lone surrogates."""
Answer = dict[str, Any]


def answers(client: Client, database: str, question: Question, *, topology: Topology) -> Iterator[Answer]:
    """Yield the answer, one document at a time, with its fields in the order of the question's columns.

    A field without a value is None. Raises `DataError` where the collection is not published or MongoDB
    refuses the query, and `ConnectionFailed` where it cannot be reached any more.
    """
    handle = client[database]
    doing = f"answer {question.name}"
    with translated(client, doing):
        require_published(handle, question.collection)
    with (
        translated(client, doing, is_work=True),
        client.start_session(snapshot=topology.has_transactions) as session,
    ):
        asked = handle[question.collection]

        def ask() -> CommandCursor[Answer]:
            return asked.aggregate(
                list(question.pipeline), session=session, batchSize=BATCH, collation=question.collation
            )

        with retrying(when=_passes)(working, asked, doing, ask) as cursor:
            while batch := working(asked, doing, lambda: list(islice(cursor, BATCH))):
                for found in batch:
                    yield {column: found.get(column) for column in question.columns}


def _passes(error: BaseException) -> bool:
    """Whether to ask again: a collection that was just renamed has no snapshot for a moment."""
    return is_transient(error) or (isinstance(error, OperationFailure) and error.code == SNAPSHOT_UNAVAILABLE)


def line(answer: Mapping[str, Any]) -> str:
    """Spell one document as a line of JSON: decimals as strings, every digit kept; moments in ISO 8601."""
    return json.dumps(answer, ensure_ascii=False, default=_spelled)


def cells(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Spell one document as the cells of a table row; characters that would move the cursor are escaped."""
    return tuple(_cell(value) for value in answer.values())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else _spelled(value)
    return _MOVING.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _spelled(value: Any) -> str:
    if isinstance(value, Decimal128):
        return f"{value.to_decimal():f}"
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='milliseconds' if value.microsecond else 'seconds')}Z"
    if isinstance(value, bool | dict | list):
        return json.dumps(value, ensure_ascii=False, default=_spelled)
    return str(value)
