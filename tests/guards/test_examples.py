"""The examples of README.md and docs: types of Python, keys of TOML, syntax of shell commands."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from taskrunner.config.json_schema import json_schema
from tests.guards.readme_session import DOCS, README
from tests.patience import DEADLINE

PAGES = [README, *sorted(DOCS.glob("*.md"))]
GIVEN = {
    "queueing": """\
from typing import Any
from taskrunner import AdhocTask, queue_adhoc_task, queue_adhoc_tasks, reschedule_or_queue_adhoc_task
class SendDigest(AdhocTask):
    def execute(self) -> None: ...
db: Any = None
tomorrow = 0.0
users = ["ann"]
""",
    "web": "from typing import Any\napp: Any = None\n",
    "housekeeping": "from email.message import Message\nfrom pathlib import Path\nmessage = Message()\n",
}
"""What the examples of a page take for granted."""

RUN_IN_PARTS = ("administration", "django")
"""Pages whose examples are parts of files; their own tests run them."""


def examples(language: str) -> list[tuple[str, str]]:
    """Return the examples in a language, each with the name of its page."""
    fence = re.compile(rf"(?s)```{language}\n(.*?)```")
    return [(page.stem, code) for page in PAGES for code in fence.findall(page.read_text("utf-8"))]


def test_the_types_of_python_are_right(tmp_path: Path) -> None:
    for number, (page, code) in enumerate(examples("python")):
        if page in RUN_IN_PARTS:
            continue
        name = f"{page.replace('-', '_').lower()}_{number}.py"
        (tmp_path / name).write_text(GIVEN.get(page, "") + code, "utf-8")
    command = [sys.executable, "-m", "mypy", "--check-untyped-defs", "--ignore-missing-imports"]

    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path / "cache"), "."],
        cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip

    assert (0, "") == (done.returncode, done.stderr), done.stdout


@pytest.mark.parametrize(("page", "code"), examples("toml"))
def test_toml_is_taken(page: str, code: str) -> None:
    found = tomllib.loads(code)
    if not code.startswith("# pyproject.toml"):
        jsonschema.Draft7Validator(json_schema()).validate(found)


@pytest.mark.parametrize(("page", "code"), examples("sh"))
def test_the_shell_can_read_its_lines(page: str, code: str) -> None:
    done = subprocess.run(["sh", "-n"], input=code, capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def test_the_language_of_every_example_is_known() -> None:
    known = {"console", "dockerfile", "python", "sh", "sql", "text", "toml"}
    fences = {(page.stem, word) for page in PAGES for word in re.findall(r"(?m)^```(\w+)$", page.read_text())}

    assert set() == {(page, word) for page, word in fences if word not in known}
