"""`python -m loader` is `pos-loader`."""

from loader.cli import app

if __name__ == "__main__":
    app()
