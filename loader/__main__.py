"""`python -m loader` is `pos-loader`."""

from loader.cli import app

app()
