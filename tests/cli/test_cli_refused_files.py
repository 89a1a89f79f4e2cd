"""What the operating system refuses to our own book-keeping is one line with a documented code."""

import builtins
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from taskrunner.cli import main
from taskrunner.db import sql

PLUGIN = "from taskrunner import AdhocTask\nclass A(AdhocTask):\n    def execute(self): pass\n"


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "shop.py").write_text(PLUGIN)
    (tmp_path / "taskrunner.toml").write_text("")
    return str(tmp_path / "taskrunner.toml")


def refusing(name: str, number: int) -> Callable[..., Any]:
    """Return an `open` that refuses files of a name, once."""
    real, left = builtins.open, [1]

    def refuse(path: Any, *arguments: Any, **options: Any) -> Any:
        if str(path).endswith(name) and left:
            left.pop()
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *arguments, **options)

    return refuse


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (f"{os.sep}adhoc{os.sep}list.sql", errno.EIO),
        (f"{os.sep}settings{os.sep}list.sql", errno.EMFILE),
        ("0001_initial.sql", errno.EIO),
    ],
)
def test_a_file_of_our_own_that_cannot_be_read_is_one_line_and_the_next_command_works(
    config: str, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    with monkeypatch.context() as context:
        context.setattr(builtins, "open", refusing(name, number))
        context.setattr(sql, "LOADED", {})  # as in a new process
        refused = CliRunner().invoke(main, ["--config", config, "adhoc", "list"])
    again = CliRunner().invoke(main, ["--config", config, "adhoc", "list"])

    assert (69, 0) == (refused.exit_code, again.exit_code), refused.output
    assert f"{name}" in refused.stderr and os.strerror(number) in refused.stderr
    assert "Traceback" not in refused.stderr
