"""Pages of freed memory: kept for the next partition, given back when there are many."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import json
from pos_loader.run.memory import KeptPages, keep_pages, resident

keep_pages()
blocks = [bytearray(b"x") * 1_000_000 for _ in range(200)]
del blocks[:-1]  # the last one holds the top of the heap, so that what is free lies below it
kept = resident()
few, many = KeptPages(least=2 * kept), KeptPages(least=kept // 2)
print(json.dumps({
    "kept": kept,
    "few": few.release(),
    "many": many.release(),
    "left": resident(),
    "in_use": many.in_use,
    "again": KeptPages(least=0, in_use=many.in_use).release(),
}))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no mallopt")
def test_many_pages_are_given_back_and_few_are_kept() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["kept"] > 200_000_000, "freed blocks are not kept"
    assert (found["few"], found["many"], found["again"]) == (False, True, False)
    assert found["left"] < found["kept"] - 150_000_000
    assert abs(found["in_use"] - found["left"]) < 10_000_000
