"""Progress, completion, colours, widths: what a person at a terminal sees."""

import re
import subprocess
import sys

import pytest
from rich.style import Style

from taskrunner.cli import render as palette_module
from tests.cli.program import FORUM
from tests.databases import ON_SQLITE

STEPS = """
class Steps(AdhocTask):
    isolation = "{isolation}"

    def execute(self):
        for number in range(3):
            print("course", number)
            self.progress(number + 1, 3, f"course {{number}}")
"""
COMMANDS = (
    ["list"],
    ["why", "Quiet"],
    ["check"],
    ["stats"],
    ["log"],
    ["running"],
    ["doctor"],
    ["stats", "Broken"],
)


@ON_SQLITE
@pytest.mark.parametrize("isolation", ["none", "fork"])
def test_progress_is_lines_on_stderr_where_nobody_watches(site, isolation):
    site.write("steps", STEPS.format(isolation=isolation))

    done = site.run("run-task", "Steps")

    assert "course 0\ncourse 1\ncourse 2\n" in done.stdout
    assert "progress: 3/3 (100 %) course 2\n" == done.stderr.splitlines(keepends=True)[-1]


@ON_SQLITE
def test_progress_is_a_bar_below_the_output_on_a_terminal(site):
    site.write("steps", STEPS.format(isolation="none"))

    seen = site.shows("run-task", "Steps", columns=80)

    assert "\r\x1b[K" in seen
    assert re.search(r"━+\S* 3/3 course 2", re.sub(r"\x1b\[[\d;]*m", "", seen))
    assert "course 2\n" in seen.replace("\r\x1b[K", "")


@ON_SQLITE
def test_a_terminal_that_cannot_redraw_gets_lines(site):
    site.write("steps", STEPS.format(isolation="none"))
    site.environ["TERM"] = "dumb"

    seen = site.shows("run-task", "Steps")

    assert "progress: 3/3 (100 %) course 2\n" in seen
    assert "\x1b" not in seen


@pytest.mark.parametrize(
    ("shell", "answer"), [("bash", "plain,{}"), ("zsh", "plain\n{}\n"), ("fish", "plain,{}")]
)
def test_names_and_ids_complete(site, shell, answer):
    site.prints("run-task", "SendDigest")
    (run,) = site.reads("log")
    task_id = site.prints("adhoc", "queue", "Mail").strip()

    def offered(line):
        return site.completes(line, shell=shell).stdout

    assert answer.format("forum.SendDigest") in offered("taskrun show SendD")
    assert answer.format(run["run_id"]) in offered(f"taskrun log show {run['run_id'][:6]}")
    assert answer.format(task_id) in offered(f"taskrun why {task_id}")
    assert answer.format("doctor") in offered("taskrun doc")


@ON_SQLITE
def test_what_a_name_stands_for_is_told_where_the_shell_shows_it(site):
    assert "plain\nforum.SendDigest\nSend digests\n" == site.completes("taskrun show S", shell="zsh").stdout
    assert "plain,forum.SendDigest\tSend digests\n" == site.completes("taskrun show S", shell="fish").stdout


@ON_SQLITE
def test_a_plugin_that_is_new_completes_after_the_next_command(site):
    site.prints("cron")
    site.write("shop", FORUM.replace("Quiet", "Bill"))
    before = site.completes("taskrun show shop.Bi").stdout.strip()

    site.prints("list")

    assert not before  # a TAB imports no plugin
    assert "plain,shop.Bill\n" == site.completes("taskrun show shop.Bi").stdout


@ON_SQLITE
def test_adhoc_classes_complete_where_only_they_can_be_meant(site):
    site.prints("list")

    assert "plain,forum.Mail\n" == site.completes("taskrun adhoc queue forum.").stdout
    assert "forum.Mail" not in site.completes("taskrun enable forum.").stdout


@ON_SQLITE
def test_another_site_completes_from_its_config(site, tmp_path_factory):
    site.prints("list")
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    asked = site.completes(f"taskrun --config {site.root}/taskrunner.toml show forum.Q", cwd=elsewhere)

    assert "plain,forum.Quiet\n" == asked.stdout


@ON_SQLITE
def test_completion_without_a_site_offers_no_names_and_no_error(site):
    (site.root / "taskrunner.toml").unlink()

    assert "" == site.completes("taskrun show forum.").stdout.strip()


@ON_SQLITE
def test_bash_completes_with_the_script_it_is_given(site, tmp_path):
    site.prints("list")
    script = site.prints("completion", "bash")
    taskrun = tmp_path / "taskrun"
    taskrun.write_text(f'#!/bin/sh\nexec {sys.executable} -m taskrunner "$@"\n')
    taskrun.chmod(0o755)

    asking = f"COMP_WORDS=(taskrun show forum.Q); COMP_CWORD=2; _taskrun_completion {taskrun}"
    shown = subprocess.run(
        [
            "bash",
            "-c",
            f'{script}\n{asking}; echo "${{COMPREPLY[@]}}"',
        ],
        cwd=site.root,
        env=site.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert "forum.Quiet\n" == shown


@ON_SQLITE
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_get_a_script(site, shell):
    assert f"_TASKRUN_COMPLETE={shell}_complete" in site.prints("completion", shell)


@ON_SQLITE
@pytest.mark.parametrize("words", COMMANDS)
def test_no_colour_and_no_escape_where_none_is_wanted(site, words):
    site.prints("cron")
    site.environ["NO_COLOR"] = "1"

    assert [] == re.findall(
        r"\x1b\[[\d;]*m",
        site.shows(*words).replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[2m", ""),
    )
    assert "\x1b" not in site.run(*words).stdout


@ON_SQLITE
@pytest.mark.parametrize("words", [*COMMANDS, ["run-task", "Steps"], ["plugins"], ["adhoc", "list"]])
def test_a_terminal_is_shown_the_colours_of_the_palette_and_no_others(site, words):
    site.write("steps", STEPS.format(isolation="none"))
    site.prints("cron")

    codes = set(re.findall(r"\x1b\[([\d;]*)m", site.shows(*words)))

    palette = {
        name: Style.parse(getattr(palette_module, name)) for name in ("BAD", "ASIDE", "LATE", "DONE", "TO_DO")
    }
    ours = {code for style in palette.values() for code in re.findall(r"\[([\d;]*)m", style.render("x"))}
    assert set() == codes - ours - {"0", "1"}  # what is bold has the colour of the terminal


@ON_SQLITE
@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("words", [["list"], ["stats"], ["running"], ["log"]])
def test_tables_keep_to_the_width_of_the_terminal(site, words, columns):
    site.prints("cron")

    seen = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", site.shows(*words, columns=columns))

    assert [] == [line for line in seen.splitlines() if len(line) > columns]


@ON_SQLITE
def test_the_next_tasks_are_the_ones_due_first(site):
    site.prints("cron")

    (row,) = site.reads("list", "--next", "1")

    assert "forum.Broken" == row["name"]


@ON_SQLITE
def test_a_long_output_goes_through_the_pager_on_a_terminal_only(site):
    site.write("long", "class Long(AdhocTask):\n    def execute(self):\n        print('line\\n' * 100)\n")
    site.prints("run-task", "Long")
    (run,) = site.reads("log")
    pager = site.root / "pager"
    pager.write_text(f"#!/bin/sh\ncat > {site.root}/paged\n")
    pager.chmod(0o755)
    site.environ["PAGER"] = str(pager)

    site.shows("log", "show", run["run_id"])
    printed = site.prints("log", "show", run["run_id"])

    assert 100 == (site.root / "paged").read_text().count("line\n") == printed.count("line\n")
