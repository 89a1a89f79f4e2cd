"""The formats of log files: what stands in them, and that the output of a run is read back from each."""

import json
import re

import pytest

from tests.databases import ON_SQLITE
from tests.patience import DEADLINE
from tests.runner.runner_site import scheduled
from tests.runner.test_output import one_cron

PRINTS = """
import sys
print("to Ada \\u00fc")
print("no reply", file=sys.stderr)
subprocess.run(["echo", "from a child"])
print("open", end="")
"""
DIES = """
print("so far")
os._exit(3)
"""


def lines_of(site):
    return [line for file in site.log_files() for line in file.read_text("utf-8").splitlines()]


def objects_of(site):
    return [json.loads(line) for line in lines_of(site)]


def make(make_site, name, **tasks):
    site = make_site(plugins={"forum": [scheduled(class_name, body) for class_name, body in tasks.items()]})
    site.configure(f'[log]\nformat = "{name}"')
    return site


@ON_SQLITE
def test_json_is_an_object_a_line_with_its_run_and_stream(make_site):
    site = make(make_site, "json", Digest=PRINTS)
    site.cron(after=60)

    [run] = site.runs()
    objects = objects_of(site)

    assert {"at", "stream", "text"} <= set.intersection(*map(set, objects))
    assert {(run.run_id, "forum.Digest"), (None, None)} == {
        (one.get("run_id"), one.get("task")) for one in objects
    }
    printed = [(one["stream"], one["text"]) for one in objects if one["stream"] != "cron"]
    assert {("stdout", "to Ada ü"), ("stdout", "from a child"), ("stdout", "open")} <= set(printed)
    assert ("stderr", "no reply") in printed
    [start, end] = [one for one in objects if "event" in one]
    assert ("start", "Execute scheduled task: Digest (forum.Digest)") == (start["event"], start["text"])
    assert ("end", "ok", True) == (end["event"], end["outcome"], end["duration"] > 0)


@ON_SQLITE
def test_what_is_kept_of_a_run_is_its_text_whatever_the_format(make_site):
    site = make(make_site, "json", Digest=PRINTS + "raise KeyError('customer')")
    site.cron(after=60)

    [run] = site.runs()

    assert "KeyError: 'customer'" == run.message
    text = "".join(sorted(run.output.partition("Traceback")[0].splitlines(keepends=True)))
    assert "from a child\nno reply\nopen\nto Ada ü\n" == text
    assert run.output.endswith("KeyError: 'customer'\n")


@ON_SQLITE
def test_the_short_format_is_one_line_before_a_run_and_one_after_it(make_site):
    site = make(make_site, "short", Digest="print('to Ada')")
    site.cron(after=60)

    [run] = site.runs()

    before, printed, after = lines_of(site)[2:5]
    assert f"12:01:30 scheduled forum.Digest started, run id {run.run_id}" == before
    assert "to Ada" == printed
    assert re.fullmatch(r"12:01:30 scheduled forum\.Digest ok in \d+\.?\d* s", after)


@ON_SQLITE
def test_the_short_format_has_the_traceback_before_the_last_line(make_site):
    site = make(make_site, "short", Digest="raise KeyError('customer')")
    site.cron(after=60)

    text = "\n".join(lines_of(site))

    assert re.search(
        r"Traceback[\s\S]*KeyError: 'customer'\n"
        r"12:\S+ scheduled forum\.Digest failed in \S+ s: KeyError: 'customer'\n",
        text,
    )


@ON_SQLITE
@pytest.mark.parametrize("name", ["short", "json"])
def test_the_output_of_a_run_that_died_is_found_in_any_format(make_site, name):
    site = make(make_site, name, Digest=DIES)
    one_cron(site, "none", "later").wait(DEADLINE)
    site.cron(after=90)

    [run] = site.runs()

    assert ("crashed", "so far\n") == (run.outcome, run.output)
