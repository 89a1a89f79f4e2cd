"""An administrator's jobs in a real Chromium: scripts off, by keyboard alone, in four page loads at most."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from taskrunner.config import load_config
from taskrunner.db import open_database
from taskrunner.formatting import new_id
from taskrunner.installation import open_site
from taskrunner.web import admin_app
from taskrunner.web.admin.serve import Bound, bind, make_server
from tests.patience import until
from tests.store.store_rows import run_of

MOST_LOADS = 4
MOST_TABS = 150

PLUGINS = {
    "backup": '''
from taskrunner import AdhocTask, ScheduledTask

class Nightly(ScheduledTask):
    """Back up every course."""

    schedule = "0 3 * * *"

    def execute(self):
        raise KeyError("customer")

class Course(AdhocTask):
    """Back up one course."""

    def execute(self):
        pass
''',
    "search": '''
import time
from taskrunner import ScheduledTask

class Reindex(ScheduledTask):
    """Rebuild the search index."""

    schedule = "0 2 * * *"

    def execute(self):
        for number in range(10_000):
            print("document", number, flush=True)
            time.sleep(0.1)
''',
    "stats": "from taskrunner import ScheduledTask\n"
    + "".join(
        f"\n\nclass Hour{number}(ScheduledTask):\n    '''Count part {number}.'''\n\n"
        "    schedule = '0 4 * * *'\n\n    def execute(self):\n        pass\n"
        for number in range(5)
    ),
}


@dataclass
class Site:
    """A site with a history, served; `loads` are the pages that a browser has loaded."""

    root: Path
    url: str
    loads: list[str]

    def opened(self) -> Any:
        config = load_config(self.root / "taskrunner.toml", environ={}, cwd=self.root)
        return open_site(config, now=time.time())

    def ask(self, question: Callable[[Any], Any]) -> Any:
        site = self.opened()
        try:
            return question(site)
        finally:
            site.close()

    @contextmanager
    def running(self, task: str) -> Iterator[subprocess.Popen[bytes]]:
        """Let a process run a task."""
        command = [sys.executable, "-m", "taskrunner", "run-task", task]
        environ = os.environ | {"TASKRUN_CONFIG": str(self.root / "taskrunner.toml")}
        null = subprocess.DEVNULL
        process = subprocess.Popen(command, env=environ, stdin=null, stdout=null, stderr=null)
        until(lambda: self.ask(lambda site: site.store.runners.running()), "the task runs")
        try:
            yield process
        finally:
            process.terminate()
            process.terminate()
            process.wait()


@contextmanager
def served() -> Iterator[Site]:
    """A fresh site, and its administration on a port of its own."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "shop"
        _fill(root)
        loads: list[str] = []
        app = admin_app(
            root / "taskrunner.toml",
            may_view=lambda _: True,
            may_change=lambda _: True,
            who=lambda _: "ann",
        )
        bound: Bound = bind("127.0.0.1", 0)
        server = make_server(_counted(app, loads), bound)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield Site(root, bound.url, loads)
        finally:
            server.close()


def _counted(app: Any, loads: list[str]) -> Callable[..., Iterable[bytes]]:
    """Count the pages that are loaded: a form that is carried out leads to one, and counts as one."""

    def counted(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        def started(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if not status.startswith("303") and environ["PATH_INFO"] != "/favicon.ico":
                loads.append(environ["PATH_INFO"])
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return app(environ, started)

    return counted


def _fill(root: Path) -> None:
    (root / "plugins").mkdir(parents=True, mode=0o755)
    for name, text in PLUGINS.items():
        (root / "plugins" / f"{name}.py").write_text(text)
    (root / "taskrunner.toml").write_text('timezone = "UTC"\n[tasks."core.*"]\ndisabled = true\n')
    config = load_config(root / "taskrunner.toml", environ={}, cwd=root)
    now = time.time()
    site = open_site(config, now=now, is_cron=True)
    with site.store.transaction():
        for name in site.registry.tasks:
            for day in range(10, 0, -1):
                failed = name == "backup.Nightly" and day <= 3
                site.store.log.add(_run(name, now - day * 86_400 + 3600, failed=failed))
    site.close()
    database = open_database(config.database)
    failing = {"since": now - 3 * 86_400, "next": now + 1800, "message": "KeyError: 'customer'"}
    database.fetch(
        "update task_scheduled set failing_since = :since, failures = 3, fail_delay = 3600,"
        " last_outcome = 'failed', last_message = :message, next_run_at = :next"
        " where name = 'backup.Nightly'",
        failing,
    )
    columns = ("name", "plugin", "custom_data", "identity", "created_at", "next_run_at", "attempts_left",
               "failures", "fail_delay", "failing_since", "last_message")  # fmt: skip
    rows = [
        (
            "backup.Course",
            "backup",
            str(n),
            str(n),
            now,
            now + 1800,
            0 if n < 3 else 8,
            2,
            600,
            now,
            "disk is full",
        )
        for n in range(9)
    ]
    with database.transaction():
        database.insert("task_adhoc", columns, rows)
    database.close()


def _run(name: str, started_at: float, *, failed: bool) -> Any:
    return run_of(
        new_id(started_at),
        type="scheduled",
        name=name,
        plugin=name.partition(".")[0],
        started_at=started_at,
        ended_at=started_at + 60,
        outcome="failed" if failed else "ok",
        message="KeyError: 'customer'" if failed else None,
        output="Backing up course 17\nTraceback (most recent call last)\n" if failed else "done\n",
    )


class Keyboard:
    """A person at a browser without scripts, who has a keyboard only."""

    def __init__(self, driver: webdriver.Chrome, site: Site) -> None:
        self.driver = driver
        self.site = site
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        site.loads.clear()
        driver.get(site.url)
        until(lambda: site.loads and self._is_loaded(), "the first page")

    @property
    def loads(self) -> int:
        return len(self.site.loads)

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def tab_to(self, name: str) -> None:
        """Go on to the next thing of a name, as it is read out."""
        passed = []
        for _ in range(MOST_TABS):
            self.press(Keys.TAB)
            found = self.focused()
            if found == name or found.startswith(f"{name}:"):
                return
            passed.append(found)
        raise AssertionError(f"{name!r} cannot be reached by Tab: {passed}")

    def focused(self) -> str:
        """Return the name of what has the focus, as the browser tells a screen reader."""
        element = self.driver.switch_to.active_element
        return str(element.accessible_name).strip()

    def follow(self, name: str) -> None:
        """Go to a link or a button, and press Enter; wait for the page that it leads to."""
        self.tab_to(name)
        self._enter()

    def _enter(self) -> None:
        before = self.loads
        self.press(Keys.ENTER)
        until(lambda: self.loads > before, "the next page")
        until(self._is_loaded, "the page is there")

    def _is_loaded(self) -> bool:
        try:
            return bool(self.text())
        except Exception:  # it is just being replaced
            return False

    def type_into(self, name: str, text: str) -> None:
        """Go to a field, and write into it instead of what it holds."""
        self.tab_to(name)
        ActionChains(self.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
        self.press(Keys.DELETE)
        self.press(text)

    def text(self) -> str:
        return str(self.driver.find_element("tag name", "body").text)

    def source(self) -> str:
        """Return the page as it is, also while it is still coming."""
        root = self.driver.execute_cdp_cmd("DOM.getDocument", {})["root"]["nodeId"]
        return str(self.driver.execute_cdp_cmd("DOM.getOuterHTML", {"nodeId": root})["outerHTML"])

    def reads(self, *texts: str) -> None:
        shown = " ".join(self.text().split())
        for text in texts:
            assert text in shown, f"{text!r} is not on the page: {shown}"


Job = Callable[[Keyboard], None]


def move_a_task_to_03_17(person: Keyboard) -> None:
    person.follow("backup.Nightly")
    person.type_into("Another schedule", "17 3 * * *")
    person._enter()
    person.reads("at 03:17 every day", "Nothing is saved yet.")
    person.follow("Save")
    person.reads("The schedule of backup.Nightly has been changed.")
    row = person.site.ask(lambda site: site.store.scheduled.find("backup.Nightly"))
    assert "17 3 * * *" == row.own_schedule


def find_why_a_task_does_not_run(person: Keyboard) -> None:
    person.follow("backup.Nightly")
    person.reads("backup.Nightly does not run now:", "fail delay: waits 60 min", "KeyError: 'customer'")


def read_last_nights_failure(person: Keyboard) -> None:
    person.follow("backup.Nightly")
    newest = person.site.ask(lambda site: max(_failed(site)))
    person.follow(f"Run {newest[-6:]}")
    person.reads("Backing up course 17", "Traceback (most recent call last)")


def _failed(site: Any) -> list[str]:
    from taskrunner.store.runs import LogFilter

    return [run.run_id for run in site.store.log.list(LogFilter(failed_only=True))]


def retry_all_that_failed(person: Keyboard) -> None:
    person.follow("Queue")
    person.follow("Retry all that failed (9) …")
    person.reads("Make due now: 9 tasks?")
    person.follow("Make due now: 9 tasks")
    person.reads("Due now: 9 tasks.")


def pause_a_class_for_an_hour(person: Keyboard) -> None:
    person.follow("Queue")
    person.follow("backup.Course")
    person.tab_to("Pause it")
    person.press(Keys.ENTER)
    person.type_into("Until", "1h")
    person.type_into("Reason", "new disk")
    person.follow("Pause")
    person.reads("backup.Course is paused: nothing of it is started.", "new disk, web:ann")


def kill_a_hung_run(person: Keyboard) -> None:
    person.follow("Watch search.Reindex")
    person.follow("Kill it …")
    person.follow("Kill search.Reindex")
    person.reads("The run has been ended.", "search.Reindex: interrupted")
    assert [] == person.site.ask(lambda site: site.store.runners.running())


def see_what_piles_up(person: Keyboard) -> None:
    person.follow("Plan")
    person.reads("04:00", "stats.Hour0, stats.Hour1, stats.Hour2, stats.Hour3, stats.Hour4")


def disable_a_task_for_a_reason(person: Keyboard) -> None:
    person.follow("stats.Hour3")
    person.tab_to("Pause, mute or disable")
    person.press(Keys.ENTER)
    person.tab_to("Mute failures")
    person.type_into("Reason", "counted elsewhere")
    person.follow("Disable")
    person.reads("stats.Hour3 is disabled: nothing starts it.", "by web:ann: counted elsewhere")


def clear_the_delay_of_a_failing_task(person: Keyboard) -> None:
    person.follow("Clear delay")
    person.reads("backup.Nightly is due now: the next cron runs it.")


def follow_what_a_run_prints(person: Keyboard) -> None:
    person.follow("Watch search.Reindex")
    person.tab_to("Follow its output live")
    person.press(Keys.ENTER)
    until(lambda: "document" in person.source(), "the first lines")
    seen = person.source()
    until(lambda: len(person.source()) > len(seen) + 20, "more lines, while the page stays")


def delete_what_was_given_up(person: Keyboard) -> None:
    person.follow("Queue")
    person.follow("Delete given up …")
    person.reads("Delete: 3 tasks of backup.Course?")
    person.follow("Delete: 3 tasks")
    person.reads("Deleted: 3 tasks.")
    assert 6 == person.site.ask(lambda site: len(site.store.adhoc.list()))


def pause_all_of_cron_and_resume_it(person: Keyboard) -> None:
    person.follow("Running")
    person.tab_to("Stop after the current tasks")
    person.type_into("Until", "30m")
    person.follow("Pause cron")
    person.reads("Cron is paused until")
    person.follow("Resume")
    person.reads("The next cron starts tasks again.")


def see_who_changed_a_schedule(person: Keyboard) -> None:
    person.follow("Changes")
    person.reads("bob schedule stats.Hour1", "schedule: 0 4 * * * → 5 4 * * *")


JOBS: dict[str, Job] = {
    job.__name__.replace("_", " "): job
    for job in (
        move_a_task_to_03_17,
        find_why_a_task_does_not_run,
        read_last_nights_failure,
        retry_all_that_failed,
        pause_a_class_for_an_hour,
        kill_a_hung_run,
        see_what_piles_up,
        disable_a_task_for_a_reason,
        clear_the_delay_of_a_failing_task,
        follow_what_a_run_prints,
        delete_what_was_given_up,
        pause_all_of_cron_and_resume_it,
        see_who_changed_a_schedule,
    )
}
NEED_A_RUN = {"kill a hung run", "follow what a run prints"}


def done_by_keyboard(name: str, browser: Callable[[], Any]) -> str:
    """Let a person do a job; return how many pages were loaded for it."""
    with served() as site, browser() as driver:
        if name == "see who changed a schedule":
            site.ask(_let_bob_change)
        if name in NEED_A_RUN:
            with site.running("search.Reindex"):
                person = Keyboard(driver, site)
                JOBS[name](person)
        else:
            person = Keyboard(driver, site)
            JOBS[name](person)
        assert person.loads <= MOST_LOADS, f"{person.loads} page loads: {site.loads}"
        return f"{person.loads} page loads: {' · '.join(site.loads)}"


def _let_bob_change(site: Any) -> None:
    from taskrunner.administration import tasks
    from taskrunner.administration.audit import Who

    tasks.schedule(site, "stats.Hour1", "5 4 * * *", who=Who("bob", 1001), now=time.time())


def looks(axe: Path, browser: Callable[[], Any], pictures: Path) -> str:
    """Look at every page at two widths, light and dark, with axe-core, and for parts that stick out."""
    pictures.mkdir(parents=True, exist_ok=True)
    with served() as site, browser() as driver, site.running("search.Reindex"):
        driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})  # for axe: the pages run no script
        faults = [
            fault
            for name, path in _pages(site).items()
            for width in (320, 600, 1200)
            for scheme in ("light", "dark")
            for fault in _faults(
                driver, site.url + path, axe, (width, scheme), pictures / f"{name}-{width}-{scheme}.png"
            )
        ]
    assert [] == faults, "\n".join(faults)
    widths = "320, 600 (200 % zoom) and 1200 px"
    return f"{len(_PAGES) + 3} pages at {widths}, light and dark; pictures in {pictures}"


_PAGES = {
    "tasks": "",
    "tasks-none": "?q=nothing",
    "task": "task/backup.Nightly",
    "task-preview": "task/backup.Nightly?schedule=17+3+*+*+*",
    "task-error": "task/backup.Nightly?schedule=99+3+*+*+*",
    "class": "task/backup.Course",
    "log": "log",
    "log-error": "log?from=soonish",
    "running": "running",
    "queue": "queue",
    "queue-class": "queue/backup.Course",
    "confirm": "queue-change?do=postpone&which=failed",
    "plan": "plan",
    "health": "health",
    "doctor": "health/doctor",
    "changes": "changes",
    "not-found": "task/backup.Nope",
}


def _pages(site: Site) -> dict[str, str]:
    site.ask(_let_bob_change)
    run = site.ask(lambda opened: max(_failed(opened)))
    under_way = site.ask(lambda opened: opened.store.runners.running()[0].run_id)
    more = {"run": f"run/{run}", "under-way": f"running/{under_way}", "kill": f"running/{under_way}/kill"}
    return _PAGES | more


AXE = """
const done = arguments[arguments.length - 1];
document.querySelectorAll('details').forEach(one => one.open = true);
axe.run(document).then(found => done(JSON.stringify(found.violations.map(
  one => `${one.id}: ${one.help}: ${one.nodes[0].html}`))));
"""


def _faults(
    driver: webdriver.Chrome, url: str, axe: Path, looks: tuple[int, str], picture: Path
) -> Iterator[str]:
    width, scheme = looks
    emulated = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", emulated)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(url)
    driver.save_screenshot(str(picture))
    where = f"{picture.stem}: "
    wide = driver.execute_script("return document.documentElement.scrollWidth")
    if wide > width:
        yield f"{where}it is {wide} px wide"
    driver.execute_script(axe.read_text("utf-8"))
    yield from (where + fault for fault in json.loads(driver.execute_async_script(AXE)))
