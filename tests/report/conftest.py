"""Files of logs, and stores to read them into."""

import os
import tarfile
from pathlib import Path

import pytest

from taskrunner.report.files import read_name
from tests.report.log_lines import moment

SAMPLES = Path(__file__).parents[1] / "data" / "moodle_logs.tar.xz"


@pytest.fixture(scope="session")
def moodle_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """75 logs of a real Moodle, changed last a minute after the time in their names."""
    folder = tmp_path_factory.mktemp("logs")
    with tarfile.open(SAMPLES) as archive:
        archive.extractall(folder)  # our own archive; `filter` came with Python 3.11.4
    for file in (folder / "moodle").iterdir():
        name = read_name(file.name)
        assert name is not None and name.time is not None
        changed_at = moment("2026-11-20") + name.time[0] * 3600 + name.time[1] * 60 + 60
        os.utime(file, (changed_at, changed_at))
    return folder / "moodle"
