"""Folders of taskrunner's own."""

import os
from pathlib import Path

import pytest

from taskrunner.files import make_folder


def test_what_is_missing_above_is_made_too_and_closed_to_others(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")

    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b")] == [0o750, 0o750]


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)

    make_folder(tmp_path)

    assert tmp_path.stat().st_mode & 0o777 == 0o711


def test_a_folder_that_another_process_makes_meanwhile_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, folder = os.path.isdir, tmp_path / "state"

    def made_right_after_the_answer(path: str | os.PathLike[str]) -> bool:
        answer = really(path)
        folder.mkdir(exist_ok=True)
        return answer

    monkeypatch.setattr(os.path, "isdir", made_right_after_the_answer)
    make_folder(folder)

    assert folder.is_dir()


@pytest.mark.parametrize("name", ["file", "file/below", "file/further/below"])
def test_a_file_in_its_place_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("", "utf-8")

    with pytest.raises(NotADirectoryError, match="file is not a directory"):
        make_folder(tmp_path / name)
