"""Installed distributions with plugins, made by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from taskrunner.plugins.importer import paths_of_installed


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, at the front of the import path."""
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(folder))
    paths_of_installed.cache_clear()
    yield folder
    paths_of_installed.cache_clear()


def install(packages: Path, name: str, entry_points: str, **modules: str) -> None:
    """Install a distribution: its entry points, and its modules by name."""
    info = packages / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[taskrunner.plugins]\n{entry_points}\n")
    for module, text in modules.items():
        file = packages / f"{module.replace('.', '/')}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o644)
