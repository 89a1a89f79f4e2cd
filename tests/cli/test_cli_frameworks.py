"""The page on frameworks is true: its files are run as they stand, with the real libraries."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.databases import ON_SQLITE, ask

PAGE = Path(__file__).parents[2] / "docs" / "frameworks.md"
FILE = re.compile(r"```(?:python|toml)\n# (\S+)\n(.*?)```", re.DOTALL)
SETTINGS = """\
from pathlib import Path
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).parent / "db"}}
INSTALLED_APPS = ["shop"]
TIME_ZONE = "Asia/Tokyo"
USE_TZ = True
"""
MODELS = """\
from django.db import models

class Order(models.Model):
    number = models.IntegerField()
"""
TABLES = """\
import os, sys
sys.path.insert(0, "app")
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
import django
django.setup()
from django.db import connection
from shop.models import Order
with connection.schema_editor() as editor:
    editor.create_model(Order)
for number in range(3):
    Order.objects.create(number=number)
"""
WORKERS = """

def count(_number):
    return Order.objects.count()


class InWorkers(ScheduledTask):
    schedule = "@daily"

    def execute(self):
        import multiprocessing
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print("workers:", pool.map(count, [1]))


class Closed(ScheduledTask):
    schedule = "@daily"

    def execute(self):
        from django.db import connection
        print("open before:", connection.connection is not None)
        Order.objects.count()


class ClosedToo(Closed):
    schedule = "@daily"
"""


def files() -> dict[str, str]:
    return dict(FILE.findall(PAGE.read_text("utf-8")))


def write(site: Program, name: str, text: str) -> None:
    path = site.root / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    path.write_text(text, "utf-8")
    path.chmod(0o644)


@pytest.fixture
def shop(site: Program) -> Program:
    pytest.importorskip("django")
    for name, text in files().items():
        if name.startswith(("app/shop", "plugins/shop")):
            write(site, name, text)
    site.configure(files()["taskrunner.toml"])
    for name, text in (("__init__", ""), ("settings", SETTINGS), ("models", MODELS)):
        write(site, f"app/shop/{name}.py", text)
    write(site, "plugins/shop_orders.py", files()["plugins/shop_orders.py"] + WORKERS)
    subprocess.run([sys.executable, "-c", TABLES], cwd=site.root, check=True)
    return site


def test_models_of_a_django_project_are_used_by_hand_and_in_workers(shop: Program) -> None:
    config = ("--config", str(shop.root / "taskrunner.toml"))

    counted = shop.prints(*config, "run-task", "CountOrders", cwd=Path("/"))
    assert "3 orders" in counted
    assert "put back" not in counted
    assert "Leaving after this task" not in counted
    assert "workers: [3]" in shop.prints(*config, "run-task", "InWorkers", cwd=Path("/"))


def test_models_are_used_by_a_cron_that_starts_in_the_root_folder(shop: Program) -> None:
    shop.configure(f'{files()["taskrunner.toml"]}[tasks."shop_orders.*"]\nschedule = "* * * * *"\n')
    config = ("--config", str(shop.root / "taskrunner.toml"))
    for name in ("Closed", "ClosedToo", "CountOrders"):
        shop.prints(*config, "retry", name)

    shop.prints(*config, "cron", cwd=Path("/"))

    runs = json.loads(shop.prints("log", "--plugin", "shop_orders", "--json"))
    assert {run["outcome"] for run in runs} == {"ok"}
    printed = "".join(output_of(shop, run["run_id"]) for run in runs if "Closed" in run["name"])
    assert (printed.count("open before: False"), printed.count("open before: True")) == (2, 0)


def output_of(site: Program, run_id: str) -> str:
    [run] = json.loads(site.prints("log", "show", run_id, "--json"))
    return str(run["output"])


@ON_SQLITE
def test_a_task_is_queued_in_a_transaction_of_sqlalchemy(site: Program) -> None:
    pytest.importorskip("sqlalchemy")
    site.environ |= {"TASKRUN_DATABASE": "sqlite:bakery.db"}
    for name in ("app/bakery/database.py", "plugins/orders.py"):
        write(site, name, files()[name])
    write(site, "app/bakery/__init__.py", "")
    site.configure('[run]\npython_path = ["app"]\naround = ["bakery.database:disposed"]\n')
    url = f"sqlite:{site.root / 'bakery.db'}"
    site.prints("db", "upgrade")
    ask(url, "create table orders (id integer primary key, taken integer)")
    ask(url, "insert into orders values (1, 0), (2, 0)")

    site.prints("run-task", "TakeOrders")
    printed = site.prints("adhoc", "run")

    assert [(1, 1), (2, 1)] == ask(url, "select id, taken from orders")
    assert ["baking for order 1", "baking for order 2"] == [
        line for line in printed.splitlines() if line.startswith("baking")
    ]


def watched(site: Program, name: str, setup: str) -> None:
    """Have the module of the page entered around every run, with what a test adds to it."""
    text = files()[name]
    begins = "sentry_sdk.init()"
    write(site, name, text.replace(begins, setup) if begins in text else text + setup)
    site.configure(f'[run]\npython_path = ["app"]\naround = [{AROUND[name]}]\n')


AROUND = {"app/watch.py": '"watch:sentry"', "app/traced.py": '"traced:kept", "traced:span"'}
SENTRY = """\
import json
from sentry_sdk.transport import Transport

class InMemory(Transport):
    def capture_envelope(self, envelope):
        event = envelope.get_event()
        if event is not None:
            with open({file!r}, "a") as kept:
                print(json.dumps([event["tags"], event["exception"]["values"][-1]["value"]]), file=kept)

sentry_sdk.init(dsn="https://key@sentry.example/1", transport=InMemory)
"""


def test_sentry_hears_once_of_a_failing_task_and_never_of_one_that_succeeds(site: Program) -> None:
    pytest.importorskip("sentry_sdk")
    kept = site.root / "events"
    watched(site, "app/watch.py", SENTRY.format(file=str(kept)))

    site.prints("run-task", "SendDigest")
    assert site.run("run-task", "Broken").returncode == 1

    [(tags, message)] = [json.loads(line) for line in kept.read_text().splitlines()]
    [run] = json.loads(site.prints("log", "Broken", "--json"))
    assert message == "disk is full"
    assert (tags["task.name"], tags["task.run_id"]) == ("forum.Broken", run["run_id"])
    assert str(tags["task.attempt"]) == "1"


SPANS = """

import json
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

@contextmanager
def kept(run):
    try:
        yield
    finally:
        with open({file!r}, "a") as spans:
            for one in exporter.get_finished_spans():
                print(json.dumps([one.name, dict(one.attributes), one.status.status_code.name]), file=spans)
        exporter.clear()
"""


def test_each_run_is_one_span(site: Program) -> None:
    pytest.importorskip("opentelemetry.sdk")
    kept = site.root / "spans"
    watched(site, "app/traced.py", SPANS.format(file=str(kept)))

    site.prints("run-task", "SendDigest")
    site.run("run-task", "Broken")

    spans = [json.loads(line) for line in kept.read_text().splitlines()]
    runs = {run["name"]: run["run_id"] for run in json.loads(site.prints("log", "--json"))}
    assert [(name, more["task.run_id"], status) for name, more, status in spans] == [
        ("forum.SendDigest", runs["forum.SendDigest"], "UNSET"),
        ("forum.Broken", runs["forum.Broken"], "ERROR"),
    ]
