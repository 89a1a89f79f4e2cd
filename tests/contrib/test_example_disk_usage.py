"""The example site's report on disk usage, written by real runs."""

import re
import shutil
from pathlib import Path

from tests.contrib.example_site import ExampleSite


def write_report(site: ExampleSite) -> str:
    run = site.run_task("WriteReport")
    assert run.returncode == 0, run.stdout
    return (site.path / "reports" / "disk-usage.txt").read_text("utf-8")


def sizes_in(report: str) -> dict[str, str]:
    """Return the rows of the table, in order."""
    return dict(re.findall(r"^(\S+) {2,}([\d.]+ \w+)$", report, re.MULTILINE))


def fill(folder: Path, size: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "content").write_bytes(bytes(size))


def test_the_report_has_the_size_of_each_folder_the_largest_first(site: ExampleSite) -> None:
    fill(site.path / "uploads" / "2026" / "11", 2_500_000)
    fill(site.path / "uploads", 500_000)
    fill(site.path / "mail", 7_000_000)
    (site.path / "empty").mkdir()
    sizes = sizes_in(write_report(site))

    assert [("mail", "7.0 MB"), ("uploads", "3.0 MB")] == list(sizes.items())[:2]
    assert "0 bytes" == sizes["empty"]
    assert {"mail", "uploads", "empty", "plugins", "state", ".", "all"} == set(sizes) - {"log"}


def test_the_report_has_the_sum(site: ExampleSite) -> None:
    fill(site.path / "mail", 5_000_000_000 // 1000)
    sizes = sizes_in(write_report(site))

    assert re.fullmatch(r"5\.[12] MB", sizes["all"])
    assert "all" == list(sizes)[-1]


def test_the_report_says_of_what_it_is_and_how_much_is_free(site: ExampleSite) -> None:
    report = write_report(site)

    total = shutil.disk_usage(site.path).total / 1e9
    assert re.match(rf"Disk usage of {site.path}, \d{{4}}-\d\d-\d\d \d\d:\d\d [+-]\d{{4}}\n", report)
    (shown,) = re.findall(r"^On this disk [\d.]+ \w+ of (.*) free$", report, re.MULTILINE)
    assert shown in (f"{total:.1f} GB", f"{total / 1000:.1f} TB")


def test_the_run_prints_a_summary(site: ExampleSite) -> None:
    fill(site.path / "mail", 7_000_000)
    run = site.run_task("WriteReport")

    assert re.search(
        r"^7\.\d MB in \d folders, .* free\nwrote reports/disk-usage\.txt$", run.stdout, re.MULTILINE
    )


def test_what_a_link_leads_to_is_not_counted(site: ExampleSite, tmp_path: Path) -> None:
    fill(tmp_path / "outside", 9_000_000)
    fill(site.path / "mail", 0)
    (site.path / "mail" / "folder").symlink_to(tmp_path / "outside")
    (site.path / "mail" / "file").symlink_to(tmp_path / "outside" / "content")
    (site.path / "linked").symlink_to(tmp_path / "outside")
    sizes = sizes_in(write_report(site))

    assert "linked" not in sizes
    assert sizes["mail"].endswith(" bytes")


def test_a_report_takes_the_place_of_the_one_before_at_once(site: ExampleSite) -> None:
    write_report(site)
    (site.path / "reports" / "disk-usage.txt").write_text("older", "utf-8")
    report = write_report(site)

    assert report.startswith("Disk usage of ")
    assert ["disk-usage.txt"] == [file.name for file in (site.path / "reports").iterdir()]
