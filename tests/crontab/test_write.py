"""The plugin that is written: readable, and nothing that stood in the crontab can be code of it."""

import ast
import types

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from taskrunner.crontab.write import write_plugin
from taskrunner.tasks import RULES, ShellTask
from taskrunner.validate import misfits
from tests.crontab.isc_cron import command_of
from tests.crontab.test_parse import read

CRONTAB = r"""
# What must not be forgotten

SHELL=/bin/bash
MAILTO="ops@example.org"
# Dump the shop
# every night
30 2 * * * mysqldump shop | gzip > /backup/$(date +\%F).gz
#0 4 * * * old
@daily find /tmp -delete # Tidy /tmp
CRON_TZ=Europe/Paris
LOGNAME=root
0 9 * * mon-fri mail -s "It's 9" ann%Hello,%%wake up!
@reboot start
# The end
"""

PLUGIN = r'''
"""What was in the crontab: a class for each line, to be changed as you like."""

from taskrunner.tasks import ShellTask


# What must not be forgotten


class _Crontab(ShellTask):
    """What cron gives its commands."""

    cwd = '/home/ann'
    shell = '/bin/bash'
    environment = {
        'HOME': '/home/ann',
        'SHELL': '/bin/bash',
        'PATH': '/usr/bin:/bin',
        'MAILTO': 'ops@example.org',
    }


class Mysqldump(_Crontab):
    """Dump the shop

    every night
    """

    # 30 2 * * * mysqldump shop | gzip > /backup/$(date +\%F).gz
    schedule = '30 2 * * *'
    command = 'mysqldump shop | gzip > /backup/$(date +%F).gz'


# 0 4 * * * old


class Find(_Crontab):
    """Tidy /tmp"""

    # @daily find /tmp -delete # Tidy /tmp
    schedule = '@daily'
    command = 'find /tmp -delete # Tidy /tmp'


class _CrontabFromLine12(ShellTask):
    """What cron gives its commands from line 12 on."""

    cwd = '/home/ann'
    shell = '/bin/bash'
    timezone = 'Europe/Paris'
    environment = {
        'HOME': '/home/ann',
        'SHELL': '/bin/bash',
        'PATH': '/usr/bin:/bin',
        'MAILTO': 'ops@example.org',
        'CRON_TZ': 'Europe/Paris',
    }


class Mail(_CrontabFromLine12):
    """Line 13 of the crontab"""

    # 0 9 * * mon-fri mail -s "It's 9" ann%Hello,%%wake up!
    schedule = '0 9 * * mon-fri'
    command = 'mail -s "It\'s 9" ann'
    stdin = 'Hello,\n\nwake up!\n'


# Line 14 was not carried over: taskrunner cannot tell a restart; leave it to cron
# @reboot start


# The end
'''


def namespace(source: str) -> dict[str, object]:
    module = types.ModuleType("crontab")
    exec(compile(source, "crontab.py", "exec"), vars(module))
    return vars(module)


def test_a_plugin_has_a_class_for_each_line_and_comments_where_they_stood():
    assert PLUGIN.lstrip("\n") == write_plugin(read(CRONTAB))


HOSTILE = (
    '"""', "'''", '"', "'", "\\", '\\"""', "${x}", "{", "\r", "\x0c", "\x1b[31m", "\x85", "\u2028", "\u202e",
    "\x00", "\nimport os", "# coding: utf-7", "+AGEAYg-", "\udce9", "%", "\\%", "é", "\\N{DASH}", "\\x00",
)  # fmt: skip


@settings(max_examples=400)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(HOSTILE),
            st.sampled_from(
                ["\n", "# ", "* * * * * ", "A=", "@daily ", "0 0 1 * 1 x ", "SHELL=/", "x ", '"']
            ),
        ),
        max_size=14,
    ).map("".join)
)
@example('# """\n* * * * * """; import os\n')
@example("# coding: utf-7\n# coding: utf-7\n* * * * * x\n")
@example("A=\"'\\\n* * * * * x\n")
@example("# x\\\n* * * * * y\\\n")
def test_whatever_it_holds_each_line_is_carried_over_or_left_and_the_plugin_is_what_cron_has(text):
    data = text.encode("utf-8", "surrogatepass").replace(b"\0", b"")
    crontab = read(data)

    source = write_plugin(crontab)

    assert source.isascii() or source.encode("utf-8")
    declared = namespace(source)
    lines = [line.removesuffix(b"\r").decode("utf-8", "surrogateescape") for line in data.split(b"\n")]
    for job in crontab.jobs:
        task = declared[job.name]
        assert isinstance(task, type) and issubclass(task, ShellTask)
        assert [] == list(misfits(task, RULES))
        rest = lines[job.line - 1].lstrip(" \t")
        assert rest == job.text
        for _ in range(1 if rest.startswith("@") else 5):
            rest = rest[len(rest.split(" ")[0].split("\t")[0]) :].lstrip(" \t")
        while rest[:1] == "-" and rest[1:2] in ("n", "q", "s"):
            rest = rest.partition(" ")[2].lstrip(" \t")
        assert command_of(rest) == (task.command, task.stdin)
    spoken_of = {item.line for item in (*crontab.jobs, *crontab.left)}
    assert all(
        number in spoken_of or not line.strip(" \t") or line.lstrip(" \t").startswith("#") or "=" in line
        for number, line in enumerate(lines, 1)
    )


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_but_imports_classes_and_assignments_is_written(hostile):
    hostile = hostile.replace("\0", "")
    lines = ("# {}", "* * * * * x {}", "A={}", "* * * * * {}y", "# {}", "@reboot {}", "")
    text = "\n".join(lines).replace("{}", hostile)
    tree = ast.parse(write_plugin(read(text.encode("utf-8", "surrogateescape"))))

    kinds = {
        type(node).__name__
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt | ast.Call | ast.JoinedStr)
    }
    assert {"Expr", "ImportFrom", "ClassDef", "Assign"} == kinds
    assert all(isinstance(node.value, ast.Constant) for node in ast.walk(tree) if isinstance(node, ast.Expr))


def test_a_title_that_no_docstring_can_hold_is_an_attribute_that_can_be_stored():
    declared = namespace(write_plugin(read(b'# the "caf\xe9"\\ \x1b[31m\n* * * * * x\n')))

    assert 'the "caf\\udce9"\\ \\x1b[31m' == declared["Line2"].title
