"""SQLite: transactions, errors in our words, and files that are not what they were."""

import gc
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from taskrunner.db import open_database, open_task_connection
from taskrunner.db import sqlite as driver
from taskrunner.db.sql import load_migrations
from taskrunner.db.sqlite import SqliteDatabase, open_sqlite
from taskrunner.db.sqlite.tables import APPLICATION_ID, instance_id_file
from taskrunner.errors import ConfigError, SchemaMismatchError, StoreBusyError, StoreError
from tests.db.conftest import Open
from tests.patience import DEADLINE

WRITE = "insert into task_setting (name, value) values (:name, 'x')"
COLOURS = "select name from task_setting where name <> 'instance_id' order by name"


def names(database: SqliteDatabase) -> list[str]:
    return [row["name"] for row in database.fetch(COLOURS, {})]


def pragma(database: SqliteDatabase, name: str) -> object:
    return next(iter(database.fetch(f"pragma {name}", {})[0].values()))


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection as another program has it."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        yield connection


def other_process(script: str, path: Path) -> str:
    """Return what a Python of its own prints that runs a script; `path` and `driver` are defined in it."""
    start = (
        "import sys, pathlib; from taskrunner.db import sqlite as driver; path = pathlib.Path(sys.argv[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", start + script, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    return done.stdout.strip()


# Opening


def test_a_new_database_is_made_with_its_folder_and_its_id_beside_it(path: Path, open_file: Open) -> None:
    database = open_file()

    instance_id = database.fetch("select value from task_setting where name = 'instance_id'", {})[0]["value"]
    assert {"taskrunner.db", "taskrunner.db.id", "taskrunner.db-journal"} == set(os.listdir(path.parent))
    assert f"{instance_id}\n" == Path(instance_id_file(path)).read_text()


def test_a_new_database_is_for_its_owner_only(path: Path, open_file: Open) -> None:
    before = os.umask(0)
    try:
        open_file()
    finally:
        os.umask(before)

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert not stat.S_IMODE(path.parent.stat().st_mode) & 0o027


def test_a_file_left_empty_by_a_start_that_died_is_made_a_database(path: Path, open_file: Open) -> None:
    path.parent.mkdir()
    path.touch(0o600)

    database = open_file()

    assert 32 == len(str(database.fetch("select value from task_setting", {})[0]["value"]))


def test_opening_again_finds_what_was_written(open_file: Open) -> None:
    open_file().fetch(WRITE, {"name": "blue"})

    assert ["blue"] == names(open_file())


def test_a_path_may_have_signs_that_mean_something_in_a_url(tmp_path: Path, open_file: Open) -> None:
    path = tmp_path / "a b" / "100%25?mode=ro#x&y.db"

    open_file(path).fetch(WRITE, {"name": "blue"})

    assert {path.name, f"{path.name}.id", f"{path.name}-journal"} == set(os.listdir(path.parent))
    assert ["blue"] == names(open_file(path))


def test_every_connection_makes_every_commit_durable(open_file: Open) -> None:
    database = open_file()
    first = pragma(database, "synchronous")
    database.close()

    assert (2, 2) == (first, pragma(database, "synchronous"))


def with_write_ahead_log(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("select * from task_setting").fetchall()
    return connection


def test_write_ahead_logging_is_ended(path: Path, open_file: Open) -> None:
    open_file().close()
    with_write_ahead_log(path).close()

    assert "truncate" == pragma(open_file(), "journal_mode")


def test_write_ahead_logging_that_others_have_open_stays_until_they_leave(
    path: Path, open_file: Open
) -> None:
    open_file().close()
    other = with_write_ahead_log(path)

    database = open_file()
    while_open = pragma(database, "journal_mode")
    database.close()
    other.close()

    assert ("wal", "truncate") == (while_open, pragma(open_file(), "journal_mode"))


# Statements and transactions


def test_a_transaction_in_a_transaction_is_refused_and_nothing_is_left(open_file: Open) -> None:
    database = open_file()

    with pytest.raises(StoreError, match="transaction"), database.transaction():
        database.fetch(WRITE, {"name": "blue"})
        with database.transaction():
            database.fetch(WRITE, {"name": "red"})

    assert [] == names(database)


def test_while_one_process_is_in_a_transaction_another_may_read_but_not_write(
    path: Path, open_file: Open
) -> None:
    database = open_file()

    with database.transaction():
        told = other_process(
            "driver.connect.BUSY_SECONDS = 0\n"
            "database = driver.open_sqlite(str(path))\n"
            f'print(len(database.fetch("{COLOURS}", {{}})))\n'
            "try:\n"
            f'    database.fetch("{WRITE}", {{"name": "red"}})\n'
            "except driver.connect.StoreBusyError as error:\n"
            "    print(error.exit_code)\n",
            path,
        )
        database.fetch(WRITE, {"name": "blue"})

    assert "0\n75" == told
    assert ["blue"] == names(database)


def test_a_transaction_holds_the_database_before_its_first_statement(
    open_file: Open, impatient: None
) -> None:
    first, second = open_file(), open_file()

    with first.transaction(), pytest.raises(StoreBusyError), second.transaction():
        pass

    with second.transaction():
        second.fetch(WRITE, {"name": "blue"})
    assert ["blue"] == names(first)


def test_two_processes_that_write_at_once_wait_for_each_other(path: Path, open_file: Open) -> None:
    open_file().close()
    script = (
        "import sys; from taskrunner.db.sqlite import open_sqlite\n"
        "database = open_sqlite(sys.argv[1])\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for number in range(50):\n"
        "    with database.transaction():\n"
        "        found = database.fetch('select value from task_setting where name = :n', {'n': 'count'})\n"
        "        value = str(int(found[0]['value']) + 1) if found else '1'\n"
        "        database.fetch('insert into task_setting values (:n, :v)'\n"
        "            ' on conflict (name) do update set value = :v', {'n': 'count', 'v': value})\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]

    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        process.communicate(b"go\n", timeout=DEADLINE)

    counted = open_file().fetch("select value from task_setting where name = 'count'", {})
    assert [0, 0, 0] == [process.returncode for process in processes]
    assert [{"value": "150"}] == counted


# Errors in our words


def error_of_opening(path: Path) -> StoreError:
    with pytest.raises(StoreError) as caught:
        open_sqlite(str(path)).close()
    return caught.value


def test_a_database_held_by_another_process_is_a_temporary_failure(
    path: Path, open_file: Open, impatient: None
) -> None:
    open_file().close()

    with raw(path) as other:
        other.execute("begin exclusive")
        error = error_of_opening(path)

    assert isinstance(error, StoreBusyError)
    assert 75 == error.exit_code
    assert str(path) in str(error)


def test_a_statement_that_means_nothing_is_an_error_of_the_store(open_file: Open) -> None:
    with pytest.raises(StoreError, match="no such table: nonsense") as caught:
        open_file().fetch("select * from nonsense", {})

    assert 69 == caught.value.exit_code
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)


def test_a_directory_is_said_to_be_one(path: Path) -> None:
    path.mkdir(parents=True)

    error = error_of_opening(path)

    assert f"database {path} is a directory" == str(error)
    assert 69 == error.exit_code


def test_a_folder_that_cannot_be_made_is_named(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")

    assert f"cannot create database {path}: " in str(error_of_opening(path))


def test_a_path_that_is_too_long_is_an_error_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)

    assert str(path) in str(error_of_opening(path))


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("no database at all\n" * 100)

    error = error_of_opening(path)

    assert "not a database" in str(error)
    assert "no database at all\n" * 100 == path.read_text()


def test_a_database_of_which_half_is_missing_is_refused(path: Path, open_file: Open) -> None:
    open_file().close()
    os.truncate(path, path.stat().st_size // 2)

    error = error_of_opening(path)

    assert 69 == error.exit_code
    assert str(path) in str(error)


def test_a_database_that_was_truncated_is_never_started_empty(path: Path, open_file: Open) -> None:
    open_file().close()
    os.truncate(path, 0)

    error = error_of_opening(path)

    assert f"database {path} is gone or empty, but was there before" == str(error)
    assert 0 == path.stat().st_size


def test_a_database_that_was_deleted_is_never_started_empty(path: Path, open_file: Open) -> None:
    open_file().close()
    path.unlink()

    error = error_of_opening(path)

    assert f"database {path} is gone or empty, but was there before" == str(error)
    assert not path.exists()


def test_a_database_that_was_swapped_is_refused(tmp_path: Path, path: Path, open_file: Open) -> None:
    open_file().close()
    open_file(tmp_path / "other.db").close()
    (tmp_path / "other.db").replace(path)

    assert f"database {path} is not the one that was used before" == str(error_of_opening(path))


def test_a_database_without_tables_in_place_of_the_known_one_is_refused_and_left_alone(
    path: Path, open_file: Open
) -> None:
    open_file().close()
    path.unlink()
    with raw(path) as other:
        other.execute("vacuum")
    before = path.read_bytes()

    error_of_opening(path)

    assert before == path.read_bytes()


def test_an_older_state_of_the_same_database_is_accepted(path: Path, open_file: Open) -> None:
    open_file().close()
    backup = path.read_bytes()
    database = open_file()
    database.fetch(WRITE, {"name": "blue"})
    database.close()

    path.write_bytes(backup)

    assert [] == names(open_file())


@pytest.mark.parametrize("application_id", [0, 0x47504B47], ids=["without an id", "with an id of its own"])
def test_a_database_of_another_program_is_refused_and_left_alone(path: Path, application_id: int) -> None:
    path.parent.mkdir()
    with raw(path) as other:
        other.execute("create table account (id integer primary key)")
        other.execute(f"pragma application_id = {application_id}")
    before = path.read_bytes()

    error = error_of_opening(path)

    assert isinstance(error, SchemaMismatchError)
    assert f"database {path} belongs to another program" == str(error)
    assert before == path.read_bytes()
    assert not Path(instance_id_file(path)).exists()


def test_a_database_with_our_mark_but_without_our_tables_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with raw(path) as other:
        other.execute("create table account (id integer primary key)")
        other.execute(f"pragma application_id = {APPLICATION_ID}")

    assert str(path) in str(error_of_opening(path))


def test_a_database_with_our_tables_but_without_a_version_is_refused(path: Path, open_file: Open) -> None:
    open_file().close()
    with raw(path) as other:
        other.execute("delete from schema_version")

    assert str(path) in str(error_of_opening(path))


def test_tables_newer_than_the_program_are_refused_and_left_alone(path: Path, open_file: Open) -> None:
    open_file().close()
    with raw(path) as other:
        other.execute("insert into schema_version values (99, 0)")
    before = path.read_bytes()

    error = error_of_opening(path)

    assert isinstance(error, SchemaMismatchError)
    assert 78 == error.exit_code
    newest = load_migrations("sqlite")[-1][0]
    assert f"has schema version 99, this taskrun knows {newest} at most" in str(error)
    assert before == path.read_bytes()


def test_a_database_that_may_only_be_read_is_read_and_writing_it_is_an_error(
    nobodys_folder: Path, open_file: Open
) -> None:
    path = nobodys_folder / "taskrunner.db"
    open_file(path).close()
    path.chmod(0o400)
    database = open_file(path)

    assert [] == names(database)
    with pytest.raises(StoreError, match="readonly") as caught:
        database.fetch(WRITE, {"name": "blue"})
    assert 69 == caught.value.exit_code


def test_a_folder_in_which_nothing_may_be_made_is_named(nobodys_folder: Path) -> None:
    nobodys_folder.chmod(0o500)
    path = nobodys_folder / "taskrunner.db"

    assert f"cannot create database {path}: Permission denied" == str(error_of_opening(path))


def test_a_folder_that_may_not_be_entered_is_an_error_of_the_store(
    nobodys_folder: Path, open_file: Open
) -> None:
    path = nobodys_folder / "taskrunner.db"
    open_file(path).close()
    nobodys_folder.chmod(0o000)

    assert str(path) in str(error_of_opening(path))


def test_a_folder_in_which_the_id_cannot_be_noted_is_an_error_of_the_store(
    nobodys_folder: Path, open_file: Open
) -> None:
    path = nobodys_folder / "taskrunner.db"
    open_file(path).close()
    Path(instance_id_file(path)).unlink()
    nobodys_folder.chmod(0o500)

    assert str(path) in str(error_of_opening(path))


@pytest.mark.parametrize("opened", [open_database, open_task_connection])
def test_a_database_of_a_kind_that_is_not_known_is_an_error_of_the_config(
    opened: Callable[[str], object],
) -> None:
    with pytest.raises(ConfigError) as caught:
        opened("mysql:taskrunner")

    assert 78 == caught.value.exit_code


# Letting go of the file


def open_files() -> list[str]:
    """Return what the descriptors of this process lead to."""
    descriptors = Path("/proc/self/fd")
    return [os.readlink(entry) for entry in descriptors.iterdir() if entry.is_symlink()]


EXCLUSIVELY = (
    "import sqlite3\n"
    "connection = sqlite3.connect(path, timeout=0, isolation_level=None)\n"
    "connection.execute('begin exclusive')\n"
    "print('had')\n"
)
"""Ends in an error where any other connection holds any lock on the file."""


def test_a_released_database_holds_no_lock_that_other_code_could_drop(path: Path, open_file: Open) -> None:
    database = open_file()
    with database.transaction():
        database.fetch(WRITE, {"name": "blue"})

    database.release()
    told = other_process(EXCLUSIVELY, path)

    assert "had" == told


def test_a_released_database_with_a_write_ahead_log_is_not_open(path: Path, open_file: Open) -> None:
    """It would hold a lock for as long as it is open."""
    database = open_file()
    database.fetch("pragma journal_mode = wal", {})
    database.fetch(WRITE, {"name": "blue"})
    open_before = str(path) in open_files()

    database.release()
    open_meanwhile = str(path) in open_files()

    assert (True, False) == (open_before, open_meanwhile)


def test_a_file_that_took_the_place_of_a_closed_descriptor_is_left_alone(
    path: Path, open_file: Open, tmp_path: Path
) -> None:
    """So a task leaves things that closes whatever is open and opens files of its own."""
    database = open_sqlite(str(path))
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"theirs" * 10_000)

    database.release()
    stolen = [
        int(entry.name)
        for entry in Path("/proc/self/fd").iterdir()
        if entry.is_symlink() and os.readlink(entry) == str(path)
    ]
    for descriptor in stolen:
        taking = os.open(theirs, os.O_RDWR)
        os.dup2(taking, descriptor)
        os.close(taking)
    with database.transaction():
        database.fetch(WRITE, {"name": "blue"})
    database.close()
    del database
    gc.collect()

    assert stolen
    assert b"theirs" * 10_000 == theirs.read_bytes()
    assert {str(theirs)} == {os.readlink(f"/proc/self/fd/{descriptor}") for descriptor in stolen}
    assert ["blue"] == names(open_file())
    for descriptor in stolen:
        os.close(descriptor)


def test_after_it_was_released_or_closed_the_next_statement_opens_it_again(open_file: Open) -> None:
    database = open_file()

    database.release()
    database.fetch(WRITE, {"name": "blue"})
    database.close()
    database.close()
    with database.transaction():
        database.fetch(WRITE, {"name": "red"})

    assert ["blue", "red"] == names(database)


def test_a_database_that_could_not_be_opened_is_not_left_open(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("no database at all\n" * 100)

    error_of_opening(path)

    assert str(path) not in open_files()


def deleted(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    (path.parent / "other.db").replace(path)


def overwritten(path: Path) -> None:
    path.write_bytes((path.parent / "other.db").read_bytes())


def deleted_and_another_made(path: Path) -> None:
    """The new file may well get the inode of the old one."""
    content = (path.parent / "other.db").read_bytes()
    path.unlink()
    path.write_bytes(content)


def truncated(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize(
    "happening",
    [deleted, replaced, overwritten, deleted_and_another_made, truncated],
    ids=lambda h: h.__name__,
)
def test_a_file_that_is_not_the_same_after_a_task_ran_is_refused_and_left_alone(
    path: Path, open_file: Open, happening: Callable[[Path], None]
) -> None:
    database = open_file()
    open_file(path.parent / "other.db").close()

    database.release()
    happening(path)
    after = path.read_bytes() if path.exists() else None

    with pytest.raises(StoreError):
        database.fetch(WRITE, {"name": "blue"})
    with pytest.raises(StoreError), database.transaction():
        database.fetch(WRITE, {"name": "blue"})
    assert after == (path.read_bytes() if path.exists() else None)


def test_a_file_that_is_put_back_is_used_again(path: Path, open_file: Open) -> None:
    database = open_file()
    database.release()
    path.rename(path.with_name("aside.db"))
    with pytest.raises(StoreError, match="was deleted or replaced"):
        names(database)

    path.with_name("aside.db").rename(path)

    assert [] == names(database)


def test_the_lock_of_a_transaction_survives_code_that_opens_the_file_while_it_is_released(
    path: Path, open_file: Open
) -> None:
    database = open_file()
    database.release()
    path.read_bytes()

    with database.transaction():
        told = other_process(
            "driver.connect.BUSY_SECONDS = 0\n"
            "try:\n"
            f'    driver.open_sqlite(str(path)).fetch("{WRITE}", {{"name": "red"}})\n'
            "except driver.connect.StoreBusyError:\n"
            "    print('busy')\n",
            path,
        )

    assert "busy" == told


def test_the_wait_for_another_process_is_bounded_and_long_enough_for_a_slow_disk() -> None:
    assert 5 <= driver.connect.BUSY_SECONDS <= 60


def test_threads_that_open_one_file_let_go_of_all_of_it(tmp_path: Path) -> None:
    """A web server's do, all the time: none is taken for the owner of what another has opened."""
    path = tmp_path / "taskrunner.db"
    open_database(f"sqlite:{path}").close()
    abandoned = len(driver.ABANDONED)
    descriptors = set(os.listdir("/proc/self/fd"))

    def open_and_close(_: int) -> None:
        database = open_database(f"sqlite:{path}")
        database.fetch("select 1 as one", {})
        database.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(open_and_close, range(200)))

    assert (abandoned, descriptors) == (len(driver.ABANDONED), set(os.listdir("/proc/self/fd")))
