"""Writing encoded documents: unordered bulk inserts of the raw bytes.

A message's documents are one sequence of bytes, which is what we have: they are handed to the driver in one
piece of up to 16 MiB instead of one by one, which takes a tenth of its time.
Source: https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#kind-1--document-sequence

A retried batch meets its own documents again. They are let pass by their `_id` alone, because every load
compares every byte afterwards (`pos_loader.verify`): it finds a document that differs before readers see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from pos_loader.collection import Documents
from pos_loader.errors import DataError
from pos_loader.servers.mongo import (
    MAX_DOCUMENT_BYTES,
    TRANSIENT_CODES,
    Handle,
    is_transient,
    may_bypass_validation,
    retrying,
    shortened,
    translated,
    write_errors,
)

BATCH_DOCUMENTS = 100_000
"""maxWriteBatchSize of every server since 3.6: one batch is one message."""

DUPLICATE_KEY, FAILED_VALIDATION, TOO_LARGE = 11000, 121, 10334

Offsets = np.ndarray[Any, np.dtype[np.int32]]


@dataclass(frozen=True)
class Refused:
    """One document the server refused, by its position in the documents, with its code and the reason."""

    position: int
    code: int
    reason: str


class _Run(RawBSONDocument):
    """Documents back to back, where the driver sends one; to whoever asks for fields, it is the first."""

    __slots__ = ("_run",)

    def __init__(self, run: memoryview) -> None:
        super().__init__(run[: int.from_bytes(run[:4], "little")])
        self._run = run

    @property
    def raw(self) -> memoryview:
        return self._run


def insert(handle: Handle, documents: Documents, *, again: bool = False) -> tuple[Refused, ...]:
    """Insert all documents and return those refused, in order.

    A document over 16 MiB is refused here and not sent. The validator, which takes the server as long as the
    insert, only looks at documents that are not known to conform. Transient errors are tried again. Raises
    DataError where the server refuses the write as a whole; ConnectionFailed when MongoDB stays away.
    `again` lets documents pass that are there already, by their `_id`.
    """
    view, offsets = documents.buffer, np.asarray(documents.offsets)
    offsets = offsets - offsets[:1]
    refused = []
    bypass = documents.conform and may_bypass_validation(handle.database)
    with translated(handle.database.client, f"insert into {handle.full_name}"):
        for first, last in batches(offsets):
            run = view[offsets[first] : offsets[last]]
            if len(run) > MAX_DOCUMENT_BYTES:
                reached = f"{len(run)} bytes, MongoDB allows {MAX_DOCUMENT_BYTES}"
                refused.append(Refused(first, TOO_LARGE, reached))
                continue
            for each in _insert_batch(handle, _Run(run), bypass=bypass, again=again):
                refused.append(Refused(first + each["index"], each["code"], reason(each)))
    return tuple(sorted(refused, key=lambda each: each.position))


def batches(offsets: Offsets) -> Iterator[tuple[int, int]]:
    """Cut N documents, given by N + 1 offsets, into half-open ranges of 16 MiB; one over that is alone."""
    first, count = 0, max(len(offsets) - 1, 0)
    while first < count:
        fitting = int(np.searchsorted(offsets, int(offsets[first]) + MAX_DOCUMENT_BYTES, side="right")) - 1
        last = max(first + 1, min(fitting, first + BATCH_DOCUMENTS, count))
        yield first, last
        first = last


def _insert_batch(handle: Handle, run: _Run, *, bypass: bool, again: bool) -> list[Mapping[str, Any]]:
    """Insert one batch and return the errors of single documents."""
    refused: list[Mapping[str, Any]] = []
    command = {"insert": handle.name, "documents": [run], "ordered": False}
    command |= {"bypassDocumentValidation": bypass, "writeConcern": handle.write_concern.document}
    for attempt in retrying():
        with attempt:
            error = _errors(handle.database.command(command))
            refused = _refused(error, again=again or attempt.retry_state.attempt_number > 1)
            if is_transient(error):
                raise error
    return refused


def _errors(reply: Mapping[str, Any]) -> BulkWriteError:
    """What a reply says of single documents and of the write concern, as the driver's bulk writes do."""
    of_concern = [reply["writeConcernError"]] if "writeConcernError" in reply else []
    return BulkWriteError({"writeErrors": reply.get("writeErrors", []), "writeConcernErrors": of_concern})


def _refused(error: BulkWriteError, *, again: bool) -> list[Mapping[str, Any]]:
    """The documents that trying again cannot help; `again` lets those pass that are there already."""
    errors = [each for each in write_errors(error) if each["code"] not in TRANSIENT_CODES]
    whole = next((each for each in errors if "index" not in each), None)
    if whole:
        raise DataError(
            f"MongoDB refuses the write: {shortened(whole['errmsg'])}",
            where=f"code {whole['code']}",
            fix="nothing of this build is visible",
        )
    return [each for each in errors if not (again and _is_there(each))]


def _is_there(error: Mapping[str, Any]) -> bool:
    return error["code"] == DUPLICATE_KEY and list(error.get("keyPattern", {})) == ["_id"]


def reason(error: Mapping[str, Any]) -> str:
    """The server's words for one document's error; for the validator's, the field and the rule."""
    if error["code"] != FAILED_VALIDATION:
        return shortened(str(error["errmsg"]))
    details = error.get("errInfo", {}).get("details", {})
    return f"{shortened(error['errmsg'])}: {' '.join(failing_field(details)) or details}"


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
