"""The example site's log files, compressed by real runs."""

import gzip
import os
import time
from pathlib import Path

from tests.contrib.example_site import ExampleSite

DAY = 86_400
TEXT = "Server Time: …\n" * 1000


def make_log(site: ExampleSite, name: str, *, days_old: float, text: str = TEXT) -> Path:
    file = site.path / "log" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    os.utime(file, (time.time() - days_old * DAY,) * 2)
    return file


def unpacked(packed: Path) -> str:
    return gzip.decompress(packed.read_bytes()).decode()


def test_an_old_log_file_is_compressed_beside_itself(site: ExampleSite) -> None:
    old = make_log(site, "2026-01-02/cron_0300_17.log", days_old=2)
    run = site.run_task("CompressLogs")

    assert 0 == run.returncode
    assert ["cron_0300_17.log.gz"] == [file.name for file in old.parent.iterdir()]
    assert TEXT == unpacked(old.with_name("cron_0300_17.log.gz"))
    assert "\nlog/2026-01-02/cron_0300_17.log.gz\n1 log files compressed, 17,000 bytes to " in run.stdout


def test_the_log_files_of_the_last_day_are_left_alone(site: ExampleSite) -> None:
    recent = make_log(site, "2026-01-02/cron_0300_17.log", days_old=0.9)
    site.run_task("MeasureLoad")
    before = {file for file in (site.path / "log").rglob("*") if file.is_file()}
    site.run_task("CompressLogs")

    assert recent in before
    assert 2 == len(before)
    assert before <= set((site.path / "log").rglob("*.log"))
    assert [] == list((site.path / "log").rglob("*.gz"))


def test_a_compressed_log_file_keeps_its_time_and_its_mode(site: ExampleSite) -> None:
    old = make_log(site, "cron.log", days_old=2)
    old.chmod(0o640)
    before = old.stat()
    site.run_task("CompressLogs")
    after = old.with_name("cron.log.gz").stat()

    assert (before.st_mtime_ns, before.st_mode) == (after.st_mtime_ns, after.st_mode)


def test_a_compressed_log_file_is_not_compressed_again(site: ExampleSite) -> None:
    make_log(site, "cron.log", days_old=2)
    site.run_task("CompressLogs")
    second = site.run_task("CompressLogs")

    assert "\n0 log files compressed, 0 bytes to 0\n" in second.stdout


def test_what_a_killed_run_left_is_made_good(site: ExampleSite) -> None:
    half_done = make_log(site, "half.log", days_old=2)
    make_log(site, ".half.log.gz.making", days_old=2, text="half a")
    both_there = make_log(site, "both.log", days_old=2)
    make_log(site, "both.log.gz", days_old=2, text="the same, packed")
    site.run_task("CompressLogs")

    assert ["both.log.gz", "half.log.gz"] == sorted(file.name for file in (site.path / "log").glob("*.gz"))
    assert [] == list((site.path / "log").glob("*.making"))
    assert [TEXT, TEXT] == [unpacked(file.with_name(f"{file.name}.gz")) for file in (half_done, both_there)]


def test_a_file_that_is_no_log_file_is_left_alone(site: ExampleSite) -> None:
    notes = make_log(site, "notes.txt", days_old=30)
    elsewhere = make_log(site, "../elsewhere.log", days_old=30)
    link = notes.with_name("link.log")
    link.symlink_to(elsewhere)
    site.run_task("CompressLogs")

    assert [True, True, True] == [notes.exists(), elsewhere.exists(), link.is_symlink()]


def test_taskrunner_deletes_compressed_log_files_when_they_are_too_old(site: ExampleSite) -> None:
    young = make_log(site, "2026-01-03/cron_0300_17.log", days_old=13)
    old = make_log(site, "2026-01-02/cron_0300_18.log", days_old=15)
    site.run_task("CompressLogs")
    site.run_task("core.LogFileCleanup")

    assert young.with_name("cron_0300_17.log.gz").exists()
    assert not old.parent.exists()
