"""Sites for the queue: with a clock of their own, with real processes, with the real program."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite
from tests.cli.program import Program
from tests.runner.runner_site import RunnerSite, site_at

CONFIG = 'timezone = "UTC"\n{config}\n[tasks."core.*"]\ndisabled = true\n'


@pytest.fixture
def make_site(tmp_path: Path, database_line: str) -> Callable[..., RunnerSite]:
    """Make a site with a clock of its own, from plugins (name: classes) and what taskrunner.toml says."""
    return lambda **settings: site_at(tmp_path, database_line=database_line, **settings)


@pytest.fixture
def real_site(tmp_path: Path, database_line: str) -> Iterator[RealSite]:
    """A site whose processes are ended with the test."""
    site = RealSite(tmp_path)
    (tmp_path / "plugins").mkdir(mode=0o755)
    site.config.write_text(database_line + CONFIG.format(config=""))
    os.mkfifo(site.gate)
    yield site
    site.end()


@pytest.fixture
def program(tmp_path: Path, database_line: str) -> Program:
    """A site for the real program; its plugins are up to the test."""
    program = Program(tmp_path, database_line=database_line)
    program.configure('[tasks."core.*"]\ndisabled = true')
    return program
