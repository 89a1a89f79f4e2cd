"""Write the pages of docs that are made from the code: the Python interface, and what programs get as JSON.

`python .ci/reference.py` writes docs/api.md and docs/json.md anew.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path
from textwrap import fill, wrap
from typing import Any

import taskrunner
import taskrunner.django
from taskrunner import errors, task, tasks, testing
from taskrunner.runner import events
from taskrunner.views import reports, runs, site
from taskrunner.views import tasks as task_views

DOCS = Path(__file__).parents[1] / "docs"

API = """\
# Python interface

What task authors import, with the text of the code itself. [Writing a task](tasks.md) explains it with examples.
"""
ERRORS = [
    *("ConfigError", "PluginError", "InvalidScheduleError", "CustomDataError"),
    *("StoreError", "StoreBusyError", "StoreFullError", "StoreRefusedError", "SchemaMismatchError"),
]
"""Those that the other sections name, and their kinds."""
MODULES = (
    ("From taskrunner", taskrunner, sorted(set(taskrunner.__all__) - {"More", "__version__"})),
    ("From taskrunner.tasks", tasks, ["ShellTask"]),
    ("From taskrunner.testing", testing, ["FrozenClock", "Done", "Queued"]),
    ("From taskrunner.django", taskrunner.django, ["attributes", "scheduled"]),
    ("From taskrunner.errors", errors, ERRORS),
)
NOT_SHOWN = ("between", "follows_elapsed_time", "matches_day", "matches_month", "next_at")
"""Of schedules: what only taskrunner itself asks."""

JSON = """\
# JSON

What programs get: from commands with `--json` (and as columns with `--csv`), and as events of `[notify]`.

A command prints one array of objects, `[]` if there is nothing. Moments are ISO 8601 in UTC, lengths are seconds,
and a value that is not known is `null`. Keys are added in new versions. The changelog names those that are taken away.

## Commands

| command | keys |
|---|---|
"""
LISTINGS = (
    ("list", task_views.SCHEDULED),
    ("show", task_views.SCHEDULED_DETAILS),
    ("adhoc list", runs.QUEUED),
    ("adhoc summary", runs.CLASSES),
    ("running", runs.RUNNING),
    ("log", runs.RUNS),
    ("log show", runs.RUN_IN_FULL),
    ("stats", runs.STATISTICS),
    ("check", site.CHECKS),
    ("doctor", site.FINDINGS),
    ("plugins", site.PLUGINS),
    ("audit", site.CHANGES),
    ("db status", site.DATABASE),
    ("report failures", reports.FAILURES),
    ("report threshold", reports.THRESHOLDS),
    ("report crashes", reports.CRASHES),
    ("report durations", reports.DURATIONS),
    ("report gaps", reports.GAPS),
    ("report overlaps", reports.OVERLAPS),
    ("report heatmap", reports.HEATMAP),
    ("report stagger", reports.MOVES),
)

EVENTS = """
## Events

[Notifications](notify.md) says when which event is sent. In events, moments are UTC epoch seconds.

| event | keys |
|---|---|
"""


def api_page() -> str:
    """Return the page on the Python interface."""
    return API + "".join(_module(*module) for module in MODULES)


def json_page() -> str:
    """Return the page on JSON."""
    listings = "".join(f"| `{command}` | {_keys(one.keys)} |\n" for command, one in LISTINGS)
    kinds = (
        ("of a task", events.Event),
        ("`plugin_broken`, `plugin_recovered`", events.PluginEvent),
        ("`cron_overdue`", events.CronOverdue),
    )
    told = "".join(f"| {name} | {_keys([one.name for one in fields(kind)])} |\n" for name, kind in kinds)
    return f"{JSON}{listings}{EVENTS}{told}"


def _keys(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _module(title: str, module: Any, names: list[str]) -> str:
    return f"\n## {title}\n" + "".join(_thing(name, getattr(module, name)) for name in names)


def _thing(name: str, thing: Any) -> str:
    """Return the section of a class, a function or a value."""
    if thing is task.MORE:
        return f"\n### {name}\n\n{_prose(task.More.__doc__)}\n"
    signature = _signature(name, thing)
    if name in ERRORS:
        signature = f"{name}({thing.__base__.__name__}): exit code {thing.exit_code}"
    code = f"\n```text\n{signature}\n```\n" if signature else ""
    section = f"\n### {name}\n{code}\n{_prose(thing.__doc__)}\n"
    members = _members(thing) if inspect.isclass(thing) else {}
    rows = "".join(f"| `{member}` | {meaning} |\n" for member, meaning in members.items())
    return section + (f"\n| attribute | meaning |\n|---|---|\n{rows}" if rows else "")


def _signature(name: str, thing: Any) -> str:
    if inspect.isclass(thing) and (issubclass(thing, task.Task) or "__init__" not in vars(thing)):
        return ""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(thing)))
    text = text.replace("(self, ", "(").replace("(self)", "()").removesuffix(" -> None")
    return "\n    ".join(wrap(f"{name}{text}", 100))


def _prose(text: str | None) -> str:
    """Return a docstring as Markdown: its paragraphs, what is quoted as code as it is; no examples."""
    paragraphs = [part for part in inspect.cleandoc(text or "").split("\n\n") if not part.startswith(">>>")]
    return "\n\n".join(fill(" ".join(part.split()), 140, break_on_hyphens=False) for part in paragraphs)


def _members(thing: Any) -> dict[str, str]:
    """Return the meaning of what a class has, by its name: values with a text below them, and its methods."""
    found: dict[str, str] = {}
    asked: set[str] = set()
    for base in [one for one in thing.__mro__ if one.__module__.startswith("taskrunner")]:
        for name, text in re.findall(r'(?m)^    (\w+): .*\n    """(.*?)"""', inspect.getsource(base)):
            found.setdefault(_declared(base, name), text)
        for name, member in vars(base).items():
            is_asked = inspect.isroutine(member) or isinstance(member, property)
            if is_asked and member.__doc__ and not name.startswith("_") and name not in (*NOT_SHOWN, *asked):
                asked.add(name)
                found[_asked(name, member)] = " ".join(_prose(member.__doc__).split())
    return found


def _asked(name: str, member: Any) -> str:
    """Return name and type of a property, or how a method is called."""
    if isinstance(member, property):
        kind = member.fget.__annotations__["return"]
        shown = f"{name}: {kind if isinstance(kind, str) else inspect.formatannotation(kind)}"
    else:
        shown = _signature(name, member)
    return shown.replace("|", "\\|").replace("datetime.datetime", "datetime")


def _declared(base: type[Any], name: str) -> str:
    """Return name, type and default of a class attribute."""
    kind = str(base.__annotations__[name]).removeprefix("ClassVar[").removesuffix("]")
    kind = kind if kind.count("[") == kind.count("]") else f"{kind}]"
    value = getattr(base, name, None)
    has_default = hasattr(base, name) and " at 0x" not in repr(value)
    default = f" = {value!r}" if has_default and not inspect.ismemberdescriptor(value) else ""
    return f"{name}: {kind}{default}".replace("|", "\\|")


def main() -> None:
    """Write the pages."""
    (DOCS / "api.md").write_text(api_page(), "utf-8")
    (DOCS / "json.md").write_text(json_page(), "utf-8")


if __name__ == "__main__":
    main()
