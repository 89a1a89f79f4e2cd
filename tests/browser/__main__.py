"""`make browser`: a real Chromium, Debian's web servers and the administration; a line a promise.

Needs Debian's packages, which it names, `pip install selenium` and axe-core of npm; no part of `make test`.
Words behind the command choose what is checked: `python -m tests.browser administration`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from tests.browser.admin_attacks import attacks_of_other_sites_are_refused
from tests.browser.admin_jobs import JOBS, done_by_keyboard, looks
from tests.browser.debian_servers import NAMES, behind_nginx, missing, one_clean_cron_under
from tests.patience import until
from tests.web.web_server import IMAGE, WebServer

OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
LOADED = "return performance.timing.loadEventEnd / 1000"
PIXEL = "return [...document.images].map(image => [image.complete, image.naturalWidth, image.naturalHeight])"


@contextmanager
def browser(*, images: bool = True, waits: bool = True) -> Iterator[webdriver.Chrome]:
    """A fresh Chromium, with images or without, that waits until pages are there as a whole, or does not."""
    options = webdriver.ChromeOptions()
    options.page_load_strategy = "normal" if waits else "none"
    for option in OPTIONS:
        options.add_argument(option)
    if not images:
        options.add_argument("--blink-settings=imagesEnabled=false")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def served(mode: str) -> Iterator[WebServer]:
    """A fresh copy of the example, whose task runs until it is let go."""
    with tempfile.TemporaryDirectory() as place:
        server = WebServer(Path(place) / "site")
        server.prepare(mode)
        server.start()
        try:
            yield server
        finally:
            server.stop()
            time.sleep(1)  # the cron it may have started ends


def view(driver: webdriver.Chrome, server: WebServer) -> float:
    """Open the page; return when the browser had loaded it, all its images too."""
    driver.get(f"http://127.0.0.1:{server.port}/")
    until(lambda: driver.execute_script(LOADED), "the page has loaded")
    return float(driver.execute_script(LOADED))


def a_view_runs_the_due_task_and_is_loaded_before_that_ends() -> str:
    with served("image") as server, browser() as driver:
        opened_at = time.time()
        loaded_at = view(driver, server)
        until(server.started, "the task has started")
        has_ended = server.has_ended()
        pixels = driver.execute_script(PIXEL)
        server.let_go()
        until(server.has_ended, "the task has ended")
        ended_at = float((server.root / "ended").read_text())
        view(driver, server)
        complaints = [entry for entry in driver.get_log("browser") if "favicon" not in entry["message"]]
        tags = driver.find_elements(By.TAG_NAME, "img")
        time.sleep(2)
        assert (False, [[True, 1, 1]], [], []) == (has_ended, pixels, complaints, tags)
        assert loaded_at < ended_at
        assert 1 == len(server.started()) == len(list((server.root / "log").rglob("cron_*.log")))
        started_at = float(server.started()[0][1])
        return (
            f"loaded after {loaded_at - opened_at:.2f} s, task started after {started_at - opened_at:.2f} s"
        )


def with_images_blocked_image_mode_starts_nothing() -> str:
    with served("image") as server, browser(images=False) as driver:
        view(driver, server)
        tags = driver.find_elements(By.TAG_NAME, "img")
        time.sleep(2)
        assert (1, []) == (len(tags), server.started())
        return "the tag was there, nothing started"


def with_images_blocked_response_mode_works() -> str:
    with served("response") as server, browser(images=False) as driver:
        opened_at = time.time()
        loaded_at = view(driver, server)
        until(server.started, "the task has started")
        assert not server.has_ended()
        view(driver, server)
        time.sleep(1)
        assert 1 == len(server.started())
        return f"loaded after {loaded_at - opened_at:.2f} s, one started"


def robots_and_head_start_nothing_in_image_mode() -> str:
    with served("image") as server:
        page = server.request("/", **{"User-Agent": "curl/8.0"})
        answers = [
            server.request(IMAGE, **{"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"})[0],
            server.request(IMAGE, "HEAD")[0],
            server.request("/", "HEAD")[0],
            server.request(IMAGE, "POST")[0],
        ]
        time.sleep(2)
        assert (200, [200, 200, 404, 405], []) == (page[0], answers, server.started())
        return "nothing started"


def while_the_crontab_is_alive_the_tag_is_empty_and_the_image_starts_nothing() -> str:
    with served("image") as server, browser() as driver:
        server.let_go()
        view(driver, server)
        until(server.has_ended, "the task has ended")
        server.taskrun("cron")
        server.taskrun("retry", "Slow")
        view(driver, server)
        tags = driver.find_elements(By.TAG_NAME, "img")
        answer = server.request(IMAGE)[0]
        time.sleep(2)
        assert ([], 200, 1) == (tags, answer, len(server.started()))
        return "no tag, nothing started"


def behind_debians_servers() -> dict[str, Callable[[], str]]:
    """Return a check for each of Debian's web servers."""

    def in_a_folder(check: Callable[[Path], str]) -> Callable[[], str]:
        def checked() -> str:
            with tempfile.TemporaryDirectory() as place:
                return check(Path(place))

        return checked

    checks = {name: in_a_folder(partial(one_clean_cron_under, name=name)) for name in NAMES}
    return checks | {"nginx, a cache of pages and a prefix": in_a_folder(behind_nginx)}


AXE = Path("build/browser/node_modules/axe-core/axe.min.js")
PICTURES = Path("build/browser/pictures")


def in_the_administration() -> dict[str, Callable[[], str]]:
    """Return a check for each job of an administrator, and one for the looks of all pages."""
    checks = {
        f"administration, {job}": partial(done_by_keyboard, job, partial(browser, waits=False))
        for job in JOBS
    }
    return checks | {"administration, axe-core and widths": partial(looks, AXE, browser, PICTURES)}


def main(words: list[str]) -> None:
    if packages := missing():
        sys.exit(f"nothing was checked: apt-get install chromium-driver {' '.join(packages)}")
    if not AXE.exists():
        sys.exit("nothing was checked: npm install --prefix build/browser axe-core")
    failed = 0
    in_chromium = [
        a_view_runs_the_due_task_and_is_loaded_before_that_ends,
        with_images_blocked_image_mode_starts_nothing,
        with_images_blocked_response_mode_works,
        robots_and_head_start_nothing_in_image_mode,
        while_the_crontab_is_alive_the_tag_is_empty_and_the_image_starts_nothing,
        attacks_of_other_sites_are_refused,
    ]
    checks = {check.__name__.replace("_", " "): check for check in in_chromium} | behind_debians_servers()
    checks |= in_the_administration()
    checks = {name: check for name, check in checks.items() if all(word in name for word in words)}
    for name, check in checks.items():
        try:
            outcome = f"passed: {check()}"
        except AssertionError as error:
            failed += 1
            outcome = f"FAILED: {error}"
        print(f"{name}: {outcome}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main(sys.argv[1:])
