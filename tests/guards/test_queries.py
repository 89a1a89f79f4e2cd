"""Every query file: read by both databases, called by somebody, quick where the queue is long."""

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from taskrunner import store as statements
from taskrunner.db import Database
from taskrunner.db.sql import DIALECTS, adapt
from taskrunner.db.sqlite import open_sqlite
from taskrunner.db.sqlite.connect import open_connection
from taskrunner.records import (
    AdhocRow,
    AdhocSummary,
    AuditRow,
    HostRow,
    RecentRun,
    Run,
    RunnerRow,
    RunningRow,
    ScheduledRow,
)
from taskrunner.store.imports import ReportFile, TaskRun
from tests.databases import PostgresDatabases

QUERIES = Path(statements.QUERIES)
STORE = QUERIES.parent
FILES = sorted(QUERIES.rglob("*.sql"))
NAMES = [f"{file.parent.name}/{file.stem}" for file in FILES]

RUNS_A_QUERY = {"row", "rows", "send", "_settled"}

RECORDS = {
    "scheduled/find": ScheduledRow,
    "hosts/list": HostRow,
    "scheduled/find_for_change": ScheduledRow,
    "scheduled/list": ScheduledRow,
    "scheduled/list_for_change": ScheduledRow,
    "scheduled/claim": ScheduledRow,
    "scheduled/claim_named": ScheduledRow,
    "adhoc/claim": AdhocRow,
    "adhoc/claim_batch": AdhocRow,
    "adhoc/claim_id": AdhocRow,
    "adhoc/find": AdhocRow,
    "adhoc/find_identity": AdhocRow,
    "adhoc/list": AdhocRow,
    "adhoc/summary": AdhocSummary,
    "log/find": Run,
    "log/recent": RecentRun,
    "audit/list": AuditRow,
    "runners/list": RunnerRow,
    "runners/running": RunningRow,
    "log/crashed": TaskRun,
    "reports/crashed": TaskRun,
    "reports/tasks": TaskRun,
    "reports/find_files": ReportFile,
}
"""Query -> the record that its rows become."""

INDEXES = {
    "scheduled/due": {"task_scheduled_due"},
    "scheduled/next_due": {"task_scheduled_due"},
    "scheduled/claim": {"task_scheduled_due"},
    "adhoc/claim": {"task_adhoc_due", "task_adhoc_priority"},
    "adhoc/classes": {"task_adhoc_due"},
    "adhoc/claim_batch": {"task_adhoc_due", "task_adhoc_priority"},
    "adhoc/finish_batch": {"task_adhoc_running"},
    "adhoc/give_back": {"task_adhoc_running"},
    "adhoc/running": {"task_adhoc_running"},
    "adhoc/cleanup": {"task_adhoc_given_up"},
    "adhoc/find_identity": {"task_adhoc_identity"},
    "adhoc/add_once": {"task_adhoc_identity"},
    "audit/list": {"task_audit_done"},
    "log/list": {"task_log_started"},
    "log/list_named": {"task_log_by_name"},
    "log/recent": {"task_log_by_name"},
    "log/export": {"task_log_started"},
    "log/list_failed": {"task_log_failed"},
    "log/crashes": {"task_log_failed"},
    "log/totals": {"task_log_by_name", "task_log_uncounted"},
    "log/failures": {"task_log_failed_by_name"},
    "adhoc/fail_delays": {"task_adhoc_failing"},
    "log/newest_kept": {"task_log_by_name"},
    "log/cleanup": {"task_log_by_name"},
    "log/names": {"task_log_by_name"},
    "log/brief": {"task_log_started"},
    "hosts/gaps": {"task_cron_gap_ended"},
    "hosts/forget_gaps": {"task_cron_gap_ended"},
    "reports/brief": {"report_task_started"},
    "reports/crashed": {"report_task_started"},
    "reports/names": {"report_task_by_name"},
    "reports/tasks": {"report_task_started"},
    "reports/runs": {"report_run_started"},
    "reports/totals": {"report_task_of_file"},
    "reports/states": {"report_run_of_file"},
    "reports/remove_tasks": {"report_task_of_file"},
    "reports/remove_runs": {"report_run_of_file"},
    "reports/find_files": {"report_file_by_first_line", "report_file_by_path"},
}
"""Query -> the indexes that keep it quick however long the tables are."""

SORTS_WHAT_IT_HANDS_OUT = "adhoc/claim_batch"
ASKED_AGAIN_AND_AGAIN = [
    name for name in INDEXES if ("claim" in name or "due" in name) and name != SORTS_WHAT_IT_HANDS_OUT
]

READ_ALL = {
    "adhoc/forget",
    "scheduled/list",
    "scheduled/list_for_change",
    "adhoc/list",
    "adhoc/summary",
    "adhoc/parked",
    "runners/list",
    "settings/list",
    "log/find_by_suffix",  # of the index: asked when a person types the end of an id
}
"""Queries that want every row of their table."""


def text_of(name: str) -> str:
    return (QUERIES / f"{name}.sql").read_text("utf-8")


def parameters_of(sql: str) -> dict[str, None]:
    return dict.fromkeys(re.findall(r"(?<![:\w]):(\w+)", sql))


def verbs_in(function: ast.AST, argument: ast.expr) -> set[str]:
    """Return the texts an argument may have: itself, or those assigned to it in its function."""
    if isinstance(argument, ast.Constant):
        return {argument.value}
    assigned = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == ast.unparse(argument)
    ]
    return {
        node.value
        for value in assigned
        if isinstance(value, ast.IfExp)
        for node in (value.body, value.orelse)
        if isinstance(node, ast.Constant)
    }


def folders_by_class() -> dict[str, str]:
    """Return the folder of queries that `Store` hands to each of its classes."""
    tree = ast.parse((STORE / "__init__.py").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) == 1]
    return {
        ast.unparse(call.func): ast.literal_eval(call.args[0].args[1])
        for call in calls
        if isinstance(call.args[0], ast.Call) and ast.unparse(call.args[0].func) == "Statements"
    }


def callers() -> set[str]:
    """Return <noun>/<verb> of every call in the store that runs a query."""
    found = set()
    folders = folders_by_class()
    classes = [
        node
        for file in STORE.glob("*.py")
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name in folders
    ]
    for noun in classes:
        for function in [node for node in noun.body if isinstance(node, ast.FunctionDef)]:
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                    owner = ast.unparse(node.func.value)
                    if node.func.attr in RUNS_A_QUERY and owner in ("self", "self._statements"):
                        found |= {f"{folders[noun.name]}/{verb}" for verb in verbs_in(function, node.args[0])}
    return found


def test_every_query_has_a_caller_and_every_caller_a_query() -> None:
    assert set(NAMES) == callers()


def test_there_is_nothing_else_in_the_folders() -> None:
    others = [path for path in QUERIES.rglob("*") if path.is_file() and path.suffix != ".sql"]

    assert [] == others


def test_queries_begin_with_their_promise() -> None:
    heads = {name: text_of(name).splitlines()[:2] for name in NAMES}

    assert [] == [
        name
        for name, (first, second) in heads.items()
        if not re.fullmatch(r"-- [A-Z].*\.", first) or second.startswith("--")
    ]


def test_queries_are_short() -> None:
    texts = {name: text_of(name).splitlines() for name in NAMES}

    assert [] == [name for name, lines in texts.items() if len(lines) > 22]
    assert [] == [
        line for lines in texts.values() for line in lines if len(line) > 110 or line != line.rstrip()
    ]


def test_queries_can_be_adapted_to_each_database() -> None:
    adapted = {(name, dialect): adapt(text_of(name), dialect) for name in NAMES for dialect in DIALECTS}

    assert [] == [
        place
        for place, sql in adapted.items()
        if not re.match(r"(select|with|insert|update|delete)\b", sql) or re.search(r"--|/\*|\*/|;", sql)
    ]


def test_queries_know_no_clock_and_no_chance() -> None:
    bodies = {name: re.sub(r"^--.*", "", text_of(name)) for name in NAMES}
    chance = re.compile(r"\b(now\(|current_|datetime\(|strftime\(|unixepoch|random)")

    assert [] == [name for name, sql in bodies.items() if chance.search(sql)]


def test_queries_can_be_prepared(database: Database) -> None:
    adapted = {name: adapt(text_of(name), database.dialect) for name in NAMES}

    assert [] == [
        name for name, sql in adapted.items() if not database.fetch(f"explain {sql}", parameters_of(sql))
    ]


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[Callable[[str], list[str]]]:
    """How SQLite goes about a query: the words of EXPLAIN QUERY PLAN."""
    sqlite = open_sqlite(str(tmp_path / "plans.db"))

    def plan(name: str) -> list[str]:
        sql = adapt(text_of(name), "sqlite")
        return [row["detail"] for row in sqlite.fetch(f"explain query plan {sql}", parameters_of(sql))]

    yield plan
    sqlite.close()


def test_queries_on_long_tables_use_their_indexes(plan: Callable[[str], list[str]]) -> None:
    plans = {name: " ".join(plan(name)) for name in INDEXES}
    used = {name: set(re.findall(r"USING (?:COVERING )?INDEX (\w+)", text)) for name, text in plans.items()}

    assert {} == {name: plans[name] for name, wanted in INDEXES.items() if wanted != used[name]}


FILLED = """
insert into task_adhoc (name, plugin, custom_data, identity, created_at, next_run_at, attempts_left, run_id)
  select 'forum.C' || n % 5, 'forum', 'null', 'I' || n, n, n, case when n % 50 = 0 then 0 else 12 end,
    case when n % 1000 = 7 then 'R' || n end from generate_series(1, 20000) n;
insert into task_scheduled (name, plugin, title, schedule, timezone, default_schedule, next_run_at)
  select 'forum.S' || n, 'forum', 't', '* * * * *', 'UTC', '* * * * *', n from generate_series(1, 5000) n;
insert into task_log (run_id, type, name, plugin, started_at, ended_at, outcome, output, hostname, pid)
  select 'R' || n, 'adhoc', 'forum.C' || n % 400, 'forum', n, n,
    case when n % 7 = 0 then 'failed' else 'ok' end, '', 'h', 1
  from generate_series(1, 20000) n;
"""
"""Tables so long that PostgreSQL has a reason to use an index."""


@pytest.fixture(scope="module")
def postgres_plan(postgres_databases: PostgresDatabases) -> Iterator[Callable[[str], str]]:
    """How PostgreSQL goes about a query on long tables."""
    with postgres_databases.new() as url, psycopg.connect(url) as connection:
        connection.prepare_threshold = None
        connection.execute(FILLED)
        connection.execute("analyze")
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute("set enable_seqscan = off")  # it guesses that a third of all tasks is due

        def plan(name: str) -> str:
            names = list(parameters_of(sql := adapt(text_of(name), "postgres")))
            numbered = re.sub(r"(?<![:\w]):(\w+)", lambda found: f"${names.index(found[1]) + 1}", sql)
            values = f"({', '.join(['null'] * len(names))})" if names else ""
            connection.execute(f"prepare asked as {numbered}".encode(), prepare=False)
            explained = connection.execute(
                f"explain execute asked{values}".encode(), prepare=False
            ).fetchall()
            connection.execute("deallocate asked", prepare=False)
            return "\n".join(line for (line,) in explained)

        yield plan


def test_queries_on_long_tables_use_their_indexes_in_postgresql(postgres_plan: Callable[[str], str]) -> None:
    plans = {name: postgres_plan(name) for name in INDEXES}
    index = re.compile(r"(?:using|Index Scan on) ((?:task|report)_\w+)")

    assert {} == {
        name: plans[name] for name, wanted in INDEXES.items() if not wanted <= set(index.findall(plans[name]))
    }


def test_no_query_reads_a_whole_table_of_tasks_or_runs_in_postgresql(
    postgres_plan: Callable[[str], str],
) -> None:
    plans = {name: postgres_plan(name) for name in NAMES if name not in READ_ALL}
    scan = re.compile(r"Seq Scan on (?:task_scheduled|task_adhoc|task_log)\b")

    assert {} == {name: plan for name, plan in plans.items() if scan.search(plan)}


def test_what_a_runner_asks_again_and_again_needs_no_sorting_in_postgresql(
    postgres_plan: Callable[[str], str],
) -> None:
    plans = {name: postgres_plan(name) for name in ASKED_AGAIN_AND_AGAIN}

    assert {} == {name: plan for name, plan in plans.items() if "Sort" in plan}


def test_no_query_reads_a_whole_table_of_tasks_or_runs(plan: Callable[[str], list[str]]) -> None:
    steps = [(name, step) for name in NAMES if name not in READ_ALL for step in plan(name)]
    scan = re.compile(r"SCAN (task_scheduled|task_adhoc|task_log)\b")

    assert [] == [(name, step) for name, step in steps if scan.match(step) and "INDEX" not in step]


def test_what_a_runner_asks_again_and_again_needs_no_sorting(plan: Callable[[str], list[str]]) -> None:
    steps = [(name, step) for name in (*ASKED_AGAIN_AND_AGAIN, "log/newest_kept") for step in plan(name)]

    assert [] == [(name, step) for name, step in steps if "TEMP B-TREE" in step]


def test_the_columns_of_a_query_are_the_fields_of_its_record(tmp_path: Path) -> None:
    open_sqlite(str(tmp_path / "columns.db")).close()
    columns = {}
    with closing(open_connection(tmp_path / "columns.db")) as connection:
        for name in RECORDS:
            sql = adapt(text_of(name), "sqlite")
            cursor = connection.execute(sql, parameters_of(sql) | {"limit": 1, "passed": 0})
            columns[name] = [column[0] for column in cursor.description]
            cursor.fetchall()

    assert columns == {name: list(record._fields) for name, record in RECORDS.items()}


def test_every_query_that_makes_a_record_is_in_the_table() -> None:
    """A query whose rows are taken whole has to be there; the others return ids, names or settings."""
    texts = {name: text_of(name) for name in NAMES}
    whole = {name for name, text in texts.items() if re.search(r"(select|returning) \*", text)}

    assert set() == whole - set(RECORDS)
