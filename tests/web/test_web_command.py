"""`taskrun web`: what it refuses in one line, and a browser's way through it to its end."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from taskrunner.cli import main, web
from taskrunner.web.admin.login import read_entries, write_entry
from tests.cli.program import FORUM, PROGRAM, Program
from tests.patience import DEADLINE


@pytest.fixture
def site(tmp_path: Path, database_line: str) -> Program:
    program = Program(tmp_path, database_line=database_line)
    program.configure('[web]\nhosts = ["admin.example.org"]')
    program.write("forum", FORUM)
    return program


@pytest.fixture
def unserved(tmp_path: Path) -> Program:
    """A site of which the command gets no further than to its configuration."""
    program = Program(tmp_path)
    program.configure()
    return program


def refused(site: Program, *arguments: str) -> tuple[int, list[str]]:
    """Return the exit code and what is said, which is one line and perhaps a hint."""
    code, said = site.refuses("web", *arguments)
    return code, [line for line in said.splitlines() if line and not line.startswith(("Usage:", "Try "))]


def test_without_waitress_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "find_spec", lambda name: None)

    result = CliRunner().invoke(main, ["web"])

    assert (1, "") == (result.exit_code, result.stdout)
    assert "taskrun: waitress is not installed\n  hint: pip install 'taskrunner-cron[web]'\n" == result.stderr


def test_a_taken_port_is_named_with_the_next(unserved: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(unserved, "--listen", f"127.0.0.1:{port}")

    assert (
        1,
        [
            f"taskrun: cannot listen on 127.0.0.1:{port}: Address already in use",
            f"  hint: taskrun web --listen 127.0.0.1:{port + 1}",
        ],
    ) == said


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--listen", "0.0.0.0:0"), 2, "browsers of other machines reach 0.0.0.0: it needs --password-file"),
        (("--listen", "8077"), 2, "'8077' is not ADDRESS:PORT, such as 127.0.0.1:8077"),
        (("--listen", "127.0.0.1:99999"), 2, "'127.0.0.1:99999' is not ADDRESS:PORT"),
        (("--listen", "http://127.0.0.1:80/"), 2, "is not ADDRESS:PORT"),
        (("--listen", "no.invalid:0"), 1, "taskrun: cannot listen on no.invalid:0: "),
        (("--add-user", "ann"), 2, "--add-user needs --password-file"),
        (("--password-file", "/nowhere/people"), 78, "taskrun: /nowhere/people does not exist"),
        (("--password-file", "/etc"), 78, "taskrun: /etc is a directory"),
        (("--password-file", "/etc/passwd"), 78, "taskrun: /etc/passwd "),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    unserved: Program, arguments: tuple[str, ...], code: int, message: str
) -> None:
    ended, lines = refused(unserved, *arguments)

    assert code == ended
    assert message in lines[0]
    assert [] == [line for line in lines[1:] if not line.startswith("  hint: ")]


def test_without_a_site_it_says_how_to_make_one(tmp_path: Path) -> None:
    code, lines = refused(Program(tmp_path))

    assert (78, True) == (code, "taskrun init" in lines[-1]), lines


def test_a_person_is_added_with_a_password_of_standard_input(unserved: Program) -> None:
    file = unserved.root / "people"
    named = ("web", "--password-file", str(file), "--add-user")
    added = [
        unserved.run(*named, "ann", input="correct horse battery\n"),
        unserved.run(*named, "bob", "--read-only", input="looks and no more"),
        unserved.run(*named, "eve", input="short\n"),
    ]

    assert [0, 0, 78] == [done.returncode for done in added]
    assert {"ann": True, "bob": False} == {
        name: entry.may_change for name, entry in read_entries(file).items()
    }
    assert "taskrun: a password has at least 10 characters\n" == added[2].stderr


def _obey_interrupts() -> None:
    """Undo what a shell does that starts the tests behind itself, and what they would pass on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Served:
    """`taskrun web` in a process of its own, and a browser that asks it."""

    def __init__(self, site: Program, *arguments: str) -> None:
        command = [*PROGRAM, "web", "--listen", "127.0.0.1:0", *arguments]
        self.process = subprocess.Popen(
            command, cwd=site.root, env=site.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True, preexec_fn=_obey_interrupts,
        )  # fmt: skip
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/.*)", self.url)
        assert found, self.url
        self.port, self.path = int(found[1]), found[2]
        self.cookie = ""

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            headers = {"Sec-Fetch-Site": "same-origin", "Cookie": self.cookie}
            if form is None:
                connection.request("GET", path, headers=headers)
            else:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                connection.request("POST", path, urlencode(form), headers)
            answer = connection.getresponse()
            self.cookie = (answer.headers["Set-Cookie"] or self.cookie).partition(";")[0]
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def end(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; return the exit code and what was said on stderr."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, said

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()


@pytest.fixture
def started() -> Iterator[list[Served]]:
    started: list[Served] = []
    yield started
    for served in started:
        served.kill()


def test_the_printed_address_leads_in_and_what_is_done_there_is_in_the_audit(
    site: Program, started: list[Served]
) -> None:
    started.append(served := Served(site))

    assert (303, "") == served.ask(served.path)
    assert "forum.SendDigest" in served.ask("/")[1]
    assert 303 == served.ask("/task/forum.SendDigest/disable", {"reason": "it is noisy"})[0]
    assert (0, True) == ((ended := served.end(signal.SIGINT))[0], "has logged in from 127.0.0.1" in ended[1])
    assert "Traceback" not in ended[1]
    [change] = json.loads(site.prints("audit", "--json"))
    assert ("disable", "forum.SendDigest") == (change["action"], change["target"])
    assert change["login"].startswith("web:"), change


def test_who_may_look_changes_nothing_and_sigterm_ends_it_well(site: Program, started: list[Served]) -> None:
    file = site.root / "people"
    write_entry(file, "bob", "looks and no more", may_change=False)
    started.append(served := Served(site, "--password-file", str(file)))

    assert ("/", 403) == (served.path, served.ask("/")[0])
    assert 303 == served.ask("/login", {"name": "bob", "password": "looks and no more"})[0]
    assert 200 == served.ask("/")[0]
    assert (403, "You may look here, but not change anything.\n") == served.ask(
        "/task/forum.SendDigest/disable", {"reason": ""}
    )
    assert 0 == served.end(signal.SIGTERM)[0]
    assert [] == json.loads(site.prints("audit", "--json"))


def test_read_only_is_for_the_first_who_comes_as_well(site: Program, started: list[Served]) -> None:
    started.append(served := Served(site, "--read-only"))
    served.ask(served.path)

    assert 403 == served.ask("/task/forum.SendDigest/retry", {})[0]
    assert 200 == served.ask("/task/forum.SendDigest")[0]
