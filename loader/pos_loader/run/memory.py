"""Settings of the C library's memory allocator: keep freed pages, and give them back when there are many."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from functools import cache
from threading import Lock

import psutil
import pyarrow as pa

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST = 2**30


@cache
def keep_pages() -> None:
    """Keep freed blocks of megabytes for the next partition instead of giving their pages back.

    By default, glibc maps a new block for each large request, and the kernel clears its pages at the first
    touch; this takes a fourth of the loader's time. All threads share one arena, because each arena keeps
    pages of its own. Other C libraries have no `mallopt` and stay as they are. Arrow's allocator keeps its
    pages already.
    Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        mallopt(_M_TRIM_THRESHOLD, _LARGEST)
        mallopt(_M_ARENA_MAX, 1)


@dataclass
class KeptPages:
    """Gives kept pages back when there are many, because blocks of different sizes leave holes between them.

    The kernel clears a page again after it was given back, which takes time. So this waits until the program
    holds more than `least` bytes, and a fourth more than it held after the last time (`in_use`).
    Source: https://man7.org/linux/man-pages/man3/malloc_trim.3.html
    """

    least: int = 440_000_000
    in_use: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def release(self) -> bool:
        """Give pages back if there are enough of them; return whether it did."""
        if resident() <= max(self.least, self.in_use * 5 // 4) or not self._lock.acquire(blocking=False):
            return False
        try:
            trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
            if trim is not None:
                trim(0)
            pa.default_memory_pool().release_unused()
            self.in_use = resident()
        finally:
            self._lock.release()
        return True


kept_pages = KeptPages()
"""The kept pages of this program."""


def resident() -> int:
    """Return the memory that this program holds, in bytes."""
    return int(psutil.Process().memory_info().rss)
