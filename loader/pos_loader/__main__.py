"""`python -m pos_loader` is `pos-loader`; a signal during the start ends it in one line, too."""

from __future__ import annotations

import sys

from pos_loader import stopping


def main() -> None:
    """Run the command line and exit."""
    try:
        stopping.listen()
        with stopping.held():  # packages in the middle of their import may end in any error
            from typer.main import get_command

            from pos_loader.cli import app

            command = get_command(app)
    except KeyboardInterrupt:
        sys.stderr.write("pos-loader: error: interrupted; nothing was begun\n")
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
