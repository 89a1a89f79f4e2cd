"""Log files into the tables: each once, again when it has grown, whatever it is called."""

import gzip
import os
import shutil
from datetime import UTC

import pytest

from taskrunner.report.ingest import Importer, Tally
from taskrunner.store import Store
from taskrunner.store import imports as store_reports
from tests.report.log_lines import START, Log, moment

DIGEST = r"Send digests (mod_forum\task\cron_task)"
NOW = START + 86_400
NOT_OK = {
    r"core\task\h5p_get_content_types_task failed": 7,
    r"local_peerbench\task\alwaysfail failed": 7,
    r"local_peerbench\task\exits crashed": 19,
    r"local_peerbench\task\failing failed": 57,
    r"local_peerbench\task\fatal failed": 32,
    r"local_peerbench\task\flaky failed": 28,
    r"local_peerbench\task\longadhoc crashed": 1,
    r"local_peerbench\task\oom crashed": 28,
    r"local_peerbench\task\sqlerror failed": 23,
}
"""What an independent count of the real logs found."""


@pytest.fixture
def read(store: Store):
    """Read files into the store; `now` and who lives as the test says."""

    def read(*paths, now: float = NOW, at_work: frozenset[int] = frozenset()) -> Tally:
        importer = Importer(store, zone=UTC, now=now, is_at_work=lambda pid, _at: pid in at_work)
        return importer.read_all(paths, progress=lambda: None)

    return read


def write(path, log: Log | bytes, *, changed_at: float = START + 60):
    path.write_bytes(log.data() if isinstance(log, Log) else log)
    os.utime(path, (changed_at, changed_at))
    return path


def tasks(store: Store) -> list[tuple[str, str]]:
    return [(task.name, task.outcome) for task in store.reports.tasks(since=0, until=1e15, name="")]


def everything(store: Store) -> list[object]:
    rows = store.reports.tasks(since=0, until=1e15, name="")
    return [*rows, *store.reports.runs(since=0, until=1e15)]


def test_the_real_logs_give_what_an_independent_count_found(store, read, moodle_logs):
    tally = read(*sorted(moodle_logs.iterdir()))

    not_ok: dict[str, int] = {}
    for name, outcome in tasks(store):
        if outcome != "ok":
            not_ok[f"{name} {outcome}"] = not_ok.get(f"{name} {outcome}", 0) + 1
    assert (sum(tally.files.values()), dict(tally.states)) == (75, {"completed": 27, "truncated": 48})
    assert dict(tally.outcomes) == {"ok": 2448, "failed": 154, "crashed": 48}
    assert not_ok == NOT_OK


def test_reading_the_real_logs_twice_changes_nothing(store, read, moodle_logs):
    first = read(*moodle_logs.iterdir())
    before = everything(store)

    second = read(*moodle_logs.iterdir())

    assert everything(store) == before
    assert (second.outcomes, second.states) == (first.outcomes, first.states)
    assert dict(second.files) == {"unchanged": 75}


def test_a_process_that_was_killed_lived_until_its_file_changed(store, read, moodle_logs):
    read(*moodle_logs.iterdir())

    crashed = [
        task for task in store.reports.tasks(since=0, until=1e15, name="") if task.outcome == "crashed"
    ]

    assert all(0 < task.duration < 120 for task in crashed)


def test_a_file_that_grew_is_read_again_in_its_place(store, read, tmp_path):
    log = Log().head().ok(DIGEST)
    file = write(tmp_path / "cron_1357.log", log)
    read(file)

    write(file, log.failed(DIGEST).end())
    tally = read(file)

    assert dict(tally.files) == {"grown": 1}
    assert [outcome for _, outcome in tasks(store)] == ["ok", "failed"]


@pytest.mark.parametrize("lines", [0, 3, 200])
def test_growth_is_seen_whatever_the_size_was(store, read, tmp_path, lines):
    log = Log().head().start(DIGEST).say(*["x" * 50] * lines)
    file = write(tmp_path / "cron_1357.log", log.data()[:-7])
    read(file)

    write(file, log.used(1.0).say(f"Scheduled task complete: {DIGEST}").end())
    read(file)

    assert [outcome for _, outcome in tasks(store)] == ["ok"]


def test_a_file_under_another_name_packed_or_not_is_the_same(store, read, tmp_path):
    file = write(tmp_path / "cron_1357.log", Log().head().ok(DIGEST).end())
    packed = write(tmp_path / "cron_1357.log.1.gz", gzip.compress(file.read_bytes()))

    tally = read(
        file, packed, shutil.copy(file, tmp_path / "cron_1357.log.2") and tmp_path / "cron_1357.log.2"
    )

    assert dict(tally.files) == {"new": 1, "unchanged": 2}
    assert len(tasks(store)) == 1


def test_a_name_that_is_used_again_is_another_file(store, read, tmp_path):
    file = write(tmp_path / "cron_1357.log", Log().head().ok(DIGEST).end())
    read(file)

    write(file, Log(at=START + 86_400).head().failed(DIGEST).end(), changed_at=NOW)
    read(file)

    assert [outcome for _, outcome in tasks(store)] == ["ok", "failed"]


def test_an_older_copy_takes_nothing_away(store, read, tmp_path):
    log = Log().head().ok(DIGEST).say("x" * 5000)
    older = write(tmp_path / "copy.log", log)
    file = write(tmp_path / "cron_1357.log", log.ok(DIGEST).end())

    tally = read(file, older)

    assert dict(tally.files) == {"new": 1, "unchanged": 1}
    assert len(tasks(store)) == 2


def test_an_empty_file_is_a_process_that_could_not_be_started(store, read, tmp_path):
    file = write(tmp_path / "cron_1357.log", b"")

    first, second = read(file), read(file)

    assert dict(first.states) == dict(second.states) == {"empty": 1}
    assert dict(second.files) == {"unchanged": 1}


def test_an_empty_file_that_is_filled_at_once_was_no_failure(store, read, tmp_path):
    file = write(tmp_path / "cron_1357.log", b"", changed_at=START)
    read(file)

    write(file, Log().head().ok(DIGEST).end())
    read(file)

    assert [run.state for run in store.reports.runs(since=0, until=1e15)] == ["completed"]


def test_an_empty_file_of_yesterday_stays_known(store, read, tmp_path):
    file = write(tmp_path / "cron_1357.log", b"", changed_at=START - 86_400)
    read(file)

    write(file, Log().head().ok(DIGEST).end())
    read(file)

    assert [run.state for run in store.reports.runs(since=0, until=1e15)] == ["empty", "completed"]


@pytest.mark.parametrize(
    ("name", "now", "at_work", "outcome"),
    [
        ("cron_1357.log", START + 100, frozenset(), "running"),
        ("cron_1357.log", START + 600, frozenset(), "crashed"),
        ("cron_1357_4711.log", START + 600, frozenset({4711}), "running"),
        ("cron_1357_4711.log", START + 600, frozenset({4712}), "crashed"),
    ],
)
def test_the_task_at_the_end_runs_while_its_process_may_live(
    store, read, tmp_path, name, now, at_work, outcome
):
    read(write(tmp_path / name, Log().head().start(DIGEST)), now=now, at_work=at_work)

    assert [outcome] == [found for _, found in tasks(store)]


def test_a_task_that_ran_is_looked_at_again_although_the_file_did_not_grow(store, read, tmp_path):
    file = write(tmp_path / "cron_1357.log", Log().head().start(DIGEST))
    read(file, now=START + 100)

    read(file, now=START + 600)

    assert [outcome for _, outcome in tasks(store)] == ["crashed"]


def test_a_reading_that_was_interrupted_is_begun_again(store, read, tmp_path, monkeypatch):
    log = Log().head()
    for _ in range(30):
        log.ok(DIGEST)
    file = write(tmp_path / "cron_1357.log", log.end())
    monkeypatch.setattr("taskrunner.report.ingest.ROWS_AT_ONCE", 5)
    monkeypatch.setattr("taskrunner.report.ingest.Parser.finish", lambda *_args, **_named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        read(file)

    monkeypatch.undo()
    read(file)

    assert len(tasks(store)) == 30


def test_a_long_file_is_written_in_pieces(store, read, tmp_path, monkeypatch):
    monkeypatch.setattr("taskrunner.report.ingest.ROWS_AT_ONCE", 5)
    monkeypatch.setattr(store_reports, "PAGE", 7)
    log = Log().head()
    for _ in range(1000):
        log.ok(DIGEST, 0.25)

    read(write(tmp_path / "cron_1357.log", log.end()), write(tmp_path / "cron_1358.log", Log().head()))

    assert len(tasks(store)) == 1000
    assert [run.path.rpartition("/")[2] for run in store.reports.runs(since=0, until=1e15)] == [
        "cron_1357.log",
        "cron_1358.log",
    ]


def test_a_file_without_a_header_has_the_time_of_its_name(store, read, tmp_path):
    data = b"\n".join(Log().head().ok(DIGEST).end().data().split(b"\n")[3:])

    read(write(tmp_path / "cron_1357.log", data, changed_at=moment("2026-11-21T02:00:00")))

    [task] = store.reports.tasks(since=0, until=1e15, name="")
    assert (task.started_at, task.time_source) == (moment("2026-11-20T13:57:01"), "file name")
