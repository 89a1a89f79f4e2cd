"""Who may import whom, and other rules of the house that a program can hold."""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "taskrunner"
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {module_of(file): ast.parse(file.read_text("utf-8"), str(file)) for file in FILES}

MAY_IMPORT = {
    # leaves
    "errors": "",
    "custom_data": "errors",
    "endings": "",
    "failure": "",
    "cache_file": "",
    "folders": "",
    "ids": "",
    "records": "",
    "report_records": "records",
    "sizes": "",
    "times": "",
    "trace": "",
    "trust": "",
    "visits": "folders",
    "locks": "errors folders",
    "schedule": "errors",
    "config": "errors schedule trust",
    # what could run
    "plugin_settings": "errors",
    "task": "endings plugin_settings schedule",
    "plugins": "cache_file errors schedule task trust",
    # what is due
    "db": "errors folders",
    "store": "db records report_records",
    # log files and the log table -> statistics and pictures
    "report": "errors records report_records schedule store times",
    # both arms together
    "planning": "config errors plugins records schedule",
    "site": "config db errors folders locks planning plugins records store",
    "current": "",
    "runner": "config current custom_data db endings errors failure folders ids locks planning plugins"
    " records schedule site sizes store task trace visits",
    # what an administrator asks
    "doctor": "config db errors health plugins records site store",
    "health": "config errors heartbeat runner site store times",
    "why": "config errors health plugins records schedule site times",
    "tasks": "endings task trace",
    # what cron would have run
    "crontab": "errors schedule tasks",
    # what a task uses while it runs
    "queueing": "config current custom_data db errors plugins store task visits",
    "core_tasks": "current store task trace",
    # the minute in which nothing is due
    "heartbeat": "errors",
    "idle": "taskrunner cache_file config db errors heartbeat plugins schedule site store",
    # what a task author tests with
    "testing": "config current custom_data ids plugins runner store task",
    # what starts it all
    "web": "config visits",
    "cli": "taskrunner config crontab custom_data db doctor errors health heartbeat idle plugins queueing"
    " records report report_records runner schedule site sizes store times visits why",
    "__main__": "cli errors idle",
    "taskrunner": "",
}
"""Part -> the parts it may import: cli -> runner -> { plugins -> task | store -> db } -> leaves."""

MAY_KNOW_THE_TYPES_OF = {
    "taskrunner": "endings errors queueing schedule task trace",  # imported when asked for
    "current": "config store",  # what those who ask for the run under way get of it
    "db": "locks",  # which a database for several hosts has as well
}
"""Part -> parts it may name for the type checker only, besides those it may import."""

HOMES = {
    "sqlite3": "taskrunner.db.sqlite",
    "psycopg": "taskrunner.db.postgres",
    "croniter": "taskrunner.schedule.moments",
    "setproctitle": "taskrunner.runner.title",
    "pytest": "taskrunner.testing",
    "click": "taskrunner.cli",
    "rich": "taskrunner.cli",
}
"""Library -> the module, or the package, that alone imports it."""

READ_THE_ENVIRONMENT = {
    "taskrunner.__main__",
    "taskrunner.cli",
    "taskrunner.config",
    "taskrunner.queueing",  # for programs that queue outside of a run
    "taskrunner.web",  # for web applications
    "taskrunner.tasks.running",  # to add to what a command gets of it
    "taskrunner.runner.surroundings",  # to put back what a task changes in it
}

READ_THE_CLOCK = {
    "taskrunner.__main__",
    "taskrunner.cli",
    "taskrunner.core_tasks",
    "taskrunner.queueing",
    "taskrunner.web",
    "taskrunner.testing.running",
    "taskrunner.runner.assembly",  # hands the clock to the runner
    "taskrunner.runner.output.stamper",  # in a process of its own: when a line was written
    "taskrunner.db.sqlite",  # when the tables were changed
    "taskrunner.db.postgres",  # the same
    "taskrunner.db.postgres.upgrading",
}
"""Where `now` begins; everywhere else it is a parameter."""


class Import(NamedTuple):
    """What module `of` imports: `typing` for the type checker only, `late` in a function."""

    of: str
    module: str
    typing: bool
    late: bool


def imports_in(node: ast.AST, of: str, *, typing: bool = False, late: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(of, alias.name, typing, late) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, f"{of} line {child.lineno}: relative import"
            names = [f"{child.module}.{alias.name}" for alias in child.names]
            modules = [name if name in TREES else str(child.module) for name in names]
            yield from (Import(of, module, typing, late) for module in modules)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from imports_in(child, of, typing=True, late=late)
        else:
            inside = late or isinstance(child, ast.FunctionDef | ast.Lambda)
            yield from imports_in(child, of, typing=typing, late=inside)


IMPORTS = [found for module, tree in TREES.items() for found in imports_in(tree, module)]


def part_of(module: str) -> str:
    """Return the part of taskrunner a module belongs to; the top is a part of its own.

    >>> [part_of(name) for name in ("taskrunner", "taskrunner.site", "taskrunner.runner.turn")]
    ['taskrunner', 'site', 'runner']
    """
    return [*module.split("."), "taskrunner"][1]


def is_within(module: str, home: str) -> bool:
    return module == home or module.startswith(f"{home}.")


def test_the_table_names_every_part() -> None:
    assert {part_of(module) for module in TREES} == set(MAY_IMPORT)


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_it_may(part: str) -> None:
    allowed = {part, *MAY_IMPORT[part].split()}
    imported = [
        found
        for found in IMPORTS
        if part_of(found.of) == part and is_within(found.module, "taskrunner") and not found.typing
    ]

    assert [] == [found for found in imported if part_of(found.module) not in allowed]


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_names_only_types_it_may_know(part: str) -> None:
    allowed = {part, *MAY_IMPORT[part].split(), *MAY_KNOW_THE_TYPES_OF.get(part, "").split()}
    named = [
        found
        for found in IMPORTS
        if part_of(found.of) == part and is_within(found.module, "taskrunner") and found.typing
    ]

    assert [] == [found for found in named if part_of(found.module) not in allowed]


def test_the_table_itself_goes_one_way() -> None:
    graph = {part: set(allowed.split()) for part, allowed in MAY_IMPORT.items()}

    assert set(MAY_IMPORT) == set(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    importing = {found.of for found in IMPORTS if is_within(found.module, library)}

    assert [] == [module for module in sorted(importing) if not is_within(module, HOMES[library])]


def test_every_other_library_is_in_the_standard_library() -> None:
    outside = {found.module.partition(".")[0] for found in IMPORTS} - sys.stdlib_module_names

    assert set() == outside - {"taskrunner", *HOMES}


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for found in IMPORTS:
        if found.module in TREES and found.module != found.of and not found.typing and not found.late:
            graph.setdefault(found.of, set()).add(found.module)

    try:
        circle: list[str] = []
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]

    assert [] == circle


def attributes_read(tree: ast.AST, owner: str, *names: str) -> Iterator[int]:
    """Yield the lines that read `owner.name`, or import the name from its owner."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {f"{owner}.{name}" for name in names}:
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == owner:
            yield from (node.lineno for alias in node.names if alias.name in names)


def test_the_environment_is_read_only_where_a_program_begins() -> None:
    readers = {
        (module, line)
        for module, tree in TREES.items()
        for line in attributes_read(tree, "os", "environ", "environb", "getenv", "putenv")
    }

    assert [] == sorted(
        place for place in readers if not any(is_within(place[0], home) for home in READ_THE_ENVIRONMENT)
    )


def test_the_clock_is_read_only_where_now_begins() -> None:
    readers = {
        (module, line)
        for module, tree in TREES.items()
        for line in [
            *attributes_read(tree, "time", "time", "time_ns", "localtime"),
            *attributes_read(tree, "datetime", "now", "today", "utcnow"),
        ]
    }

    assert [] == sorted(
        place for place in readers if not any(is_within(place[0], home) for home in READ_THE_CLOCK)
    )


def test_what_people_are_shown_goes_through_one_door() -> None:
    """`say` and the tables show control bytes of tasks and files instead of sending them to the terminal."""
    printers = {
        (module, node.lineno)
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("click.echo", "click.secho", "print")
    }

    allowed = {"taskrunner.cli.render", "taskrunner.trace"}
    assert [] == sorted(place for place in printers if place[0] not in allowed)


@pytest.mark.parametrize("module", TREES)
def test_a_module_says_first_in_one_line_what_it_is_for(module: str) -> None:
    docstring = ast.get_docstring(TREES[module]) or ""
    first, *rest = docstring.splitlines() or [""]

    assert first.endswith((".", ":"))
    assert [""] == rest[:1] or not rest


@pytest.mark.parametrize("module", TREES)
def test_no_error_is_swallowed_whatever_it_is(module: str) -> None:
    assert [] == list(lines_that_swallow(TREES[module]))


def lines_that_swallow(tree: ast.AST) -> Iterator[int]:
    everything = {"Exception", "BaseException"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else "BaseException"
            nothing_done = [ast.unparse(statement) for statement in node.body] in (
                ["pass"],
                ["..."],
                ["continue"],
            )
            if caught in everything and nothing_done:
                yield node.lineno
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            yield from (node.lineno for argument in node.args if ast.unparse(argument) in everything)


@pytest.mark.parametrize("module", TREES)
def test_no_module_is_named_for_nothing_in_particular(module: str) -> None:
    assert set() == set(module.split(".")) & {"utils", "util", "helpers", "common", "base", "core", "misc"}
