"""Log files as Moodle and taskrunner write them, whole, cut, mixed, dying."""

import pytest

from tests.report.log_lines import START, Log, parse

DIGEST = r"Send digests (mod_forum\task\cron_task)"
BACKUP = r"Backup (core\task\backup_task)"


def test_a_task_that_completes_is_ok_with_all_that_was_said_of_it():
    log = Log().head().ok(DIGEST, 2.5).end()

    [task] = parse(log).tasks

    assert (task.type, task.name, task.title) == ("scheduled", r"mod_forum\task\cron_task", "Send digests")
    assert (task.outcome, task.started_at, task.ended_at) == ("ok", START, START + 2.5)
    assert (task.db_queries, task.memory_start, task.confidence) == (27, round(14.8 * 2**20), "high")


def test_a_process_has_its_start_its_end_and_its_state():
    [run] = parse(Log().head().ok(DIGEST, 3.0).end()).runs

    assert (run.state, run.started_at, run.ended_at, run.time_source) == (
        "completed",
        START,
        START + 3,
        "header",
    )


@pytest.mark.parametrize(
    ("text", "name", "title"),
    [
        (r"Tâches, (a) et b (core\task\x_task)", r"core\task\x_task", "Tâches, (a) et b"),
        ("Old cron without a class", "Old cron without a class", "Old cron without a class"),
        ("Sweep (weekly)", "Sweep (weekly)", "Sweep (weekly)"),
        ("Send digests (forum.SendDigest)", "forum.SendDigest", "Send digests"),
    ],
)
def test_the_class_is_the_last_parenthesis_that_holds_one(text, name, title):
    [task] = parse(Log().head().ok(text)).tasks

    assert (task.name, task.title) == (name, title)


def test_an_adhoc_task_has_its_id():
    [task] = parse(Log().head().ok(r"core\task\send_mail", adhoc_id=812)).tasks

    assert (task.type, task.name, task.adhoc_id, task.outcome) == ("adhoc", r"core\task\send_mail", 812, "ok")


def test_a_failure_has_its_message_of_several_lines_without_the_trace():
    log = Log().head().failed(DIGEST, "Error reading (ERROR: x")
    log.say("LINE 1: SELECT", "^", "Debug info:", "more", "Backtrace:", "* line 4 of /lib/a.php: call to b()")

    [task] = parse(log.end()).tasks

    assert (task.outcome, task.message) == ("failed", "Error reading (ERROR: x\nLINE 1: SELECT\n^")
    assert task.message_key == "Error reading (ERROR: x LINE N: SELECT ^"


def test_a_message_is_kept_up_to_eight_kilobytes():
    log = Log().head().failed(DIGEST, "x" * 5000).say(*["y" * 5000] * 3)

    [task] = parse(log).tasks

    assert len(task.message) == 8192


def test_a_message_may_begin_with_a_comma_and_name_another_task():
    [task] = parse(Log().head().failed(DIGEST, f",{BACKUP},x")).tasks

    assert task.message == f",{BACKUP},x"


def test_complete_then_failed_is_failed():
    """Marking a task as complete may itself fail, behind the line that says it is."""
    log = Log().head().ok(DIGEST).say(f"Scheduled task failed: {DIGEST},cannot write").end()

    [task] = parse(log).tasks

    assert (task.outcome, task.message) == ("failed", "cannot write")


def test_usage_behind_text_that_has_no_line_end_counts():
    log = Log().head().start(DIGEST).say("2 reports to do... used 9 dbqueries", "... used 5.9E-5 seconds")
    log.say("... used 49.3\xa0Mo peak memory", f"Scheduled task complete: {DIGEST}")

    [task] = parse(log).tasks

    assert (task.db_queries, task.memory_peak) == (9, round(49.3 * 2**20))
    assert task.duration == pytest.approx(5.9e-5, abs=1e-6)


def test_of_usage_said_twice_the_last_counts():
    log = Log().head().start(DIGEST).say("... used 900 seconds", "... used 1 dbqueries").used(4.0)

    [task] = parse(log.say(f"Scheduled task complete: {DIGEST}")).tasks

    assert (task.duration, task.db_queries) == (4.0, 27)


def test_usage_without_a_closing_line_counts_for_nothing():
    [task] = parse(Log().head().start(DIGEST).say("... used 27 dbqueries", "... used 900 seconds")).tasks

    assert (task.outcome, task.db_queries, task.duration) == ("crashed", None, 0.0)


@pytest.mark.parametrize(
    "line",
    [
        rf" Execute scheduled task: {BACKUP}",
        rf"Scheduled task complete: {BACKUP}",
        rf"Scheduled task complete: {DIGEST} ",
        rf"Scheduled task failed: {DIGEST}",
        r"Adhoc task id: 4",
        "... started 99:99:99. Current memory use 1 MB.",
        "Server Time: soon",
        "Execution took 3.2 seconds",
        "Ran many adhoc tasks found at noon",
        "CLI maintenance mode active, cron execution suspended.",
        "Backtrace:",
        "User 7 could not be found for adhoc task: other. Cancelling task.",
    ],
)
def test_a_line_of_the_task_itself_changes_nothing(line):
    log = Log().head().start(DIGEST).say(line).used(2.0).say(f"Scheduled task complete: {DIGEST}").end()

    told = parse(log)

    assert told.outcomes() == [(r"mod_forum\task\cron_task", "ok")]
    assert told.states() == ["completed"]


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("User 7 could not be found for adhoc task: a.Mail. Cancelling task.", "cancelled"),
        ("User 7 cannot be used to run an adhoc task: a.Mail. Cancelling task.", "cancelled"),
        ("Adhoc task delayed: a.Mail, try later; next try soon", "delayed"),
        ("Adhoc task failed: a.Mail,", "failed"),
    ],
)
def test_the_other_ends_of_an_adhoc_task(line, outcome):
    told = parse(Log().head().start("a.Mail", adhoc_id=4).used(1.0).say(line).end())

    assert told.outcomes() == [("a.Mail", outcome)]


@pytest.mark.parametrize(
    "line",
    [
        rf"Execute scheduled task: {BACKUP}",
        "Server Time: Fri, 20 Nov 2026 14:00:01 +0000",
        "Ran 3 adhoc tasks found at Fri, 20 Nov 2026 14:00:01 +0000",
        "Skipping processing of adhoc tasks. Concurrency limit reached.",
        "Stopping processing of scheduled tasks as time limit has been reached.",
        r"Skipping \core\task\a adhoc task class as the per-task limit of 2 is reached.",
        "Waiting for more adhoc tasks to be queued ....",
        "Cron run completed correctly",
        "Cron completed at 14:00:01 in 3.5 seconds. Memory used: 36.9 MB.",
    ],
)
def test_a_line_that_no_task_can_be_open_at_means_that_the_open_one_crashed(line):
    told = parse(Log().head().start(DIGEST).say(line))

    assert told.outcomes()[0] == (r"mod_forum\task\cron_task", "crashed")


def test_a_crash_at_the_end_of_a_file_of_its_own_lived_until_the_file_changed():
    log = (
        Log().head().start(DIGEST).say("one", "two", "three", "", "four", "PHP Fatal error:  Allowed memory")
    )

    told = parse(log, changed_at=START + 62)

    [task] = told.tasks
    assert (task.outcome, task.fatal, task.duration) == ("crashed", "fatal error", 62.0)
    assert task.last_lines.splitlines() == ["two", "three", "", "four", "PHP Fatal error:  Allowed memory"]
    assert told.states() == ["truncated"]


def test_a_file_time_of_another_day_says_nothing_of_when_a_task_crashed():
    [task] = parse(Log().head().start(DIGEST), changed_at=START + 30 * 86_400).tasks

    assert task.duration == 0.0


def test_of_a_crash_before_another_task_only_bounds_are_known():
    log = Log().head().start(DIGEST)
    log.at += 40

    crashed, ok = parse(log.ok(BACKUP)).tasks[::-1]

    assert (crashed.outcome, crashed.duration, crashed.ended_before) == ("crashed", 0.0, START + 40)
    assert (crashed.end_known, ok.end_known, ok.outcome) == (0, 1, "ok")


def test_of_a_crash_in_a_file_of_several_processes_the_file_time_is_no_sign_of_life():
    log = Log().head().ok(BACKUP).end()
    log.at += 60
    told = parse(log.head().start(DIGEST), changed_at=log.at + 300)

    [crashed] = [task for task in told.tasks if task.outcome == "crashed"]
    assert (crashed.duration, crashed.ended_before) == (0.0, log.at + 300)


def test_each_minutes_process_appends_and_a_task_exits_at_once():
    log = Log()
    for _ in range(10):
        log.head().start(DIGEST)
        log.at += 59

    told = parse(log, changed_at=log.at)

    assert {(task.duration, task.end_known) for task in told.tasks} == {(0.0, 0)}
    assert {task.ended_before for task in told.tasks} == {START + 59 * n for n in range(1, 11)}
    assert {run.ended_at - run.started_at for run in told.runs} == {0.0}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted", "memory"),
        ("Fatal error: Uncaught Error: x", "fatal error"),
        ("!!! Coding error detected !!!", "exception"),
        ("Default exception handler: x", "exception"),
        ("Killed", "killed"),
        ("Traceback (most recent call last):", "exception"),
        ("this is all", ""),
    ],
)
def test_the_last_words_of_a_crash_tell_its_kind(line, kind):
    [task] = parse(Log().head().start(DIGEST).say(line)).tasks

    assert task.fatal == kind


def test_a_task_of_a_process_that_lives_is_running():
    told = parse(Log().head().start(DIGEST), changed_at=START + 9, lives=True)

    assert (told.outcomes(), told.states()) == ([(r"mod_forum\task\cron_task", "running")], ["running"])


def test_two_processes_in_one_file_are_told_apart_with_low_confidence():
    first = Log().head().start(DIGEST)
    second = Log(at=START + 60).head().start(BACKUP)
    ends = Log(at=START + 70).used(70.0).say(f"Scheduled task complete: {DIGEST}").used(20.0)
    ends.say(
        f"Scheduled task failed: {BACKUP},no", "Cron completed at 13:59:00 in 60 seconds. Memory used: 1."
    )
    text = first.data() + second.data() + ends.data() + ends.lines[-1].encode() + b"\n"

    told = parse(text)

    assert told.outcomes() == [(r"mod_forum\task\cron_task", "ok"), (r"core\task\backup_task", "failed")]
    assert [task.confidence for task in told.tasks] == ["low", "low"]
    assert told.states() == ["completed", "completed"]


def test_processes_one_after_the_other_in_one_file_are_as_many_runs():
    text = Log().head().ok(DIGEST).end().data() + Log(at=START + 60).head().ok(DIGEST).data()

    told = parse(text + Log(at=START + 120).head().ok(DIGEST).end().data())

    assert told.states() == ["completed", "truncated", "completed"]
    assert [task.run_number for task in told.tasks] == [1, 2, 3]
    assert {task.confidence for task in told.tasks} == {"high"}


def test_a_process_that_looks_for_tasks_again_is_one_run():
    log = Log().head().ok(DIGEST).end()
    log.lines[-1] += " Continuing to check for tasks for 120 more seconds."

    told = parse(log.ok(DIGEST).end())

    assert (told.states(), len(told.tasks)) == (["completed"], 2)


def test_a_process_that_dies_after_it_looked_again_is_truncated():
    log = Log().head().ok(DIGEST).end()
    log.lines[-1] += " Continuing to check for tasks for 120 more seconds."

    told = parse(log.start(BACKUP))

    assert (told.states(), told.outcomes()[-1]) == (["truncated"], (r"core\task\backup_task", "crashed"))


def test_the_lines_of_moodle_3_are_understood():
    log = Log().head().ok(DIGEST)
    log.say("Cron script completed correctly", "Cron completed at 13:57:09. Memory used 49.3MB.")

    [run] = parse(log.say("Execution took 8.2 seconds")).runs

    assert (run.state, run.ended_at) == ("completed", START + 8)


@pytest.mark.parametrize(
    "line",
    [
        "CLI maintenance mode active, cron execution suspended.",
        "Moodle upgrade pending, cron execution suspended.",
        "Cron is disabled. Use --force to override.",
    ],
)
def test_a_process_that_may_not_work_is_refused(line):
    assert parse(f"{line}\n".encode()).states() == ["refused"]


def test_a_file_with_other_text_only_tells_of_no_process():
    assert parse(b"root:x:0:0:root:/root:/bin/bash\n" * 9).states() == []


def test_a_task_that_was_run_by_hand_is_no_cron_process():
    told = parse(Log().ok("Send digests (forum.SendDigest)"))

    assert (told.states(), told.outcomes()) == ([], [("forum.SendDigest", "ok")])


def test_text_before_the_header_changes_nothing():
    told = parse(b"PHP Warning: x\n\n" + Log().head().ok(DIGEST).end().data())

    assert told.states() == ["completed"]


def test_stamps_before_each_line_are_taken_off_and_name_host_and_pid():
    log = Log().head().ok(DIGEST).end()
    stamped = "".join(f"web1:4711 2026-11-20 13:57:02 {line}\n" for line in log.lines if line)

    told = parse(stamped.encode())

    assert (told.outcomes(), told.states()) == ([(r"mod_forum\task\cron_task", "ok")], ["completed"])
    assert (told.tasks[0].hostname, told.tasks[0].pid) == ("web1", 4711)


def test_in_a_stamped_file_a_line_without_stamp_is_a_tasks_own():
    lines = [f"2026-11-20 13:57:02 {line}" for line in Log().head().start(DIGEST).lines]
    lines += [f"Scheduled task complete: {DIGEST}"]

    assert parse("\n".join([*lines, ""]).encode()).outcomes() == [(r"mod_forum\task\cron_task", "crashed")]


def test_a_stamp_tells_how_long_a_crashed_task_lived():
    log = Log().head().start(DIGEST)
    stamped = "".join(f"2026-11-20 13:57:01 {line}\n" for line in log.lines)
    stamped += f"2026-11-20 14:07:01 Execute scheduled task: {BACKUP}\n"
    stamped += "2026-11-20 14:07:01 ... started 14:07:01. Current memory use 1 MB.\n"

    crashed = next(task for task in parse(stamped.encode()).tasks if "cron_task" in task.name)

    assert (crashed.duration, crashed.ended_before) == (0.0, START + 600)


def test_the_last_line_with_a_time_says_how_long_a_crashed_task_lived_at_least():
    stamped = "".join(f"2026-11-20 13:57:01 {line}\n" for line in Log().head().start(DIGEST).lines)
    stamped += "2026-11-20 14:03:01 course 6 of 9\n2026-11-20 14:07:01 Server Time: "
    stamped += "Fri, 20 Nov 2026 14:07:01 +0000\n"

    [crashed] = parse(stamped.encode()).tasks

    assert (crashed.duration, crashed.ended_before, crashed.end_known) == (360.0, START + 600, 0)


def test_a_kill_that_a_line_with_a_time_tells_of_is_an_end_that_is_known():
    stamped = "".join(f"2026-11-20 13:57:01 {line}\n" for line in Log().head().start(DIGEST).lines)
    stamped += "2026-11-20 14:03:01 Killed\n"

    [crashed] = parse(stamped.encode(), changed_at=START + 900).tasks

    assert (crashed.duration, crashed.end_known, crashed.ended_before) == (900.0 - 540.0, 1, None)


def test_our_own_run_id_is_read():
    log = Log().head().start("Send digests (forum.SendDigest)").say("... run id 01JD7Q0000000000000000000A")

    [task] = parse(log).tasks

    assert task.run_id == "01JD7Q0000000000000000000A"


def test_carriage_returns_and_bytes_that_are_no_text_do_no_harm():
    data = (
        Log().head().failed("T\udcffche (a.B)", "caf\udce9\0 \x1b[31m").end().data().replace(b"\n", b"\r\n")
    )

    [task] = parse(data).tasks

    assert (task.title, task.message) == (r"T\xffche", "caf\\xe9\ufffd")


def test_tasks_of_one_second_follow_each_other():
    """Starts are written in whole seconds: they must not look as if they ran together."""
    told = parse(Log().head().ok(DIGEST, 0.25).ok(BACKUP, 0.5).end())

    first, second = told.tasks
    assert first.ended_at <= second.started_at
