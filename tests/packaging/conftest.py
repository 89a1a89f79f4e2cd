"""What is built and installed once for all tests of a process."""

import pytest

from tests.packaging.building import Built, Installed, build, copy_of_the_checkout, install

collect_ignore = ["consumer"]  # a project of somebody else's: it runs where the wheel is installed

LEFT_OVERS = (
    "contrib/example/state/taskrunner.db",
    "contrib/example/log/cron.log",
    "contrib/example_web/data/visits.db",
    "contrib/example/plugins/__pycache__/demo.cpython-311.pyc",
    "taskrunner/__pycache__/task.cpython-311.pyc",
    "contrib/docker/.env",
    ".venv/bin/python",
    ".env",
    "notes.txt",
)
"""What lies in a checkout that was worked in."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built as pip does it from an sdist, in a checkout that was worked in."""
    tree = copy_of_the_checkout(tmp_path_factory.mktemp("worked_in") / "tree")
    for name in LEFT_OVERS:
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("not for anybody else", "utf-8")
    return build(tree, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(built.wheel, tmp_path_factory.mktemp("installed") / "venv")
