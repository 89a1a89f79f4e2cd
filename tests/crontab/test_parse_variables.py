"""Lines that set a variable."""

import pytest

from taskrunner.crontab.parse import parse_variable


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("A=b", ("A", "b")),
        ("A = b c ", ("A", "b c")),
        ("A\t=\tb", ("A", "b")),
        ("A=", ("A", "")),
        ('A=""', ("A", "")),
        ('A=" b "', ("A", " b ")),
        ("A=' b ' ", ("A", " b ")),
        ("A='it\"s'", ("A", 'it"s')),
        ("A=b'c'", ("A", "b'c'")),
        ("A=b=c", ("A", "b=c")),
        ("A=$HOME/bin:%", ("A", "$HOME/bin:%")),
        ("'A B'=c", ("A B", "c")),
        ('"A" = c', ("A", "c")),
        ("A=é\udce9", ("A", "é\udce9")),
    ],
)
def test_a_line_that_sets_a_variable(text, variable):
    assert variable == parse_variable(text)


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "A B=c",
        "=b",
        "A='b",
        "A='b' c",
        "'A=b'=c",
        "'A'B=c",
        "* * * * * A=b c",
        "@daily A=b",
        "*/5 * * * * x=1",
        "",
        "'",
    ],
)
def test_any_other_line(text):
    assert parse_variable(text) is None
