"""The program's streams: always open, able to write every text, and without lines of native libraries.

Native libraries write to file descriptor 2 directly: connectorx prints errors of its pool, and a stack for
each panic. Here that descriptor leads nowhere, and Python's stderr goes to a copy of the real one, which
works in every thread. Warnings and loggers without a handler are silent: `console` says what a user must
know.
"""

from __future__ import annotations

import codecs
import logging
import os
import sys
import warnings
from typing import TextIO

ESCAPED = "pos_loader.escaped"
"""The error handler that writes what an encoding lacks as JSON escapes, so that JSON stays JSON."""


def own() -> None:
    """Take over the streams of this process. Only for programs, because it cannot be undone."""
    _fill_gaps()
    codecs.register_error(ESCAPED, _escaped)
    sys.stdout = _able(sys.stdout, 1)
    kept = os.dup(2)
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr = os.fdopen(kept, "w", buffering=1, encoding=encoding, errors=ESCAPED)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    logging.getLogger().addHandler(logging.NullHandler())
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def settle() -> None:
    """Send the rest of a broken stderr nowhere: Python would flush it, and exit with its own code."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _fill_gaps() -> None:
    """Open closed descriptors: a socket that got descriptor 1 would receive everything that is printed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the system gives the lowest free one, which is this


def _able(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return the stream; it escapes characters that its encoding lacks."""
    if stream is None:
        return os.fdopen(descriptor, "w", encoding="utf-8", errors=ESCAPED)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors=ESCAPED)
    return stream


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Spell a character that cannot be encoded as `\\u00e9`; beyond U+FFFF, as two surrogates."""
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - for writing only
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(f"\\u{unit:04x}" for unit in pairs), error.end
