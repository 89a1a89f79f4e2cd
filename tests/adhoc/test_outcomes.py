"""How a run of an adhoc task ends: later, for good, cancelled, not tried at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taskrunner.records import AdhocRow
from taskrunner.store.tasks import NewTask
from tests.cli.program import Program
from tests.databases import ON_SQLITE
from tests.runner.runner_site import RunnerSite, adhoc

IMPORTS = "from taskrunner import GiveUp, RetryLater, UnknownUserError"
RESOLVER = """\
from contextlib import contextmanager
from taskrunner import UnknownUserError

def witness(*words):
    with open({witness!r}, "a") as file:
        print(*words, file=file)

@contextmanager
def as_user(user):
    if user == "nobody":
        raise UnknownUserError(user)
    if user == "locked":
        raise PermissionError("the account is locked")
    witness("enter", user)
    try:
        yield
    finally:
        witness("leave", user)

def at_once(user):
    raise UnknownUserError(user)
"""


@pytest.fixture
def forum(make_site: Callable[..., RunnerSite]) -> Callable[..., RunnerSite]:
    """Make a site whose `forum.Mail` does what the test says."""

    def forum(body: str, *others: str, config: str = "", extra: str = "") -> RunnerSite:
        return make_site(
            plugins={"forum": (IMPORTS, adhoc("Mail", body, extra=extra), *others)}, config=config
        )

    return forum


@pytest.fixture
def with_users(
    forum: Callable[..., RunnerSite], tmp_path: Path, monkeypatch: Any
) -> Callable[..., RunnerSite]:
    """Make such a site with a resolver of users."""
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    monkeypatch.delitem(__import__("sys").modules, "accounts", raising=False)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "accounts.py").write_text(RESOLVER.format(witness=str(tmp_path / "witness")))

    def with_users(body: str, resolver: str = "accounts:as_user") -> RunnerSite:
        return forum(body, config=f'[users]\nresolver = "{resolver}"')

    return with_users


def queue(site: RunnerSite, *, user: str | None = None, attempts: int = 12, data: str = "null") -> int:
    task = NewTask("forum.Mail", "forum", data, user, "IDENTITY", site.clock(), attempts)
    with site.opened() as opened:
        return opened.store.adhoc.add([task], site.clock())[0]


def only(site: RunnerSite) -> AdhocRow:
    (row,) = site.adhoc()
    return row


def state(site: RunnerSite) -> str:
    """Return what `taskrun adhoc list` says of the one task."""
    (record,) = Program(site.root).reads("adhoc", "list")
    return str(record["state"])


def test_a_task_that_asks_for_a_later_try_waits_as_long_as_it_says(forum):
    site = forum("raise RetryLater('the server is busy', seconds=300)")
    queue(site)

    summary = site.cron()

    row = only(site)
    assert (1, 0) == (summary.adhoc, summary.failed)
    assert (site.clock() + 300, 11, 0, 0, None) == (
        row.next_run_at,
        row.attempts_left,
        row.fail_delay,
        row.failures,
        row.failing_since,
    )
    assert ["delayed"] == site.outcomes()


def test_a_later_try_is_told_in_the_log(forum):
    site = forum("raise RetryLater('the server is busy', seconds=300)")
    queue(site)

    site.cron()

    (line,) = [line for line in site.log().splitlines() if line.startswith("Adhoc task delayed: ")]
    assert line.startswith("Adhoc task delayed: forum.Mail, ")
    assert "the server is busy" in line
    assert line.endswith("next try Mon, 4 Jan 2100 12:05:30 +0000")
    assert "Backtrace" not in site.log()


def test_a_later_try_is_run_when_its_time_has_come(forum):
    site = forum("witness(self.custom_data)\nraise RetryLater(seconds=300)")
    queue(site)

    site.cron()
    site.cron(after=299)
    site.cron(after=1)

    assert ["None", "None"] == site.witnessed()
    assert 10 == only(site).attempts_left


def test_without_seconds_a_later_try_waits_a_minute_doubled_with_each_attempt(forum):
    site = forum("raise RetryLater()")
    queue(site)

    waits = []
    for _ in range(4):
        site.cron()
        waits.append(only(site).next_run_at - site.clock())
        site.clock.now += waits[-1]

    assert [60, 120, 240, 480] == waits


def test_seconds_without_their_name_are_not_taken_for_a_message(forum):
    site = forum("raise RetryLater(300)")
    queue(site)

    site.cron()

    assert "TypeError: RetryLater(300): write RetryLater(seconds=300)" == only(site).last_message


def test_a_later_try_costs_an_attempt_until_there_is_none(forum):
    site = forum("witness('tried')\nraise RetryLater(seconds=60)")
    queue(site, attempts=2)

    for _ in range(4):
        site.cron(after=60)

    assert ["tried", "tried"] == site.witnessed()
    assert 0 == only(site).attempts_left
    assert state(site).startswith("given up: ")


def test_a_later_try_that_will_not_come_is_not_promised(forum):
    site = forum("raise RetryLater(seconds=60)")
    queue(site, attempts=1)

    site.cron()

    assert "next try Mon" not in site.log()


@pytest.mark.parametrize("seconds", ["0", "-1", "'soon'", "float('nan')", "float('inf')", "1e300"])
def test_a_later_try_that_never_comes_or_lies_not_ahead_is_a_failure_of_the_task(forum, seconds):
    site = forum(f"raise RetryLater(seconds={seconds})")
    queue(site)

    site.cron()

    assert ["failed"] == site.outcomes()


def test_a_failure_after_a_later_try_waits_its_fail_delay(forum):
    site = forum("raise RetryLater(seconds=60)")
    queue(site)
    site.cron()
    site.write("forum", IMPORTS, adhoc("Mail", "raise ValueError('full')"))
    site.cron(after=60)

    assert (60, 60, 1, 10) == (
        only(site).fail_delay,
        only(site).next_run_at - site.clock(),
        only(site).failures,
        only(site).attempts_left,
    )


def test_a_task_that_gives_up_is_not_tried_again_and_stays_to_be_seen(forum):
    site = forum("witness('tried')\nraise GiveUp('no such course')")
    queue(site)

    summary = site.cron()
    site.cron(after=100_000)

    row = only(site)
    assert (1, ["tried"], ["failed"]) == (summary.failed, site.witnessed(), site.outcomes())
    assert (0, 1) == (row.attempts_left, row.failures)
    assert "no such course" in str(row.last_message)
    assert "given up: " in state(site)


@pytest.mark.parametrize(("extra", "tries"), [("retry = False", 1), ("attempts = 3", 3), ("attempts = 1", 1)])
def test_a_class_says_how_often_its_tasks_are_tried(forum, extra, tries):
    site = forum(
        "witness('tried')\nraise ValueError('full')", adhoc("Root", "queue_adhoc_task(Mail())"), extra=extra
    )
    site.queue("forum.Root")

    for _ in range(tries + 2):
        site.cron(after=86_400)

    assert ["tried"] * tries == site.witnessed()
    assert (0, tries) == (only(site).attempts_left, only(site).failures)


def test_the_delays_of_a_failing_task_double_and_its_last_failure_leaves_the_row(forum):
    site = forum("raise ValueError('full')")
    queue(site, attempts=4)
    began = site.clock()

    waits = []
    for _ in range(4):
        site.cron()
        waits.append(only(site).next_run_at - site.clock())
        site.clock.now += waits[-1]
    site.cron(after=100_000)

    row = only(site)
    assert [60, 120, 240, 480] == waits
    assert (0, 4, began) == (row.attempts_left, row.failures, row.failing_since)
    assert ["failed"] * 4 == site.outcomes()


def test_a_task_that_succeeds_at_last_is_gone(forum):
    site = forum("raise ValueError('full')")
    queue(site)
    site.cron()
    site.write("forum", IMPORTS, adhoc("Mail"))
    site.cron(after=60)

    assert [] == site.adhoc()
    assert ["failed", "ok"] == site.outcomes()


def test_a_task_for_a_user_is_run_as_that_user(with_users):
    site = with_users("witness('run for', self.user)")
    queue(site, user="ann")

    site.cron()

    assert ["enter ann", "run for ann", "leave ann"] == site.witnessed()
    assert [("ok", "ann")] == [(run.outcome, run.user) for run in site.runs()]


def test_also_a_task_that_fails_leaves_its_user(with_users):
    site = with_users("raise ValueError('full')")
    queue(site, user="ann")

    site.cron()

    assert ["enter ann", "leave ann"] == site.witnessed()
    assert ["failed"] == site.outcomes()


def test_a_task_without_a_user_is_run_as_nobody_else(with_users):
    site = with_users("witness('run for', self.user)")
    queue(site)

    site.cron()

    assert ["run for None"] == site.witnessed()


def test_where_no_resolver_is_configured_a_task_for_a_user_waits(forum):
    site = forum("witness('run for', self.user)")
    queue(site, user="ann")

    site.cron()

    assert [] == site.witnessed()
    assert "[users] resolver is not set" in str(only(site).last_message)
    assert 12 == only(site).attempts_left


@pytest.mark.parametrize("resolver", ["accounts:as_user", "accounts:at_once"])
def test_a_task_for_an_unknown_user_is_cancelled_and_removed(with_users, resolver):
    site = with_users("witness('run')", resolver)
    queue(site, user="nobody")

    summary = site.cron()

    line = "User nobody could not be found for adhoc task: forum.Mail. Cancelling task."
    assert (1, 0) == (summary.adhoc, summary.failed)
    assert 1 == site.log().splitlines().count(line)
    assert ([], [], ["cancelled"]) == (site.adhoc(), site.witnessed(), site.outcomes())


def test_a_task_may_itself_find_its_user_unknown(with_users):
    site = with_users("raise UnknownUserError(self.user)")
    queue(site, user="ann")

    site.cron()

    assert ([], ["cancelled"]) == (site.adhoc(), site.outcomes())


@pytest.mark.parametrize("resolver", ["gone:as_user", "accounts:gone", "accounts.gone:as_user"])
def test_a_resolver_that_cannot_be_found_costs_no_attempt(with_users, resolver):
    site = with_users("witness('run')", resolver)
    queue(site, user="ann")

    site.cron()

    assert ([], []) == (site.witnessed(), site.runs())
    assert f"[users] resolver = '{resolver}' cannot be imported" in str(only(site).last_message)
    assert 12 == only(site).attempts_left


def test_what_else_a_resolver_raises_fails_the_run(with_users):
    site = with_users("witness('run')")
    queue(site, user="locked")

    site.cron()

    (run,) = site.runs()
    assert ([], "failed") == (site.witnessed(), run.outcome)
    assert "the account is locked" in str(run.message)


def set_data(site: RunnerSite, task_id: int, data: str) -> None:
    site.elsewhere(f"update task_adhoc set custom_data = '{data}' where id = {task_id}")


@pytest.fixture
def unloadable(make_site: Callable[..., RunnerSite]) -> RunnerSite:
    """A queue where of six tasks three cannot be loaded: each of them stands before one that can."""
    good = adhoc("Good", "witness('good', self.custom_data)")
    bad = adhoc("Bad", "witness('bad', self.custom_data)")
    site = make_site(plugins={"forum": (good, bad), "broken": bad, "gone": bad})
    for name in ("gone.Bad", "broken.Bad", "forum.Bad"):
        site.queue(name)
        site.queue("forum.Good")
    site.write("broken", "def :")
    site.write("gone", good)
    set_data(site, 5, '{"course": ')
    return site


def test_what_cannot_be_loaded_holds_up_no_other_and_costs_no_attempt(unloadable):
    summary = unloadable.cron()

    assert (3, 0) == (summary.adhoc, summary.failed)
    assert ["good None"] * 3 == unloadable.witnessed()
    assert [("broken.Bad", 12, 0), ("forum.Bad", 12, 0), ("gone.Bad", 12, 0)] == sorted(
        (row.name, row.attempts_left, row.failures) for row in unloadable.adhoc()
    )
    assert {"ok"} == set(unloadable.outcomes())


def test_what_cannot_be_loaded_is_listed_with_the_reason(unloadable):
    unloadable.cron()

    states = {row["name"]: row["state"] for row in Program(unloadable.root).reads("adhoc", "list")}

    assert "missing: its plugin does not declare it any more" == states["gone.Bad"]
    assert states["broken.Bad"].startswith("missing: ")
    assert "broken.py" in states["broken.Bad"]
    assert states["forum.Bad"].startswith("waiting: custom data is not JSON: ")


def test_what_cannot_be_loaded_is_tried_no_more_than_once_a_minute(unloadable):
    unloadable.cron()
    unloadable.cron(after=59)

    assert 1 == unloadable.log().count("Cannot load adhoc task 5: forum.Bad waits, no attempt is counted: ")


def test_what_could_not_be_loaded_is_run_when_it_is_mended(unloadable):
    unloadable.cron()
    bad = adhoc("Bad", "witness('bad', self.custom_data)")
    unloadable.write("broken", bad)
    unloadable.write("gone", bad)
    set_data(unloadable, 5, '"mended"')

    summary = unloadable.cron(after=60)

    assert (3, []) == (summary.adhoc, unloadable.adhoc())
    assert ["bad None", "bad None", "bad mended"] == unloadable.witnessed()[3:]


def test_a_plugin_that_cannot_be_imported_here_costs_no_attempt(make_site, tmp_path):
    guard = f"if os.path.exists({str(tmp_path / 'no')!r}): raise RuntimeError('no licence')"
    site = make_site(plugins={"forum": (guard, adhoc("Mail", "witness('run')"))})
    site.queue("forum.Mail")
    (tmp_path / "no").touch()
    site.cron()
    (tmp_path / "no").unlink()
    parked = only(site)

    site.cron(after=60)

    assert (12, 0) == (parked.attempts_left, parked.failures)
    assert "no licence" in str(parked.last_message)
    assert ["run"] == site.witnessed()


def test_a_class_that_vanished_waits_however_long(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "witness('run')"), "other": adhoc("Other")})
    site.queue("forum.Mail")
    (site.root / "plugins" / "forum.py").rename(site.root / "forum.away")
    for _ in range(3):
        site.cron(after=86_400)
    lost = state(site)
    (site.root / "forum.away").rename(site.root / "plugins" / "forum.py")

    site.cron(after=60)

    assert "missing: there is no plugin forum any more" == lost
    assert ["run"] == site.witnessed()


@ON_SQLITE
def test_a_row_whose_text_is_no_utf_8_holds_up_no_other(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "witness(self.custom_data)")})
    for _ in range(2):
        site.queue("forum.Mail")
    site.elsewhere("update task_adhoc set custom_data = cast(x'22ff22' as text) where id = 1")

    site.cron()

    assert ["None"] == site.witnessed()
    assert [(1, 12)] == [(row.id, row.attempts_left) for row in site.adhoc()]
