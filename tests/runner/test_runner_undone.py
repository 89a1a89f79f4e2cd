"""Work that `execute` returns instead of doing it is a failure, in the process and forked, of both kinds."""

import pytest

from tests.runner.runner_site import adhoc, scheduled

UNDONE = [
    ("async def work(): pass\nreturn work()", "an awaitable (coroutine)"),
    ("async def work(): yield 1\nreturn work()", "an async iterator (async_generator)"),
    ("def work(): yield 1\nreturn work()", "an iterator (generator)"),
    ("return map(print, 'abc')", "an iterator (map)"),
    (
        "import types\n@types.coroutine\ndef work(): yield\nasync def more(): await work()\nreturn more()",
        "an awaitable (coroutine)",
    ),
    ("class Later:\n    def __await__(self): yield\nreturn Later()", "an awaitable (Later)"),
    ("from concurrent.futures import Future\nreturn Future()", "a future (Future)"),
]


@pytest.mark.parametrize("isolation", ["none", "fork"])
@pytest.mark.parametrize(("body", "told"), UNDONE)
def test_undone_work_that_a_scheduled_task_returns_fails_the_run(make_site, body, told, isolation):
    site = make_site(plugins={"forum": scheduled("Late", body, extra=f"isolation = {isolation!r}")})

    assert site.cron(after=60).failed == 1

    [run] = site.runs("forum.Late")
    assert (run.outcome, run.message) == (
        "failed",
        f"TypeError: execute returned {told}, whose work is not done: "
        "await it with asyncio.run(…), loop over it, or ask a future for its result()",
    )
    assert "never awaited" not in site.log()


@pytest.mark.parametrize("isolation", ["none", "fork"])
@pytest.mark.parametrize(("body", "told"), UNDONE[:3])
def test_undone_work_that_a_queued_task_returns_keeps_the_task(make_site, body, told, isolation):
    site = make_site(plugins={"forum": adhoc("Late", body, extra=f"isolation = {isolation!r}")})
    site.queue("forum.Late")

    site.cron()

    [row] = site.adhoc()
    assert (row.name, row.attempts_left) == ("forum.Late", 11)
    assert told in row.last_message


@pytest.mark.parametrize("value", ["None", "True", "'done'", "[1, 2]", "{'sent': 3}"])
def test_a_finished_result_is_no_failure(make_site, value):
    site = make_site(plugins={"forum": scheduled("Done", f"return {value}")})

    site.cron(after=60)

    assert site.outcomes("forum.Done") == ["ok"]
