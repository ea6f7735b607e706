"""Run the sandbox as ``python -m sandbox``."""

from sandbox.cli import app

app(prog_name="pos-sandbox")
