"""Every vector of schedule.json."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from taskrunner.errors import InvalidScheduleError
from taskrunner.schedule import Every, Schedule, parse_schedule

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "schedule.json").read_text())


def by_expression(group: str) -> list[Any]:
    return [pytest.param(vector, id=vector["expr"]) for vector in VECTORS[group]]


def by_id(group: str) -> list[Any]:
    return [pytest.param(vector, id=vector["id"]) for vector in VECTORS[group]]


@pytest.mark.parametrize("vector", by_expression("plain"))
def test_the_next_moments_are_those_of_the_reference(vector: dict[str, Any]) -> None:
    schedule = Schedule(vector["expr"], timezone="UTC")
    after = datetime.fromisoformat(vector["after_local"]).replace(tzinfo=UTC)

    actual = schedule.upcoming(after, len(vector["expect_local"]))

    assert vector["expect_local"] == [moment.replace(tzinfo=None).isoformat() for moment in actual]


@pytest.mark.parametrize("vector", by_expression("invalid"))
def test_what_the_reference_rejects_is_rejected(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        parse_schedule(vector["expr"], timezone="UTC")

    assert repr(vector["expr"]) in str(caught.value)


@pytest.mark.parametrize("vector", by_id("dst"))
def test_clock_changes_are_met_as_in_the_reference(vector: dict[str, Any]) -> None:
    schedule = Schedule(vector["expr"], timezone=vector["tz"])
    after = datetime.fromisoformat(vector["after"])

    actual = schedule.upcoming(after, len(vector["expect"]))

    assert vector["expect"] == [moment.isoformat() for moment in actual]
    assert (vector["klass"] == "elapsed") == schedule.follows_elapsed_time


@pytest.mark.parametrize("vector", by_expression("classes"))
def test_all_24_hours_follow_elapsed_time_and_nothing_else_does(vector: dict[str, Any]) -> None:
    schedule = Schedule(vector["expr"], timezone="UTC")

    assert (vector["klass"] == "elapsed") == schedule.follows_elapsed_time


@pytest.mark.parametrize(("alias", "expected"), VECTORS["aliases"].items())
def test_an_alias_stands_for_five_fields(alias: str, expected: str) -> None:
    schedule = Schedule(alias, timezone="UTC")

    assert (alias, expected) == (schedule.text, schedule.expanded)


@pytest.mark.parametrize("vector", VECTORS["hash_H"])
def test_h_expands_to_the_hash_of_the_reference(vector: dict[str, Any]) -> None:
    schedule = Schedule(vector["expr"], timezone="UTC", name=vector["name"], salt=vector["salt"])

    assert vector["expands_to"] == schedule.expanded


@pytest.mark.parametrize("vector", by_id("interval"))
def test_an_interval_is_due_when_the_reference_says(vector: dict[str, Any]) -> None:
    every = Every(seconds=vector["interval_s"])
    now = datetime.fromisoformat(vector["now"]).timestamp()
    last = vector["last_started_tick"]

    due_at = every.next_at(last and datetime.fromisoformat(last).timestamp(), now)

    assert vector["expect_due"] == (due_at <= now)


@pytest.mark.parametrize("vector", by_id("missed"))
def test_after_a_missed_slot_the_plan_goes_on_from_now(vector: dict[str, Any]) -> None:
    schedule = Schedule(vector["expr"], timezone=vector["tz"])

    actual = schedule.next_after(datetime.fromisoformat(vector["now"]))

    assert vector["expect_next"] == actual.isoformat()
