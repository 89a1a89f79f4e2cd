"""[run] around: context managers around every run; and [users] resolver, who a queued task runs for."""

import pytest

from tests.runner.runner_site import adhoc, scheduled

AROUND = """\
import os
from contextlib import contextmanager, suppress

@contextmanager
def note(run):
    with open({witness!r}, "a") as file:
        print("enter", run.name, run.type, run.run_id, run.attempt, run.custom_data, run.user, file=file)
        try:
            yield
        except BaseException as error:
            print("saw", type(error).__name__, error, file=file)
            raise
        finally:
            print("leave", file=file)

@contextmanager
def outer(run):
    with open({witness!r}, "a") as file:
        print("outer", file=file, flush=True)
        yield
        print("outer left", file=file)

def swallow(run):
    return suppress(Exception)

@contextmanager
def set_up_once(run):
    os.environ["SHOP_SETTINGS"] = "live"
    yield

@contextmanager
def for_this_run(run):
    os.environ["SHOP_RUN"] = run.run_id
    try:
        yield
    finally:
        del os.environ["SHOP_RUN"]

def broken(run):
    raise ValueError("no connection")

def no_manager(run):
    return 5

@contextmanager
def as_user(user):
    with open({witness!r}, "a") as file:
        print("as", user, file=file)
    yield
"""


@pytest.fixture
def site_with(make_site, tmp_path, monkeypatch):
    """Make a site whose runs are entered by functions of a module of its own."""

    def make(*names, config="", **plugins):
        module = f"around_{abs(hash(str(tmp_path)))}"
        (tmp_path / f"{module}.py").write_text(AROUND.format(witness=str(tmp_path / "witness")))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delenv("SHOP_SETTINGS", raising=False)
        listed = ", ".join(f'"{module}:{name}"' for name in names)
        config = config.replace("MODULE", module)
        return make_site(plugins=plugins, config=f"{config}\n[run]\naround = [{listed}]\n")

    return make


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_a_run_is_entered_with_its_facts_and_left_in_the_other_order(site_with, isolation):
    body = "witness('execute')"
    site = site_with("outer", "note", forum=scheduled("Digest", body, extra=f"isolation = {isolation!r}"))

    site.cron(after=60)

    [run] = site.runs("forum.Digest")
    assert site.witnessed() == [
        "outer", "execute", f"enter forum.Digest scheduled {run.run_id} 1 None None", "leave", "outer left",
    ]  # fmt: skip


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_a_queued_task_tells_its_data_its_user_and_what_it_raised(site_with, isolation):
    site = site_with(
        "note",
        config='[users]\nresolver = "MODULE:as_user"',
        forum=adhoc("Mail", "raise ValueError('disk is full')", extra=f"isolation = {isolation!r}"),
    )
    site.queue("forum.Mail", '{"to": "Ada"}')

    site.cron()

    [run] = site.runs("forum.Mail")
    assert site.witnessed() == [
        f"enter forum.Mail adhoc {run.run_id} 1 {{'to': 'Ada'}} None", "saw ValueError disk is full", "leave",
    ]  # fmt: skip
    assert (run.outcome, run.message) == ("failed", "ValueError: disk is full")


@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_one_that_swallows_what_is_raised_makes_no_success_of_it(site_with, isolation):
    body = "raise ValueError('disk is full')"
    site = site_with("swallow", forum=scheduled("Bad", body, extra=f"isolation = {isolation!r}"))

    site.cron(after=60)

    [run] = site.runs("forum.Bad")
    assert (run.outcome, run.message) == ("failed", "ValueError: disk is full")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "no connection"),
        ("missing", "cannot be imported: module 'MODULE' has no attribute 'missing'"),
        ("no_manager", "gave a int, which is not a context manager; use @contextmanager"),
    ],
)
def test_one_that_cannot_be_entered_fails_the_run_and_is_named(site_with, name, message):
    site = site_with(name, forum=scheduled("Digest", "witness('execute')"))

    assert site.cron(after=60).failed == 1

    [run] = site.runs("forum.Digest")
    assert message.split("MODULE")[0] in run.message
    assert "execute" not in site.witnessed()


def test_a_module_that_is_not_there_fails_the_run_in_one_line(make_site):
    site = make_site(
        plugins={"forum": scheduled("Digest")}, config='[run]\naround = ["no_such_shop.cron:around"]'
    )

    site.cron(after=60)

    [run] = site.runs("forum.Digest")
    assert run.message == (
        "[run] around = 'no_such_shop.cron:around' cannot be imported: No module named 'no_such_shop'"
    )
    assert "Traceback" not in site.log()


def test_what_is_set_up_around_a_run_is_no_change_of_the_task(site_with):
    tasks = scheduled("One", "witness(os.environ['SHOP_SETTINGS'])") + scheduled("Two")
    site = site_with("set_up_once", "for_this_run", forum=tasks)

    assert site.cron(after=60).scheduled == 2

    assert "put back" not in site.log()
    assert "Leaving after this task" not in site.log()
    assert site.witnessed() == ["live"]


def test_what_the_task_changes_itself_is_still_put_back(site_with):
    site = site_with("set_up_once", forum=scheduled("One", "os.environ['SHOP_SETTINGS'] = 'mine'"))

    site.cron(after=60)

    assert "... put back what the task changed: the environment" in site.log()


def test_a_task_for_a_user_waits_while_there_is_no_resolver(make_site):
    site = make_site(plugins={"forum": adhoc("Mail", "witness('sent')")})
    queue_for(site, "ada")

    site.cron()

    [row] = site.adhoc()
    assert (row.attempts_left, site.witnessed()) == (12, [])
    assert row.last_message == (
        "it is for the user 'ada', and [users] resolver is not set: it is never run as somebody else"
    )


@pytest.mark.parametrize("resolver", ["no_such_shop:as_user", "json:as_user", "json.decoder:NaN"])
def test_a_resolver_that_cannot_be_used_costs_no_attempt_and_doctor_names_it(make_site, resolver):
    from tests.diagnosis.test_doctor import messages_in

    site = make_site(
        plugins={"forum": adhoc("Mail", "witness('sent')")}, config=f'[users]\nresolver = "{resolver}"'
    )
    queue_for(site, "ada")

    site.cron()

    [row] = site.adhoc()
    assert (row.attempts_left, site.witnessed()) == (12, [])
    assert row.last_message.startswith(f"[users] resolver = {resolver!r} ")
    assert row.last_message in messages_in(site, "config")


def test_a_task_for_a_user_runs_once_the_resolver_is_there(site_with, make_site):
    site = site_with(config='[users]\nresolver = "MODULE:as_user"', forum=adhoc("Mail", "witness('sent')"))
    queue_for(site, "ada")

    site.cron()

    assert site.witnessed() == ["as ada", "sent"]
    assert site.adhoc() == []


def queue_for(site, user):
    from taskrunner.queueing import new_task

    with site.opened() as opened:
        task = new_task("forum.Mail", None, user=user, next_run_at=site.clock(), retry=True, attempts=12)
        opened.store.adhoc.add([task], site.clock())
