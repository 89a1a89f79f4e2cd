"""A command forked from the warm process does what it does when it is started anew."""

import subprocess

import pytest

from tests.cli.program import FORUM, Program
from tests.patience import DEADLINE
from tests.warm import WARM, anew

ECHO = """\
import locale

class Echo(AdhocTask):
    def execute(self):
        print(sys.argv[1:], os.getcwd(), sys.path[0], sorted(os.environ.items()))
        print(sys.stdin.read(), sys.stdin.encoding, sys.stdout.encoding, locale.setlocale(locale.LC_CTYPE))
        print(sorted(os.listdir("/proc/self/fd")))
        print([type(signal.getsignal(number)).__name__ for number in range(1, 32)])
        sys.stderr.write("told\\n")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("warm"), {"TZ": "Asia/Tokyo"})
    program.configure()
    program.write("forum", FORUM)
    program.write("echo", ECHO)
    program.prints("plugins")
    return program


def cold(site: Program, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return anew(arguments, cwd=site.root, environ=site.environment(), timeout=DEADLINE)


@pytest.mark.parametrize(
    "command",
    [
        ["--version"],
        ["--help"],
        ["config"],
        ["plugins", "--json"],
        ["help", "tasks"],
        ["help", "exit-codes"],
        ["nonsense"],
        ["show", "SendDigset"],
        ["schedule", "SendDigest", "0 99 * * *"],
    ],
    ids=" ".join,
)
def test_a_command_says_the_same(site: Program, command: list[str]) -> None:
    warm, started = site.run(*command), cold(site, *command)

    assert (warm.returncode, warm.stdout, warm.stderr) == (started.returncode, started.stdout, started.stderr)


def test_a_task_finds_the_same_around_it(site: Program) -> None:
    def found(done: "subprocess.CompletedProcess[str]") -> list[str]:
        return [line for line in done.stdout.splitlines() if line and not line.startswith("...")][2:]

    warm = site.run("run-task", "Echo")

    assert found(warm) == found(cold(site, "run-task", "Echo"))
    assert any("Asia/Tokyo" in line for line in found(warm))


def test_what_hangs_is_ended_and_harms_no_other(site: Program) -> None:
    site.write("hanging", "class Hangs(AdhocTask):\n    def execute(self):\n        signal.pause()\n")

    with pytest.raises(subprocess.TimeoutExpired):
        WARM.run(["run-task", "Hangs"], cwd=site.root, environ=site.environment(), timeout=2.0)
    assert site.prints("--version").startswith("taskrun ")
