"""Who gets into `taskrun web`, by which names of this machine, and who does not."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from taskrunner.errors import ConfigError
from taskrunner.web.admin import login
from taskrunner.web.admin import login as passwords_module
from taskrunner.web.admin.login import (
    LOGOUT,
    PERSON,
    Login,
    OneTimeToken,
    PasswordFile,
    Person,
    read_entries,
    write_entry,
)
from tests.web.asking import OWN, Answer, ask

COOKIE = "taskrun_8077"
HERE = "127.0.0.1:8077"
ANN = "correct horse battery"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Site:
    """An administration behind a login, and a browser with one cookie that asks it."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.people: list[Person] = []
        self.login = Login(self.page, cookie=COOKIE, clock=self.clock, **settings)
        self.cookie = ""

    def page(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.people.append(environ[PERSON])
        assert "/logout" == environ[LOGOUT]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"the administration"]

    def ask(self, target: str = "/", method: str = "GET", **given: Any) -> Answer:
        """Ask with the cookie, from a page of the site's own, unless it is `given` otherwise."""
        headers = {"Host": HERE, **OWN, "Cookie": self.cookie, **given.pop("headers", {})}
        shown = {name: value for name, value in headers.items() if value}
        answer = ask(self.login, target, method, headers=shown, **given)
        if cookie := answer.headers.get("Set-Cookie"):
            self.cookie = cookie.partition(";")[0]
        return answer

    def post(self, target: str, form: dict[str, str] | bytes | None = None, **given: Any) -> Answer:
        return self.ask(target, "POST", form=form or {}, **given)

    def log_in(self, name: str = "ann", password: str = ANN, **given: Any) -> Answer:
        return self.post("/login", {"name": name, "password": password, **given.pop("more", {})}, **given)


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let passwords be scrambled in a millisecond."""
    monkeypatch.setattr(passwords_module, "COST", 10)
    monkeypatch.setattr(passwords_module, "NOBODY", passwords_module.NOBODY._replace(cost=10))


@pytest.fixture
def token() -> OneTimeToken:
    return OneTimeToken(Person("ann", may_change=True))


@pytest.fixture
def site(token: OneTimeToken) -> Site:
    return Site(token=token)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A password file in which ann may change and bob may look."""
    file = tmp_path / "passwords"
    write_entry(file, "ann", ANN, may_change=True)
    write_entry(file, "bob", "looks but never touches", may_change=False)
    return file


@pytest.fixture
def shared(file: Path) -> Site:
    return Site(passwords=PasswordFile(file), hosts=("admin.example.org",))


def opens(site: Site) -> bool:
    return b"the administration" == site.ask().body


def test_the_token_lets_in_and_the_cookie_keeps_in(site: Site, token: OneTimeToken) -> None:
    answer = site.ask(f"/login?token={token.text}")

    assert (303, "/") == (answer.status, answer.headers["Location"])
    assert (
        "; Path=/; HttpOnly; SameSite=Strict"
        == answer.headers["Set-Cookie"].partition(";")[1] + (answer.headers["Set-Cookie"].partition(";")[2])
    )
    assert token.text not in str(answer.headers)
    assert opens(site)
    assert [Person("ann", True)] == site.people
    assert "/" == site.ask(f"/login?token={token.text}").headers["Location"]  # a reload of who is in


TOKENS: dict[str, Callable[[str], str]] = {
    "no token": lambda text: "/login",
    "an empty one": lambda text: "/login?token=",
    "another one": lambda text: f"/login?token={text[::-1]}",
    "its beginning": lambda text: f"/login?token={text[:-1]}",
    "more than it": lambda text: f"/login?token={text}A",
    "it in capitals": lambda text: f"/login?token={text.swapcase()}",
    "by another name": lambda text: f"/login?Token={text}",
    "twice": lambda text: f"/login?token=x&token={text}",
    "at another path": lambda text: f"/?token={text}",
    "below its path": lambda text: f"/login/?token={text}",
    "with the character 0": lambda text: f"/login?token={text}%00",
    "in no encoding": lambda text: f"/login?token={text}%ff",
    "a letter of another script": lambda text: f"/login?token={text}%D0%B0",
}


@pytest.mark.parametrize("attack", TOKENS)
def test_nothing_but_the_token_lets_in(site: Site, token: OneTimeToken, attack: str) -> None:
    answer = site.ask(TOKENS[attack](token.text))

    assert answer.status in (400, 403)
    assert "Set-Cookie" not in answer.headers
    assert not opens(site)
    assert 303 == site.ask(f"/login?token={token.text}").status, "the token is used up"


@pytest.mark.parametrize(
    "given",
    [
        {"method": "HEAD"},
        {"headers": {"Sec-Purpose": "prefetch"}},
        {"headers": {"Sec-Purpose": "prefetch;prerender"}},
        {"method": "POST", "form": {}},
    ],
    ids=str,
)
def test_a_browser_that_only_looks_ahead_does_not_use_the_token_up(
    site: Site, token: OneTimeToken, given: dict[str, Any]
) -> None:
    assert "Set-Cookie" not in site.ask(f"/login?token={token.text}", **given).headers
    assert 303 == site.ask(f"/login?token={token.text}").status


def test_a_token_works_once(token: OneTimeToken) -> None:
    site = Site(token=token)
    site.ask(f"/login?token={token.text}")
    thief = Site(token=token)
    thief.login = site.login

    answer = thief.ask(f"/login?token={token.text}")

    assert (403, False) == (answer.status, opens(thief))
    assert "It works once." in answer.text


def test_who_guesses_tokens_is_not_even_looked_at_for_a_minute(site: Site, token: OneTimeToken) -> None:
    wrong = [site.ask(f"/login?token={n}").status for n in range(7)]
    right = site.ask(f"/login?token={token.text}")
    site.clock.now += 60

    assert [403] * 5 + [429] * 2 == wrong
    assert (429, "60") == (right.status, right.headers["Retry-After"])
    assert 303 == site.ask(f"/login?token={token.text}").status


UNKNOWN_HOSTS = (
    "evil.example:8077",
    "evil.example",
    "127.0.0.1.evil.example:8077",
    "localhost.evil.example",
    "evil.localhost",
    "notlocalhost:8077",
    "127.0.0.1@evil.example",
    "evil.example#127.0.0.1",
    "127.0.0.1:8077, evil.example",
    "127.0.0.1:8077,127.0.0.1:8077",
    "127.0.0.1:",
    "127.0.0.1:123456",
    "127.0.0.1:80a",
    "127.0.0.1\t",
    "[::1].evil.example",
    "[::ffff:127.0.0.1]:8077",
    "0.0.0.0:8077",
    "127.1:8077",
    "2130706433:8077",
    "0x7f.0.0.1",
    "localhost.",
    "admin.example.org.evil.example",
    "ädmin.example.org".encode().decode("latin-1"),
    "",
)


@pytest.mark.parametrize("host", UNKNOWN_HOSTS)
def test_a_name_that_was_made_to_lead_here_gets_nothing(token: OneTimeToken, host: str) -> None:
    site = Site(token=token, hosts=("admin.example.org",))
    forwarded = {"X-Forwarded-Host": HERE, "Forwarded": f"host={HERE}", "X-Host": HERE}

    answers = [
        site.ask(f"/login?token={token.text}", headers={"Host": host, **forwarded}, HTTP_HOST=host or None),
        site.post("/login", headers={"Host": host, **forwarded}, HTTP_HOST=host or None),
    ]
    site.ask(f"/login?token={token.text}")
    answers.append(site.ask(headers={"Host": host, **forwarded}, HTTP_HOST=host or None))

    assert [403] * 3 == [answer.status for answer in answers]
    assert {"This administration is not known by this name. Its names are `hosts` of [web].\n"} == {
        answer.text for answer in answers
    }
    assert [] == site.people


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost:8077", "LOCALHOST", "[::1]:8077", "admin.example.org", "Admin.Example.org:443"],
)
def test_a_known_name_is_answered_at_any_port(token: OneTimeToken, host: str) -> None:
    """A tunnel of ssh has another port at this end."""
    site = Site(token=token, hosts=("admin.example.org",))

    assert 303 == site.ask(f"/login?token={token.text}", headers={"Host": host}).status


COOKIES = {
    "none": "",
    "an empty one": f"{COOKIE}=",
    "a made-up one": f"{COOKIE}=AAAA",
    "of another port": "taskrun_8078={value}",
    "of a name that ends so": "x{cookie}",
    "a name in capitals": "TASKRUN_8077={value}",
    "two of them": "{cookie}; {cookie}",
    "one of a neighbour's before it": f"{COOKIE}=AAAA; {{cookie}}",
    "one of a neighbour's behind it": f"{{cookie}}; {COOKIE}=AAAA",
    "in quotes": f'{COOKIE}="{{value}}"',
    "its digest": f"{COOKIE}={{digest}}",
}


@pytest.mark.parametrize("attack", COOKIES)
def test_no_other_cookie_lets_in(site: Site, token: OneTimeToken, attack: str) -> None:
    site.ask(f"/login?token={token.text}")
    value = site.cookie.partition("=")[2]
    [digest] = site.login._sessions
    site.cookie = COOKIES[attack].format(cookie=site.cookie, value=value, digest=digest.hex())

    answer = site.ask()

    assert (403, []) == (answer.status, site.people)


def test_a_cookie_among_others_is_found(site: Site, token: OneTimeToken) -> None:
    site.ask(f"/login?token={token.text}")
    site.cookie = f"theme=dark; {site.cookie}; x"

    assert opens(site)


def test_a_cookie_that_somebody_else_has_set_is_not_taken_over(site: Site, token: OneTimeToken) -> None:
    site.cookie = f"{COOKIE}=chosen-by-another"
    site.ask(f"/login?token={token.text}")

    assert "chosen-by-another" not in site.cookie
    site.cookie = f"{COOKIE}=chosen-by-another"
    assert not opens(site)


def test_after_twelve_hours_one_logs_in_anew(shared: Site) -> None:
    shared.log_in()
    shared.clock.now += 12 * 3600 - 1
    assert opens(shared)
    shared.clock.now += 1

    assert not opens(shared)
    assert {} == shared.login._sessions


def test_who_logs_out_is_out_with_every_copy_of_the_cookie(shared: Site) -> None:
    shared.log_in()
    kept = shared.cookie

    assert "Max-Age=0" in shared.post("/logout").headers["Set-Cookie"]
    shared.cookie = kept
    assert not opens(shared)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("HEAD", {}),
        ("POST", {"Sec-Fetch-Site": "cross-site"}),
        ("POST", {"Sec-Fetch-Site": "", "Origin": "null"}),
    ],
)
def test_nobody_is_logged_out_by_a_link_or_another_site(
    shared: Site, method: str, headers: dict[str, str]
) -> None:
    shared.log_in()

    shared.ask("/logout", method, headers=headers)

    assert opens(shared)


def test_nobody_is_logged_in_by_another_site(shared: Site) -> None:
    answer = shared.log_in(headers={"Sec-Fetch-Site": "cross-site"})

    assert (403, "") == (answer.status, shared.cookie)


def test_a_form_of_somebody_who_is_not_logged_in_is_refused_unread(shared: Site) -> None:
    class Untouched:
        def read(self, size: int = -1) -> bytes:
            raise AssertionError("it was read")

        readline = readlines = __iter__ = read

    assert 403 == shared.post("/tasks/forum.SendDigest", **{"wsgi.input": Untouched()}).status


def test_each_person_has_what_the_file_gives_them(shared: Site) -> None:
    assert 303 == shared.log_in().status
    assert opens(shared)
    shared.post("/logout")
    shared.log_in("bob", "looks but never touches")

    assert opens(shared)
    assert [Person("ann", True), Person("bob", False)] == shared.people


def test_read_only_is_for_everybody(file: Path) -> None:
    site = Site(passwords=PasswordFile(file), is_read_only=True)
    site.log_in()

    assert opens(site)
    assert [Person("ann", False)] == site.people


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ann", ANN.upper()),
        ("ann", f"{ANN} "),
        ("ann", ANN[:-1]),
        ("ann", ""),
        ("Ann", ANN),
        ("ann ", ANN),
        ("bob", ANN),
        ("eve", ANN),
        ("", ""),
        ("# ann", ANN),
        ("ann change", ANN),
        ("ann", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")),
        ("ann", "x" * 60_000),
    ],
)
def test_a_wrong_name_or_password_is_told_as_one_sentence(shared: Site, name: str, password: str) -> None:
    answer = shared.log_in(name, password)

    assert 403 == answer.status
    assert "This name and password are not known." in answer.text
    assert 'aria-describedby="wrong" aria-invalid="true"' in answer.text
    assert password not in answer.text or not password
    assert not opens(shared)


def test_a_name_nobody_has_takes_the_same_work(shared: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = []
    real = passwords_module._digest

    def counted(password: str, entry: Any) -> bytes:
        costs.append(entry.cost)
        return real(password, entry)

    monkeypatch.setattr(passwords_module, "_digest", counted)
    shared.log_in("ann", "wrong wrong wrong")
    shared.log_in("eve", "wrong wrong wrong")

    assert [10, 10] == costs


def test_who_guesses_passwords_waits_and_others_do_not(shared: Site) -> None:
    wrong = [shared.log_in("ann", f"guess number {n}").status for n in range(6)]
    right = shared.log_in().status
    elsewhere = shared.log_in(REMOTE_ADDR="10.0.0.7").status

    assert ([403] * 5 + [429], 429, 303) == (wrong, right, elsewhere)


def test_many_who_guess_at_once_wait_all(shared: Site) -> None:
    for n in range(60):
        shared.log_in("ann", f"guess number {n}", REMOTE_ADDR=f"10.0.0.{n}")

    assert 429 == shared.log_in(REMOTE_ADDR="10.0.1.1").status
    shared.clock.now += 60
    assert 303 == shared.log_in(REMOTE_ADDR="10.0.1.1").status


def test_who_is_in_is_not_put_out_by_others_who_guess(shared: Site) -> None:
    shared.log_in()
    kept = shared.cookie
    for n in range(9):
        shared.cookie = ""
        shared.log_in("ann", f"guess number {n}")
    shared.cookie = kept

    assert opens(shared)


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/tasks/forum.SendDigest", "/tasks/forum.SendDigest"),
        ("/log/", "/log/"),
        ("", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/log//evil", "/"),
        ("/log\r\nSet-Cookie: a=b", "/"),
        ("/log?x=%0d%0a", "/"),
        ("/@evil.example", "/"),
        ("/login", "/"),
        ("/logout", "/"),
        ("/" + "a" * 50_000 + "!", "/"),
    ],
)
def test_one_goes_on_to_a_page_of_the_site_and_nowhere_else(shared: Site, wanted: str, location: str) -> None:
    assert location == shared.log_in(more={"next": wanted}).headers["Location"]


def test_the_page_that_was_asked_for_is_where_one_goes_on_to(shared: Site) -> None:
    assert 'name="next" value="/log/01M8"' in shared.ask("/log/01M8?x=<script>").text
    assert 'name="next" value="/"' in shared.ask('/log/"%3E%3Cscript%3E').text


def test_what_was_typed_is_shown_again_as_text(shared: Site) -> None:
    text = shared.log_in('"><script>alert(1)</script>', "x").text

    assert "<script" not in text
    assert 'value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in text


def test_the_cookie_is_for_encrypted_ways_only_where_there_is_one(shared: Site) -> None:
    assert "Secure" not in shared.log_in(headers={"Origin": f"http://{HERE}"}).headers["Set-Cookie"]
    shared.post("/logout")
    headers = {"Origin": "https://admin.example.org", "Host": "admin.example.org"}

    assert "; Secure" in shared.log_in(headers=headers).headers["Set-Cookie"]


def test_who_is_taken_out_of_the_file_is_out_at_the_next_request(shared: Site, file: Path) -> None:
    shared.log_in()
    lines = [line for line in file.read_text().splitlines(keepends=True) if not line.startswith("ann")]
    file.write_text("".join(lines))

    assert not opens(shared)
    assert 403 == shared.log_in().status


@pytest.mark.parametrize("change", ["password", "rights"])
def test_who_is_changed_in_the_file_logs_in_anew(shared: Site, file: Path, change: str) -> None:
    shared.log_in()
    write_entry(file, "ann", ANN, may_change=change != "rights")

    assert not opens(shared)
    shared.log_in()
    assert opens(shared)
    assert [Person("ann", change != "rights")] == shared.people


def test_a_file_that_was_broken_lets_nobody_in(shared: Site, file: Path) -> None:
    shared.log_in()
    file.write_text("ann change " + ANN)

    assert not opens(shared)
    assert 403 == shared.log_in().status


def test_there_are_never_more_sessions_than_a_thousand(shared: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1000 == login.MOST_SESSIONS
    monkeypatch.setattr(login, "MOST_SESSIONS", 3)
    for _ in range(4):
        shared.cookie = ""
        shared.log_in()

    assert 3 == len(shared.login._sessions)
    assert opens(shared)


SALT, DIGEST = "A" * 22 + "==", "A" * 43 + "="


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has nobody who may log in"),
        ("# a comment\n\n", "has nobody who may log in"),
        ("ann:secret\n", "line 1 is not NAME change|view scrypt:…"),
        (f"# x\nann admin scrypt:15:{SALT}:{DIGEST}\n", "line 2 is not"),
        (f"ann change scrypt:9:{SALT}:{DIGEST}\n", "line 1 is not"),
        (f"ann change scrypt:30:{SALT}:{DIGEST}\n", "line 1 is not"),
        (f"ann change scrypt:15::{DIGEST}\n", "line 1 is not"),
        (f"ann change scrypt:15:{SALT}:\n", "line 1 is not"),
        (f"ann change scrypt:15:{SALT}:{DIGEST} x\n", "line 1 is not"),
        (f"ann\u202e change scrypt:15:{SALT}:{DIGEST}\n", "line 1 is not"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "passwords"
    file.write_text(text)
    file.chmod(0o600)

    with pytest.raises(ConfigError, match=message.replace("|", r"\|")) as refused:
        read_entries(file)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("mode", "message"), [(0o640, "can be read by others"), (0o602, "is writable by")])
def test_a_file_that_others_can_read_or_write_is_refused(file: Path, mode: int, message: str) -> None:
    file.chmod(mode)

    with pytest.raises(ConfigError, match=message):
        PasswordFile(file)


def test_a_file_that_is_a_link_or_none_is_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(file)

    with pytest.raises(ConfigError, match="is a link"):
        PasswordFile(tmp_path / "link")
    with pytest.raises(ConfigError, match="does not exist"):
        PasswordFile(tmp_path / "missing")
    with pytest.raises(ConfigError, match="is a directory"):
        PasswordFile(tmp_path)


def test_no_password_stands_in_the_file_and_no_digest_twice(file: Path) -> None:
    before = file.read_text()
    write_entry(file, "ann", ANN, may_change=True)

    assert ANN not in before
    assert before != file.read_text()
    assert ["ann", "bob"] == [line.split()[0] for line in file.read_text().splitlines()]
    assert 0o600 == file.stat().st_mode & 0o777


@pytest.mark.parametrize(
    ("name", "password", "message"),
    [
        ("ann bob", ANN, "is not a name of letters"),
        ("#ann", ANN, "is not a name of letters"),
        ("", ANN, "is not a name of letters"),
        ("a\nroot", ANN, "is not a name of letters"),
        ("eve", "short", "at least 10 characters"),
        ("eve", "", "at least 10 characters"),
    ],
)
def test_a_name_or_password_that_cannot_be_is_not_written(
    file: Path, name: str, password: str, message: str
) -> None:
    before = file.read_text()

    with pytest.raises(ConfigError, match=message):
        write_entry(file, name, password, may_change=True)
    assert before == file.read_text()
