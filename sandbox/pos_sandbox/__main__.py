"""Run the sandbox as `python -m pos_sandbox`."""

from pos_sandbox.cli import app

app(prog_name="pos-sandbox")
