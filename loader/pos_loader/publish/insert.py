"""Writes encoded documents by unordered bulk inserts of their raw bytes.

In a message to MongoDB the documents are one sequence of bytes. The encoder has produced exactly that, so the
driver gets up to 16 MiB in one piece. This takes a tenth of the time that single documents take.
Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#kind-1--document-sequence

A retried batch finds some of its documents already there, by their `_id`. That counts as success, because
every load compares every byte afterwards (`pos_loader.verify`) and finds a document that differs before
readers do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from pos_loader import stopping
from pos_loader.collection import Documents
from pos_loader.errors import DataError
from pos_loader.servers.mongo import (
    MAX_DOCUMENT_BYTES,
    TRANSIENT_CODES,
    Handle,
    is_transient,
    retrying,
    shortened,
    translated,
    working,
    write_errors,
)
from pos_loader.servers.privileges import may_bypass_validation

BATCH_DOCUMENTS = 100_000
"""maxWriteBatchSize of every server since 3.6, so that one batch is one message."""

DUPLICATE_KEY, FAILED_VALIDATION, TOO_LARGE = 11000, 121, 10334

Offsets = np.ndarray[Any, np.dtype[np.int32]]


@dataclass(frozen=True)
class Refused:
    """One document that the server refused: its position in the documents, the error code and the reason."""

    position: int
    code: int
    reason: str


class _Batch(RawBSONDocument):
    """Many documents presented to the driver as one: it sends all the bytes; reading a field reads the first.

    >>> from bson import encode
    >>> batch = _Batch(memoryview(encode({"_id": 1}) + encode({"_id": 2})))
    >>> batch["_id"], len(batch.raw)
    (1, 28)
    """

    __slots__ = ("_batch",)

    def __init__(self, batch: memoryview) -> None:
        super().__init__(batch[: int.from_bytes(batch[:4], "little")])
        self._batch = batch

    @property
    def raw(self) -> memoryview:
        return self._batch


def insert(handle: Handle, documents: Documents, *, again: bool = False) -> tuple[Refused, ...]:
    """Insert all documents and return those that were refused, in order.

    A document over 16 MiB is refused here and not sent. Documents that are known to conform bypass the
    validator, which takes as long as the insert itself. Transient errors are tried again. With `again`,
    documents whose `_id` is already there count as inserted. Raises DataError where the server refuses the
    whole write, ConnectionFailed when MongoDB stays away.
    """
    view, offsets = documents.buffer, np.asarray(documents.offsets)
    offsets = offsets - offsets[:1]
    refused = []
    bypass = documents.conform and may_bypass_validation(handle.database)
    with translated(handle.database.client, f"insert into {handle.full_name}", is_work=True):
        for first, last in batches(offsets):
            stopping.check()
            batch = view[offsets[first] : offsets[last]]
            if len(batch) > MAX_DOCUMENT_BYTES:
                reached = f"{len(batch)} bytes, MongoDB allows {MAX_DOCUMENT_BYTES}"
                refused.append(Refused(first, TOO_LARGE, reached))
                continue
            for error in _insert_batch(handle, _Batch(batch), bypass=bypass, again=again):
                refused.append(Refused(first + error["index"], error["code"], reason(error)))
    return tuple(sorted(refused, key=lambda document: document.position))


def batches(offsets: Offsets) -> Iterator[tuple[int, int]]:
    """Cut N documents, given by N + 1 offsets, into half-open ranges of at most 16 MiB.

    A document over 16 MiB is alone in its range:

    >>> list(batches(np.array([0, 9, 15, 18, 40, 41], np.int32) * 2**20))
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    first, count = 0, max(len(offsets) - 1, 0)
    while first < count:
        fitting = int(np.searchsorted(offsets, int(offsets[first]) + MAX_DOCUMENT_BYTES, side="right")) - 1
        last = max(first + 1, min(fitting, first + BATCH_DOCUMENTS, count))
        yield first, last
        first = last


def _insert_batch(handle: Handle, batch: _Batch, *, bypass: bool, again: bool) -> list[Mapping[str, Any]]:
    """Insert one batch and return the errors of single documents."""
    refused: list[Mapping[str, Any]] = []
    command = {"insert": handle.name, "documents": [batch], "ordered": False}
    command |= {"bypassDocumentValidation": bypass, "writeConcern": handle.write_concern.document}

    def write() -> Mapping[str, Any]:
        reply: Mapping[str, Any] = handle.database.command(command)
        return reply

    for attempt in retrying():
        with attempt:
            # An interrupted load waits for it: a late batch would make the build again that it drops.
            reply = working(handle, f"insert into {handle.full_name}", write, abandon=None)
            error = _errors(reply)
            refused = _refused(error, again=again or attempt.retry_state.attempt_number > 1)
            if is_transient(error):
                raise error
    return refused


def _errors(reply: Mapping[str, Any]) -> BulkWriteError:
    """Put a reply's errors, of single documents and of the write concern, in the driver's own form."""
    of_concern = [reply["writeConcernError"]] if "writeConcernError" in reply else []
    return BulkWriteError({"writeErrors": reply.get("writeErrors", []), "writeConcernErrors": of_concern})


def _refused(error: BulkWriteError, *, again: bool) -> list[Mapping[str, Any]]:
    """List the errors of single documents that a retry cannot help.

    With `again`, documents that are already there are no errors. Raises DataError for an error of the whole
    write.
    """
    errors = [failed for failed in write_errors(error) if failed["code"] not in TRANSIENT_CODES]
    whole = next((failed for failed in errors if "index" not in failed), None)
    if whole:
        raise DataError(
            f"MongoDB refuses the write: {shortened(whole['errmsg'])}",
            where=f"code {whole['code']}",
            fix="readers see nothing of this build",
        )
    return [failed for failed in errors if not (again and _is_there(failed))]


def _is_there(error: Mapping[str, Any]) -> bool:
    return error["code"] == DUPLICATE_KEY and list(error.get("keyPattern", {})) == ["_id"]


def reason(error: Mapping[str, Any]) -> str:
    """Give the server's message for one document's error; for the validator's, add the field and the rule."""
    if error["code"] != FAILED_VALIDATION:
        return shortened(str(error["errmsg"]))
    details = error.get("errInfo", {}).get("details", {})
    return f"{shortened(error['errmsg'])}: {' '.join(failing_field(details)) or details}"


def failing_field(details: Mapping[str, Any], path: str = "") -> tuple[str, str]:
    """Find the first failing field in a validation's errInfo: its path, and what is wrong with it.

    Source: https://www.mongodb.com/docs/manual/core/schema-validation/handle-invalid-documents/
    """
    for rule in details.get("schemaRulesNotSatisfied", details.get("details", ())):
        if "missingProperties" in rule:
            return ".".join(filter(None, (path, rule["missingProperties"][0]))), "is missing"
        for below in rule.get("propertiesNotSatisfied", ()):
            return failing_field(below, ".".join(filter(None, (path, below["propertyName"]))))
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
