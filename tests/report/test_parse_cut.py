"""A log cut at any byte, and bytes of any kind: no error, and nothing lost but what was cut."""

from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.report.log_lines import Log, Told, parse

DIGEST = r"Envoi des résumés (mod_forum\task\cron_task)"
BACKUP = r"Backup (core\task\backup_task)"
SHAPES = (
    b"Server Time: Fri, 20 Nov 2026 13:57:01 +0000\n",
    b"Execute scheduled task: a (b.C)\n",
    b"Execute adhoc task: b.D\n",
    b"... started 13:57:02. Current memory use 1 MB.\n",
    b"... run id 01JD7Q0000000000000000000A\n",
    b"... used 3 dbqueries\n",
    b"... used 1e5 seconds\n",
    b"Scheduled task complete: a (b.C)\n",
    b"Scheduled task failed: a (b.C),x\n",
    b"Adhoc task complete: b.D\n",
    b"Adhoc task delayed: b.D, later\n",
    b"User 2 could not be found for adhoc task: b.D. Cancelling task.\n",
    b"Ran 3 adhoc tasks found at now\n",
    b"Cron run completed correctly\n",
    b"Cron completed at 13:57:09 in 8 seconds. Memory used: 1.\n",
    b"Cron is disabled.\n",
    b"!!! x !!!\n",
    b"web1:12 2026-11-20 13:57:02 Execute scheduled task: a (b.C)\n",
    b"2026-13-99 99:99:99 Server Time: Fri, 20 Nov 2026 13:57:01 +0000\n",
    b"\xff\x00\r\n",
)


@cache
def whole() -> bytes:
    log = Log().head().ok(DIGEST, 2.25).failed(BACKUP, "full\nof text", 3.5).ok("a.Mail", adhoc_id=181)
    log.say("Backtrace:", "* line 4 of /a.php: call to b()").start(DIGEST).say("PHP Fatal error: é")
    text = log.ok(BACKUP, 0.125).failed("a.Mail", "é!", adhoc_id=182).end().data()
    return text + Log(at=log.at + 60).head().ok(DIGEST).end().data()


@cache
def complete() -> Told:
    return parse(whole())


def end_of(line: int) -> int:
    """Return how many bytes the first lines have."""
    return len(b"".join(whole().splitlines(keepends=True)[:line]))


def closing_line(number: int) -> int:
    """Return the line that closes the task of so many."""
    starts = [index for index, line in enumerate(whole().splitlines()) if line.startswith(b"Execute ")]
    upper = [*starts[1:], len(whole().splitlines())][number]
    closing = (b" task complete: ", b" task failed: ")
    lines = whole().splitlines()
    return (
        next((at for at in range(starts[number], upper) if any(c in lines[at] for c in closing)), upper) + 1
    )


@given(st.integers(0, len(whole())))
def test_a_file_cut_at_any_byte_loses_only_what_was_cut(size):
    told = parse(whole()[:size])

    expected = sorted(complete().tasks, key=lambda task: task.line)
    found = sorted(told.tasks, key=lambda task: task.line)
    assert [task.name for task in found] == [task.name for task in expected][: len(found)]
    for number, (before, after) in enumerate(zip(expected, found, strict=False)):
        if end_of(closing_line(number)) <= size and before.outcome == "ok":
            assert after == before
        elif before.outcome == "failed" and end_of(closing_line(number)) <= size:
            kept = after.message.partition("\\x")[0]  # half a character is escaped
            assert (after.outcome, before.message.startswith(kept)) == ("failed", True)
        else:
            assert after.outcome in ("crashed", before.outcome)
        assert (after.name, after.started_at <= before.started_at) == (before.name, True)


@given(st.integers(0, len(whole())))
def test_a_file_whose_beginning_was_cut_loses_only_what_was_cut(size):
    told = parse(whole()[size:])

    names = [task.name for task in sorted(complete().tasks, key=lambda task: task.line)]
    found = [task.name for task in sorted(told.tasks, key=lambda task: task.line)]
    assert found == names[len(names) - len(found) :]


@given(st.lists(st.sampled_from(SHAPES) | st.binary(max_size=80), max_size=40).map(b"".join), st.booleans())
@example(b"".join(SHAPES), True)
@settings(max_examples=300)
def test_no_text_whatever_is_an_error(text, lives):
    told = parse(text, lives=lives, changed_at=1.8e9)

    for row in [*told.tasks, *told.runs]:
        assert row.started_at <= row.ended_at
        str(row).encode()
    starts = text.count(b"Execute ")
    assert len(told.tasks) <= starts
    words = (
        b"Server Time: ",
        b"Cron ",
        b"CLI maint",
        b"pending",
        b"Ran ",
        b"Skipping",
        b"Stopping",
        b"Waiting",
    )
    assert not told.runs or any(word in text for word in words)
