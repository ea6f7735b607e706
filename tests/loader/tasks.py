"""Tasks that other processes can import."""

from __future__ import annotations

import time
from pathlib import Path

from pos_loader.errors import DataError


def refuse_seven(given: tuple[int, str]) -> int:
    """Leave a file named by the number; seven is an error."""
    number, folder = given
    time.sleep(0.02)
    (Path(folder) / str(number)).touch()
    if number == 7:
        raise DataError("seven is not allowed", where="here")
    return number
