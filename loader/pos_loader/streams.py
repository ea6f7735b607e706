"""The streams of a program of our own: always there, able to spell every text, and free of drivers' lines.

Native libraries write to file descriptor 2 themselves: connectorx prints its pool's errors, and each panic
with a stack. That descriptor leads nowhere here, and Python's stderr goes to a copy of the real one, which
works in every thread. Python's own last resorts, warnings and loggers without a handler, are silenced: what a
user has to know is said by `console`.
"""

from __future__ import annotations

import codecs
import logging
import os
import sys
import warnings
from typing import TextIO

ESCAPED = "pos_loader.escaped"
"""What an encoding lacks is written as JSON writes it, so JSON stays JSON."""


def own() -> None:
    """Take the streams of this process over; for programs only, because it cannot be undone."""
    _fill_gaps()
    codecs.register_error(ESCAPED, _escaped)
    sys.stdout = _able(sys.stdout, 1)
    kept = os.dup(2)
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.stderr = os.fdopen(kept, "w", buffering=1, encoding=encoding, errors=ESCAPED)
    logging.getLogger().addHandler(logging.NullHandler())
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def settle() -> None:
    """Send nowhere what stderr cannot take: Python flushes it once more, and would end in its own code."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _fill_gaps() -> None:
    """Open what is closed: a socket that gets descriptor 1 would be sent all that is printed."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free, which is this one


def _able(stream: TextIO | None, descriptor: int) -> TextIO:
    """A stream whose encoding may lack a character, and then spells it as an escape."""
    if stream is None:
        return os.fdopen(descriptor, "w", encoding="utf-8", errors=ESCAPED)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors=ESCAPED)
    return stream


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Spell what cannot be encoded as `\\u00e9`, in two halves beyond U+FFFF."""
    assert isinstance(error, UnicodeEncodeError)  # noqa: S101 - for writing only
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(f"\\u{unit:04x}" for unit in pairs), error.end
