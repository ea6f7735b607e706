"""Faults of single collections: such a collection stays as it was, and the others are still published.

A collection and its buckets form a group, and so do the collections that declare one `all_or_none` group.
When one of a group fails, the others are held back. Faults of a connection, of the build or of the program
concern all collections: they are not caught here and stop the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pos_loader.collection import Collection
from pos_loader.errors import DataError, ExitCode, HeldBack, LoaderError, SpecError

Group = tuple[str, str]


def group_of(collection: Collection) -> Group:
    """Identify the group of a collection: the declared one, or the collections of its exposure."""
    return (
        ("all_or_none", collection.group)
        if collection.group
        else ("exposure", collection.node or collection.exposure)
    )


def groups(collections: Iterable[Collection]) -> dict[Group, list[Collection]]:
    """Sort collections into groups, in the order of their first members."""
    found: dict[Group, list[Collection]] = {}
    for collection in collections:
        found.setdefault(group_of(collection), []).append(collection)
    return found


@dataclass
class Faults:
    """Errors by name of the collection; `refused` gives the reasons of those that the gate refuses."""

    refused: Mapping[str, str] = field(default_factory=dict)
    errors: dict[str, LoaderError] = field(default_factory=dict)

    def __contains__(self, collection: Collection) -> bool:
        """Whether the collection failed or is refused."""
        return collection.name in self.errors or collection.name in self.refused

    @contextmanager
    def of(self, collection: Collection) -> Iterator[None]:
        """Note an error of the collection's data or declaration; any other error passes through."""
        try:
            yield
        except (SpecError, DataError) as error:
            self.errors[collection.name] = error

    def hold_back(self, collections: Sequence[Collection]) -> list[Collection]:
        """Note an error for every collection whose group has one, and return the others."""
        for members in groups(collections).values():
            culprit = next((member for member in members if member in self), None)
            for member in members:
                if culprit is not None and member not in self:
                    self.errors[member.name] = HeldBack(
                        f"held back, because {culprit.name} of its group is not published",
                        where=f"all_or_none {member.group}"
                        if member.group
                        else "a collection and its buckets",
                        fix=f"see {culprit.name}",
                    )
        return [collection for collection in collections if collection not in self]

    def exit_code(self, *, is_any_done: bool) -> ExitCode:
        """Return the code that all faults share if no collection succeeded; 1 otherwise."""
        codes = {error.exit_code for error in self.errors.values() if not isinstance(error, HeldBack)}
        codes |= {ExitCode.DATA} if self.refused or is_any_done else set()
        return codes.pop() if len(codes) == 1 else ExitCode.DATA

    def line(self, count: int) -> str:
        """Say on one line which of `count` collections failed; empty if none failed."""
        if not self.errors:
            return ""
        if count == 1:
            return str(next(iter(self.errors.values())))
        return f"{len(self.errors)} of {count} collections failed: " + "; ".join(
            f"{name}: {error.what}" for name, error in sorted(self.errors.items())
        )


def require_whole_groups(chosen: Sequence[Collection], declared: Sequence[Collection]) -> None:
    """Require that a selection takes all or none of an `all_or_none` group; raise `SpecError` otherwise."""
    names = {collection.name for collection in chosen}
    for collection in chosen:
        left = [one.exposure for one in declared if one.group == collection.group and one.name not in names]
        if collection.group and left:
            raise SpecError(
                f"{collection.exposure} is of the all_or_none group {collection.group}, "
                f"and {left[0]} is not selected",
                where="--select",
                fix=f"add --select {left[0]}",
            )
