"""What the loader asks of the C library's allocator."""

from __future__ import annotations

import ctypes
from functools import cache

import pyarrow as pa

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST = 2**30


@cache
def keep_pages() -> None:
    """Keep freed blocks of megabytes for the next partition instead of giving their pages back.

    glibc maps each large block anew and the kernel clears its pages at the first touch, which is a fourth of
    the loader's time. All threads share one arena, for each would keep the pages of its own. Arrow then
    allocates by it too. Other C libraries have no `mallopt` and are left alone.
    Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        mallopt(_M_TRIM_THRESHOLD, _LARGEST)
        mallopt(_M_ARENA_MAX, 1)
        pa.set_memory_pool(pa.system_memory_pool())
