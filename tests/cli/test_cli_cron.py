"""taskrun cron and its options, pause, resume, stop, and plugins that are broken."""

import json
import re

import pytest


def outcomes(site):
    return {row["name"]: row["outcome"] for row in site.reads("log")}


def test_cron_runs_what_is_due_and_ends_with_0_though_a_task_failed(site):
    printed = site.prints("cron")

    assert printed.startswith("Server Time: ")
    assert "\nScheduled task complete: Send digests (forum.SendDigest)\n" in printed
    assert "\nScheduled task failed: Broken (forum.Broken),disk is full\n" in printed
    assert re.search(
        r"\nCron completed at \d\d:\d\d:\d\d in [0-9.]+ seconds. Memory used: [0-9.]+ MB.\n$", printed
    )


def test_strict_ends_with_1_if_a_task_failed(site):
    first, second = site.run("cron", "--strict"), site.run("cron", "--strict")

    assert (first.returncode, second.returncode) == (1, 0)


def test_nothing_due_and_piped_prints_nothing_and_makes_no_file(site):
    site.prints("cron")
    files = sorted((site.root / "log").rglob("*"))

    done = site.run("cron")

    assert (done.stdout, done.stderr) == ("", "")
    assert sorted((site.root / "log").rglob("*")) == files


def test_verbose_prints_also_when_nothing_was_due(site):
    site.prints("cron")

    assert "\nCron run completed correctly\n" in site.prints("cron", "--verbose")


def test_an_idle_minute_is_shown_on_a_terminal(site):
    site.prints("cron")

    assert "\nCron run completed correctly\n" in site.shows("cron")


def test_quiet_prints_nothing_and_logs_all_the_same(site):
    assert site.prints("cron", "--quiet") == ""
    assert outcomes(site) == {"forum.SendDigest": "ok", "forum.Broken": "failed"}


def test_a_dry_run_says_what_would_run_and_runs_nothing(site):
    printed = site.prints("cron", "--dry-run")

    would, then, not_now = re.split(r"\n(?=\S)", printed.rstrip())
    assert [line.split()[0] for line in would.splitlines()[1:]] == ["forum.SendDigest", "forum.Broken"]
    assert then.splitlines()[1:] == ["  nothing"]
    assert "  forum.Quiet: it is disabled" in not_now.splitlines()
    assert site.reads("log") == []


@pytest.mark.parametrize(
    "arguments", [("--keep-alive", "901"), ("--keep-alive", "-1"), ("--frobnicate",)], ids=str
)
def test_a_wrong_option_is_a_usage_error(site, arguments):
    assert site.refuses("cron", *arguments)[0] == 2


def test_a_paused_cron_prints_nothing_that_would_be_a_mail_a_minute(site):
    site.prints("pause")

    assert "" == site.prints("cron")


def test_a_paused_cron_runs_nothing_and_says_so_in_one_line_to_who_asks(site):
    site.prints("pause", "--reason", "new server")

    done = site.run("cron", "--verbose")

    assert done.returncode == 0
    assert re.fullmatch(r"Cron has been paused since .* \(new server\)\. .*\n", done.stdout)
    assert site.reads("log") == []


def test_a_run_by_hand_before_its_time_takes_no_slot_that_is_still_to_come(site):
    site.run("run-task", "Quiet", "--force")

    [run] = site.reads("log")
    assert ("ok", None) == (run["outcome"], run["due_at"])


def test_a_paused_cron_runs_by_force(site):
    site.prints("pause")

    site.prints("cron", "--force")

    assert "forum.SendDigest" in outcomes(site)


def test_a_resumed_cron_goes_on(site):
    site.prints("pause")
    site.prints("resume")

    site.prints("cron")

    assert "forum.SendDigest" in outcomes(site)


def test_pause_waits_until_nothing_runs(site):
    assert site.prints("pause", "--wait").endswith("\nNothing is running any more.\n")


def test_stop_is_no_concern_of_the_next_cron(site):
    site.prints("stop")

    site.prints("cron")

    assert "forum.SendDigest" in outcomes(site)


def test_a_plugin_with_a_syntax_error_harms_no_other_and_is_found(site):
    path = site.write("shop", "class Bill(:\n", preamble="")

    site.prints("cron")
    done = site.run("plugins")

    assert outcomes(site)["forum.SendDigest"] == "ok"
    assert re.search(r"^shop .* broken ", done.stdout, re.M)
    assert done.stderr.startswith(f"{path}:1: SyntaxError")


def test_a_class_with_a_wrong_schedule_harms_no_other_and_is_found(site):
    path = site.write(
        "shop",
        "class Bill(ScheduledTask):\n    schedule = '61 * * * *'\n    def execute(self): pass\n\n\n"
        "class Stock(ScheduledTask):\n    schedule = Every(hours=1)\n    def execute(self): pass\n",
    )

    site.prints("cron")
    [shop] = [plugin for plugin in site.reads("plugins") if plugin["name"] == "shop"]

    assert outcomes(site)["shop.Stock"] == "ok"
    assert shop["tasks"] == ["shop.Stock"]
    assert [finding.startswith(f"{path}:7: Bill: ") and "61" in finding for finding in shop["findings"]] == [
        True
    ]


def test_plugins_shows_what_is_loaded(used):
    rows = {row["name"]: row for row in used.reads("plugins")}

    assert list(rows) == ["core", "forum"]
    assert rows["forum"]["tasks"] == ["forum.SendDigest", "forum.Broken", "forum.Quiet", "forum.Mail"]
    assert (rows["forum"]["enabled"], rows["forum"]["findings"]) == (True, [])


def test_a_disabled_plugin_is_shown_as_such(site):
    site.configure("[plugins.forum]\nenabled = false")

    site.prints("cron")

    assert site.reads("log") == []
    assert [row["enabled"] for row in site.reads("plugins") if row["name"] == "forum"] == [False]
    assert {row["state"] for row in site.reads("list", "--plugin", "forum")} == {"plugin disabled"}


@pytest.mark.parametrize(
    ("setting", "printed"), [("none", ""), ("failures", "Scheduled task failed: Broken")]
)
def test_the_config_says_what_stdout_is_told(site, setting, printed):
    site.configure(f'[cron]\nstdout = "{setting}"')

    told = site.prints("cron")

    assert told.startswith(printed) and (bool(told) == bool(printed))
    assert "to Ada" not in told


def test_a_closed_stdout_or_stdin_does_no_harm(site):
    import subprocess

    from tests.cli.program import PROGRAM

    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" <&- >&- 2>&-', "sh", *PROGRAM, "cron"], cwd=site.root, env=site.environment()
    )

    assert done.returncode == 0
    assert outcomes(site)["forum.SendDigest"] == "ok"


def test_what_a_task_queues_from_another_directory_goes_to_its_own_site(site, tmp_path):
    site.write(
        "forum",
        "class Queueing(ScheduledTask):\n    schedule = Every(hours=1)\n"
        "    def execute(self):\n        os.chdir('/')\n        queue_adhoc_task(Mail(1))\n"
        "class Mail(AdhocTask):\n    def execute(self): mtrace('sent')\n",
    )

    site.prints("--config", str(tmp_path / "taskrunner.toml"), "cron")

    assert json.loads(site.prints("log", "--json"))[0]["name"] == "forum.Mail"
