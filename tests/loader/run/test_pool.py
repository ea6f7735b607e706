"""The threads that do partitions."""

from __future__ import annotations

import weakref

from pos_loader.run.pool import Threads


class Result:
    """Something a weak reference can be had of."""


def test_what_was_yielded_is_forgotten() -> None:
    """Each partition's result may hold megabytes of documents."""
    yielded: list[weakref.ref[Result]] = []
    for result in Threads(2).completed(lambda _: Result(), range(50)):
        assert sum(each() is not None for each in yielded) <= 1
        yielded.append(weakref.ref(result))
        del result
    assert len(yielded) == 50
