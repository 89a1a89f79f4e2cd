"""The crontab line, as cron runs it."""

import subprocess

from tests.acceptance.processes import TASKRUN
from tests.patience import DEADLINE

DIGEST = """\
class SendDigest(ScheduledTask):
    schedule = Every(hours=1)

    def execute(self):
        mtrace("to Ada")
        queue_adhoc_task(Mail("Ada"))
        witness(os.getcwd())


class Mail(AdhocTask):
    def execute(self):
        mtrace(f"mail to {self.custom_data}")
"""


def as_cron(site, command: str) -> subprocess.CompletedProcess[str]:
    """Run a crontab line as cron does: an empty environment, /bin/sh, the home directory."""
    environment = (f"HOME={site.root}", "PATH=/usr/bin:/bin", "SHELL=/bin/sh", "LOGNAME=somebody")
    return subprocess.run(
        ["env", "-i", *environment, "/bin/sh", "-c", command],
        cwd=site.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
    )


def test_the_crontab_line_runs_scheduled_and_adhoc_tasks(site):
    site.write("forum", DIGEST)

    done = as_cron(site, f"{TASKRUN} --config {site.config} cron")

    assert (done.returncode, done.stderr) == (0, "")
    assert "\nto Ada\n" in done.stdout and "\nmail to Ada\n" in done.stdout
    assert site.outcomes() == [("forum.SendDigest", "ok"), ("forum.Mail", "ok")]


def test_the_printed_crontab_line_works_as_it_is(site):
    init = site.run("init", str(site.root / "my site"))
    [line] = [line for line in init.stdout.splitlines() if line.startswith("* * * * * ")]

    done = as_cron(site, line.removeprefix("* * * * * ").replace("\\%", "%"))

    assert (done.returncode, done.stderr) == (0, "")
    assert (site.root / "my site" / "state" / "taskrunner.db").is_file()


def test_an_idle_minute_mails_nothing_and_makes_no_log_file(site):
    site.write("forum", DIGEST)
    as_cron(site, f"{TASKRUN} --config {site.config} cron")
    files = sorted((site.root / "log").rglob("*"))

    done = as_cron(site, f"{TASKRUN} --config {site.config} cron")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted((site.root / "log").rglob("*")) == files


def test_text_beyond_ascii_is_printed_without_a_locale(site):
    site.write(
        "forum",
        'class Umlaut(ScheduledTask):\n    """Größe."""\n    schedule = Every(hours=1)\n'
        "    def execute(self):\n        print('\u20ac \U0001f600')\n        raise ValueError('\u00fcber')\n",
    )

    done = as_cron(site, f"{TASKRUN} --config {site.config} cron; {TASKRUN} --config {site.config} log")

    assert done.stderr == ""
    assert "Scheduled task failed: Größe (forum.Umlaut),über" in done.stdout
    assert "\n\u20ac \U0001f600\n" in done.stdout


def test_nothing_is_left_behind_by_a_good_run(site):
    site.write("forum", DIGEST)

    as_cron(site, f"{TASKRUN} --config {site.config} cron")

    assert site.left_behind() == []
