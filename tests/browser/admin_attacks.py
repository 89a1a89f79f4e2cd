"""Pages of other sites that attack the administration in a real Chromium whose person has logged in.

The attacker has names of its own that lead to this machine, another port of the very address (where the
browser sends the cookie along), and scripts; the administration has neither.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from tests.cli.program import FORUM, Program
from tests.patience import until
from tests.web.test_web_command import Served

OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
TASK = "forum.SendDigest"
URLENCODED, PLAIN, PARTS = "application/x-www-form-urlencoded", "text/plain", "multipart/form-data"

FORM = """<form id="f" method="post" action="{there}" enctype="{kind}" target="{target}">
<input name="reason" value="evil"></form><iframe name="hidden"></iframe><script>f.submit(); {then}</script>"""
DONE = "setTimeout(() => document.title = 'done', 700);"
FETCH = """<script>fetch('{there}', {options}).then(r => r.text()).then(
  text => document.title = 'read ' + text.length,
  error => document.title = 'done');</script>"""
SEND = "{method: 'POST', credentials: 'include', mode: '%s', body: new URLSearchParams({reason: 'evil'})%s}"
LOADED = """<%s src="{there}" data="{there}"
onload="document.title = 'loaded'" onerror="document.title = 'done'">%s"""


def form(kind: str = URLENCODED, target: str = "hidden") -> str:
    return FORM.replace("{kind}", kind).replace("{target}", target).replace("{then}", DONE)


def fetched(options: str) -> str:
    return FETCH.replace("{options}", options)


FRAMED = """<iframe src="{there}" id="f" {more}></iframe><script>
setTimeout(() => { let text = ''; try { text = f.contentDocument.body.innerText } catch (e) {}
  document.title = text ? 'read ' + text.length : 'done' }, 900);</script>"""
IN_A_SANDBOX = f"""<iframe sandbox="allow-scripts allow-forms" srcdoc='
<form id=f method=post action="{{there}}"><input name=reason value=evil></form>
<script>f.submit()</script>'></iframe><script>{DONE}</script>"""
OPENED = """<script>const w = window.open('{there}');
setTimeout(() => { let text = ''; try { text = w.document.body.innerText } catch (e) {}
  document.title = text ? 'read ' + text.length : 'done' }, 900);</script>"""
CHANGE, LOOK = f"/task/{TASK}/disable", "/tasks.json"
ATTACKS = {
    "a form": (CHANGE, form()),
    "a form that leaves the page": (CHANGE, form(target="_self").replace(DONE, "")),
    "a form in a new window": (CHANGE, form(target="_blank")),
    "a form of plain text": (CHANGE, form(PLAIN)),
    "a form in parts": (CHANGE, form(PARTS)),
    "a form of a sandbox, from nowhere": (CHANGE, IN_A_SANDBOX),
    "a form that comes by a detour": ("/detour", form()),
    "a form that logs out": ("/logout", form()),
    "a form that logs in": ("/login", form()),
    "a script that sends a form": (CHANGE, fetched(SEND % ("no-cors", ""))),
    "a script that sends a form and would read": (CHANGE, fetched(SEND % ("cors", ""))),
    "a script with a header of its own": (
        CHANGE,
        fetched(SEND % ("cors", ", headers: {'X-Requested-With': 'x'}")),
    ),
    "a script that says PUT": (CHANGE, fetched("{method: 'PUT', credentials: 'include'}")),
    "a beacon": (
        CHANGE,
        "<script>navigator.sendBeacon('{there}', new URLSearchParams({reason: 'evil'}));"
        + DONE
        + "</script>",
    ),
    "a script that reads": (LOOK, fetched("{credentials: 'include'}")),
    "a script that loads it as a script": (LOOK, LOADED % ("script", "</script>")),
    "a picture": ("/", LOADED % ("img", "")),
    "a frame": ("/", FRAMED.replace("{more}", "")),
    "a frame in a sandbox": ("/", FRAMED.replace("{more}", "sandbox='allow-scripts'")),
    "an object": ("/", LOADED % ("object", "</object>")),
    "a window that it opens": ("/", OPENED),
    "an address that would change": (f"{CHANGE}?reason=evil", FRAMED.replace("{more}", "")),
}
"""What the page of another site holds, {there} for the address it is about."""


class Attacker(BaseHTTPRequestHandler):
    """Serves the pages of the attacks, and a redirect that keeps the method."""

    pages: ClassVar[dict[str, str]] = {}
    detour: ClassVar[str] = ""

    def do_GET(self) -> None:  # noqa: N802
        page = self.pages.get(self.path.strip("/"), "")
        body = f"<!doctype html><title>begun</title>{page}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:  # noqa: N802
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(307)
        self.send_header("Location", self.detour)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def attacker() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Attacker) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """A Chromium for which every name of the attacker leads to this machine."""
    options = webdriver.ChromeOptions()
    for option in (*OPTIONS, "--disable-popup-blocking", "--host-resolver-rules=MAP *.example 127.0.0.1"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def attacks_of_other_sites_are_refused() -> str:
    """Let each attack run from another site and from a neighbour; nothing may have changed then."""
    with tempfile.TemporaryDirectory() as place, attacker() as port, chromium() as driver:
        site = Program(Path(place))
        site.configure()
        site.write(
            "forum", FORUM.replace("'''Send digests.'''", f"'''Send <script>{XSS}</script> digests.'''")
        )
        site.prints("cron")
        site.prints("run-task", "Mail", "--data", json.dumps(f"<img src=x onerror={XSS}>"))
        served = Served(site)
        try:
            driver.get(served.url)
            here = f"http://127.0.0.1:{served.port}"
            assert f"{here}/" == driver.current_url and TASK in driver.page_source
            seen = [run_attack(driver, name, origin, here) for name in ATTACKS for origin in origins(port)]
            seen += rebound(driver, served)
            assert [] == site.reads("audit"), site.reads("audit")
            nothing_runs_in_its_pages(driver, here)
            disable_as_its_person(driver, here)
            assert ["disable"] == [row["action"] for row in site.reads("audit")]
        finally:
            served.kill()
        assert [] == [one for one in seen if one], [one for one in seen if one]
        return f"{len(seen)} attacks did nothing and read nothing; the person's own click did"


XSS = "document.title=String.fromCharCode(120,115,115)"


def origins(port: int) -> tuple[str, str]:
    """Return a site of its own, and a neighbour of the same site, to whose requests the cookie is sent."""
    return f"http://evil.example:{port}", f"http://127.0.0.1:{port}"


def run_attack(driver: webdriver.Chrome, name: str, origin: str, here: str) -> str:
    """Open the page of an attack; return what it has got, "" for nothing."""
    path, page = ATTACKS[name]
    there = f"{origin}{path}" if path == "/detour" else f"{here}{path}"
    Attacker.detour = f"{here}{CHANGE}"
    Attacker.pages["attack"] = page.replace("{there}", there)
    driver.switch_to.new_window("tab")
    before = driver.current_window_handle
    driver.get(f"{origin}/attack")
    until(lambda: driver.title != "begun", f"{name} of {origin} has ended")
    title, refused = driver.title, "does not come from a page" in driver.page_source
    others = [handle for handle in driver.window_handles if handle != before]
    driver.close()
    for handle in others[1:]:
        driver.switch_to.window(handle)
        driver.close()
    driver.switch_to.window(driver.window_handles[0])
    is_kept_out = title in ("done", "loaded" if "loads it" in name else "") or refused
    return "" if is_kept_out else f"{name} of {origin}: {title}"


def rebound(driver: webdriver.Chrome, served: Served) -> list[str]:
    """Ask the administration by names that were made to lead to it; return what was got."""
    got = []
    for host in ("evil.example", "127.0.0.1.example", "localhost.example"):
        for path in ("/", served.path, LOOK):
            driver.get(f"http://{host}:{served.port}{path}")
            known = "not known by this name" in driver.page_source and TASK not in driver.page_source
            got.append("" if known else f"{host}{path}")
    return got


def nothing_runs_in_its_pages(driver: webdriver.Chrome, here: str) -> None:
    """Look at pages with hostile texts in a browser that runs scripts; none of ours is stopped, either."""
    driver.get_log("browser")
    for path in ("/", f"/task/{TASK}", "/log", "/queue", "/plan", "/health", "/changes", "/running"):
        driver.get(f"{here}{path}")
        assert "xss" != driver.title, path
        background = driver.execute_script("return getComputedStyle(document.querySelector('nav')).display")
        assert background != "inline", f"{path} has no style"
    complaints = [one["message"] for one in driver.get_log("browser") if "favicon" not in one["message"]]
    assert [] == complaints, complaints


def disable_as_its_person(driver: webdriver.Chrome, here: str) -> None:
    driver.get(f"{here}/task/{TASK}")
    for folded in driver.find_elements(By.TAG_NAME, "summary"):
        folded.click()
    [button] = driver.find_elements(By.CSS_SELECTOR, f"form[action='{CHANGE}'] button")
    button.click()
    until(lambda: "is disabled" in driver.page_source, "it is disabled")


if __name__ == "__main__":
    print(attacks_of_other_sites_are_refused())
