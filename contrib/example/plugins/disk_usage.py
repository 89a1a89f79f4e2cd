"""Reports how much room the site takes up, folder by folder, and how much is left."""

import os
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from taskrunner import Every, ScheduledTask, mtrace

SITE = Path(__file__).parent.parent
REPORT = SITE / "reports" / "disk-usage.txt"


class WriteReport(ScheduledTask):
    """Report how much room the site takes up."""

    schedule = Every(hours=6)

    def execute(self) -> None:
        """Write reports/disk-usage.txt and print the sum of it."""
        sizes = measure(SITE)
        disk = shutil.disk_usage(SITE)
        free = f"{human(disk.free)} of {human(disk.total)} free"
        title = f"Disk usage of {SITE}, {datetime.now().astimezone():%Y-%m-%d %H:%M %z}"
        write_atomically(REPORT, f"{title}\n\n{table(sizes)}\nOn this disk {free}\n")
        mtrace(f"{human(sum(sizes.values()))} in {len(sizes)} folders, {free}")
        mtrace(f"wrote {REPORT.relative_to(SITE)}")


def measure(top: Path) -> dict[str, int]:
    """Return the bytes in each top-level folder, the largest first; "." are the files beside the folders."""
    folders = [entry for entry in top.iterdir() if entry.is_dir() and not entry.is_symlink()]
    sizes = {folder.name: size_below(folder) for folder in folders}
    sizes["."] = sum(entry.stat().st_size for entry in top.iterdir() if entry.is_file())
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def size_below(folder: Path) -> int:
    """Return the bytes of all files below a folder; links are counted, not followed."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # deleted meanwhile: the site is at work
                size += Path(parent, name).lstat().st_size
    return size


def table(sizes: dict[str, int]) -> str:
    """Return a line for each folder, and one for all of them.

    >>> print(table({"backups": 12_300_000, ".": 1_824}), end="")
    backups      12.3 MB
    .             1.8 KB
    all          12.3 MB
    """
    rows = {**sizes, "all": sum(sizes.values())}
    width = max(10, *map(len, rows))
    return "".join(f"{name:<{width}} {human(size):>9}\n" for name, size in rows.items())


def human(size: float) -> str:
    """Return a number of bytes in the unit that suits it.

    >>> [human(size) for size in (0, 999, 1_000, 12_345_678, 5 * 10**15)]
    ['0 bytes', '999 bytes', '1.0 KB', '12.3 MB', '5000.0 TB']
    """
    if size < 1000:
        return f"{size} bytes"
    for unit in ("KB", "MB", "GB"):
        size /= 1000
        if size < 1000:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


def write_atomically(file: Path, text: str) -> None:
    """Write a file that nobody ever sees half written."""
    file.parent.mkdir(exist_ok=True)
    making = file.with_name(f".{file.name}.making")
    making.write_text(text, "utf-8")
    making.replace(file)
