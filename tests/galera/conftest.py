"""The loader tests' client and databases."""

from tests.loader.conftest import client as client
from tests.loader.conftest import database as database
