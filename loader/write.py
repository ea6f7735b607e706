"""Writing encoded documents: unordered bulk inserts of the raw bytes.

A retried batch meets its own documents again. They are let pass by their `_id` alone, because every load
compares every byte afterwards (`loader.verify`): a document that differs is found there, before it is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from loader.collection import Documents
from loader.errors import DataError
from loader.mongo import TRANSIENT_CODES, Handle, is_transient, retrying, translated, write_errors

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
"""Source: https://www.mongodb.com/docs/manual/reference/limits/"""
BATCH_DOCUMENTS = 100_000
BATCH_BYTES = 48_000_000
"""maxWriteBatchSize and maxMessageSizeBytes of every server since 3.6: one batch is one message."""

DUPLICATE_KEY, FAILED_VALIDATION = 11000, 121


def insert(handle: Handle, documents: Documents) -> int:
    """Insert all documents and return how many.

    Transient errors are tried again. Raises DataError naming `_id`, code and reason for a document that is
    too large (before anything is sent) or that the server refuses; ConnectionFailed when MongoDB stays away.
    """
    check_sizes(handle.full_name, documents)
    view, offsets = documents.buffer, documents.offsets
    start = offsets[0] if len(documents) else 0
    with translated(handle.database.client, f"insert into {handle.full_name}"):
        for first, last in batches(np.asarray(offsets)):
            bounds = [offset - start for offset in offsets[first : last + 1]]
            raw = [RawBSONDocument(bytes(view[lo:hi])) for lo, hi in pairwise(bounds)]
            _insert_batch(handle, raw)
    return len(documents)


def check_sizes(namespace: str, documents: Documents) -> None:
    """Raise DataError for the largest document when it is over 16 MiB."""
    sizes = np.diff(np.asarray(documents.offsets))
    if len(documents) and sizes.max() > MAX_DOCUMENT_BYTES:
        largest = int(sizes.argmax())
        raise DataError(
            f"document _id {documents.keys[largest].as_py()!r} of {namespace} has {sizes[largest]} bytes,"
            f" MongoDB allows {MAX_DOCUMENT_BYTES}",
            where=f"{int((sizes > MAX_DOCUMENT_BYTES).sum())} such document(s) in this range of keys",
            fix="declare max_items for its longest array, or leave fields out",
        )


def batches(offsets: np.ndarray[Any, np.dtype[np.int32]]) -> Iterator[tuple[int, int]]:
    """Cut N documents, given by N + 1 offsets, into half-open ranges that fit one message each."""
    first, count = 0, max(len(offsets) - 1, 0)
    while first < count:
        fitting = int(np.searchsorted(offsets, int(offsets[first]) + BATCH_BYTES, side="right")) - 1
        last = max(first + 1, min(fitting, first + BATCH_DOCUMENTS, count))
        yield first, last
        first = last


def _insert_batch(handle: Handle, raw: Sequence[RawBSONDocument]) -> None:
    for attempt in retrying():
        with attempt:
            try:
                handle.insert_many(raw, ordered=False)
            except BulkWriteError as error:
                refused = _refused(error, again=attempt.retry_state.attempt_number > 1)
                if refused:
                    raise _data_error(handle.full_name, refused) from None
                if is_transient(error):
                    raise


def _refused(error: BulkWriteError, *, again: bool) -> list[Mapping[str, Any]]:
    """The documents that trying again cannot help; `again` lets those pass that are there already."""
    errors = [each for each in write_errors(error) if each["code"] not in TRANSIENT_CODES]
    return [each for each in errors if not (again and _is_there(each))]


def _is_there(error: Mapping[str, Any]) -> bool:
    return error["code"] == DUPLICATE_KEY and list(error.get("keyPattern", {})) == ["_id"]


def _data_error(namespace: str, refused: Sequence[Mapping[str, Any]]) -> DataError:
    first = refused[0]
    if "op" not in first:
        return DataError(f"MongoDB refuses the write into {namespace}: {first['errmsg']}")
    more = f", and {len(refused) - 1} more in this batch" if len(refused) > 1 else ""
    return DataError(
        f"MongoDB refuses document _id {first['op']['_id']!r} of {namespace}: {_reason(first)}",
        where=f"code {first['code']}{more}",
        fix="mend the model or the declaration; nothing of this build is visible",
    )


def _reason(error: Mapping[str, Any]) -> str:
    if error["code"] != FAILED_VALIDATION:
        return str(error["errmsg"])
    details = error.get("errInfo", {}).get("details", {})
    return f"{error['errmsg']}: {' '.join(failing_field(details)) or details}"


def failing_field(details: Mapping[str, Any], path: str = "") -> tuple[str, str]:
    """Condense a validation's errInfo to the first failing field: its path and what is wrong with it.

    Source: https://www.mongodb.com/docs/manual/core/schema-validation/handle-invalid-documents/
    """
    for rule in details.get("schemaRulesNotSatisfied", details.get("details", ())):
        if "missingProperties" in rule:
            return ".".join(filter(None, (path, rule["missingProperties"][0]))), "is missing"
        for each in rule.get("propertiesNotSatisfied", ()):
            return failing_field(each, ".".join(filter(None, (path, each["propertyName"]))))
        if "itemIndex" in rule:
            return failing_field(rule, f"{path}.{rule['itemIndex']}")
        return path, _rule(rule)
    return path, ""


def _rule(rule: Mapping[str, Any]) -> str:
    expected = ", ".join(f"{name} {value}" for name, value in rule.get("specifiedAs", {}).items())
    if "consideredType" in rule:
        return f"is {rule['consideredType']} {rule['consideredValue']!r}, the validator wants {expected}"
    if "numberOfItems" in rule:
        return f"has {rule['numberOfItems']} items, the validator wants {expected}"
    return f"fails {expected or rule.get('operatorName', '')}"
