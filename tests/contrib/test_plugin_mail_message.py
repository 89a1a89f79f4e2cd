"""What taskrun_contrib/mail_queue reads in a message: nobody is left out, nothing else is changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contrib.smtp_faults import plugin

WORD = st.text(st.sampled_from("abcXYZ019.-_+ü"), min_size=1, max_size=12)
ADDRESS = st.builds("{}@{}.example".format, WORD, WORD)
NAME = st.text(st.sampled_from('ab ,;:()<>@"\\üÄ'), max_size=12)


def quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


FORM = st.one_of(
    ADDRESS.map(lambda address: (address, address)),
    st.tuples(NAME, ADDRESS).map(lambda pair: (f"{quoted(pair[0])} <{pair[1]}>", pair[1])),
    ADDRESS.map(lambda address: (f"<{address}> (a comment, of (two) parts)", address)),
)


def addresses_in(text: str) -> list[str]:
    return list(plugin("message").addresses_in(text))


def parse(content: bytes) -> object:
    return plugin("message").Message.parse(content)


@given(st.lists(FORM, max_size=6), st.sampled_from([", ", ",", ";", " ; ", ",\t"]))
def test_every_address_is_found_however_it_is_written(forms: list[tuple[str, str]], comma: str) -> None:
    assert [address for _, address in forms] == addresses_in(comma.join(text for text, _ in forms))


@given(st.text(st.sampled_from('ab@,;:<>()[]"\\ .'), max_size=40))
def test_no_address_makes_it_fail_and_nothing_with_an_at_is_dropped(text: str) -> None:
    found = addresses_in(text)

    if not set('"()<>[]\\:') & set(text):
        assert text.count("@") == sum(address.count("@") for address in found)


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("undisclosed-recipients:;", []),
        ("friends: a@x, b@x;, c@x", ["a@x", "b@x", "c@x"]),
        ("a@x b@x", ["a@x b@x"]),
        ("Ann a@x", ["Ann a@x"]),
        ("<a@x><b@x>", ["a@x", "b@x"]),
        ("<@relay,@other:a@x>", ["a@x"]),
        ("a@[IPv6:::1], b@x", ["a@[IPv6:::1]", "b@x"]),
        ('"a,b"@x, c@x', ['"a,b"@x', "c@x"]),
        ("<a@x", ["a@x"]),
        (" , ,", []),
        ("a@x (never closed, b@x", ["a@x", "b@x"]),
    ],
)
def test_odd_headers(text: str, addresses: list[str]) -> None:
    assert addresses == addresses_in(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_kept_as_they_are_but_for_a_missing_empty_line(content: bytes) -> None:
    message = parse(content)
    kept = message.to_file()  # type: ignore[attr-defined]

    if not content.startswith(b"From "):
        assert content.replace(b"\n", b"") == kept.replace(b"\n", b"")


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b"From: a@x\nTo: b@x\n\nhello", b"From: a@x\r\nTo: b@x\r\n\r\nhello\r\n"),
        (b"From a@x Mon Jan  1\nFrom: a@x\nTo: b@x\n\nhello\n", b"From: a@x\r\nTo: b@x\r\n\r\nhello\r\n"),
        (b"From: a@x\nBcc: c@x,\n d@x\nTo: b@x\n\n", b"From: a@x\r\nTo: b@x\r\n\r\n"),
        (b"From: a@x\nx-envelope-to : c@x\nTo: b@x\n\n", b"From: a@x\r\nTo: b@x\r\n\r\n"),
        (b"From: a@x\nno header\nTo: b@x\n", b"From: a@x\r\n\r\nno header\r\nTo: b@x\r\n"),
        (b"From: a@x\r\nTo: b@x\r\n\r\nFrom here\r\n", b"From: a@x\r\nTo: b@x\r\n\r\nFrom here\r\n"),
        (b"From: a@x\nTo: b@x", b"From: a@x\r\nTo: b@x\r\n\r\n"),
    ],
)
def test_what_a_server_gets(content: bytes, sent: bytes) -> None:
    assert sent == parse(content).to_server()  # type: ignore[attr-defined]


def test_what_is_kept_for_some_names_them_once_however_often_it_is_kept() -> None:
    content = b"From: a@x\nTo: b@x, c@x, d@x\n\nhello\n"
    for left in (["c@x", "d@x"], ["d@x"]):
        content = parse(content).to_file(left)  # type: ignore[attr-defined]

    assert b"X-Envelope-To: d@x\nFrom: a@x\nTo: b@x, c@x, d@x\n\nhello\n" == content
