"""Plugins that harm the process that imports them: it is never this one."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskrunner.plugins.declaration import Reading
from taskrunner.plugins.declare import read_plugins
from taskrunner.plugins.discover import find_sources
from taskrunner.plugins.importer import NAMESPACE
from tests.patience import until
from tests.plugins.plugin_site import IMPORTS, Site, scheduled

NOT_IMPORTED = "bad.py: cannot be imported"
SEGFAULT = "import ctypes\nctypes.string_at(0)\n"
ENDLESS = "while True: pass\n"
BLOCKS = "import time; time.sleep(900)\n"


def read(site: Site, *, timeout: float = 30.0) -> dict[str, Reading]:
    sources = [source for source in find_sources([site.plugins]).sources if source.name != "core"]
    paths = {source.name: source.path for source in sources}
    return {reading.plugin.name: reading for reading in read_plugins(sources, paths, timeout=timeout)}


def findings(site: Site, reading: Reading) -> list[str]:
    return [str(finding).replace(f"{site.plugins}/", "") for finding in reading.plugin.findings]


def declared(readings: dict[str, Reading]) -> list[str]:
    return [task.name for reading in readings.values() for task in reading.plugin.tasks]


def children() -> set[str]:
    """Return the pids of the children of this process."""
    return set(Path("/proc/self/task", str(os.getpid()), "children").read_text().split())


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    assert set() == children() - before


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("x = 1\nif x\n", "bad.py:2: SyntaxError: expected ':'"),
        ("x = 1\n\n  y = 2\n", "bad.py:3: IndentationError: unexpected indent"),
        ("\nimport no_such_thing\n", "bad.py:2: ModuleNotFoundError: No module named 'no_such_thing'"),
        (
            "from os import no_such_thing",
            "bad.py:1: ImportError: cannot import name 'no_such_thing' from 'os'",
        ),
        ("def f():\n    return 1 / 0\nf()\n", "bad.py:2: ZeroDivisionError: division by zero"),
        ("import json\njson.loads('{')\n", "bad.py:2: JSONDecodeError: Expecting property name"),
        ("\nimport sys; sys.exit(3)\n", "bad.py:2: SystemExit: 3"),
        ("raise KeyboardInterrupt", "bad.py:1: KeyboardInterrupt"),
        ("raise GeneratorExit", "bad.py:1: GeneratorExit"),
        ("def f(): f()\nf()\n", "bad.py:1: RecursionError: maximum recursion depth exceeded"),
        ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E\n", "bad.py:3: E"),
        ("raise ValueError('one\\ntwo')", "bad.py:1: ValueError: one"),
        (
            "import os; os._exit(3)",
            f"{NOT_IMPORTED}: its process ended with exit code 3 before the import did",
        ),
        (
            "import os; os._exit(0)",
            f"{NOT_IMPORTED}: its process ended with exit code 0 before the import did",
        ),
        (SEGFAULT, f"{NOT_IMPORTED}: its process died of signal 11 (SIGSEGV)"),
        ("import os; os.kill(0, 9)", f"{NOT_IMPORTED}: its process died of signal 9 (SIGKILL)"),
        (b"x = 1\ny = '\0'\n", "bad.py:2: SyntaxError: source code contains a NUL byte"),
        (b"\ny = '\xe9'\n", "bad.py:2: SyntaxError: (unicode error) 'utf-8' codec can't decode byte 0xe9"),
        (b"# coding: nonsense\n", "bad.py:1: SyntaxError: unknown encoding"),
        ("x = 1".encode("utf-16"), "bad.py:1: SyntaxError: source code contains a NUL byte"),
    ],
)
def test_a_plugin_that_fails_is_a_finding_and_costs_no_other(
    site: Site, text: str | bytes, finding: str
) -> None:
    site.write_task("after.py")
    site.write("bad.py", text)
    site.write_task("even_later.py")

    readings = read(site)
    [found] = findings(site, readings["bad"])
    assert found.startswith(finding)
    assert declared(readings) == ["after.Task", "even_later.Task"]
    assert readings["bad"].broken


def test_a_plugin_that_does_not_end_is_ended(site: Site) -> None:
    site.write_task("a.py")
    site.write("bad.py", ENDLESS)
    site.write_task("c.py")

    readings = read(site, timeout=3.0)  # the others have to be imported in it, on a busy machine too
    assert findings(site, readings["bad"]) == ["bad.py: import did not end within 3 s"]
    assert declared(readings) == ["a.Task", "c.Task"]


def test_several_bad_plugins_in_a_row_are_each_named(site: Site) -> None:
    for name, text in (("a", SEGFAULT), ("b", BLOCKS), ("c", "import os; os._exit(1)"), ("d", "1 / 0")):
        site.write(f"{name}.py", text)
    site.write_task("e.py")

    readings = read(site, timeout=3.0)
    assert [reading.broken for reading in readings.values()] == [True, True, True, True, False]
    assert declared(readings) == ["e.Task"]


def test_the_deepest_line_of_the_plugins_own_files_is_named(site: Site) -> None:
    site.write("forum/__init__.py", "from . import helper\n")
    site.write("forum/helper.py", "\n\nimport json\njson.loads(None)\n")

    assert findings(site, read(site)["forum"])[0].startswith("forum/helper.py:4: TypeError")


def test_a_syntax_error_in_a_helper_is_found_where_it_is(site: Site) -> None:
    site.write("forum/__init__.py", "\nfrom . import helper\n")
    site.write("forum/helper.py", "\n\n)\n")

    assert findings(site, read(site)["forum"]) == ["forum/helper.py:3: SyntaxError: unmatched ')'"]


def test_a_module_that_fails_costs_only_its_own_tasks(site: Site) -> None:
    site.write("forum/__init__.py")
    site.write("forum/bad.py", "1 / 0")
    site.write_task("forum/good.py")

    reading = read(site)["forum"]
    assert [task.name for task in reading.plugin.tasks] == ["forum.Task"]
    assert findings(site, reading) == ["forum/bad.py:1: ZeroDivisionError: division by zero"]


def test_a_file_that_vanishes_is_a_finding(site: Site) -> None:
    sources = [source for source in find_sources([site.plugins, site.write_task("forum.py").parent]).sources][
        1:
    ]
    (site.plugins / "forum.py").unlink()

    [reading] = read_plugins(sources, {"forum": sources[0].path}, timeout=30.0)
    assert findings(site, reading)[0].startswith("forum.py: FileNotFoundError")


def test_a_module_that_vanishes_while_its_package_is_read_is_a_finding(site: Site) -> None:
    site.write("forum/__init__.py", "import os\nos.unlink(os.path.join(*__path__, 'mail.py'))\n")
    site.write_task("forum/mail.py")

    [finding] = findings(site, read(site)["forum"])
    assert finding == "forum/mail.py: ModuleNotFoundError: No module named 'taskrun_plugins.forum.mail'"


def test_what_an_import_does_to_the_process_is_not_done_to_this_one(site: Site, tmp_path: Path) -> None:
    site.write("bad.py", "import os, sys\nos.chdir('/')\nos.environ['BAD'] = '1'\nsys.path.clear()\n")
    before = os.getcwd(), list(sys.path)

    read(site)
    assert before == (os.getcwd(), sys.path)
    assert "BAD" not in os.environ
    assert not [name for name in sys.modules if name.startswith(f"{NAMESPACE}.bad")]


def test_what_an_import_prints_is_not_seen(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    site.write("bad.py", "import os\nprint('printed')\nos.system('echo shouted; echo complained >&2')\n")
    print("mine")

    assert not read(site)["bad"].broken
    assert capfd.readouterr() == ("mine\n", "")


def test_an_import_that_reads_input_reads_nothing(site: Site) -> None:
    site.write("bad.py", "import sys\nassert sys.stdin.read() == ''\n")

    assert findings(site, read(site)["bad"]) == []


def test_a_process_that_an_import_leaves_behind_is_ended(site: Site, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    site.write(
        "bad.py",
        f"import subprocess\nopen({str(note)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid))",
    )

    read(site)
    until(lambda: is_gone(int(note.read_text())), "the end of what the import started")


def test_a_plugin_that_forks_is_read_once(site: Site) -> None:
    site.write("a.py", IMPORTS + "import os\nos.fork()\n" + scheduled("Task"))
    site.write_task("b.py")

    assert declared(read(site)) == ["a.Task", "b.Task"]


def test_a_plugin_is_not_blamed_for_what_an_earlier_one_left_in_the_process(site: Site) -> None:
    text = "import os, threading\nthreading.Timer(0.05, os._exit, (7,)).start()\n"
    site.write_task("a.py", extra=text)
    site.write_task("b.py", extra="import time\ntime.monotonic()\nwhile time.thread_time() < 0.2: pass\n")

    readings = read(site)
    assert declared(readings) == ["a.Task", "b.Task"]


def test_a_plugin_that_closes_every_file_is_the_only_one_lost(site: Site) -> None:
    site.write("bad.py", "import os\nos.closerange(0, 65536)\n")
    site.write_task("c.py")

    readings = read(site)
    assert readings["bad"].broken
    assert declared(readings) == ["c.Task"]


def test_a_great_many_tasks_pass_through_the_pipe(site: Site) -> None:
    site.write("forum.py", IMPORTS + "".join(scheduled(f"Task{number}") for number in range(1000)))

    assert len(declared(read(site))) == 1000


def test_no_descriptor_is_left_open(site: Site) -> None:
    site.write("a.py", BLOCKS)
    site.write("b.py", SEGFAULT)
    before = len(os.listdir("/dev/fd"))

    read(site, timeout=1.0)
    assert before == len(os.listdir("/dev/fd"))


def is_gone(pid: int) -> bool:
    """Return whether a process is gone, or waits for init, which reaps an orphan in its own time."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
