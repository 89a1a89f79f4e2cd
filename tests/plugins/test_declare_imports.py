"""Which modules a process has imported, by their folders."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from taskrunner.plugins.declare import Modules


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the import path, with the modules of two names that nobody else has."""
    names = ("first_of_two", "second_of_two")
    for name in names:
        (tmp_path / f"{name}.py").write_text("", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in names:
        sys.modules.pop(name, None)


def found(modules: Modules, folder: Path) -> set[tuple[str, str]]:
    return {(name, Path(file).name) for name, file in modules.below([str(folder)])}


def test_a_module_is_found_below_its_folder_once_it_is_imported(folder: Path) -> None:
    modules = Modules()
    before = found(modules, folder)
    import_module("first_of_two")
    after = found(modules, folder)
    import_module("second_of_two")

    both = {("first_of_two", "first_of_two.py"), ("second_of_two", "second_of_two.py")}
    assert (set(), {("first_of_two", "first_of_two.py")}) == (before, after)
    assert (both, set()) == (found(modules, folder), found(modules, folder / "below"))


def test_what_has_come_is_found_also_when_the_last_one_before_is_gone(folder: Path) -> None:
    modules = Modules()
    import_module("first_of_two")
    modules.note()
    del sys.modules["first_of_two"]
    import_module("second_of_two")

    assert {("second_of_two", "second_of_two.py")} == found(modules, folder)


def test_what_has_come_is_found_also_when_the_last_one_before_is_imported_anew(folder: Path) -> None:
    modules = Modules()
    import_module("first_of_two")
    modules.note()
    del sys.modules["first_of_two"]
    import_module("second_of_two")
    import_module("first_of_two")

    both = {("first_of_two", "first_of_two.py"), ("second_of_two", "second_of_two.py")}
    assert both == found(modules, folder)
