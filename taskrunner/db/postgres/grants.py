"""The SQL that lets each kind of program do its part on PostgreSQL, and no more."""

from __future__ import annotations

from dataclasses import dataclass

TABLES = (
    "schema_version",
    "task_setting",
    "task_runner",
    "task_scheduled",
    "task_adhoc",
    "task_log",
    "task_audit",
    "report_file",
    "report_run",
    "report_task",
    "task_host",
)
VIEWS = (
    "v_task_log",
    "v_task_running",
    "v_task_scheduled",
    "v_task_adhoc",
    "v_task_audit",
    "v_report_run",
    "v_report_task",
)
SEQUENCES = (
    "task_scheduled_id_seq",
    "task_adhoc_id_seq",
    "task_log_id_seq",
    "task_audit_id_seq",
    "report_file_id_seq",
    "report_run_id_seq",
    "report_task_id_seq",
)
READ_TO_QUEUE = ("schema_version", "task_setting", "task_adhoc")
QUEUED_COLUMNS = (
    "id",
    "name",
    "plugin",
    "custom_data",
    "user",
    "identity",
    "once",
    "created_at",
    "next_run_at",
    "attempts_left",
)
"""What a program writes that queues a task."""

REVIVED_COLUMNS = ("next_run_at", "attempts_left", "tries", "fail_delay", "failures", "failing_since")
"""What a program changes that queues a task which is there already."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The names of the roles, and the schema the tables are in."""

    owner: str = "taskrun_owner"
    runner: str = "taskrun_runner"
    producer: str = "taskrun_producer"
    reader: str = "taskrun_reader"
    schema: str = "public"


def grants(roles: Roles) -> str:
    """Return a script for psql, to be run once the tables are there; running it again does no harm."""
    schema = _name(roles.schema)
    owner, runner, producer, reader = map(_name, (roles.owner, roles.runner, roles.producer, roles.reader))
    everybody = f"{owner}, {runner}, {producer}, {reader}"
    tables, views, sequences = (_all_of(schema, names) for names in (TABLES, VIEWS, SEQUENCES))
    queued, revived = ", ".join(map(_name, QUEUED_COLUMNS)), ", ".join(map(_name, REVIVED_COLUMNS))
    return "\n".join(
        [
            "-- Roles that may be given to the users that programs log in as: grant ROLE to USER;",
            *map(_create_role, (roles.owner, roles.runner, roles.producer, roles.reader)),
            f"grant usage on schema {schema} to {everybody};",
            "",
            "-- owner: makes and upgrades the tables (taskrun db upgrade).",
            f"grant create on schema {schema} to {owner};",
            *(f"alter table {schema}.{_name(name)} owner to {owner};" for name in TABLES),
            *(f"alter view {schema}.{_name(name)} owner to {owner};" for name in VIEWS),
            f"alter function {schema}.task_adhoc_queued() owner to {owner};",
            "",
            "-- runner: taskrun cron and the other commands.",
            f"grant select, insert, update, delete on {tables} to {runner};",
            f"grant usage on sequence {sequences} to {runner};",
            f"grant select on {views} to {runner};",
            "",
            "-- producer: a program that queues adhoc tasks; which code they run is for the plugins to say.",
            f"grant select on {_all_of(schema, READ_TO_QUEUE)} to {producer};",
            f"grant insert ({queued}) on {schema}.task_adhoc to {producer};",
            f"grant update ({revived}) on {schema}.task_adhoc to {producer};",
            f"grant usage on sequence {schema}.task_adhoc_id_seq to {producer};",
            "",
            "-- reader: the views, which show neither custom data nor output.",
            f"grant select on {views} to {reader};",
            "",
        ]
    )


def _all_of(schema: str, names: tuple[str, ...]) -> str:
    return ", ".join(f"{schema}.{_name(name)}" for name in names)


def _create_role(name: str) -> str:
    create = f"create role {_name(name)} nologin"
    return f"do $$ begin {create}; exception when duplicate_object then null; end $$;"


def _name(name: str) -> str:
    """Return an identifier, quoted where it has to be.

    >>> [_name(name) for name in ("taskrun_owner", "user", 'My "role"')]
    ['taskrun_owner', '"user"', '"My ""role""\"']
    """
    is_plain = name.isascii() and name.replace("_", "a").isalnum() and name.islower() and name != "user"
    return name if is_plain and not name[0].isdigit() else '"{}"'.format(name.replace('"', '""'))
