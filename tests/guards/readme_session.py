"""The shell session in README.md: its commands run for real, in order, in an empty folder.

`python -m tests.guards.readme_session` writes what they print now into README.md, and the topics of
`taskrun help`; and the man page.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from taskrunner.cli.help_text import topic
from tests.patience import DEADLINE

README = Path(__file__).parents[2] / "README.md"
MAN_PAGE = README.parent / "contrib" / "man" / "taskrun.1"
SHOWN_FOLDER = "/srv"
TOPIC = re.compile(r"(?s)<!-- taskrun help ([\w-]+) -->\n\n(.*?)\n\n<!-- end -->")
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
VARYING = (
    (r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "RUN"),
    (r"\b[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "DATE"),
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:?\d\d| [+-]\d{4}| UTC)?", "DATE"),
    (r"\b\d{4}-\d\d-\d\d\b", "DATE"),
    (r"\b\d\d-\d\d \d\d:\d\d\b", "DATE"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\b\d\d:\d\d\b", "DATE"),
    (r"cron_\d{4}_\d+", "cron_HHMM_PID"),
    (r"\bpid \d+ on [\w.-]+", "pid PID on HOST"),
    (r'"(pid|max_rss|id)": \d+', r'"\1": N'),
    (r'"(hostname)": "[^"]*"', r'"\1": "HOST"'),
    (r"\b\d+(\.\d+)?(e-\d+)? (s|min|h|d|seconds|KB|MB|bytes)\b", "N UNIT"),
    (r"\b(in N UNIT|N UNIT ago|now)\b", "WHEN"),
    (r"(?m)^(core\.\w+ +)\d+ \d+ \* \* \*", r"\1R R * * *"),
    (r'"(duration|cpu_seconds|usual_duration|running_for)": [\d.e-]+', r'"\1": N'),
    (r"\bin \d+\.\d+s\b", "in N UNIT"),
    (r"SQLite \d+\.\d+\.\d+", "SQLite N"),
    (r"(?m)^ *[~^]+ *\n", ""),  # other Pythons underline other parts of a line
    (r" +", " "),
    (r"WHEN on [\w.-]+", "WHEN on HOST"),
    (  # where two of core's tasks drew neighbouring minutes: what is left when they are moved
        r'(taskrun schedule core\.\w+ "[^"]*" # was [^\n]*\n)+'
        r"# peak before: [\d.]+ tasks at once, after: ([\d.]+)\n(#[^\n]*\n){2}# 00 02 [ \d]*",
        r"No task would be better off at another minute; the peak is \2 tasks.",
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A command of the session and what README says it prints."""

    command: str
    printed: str


def steps_of(block: str) -> list[Step]:
    """Return the commands of a block, each with the lines below it."""
    steps = []
    for part in re.split(r"(?m)^\$ ", block)[1:]:
        command, _, printed = part.partition("\n")
        steps.append(Step(command, printed))
    return steps


def blocks() -> list[str]:
    """Return the console blocks of README.md, without those that need a checkout (make …)."""
    return [block for block in BLOCK.findall(README.read_text("utf-8")) if not block.startswith("$ make ")]


def topics() -> dict[str, str]:
    """Return the topics of `taskrun help` as README.md has them."""
    return dict(TOPIC.findall(README.read_text("utf-8")))


def with_topics(text: str) -> str:
    """Return README's text with the topics as the program has them."""
    return TOPIC.sub(
        lambda found: f"<!-- taskrun help {found[1]} -->\n\n{topic(found[1]).text.strip()}\n\n<!-- end -->",
        text,
    )


def man_page() -> str:
    """Return what `taskrun help --man` prints."""
    command = [sys.executable, "-m", "taskrunner", "help", "--man"]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout


class Session:
    """A shell in a folder of its own, with `taskrun` on its PATH and no more of ours in its environment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cwd = folder
        self._temporary = folder / ".tmp"  # not where pytest would tidy up after others, for minutes
        self._temporary.mkdir()

    def run(self, command: str) -> str:
        """Return what a command prints, its folder shown as /srv."""
        if command.startswith("cd "):
            self._cwd = self._cwd / command.removeprefix("cd ")
            return ""
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        environ = {"PATH": path, "HOME": str(self._folder), "LANG": "C.UTF-8", "TASKRUN_TIMEZONE": "UTC"}
        environ["TMPDIR"] = str(self._temporary)
        done = subprocess.run(
            ["bash", "-c", command],
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


def main() -> None:
    """Write what the commands print now into README.md, with the topics; and the man page."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session(Path(folder).resolve())
        text = README.read_text("utf-8")
        for block in blocks():
            told = "".join(f"$ {step.command}\n{session.run(step.command)}" for step in steps_of(block))
            text = text.replace(f"```console\n{block}```", f"```console\n{told}```", 1)
    README.write_text(with_topics(text), "utf-8")
    MAN_PAGE.write_text(man_page(), "utf-8")


if __name__ == "__main__":
    os.umask(0o022)
    main()
