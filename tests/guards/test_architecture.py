"""Who may import whom, and other rules of the house that a program can hold."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "taskrunner"
FILES = sorted(PACKAGE.rglob("*.py"))


def module_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(file): file for file in FILES}


@cache
def trees() -> dict[str, ast.Module]:
    """Return the code of each module, read by the first test of a process that wants it."""
    return {module: ast.parse(file.read_text("utf-8"), str(file)) for module, file in MODULES.items()}


MAY_IMPORT = {
    # leaves
    "errors": "",
    "formatting": "",
    "named_tuple": "",
    "records": "named_tuple",
    "child_process": "",
    "files": "errors",
    "heartbeat": "errors files ownership",
    "ownership": "errors",
    "validate": "errors named_tuple",
    "zones": "errors validate",
    "liveness": "",
    "locks": "errors files named_tuple ownership",
    "web_tick": "files",
    "schedule": "errors zones",
    "config": "errors files named_tuple validate zones",
    # what could run
    "task": "validate",
    "tasks": "task validate",
    "plugins": "child_process config errors files named_tuple records schedule task validate zones",
    # what is due
    "db": "errors files ownership records",
    "store": "db errors files named_tuple records",
    # log files and the log table -> statistics and pictures
    "report": "errors formatting schedule store zones",
    # both arms together
    "planner": "config errors named_tuple schedule",
    "installation": "config db errors files locks named_tuple ownership planner plugins queueing store"
    " validate",
    # what a task uses while it runs
    "queueing": "config db errors ownership plugins store task web_tick",
    "core_tasks": "store task",
    "hosts": "errors files formatting heartbeat store zones",
    "runner": "child_process config db errors files formatting hosts idle installation liveness"
    " planner queueing records store task web_tick zones",
    # what an administrator asks
    "views": "config errors formatting liveness named_tuple records report schedule store validate zones",
    "administration": "config db errors installation liveness queueing records runner store views web_tick",
    "diagnosis": "config db errors files formatting heartbeat hosts installation liveness ownership"
    " records runner schedule store views zones",
    # what cron would have run
    "crontab": "errors schedule tasks zones",
    # the minute in which nothing is due
    "idle": "config db files heartbeat plugins store taskrunner",
    "idle_cache": "config files idle installation store zones",
    # what a task author tests with
    "testing": "config formatting plugins queueing runner store task",
    # programs of their own, which [notify] starts
    "notifiers": "",
    # what starts it all
    "web": "administration config diagnosis errors files formatting installation liveness"
    " ownership records report runner schedule store taskrunner views web_tick",
    "django": "config db errors queueing store task",
    "cli": "administration config crontab db diagnosis errors files formatting heartbeat hosts"
    " idle idle_cache installation liveness named_tuple ownership plugins queueing records"
    " report runner schedule store taskrunner validate views web zones",
    "__main__": "cli errors idle",
    "taskrunner": "",
}
"""Part -> the parts it may import, as the docstring of each says."""

MAY_KNOW_THE_TYPES_OF = {
    "taskrunner": "errors queueing schedule task",  # imported when asked for
    "task": "config schedule store",  # what a task declares, and what those who ask for the run get of it
    "db": "locks",  # which a database for several hosts has as well
    "administration": "plugins",
    "diagnosis": "plugins",
    "views": "db installation plugins",
    "planner": "plugins records store",
    "hosts": "installation",
    "django": "schedule",
    "runner": "locks plugins",
    "installation": "records",
    "liveness": "installation records",
    "queueing": "records",
    "report": "records",
    "web": "plugins",
}
"""Part -> parts it may name for the type checker only, besides those it may import."""

HOMES = {
    "sqlite3": "taskrunner.db",
    "psycopg": "taskrunner.db.postgres",
    "croniter": "taskrunner.schedule.moments",
    "setproctitle": "taskrunner.runner.process_state",
    "pytest": "taskrunner.testing",
    "click": "taskrunner.cli",
    "rich": "taskrunner.cli",
    "waitress": "taskrunner.web.admin.serve",
    "django": "taskrunner.django",
}
"""Library -> the module, or the package, that alone imports it."""

READ_THE_ENVIRONMENT = {
    "notifiers",
    "taskrunner.__main__",
    "taskrunner.cli",
    "taskrunner.plugins.namespace",  # a worker of multiprocessing
    "taskrunner.config",
    "taskrunner.notifiers",  # programs of their own
    "taskrunner.queueing",  # for programs that queue outside of a run
    "taskrunner.web",  # for web applications
    "taskrunner.django",  # the same
    "taskrunner.tasks",  # to add to what a command gets of it
    "taskrunner.runner.process_state",  # to put back what a task changes in it
}

READ_THE_CLOCK = {
    "taskrunner.runner.job",  # for tasks: when they told how far they have come
    "taskrunner.__main__",
    "taskrunner.cli",
    "taskrunner.core_tasks",
    "taskrunner.queueing",
    "taskrunner.web",
    "taskrunner.django",
    "taskrunner.testing",
    "taskrunner.runner.build",  # hands the clock to the runner
    "taskrunner.runner.messages",  # when a line was written, also in a process of its own
    "taskrunner.db.sqlite",  # when the tables were changed
    "taskrunner.db.postgres",  # the same
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
            modules = [name if name in MODULES else str(child.module) for name in names]
            yield from (Import(of, module, typing, late) for module in modules)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from imports_in(child, of, typing=True, late=late)
        else:
            inside = late or isinstance(child, ast.FunctionDef | ast.Lambda)
            yield from imports_in(child, of, typing=typing, late=inside)


@cache
def all_imports() -> list[Import]:
    return [found for module, tree in trees().items() for found in imports_in(tree, module)]


@pytest.fixture(scope="module", autouse=True)
def _forget_the_code() -> Iterator[None]:
    """Its 60 MB would be copied, page by page, by what the tests after these fork."""
    yield
    for function in (trees, all_imports):
        function.cache_clear()


def part_of(module: str) -> str:
    """Return the part of taskrunner a module belongs to; the top is a part of its own.

    >>> [part_of(name) for name in ("taskrunner", "taskrunner.installation", "taskrunner.runner.turn")]
    ['taskrunner', 'installation', 'runner']
    """
    return [*module.split("."), "taskrunner"][1]


def is_within(module: str, home: str) -> bool:
    return module == home or module.startswith(f"{home}.")


def test_the_table_names_every_part() -> None:
    assert {part_of(module) for module in MODULES} == set(MAY_IMPORT)


def test_a_part_imports_only_what_it_may() -> None:
    allowed = {part: {part, *parts.split()} for part, parts in MAY_IMPORT.items()}

    assert [] == [
        found
        for found in all_imports()
        if is_within(found.module, "taskrunner") and not found.typing
        if part_of(found.module) not in allowed[part_of(found.of)]
    ]


def test_a_part_names_only_types_it_may_know() -> None:
    allowed = {
        part: {part, *parts.split(), *MAY_KNOW_THE_TYPES_OF.get(part, "").split()}
        for part, parts in MAY_IMPORT.items()
    }

    assert [] == [
        found
        for found in all_imports()
        if is_within(found.module, "taskrunner") and found.typing
        if part_of(found.module) not in allowed[part_of(found.of)]
    ]


def test_the_table_itself_goes_one_way() -> None:
    graph = {part: set(allowed.split()) for part, allowed in MAY_IMPORT.items()}

    assert set(MAY_IMPORT) == set(TopologicalSorter(graph).static_order())


def test_a_library_has_one_home() -> None:
    assert [] == [
        found
        for found in all_imports()
        for library, home in HOMES.items()
        if is_within(found.module, library) and not is_within(found.of, home)
    ]


def test_every_other_library_is_in_the_standard_library() -> None:
    outside = {found.module.partition(".")[0] for found in all_imports()} - sys.stdlib_module_names

    assert set() == outside - {"taskrunner", *HOMES}


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for found in all_imports():
        if found.module in MODULES and found.module != found.of and not found.typing and not found.late:
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
        if isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == owner:
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == owner:
            yield from (node.lineno for alias in node.names if alias.name in names)


def test_the_environment_is_read_only_where_a_program_begins() -> None:
    readers = {
        (module, line)
        for module, tree in trees().items()
        for line in attributes_read(tree, "os", "environ", "environb", "getenv", "putenv")
    }

    assert [] == sorted(
        place for place in readers if not any(is_within(place[0], home) for home in READ_THE_ENVIRONMENT)
    )


def test_the_clock_is_read_only_where_now_begins() -> None:
    readers = {
        (module, line)
        for module, tree in trees().items()
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
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("click.echo", "click.secho", "print")
    }

    allowed = {"taskrunner.cli.render", "taskrunner.task"}
    assert [] == sorted(place for place in printers if place[0] not in allowed)


def test_a_module_says_first_in_one_line_what_it_is_for() -> None:
    docstrings = {
        module: (ast.get_docstring(tree) or "").splitlines() or [""] for module, tree in trees().items()
    }

    assert [] == [
        module
        for module, (first, *rest) in docstrings.items()
        if not first.endswith((".", ":")) or rest[:1] not in ([], [""])
    ]


def test_no_error_is_swallowed_whatever_it_is() -> None:
    assert [] == [(module, line) for module, tree in trees().items() for line in lines_that_swallow(tree)]


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


def test_no_module_is_named_for_nothing_in_particular() -> None:
    nothing = {"utils", "util", "helpers", "common", "base", "core", "misc"}

    assert [] == [module for module in MODULES if nothing & set(module.split("."))]
