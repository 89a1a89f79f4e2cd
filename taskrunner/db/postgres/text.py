"""The text of a query as psycopg wants it."""

from __future__ import annotations

import re
from functools import cache

NAME_OR_TEXT = re.compile(r"'[^']*'|(?<![:\w]):(\w+)|%")


@cache
def with_percent_names(sql: str) -> str:
    """Return SQL with its parameters `:name` made `%(name)s`, and `%` doubled.

    >>> with_percent_names("select :a, ':b', cast(c as d) like '%' where e = :a")
    "select %(a)s, ':b', cast(c as d) like '%%' where e = %(a)s"
    """
    return NAME_OR_TEXT.sub(_as_psycopg, sql)


def _as_psycopg(found: re.Match[str]) -> str:
    return f"%({found[1]})s" if found[1] else found[0].replace("%", "%%")
