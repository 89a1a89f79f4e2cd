"""What a visit starts under each server that Python sites use: one clean process, let go of in time."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from taskrunner.web.ticker import GIF
from tests.patience import until
from tests.web.web_server import IMAGE, SERVERS, WebServer

IGNORED_BY_PYTHON = 1 << 12 | 1 << 24
"""SIGPIPE and SIGXFSZ."""

OF_THE_C_LIBRARY = 0b11 << 31
LONGEST_KILL = 10.0
"""Seconds: a task that SIGTERM does not reach gets SIGKILL after 15."""


@pytest.fixture(params=sorted(SERVERS.keys() - {"gunicorn"}))
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(tmp_path / "site", workers=2, server=request.param)
    server.prepare()
    server.start()
    yield server
    server.stop()


def test_60_visits_at_once_start_one_cron_that_signals_reach_and_that_is_reaped(server: WebServer) -> None:
    with ThreadPoolExecutor(30) as pool:
        answers = set(pool.map(server.request, [IMAGE] * 60))
    until(server.started, "the task has started")
    status, files = server.cron_status(), server.cron_files()
    [running] = json.loads(server.taskrun("running", "--json"))
    began = time.monotonic()
    server.taskrun("kill", running["run_id"])
    took = time.monotonic() - began
    until(lambda: server.request(IMAGE) and server.is_reaped(), "the web server has let go of the cron")

    assert {(200, GIF)} == answers
    assert 0 == int(status["SigBlk"], 16)
    assert 0 == int(status["SigIgn"], 16) & ~IGNORED_BY_PYTHON & ~OF_THE_C_LIBRARY
    assert [] == [name for name in files if name.startswith("socket:")]
    assert took < LONGEST_KILL
    assert 1 == len(server.started())
    assert {"interrupted"} == {run["outcome"] for run in server.crons() if run["name"] == "slow.Slow"}
