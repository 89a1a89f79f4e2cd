"""A whole site as an older version left it when it was killed: nothing is lost, nothing is done twice."""

import json
import os
import re
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.cli.program import Program
from tests.cli.test_cli_old_tables import make_tables
from tests.databases import ask, connect_to, placeholder

DATA = Path(__file__).parents[1] / "data"
MOMENT = re.compile(r"(?<!\d)1796\d{6}(?:\.\d+)?(?!\d)")
"""An epoch second of the hours in which the sites were made."""


def moved(text: str, made: dict[str, Any], site: Program) -> str:
    """Return a text of the site as if the site had been made here, a minute ago."""
    ahead = time.time() - 60 - made["at"]
    text = MOMENT.sub(lambda found: repr(float(found[0]) + ahead), text)
    return text.replace(made["root"], str(site.root)).replace(
        f'"{made["host"]}"', json.dumps(os.uname().nodename)
    )


def sealed(content: bytes) -> bytes:
    """Return the content of a file, a cache with the checksum of what it says now."""
    head, _, body = content.partition(b"\n")
    if not head.startswith(b"taskrunner "):
        return content
    return b"%s %08x\n%s" % (head.rpartition(b" ")[0], crc32(body), body)


@pytest.fixture(params=[6, 11])
def old_site(request: pytest.FixtureRequest, site: Program, database_url: str, database_kind: str) -> Program:
    """A site of an older version, by the version of its tables."""
    made = json.loads((DATA / f"old_site_{request.param}_{database_kind}.json").read_text("utf-8"))
    rows = json.loads(moved(json.dumps(made["tables"]), made, site))
    for name, text in made["files"].items():
        path = site.root / name
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        here = moved(text, made, site)
        if made["url"]:
            here = here.replace(made["url"], database_url)
        path.write_bytes(sealed(here.encode("utf-8", "surrogateescape")))
    make_tables(database_url, request.param)
    with closing(connect_to(database_url)) as connection:
        mark = placeholder(database_url)
        for table in ("schema_version", "task_setting"):
            connection.execute(f"delete from {table}")
        always = "overriding system value" if database_kind == "postgres" else ""
        for table, row in ((table, row) for table, content in rows.items() for row in content):
            names, marks = ", ".join(f'"{name}"' for name in row), ", ".join([mark] * len(row))
            statement = f"insert into {table} ({names}) {always} values ({marks})"
            connection.execute(statement, tuple(row.values()))
        for table in ("task_adhoc", "task_scheduled", "task_log", "task_audit"):
            if database_kind == "postgres":
                last = f"(select max(id) from {table})"
                connection.execute(f"select setval(pg_get_serial_sequence('{table}', 'id'), {last})")
        connection.commit()
    plugin = site.root / "plugins" / "forum.py"
    plugin.write_text(plugin.read_text().replace("os.kill(os.getpid(), 9)", "pass"))
    return site


def test_cron_goes_on_where_the_older_version_was_killed(old_site: Program, database_url: str) -> None:
    known = len(ask(database_url, "select 1 from task_log"))

    first, second = old_site.run("cron"), old_site.run("cron")

    assert (0, 0, "", "") == (first.returncode, second.returncode, first.stderr, second.stderr)
    done = (old_site.root / "ledger").read_text().splitlines()
    assert {"mail hold": 1, "mail due 1": 1, "mail due 2": 1, "mail later": 0} == {
        line: done.count(line) for line in ("mail hold", "mail due 1", "mail due 2", "mail later")
    }
    assert [("forum.Mail", "ok", "nearly done\n")] == [
        (run["name"], run["outcome"], run["output"]) for run in shown(old_site, 5)
    ]
    assert "" == "".join(path.name for path in (old_site.root / "state" / "ended").iterdir())
    assert known + 3 <= len(ask(database_url, "select 1 from task_log"))
    assert 1 == ask(database_url, "select count(*) from task_log where outcome = 'crashed'")[0][0]
    left = {row["custom_data"]: row["state"] for row in read(old_site, "adhoc", "list")}
    assert {'"fail"', '"later"', "null"} == left.keys()
    assert left["null"].startswith("given up: ")


@pytest.mark.parametrize("command", ["list", "log", "check", "why forum.Digest", "why 6", "status", "doctor"])
def test_after_one_cron_every_command_knows_what_was_before(old_site: Program, command: str) -> None:
    old_site.run("cron")

    done = old_site.run(*command.split())

    assert done.returncode in (0, 1, 2)
    assert "Traceback" not in done.stderr


def test_what_an_administrator_had_changed_stays(old_site: Program) -> None:
    old_site.run("cron")

    tasks = {row["name"]: row for row in read(old_site, "list")}

    assert ("15 4 * * *", True) == (
        tasks["forum.Digest"]["schedule"],
        bool(tasks["forum.Digest"]["customised"]),
    )
    assert tasks["forum.Off"]["disabled"]
    assert 2 == len(read(old_site, "audit"))


def read(site: Program, *command: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(site.prints(*command, "--json"))
    return found


def shown(site: Program, adhoc_id: int) -> list[dict[str, Any]]:
    runs = [run["run_id"] for run in read(site, "log") if run["adhoc_id"] == adhoc_id]
    return [read(site, "log", "show", run)[0] for run in runs]
