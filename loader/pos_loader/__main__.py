"""`python -m pos_loader` is `pos-loader`; an interrupt during the start ends it in one line, too."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit."""
    try:
        from pos_loader.cli import app
    except KeyboardInterrupt:
        sys.stderr.write("pos-loader: error: interrupted; nothing was begun\n")
        sys.exit(130)
    app()


if __name__ == "__main__":
    main()
