"""Make tests/data/old_site_*.json: `PYTHON_OF_AN_OLD_VERSION make_old_site.py FILE [postgresql://…]`.

A site as an old version left it in the middle of its work: its rows, and the files beside the database.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

PLUGIN = """\
import os, time
from taskrunner import AdhocTask, Every, ScheduledTask

def note(what):
    with open(os.path.dirname(os.path.dirname(__file__)) + "/ledger", "a") as file:
        print(what, file=file)

class Digest(ScheduledTask):
    schedule = "0 3 * * *"
    def execute(self): note("digest")

class Fails(ScheduledTask):
    schedule = "30 3 * * *"
    def execute(self): raise ValueError("it always fails")

class Often(ScheduledTask):
    schedule = Every(hours=1)
    def execute(self): note("often")

class Off(ScheduledTask):
    schedule = "* * * * *"
    def execute(self): note("off")

class Mail(AdhocTask):
    def execute(self):
        note(f"mail {self.custom_data}")
        if self.custom_data == "hold":
            print("nearly done", flush=True)
            while os.path.exists(os.path.dirname(os.path.dirname(__file__)) + "/gate"): time.sleep(0.1)
        if self.custom_data == "die":
            print("on its way out", flush=True)
            os.kill(os.getpid(), 9)
        if self.custom_data == "fail": raise KeyError("customer")

class Once(AdhocTask):
    retry = False
    def execute(self): raise ValueError("not again")
"""
TABLES = """task_setting task_host task_cron_gap task_audit task_log task_run_count task_log_count task_runner
task_scheduled task_adhoc"""


def main(file: str, url: str = "") -> None:
    root = Path(tempfile.mkdtemp())
    (root / "plugins").mkdir(mode=0o755)
    (root / "plugins" / "forum.py").write_text(PLUGIN)
    line = f'database = "{url}"\n' if url else ""
    (root / "taskrunner.toml").write_text(line + 'timezone = "UTC"\n[tasks."core.*"]\ndisabled = true\n')

    def start(*words: str) -> "subprocess.Popen[bytes]":
        program = [sys.executable, "-m", "taskrunner", "--config", str(root / "taskrunner.toml"), *words]
        return subprocess.Popen(program, cwd=root, stdout=subprocess.DEVNULL)

    def run(*words: str) -> None:
        start(*words).wait()

    run("list")
    run("disable", "forum.Off")
    run("schedule", "forum.Digest", "15 4 * * *")
    run("cron")
    run("run-task", "forum.Digest")
    run("run-task", "forum.Fails")
    for data in ('"sent"', '"fail"'):
        run("adhoc", "queue", "forum.Mail", "--data", data)
    run("adhoc", "queue", "forum.Once")
    run("cron")
    run("adhoc", "queue", "forum.Mail", "--data", '"die"')
    run("cron")
    ended(root, url, start, run)
    for data in ('"due 1"', '"due 2"'):
        run("adhoc", "queue", "forum.Mail", "--data", data)
    run("adhoc", "queue", "forum.Mail", "--data", '"later"', "--in", "20h")
    content = {"at": time.time(), "host": os.uname().nodename, "root": str(root), "url": url}
    content |= {"tables": rows(root, url), "files": files(root)}
    Path(file).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def ended(root, url, start, run) -> None:
    """Have a run end while the database is held, and kill its process before it can write that down."""
    run("adhoc", "queue", "forum.Mail", "--data", '"hold"')
    (root / "gate").touch()
    cron = start("cron")
    while "mail hold" not in (root / "ledger").read_text():
        time.sleep(0.1)
    with closing(connect(root, url)) as connection:
        connection.execute("begin" if url else "begin exclusive")
        if url:
            connection.execute("lock table task_adhoc, task_log, task_scheduled in access exclusive mode")
        (root / "gate").unlink()
        while not any(path.stat().st_size for path in (root / "state" / "ended").glob("*")):
            time.sleep(0.1)
        time.sleep(1)
        cron.send_signal(signal.SIGKILL)
        cron.wait()
        connection.execute("rollback")


def connect(root: Path, url: str):
    if not url:
        return sqlite3.connect(root / "state" / "taskrunner.db", isolation_level=None)
    import psycopg

    return psycopg.connect(url, autocommit=True)


def rows(root: Path, url: str) -> dict[str, list[dict[str, object]]]:
    found = {}
    with closing(connect(root, url)) as connection:
        for table in [*TABLES.split(), "schema_version"]:
            try:
                cursor = connection.execute(f"select * from {table}")
            except Exception:  # a table that this version does not have
                continue
            names = [column[0] for column in cursor.description]
            found[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found


def files(root: Path) -> dict[str, str]:
    """Return what lies beside the database."""
    paths = [path for folder in ("state", "log") for path in (root / folder).rglob("*") if path.is_file()]
    kept = [path for path in paths if path.suffix not in (".db", "") or path.name == "last_cron"]
    texts = {
        str(path.relative_to(root)): path.read_bytes().decode("utf-8", "surrogateescape") for path in kept
    }
    return texts | {
        name: (root / name).read_text() for name in ("plugins/forum.py", "ledger", "taskrunner.toml")
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
