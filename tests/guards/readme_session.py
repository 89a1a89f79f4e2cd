"""The shell sessions of the documentation: their commands run for real, in order, in an empty folder.

`python -m tests.guards.readme_session` writes what they print now into README.md and the pages of docs, and
the man page into contrib/man.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.contrib.example_site import ExampleSite
from tests.patience import DEADLINE

README = Path(__file__).parents[2] / "README.md"
DOCS = README.parent / "docs"
MAN_PAGE = README.parent / "contrib" / "man" / "taskrun.1"
SESSIONS = (
    ("tutorial",),
    ("troubleshooting",),
    ("idempotence",),
    ("administration",),
    ("operating",),
    ("moodle-logs",),
    ("first-steps", "commands", "diagnosis", "checks", "reports", "testing", "migrating"),
)
"""The pages with transcripts, in the order in which they are run; each line begins in an empty folder."""

SHOWN_FOLDER = "/srv"
SHOWN_CHECKOUT = "~/taskrunner/"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
FILE = re.compile(r"```(?:python|toml)\n# (at the end of )?([\w/]+\.(?:py|toml))\n(.*?)```", re.DOTALL)
MAKE_RUN = re.compile(r"(?s)```console\n\$ make run\n(.*?)\$ make test\n```")
LEFT_OUT = "…\n"
VARYING = (
    (r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "RUN"),
    (r"\b[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "DATE"),
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:?\d\d| [+-]\d{4}| UTC)?", "DATE"),
    (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
    (r"\b\d\d-\d\d \d\d:\d\d\b", "DATE"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\b\d\d:\d\d\b", "DATE"),
    (r"(?m)^((?:NEXT)?  +)[A-Z][a-z]{2} +\d{1,2}( +\w+\.\w+ )", r"\1DATE\2"),  # not today
    (r"(?m)^(NEXT)?  +DATE +core\.\w+ ", r"\1 DATE core.TASK "),  # in an order of chance
    (r"cron_\d{4}_\d+", "cron_HHMM_PID"),
    (r"\bpid \d+ on [\w.-]+", "pid PID on HOST"),
    (r'"(pid|max_rss|id)": \d+', r'"\1": N'),
    (r'"(hostname)": "[^"]*"', r'"\1": "HOST"'),
    (r"\b\d+(\.\d+)?(e-\d+)? (ms|s|min|h|d|seconds|KB|MB|GB|bytes)\b", "N UNIT"),
    (r"\b(in N UNIT|N UNIT ago|now)\b", "WHEN"),
    (r"(?m)^(core\.\w+ +)\d+ \d+ \* \* \*", r"\1R R * * *"),
    (r'"(duration|cpu_seconds|usual_duration|running_for)": [\d.e-]+', r'"\1": N'),
    (r"\bin \d+\.\d+s\b", "in N UNIT"),
    (r"\b[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d DATE", "DATE"),
    (r"SQLite \d+\.\d+\.\d+", "SQLite N"),
    (r"(?m)^ *[~^]+ *\n", ""),  # other Pythons underline other parts of a line
    (r" +", " "),
    (r"WHEN on [\w.-]+", "WHEN on HOST"),
    (  # where two of core's tasks drew neighbouring minutes: what is left when they are moved
        r'(taskrun schedule core\.\w+ "[^"]*" # was [^\n]*\n)+'
        r"# peak before: [\d.]+ tasks at once, after: ([\d.]+)\n(#[^\n]*\n){2}# 00 02 [ \d]*",
        r"No other minute would be better for any task; at most \2 tasks run at once.",
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a session and what the page says it prints."""

    command: str
    printed: str


@dataclass(frozen=True, slots=True)
class File:
    """A file that the reader is asked to write, or to extend."""

    path: str
    text: str
    is_extension: bool


def page(name: str) -> Path:
    """Return the file of a page."""
    return DOCS / f"{name}.md"


def steps_of(block: str) -> list[Step]:
    """Return the commands of a block, each with the lines below it."""
    steps = []
    for part in re.split(r"(?m)^\$ ", block)[1:]:
        command, _, printed = part.partition("\n")
        steps.append(Step(command, printed))
    return steps


def parts(text: str) -> list[Step | File]:
    """Return the commands and the files of a page, in order."""
    found: list[Step | File] = []
    for block in re.finditer(rf"{BLOCK.pattern}|{FILE.pattern}", text, re.DOTALL):
        console, extends, path, content = block.groups()
        found += steps_of(console) if console is not None else [File(path, content, bool(extends))]
    return found


def steps(name: str) -> list[Step]:
    """Return the commands of a page."""
    return [part for part in parts(page(name).read_text("utf-8")) if isinstance(part, Step)]


def man_page() -> str:
    """Return the man page as the program and the pages are now."""
    command = [sys.executable, str(README.parent / ".ci" / "man.py")]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout


def make_run(folder: Path) -> str:
    """Return what the commands of `make run` print on a copy of the example site."""
    site = ExampleSite.copied_to(folder)
    commands = (("cron", "--verbose"), ("list",), ("log", "--limit", "10"))
    return "\n".join(site.taskrun(*command).stdout for command in commands)


def excerpts(shown: str, printed: str) -> str:
    """Return the parts of what was printed now that begin and end with the same lines as those shown."""
    lines = printed.splitlines(keepends=True)
    known = [normalised(line) for line in lines]
    found, start = [], 0
    for part in shown.split(LEFT_OUT):
        ends = [normalised(line) for line in part.splitlines() if line]
        if ends:
            first = known.index(ends[0], start)
            start = known.index(ends[-1], first) + 1
            found.append("".join(lines[first:start]))
        else:
            found.append("")
    return LEFT_OUT.join(found)


class Session:
    """A shell in a folder of its own, with `taskrun` on its PATH and no more of ours in its environment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cwd = folder
        self._temporary = folder / ".tmp"  # not where pytest would tidy up after others, for minutes
        self._temporary.mkdir()

    def write(self, file: File) -> None:
        """Write a file as the reader does, or add to it."""
        path = self._cwd / file.path
        text = file.text.replace(f"{SHOWN_FOLDER}/", f"{self._folder}/")
        path.write_text((path.read_text("utf-8") + "\n" if file.is_extension else "") + text, "utf-8")
        path.chmod(0o644)

    def run(self, command: str) -> str:
        """Return what a command prints, its folder shown as /srv."""
        if command.startswith("cd "):
            self._cwd = self._cwd / command.removeprefix("cd ")
            return ""
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        environ = {"PATH": path, "HOME": str(self._folder), "LANG": "C.UTF-8", "TASKRUN_TIMEZONE": "UTC"}
        environ["TMPDIR"] = str(self._temporary)
        done = subprocess.run(
            ["bash", "-c", command.replace(SHOWN_CHECKOUT, f"{README.parent}/")],
            cwd=self._cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        shown = done.stdout.replace(str(self._folder), SHOWN_FOLDER)
        shown = shown.replace(str(Path(sys.executable).parent), "/opt/taskrunner/bin")
        return shown.replace(str(README.parent), "/opt/taskrunner")


def normalised(text: str) -> str:
    """Return a transcript without what differs from run to run: moments, ids, sizes, column widths."""
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def rewritten(text: str, session: Session) -> str:
    """Return the text of a page with what its commands print now."""

    def now(block: re.Match[str]) -> str:
        shown = ""
        for part in parts(block[0]):
            if isinstance(part, Step):
                shown += f"$ {part.command}\n{session.run(part.command)}"
            else:
                session.write(part)
        return f"```console\n{shown}```" if shown else block[0]

    return re.sub(rf"(?s){BLOCK.pattern}|{FILE.pattern}", now, text)


def write(path: Path, text: str) -> None:
    """Write a page, unless it says the same but for moments, ids and sizes."""
    if normalised(text) != normalised(path.read_text("utf-8")):
        path.write_text(text, "utf-8")


def main() -> None:
    """Write what the commands print now into README.md and the pages; and the man page."""
    for names in SESSIONS:
        with tempfile.TemporaryDirectory() as folder:
            session = Session(Path(folder).resolve())
            for name in names:
                write(page(name), rewritten(page(name).read_text("utf-8"), session))
    with tempfile.TemporaryDirectory() as folder:
        printed = make_run(Path(folder) / "example")
    text = README.read_text("utf-8")
    write(README, MAKE_RUN.sub(lambda run: run[0].replace(run[1], excerpts(run[1], printed)), text))
    MAN_PAGE.write_text(man_page(), "utf-8")


if __name__ == "__main__":
    os.umask(0o022)
    main()
