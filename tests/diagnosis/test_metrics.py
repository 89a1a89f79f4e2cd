"""Metrics for Prometheus: of the site, and of each task."""

import time

from prometheus_client import parser

from taskrunner.diagnosis.check import check_site
from taskrunner.diagnosis.metrics import (
    HELP,
    HELP_OF_TASK,
    TaskState,
    exposition,
    task_states,
    write_atomically,
)
from tests.diagnosis.test_why_scheduled import asked
from tests.runner.runner_site import adhoc, scheduled


def families_of(text):
    return {family.name: family for family in parser.text_string_to_metric_families(text)}


def values_of(family, label="task"):
    return {sample.labels[label]: sample.value for sample in family.samples}


def test_the_metrics_of_the_site_are_what_prometheus_reads(make_site):
    site = make_site(plugins={"forum": scheduled("Digest")})
    asked(site, after=0)
    asked(site, after=90)
    with site.opened() as opened:
        found = check_site(opened, now=site.clock())

    families = families_of(exposition(found, now=site.clock()))

    assert set(HELP) == set(families)
    assert {"gauge"} == {family.type for family in families.values()}
    assert {check.area: check.exit_code for check in found} == values_of(
        families["taskrun_check_status"], "check"
    )
    assert 90.0 == families["taskrun_cron_start_gap_seconds"].samples[0].value


def test_each_task_has_its_own_metrics(make_site):
    site = make_site(
        plugins={"forum": [scheduled("Digest"), scheduled("Bad", "raise ValueError"), adhoc("Mail")]}
    )
    site.configure('[tasks."forum.Bad"]\nexpect_every = 60')
    site.queue("forum.Mail")
    site.queue("forum.Mail")
    site.cron(after=60)
    site.queue("forum.Mail")
    with site.opened() as opened:
        states = task_states(opened, site.clock() + 120)

    families = families_of(exposition([], states, now=site.clock()))

    own = {name: family for name, family in families.items() if name.startswith("taskrun_task_")}
    assert {name.removesuffix("_total") for name in HELP_OF_TASK} == set(own)
    runs = {
        (sample.labels["task"], sample.labels["outcome"]): sample.value
        for sample in own["taskrun_task_runs"].samples
        if sample.value
    }
    assert {("forum.Digest", "ok"): 1, ("forum.Bad", "failed"): 1, ("forum.Mail", "ok"): 2} == runs
    assert 1 == values_of(own["taskrun_task_failing"])["forum.Bad"]
    assert 2 == values_of(own["taskrun_task_status"])["forum.Bad"]
    assert {"forum.Mail": 1} == values_of(own["taskrun_task_queue_due"])
    assert {"forum.Digest", "forum.Mail"} == set(
        values_of(own["taskrun_task_last_success_timestamp_seconds"])
    )


def test_names_of_any_kind_are_read_back():
    name = 'forum."Grü\\ße"'
    state = TaskState(name, 1.0, {"ok": 2}, 0.5, False, False, False, 0, None)

    families = families_of(exposition([], [state], now=0.0))

    assert {name: 0.5} == values_of(families["taskrun_task_duration_seconds"])


def test_the_metrics_of_500_tasks_are_read_in_time(make_site):
    tasks = [scheduled(f"Task{number}", schedule="0 3 * * *") for number in range(500)]
    site = make_site(plugins={"many": tasks})
    with site.opened() as opened:
        began = time.process_time()
        text = exposition(check_site(opened, now=site.clock()), task_states(opened, site.clock()), now=0.0)
        took = time.process_time() - began

    assert 500 == sum(
        name.startswith("many.") for name in values_of(families_of(text)["taskrun_task_failing"])
    )
    assert took < 20, took


def test_a_file_of_metrics_is_replaced_as_a_whole(tmp_path):
    file = tmp_path / "taskrun.prom"
    file.write_text("old")
    inode = file.stat().st_ino

    write_atomically(file, "taskrun_paused 0.0\n")

    assert "taskrun_paused 0.0\n" == file.read_text()
    assert inode != file.stat().st_ino
    assert (0o644, ["taskrun.prom"]) == (
        file.stat().st_mode & 0o777,
        [path.name for path in tmp_path.iterdir()],
    )
