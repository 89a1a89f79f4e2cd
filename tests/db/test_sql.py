"""One text of SQL, read by both databases."""

import pytest

from taskrunner.db.sql import DIALECTS, adapt


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_comments_in_front_go(dialect: str) -> None:
    assert "select 1" == adapt("-- The promise.\n  -- More of it.\nselect 1\n", dialect)


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [("sqlite", "select a from b"), ("postgres", "select a for update from b")],
)
def test_what_is_for_one_database_is_left_out_for_the_other(dialect: str, expected: str) -> None:
    adapted = adapt("select a /*postgres for update */ from b", dialect)

    assert expected.split() == adapted.split()


@pytest.mark.parametrize(("dialect", "expected"), [("sqlite", "select glob"), ("postgres", "select similar")])
def test_both_databases_may_differ_in_one_place(dialect: str, expected: str) -> None:
    adapted = adapt("select /*sqlite glob */ /*postgres similar */", dialect)

    assert expected.split() == adapted.split()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_text_without_differences_is_the_same_for_both(dialect: str) -> None:
    text = "select a\nfrom b\nwhere c like :d escape '\\'"

    assert text == adapt(text, dialect)


@pytest.mark.parametrize("text", ["select 1 /*mysql x */", "select 1 /* a remark */", "select 1 /**/"])
def test_a_comment_that_names_no_database_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no database"):
        adapt(text, "sqlite")


def test_a_comment_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="without an end"):
        adapt("select 1 /*postgres for update", "sqlite")
