"""A site with some of the plugins of taskrun_contrib, and the real `taskrun` to run them."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.contrib.example_site import CONTRIB, outside, run_outside

PLUGINS = CONTRIB.parent / "taskrun_contrib"


@dataclass(frozen=True, slots=True)
class PluginSite:
    """A site in a folder; the plugins are copies."""

    root: Path

    @classmethod
    def with_plugins(cls, root: Path, *names: str) -> "PluginSite":
        (root / "plugins").mkdir(parents=True, mode=0o755)
        for name in names:
            source = PLUGINS / name
            if source.is_dir():
                shutil.copytree(source, root / "plugins" / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source.with_suffix(".py"), root / "plugins")
        for copied in (root / "plugins").rglob("*"):
            copied.chmod(0o755 if copied.is_dir() else 0o644)
        site = cls(root)
        site.configure("")
        return site

    def configure(self, text: str) -> None:
        head = 'timezone = "UTC"\n[tasks."core.*"]\ndisabled = true\n'
        (self.root / "taskrunner.toml").write_text(f"{head}{text}\n", "utf-8")

    def start(self, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        """Start a command on the site; what it prints is in its stdout, errors too."""
        return subprocess.Popen(
            [sys.executable, "-m", "taskrunner", "--config", str(self.root / "taskrunner.toml"), *arguments],
            env=outside() | environ,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def taskrun(self, *arguments: str, **environ: str) -> tuple[int, str]:
        """Run a command on the site; return its exit code and what it printed."""
        done = run_outside(self.root / "taskrunner.toml", *arguments, **environ)
        return done.returncode, done.stdout + done.stderr

    def run_task(self, name: str, **environ: str) -> str:
        """Run a task that is to succeed, and return what it printed, without its progress if it was slow."""
        done = run_outside(self.root / "taskrunner.toml", "run-task", name, **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fails(self, name: str) -> str:
        """Run a task that is to fail, and return what it printed."""
        code, printed = self.taskrun("run-task", name)
        assert code == 1, printed
        return printed
