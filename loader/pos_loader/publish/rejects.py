"""Lists the documents that MongoDB refused, one JSON line each, in `target/rejects/<collection>.jsonl`.

A line has collection, model, key, code and reason. It has the document only where the user asks for it,
because documents hold customers' data.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bson import json_util

from pos_loader.collection import Collection, Key, Partition, Reject
from pos_loader.errors import DataError, SpecError
from pos_loader.verify.first_difference import decoded

ENOUGH = 10_000
"""A load stops looking for rejects once it has more than this, and more than are allowed."""


def path(folder: Path, collection: Collection) -> Path:
    """Name a collection's rejects file, below the artifacts' folder."""
    return folder / "rejects" / f"{collection.name}.jsonl"


def write(folder: Path, collection: Collection, rejects: Sequence[Reject], *, whole: bool) -> Path:
    """Replace the collection's file and return its path. Without rejects the file is removed.

    `whole` adds the documents themselves. Raises `DataError` where the file cannot be written.
    """
    file = path(folder, collection)
    lines = [json.dumps(_line(collection, reject, whole=whole), ensure_ascii=False) for reject in rejects]
    try:
        if lines:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        else:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"the {len(lines)} rejects of {collection.name} cannot be listed: {error.strerror}",
            where=str(file),
            fix="make room for that file and run again",
        ) from None
    return file


def _line(collection: Collection, reject: Reject, *, whole: bool) -> dict[str, object]:
    line: dict[str, object] = {
        "collection": collection.name,
        "model": collection.root.model,
        "node": collection.root.node,
        "key": reject.id,
        "code": reject.code,
        "reason": reject.reason,
    }
    if whole:
        text = json_util.dumps(decoded(reject.document), json_options=json_util.CANONICAL_JSON_OPTIONS)
        line["document"] = json.loads(text)
    return line


def require_few(collection: Collection, rejects: Sequence[Reject], *, allowed: int, file: Path) -> None:
    """Raise `DataError`, which names the first reject, where there are more than `allowed`."""
    if len(rejects) > allowed:
        first, ended_early = rejects[0], len(rejects) > ENOUGH
        raise DataError(
            f"MongoDB refuses {'at least ' * ended_early}{len(rejects)} documents of {collection.name}, "
            f"first _id {first.id!r}: {first.reason}",
            where=f"code {first.code}, {'these' if ended_early else 'all'} in {file}",
            fix="nothing was published; correct the mart, or allow some with --max-rejects N",
        )


def keys(folder: Path, collection: Collection) -> tuple[Key, ...]:
    """Read the keys to retry, in ascending order; none where there is no file.

    Raises `SpecError` for a file that the loader did not write.
    """
    file = path(folder, collection)
    if not file.exists():
        return ()
    try:
        found = {_key(json.loads(line)["key"]) for line in file.read_text(encoding="utf-8").splitlines()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpecError(
            f"{file.name} is not a rejects file: {error}", where=str(file.parent), fix="remove it"
        ) from None
    return tuple(sorted(found))


def _key(value: Any) -> Key:
    """Give the document key to read again; for a bucket, its parent's key."""
    key: Key = next(iter(value.values())) if isinstance(value, dict) else value
    return key


def partitions(chosen: Sequence[Key]) -> tuple[Partition, ...]:
    """Make one partition per key."""
    return tuple(Partition.of(index, key) for index, key in enumerate(chosen))
