"""The administration in other applications and servers: below a prefix, in Django, in ASGI."""

import asyncio
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from wsgiref.util import shift_path_info

import pytest
from a2wsgi import WSGIMiddleware

from taskrunner.web import admin_app
from tests.cli.program import FORUM, Program
from tests.patience import DEADLINE, until
from tests.web.asking import FORM, OWN, Answer, ask
from tests.web.web_server import BIN, PYTHON

PAGE = Path(__file__).parents[2] / "docs" / "administration.md"
CHANGE = "/task/forum.SendDigest/disable"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A site with a task that was run."""
    program = Program(tmp_path_factory.mktemp("mounted"))
    program.configure()
    program.write("forum", FORUM)
    program.prints("cron")
    return program


def links(text: str) -> set[str]:
    """Return the beginnings of the addresses in a page."""
    return {found.partition("#")[0] for found in re.findall(r'(?:href|action)="([^"]*)"', text)} - {""}


Asked = Callable[..., Answer]


def check_what_a_mount_has_to_do(asked: Asked, prefix: str) -> None:
    """Look at pages, be refused, change something and follow the way that is answered."""
    first, task = asked(f"{prefix}/"), asked(f"{prefix}/task/forum.SendDigest")
    table = asked(f"{prefix}/log.csv")
    assert (200, 200, 200) == (first.status, task.status, table.status), first.text
    assert [] == [link for link in links(first.text + task.text) if not link.startswith(f"{prefix}/")]
    assert "forum.SendDigest" in table.text
    assert 403 == asked(f"{prefix}{CHANGE}", "POST", form={"reason": "x"}).status
    assert 413 == asked(f"{prefix}{CHANGE}", "POST", form={"reason": "x" * 70_000}, headers=OWN).status
    done = asked(f"{prefix}{CHANGE}", "POST", form={"reason": "gr\u00fcn"}, headers=OWN)
    assert 303 == done.status
    assert done.headers["Location"].startswith(f"{prefix}/task/forum.SendDigest?done=disabled")
    assert "is disabled: nothing starts it" in asked(done.headers["Location"]).text
    assert "gr\u00fcn" in asked(f"{prefix}/changes").text
    assert 303 == asked(f"{prefix}{CHANGE.replace('disable', 'enable')}", "POST", form={}, headers=OWN).status
    assert (200, b"") == ((head := asked(f"{prefix}/log.csv", "HEAD")).status, head.body)
    assert 404 == asked(f"{prefix}/nowhere").status


def administration(site: Program) -> Any:
    return admin_app(
        site.root / "taskrunner.toml", may_view=lambda _: True, may_change=lambda _: True, who=lambda _: "ann"
    )


def test_below_a_prefix_of_a_router(site: Program) -> None:
    app = administration(site)

    def router(environ: dict[str, Any], start_response: Any) -> Any:
        assert "cron" == shift_path_info(environ)
        return app(environ, start_response)

    check_what_a_mount_has_to_do(lambda *given, **more: ask(router, *given, **more), "/cron")


def test_in_asgi_by_the_adapter_that_the_page_names(site: Program) -> None:
    app = WSGIMiddleware(administration(site))

    check_what_a_mount_has_to_do(lambda *given, **more: asyncio.run(in_asgi(app, *given, **more)), "/cron")


async def in_asgi(
    app: Any, target: str, method: str = "GET", *, form: Any = None, headers: dict[str, str] | None = None
) -> Answer:
    """Ask as an ASGI server does, mounted as Starlette mounts."""
    path, _, query = target.partition("?")
    body = urlencode(form).encode() if form is not None else b""
    sent = {"Host": "site.example", **(headers or {})}
    if form is not None:
        sent |= {"Content-Type": FORM, "Content-Length": str(len(body))}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "/cron",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "server": ("site.example", 80), "client": ("127.0.0.1", 1), "extensions": {},
    }  # fmt: skip
    events: list[dict[str, Any]] = []
    received = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(received, None) or await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(event: dict[str, Any]) -> None:
        events.append(event)

    await app(scope, receive, send)
    start, *parts = events
    fields = {name.decode().title(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], fields, b"".join(part.get("body", b"") for part in parts))


DJANGO = """\
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x", ROOT_URLCONF="shop_urls", ALLOWED_HOSTS=["*"], USE_TZ=True,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "shop_people.known",
    ],
)
django.setup()

from django.core.wsgi import get_wsgi_application
from tests.web.asking import OWN, ask
from tests.web.test_admin_mounted import CHANGE, check_what_a_mount_has_to_do

app = get_wsgi_application()
check_what_a_mount_has_to_do(lambda *given, **more: ask(app, *given, REMOTE_USER="chief", **more), "/cron")
assert 200 == ask(app, "/cron/", REMOTE_USER="staff").status
assert 403 == ask(app, f"/cron{CHANGE}", "POST", form={}, headers=OWN, REMOTE_USER="staff").status
for target, method in (("/cron/", "GET"), (f"/cron{CHANGE}", "POST")):
    answer = ask(app, target, method, form={}, headers=OWN, REMOTE_USER="guest")
    assert (302, True) == (answer.status, answer.headers["Location"].startswith("/admin/login/")), answer
print("all is well")
"""
PEOPLE = """\
def known(get_response):
    from django.contrib.auth.models import User

    def answer(request):
        name = request.META["REMOTE_USER"]
        is_chief = name == "chief"
        request.user = User(username=name, is_staff=is_chief or name == "staff", is_superuser=is_chief)
        return get_response(request)

    return answer
"""
URLS = """\
from django.http import HttpResponse
from django.urls import include, path

from shop_cron import cron

{shown}
login = path("login/", lambda request: HttpResponse("log in"), name="login")
urlpatterns.append(path("admin/", include(([login], "admin"))))
"""


def test_in_django_behind_its_login_as_the_page_shows_it(site: Program, tmp_path: Path) -> None:
    """In a process of its own: Django is set up once in each."""
    page = PAGE.read_text("utf-8")
    view, urls = (
        re.search(rf"```python\n# shop/{name}\.py[^\n]*\n(.*?)```", page, re.DOTALL).group(1)  # type: ignore[union-attr]
        for name in ("cron", "urls")
    )
    config = "/srv/tasks/site/taskrunner.toml"
    assert config in view
    (tmp_path / "shop_cron.py").write_text(view.replace(config, str(site.root / "taskrunner.toml")))
    (tmp_path / "shop_urls.py").write_text(URLS.format(shown=urls))
    (tmp_path / "shop_people.py").write_text(PEOPLE)
    (tmp_path / "try_it.py").write_text(DJANGO)
    done = subprocess.run(
        [sys.executable, "try_it.py"], cwd=tmp_path, timeout=DEADLINE, capture_output=True, text=True,
        env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip

    assert (0, "all is well\n") == (done.returncode, done.stdout), done.stderr


SERVERS = {
    "gunicorn": (
        *(PYTHON, "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--threads", "4", "--log-level", "error"),
        *("--worker-tmp-dir", "/dev/shm", "app:application"),
    ),
    "uwsgi": (
        *(str(BIN / "uwsgi"), "--http-socket", "127.0.0.1:{port}", "--module", "app:application", "--master"),
        *(
            "--need-app",
            "--enable-threads",
            "--threads",
            "4",
            "--virtualenv",
            sys.prefix,
            "--disable-logging",
        ),
    ),
    "uvicorn": (PYTHON, "-m", "uvicorn", "--port", "{port}", "--log-level", "error", "app:asgi"),
}
APP = """\
from wsgiref.util import shift_path_info

from a2wsgi import WSGIMiddleware
from taskrunner.web import admin_app

everybody = lambda environ: True
administration = admin_app({config!r}, may_view=everybody, may_change=everybody, who=lambda environ: "ann")


def application(environ, start_response):
    shift_path_info(environ)
    return administration(environ, start_response)


asgi = WSGIMiddleware(application)
"""


@contextmanager
def served(folder: Path, command: tuple[str, ...]) -> Iterator[Asked]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [word.format(port=port) for word in command]
    process = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True)

    def listens() -> bool:
        assert process.poll() is None, "it has ended at once"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def asked(
        target: str, method: str = "GET", *, form: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        try:
            body = None if form is None else urlencode(form)
            kind = {} if form is None else {"Content-Type": FORM}
            connection.request(method, target, body, {**kind, **(headers or {})})
            answer = connection.getresponse()
            fields = {name.title(): value for name, value in answer.headers.items()}
            return Answer(answer.status, fields, answer.read())
        finally:
            connection.close()

    try:
        until(listens, "the server listens")
        yield asked
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("server", SERVERS)
def test_under_a_server_that_python_sites_use(site: Program, tmp_path: Path, server: str) -> None:
    (tmp_path / "app.py").write_text(APP.format(config=str(site.root / "taskrunner.toml")))

    with served(tmp_path, SERVERS[server]) as asked:
        check_what_a_mount_has_to_do(asked, "/cron")
