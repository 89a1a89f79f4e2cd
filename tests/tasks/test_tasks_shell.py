"""ShellTask: a command as a scheduled task, in this process and in a forked one."""

import os
import signal
from pathlib import Path

import pytest

from taskrunner import tasks as running
from taskrunner.task import Failed
from taskrunner.tasks import describe
from tests.runner.test_fork import is_alive

HEAD = "from pathlib import Path\nfrom taskrunner.tasks import ShellTask\n\n\n"


@pytest.fixture(params=["none", "fork"])
def isolation(request):
    return request.param


@pytest.fixture
def run(make_site, isolation):
    """Run a ShellTask with these attributes once, and return its run."""

    def run(**attributes):
        lines = {"schedule": "* * * * *", "isolation": isolation} | attributes
        body = "".join(f"    {name} = {value!r}\n" for name, value in lines.items())
        site = make_site(plugins={"site": f"{HEAD}class Digest(ShellTask):\n{body}"})
        site.cron(after=60)
        (done,) = site.runs()
        return done

    return run


def test_a_text_is_run_by_the_shell_and_what_it_prints_is_in_the_log(run):
    done = run(command="echo one; echo two >&2; printf three")

    assert ("ok", None, "one\ntwo\nthree") == (done.outcome, done.message, done.output)


def test_a_list_is_run_without_a_shell(run):
    assert "a  b $HOME *\n" == run(command=["echo", "a  b", "$HOME", "*"]).output


def test_another_shell_can_be_asked_for(run):
    assert "bash\n" == run(command='echo "${BASH_VERSION:+bash}"', shell="/bin/bash").output


def test_it_starts_in_its_folder_with_what_is_added_to_the_environment(run, tmp_path, monkeypatch):
    monkeypatch.setenv("KEPT", "kept")
    monkeypatch.setenv("CHANGED", "before")

    done = run(
        command='pwd; echo "$KEPT $CHANGED $ADDED"',
        cwd=str(tmp_path),
        environment={"CHANGED": "after", "ADDED": "é"},
    )

    assert f"{tmp_path}\nkept after é\n" == done.output


@pytest.mark.parametrize(
    ("stdin", "read"), [("", ""), ("one\ntwo", "one\ntwo"), ("x" * 200_000, "x" * 200_000)]
)
def test_it_reads_what_it_is_given_and_nothing_else(run, stdin, read):
    assert read == run(command=["cat"], stdin=stdin).output


def test_a_byte_that_is_no_text_reaches_the_command_as_it_was(run):
    assert "303 251 351\n" == run(command="printf 'é\udce9' | od -An -to1 | sed 's/^ *//'").output


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("exit 3", "exit code 3"),
        ("kill -KILL $$", "ended by SIGKILL"),
        ("sh -c 'kill -KILL $$'; exit $?", "exit code 137: SIGKILL"),
        ("no-such-program --now", "exit code 127: command not found"),
        (["no-such-program", "--now"], "command not found: no-such-program"),
        (["/etc/passwd"], "cannot start /etc/passwd: Permission denied"),
    ],
)
def test_a_command_that_fails_fails_the_run_in_one_line(run, command, message):
    done = run(command=command)

    assert ("failed", message) == (done.outcome, done.message)
    assert "Traceback" not in done.output


def test_a_folder_that_is_not_there_is_named(run):
    done = run(command="true", cwd="/no/such/folder")

    assert ("failed", "cannot start in /no/such/folder: No such file or directory") == (
        done.outcome,
        done.message,
    )


@pytest.mark.parametrize(("code", "outcome"), [(0, "failed"), (1, "ok"), (2, "ok"), (3, "failed")])
def test_only_accepted_exit_codes_are_a_success(run, code, outcome):
    assert outcome == run(command=f"exit {code}", accepted_exit_codes=(1, 2)).outcome


GROUP = "sleep 600 & echo $!; echo $$; wait"


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr("taskrunner.tasks.GRACE", 0.3)
    monkeypatch.setattr("taskrunner.runner.fork.GRACE", 1.0)


def test_the_end_of_its_time_ends_the_whole_group(run):
    done = run(command=GROUP, timeout=1.5)

    assert ("timeout", "ended after its timeout of 1.5 s") == (done.outcome, done.message)
    assert [] == [pid for pid in done.output.split()[:2] if is_alive(pid)]


def test_a_command_that_does_not_listen_is_killed(run, soon):
    done = run(command="trap '' TERM; echo $$; while :; do sleep 0.05; done", timeout=1.5)

    assert "timeout" == done.outcome
    assert not is_alive(done.output.split()[0])


def test_a_command_may_clean_up_when_its_time_is_over(run):
    done = run(command="trap 'echo cleaned; exit 0' TERM; sleep 600 & wait", timeout=1.5)

    assert "timeout" == done.outcome
    assert done.output.startswith("cleaned\n")


@pytest.mark.parametrize("isolation", ["none"])
def test_what_a_command_leaves_in_the_background_goes_on(run):
    pid = int(run(command="sleep 600 & echo $!").output)

    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("isolation", ["fork"])
def test_a_forked_task_leaves_nothing_in_the_background(run):
    started = "until grep -q sleep /proc/$!/comm; do :; done"  # until then it has the name of the shell
    done = run(command=f"sleep 600 & {started}; echo $!")

    pid, said = done.output.split("\n", 1)
    assert not is_alive(pid)
    assert f"... ended what the task left running: sleep (pid {pid})\n" == said


def test_signals_that_were_held_back_meanwhile_are_answered_by_the_command(run):
    assert "ended by SIGTERM" == run(command="kill -TERM $$; echo still there").message


def test_it_cannot_be_reached_by_the_keys_of_a_terminal(run):
    pid, group, session = run(command="ps -o pid=,pgid=,sid= -p $$").output.split()

    assert (pid, pid) == (group, session)


WANTED = {
    "command": "a text for the shell, or a list of a program and its arguments",
    "shell": "the path of a program",
    "cwd": "None or the absolute path of a folder",
    "environment": "a mapping of names to texts",
    "stdin": "a text",
    "accepted_exit_codes": "one or more whole numbers from 0 to 255",
}


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        *(("command", value) for value in (5, " ", [], [""], ["a", 5], "a\0b", "\ud800", {"a"}, b"a")),
        *(("shell", value) for value in ("", None)),
        *(("cwd", value) for value in ("here", 5, "/\0")),
        *(("environment", value) for value in (["A=b"], {"A": 1}, {"A=": ""}, {"": ""}, {"A": "\0"})),
        *(("stdin", value) for value in (b"x", None)),
        *(("accepted_exit_codes", value) for value in (0, (), (256,), (-1,), ("0",), (True,))),
    ],
)
def test_a_wrong_attribute_is_a_finding(make_site, attribute, value):
    lines = {"schedule": "@daily", "command": "true"} | {attribute: value}
    body = "".join(f"    {name} = {value!r}\n" for name, value in lines.items())
    site = make_site(plugins={"site": f"{HEAD}class Digest(ShellTask):\n{body}"})

    with site.opened() as opened:
        (finding,) = opened.registry.findings

    assert f"Digest: {attribute} must be {WANTED[attribute]}, not {value!r}" == finding.message


def test_a_class_without_a_command_is_what_others_share(make_site):
    common = (
        "class Common(ShellTask):\n    schedule = '* * * * *'\n    stdin = 'hello'\n    cwd = Path('/')\n\n\n"
    )
    site = make_site(plugins={"site": f"{HEAD}{common}class Digest(Common):\n    command = ('cat',)\n"})

    site.cron(after=60)

    assert [("site.Digest", "hello")] == [(run.name, run.output) for run in site.runs()]
    with site.opened() as opened:
        assert () == opened.registry.findings


def test_a_signal_without_a_name_is_named_by_its_number():
    assert "ended by signal 40" == describe(-40, by_shell=False)


def test_the_exit_code_of_a_program_is_not_read_as_that_of_a_shell():
    assert "exit code 127" == describe(127, by_shell=False)


def test_nothing_is_left_open_by_a_command_that_cannot_start():
    before = len(list(Path("/proc/self/fd").iterdir()))

    with pytest.raises(Failed):
        running.run(["no-such-program"], cwd=None, environment={}, stdin="text")

    assert before == len(list(Path("/proc/self/fd").iterdir()))
