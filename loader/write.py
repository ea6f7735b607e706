"""Writing encoded documents: unordered bulk inserts of the raw bytes.

A retried batch meets its own documents again. They are let pass by their `_id` alone, because every load
compares every byte afterwards (`loader.verify`): a document that differs is found there, before it is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from loader.collection import Documents
from loader.errors import DataError
from loader.mongo import (
    TRANSIENT_CODES,
    Handle,
    is_transient,
    may_bypass_validation,
    retrying,
    translated,
    write_errors,
)

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
"""Source: https://www.mongodb.com/docs/manual/reference/limits/"""
BATCH_DOCUMENTS = 100_000
BATCH_BYTES = 48_000_000
"""maxWriteBatchSize and maxMessageSizeBytes of every server since 3.6: one batch is one message."""

DUPLICATE_KEY, FAILED_VALIDATION, TOO_LARGE = 11000, 121, 10334

Offsets = np.ndarray[Any, np.dtype[np.int32]]


@dataclass(frozen=True)
class Refused:
    """One document the server refused, by its position in the documents, with its code and the reason."""

    position: int
    code: int
    reason: str


def insert(handle: Handle, documents: Documents, *, again: bool = False) -> tuple[Refused, ...]:
    """Insert all documents and return those refused, in order.

    A document over 16 MiB is refused here, before anything is sent. The validator, which takes the server as
    long as the insert, only looks at documents that are not known to conform. Transient errors are tried
    again. Raises DataError where the server refuses the write as a whole; ConnectionFailed when MongoDB stays
    away. `again` lets documents pass that are there already, by their `_id`.
    """
    view, offsets = documents.buffer, np.asarray(documents.offsets)
    offsets = offsets - offsets[:1]
    refused = _too_large(offsets)
    too_large = {each.position for each in refused}
    bypass = documents.conform and may_bypass_validation(handle.database)
    with translated(handle.database.client, f"insert into {handle.full_name}"):
        for first, last in batches(offsets):
            places = [place for place in range(first, last) if place not in too_large]
            raw = [RawBSONDocument(bytes(view[offsets[place] : offsets[place + 1]])) for place in places]
            refused += [
                Refused(places[each["index"]], each["code"], reason(each))
                for each in _insert_batch(handle, raw, bypass=bypass, again=again)
            ]
    return tuple(sorted(refused, key=lambda each: each.position))


def _too_large(offsets: Offsets) -> list[Refused]:
    sizes = np.diff(offsets)
    return [
        Refused(int(place), TOO_LARGE, f"{sizes[place]} bytes, MongoDB allows {MAX_DOCUMENT_BYTES}")
        for place in np.flatnonzero(sizes > MAX_DOCUMENT_BYTES)
    ]


def batches(offsets: Offsets) -> Iterator[tuple[int, int]]:
    """Cut N documents, given by N + 1 offsets, into half-open ranges that fit one message each."""
    first, count = 0, max(len(offsets) - 1, 0)
    while first < count:
        fitting = int(np.searchsorted(offsets, int(offsets[first]) + BATCH_BYTES, side="right")) - 1
        last = max(first + 1, min(fitting, first + BATCH_DOCUMENTS, count))
        yield first, last
        first = last


def _insert_batch(
    handle: Handle, raw: Sequence[RawBSONDocument], *, bypass: bool, again: bool
) -> list[Mapping[str, Any]]:
    """Insert one batch and return the errors of single documents."""
    refused: list[Mapping[str, Any]] = []
    if not raw:
        return refused
    for attempt in retrying():
        with attempt:
            try:
                handle.insert_many(raw, ordered=False, bypass_document_validation=bypass or None)
            except BulkWriteError as error:
                refused = _refused(error, again=again or attempt.retry_state.attempt_number > 1)
                if is_transient(error):
                    raise
    return refused


def _refused(error: BulkWriteError, *, again: bool) -> list[Mapping[str, Any]]:
    """The documents that trying again cannot help; `again` lets those pass that are there already."""
    errors = [each for each in write_errors(error) if each["code"] not in TRANSIENT_CODES]
    whole = next((each for each in errors if "index" not in each), None)
    if whole:
        raise DataError(
            f"MongoDB refuses the write: {whole['errmsg']}",
            where=f"code {whole['code']}",
            fix="nothing of this build is visible",
        )
    return [each for each in errors if not (again and _is_there(each))]


def _is_there(error: Mapping[str, Any]) -> bool:
    return error["code"] == DUPLICATE_KEY and list(error.get("keyPattern", {})) == ["_id"]


def reason(error: Mapping[str, Any]) -> str:
    """The server's words for one document's error; for the validator's, the field and the rule."""
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
