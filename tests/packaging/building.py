"""Wheel and sdist of a copy of this checkout, and a virtual environment with nothing but the wheel."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.patience import DEADLINE

CHECKOUT = Path(__file__).parents[2]
NOT_COPIED = (".git", ".venv", "__pycache__", "build", "dist", ".*_cache", ".hypothesis", "*.egg-info")


@dataclass(frozen=True, slots=True)
class Built:
    """The two files of a build."""

    wheel: Path
    sdist: Path


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment whose own packages are the wheel alone; the libraries are those of the tests."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def taskrun(self) -> Path:
        return self.folder / "bin" / "taskrun"

    @property
    def packages(self) -> Path:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.folder / "lib" / version / "site-packages"


def copy_of_the_checkout(to: Path) -> Path:
    """Copy what a build may read; the copy belongs to no repository."""
    shutil.copytree(CHECKOUT, to, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
    return to


def build(tree: Path, into: Path, *which: str) -> Built:
    """Build without the network: "--sdist", "--wheel" from the tree; neither: the wheel from the sdist."""
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", into, *which, tree], cwd=tree)
    [wheel], [sdist] = into.glob("*.whl"), into.glob("*.tar.gz")
    return Built(wheel, sdist)


def build_wheel(tree: Path, into: Path) -> Path:
    """Build the wheel alone, from a tree that may hold no more than it needs."""
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", into, "--wheel", tree], cwd=tree)
    [wheel] = into.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Installed:
    """Install a wheel without the network; the libraries it needs are taken from where the tests run.

    The directory of the tests' libraries is only added to the path: a .pth file in it, such as that of an
    editable taskrunner, has no effect, and the wheel's own directory comes first.
    """
    venv.create(folder, symlinks=True, with_pip=False)
    installed = Installed(folder)
    pip = [sys.executable, "-m", "pip", "--python", installed.python, "--disable-pip-version-check"]
    run([*pip, "install", "--quiet", "--no-index", "--no-deps", wheel], cwd=folder)
    libraries = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    (installed.packages / "libraries.pth").write_text("\n".join(libraries) + "\n", "utf-8")
    return installed


def run(command: list[str | Path], *, cwd: Path) -> str:
    """Return what a command prints; one that fails fails the test, with all it said."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout
