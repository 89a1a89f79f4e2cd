"""Many processes of one web site, many visits at once: gunicorn with contrib/example_web."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from taskrunner.heartbeat import last_beat
from taskrunner.web.ticker import GIF
from tests.patience import until
from tests.web.web_server import IMAGE, WebServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebServer]:
    server = WebServer(tmp_path / "site")
    server.prepare()
    yield server
    server.stop()


def test_200_visits_at_once_on_4_workers_start_one_process(server: WebServer) -> None:
    server.set_mode("both")
    server.start()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: server.request(IMAGE if n % 2 else "/nothing"), range(200)))
    until(server.started, "the task has started")

    assert {(200, GIF), (404, b"")} == set(answers)
    assert 1 == len(server.started())
    assert 1 == len(list((server.root / "log").rglob("cron_*.log")))


def test_a_web_server_killed_at_once_leaves_the_cron_running(server: WebServer) -> None:
    server.start()
    server.request(IMAGE)
    until(server.started, "the task has started")
    for pid in server.worker_pids():
        os.kill(pid, signal.SIGKILL)
    server.stop()
    until(server.has_ended, "the task has ended")
    until(lambda: len(server.crons()) >= 2, "its run is recorded")

    assert {"ok"} == {run["outcome"] for run in server.crons() if run["name"] == "slow.Slow"}


def test_a_cron_of_the_crontab_keeps_visits_from_starting_any(server: WebServer) -> None:
    server.let_go()
    server.start()
    before = server.request("/")[1]
    server.request(IMAGE)
    until(server.has_ended, "the task has ended")
    server.taskrun("cron")
    server.taskrun("retry", "Slow")
    status, page = server.request("/")
    image = server.request(IMAGE)
    beat = last_beat(server.root / "state")

    assert (b"<img " in before, b"<img " in page) == (True, False)
    assert (200, (200, GIF)) == (status, image)
    assert beat is not None
    assert "cron" == beat.trigger
    assert 1 == len(server.started())


def test_the_page_shows_what_its_visits_had_counted(server: WebServer) -> None:
    server.let_go()
    server.start()
    server.request("/")
    server.request(IMAGE)
    until(lambda: b"<h1>0 visits were counted" not in server.request("/")[1], "visits are counted")
