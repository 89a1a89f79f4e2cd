"""Several real crons on one queue at once."""

import collections
import itertools
import json
import subprocess
from collections.abc import Iterable
from operator import itemgetter
from pathlib import Path

import pytest

from tests.acceptance.processes import RealSite
from tests.patience import DEADLINE, until

PLUGIN = """\
class Mail(AdhocTask):
    def execute(self):
        if self.custom_data < 3:
            witness("waiting", self.custom_data)
            wait_at_gate()
        witness("mail", self.custom_data)


class Single(AdhocTask):
    concurrency_limit = 1

    def execute(self):
        witness("start", self.custom_data)
        for _ in range(200):
            os.stat("/")
            os.sched_yield()
        witness("end", self.custom_data)
"""


@pytest.fixture
def crons(real_site: RealSite) -> list[subprocess.Popen[str]]:
    """Three crons, each in the middle of a task at the gate."""
    real_site.write("forum", PLUGIN)
    queue(real_site, "forum.Mail", range(3))
    crons = [real_site.start("cron") for _ in range(3)]
    until(lambda: 3 == len(real_site.witnessed()), "three crons at the gate")
    return crons


def queue(site: RealSite, name: str, numbers: Iterable[int]) -> None:
    lines = "".join(f"{json.dumps(number)}\n" for number in numbers)
    done = site.run("adhoc", "queue", name, "--data", "-", "--quiet", told=lines)
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def go_on(site: RealSite, crons: list[subprocess.Popen[str]]) -> list[tuple[str, int]]:
    """Open the gate and return how the crons end."""
    site.open_gate()
    ends = [cron.communicate(timeout=DEADLINE) for cron in crons]
    return [(told, cron.returncode) for cron, (_, told) in zip(crons, ends, strict=True)]


def test_of_three_crons_at_once_each_task_is_run_exactly_once(real_site, crons):
    queue(real_site, "forum.Mail", range(3, 60))

    ends = go_on(real_site, crons)

    ran = [line for line in real_site.witnessed() if line.startswith("mail")]
    pids = {row["pid"] for row in real_site.reads("log", "--limit", "100")}
    assert [("", 0)] * 3 == ends
    assert {f"mail {number}": 1 for number in range(60)} == collections.Counter(ran)
    assert {cron.pid for cron in crons} == pids
    assert [] == real_site.reads("adhoc", "list")


def test_of_a_class_with_a_limit_of_one_no_two_run_at_once(real_site, crons):
    queue(real_site, "forum.Single", range(30))
    queue(real_site, "forum.Mail", range(3, 33))

    ends = go_on(real_site, crons)

    words = [line.split() for line in real_site.witnessed() if line.startswith(("start", "end"))]
    pairs = list(zip(words[::2], words[1::2], strict=True))
    assert [("", 0)] * 3 == ends
    assert [(["start", number], ["end", number]) for (_, number), _ in pairs] == pairs
    assert {str(number) for number in range(30)} == {number for (_, number), _ in pairs}
    assert [] == real_site.reads("adhoc", "list")


def test_a_fourth_cron_finds_no_slot_and_says_so(real_site, crons):
    queue(real_site, "forum.Mail", range(3, 6))

    fourth = real_site.run("cron")

    assert "Skipping processing of adhoc tasks. Concurrency limit reached." in fourth.stdout
    assert [("", 0)] * 3 == go_on(real_site, crons)
    assert [] == real_site.reads("adhoc", "list")


HANDOUT = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parents[1] / "data" / "moodle.json").read_text("utf-8"))[
        "adhoc_handout"
    ]
}
NEVER_FINISH = [
    "one class, limit 3, tasks never finish",
    "three classes limit 4 (slots=1), never finish",
    "per-class limit 1",
]
"""Vectors in which each runner takes one task and keeps it: a cron in the middle of a task."""


@pytest.mark.parametrize("name", NEVER_FINISH)
def test_real_crons_hand_out_what_the_vector_says(real_site: RealSite, name: str) -> None:
    vector = HANDOUT[name]
    classes = sorted({row["class"] for row in vector["queue"]})
    tasks = "".join(
        f"class T{letter}(AdhocTask):\n"
        f"    concurrency_limit = {vector.get('per_class', {}).get(letter, 0)}\n\n"
        "    def execute(self):\n"
        f"        witness('{letter}', self.custom_data)\n"
        "        wait_at_gate()\n\n\n"
        for letter in classes
    )
    real_site.write("forum", tasks)
    with real_site.config.open("a", encoding="utf-8") as config:
        config.write(f"\n[cron]\nadhoc_concurrency_limit = {vector['limit']}\n")
    for letter, rows in itertools.groupby(vector["queue"], key=itemgetter("class")):
        queue(real_site, f"forum.T{letter}", [row["id"] for row in rows])
    taken = [f"{took['class']} {took['id']}" for took in vector["result"] if took["class"]]

    for count in range(1, len(taken) + 1):
        real_site.start("cron")
        until(lambda count=count: count == len(real_site.witnessed()), f"{count} tasks taken")

    assert taken == real_site.witnessed()
