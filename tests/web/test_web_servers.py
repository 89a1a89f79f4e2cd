"""What a visit starts under each server that Python sites use: one clean process, let go of in time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.web_server import SERVERS, WebServer, check_that_visits_start_one_clean_cron


@pytest.fixture(params=sorted(SERVERS.keys() - {"gunicorn"}))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(tmp_path / "site", workers=2, server=request.param)
    server.prepare()
    server.start()
    yield server
    server.stop()


def test_60_visits_at_once_start_one_cron_that_signals_reach_and_that_is_reaped(server: WebServer) -> None:
    check_that_visits_start_one_clean_cron(server)
