"""The system's zone."""

from pathlib import Path

import pytest

from taskrunner.errors import InvalidScheduleError
from taskrunner.zones import get_zone, system_timezone


def test_the_target_of_localtime_comes_first(tmp_path: Path) -> None:
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/Asia/Kathmandu")
    (tmp_path / "timezone").write_text("Europe/Paris\n")

    assert system_timezone(etc=tmp_path) == "Asia/Kathmandu"


def test_then_the_file_timezone_if_localtime_is_a_copy(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(b"TZif2")
    (tmp_path / "timezone").write_text("Europe/Paris\n")

    assert system_timezone(etc=tmp_path) == "Europe/Paris"


@pytest.mark.parametrize("content", [b"", b"No/Where\n", b"\xff\xfe", b"../../etc/passwd\n"])
def test_then_utc(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "timezone").write_bytes(content)

    assert system_timezone(etc=tmp_path) == "UTC"


def test_the_systems_zone_is_always_one_that_exists() -> None:
    assert get_zone(system_timezone())


@pytest.mark.parametrize(
    "name", ["", "Europe", "..", "/etc/localtime", "Europe/Paris\n", "\0", "\ud800", "a" * 5000]
)
def test_anything_else_is_no_zone(name: str) -> None:
    with pytest.raises(InvalidScheduleError, match="^timezone: "):
        get_zone(name)
