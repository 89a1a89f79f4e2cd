"""Alert rules and dashboard: they ask for metrics that `taskrun check --prometheus` writes."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from taskrunner.diagnosis.metrics import HELP, HELP_OF_TASK
from tests.contrib.taskrun_lines import text_of

METRIC = re.compile(r"\btaskrun_\w+")
WRITTEN = {*HELP, *HELP_OF_TASK}


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(text_of("prometheus/taskrun.rules.yaml"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text_of("grafana/taskrun.json"))
    return found


def expressions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_every_metric_of_an_alert_is_one_that_is_written() -> None:
    asked = {name for rule in rules() for name in METRIC.findall(rule["expr"])}

    assert set() == asked - WRITTEN
    assert {"taskrun_check_status", "taskrun_check_time_seconds", "taskrun_task_failing"} <= asked


def test_an_alert_says_what_is_wrong_and_how_bad_that_is() -> None:
    for rule in rules():
        assert {"summary", "description"} == set(rule["annotations"]), rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_every_alert_is_tried_out() -> None:
    """With real_tools, by promtool."""
    with open(__file__.replace("test_contrib_monitoring.py", "alerts_test.yaml"), encoding="utf-8") as file:
        tried = yaml.safe_load(file)["tests"]
    expected = {case["alertname"] for test in tried for case in test["alert_rule_test"] if case["exp_alerts"]}

    assert {rule["alert"] for rule in rules()} == expected


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    assert WRITTEN == {name for expression in expressions() for name in METRIC.findall(expression)}


def test_the_dashboard_asks_whatever_data_source_and_hosts_are_chosen() -> None:
    variables = {variable["name"] for variable in dashboard()["templating"]["list"]}

    assert {"datasource", "instance", "task"} == variables
    assert [] == [expression for expression in expressions() if '{instance=~"$instance"' not in expression]
    assert {"${datasource}"} == {panel["datasource"]["uid"] for panel in dashboard()["panels"]}


def test_no_panel_of_the_dashboard_covers_another() -> None:
    covered: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert set() == covered & cells, panel["title"]
        assert max(x for x, _ in cells) < 24
        covered |= cells

    ids = [panel["id"] for panel in dashboard()["panels"]]
    assert sorted(set(ids)) == ids


def test_every_panel_says_what_it_shows() -> None:
    assert [] == [panel["title"] for panel in dashboard()["panels"] if not panel["description"]]
