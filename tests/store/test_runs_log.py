"""The log: what is kept, what is listed, what is let go."""

import json
from pathlib import Path
from typing import Any

import pytest

from taskrunner.errors import StoreError
from taskrunner.store import Store
from taskrunner.store.runs import END_OF_TIME, LogFilter, like_pattern
from tests.store.store_rows import DAY, HOUR, NOW, run_of

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "moodle.json").read_text())["log_retention"]


def ids(store: Store, **wanted: Any) -> list[str]:
    return [row.run_id for row in store.log.list(LogFilter(**wanted))]


def keep(store: Store, *runs: tuple[str, dict[str, Any]]) -> None:
    for run_id, said in runs:
        store.log.add(run_of(run_id, **said))


def test_a_kept_run_is_found_whole(store: Store) -> None:
    run = run_of(user="4", adhoc_id=812, type="adhoc", message="a\nb", output="ü \U0001f980 \x1b[1m")
    store.log.add(run)

    assert [run] == store.log.find("RUN1")


def test_a_run_is_kept_once(store: Store) -> None:
    store.log.add(run_of())

    with pytest.raises(StoreError):
        store.log.add(run_of())


def test_a_run_is_found_by_how_its_id_begins(store: Store) -> None:
    keep(store, ("01JD7QA", {}), ("01JD7QB", {}), ("01JD8", {}), ("01JD9", {}))

    assert ["01JD8"] == [run.run_id for run in store.log.find("01JD8")]
    assert [] == store.log.find("01JD7QC")
    assert [] == store.log.find("%")


def test_of_the_runs_that_begin_alike_two_are_found(store: Store) -> None:
    keep(store, ("01JD7QA", {}), ("01JD7QB", {}), ("01JD7QC", {}))

    assert ["01JD7QA", "01JD7QB"] == [run.run_id for run in store.log.find("01JD7Q")]


def test_the_tasks_with_kept_runs_are_named_once_each(store: Store) -> None:
    keep(
        store,
        ("R1", {"name": "forum.B"}),
        ("R2", {"name": "forum.A"}),
        ("R3", {"name": "forum.B"}),
        ("R4", {"name": "archive.C"}),
    )

    assert ["archive.C", "forum.A", "forum.B"] == sorted(store.log.names())


def test_an_empty_log_has_no_names_and_no_rows(store: Store) -> None:
    assert ([], [], []) == (store.log.names(), store.log.list(LogFilter()), store.log.find(""))


def test_a_listed_run_has_everything_but_its_output(store: Store) -> None:
    run = run_of(user="4", adhoc_id=812, type="adhoc")
    store.log.add(run)

    (row,) = store.log.list(LogFilter())

    assert run._replace(output="") == row


@pytest.mark.parametrize("names", [(), ("forum.SendDigest",)])
def test_runs_are_listed_newest_first_and_of_one_moment_the_last_kept_first(
    store: Store, names: tuple[str, ...]
) -> None:
    keep(
        store,
        ("OLD", {"started_at": NOW - 2}),
        ("NEW", {"started_at": NOW}),
        ("TWIN1", {"started_at": NOW - 1}),
        ("TWIN2", {"started_at": NOW - 1}),
    )

    assert ["NEW", "TWIN2", "TWIN1", "OLD"] == ids(store, names=names)


@pytest.mark.parametrize("names", [(), ("forum.SendDigest",)])
def test_no_more_runs_are_listed_than_asked_for(store: Store, names: tuple[str, ...]) -> None:
    keep(store, *((f"R{number}", {"started_at": NOW + number}) for number in range(60)))

    assert ["R59", "R58"] == ids(store, names=names, limit=2)
    assert 50 == len(ids(store, names=names))


def test_runs_of_one_task_are_listed_by_its_exact_name(store: Store) -> None:
    keep(store, ("R1", {}), ("R2", {"name": "forum.SendDigests"}), ("R3", {"name": "FORUM.SENDDIGEST"}))

    assert ["R1"] == ids(store, names=("forum.SendDigest",))


FILTERS = [
    pytest.param({"since": NOW - 1}, ["R3", "R2"], id="since is the first moment listed"),
    pytest.param({"until": NOW - 1}, ["R1"], id="until is the first moment not listed"),
    pytest.param({"since": NOW - 1, "until": NOW}, ["R2"], id="since and until"),
    pytest.param({"failed_only": True}, ["R3", "R1"], id="failed means failed, crashed or timeout"),
    pytest.param({"outcome": "crashed"}, ["R3"], id="outcome"),
    pytest.param({"outcome": "crash"}, [], id="outcome is a whole word"),
    pytest.param({"min_duration": 60.0}, ["R3", "R2"], id="at least so long"),
    pytest.param({"max_duration": 60.0}, ["R2", "R1"], id="at most so long"),
    pytest.param({"type": "adhoc"}, ["R2"], id="type"),
    pytest.param({"plugin": "shop"}, ["R2"], id="plugin"),
    pytest.param({"plugin": "sho"}, [], id="plugin is a whole word"),
    pytest.param({"user": "4"}, ["R3"], id="user"),
    pytest.param({"hostname": "cron2"}, ["R3"], id="host"),
    pytest.param({"adhoc_id": 812}, ["R2"], id="queued task"),
    pytest.param({"before": "R3"}, ["R2", "R1"], id="after a run in the list"),
    pytest.param({"before": "R2", "until": NOW}, ["R1"], id="after a run that began earlier than until"),
    pytest.param({"before": "R3", "until": NOW - 1}, ["R1"], id="after a run that began later than until"),
    pytest.param({"before": "R"}, [], id="after a run that is not kept"),
    pytest.param({"grep": "disk is"}, ["R1"], id="grep looks into the message"),
    pytest.param({"grep": "digests"}, ["R3", "R1"], id="grep looks into the output"),
    pytest.param({"grep": "100%"}, ["R2"], id="grep takes a per cent sign for itself"),
    pytest.param({"grep": "1_0"}, [], id="grep takes an underscore for itself"),
    pytest.param({"grep": "a\\b"}, ["R2"], id="grep takes a backslash for itself"),
    pytest.param({"grep": "' or 1=1 --"}, [], id="grep takes SQL for itself"),
    pytest.param({"grep": "DISK IS"}, ["R1"], id="grep does not mind upper and lower case"),
    pytest.param({"grep": "sent", "failed_only": True, "since": NOW}, ["R3"], id="all at once"),
]


@pytest.mark.parametrize("names", [(), ("forum.SendDigest",)], ids=["all tasks", "one task"])
@pytest.mark.parametrize(("wanted", "expected"), FILTERS)
def test_a_filter_lists_what_it_says(
    store: Store, wanted: dict[str, Any], expected: list[str], names: tuple[str, ...]
) -> None:
    of_shop = {"type": "adhoc", "plugin": "shop", "adhoc_id": 812}
    keep(
        store,
        ("R1", {"started_at": NOW - 2, "ended_at": NOW, "outcome": "failed", "message": "disk is full"}),
        ("R2", {"started_at": NOW - 1, "ended_at": NOW + 59, "output": "100% a\\b\n"} | of_shop),
        (
            "R3",
            {"started_at": NOW, "ended_at": NOW + 90, "outcome": "crashed", "user": "4", "hostname": "cron2"},
        ),
    )

    assert expected == ids(store, names=names, **wanted)


def test_runs_of_several_tasks_are_one_list(store: Store) -> None:
    keep(
        store,
        ("A1", {"name": "forum.A", "started_at": NOW - 3}),
        ("B1", {"name": "forum.B", "started_at": NOW - 2}),
        ("C1", {"name": "forum.C", "started_at": NOW - 1}),
        ("A2", {"name": "forum.A", "started_at": NOW}),
    )

    assert ["A2", "B1", "A1"] == ids(store, names=("forum.A", "forum.B"))
    assert ["A2", "B1"] == ids(store, names=("forum.A", "forum.B"), limit=2)


def test_page_after_page_lists_every_run_once_though_all_began_at_one_moment(store: Store) -> None:
    keep(store, *((f"R{number}", {"name": f"forum.{'AB'[number % 2]}"}) for number in range(7)))
    seen, names = [], ("forum.A", "forum.B")

    while page := ids(store, names=names, limit=2, before=seen[-1] if seen else ""):
        seen += page

    assert [f"R{number}" for number in reversed(range(7))] == seen


@pytest.mark.parametrize("outcome", ["ok", "interrupted", "skipped", "cancelled", "delayed", "superseded"])
def test_no_other_outcome_counts_as_failed(store: Store, outcome: str) -> None:
    keep(store, ("R1", {"outcome": outcome}), ("R2", {"outcome": "timeout"}))

    assert ["R2"] == ids(store, failed_only=True)


def test_a_run_that_a_clock_set_back_ended_before_its_start_is_listed(store: Store) -> None:
    keep(store, ("R1", {"ended_at": NOW - DAY}))

    assert ["R1"] == ids(store)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", ""),
        ("disk", "%disk%"),
        ("100%", "%100\\%%"),
        ("a_b", "%a\\_b%"),
        ("a\\b", "%a\\\\b%"),
        ("\\%", "%\\\\\\%%"),
    ],
)
def test_a_like_pattern_finds_the_text_and_nothing_else(text: str, pattern: str) -> None:
    assert pattern == like_pattern(text)


# Retention. Ours: rows older than retention go, but the newest retain_runs of each task stay whatever their
# age, and no task keeps more than max_runs. Moodle's: a row stays that is young *and* among the newest
# keep_runs. So Moodle's is ours with retain_runs = 0 and max_runs = keep_runs, and its vectors hold so read.


def clean_up(
    store: Store, *, retention_days: float, retain_runs: int, max_runs: int, now: float = NOW, limit: int = 7
) -> int:
    """Apply both rules of retention to every task, batch by batch, and say how many runs went."""
    deleted = 0
    for name in store.log.names():
        for before, keep_runs in ((now - retention_days * DAY, retain_runs), (END_OF_TIME, max_runs)):
            while batch := store.log.cleanup(name, before=before, keep_runs=keep_runs, limit=limit):
                deleted += batch
    return deleted


def keep_hourly(store: Store, runs: int, name: str = "forum.SendDigest") -> None:
    with store.transaction():
        for age in range(runs):
            store.log.add(run_of(f"{name}{age:04}", name=name, started_at=NOW - age * HOUR))


def ages(store: Store, name: str = "forum.SendDigest") -> list[float]:
    """Return how many hours ago the kept runs of a task started."""
    return [(NOW - row.started_at) / HOUR for row in store.log.list(LogFilter(names=(name,), limit=1000))]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['retention_days']}d")
def test_without_runs_that_stay_whatever_their_age_retention_is_moodles(
    store: Store, vector: dict[str, Any]
) -> None:
    names = [f"forum.Task{number}" for number in range(vector["classes"])]
    for name in names:
        keep_hourly(store, vector["runs_per_class"], name)

    clean_up(
        store,
        retention_days=vector["retention_days"],
        retain_runs=0,
        max_runs=vector["keep_runs"],
        now=NOW + 1,
    )

    left = {len(ages(store, name)) for name in names}
    allowed = vector.get("left") or [vector["left_per_class"]]
    assert 1 == len(left)
    assert left <= set(allowed)
    if "oldest_age_hours" in vector:
        assert vector["oldest_age_hours"] == ages(store, names[0])[-1]


@pytest.mark.parametrize(
    ("retention_days", "retain_runs", "max_runs", "left"),
    [
        (1, 0, 100, 24),
        (1, 20, 100, 24),
        (1, 40, 100, 40),
        (1, 72, 100, 72),
        (1, 100, 100, 72),
        (0, 20, 100, 20),
        (1, 40, 30, 30),
        (28, 20, 10, 10),
        (28, 20, 100, 72),
    ],
    ids=[
        "nothing is retained: the age decides",
        "the newest are young anyway",
        "the newest stay whatever their age",
        "all are among the newest",
        "there are fewer than the newest",
        "nothing is young: the newest stay",
        "no task keeps more than the most, not even of the newest",
        "no task keeps more than the most, however young",
        "all are young",
    ],
)
def test_old_runs_go_but_the_newest_stay_and_never_more_than_the_most(
    store: Store, retention_days: float, retain_runs: int, max_runs: int, left: int
) -> None:
    keep_hourly(store, 72)

    deleted = clean_up(
        store, retention_days=retention_days, retain_runs=retain_runs, max_runs=max_runs, now=NOW + 1
    )

    assert [float(age) for age in range(left)] == ages(store)
    assert 72 - left == deleted


def test_the_newest_are_counted_for_each_task(store: Store) -> None:
    keep_hourly(store, 10, "forum.Often")
    keep_hourly(store, 3, "forum.Seldom")

    clean_up(store, retention_days=0, retain_runs=5, max_runs=100)

    assert (5, 3) == (len(ages(store, "forum.Often")), len(ages(store, "forum.Seldom")))


def test_of_runs_of_one_moment_the_last_kept_stay(store: Store) -> None:
    keep(store, *((f"R{number}", {"started_at": NOW - DAY}) for number in range(5)))

    store.log.cleanup("forum.SendDigest", before=NOW, keep_runs=2, limit=100)

    assert ["R4", "R3"] == ids(store)


def test_a_run_that_started_at_the_moment_stays(store: Store) -> None:
    keep(store, ("R1", {"started_at": NOW - 1}), ("R2", {"started_at": NOW}))

    assert 1 == store.log.cleanup("forum.SendDigest", before=NOW, keep_runs=0, limit=100)
    assert ["R2"] == ids(store)


def test_a_cleanup_deletes_the_oldest_first_and_says_how_many_went(store: Store) -> None:
    keep_hourly(store, 10)

    batches = [store.log.cleanup("forum.SendDigest", before=NOW + 1, keep_runs=3, limit=4) for _ in range(3)]

    assert [4, 3, 0] == batches
    assert [0.0, 1.0, 2.0] == ages(store)


def test_a_cleanup_of_one_task_leaves_the_others(store: Store) -> None:
    keep_hourly(store, 3, "forum.A")
    keep_hourly(store, 3, "forum.B")

    store.log.cleanup("forum.A", before=END_OF_TIME, keep_runs=0, limit=100)

    assert (0, 3) == (len(ages(store, "forum.A")), len(ages(store, "forum.B")))


def test_a_run_is_as_long_as_from_its_start_to_its_end() -> None:
    run = run_of()

    assert (60.0, False, True) == (run.duration, run.failed, run._replace(outcome="crashed").failed)
