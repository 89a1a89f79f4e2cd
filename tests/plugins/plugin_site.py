"""A plugin directory to fill, with its cache file."""

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from taskrunner.plugins import Declaration, Plugin, Registry, load_registry

IMPORTS = "from taskrunner.task import AdhocTask, ScheduledTask\n"


@dataclass(frozen=True, slots=True)
class Site:
    """`write` a plugin's file, `load` the registry; times are epoch seconds."""

    plugins: Path
    cache: Path

    def write(self, name: str, text: str | bytes = "") -> Path:
        path = self.plugins / name
        path.parent.mkdir(mode=0o755, exist_ok=True)
        path.write_bytes(dedent(text).encode() if isinstance(text, str) else text)
        path.chmod(0o644)
        return path

    def write_task(self, name: str, class_name: str = "Task", extra: str = "") -> Path:
        return self.write(name, IMPORTS + extra + scheduled(class_name))

    def load(self, *, now: float = 0.0, import_timeout: float = 30.0) -> Registry:
        return load_registry([self.plugins], self.cache, now=now, import_timeout=import_timeout)

    def plugin(self, name: str) -> Plugin:
        return next(plugin for plugin in self.load().plugins if plugin.name == name)

    def findings(self, name: str) -> list[str]:
        return [str(finding).replace(f"{self.plugins}/", "") for finding in self.plugin(name).findings]

    def declare(self, attributes: str, base: str = "ScheduledTask") -> Declaration:
        self.write("forum.py", IMPORTS + task_class("Task", base, attributes))
        registry = self.load()
        assert self.plugin("forum").findings == ()
        return registry.get("forum.Task")

    def refuse(self, attributes: str, base: str = "ScheduledTask") -> list[str]:
        self.write("forum.py", IMPORTS + task_class("Task", base, attributes))
        assert self.plugin("forum").tasks == ()
        return self.findings("forum")


def task_class(class_name: str, base: str, *lines: str) -> str:
    body = "".join(f"    {line}\n" for line in (*lines, "def execute(self) -> None: pass"))
    return f"class {class_name}({base}):\n{body}"


def scheduled(class_name: str) -> str:
    return task_class(class_name, "ScheduledTask", "schedule = '0 3 * * *'")
