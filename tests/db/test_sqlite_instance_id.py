"""The id beside a database: noted once, compared ever after."""

import os
from pathlib import Path

import pytest

from taskrunner.db.sqlite.tables import check_instance_id, instance_id_file, new_instance_id, note_instance_id
from taskrunner.errors import StoreError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "taskrunner.db"


def test_ids_are_random() -> None:
    assert 100 == len({new_instance_id() for _ in range(100)})


def test_the_first_id_that_is_seen_is_noted_beside_the_database(path: Path) -> None:
    check_instance_id(path, "4f2a")

    assert "4f2a\n" == (path.parent / "taskrunner.db.id").read_text()


def test_nothing_is_noted_where_there_is_no_database_yet(path: Path) -> None:
    check_instance_id(path, None)

    assert [] == os.listdir(path.parent)


def test_the_same_id_passes_again_and_again(path: Path) -> None:
    for _ in range(3):
        check_instance_id(path, "4f2a")

    assert ["taskrunner.db.id"] == os.listdir(path.parent)


def test_another_id_is_refused_and_the_noted_one_stays(path: Path) -> None:
    note_instance_id(path, "4f2a")

    with pytest.raises(StoreError, match="is not the one that was used before") as caught:
        check_instance_id(path, "77b0")

    assert (
        f"put the right file back; to continue with this one: rm {instance_id_file(path)}"
        == caught.value.hint
    )
    assert "4f2a\n" == Path(instance_id_file(path)).read_text()


def test_a_database_that_is_gone_is_refused(path: Path) -> None:
    note_instance_id(path, "4f2a")

    with pytest.raises(StoreError, match="is gone or empty, but was there before") as caught:
        check_instance_id(path, None)

    assert f"rm {instance_id_file(path)}" in str(caught.value.hint)


def test_following_the_hint_accepts_the_other_database(path: Path) -> None:
    note_instance_id(path, "4f2a")
    Path(instance_id_file(path)).unlink()

    check_instance_id(path, "77b0")

    assert "77b0\n" == Path(instance_id_file(path)).read_text()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"4f2"])
def test_a_noted_id_that_is_damaged_is_refused_like_another(path: Path, content: bytes) -> None:
    Path(instance_id_file(path)).write_bytes(content)

    with pytest.raises(StoreError, match="is not the one that was used before"):
        check_instance_id(path, "4f2a")


def test_an_id_that_cannot_be_read_is_an_error_of_the_store(path: Path) -> None:
    Path(instance_id_file(path)).mkdir()

    with pytest.raises(StoreError):
        check_instance_id(path, "4f2a")


def test_an_id_that_cannot_be_noted_is_an_error_of_the_store(path: Path) -> None:
    with pytest.raises(StoreError):
        check_instance_id(path.parent / "no such folder" / "taskrunner.db", "4f2a")
