"""Attacks on the administration: each is answered as its row says, and nothing is done."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from taskrunner.web.admin.request import Request, Response, admit, redirect, safety_headers, send
from tests.web.asking import FORM, HOST, OWN, ask

CHANGE = {"task": "forum.SendDigest"}
STYLE = "body{margin:0}"
PLAIN = {"method": "POST", "form": CHANGE}
SENT = {**PLAIN, "headers": OWN}


class Pages:
    """An administration of one page, which keeps what it was made to do, and shows what it is asked."""

    def __init__(self, may_change: bool = True) -> None:
        self.may_view: Any = lambda environ: True
        self.may_change: Any = lambda environ: may_change
        self.who: Any = None
        self.asked: list[Request] = []

    @property
    def done(self) -> list[dict[str, str]]:
        return [request.form for request in self.asked if request.method == "POST"]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = admit(environ, may_view=self.may_view, may_change=self.may_change, who=self.who)
        response = found if isinstance(found, Response) else self.answer(found)
        return send(response, environ, start_response, *safety_headers(STYLE))

    def answer(self, request: Request) -> Response:
        self.asked.append(request)
        return redirect(request.address("/")) if request.method == "POST" else Response(200, b"a page")


def of(**headers: str) -> dict[str, Any]:
    """Return a form that is sent with these headers."""
    return {**PLAIN, "headers": {name.replace("_", "-"): value for name, value in headers.items()}}


HERE, EVIL = f"http://{HOST}", "http://evil.example"

FROM_OTHER_SITES = {
    "a form of a browser that says nothing": of(),
    "a form of another site": of(Sec_Fetch_Site="cross-site"),
    "a form of a neighbour of the same domain": of(Sec_Fetch_Site="same-site"),
    "another site, with an origin that is right": of(Sec_Fetch_Site="cross-site", Origin=HERE),
    "a site in capitals": of(Sec_Fetch_Site="Same-Origin"),
    "two answers in one header": of(Sec_Fetch_Site="same-origin, cross-site"),
    "an empty answer, with an origin that is right": of(Sec_Fetch_Site="", Origin=HERE),
    "an opaque origin": of(Origin="null"),
    "an opaque origin, and the host of that name": of(Origin="null", Host="null"),
    "no origin": of(Origin=""),
    "the origin of another site": of(Origin=EVIL),
    "an origin that begins like this": of(Origin=f"{HERE}.evil.example"),
    "an origin that ends like this": of(Origin=f"http://evil{HOST}"),
    "an origin with another port": of(Origin=f"{HERE}:8078"),
    "an origin with this as its user": of(Origin=f"http://{HOST}@evil.example"),
    "an origin with another as its user": of(Origin=f"http://evil.example@{HOST}"),
    "an origin with a path": of(Origin=f"{HERE}/"),
    "two origins": of(Origin=f"{HERE}, {EVIL}"),
    "two origins apart by a blank": of(Origin=f"{HERE} {EVIL}"),
    "an origin of no web": of(Origin=f"ftp://{HOST}"),
    "an origin that cannot be read": of(Origin="http://[::1"),
    "a referer that is right, and no origin": of(Referer=f"{HERE}/"),
    "no host to compare with": {**of(Origin="http://"), "HTTP_HOST": None},
    "an empty host": of(Origin="http://", Host=""),
    "a host that was forwarded": of(Origin=EVIL, X_Forwarded_Host="evil.example"),
    "an origin that was forwarded": of(X_Origin=HERE, X_Forwarded_Origin=HERE),
    "a token of a script's": of(X_Requested_With="XMLHttpRequest"),
}


@pytest.mark.parametrize("attack", FROM_OTHER_SITES)
def test_a_form_of_another_site_is_refused(attack: str) -> None:
    pages = Pages()

    answer = ask(pages, "/", **FROM_OTHER_SITES[attack])

    assert (403, []) == (answer.status, pages.asked), attack
    assert "does not come from a page of this administration" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        OWN,
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "Origin": EVIL},  # a proxy before this has changed the host
        {"Origin": HERE},
        {"Origin": f"https://{HOST}"},  # a proxy before this speaks TLS
        {"Origin": f"{HERE}:8077", "Host": f"{HOST.upper()}:8077"},
    ],
    ids=str,
)
def test_a_form_of_its_own_is_taken(headers: dict[str, str]) -> None:
    pages = Pages()

    answer = ask(pages, "/", "POST", form=CHANGE, headers=headers)

    assert (303, "/", [CHANGE]) == (answer.status, answer.headers["Location"], pages.done)


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "PUT": ({**SENT, "method": "PUT"}, 405),
    "DELETE": ({**SENT, "method": "DELETE"}, 405),
    "PATCH": ({**SENT, "method": "PATCH"}, 405),
    "OPTIONS, before a script of another site": ({**SENT, "method": "OPTIONS"}, 405),
    "TRACE": ({**SENT, "method": "TRACE"}, 405),
    "CONNECT": ({**SENT, "method": "CONNECT"}, 405),
    "a method that nobody knows": ({**SENT, "method": "POSTAL"}, 405),
    "a form as plain text": ({**SENT, "CONTENT_TYPE": "text/plain"}, 415),
    "a form in parts": ({**SENT, "CONTENT_TYPE": "multipart/form-data; boundary=x"}, 415),
    "a form in JSON": ({**SENT, "CONTENT_TYPE": "application/json"}, 415),
    "a form of no type": ({**SENT, "CONTENT_TYPE": ""}, 415),
    "a form of two types": ({**SENT, "CONTENT_TYPE": f"text/plain, {FORM}"}, 415),
    "a form of no length": ({**SENT, "CONTENT_LENGTH": None}, 411),
    "a form of a byte more than 64 KB": ({**SENT, "form": b"a=" + b"x" * 65535}, 413),
    "a length beyond all numbers": ({**SENT, "CONTENT_LENGTH": "9" * 5000}, 413),
    "a length below zero": ({**SENT, "CONTENT_LENGTH": "-1"}, 400),
    "a length with a sign": ({**SENT, "CONTENT_LENGTH": "+22"}, 400),
    "two lengths": ({**SENT, "CONTENT_LENGTH": "22, 22"}, 400),
    "a length in other digits": ({**SENT, "CONTENT_LENGTH": "\u0662\u0662"}, 400),
    "a form that ends before its length": ({**SENT, "CONTENT_LENGTH": "4000"}, 400),
    "a field that stands twice": ({**SENT, "form": b"task=a&task=b"}, 400),
    "more fields than a page has": ({**SENT, "form": b"&".join(b"%d=" % n for n in range(1001))}, 400),
    "a field with the character 0": ({**SENT, "form": b"task=a%00b"}, 400),
    "a name with the character 0": ({**SENT, "form": b"task%00=a"}, 400),
    "a field in no encoding": ({**SENT, "form": b"task=%ff%fe"}, 400),
    "a form that is not encoded": ({**SENT, "form": "task=ö".encode()}, 400),
    "a path upwards": ({"target": "/log/../../etc/passwd"}, 400),
    "a path upwards, encoded": ({"target": "/log/%2e%2e/%2e%2e/etc/passwd"}, 400),
    "a path upwards by backslashes": ({"target": "/log/..%5c..%5cetc"}, 400),
    "a path that stays": ({"target": "/log/./x"}, 400),
    "a path that names a host": ({"target": "//evil.example/"}, 400),
    "a path that names a host by a backslash": ({"target": "/%5cevil.example"}, 400),
    "a path with a line break": ({"target": "/log%0d%0aSet-Cookie:%20a=b"}, 400),
    "a path with the character 0": ({"target": "/log%00.html"}, 400),
    "a path with an escape sequence": ({"target": "/log%1b%5b2J"}, 400),
    "a path that reads from right to left": ({"target": "/log%E2%80%AEgol"}, 400),
    "a path in no encoding": ({"target": "/log/%ff"}, 400),
    "a path in too many bytes": ({"target": "/%c0%ae%c0%ae/"}, 400),
    "a path without end": ({"target": f"/{'a' * 2000}"}, 400),
    "an address without end": ({"target": f"/?a={'a' * 9000}"}, 414),
    "a query in which a name stands twice": ({"target": "/?task=a&task=b"}, 400),
    "a query with the character 0": ({"target": "/?task=%00"}, 400),
    "a query in no encoding": ({"target": "/?task=%ff"}, 400),
    "a query of a thousand names": ({"target": "/?" + "&".join(f"{n}" for n in range(1001))}, 400),
    "a mount that leads upwards": ({"SCRIPT_NAME": "/.."}, 400),
    "a mount with a line break": ({"SCRIPT_NAME": "/a\r\nSet-Cookie: a=b"}, 400),
    "a script of another site that reads": ({"headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
    "a picture in a page of another site": (
        {"headers": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}},
        403,
    ),
    "a frame in a page of another site": (
        {
            "headers": {
                "Sec-Fetch-Site": "cross-site",
                "Sec-Fetch-Mode": "navigate",
                "Sec-Fetch-Dest": "iframe",
            }
        },
        403,
    ),
    "a script of a neighbour that reads": (
        {"headers": {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}},
        403,
    ),
}


@pytest.mark.parametrize("attack", REFUSED)
def test_what_no_page_of_its_own_sends_is_refused(attack: str) -> None:
    given, status = REFUSED[attack]
    pages = Pages()

    answer = ask(pages, **given)

    assert (status, []) == (answer.status, pages.asked), attack
    assert "text/plain; charset=utf-8" == answer.headers["Content-Type"]
    assert 1 == answer.text.count("\n")


def test_a_link_of_another_site_is_followed() -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert 200 == ask(Pages(), "/", headers=headers).status
    assert 200 == ask(Pages(), "/", headers={**headers, "Sec-Fetch-Dest": "document"}).status


def test_a_form_of_64_kilobytes_is_read() -> None:
    pages = Pages()

    ask(pages, **{**SENT, "form": {"text": "x" * (65536 - len("text="))}})

    assert [65531] == [len(form["text"]) for form in pages.done]


class Untouched:
    """A body that nobody may read."""

    def read(self, size: int = -1) -> bytes:
        raise AssertionError("it was read")

    readline = readlines = __iter__ = read


def rules(view: object, change: object) -> Callable[[], Pages]:
    def made() -> Pages:
        pages = Pages()
        pages.may_view, pages.may_change = view, change
        return pages

    return made


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (rules(None, None), "You may not see this administration."),
        (rules(None, lambda _: True), "You may not see this administration."),
        (rules(lambda _: False, lambda _: True), "You may not see this administration."),
        (rules(lambda _: True, None), "You may look here, but not change anything."),
        (rules(lambda _: True, lambda _: False), "You may look here, but not change anything."),
    ],
)
def test_a_form_of_somebody_who_may_not_is_refused_unread(made: Callable[[], Pages], sentence: str) -> None:
    pages = made()

    answer = ask(pages, **SENT, **{"wsgi.input": Untouched()})

    assert (403, f"{sentence}\n", []) == (answer.status, answer.text, pages.asked)


def test_a_form_of_another_site_is_refused_unread() -> None:
    assert 403 == ask(Pages(), **PLAIN, **{"wsgi.input": Untouched()}).status


def test_a_form_that_is_too_long_is_refused_unread() -> None:
    assert 413 == ask(Pages(), **{**SENT, "CONTENT_LENGTH": "65537", "wsgi.input": Untouched()}).status


async def later(environ: dict[str, Any]) -> bool:
    return False


@pytest.mark.filterwarnings("ignore:coroutine")
@pytest.mark.parametrize("rule", [later, lambda _: "ann", lambda _: None, lambda _: 1])
def test_a_rule_that_gives_no_truth_lets_nobody_in(rule: Any) -> None:
    pages = rules(rule, rule)()

    with pytest.raises(TypeError, match="has to return True or False"):
        ask(pages)
    assert [] == pages.asked


@pytest.mark.parametrize("target", ["/?_method=POST", "/?task=forum.SendDigest", "/pause?_method=DELETE"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_parameter_and_no_header_makes_a_change_of_a_look(method: str, target: str) -> None:
    pages = Pages()

    answer = ask(pages, target, method, headers={"X-HTTP-Method-Override": "POST", "X-Method": "POST"})

    assert (200, [], method) == (answer.status, pages.done, pages.asked[0].method)
    assert ("6", b"a page" if method == "GET" else b"") == (answer.headers["Content-Length"], answer.body)


def test_every_answer_keeps_browsers_from_harm() -> None:
    answers = [ask(Pages()), ask(Pages(), **SENT), ask(Pages(), **PLAIN), ask(Pages(), "/", "PUT")]

    for answer in answers:
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] == [
            rule for rule in policy if not rule.startswith("style-src")
        ]
        assert dict(safety_headers(STYLE)).items() <= answer.headers.items()
        assert ("nosniff", "no-store", "same-origin") == tuple(
            answer.headers[name] for name in ("X-Content-Type-Options", "Cache-Control", "Referrer-Policy")
        )


def test_the_policy_allows_the_style_of_the_pages_and_no_other() -> None:
    policy = dict(safety_headers(STYLE))["Content-Security-Policy"]

    assert (
        "; style-src 'sha256-IAdwN3biDCQ3brrgp1m8kBEsPQYyqfREKOEfeoREopc='; " in policy
    )  # as openssl counts it
    assert "unsafe" not in policy
    assert policy != dict(safety_headers(f"{STYLE} "))["Content-Security-Policy"]


@pytest.mark.parametrize("value", ["/\r\nSet-Cookie: a=b", "/\nX: y", "/\0", "/\x1b[2J", "/ö"])
def test_a_header_that_would_end_its_line_is_not_sent(value: str) -> None:
    pages = Pages()
    pages.answer = lambda request: redirect(value)  # type: ignore[method-assign]

    with pytest.raises(ValueError, match="Location cannot be sent"):
        ask(pages)


def test_an_address_holds_what_was_typed_as_a_part_and_not_as_more() -> None:
    pages = Pages()
    ask(pages, "/", SCRIPT_NAME="/cron")
    [request] = pages.asked

    assert "/cron/a%0D%0Ab%3F%23/c?to=%2F%2Fevil.example%0D%0A" == request.address(
        "/a\r\nb?#/c", to="//evil.example\r\n"
    )
    assert "/cron/evil.example/x" == request.address("//evil.example/x")
    assert "/cron/%5Cevil.example" == request.address("/\\evil.example")


@pytest.mark.parametrize(
    ("mounted", "prefix"),
    [
        ("", ""),
        ("/cron", "/cron"),
        ("/cron/", "/cron"),
        ("/a b", "/a%20b"),
        ('/"><script>', "/%22%3E%3Cscript%3E"),
        ("/javascript:x", "/javascript%3Ax"),
        ("/gr\u00c3\u00bcn", "/gr%C3%BCn"),
    ],
)
def test_a_mount_is_a_part_of_addresses_whatever_its_characters(mounted: str, prefix: str) -> None:
    pages = Pages()

    ask(pages, "/", SCRIPT_NAME=mounted)

    assert [prefix] == [request.prefix for request in pages.asked]


def test_a_mount_without_a_slash_behind_it_is_its_first_page() -> None:
    pages = Pages()

    ask(pages, "", SCRIPT_NAME="/cron")

    assert ["/"] == [request.path for request in pages.asked]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ann", "web:ann"),
        ("", "web"),
        ("a\r\nb\x1b[31m\u202e\0", "web:a??b?[31m??"),
        ("a" * 500, f"web:{'a' * 64}"),
        (None, "web:None"),
    ],
)
def test_a_person_is_named_in_characters_that_can_be_shown(name: Any, shown: str) -> None:
    pages = Pages()
    pages.who = lambda environ: name

    ask(pages)

    assert [shown] == [request.who for request in pages.asked]


def test_a_page_is_told_whether_its_person_may_change_anything() -> None:
    for may in (True, False):
        pages = Pages(may_change=may)
        ask(pages)
        assert [may] == [request.may_change for request in pages.asked]


def test_a_text_of_several_lines_has_newlines_alone() -> None:
    pages = Pages()

    ask(pages, **{**SENT, "form": b"reason=a%0D%0Ab%0Dc%0Ad&empty="})

    assert [{"reason": "a\nb\nc\nd", "empty": ""}] == pages.done


def test_parts_of_a_body_that_are_not_sent_are_let_go_of() -> None:
    closed = []

    class Parts:
        def __iter__(self) -> Any:
            return iter((b"a", b"b"))

        def close(self) -> None:
            closed.append(True)

    pages = Pages()
    pages.answer = lambda request: Response(200, Parts(), "text/plain")  # type: ignore[method-assign]

    assert b"" == ask(pages, "/", "HEAD").body
    assert [True] == closed
    assert "Content-Length" not in ask(pages).headers
