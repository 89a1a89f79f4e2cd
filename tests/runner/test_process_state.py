"""What a task changes in its process is put back; a process that cannot be put in order leaves."""

import locale
import logging
import os
import random
import signal
import subprocess
import sys
import threading
from textwrap import dedent

import pytest

from taskrunner.runner import process_state
from tests.patience import DEADLINE
from tests.runner.runner_site import RunnerSite, scheduled

IMPORTS = """\
import decimal, gc, locale, random, resource, signal, socket, threading, time, warnings
"""


def two(site, change, look="''"):
    """Run a task that changes something, and one that prints what it sees of it after; return both runs."""
    site.write(
        "forum",
        IMPORTS,
        scheduled("Bad", dedent(change)),
        scheduled("Canary", f"print({look}, end='')", extra="timeout = 50"),
    )
    with site.opened():
        site.clock.now += 60
    site.cron(shown="all" if "sys.std" in change else "none")
    return {run.name: run for run in site.runs()}


@pytest.mark.parametrize(
    ("change", "look", "name"),
    [
        ("os.chdir('/')", "os.getcwd()", "the working directory"),
        ("os.umask(0o777)", "oct(os.umask(os.umask(0)))", "the umask"),
        ("signal.signal(signal.SIGUSR1, print)", "signal.getsignal(signal.SIGUSR1)", "the signal handlers"),
        ("signal.signal(signal.SIGCHLD, signal.SIG_IGN)", "signal.getsignal(17)", "the signal handlers"),
        (
            "signal.setitimer(signal.ITIMER_VIRTUAL, 500)",
            "signal.getitimer(signal.ITIMER_VIRTUAL)",
            "a timer",
        ),
        ("signal.alarm(500)", "''", "a timer"),
        (
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])",
            "signal.pthread_sigmask(signal.SIG_BLOCK, [])",
            "the signals blocked",
        ),
        ("os.environ['LEFT'] = 'behind'", "os.environ.get('LEFT')", "the environment"),
        ("os.environ.clear()", "'PATH' in os.environ", "the environment"),
        ("os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()", "time.tzname", "the environment, the time zone"),
        ("sys.path.clear()", "sys.path", "sys.argv or sys.path"),
        ("sys.path.insert(0, '/tmp')", "sys.path[0] == '/tmp'", "sys.argv or sys.path"),
        ("sys.argv[:] = ['x']", "sys.argv", "sys.argv or sys.path"),
        (
            "resource.setrlimit(resource.RLIMIT_NOFILE, (99, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))",
            "resource.getrlimit(resource.RLIMIT_NOFILE)",
            "its limits",
        ),
    ],
)
def test_what_a_task_changes_of_the_world_around_it_is_put_back(make_site, change, look, name):
    expected = str(eval(look, modules()))
    site = make_site(plugins={"forum": scheduled("Bad")})

    runs = two(site, change, look)

    assert ("ok", "ok") == (runs["forum.Bad"].outcome, runs["forum.Canary"].outcome)
    assert expected == runs["forum.Canary"].output
    assert f"... put back what the task changed: {name}\n" in site.log()


@pytest.mark.parametrize(
    ("change", "undo", "name"),
    [
        ("locale.setlocale(locale.LC_ALL, 'C.UTF-8')", "None", "the locale"),
        ("sys.excepthook = print", "setattr(sys, 'excepthook', sys.__excepthook__)", "the hooks of sys"),
        (
            "threading.excepthook = print",
            "setattr(threading, 'excepthook', threading.__excepthook__)",
            "the hooks of sys",
        ),
        ("sys.setrecursionlimit(500)", "sys.setrecursionlimit(1000)", "the settings of sys and gc"),
        ("gc.disable()", "gc.enable()", "the settings of sys and gc"),
        ("warnings.simplefilter('ignore')", "warnings.filters.pop(0)", "the filters of warnings"),
        (
            "decimal.getcontext().prec = 3",
            "decimal.setcontext(decimal.DefaultContext.copy())",
            "the context of decimal",
        ),
        ("socket.setdefaulttimeout(3)", "socket.setdefaulttimeout(None)", "the timeout of sockets"),
    ],
)
def test_a_process_whose_interpreter_a_task_has_changed_leaves_after_it(make_site, change, undo, name):
    site, kept = make_site(plugins={"forum": scheduled("Bad")}), locale.setlocale(locale.LC_ALL)

    try:
        runs = two(site, change)
    finally:
        eval(undo, modules())
        locale.setlocale(locale.LC_ALL, kept)

    assert {"forum.Bad": "ok"} == {name: run.outcome for name, run in runs.items()}
    assert f"the next one starts in a clean process: it changed {name} for good\n" in site.log()
    site.cron()
    assert ["ok", "ok"] == site.outcomes()


def modules():
    names = (
        "decimal",
        "gc",
        "locale",
        "os",
        "resource",
        "signal",
        "socket",
        "sys",
        "threading",
        "time",
        "warnings",
    )
    return {name: __import__(name) for name in names}


def test_nothing_is_said_of_a_task_that_leaves_all_as_it_was(make_site: type[RunnerSite]):
    site = make_site(plugins={"forum": scheduled("Digest")})

    site.cron(after=60)

    assert "put back" not in site.log()


def test_what_a_plugin_changes_while_it_is_imported_stays(make_site, monkeypatch):
    monkeypatch.setenv("SETTINGS_MODULE", "of before")
    site = make_site(
        plugins={
            "forum": (
                "os.environ['SETTINGS_MODULE'] = 'forum.settings'",
                scheduled("First"),
                scheduled("Second", "print(os.environ['SETTINGS_MODULE'])"),
            )
        }
    )

    site.cron(after=60)

    assert ["", "forum.settings\n"] == [run.output for run in site.runs()]


def test_context_variables_that_a_task_sets_end_with_it(make_site):
    site = make_site(plugins={"forum": scheduled("Bad")})
    change = (
        "import contextvars; os.variable = contextvars.ContextVar('v', default='-'); os.variable.set('x')"
    )

    runs = two(site, change, "os.variable.get()")
    del os.variable

    assert "-" == runs["forum.Canary"].output


def test_chance_is_not_foreseeable_after_a_task_that_seeded_it(make_site):
    site = make_site(plugins={"forum": scheduled("Bad")})

    runs = two(site, "random.seed(1); print(random.random(), end=''); random.seed(1)", "random.random()")

    assert runs["forum.Bad"].output != runs["forum.Canary"].output


def test_a_process_in_which_chance_cannot_be_made_anew_leaves_after_the_task(make_site, monkeypatch):
    monkeypatch.setattr(random, "seed", random.seed)
    site = make_site(plugins={"forum": scheduled("Bad")})

    runs = two(site, "random.seed = None")

    assert ["forum.Bad"] == list(runs)
    assert "a clean process: random cannot be seeded anew: TypeError" in site.log()


@pytest.mark.parametrize(
    "change",
    [
        "sys.stdout.reconfigure(line_buffering=True, encoding='utf-16')",
        "sys.stdout.write = None",
        "sys.stdout.buffer.write = None",
        "sys.stdout.detach()",
        "sys.stdout = None",
        "del sys.stderr",
    ],
)
def test_a_stream_that_a_task_has_changed_is_as_ever_for_the_next(make_site, change):
    site = make_site(plugins={"forum": scheduled("Bad")})

    runs = two(site, f"print('before'); {change}", "'here \u20ac'")

    assert runs["forum.Bad"].output.startswith("before\n")
    assert ("ok", "here \u20ac") == (runs["forum.Canary"].outcome, runs["forum.Canary"].output)


def test_a_stream_that_a_task_closed_is_open_for_the_next(make_site):
    site = make_site(plugins={"forum": scheduled("Bad")})

    runs = two(site, "sys.stdout.close(); sys.stderr.close()", "'here'")

    assert ("ok", "here") == (runs["forum.Canary"].outcome, runs["forum.Canary"].output)


def test_logging_does_not_go_on_writing_to_a_stream_that_a_task_closed(make_site):
    handlers = list(logging.root.handlers)
    change = """
        import io, logging
        stream = io.StringIO()
        logging.root.addHandler(logging.StreamHandler(stream))
        stream.close()
    """
    site = make_site(plugins={"forum": scheduled("Bad")})

    two(site, change)

    assert handlers == logging.root.handlers


def test_a_process_with_a_thread_left_in_it_leaves_after_the_task(make_site):
    site = make_site(plugins={"forum": scheduled("Bad")})
    gate = "threading.main_thread().gate"
    threading.main_thread().gate = threading.Event()
    try:
        runs = two(site, f"threading.Thread(target={gate}.wait, name='Lingering').start()")
    finally:
        threading.main_thread().gate.set()

    assert ["forum.Bad"] == list(runs)
    assert "ok" == runs["forum.Bad"].outcome
    assert "Leaving after this task, the next one starts in a clean process: a thread" in site.log()
    assert "still runs: Lingering" in site.log()


def test_a_thread_that_ends_at_once_after_the_task_lets_the_process_go_on(make_site, monkeypatch):
    monkeypatch.setattr(process_state, "THREADS_MAY_TAKE", DEADLINE)
    site = make_site(plugins={"forum": scheduled("Bad")})

    runs = two(site, "threading.Thread(target=time.sleep, args=(0.05,)).start()", "threading.active_count()")

    assert ("ok", "1") == (runs["forum.Canary"].outcome, runs["forum.Canary"].output)
    assert "Leaving after this task" not in site.log()


def test_a_thread_that_does_not_keep_a_process_from_ending_is_none_of_our_business(make_site):
    site = make_site(plugins={"forum": scheduled("Bad")})

    runs = two(site, "threading.Thread(target=threading.Event().wait, args=(0.5,), daemon=True).start()")

    assert ["forum.Bad", "forum.Canary"] == list(runs)


def test_a_process_that_has_grown_too_much_leaves_after_the_task(make_site):
    site = make_site(plugins={"forum": scheduled("Bad")})

    runs = two(site, "os.leaked = bytearray(700_000_000); os.leaked[::4096] = b'x' * len(os.leaked[::4096])")
    del os.leaked

    assert ["forum.Bad"] == list(runs)
    assert "its memory has grown by " in site.log()


def test_memory_that_a_task_gives_back_does_no_harm(make_site):
    site = make_site(plugins={"forum": scheduled("Bad")})

    runs = two(site, "x = bytearray(900_000_000); x[::4096] = b'x' * len(x[::4096]); del x")

    assert ["forum.Bad", "forum.Canary"] == list(runs)


def test_a_handler_of_its_own_does_not_take_the_runners_signals_away(make_site):
    site = make_site(plugins={"forum": scheduled("Bad")})

    two(site, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")

    assert signal.SIG_IGN != signal.getsignal(signal.SIGTERM)
    assert sys.stdout is not None


def test_a_module_that_a_task_is_the_first_to_import_does_no_harm(make_site, monkeypatch):
    monkeypatch.delitem(sys.modules, "decimal", raising=False)
    site = make_site(plugins={"forum": scheduled("Bad")})

    runs = two(site, "import decimal; decimal.getcontext()")

    assert ["forum.Bad", "forum.Canary"] == list(runs)
    assert "decimal" not in site.log()


def test_the_peak_of_a_process_is_its_own_and_not_that_of_the_larger_one_that_started_it() -> None:
    asked = "from taskrunner.runner.process_state import peak_memory; print(peak_memory())"
    large = (
        f"kept = b'x' * (300 << 20); import os, sys; os.execv(sys.executable, ['python', '-c', {asked!r}])"
    )

    done = subprocess.run([sys.executable, "-c", large], capture_output=True, text=True, check=True)

    assert 0 < int(done.stdout) < 150 << 20
