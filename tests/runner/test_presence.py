"""Runs that had ended when their process died, before the database knew."""

import pytest

from taskrunner.records import Run
from taskrunner.runner.job import FinishedRun
from taskrunner.runner.journal import RunJournal
from taskrunner.runner.log_file import anonymous_log_file, open_log_file
from taskrunner.runner.output import OutputRange
from tests.runner.runner_site import RunnerSite, adhoc, scheduled
from tests.runner.test_presence_recovery import die_in_task

HEAD = "before\n"
LOG = HEAD + "{marker}so far\n... used 0 dbqueries\n"


def die_after_task(
    site: RunnerSite,
    name: str,
    *,
    outcome: str = "ok",
    backtrace: str = "",
    is_kept: bool = True,
    **asked: object,
) -> str:
    """Leave what a process leaves that dies between the end of a run and its settling."""
    run_id = die_in_task(site, name, LOG)
    log = (site.root / "log" / "dead.log").read_bytes()
    start = log.index(b"so far")
    with site.opened() as opened:
        [running] = opened.store.runners.running()
        run = Run(
            run_id=run_id,
            type=running.type,
            name=name,
            plugin="forum",
            adhoc_id=running.adhoc_id,
            user=None,
            due_at=running.due_at,
            started_at=running.started_at,
            ended_at=running.started_at + 7,
            outcome=outcome,
            message=None if outcome == "ok" else "disk is full",
            output="",
            log_file=running.log_file,
            db_reads=3,
            db_writes=4,
            cpu_seconds=0.5,
            max_rss=6,
            attempt=running.attempt,
            hostname=running.hostname,
            pid=running.pid,
        )
        ended = FinishedRun(run, 0, running.attempts_left)._replace(**asked)
        notes = RunJournal(opened.config.state_dir, running.runner_id)
        dead_log = (open_log_file if is_kept else anonymous_log_file)(site.root / "log" / "dead.log")
        notes.write(ended, OutputRange(dead_log, start, start + len("so far\n")), backtrace)
    return run_id


def test_of_a_run_whose_log_could_not_be_written_the_output_is_told_to_be_lost(make_site):
    """Not what stands at its place in the file that could be written until then."""
    site = make_site(plugins={"forum": scheduled("Digest", schedule="0 * * * *")})
    die_after_task(site, "forum.Digest", is_kept=False)

    site.cron(after=30)

    assert [("ok", "(its output is lost: its log file could not be written)\n")] == [
        (run.outcome, run.output) for run in site.runs()
    ]


def notes_left(site: RunnerSite) -> list[str]:
    return [path.name for path in (site.root / "state" / "ended").iterdir()]


def test_a_run_that_had_ended_well_is_recorded_so_and_not_run_again(make_site):
    site = make_site(plugins={"forum": scheduled("Digest", "witness('again')", schedule="0 * * * *")})
    run_id = die_after_task(site, "forum.Digest")

    site.cron(after=30)
    site.cron(after=60)

    [run] = site.runs()
    assert (run_id, "ok", "so far\n") == (run.run_id, run.outcome, run.output)
    assert (7, 3, 4, 0.5, 6) == (run.duration, run.db_reads, run.db_writes, run.cpu_seconds, run.max_rss)
    assert [] == site.witnessed()
    row = site.row("forum.Digest")
    assert (0, "ok", None) == (row.failures, row.last_outcome, row.run_id)
    assert f"(run {run_id}): it had ended (ok) before that was written down\n" in site.log()
    assert [] == notes_left(site)


def test_an_adhoc_task_that_was_done_is_done(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "witness('again')")})
    site.queue("forum.Mail")
    die_after_task(site, "forum.Mail")

    site.cron()

    assert [] == site.adhoc()
    assert ["ok"] == site.outcomes()
    assert [] == site.witnessed()


def test_a_run_that_had_failed_has_failed_for_its_own_reason(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_after_task(site, "forum.Digest", outcome="failed", backtrace="Traceback …\n")

    site.cron()

    [run] = site.runs()
    assert ("failed", "disk is full", "so far\nTraceback …\n") == (run.outcome, run.message, run.output)
    assert 1 == site.row("forum.Digest").failures


def test_what_a_run_had_asked_for_is_done(make_site):
    site = make_site(plugins={"forum": adhoc("Mail")})
    site.queue("forum.Mail")
    die_after_task(site, "forum.Mail", outcome="delayed", retry_in=5000.0)
    began_at = site.clock()

    site.cron()

    [row] = site.adhoc()
    assert (began_at + 7 + 5000, 0) == (row.next_run_at, row.failures)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda note: note.unlink(),
        lambda note: note.write_text(""),
        lambda note: note.write_text(note.read_text()[:-1]),
        lambda note: note.write_text(note.read_text().replace("E ", "E OFANOTHER")),
        lambda note: note.write_text("[]\n"),
        lambda note: note.write_text('{"run": {}}\n'),
        lambda note: (note.rename(note.with_suffix(".moved")), note.symlink_to(note.with_suffix(".moved"))),
    ],
)
def test_without_a_whole_note_of_this_very_run_it_has_crashed(make_site, spoil):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_after_task(site, "forum.Digest")
    [note] = (site.root / "state" / "ended").iterdir()
    spoil(note)

    site.cron()

    assert ["crashed"] == site.outcomes()


def test_a_task_that_prints_the_lines_of_a_run_that_is_complete_has_crashed_all_the_same(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    lines = "... used 0 dbqueries\n... used 1 seconds\n... used 50 MB peak memory\n"
    die_in_task(site, "forum.Digest", "{marker}" + lines + "Scheduled task complete: Digest (forum.Digest)\n")

    site.cron()

    assert ["crashed"] == site.outcomes()


def test_what_a_note_holds_of_an_earlier_longer_one_does_not_count(make_site):
    site = make_site(plugins={"forum": (scheduled("A", "raise ValueError('x' * 5000)"), scheduled("B"))})

    site.cron(after=60)

    assert ["failed", "ok"] == site.outcomes()
    assert [] == notes_left(site)


def test_a_run_whose_log_file_is_gone_is_recorded_as_it_ended(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_after_task(site, "forum.Digest")
    (site.root / "log" / "dead.log").unlink()

    site.cron()

    [run] = site.runs()
    assert "ok" == run.outcome
    assert "dead.log cannot be read: No such file or directory" in run.output


@pytest.mark.parametrize(
    ("said", "outcome", "cause"),
    [
        (
            "Fatal Python error: Aborted\n\nCurrent thread 0x1 (most recent call first):\n  File\n",
            "crashed",
            ": Aborted",
        ),
        (
            "Timeout (0:00:11)!\nThread 0x1 (most recent call first):\n  File\n",
            "timeout",
            ": it did not end in time",
        ),
        ("Fatal Python error: Aborted\n", "crashed", ""),
    ],
)
def test_the_reason_of_a_death_is_what_python_wrote_as_it_died(make_site, said, outcome, cause):
    site = make_site(plugins={"forum": scheduled("Digest")})
    die_in_task(site, "forum.Digest", "{marker}so far\n" + said)

    site.cron()

    [run] = site.runs()
    assert outcome == run.outcome
    assert run.message.partition(")")[2] == cause


NOTE_OF_BEFORE = (
    '{{"run": {{"run_id": "{run_id}", "type": "adhoc", "name": "forum.Mail", "plugin": "forum",'
    ' "adhoc_id": {adhoc_id}, "user": null, "due_at": {now}, "started_at": {now}, "ended_at": {ended_at},'
    ' "outcome": "delayed", "message": "busy", "output": "", "log_file": "{log}", "db_reads": 3,'
    ' "db_writes": 4, "cpu_seconds": 0.5, "max_rss": 6, "attempt": 1,'
    ' "hostname": "{hostname}", "pid": 4711}},'
    ' "fail_delay": 0, "attempts_left": 11, "retry_in": 5000.0, "gives_up": false, "has_more": false,'
    ' "output": [{start}, {end}], "backtrace": ""}}\n'
)
"""What the version before this layout wrote into `state/ended`, word for word."""


def test_the_note_of_an_earlier_version_is_read_after_an_upgrade(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "witness('again')")})
    adhoc_id = site.queue("forum.Mail")
    run_id = die_in_task(site, "forum.Mail", LOG)
    log, now = site.root / "log" / "dead.log", site.clock()
    start = log.read_bytes().index(b"so far")
    with site.opened() as opened:
        [running] = opened.store.runners.running()
    note = site.root / "state" / "ended" / f"{running.runner_id}.json"
    note.parent.mkdir()
    note.write_text(
        NOTE_OF_BEFORE.format(
            run_id=run_id,
            adhoc_id=adhoc_id,
            now=now,
            ended_at=now + 7,
            log=log,
            hostname=running.hostname,
            start=start,
            end=start + len("so far\n"),
        )
    )

    site.cron()

    [run], [row] = site.runs(), site.adhoc()
    assert ("delayed", "busy", "so far\n", 3, 4) == (
        *(run.outcome, run.message, run.output),
        *(run.db_reads, run.db_writes),
    )
    assert now + 7 + 5000 == row.next_run_at
    assert [] == site.witnessed()
    assert not note.exists()


@pytest.mark.parametrize(
    ("written", "refused", "outcome"),
    [
        ("\n", '{"message": "half a character: \\ud83d"}\n', "ok"),
        (" 3 4 ", f" {2**70} 4 ", "crashed"),
    ],
)
def test_a_note_that_the_database_refuses_is_set_aside_and_keeps_no_cron_from_its_work(
    make_site, written, refused, outcome
):
    site = make_site(plugins={"forum": (scheduled("Digest"), adhoc("Mail", "witness('canary')"))})
    die_after_task(site, "forum.Digest")
    [note] = (site.root / "state" / "ended").iterdir()
    note.write_text(note.read_text().replace(written, refused))
    site.queue("forum.Mail")

    site.cron()

    first, canary = sorted(site.runs(), key=lambda run: run.name)
    assert ("forum.Digest", outcome) == (first.name, first.outcome)
    assert "(the database refused its output: " in first.output
    assert ("ok", ["canary"]) == (canary.outcome, site.witnessed())
    assert [note.with_suffix(".refused").name] == notes_left(site)
    assert "The output of forum.Digest is in its log file only: database " in site.log()
