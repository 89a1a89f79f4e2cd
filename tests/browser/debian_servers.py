"""Web servers that Debian packages, in front of contrib/example_web: Apache's mod_wsgi, uWSGI, nginx."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from tests.patience import DEADLINE, until
from tests.web.web_server import IMAGE, WebServer, check_that_visits_start_one_clean_cron

CHECKOUT = Path(__file__).parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"
MODULES = "/usr/lib/apache2/modules"
USER = "www-data"
PACKAGES = {
    "apache2": "apache2 libapache2-mod-wsgi-py3",
    "nginx": "nginx-light",
    "uwsgi": "uwsgi-core uwsgi-plugin-python3",
}

APACHE = """\
ServerName localhost
ServerRoot {root}
PidFile {root}/apache.pid
Listen 127.0.0.1:{port}
User {user}
Group {user}
ErrorLog {root}/apache.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
StartServers 2
WSGISocketPrefix {root}/wsgi
{mode}
WSGIScriptAlias / {root}/app.py
<Directory {root}>
Require all granted
</Directory>
"""
MODES = {
    "mod_wsgi daemon": (
        "WSGIDaemonProcess site processes=2 threads=8 python-home={home} python-path={root}\n"
        "WSGIProcessGroup site\nWSGIApplicationGroup %{{GLOBAL}}"
    ),
    "mod_wsgi daemon, subinterpreter": (
        "WSGIDaemonProcess site processes=2 threads=8 python-home={home} python-path={root}\n"
        "WSGIProcessGroup site"
    ),
    "mod_wsgi embedded": "WSGIPythonHome {home}\nWSGIPythonPath {root}\nWSGIApplicationGroup %{{GLOBAL}}",
    "mod_wsgi embedded, subinterpreter": "WSGIPythonHome {home}\nWSGIPythonPath {root}",
}
NGINX = """\
pid {root}/nginx.pid;
error_log {root}/nginx.log;
user {user};
events {{}}
http {{
    access_log off;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    proxy_cache_path {root}/cache keys_zone=pages:1m;
    server {{
        listen 127.0.0.1:{port};
        location /forum/ {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header SCRIPT_NAME /forum;
            proxy_cache pages;
            proxy_cache_valid 200 10m;
            add_header X-Cached $upstream_cache_status;
        }}
    }}
}}
"""


@dataclass
class DebianServer(WebServer):
    """A site whose web server is one of Debian's, with Debian's Python."""

    home: Path = Path()

    def prepare(self, mode: str = "image") -> None:
        super().prepare(mode)
        self.home = self.root.parent / "home"
        subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--without-pip", self.home], check=True)
        [packages] = self.home.glob("lib/python3*/site-packages")
        paths = (CHECKOUT, sysconfig.get_path("purelib"))
        (packages / "tests.pth").write_text("".join(f"{path}\n" for path in paths))
        self.program = (str(self.home / "bin" / "python3"), "-m", "taskrunner")

    def command(self) -> list[str]:
        if self.server.startswith("uwsgi"):
            threads = ["--enable-threads", "--threads", "4"] if "threads" in self.server else ["--lazy-apps"]
            address = ["--http-socket", f"127.0.0.1:{self.port}", "--logto", str(self.root / "uwsgi.log")]
            app = ["--plugins", "python3", "--virtualenv", str(self.home), "--module", "app:application"]
            return ["uwsgi", *address, *app, "--master", "--processes", "2", *threads]
        self.program = ("runuser", "-u", USER, "--", *self.program)
        mode = MODES[self.server].format(home=self.home, root=self.root)
        text = APACHE.format(root=self.root, port=self.port, user=USER, modules=MODULES, mode=mode)
        (self.root / "apache.conf").write_text(text)
        for path in (self.root, *self.root.rglob("*")):
            shutil.chown(path, USER, USER)
        for path in (self.root, *self.root.parents):
            if path.stat().st_uid == os.getuid() and path != Path("/"):
                path.chmod(path.stat().st_mode | 0o055)
        return ["/usr/sbin/apache2", "-f", str(self.root / "apache.conf"), "-DFOREGROUND"]


def one_clean_cron_under(place: Path, name: str) -> str:
    """Serve a site by a server of Debian's, and look at what its visits start."""
    server = DebianServer(place / "site", server=name)
    server.prepare()
    server.start()
    try:
        return check_that_visits_start_one_clean_cron(server)
    finally:
        server.stop()


def behind_nginx(place: Path) -> str:
    """Serve a site below a prefix behind a cache of whole pages: its pages are cached, its image is not."""
    server = WebServer(place / "site", workers=2, server="gunicorn gthread preload")
    server.prepare()
    config = server.root / "taskrunner.toml"
    config.write_text(config.read_text().replace('emit = "due"', 'emit = "always"'))
    server.start()
    front = Front(place / "nginx", server)
    front.start()
    try:
        pages = [front.get("/forum/") for _ in range(3)]
        tags = {re.search(rb'<img src="([^"]+)"', body)[1] for _, body in pages}  # type: ignore[index]
        [address] = tags
        images = [front.get(address.decode())[0] for _ in range(3)]
        until(server.started, "the task has started")
        assert ["MISS", "HIT", "HIT"] == [cached for cached, _ in pages]
        assert {"MISS"} == set(images)
        assert address.startswith(f"/forum{IMAGE}?m=".encode())
        assert 1 == len(server.started())
        server.let_go()
        until(lambda: front.get(address.decode()) and server.is_reaped(), "the web server has let go of it")
        return "pages cached with the tag, the image never, the tag has the prefix, 1 cron"
    finally:
        front.stop()
        server.stop()


@dataclass
class Front:
    """nginx in front of a site."""

    root: Path
    behind: WebServer
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        from tests.contrib.smtp_server import free_port

        self.port = free_port()
        self.root.mkdir()
        text = NGINX.format(root=self.root, port=self.port, behind=self.behind.port, user="root")
        (self.root / "nginx.conf").write_text(text)
        command = ["/usr/sbin/nginx", "-p", self.root, "-c", self.root / "nginx.conf", "-g", "daemon off;"]
        self.process = subprocess.Popen(command, stderr=sys.stderr)
        until(self._is_up, "nginx is up")

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(DEADLINE)

    def get(self, path: str) -> tuple[str, bytes]:
        """Return whether nginx had it in its cache, and the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.headers.get("X-Cached", ""), response.read()
        finally:
            connection.close()

    def _is_up(self) -> bool:
        try:
            self.get("/")
        except OSError:
            return False
        return True


def missing() -> list[str]:
    """Return the Debian packages that are needed and not there."""
    return [packages for program, packages in PACKAGES.items() if shutil.which(program, path=PATH) is None]


PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
NAMES = (*MODES, "uwsgi threads", "uwsgi lazy")
