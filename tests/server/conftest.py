"""A server for the tests of the server."""

from collections.abc import Iterator

import pytest

from tests.server.postgres import PostgresServer, running_server


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """A server that tests may stop, if they start it again."""
    with running_server() as server:
        yield server
