"""The WSGI middleware: what visitors get, and what their visits start."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from wsgiref.validate import validator

import pytest

from taskrunner.errors import ConfigError
from taskrunner.web import TickMiddleware, tick_app, tick_tag
from taskrunner.web.ticker import ERRORS, GIF, last_message
from taskrunner.web_tick import NAME
from tests.patience import until
from tests.web.web_site import WebSite, page

IMAGE = "/_taskrun/tick.gif"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def let_the_throttle_pass(site: WebSite) -> None:
    (site.root / "state" / NAME).write_text("0.0\n0.0\n")
    os.utime(site.root / "state" / NAME, (0, 0))


def test_the_image_is_one_transparent_pixel_of_43_bytes() -> None:
    assert (43, b"GIF89a\x01\x00\x01\x00", b"\x3b") == (len(GIF), GIF[:10], GIF[-1:])


def test_a_request_of_the_image_starts_a_cron_of_its_own_session(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure())
    body = site.visit(app, IMAGE, user_agent=BROWSER)
    [[pid, session, folder, *arguments]] = site.started()

    assert GIF == body
    assert ["--config", str(site.root / "taskrunner.toml"), "cron", "--trigger", "web"] == arguments
    assert (pid, "/") == (session, folder)
    assert os.getsid(0) != int(session)


def test_the_image_is_kept_by_no_cache_and_found_by_no_search(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure())
    site.visit(app, IMAGE)

    assert [
        (
            "200 OK",
            {
                "Content-Type": "image/gif",
                "Content-Length": "43",
                "Cache-Control": "no-store",
                "X-Robots-Tag": "noindex",
                "X-Content-Type-Options": "nosniff",
            },
        )
    ] == site.responses


def test_whether_a_cron_was_started_cannot_be_seen(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure())
    bodies = {site.visit(app, IMAGE) for _ in range(3)}

    assert 1 == len(site.started())
    assert ({GIF}, site.responses[:1] * 3) == (bodies, site.responses)


def test_no_parameter_of_the_image_is_looked_at(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure())
    environ = {"task": "forum.SendDigest", "m": "1; rm -rf /"}
    site.visit(app, IMAGE, **environ)

    [words] = site.started()
    assert not {"forum.SendDigest"} & set(words)


@pytest.mark.parametrize("agent", ["Googlebot/2.1", "Mozilla/5.0 (compatible; bingbot/2.0)", "my-Crawler 1"])
def test_a_robot_gets_the_image_and_starts_nothing(site: WebSite, agent: str) -> None:
    app = TickMiddleware(page, config=site.configure())
    body = site.visit(app, IMAGE, user_agent=agent)

    assert GIF == body
    assert not site.stamp.is_kept


def test_head_starts_nothing(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure())
    body = site.visit(app, IMAGE, "HEAD")

    assert (b"", "43") == (body, site.responses[0][1]["Content-Length"])
    assert not site.stamp.is_kept


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", ""])
def test_any_other_method_is_refused(site: WebSite, method: str) -> None:
    app = TickMiddleware(page, config=site.configure())
    body = site.visit(app, IMAGE, method)

    [(status, headers)] = site.responses
    assert ("405 Method Not Allowed", "GET, HEAD") == (status, headers["Allow"])
    assert ("text/plain; charset=utf-8", "no-store") == (headers["Content-Type"], headers["Cache-Control"])
    assert str(len(body)) == headers["Content-Length"]
    assert not site.stamp.is_kept


def test_pages_start_nothing_in_image_mode(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure('mode = "image"'))
    body = site.visit(app)

    assert b"a page" == body
    assert not site.stamp.is_kept


@pytest.mark.parametrize("mode", ["response", "both"])
def test_a_response_is_sent_before_it_starts_anything(site: WebSite, mode: str) -> None:
    app = TickMiddleware(page, config=site.configure(), mode=mode)
    body = app({"PATH_INFO": "/"}, lambda status, headers: lambda part: None)
    sent = b"".join(body)

    assert (b"a page", False) == (sent, site.stamp.is_kept)
    body.close()  # type: ignore[attr-defined]
    assert 1 == len(site.started())


def test_in_response_mode_the_path_of_the_image_is_the_applications(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure('mode = "response"'))

    assert b"a page" == site.visit(app, IMAGE)
    assert "" == app.tick_tag()


def test_a_response_is_passed_on_as_it_is_while_nothing_is_due(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure(), mode="response")
    site.visit(app)
    body = app({"PATH_INFO": "/"}, lambda status, headers: lambda part: None)

    assert [b"a page"] == body  # the very list, which a server knows the length of


def test_the_body_of_the_application_is_closed_once_also_when_it_fails(site: WebSite) -> None:
    class Body:
        closed = 0

        def __iter__(self) -> "Body":
            return self

        def __next__(self) -> bytes:
            raise OSError("the disk is gone")

        def close(self) -> None:
            Body.closed += 1

    app = TickMiddleware(lambda environ, start: Body(), config=site.configure(), mode="response")

    with pytest.raises(OSError, match="the disk is gone"):
        site.visit(app)
    assert (1, 1) == (Body.closed, len(site.started()))


def test_an_application_that_raises_starts_nothing(site: WebSite) -> None:
    def broken(environ: object, start_response: object) -> list[bytes]:
        raise ValueError("of the application")

    app = TickMiddleware(broken, config=site.configure(), mode="both")

    with pytest.raises(ValueError, match="of the application"):
        site.visit(app)
    assert not site.stamp.is_kept


def test_200_visits_at_once_start_one_cron(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure(), mode="both")
    with ThreadPoolExecutor(32) as pool:
        bodies = set(pool.map(lambda number: site.visit(app, IMAGE if number % 2 else "/"), range(200)))

    assert {GIF, b"a page"} == bodies
    assert 1 == len(site.started())


def test_what_was_started_is_let_go_of_at_a_later_visit(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure(), mode="both")
    site.visit(app)
    [[pid, *_]] = site.started()
    stat = Path("/proc", pid, "stat")
    until(lambda: not stat.exists() or " Z " in stat.read_text(), "the process has ended")
    site.visit(app)

    assert not stat.exists()


def test_the_visitor_does_not_wait_for_the_cron(site: WebSite) -> None:
    gate = site.root / "gate"
    os.mkfifo(gate)
    app = TickMiddleware(page, config=site.configure(f"command = ['/bin/sh', '-c', 'cat {gate}']"))
    body = site.visit(app, IMAGE)

    assert GIF == body
    gate.write_text("it has waited till now")  # a FIFO without a reader would block here


def test_a_cron_that_cannot_be_started_is_told_once_a_minute_and_not_to_the_visitor(
    site: WebSite, caplog: pytest.LogCaptureFixture
) -> None:
    app = TickMiddleware(page, config=site.configure("command = ['/no/such/program']"), mode="both")
    bodies = [site.visit(app) for _ in range(3)]

    assert [b"a page"] * 3 == bodies
    [message] = caplog.messages
    told = "a visit could not start `taskrun cron`: /no/such/program is not a program: see `command`"
    assert told in message


def test_a_cron_that_ends_badly_is_told_at_a_later_visit(
    site: WebSite, caplog: pytest.LogCaptureFixture
) -> None:
    app = TickMiddleware(page, config=site.configure("command = ['/bin/sh', '-c', 'exit 78']"), mode="both")
    site.visit(app)
    until(lambda: site.visit(app) and caplog.messages, "the end is told")

    [message] = caplog.messages
    assert message.startswith(
        "a cron that a visit started ended with exit code 78 (/bin/sh -c exit 78 --config"
    )


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (
            "echo first >&2; echo 'taskrun: no file x' >&2; exit 78",
            "ended with exit code 78: taskrun: no file x (",
        ),
        ("echo broken >&2; kill -9 $$", "was ended by SIGKILL: broken ("),
    ],
)
def test_why_a_cron_failed_is_told_with_its_last_words(
    site: WebSite, caplog: pytest.LogCaptureFixture, ending: str, message: str
) -> None:
    app = TickMiddleware(page, config=site.configure(f'command = ["/bin/sh", "-c", "{ending}"]'), mode="both")
    site.visit(app)
    until(lambda: site.visit(app) and caplog.messages, "the end is told")

    assert f"a cron that a visit started {message}" in caplog.messages[0]
    assert not (site.root / "state" / ERRORS).exists()


def test_what_a_cron_said_whose_web_process_is_gone_is_told_by_the_next(
    site: WebSite, caplog: pytest.LogCaptureFixture
) -> None:
    config = site.configure("command = ['/bin/sh', '-c', 'echo the disk is full >&2; exit 1']")
    site.visit(TickMiddleware(page, config=config, mode="both"))
    until(lambda: last_message(site.root / "state" / ERRORS), "it has said why")
    let_the_throttle_pass(site)
    site.visit(TickMiddleware(page, config=config, mode="both"))

    assert ["a cron that a visit had started said: the disk is full"] == caplog.messages


def test_a_cron_that_does_its_work_is_not_told_of(site: WebSite, caplog: pytest.LogCaptureFixture) -> None:
    config = site.configure("command = ['/bin/sh', '-c', 'echo a remark >&2']")
    app = TickMiddleware(page, config=config, mode="both")
    site.visit(app)
    until(lambda: site.visit(app) and not (site.root / "state" / ERRORS).exists(), "it has ended")

    assert [] == caplog.messages


def test_a_state_directory_that_cannot_be_written_is_told_once_and_not_to_the_visitor(
    site: WebSite, caplog: pytest.LogCaptureFixture
) -> None:
    app = TickMiddleware(page, config=site.configure(), mode="both")
    (site.root / "state").write_text("no folder")
    bodies = [site.visit(app, IMAGE) for _ in range(3)]

    assert [GIF] * 3 == bodies
    assert 1 == len(caplog.messages)


def test_the_tag_is_there_while_something_is_due_and_empty_afterwards(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure())
    before = app.tick_tag()
    site.visit(app, IMAGE)
    after = app.tick_tag()

    minute = int(time.time() // 60)
    expected = '<img src="{}?m={}" width="1" height="1" alt="" aria-hidden="true" loading="eager">'
    assert before in {expected.format(IMAGE, minute), expected.format(IMAGE, minute - 1)}
    assert before.__html__() is before  # no template engine escapes it again
    assert "" == after


def test_a_real_cron_empties_the_tag_and_the_image_starts_nothing(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure())
    site.visit(app, IMAGE)
    site.started()
    stale = time.time() - 3600
    (site.root / "state" / "web_tick").write_text(f"{stale!r}\n{stale!r}\n")
    site.stamp.put_off(time.time() + 180)
    site.visit(app, IMAGE)

    assert "" == app.tick_tag()
    assert 1 == len(site.started())


def test_a_site_behind_a_page_cache_emits_the_tag_always(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure('emit = "always"'))
    site.visit(app, IMAGE)

    assert app.tick_tag().startswith("<img src=")


def test_the_tag_of_a_mounted_application_names_where_it_is_mounted(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure())

    assert '<img src="/forum&quot;/_taskrun' in app.tick_tag('/forum"')


@pytest.mark.parametrize(
    ("mounted", "address"),
    [
        ("/forum", "/forum/_taskrun/"),
        ("/Gr\u00c3\u00bc\u00c3\u009fe", "/Gr%C3%BC%C3%9Fe/_taskrun/"),  # UTF-8, as WSGI passes it
        ("//evil.example", "/evil.example/_taskrun/"),
        ('/"><script>', "/%22%3E%3Cscript%3E/_taskrun/"),
        ("", "/_taskrun/"),
    ],
)
def test_the_tag_of_a_request_begins_with_where_the_application_is_mounted(
    site: WebSite, mounted: str, address: str
) -> None:
    def tagged(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/html")])
        return [app.tick_tag().encode()]

    app = TickMiddleware(tagged, config=site.configure())

    assert f'<img src="{address}tick.gif?m='.encode() in site.visit(app, SCRIPT_NAME=mounted)


@pytest.mark.parametrize("mode", ["response", "both"])
@pytest.mark.parametrize(
    ("method", "agent"), [("HEAD", BROWSER), ("GET", "Googlebot/2.1"), ("POST", "a Spider")]
)
def test_head_and_robots_start_nothing_in_response_mode(
    site: WebSite, mode: str, method: str, agent: str
) -> None:
    app = TickMiddleware(page, config=site.configure(), mode=mode)
    body = site.visit(app, method=method, user_agent=agent)

    assert b"a page" == body
    assert not site.stamp.is_kept


@pytest.mark.parametrize("mode", ["image", "response", "both"])
@pytest.mark.parametrize(("path", "method"), [("/", "GET"), (IMAGE, "GET"), (IMAGE, "HEAD"), (IMAGE, "POST")])
def test_every_answer_keeps_to_the_protocol(site: WebSite, mode: str, path: str, method: str) -> None:
    app = TickMiddleware(page, config=site.configure(), mode=mode)
    site.visit(validator(app), path, method, SCRIPT_NAME="")

    assert 1 == len(site.responses)


def test_the_path_of_the_image_can_be_chosen(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure('path = "/pixel.gif"'))

    assert (GIF, b"a page") == (site.visit(app, "/pixel.gif"), site.visit(app, IMAGE))
    assert 1 == len(site.started())


@pytest.mark.parametrize("path", ["pixel.gif", "/", "//x", '/"><script>', "/a/../b", "/a b", "/a?b", "/é"])
def test_a_path_that_would_need_escaping_is_refused(site: WebSite, path: str) -> None:
    with pytest.raises(ConfigError, match=r"\[web\] path = .* is not a path"):
        site.configure(f"path = '{path}'")


def test_an_unknown_mode_is_refused(site: WebSite) -> None:
    with pytest.raises(ValueError, match="mode 'images' is not one of response, image, both"):
        TickMiddleware(page, config=site.configure(), mode="images")


def test_a_configuration_that_cannot_be_used_is_told_where_the_middleware_is_made(site: WebSite) -> None:
    with pytest.raises(ConfigError):
        TickMiddleware(page, config=site.root / "nowhere.toml")


def test_the_application_of_its_own_answers_the_image_and_nothing_else(site: WebSite) -> None:
    site.configure()
    app = tick_app(str(site.root / "taskrunner.toml"))
    bodies = [site.visit(app, path) for path in ("/", IMAGE)]

    assert [b"not found\n", GIF] == bodies
    assert ["404 Not Found", "200 OK"] == [status for status, _ in site.responses]
    assert 1 == len(site.started())


def test_the_tag_of_its_own_finds_the_configuration_as_taskrun_does(
    site: WebSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.configure('path = "/found.gif"')
    monkeypatch.setenv("TASKRUN_CONFIG", str(site.root / "taskrunner.toml"))

    assert '<img src="/found.gif?m=' in tick_tag(site.root / "taskrunner.toml")
    assert '<img src="/found.gif?m=' in tick_tag()


def test_nothing_is_run_in_a_thread_of_the_web_server(site: WebSite) -> None:
    app = TickMiddleware(page, config=site.configure(), mode="both")
    site.visit(app)
    site.started()

    assert [threading.main_thread()] == threading.enumerate()
