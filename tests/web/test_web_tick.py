"""The web tick file: until when a visit has nothing to start."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from taskrunner.web_tick import NAME, WebTickFile

NOW = 1_800_000_000.0
MINUTE = 60.0
LONGEST = 300.0


@pytest.fixture
def tick_file(tmp_path: Path) -> WebTickFile:
    return WebTickFile(tmp_path / "state")


def claims(tick_file: WebTickFile, now: float) -> bool:
    return tick_file.claim(now, throttle=MINUTE, longest=LONGEST)


def is_quiet(tick_file: WebTickFile, now: float) -> bool:
    return tick_file.is_quiet(now, longest=LONGEST)


def test_before_the_first_visit_it_is_not_quiet_and_there_is_no_file(
    tick_file: WebTickFile, tmp_path: Path
) -> None:
    assert not is_quiet(tick_file, NOW)
    assert [] == list(tmp_path.iterdir())


def test_a_claim_keeps_it_quiet_for_the_throttle_and_no_longer(tick_file: WebTickFile) -> None:
    claimed = claims(tick_file, NOW)

    assert claimed
    assert [True, True, False] == [is_quiet(tick_file, NOW + after) for after in (0, 59, 60)]


def test_a_second_claim_within_the_throttle_is_refused(tick_file: WebTickFile) -> None:
    claimed = [claims(tick_file, NOW + after) for after in (0, 0, 59, 60)]

    assert [True, False, False, True] == claimed


def test_of_many_threads_one_claims(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        claimed = list(pool.map(lambda _: claims(WebTickFile(tmp_path), NOW), range(200)))

    assert 1 == sum(claimed)


def test_what_is_planned_keeps_it_quiet_until_then(tick_file: WebTickFile) -> None:
    claims(tick_file, NOW)
    tick_file.plan(NOW + 200)

    assert [True, False] == [is_quiet(tick_file, NOW + after) for after in (199, 200)]


def test_what_is_due_at_once_waits_for_the_throttle(tick_file: WebTickFile) -> None:
    claims(tick_file, NOW)
    tick_file.plan(NOW + 1)

    assert [True, False] == [is_quiet(tick_file, NOW + after) for after in (59, 60)]


def test_a_real_cron_puts_it_off_whatever_is_due(tick_file: WebTickFile) -> None:
    claims(tick_file, NOW)
    tick_file.put_off(NOW + 180)
    tick_file.plan(NOW + 5)

    assert [True, False] == [is_quiet(tick_file, NOW + after) for after in (179, 180)]


def test_what_is_queued_brings_it_forward_but_not_before_the_throttle(tick_file: WebTickFile) -> None:
    claims(tick_file, NOW)
    tick_file.plan(NOW + 250)
    tick_file.bring_forward(NOW + 100)
    tick_file.bring_forward(NOW + 10)
    tick_file.bring_forward(NOW + 240)

    assert [True, False] == [is_quiet(tick_file, NOW + after) for after in (59, 60)]


@pytest.mark.parametrize("verb", ["put_off", "plan", "bring_forward"])
def test_without_visits_nothing_is_written(tick_file: WebTickFile, tmp_path: Path, verb: str) -> None:
    getattr(tick_file, verb)(NOW)

    assert [] == list(tmp_path.iterdir())


def test_a_tick_file_from_before_the_clock_was_set_back_says_nothing(tick_file: WebTickFile) -> None:
    claims(tick_file, NOW)
    claimed = claims(tick_file, NOW - 86_400)

    assert not is_quiet(tick_file, NOW - 2 * 86_400)
    assert claimed


@pytest.mark.parametrize("text", ["", "1800000000.0\n", "nothing\nmuch\n", "9" * 4096])
def test_a_tick_file_that_cannot_be_read_is_written_anew(
    tick_file: WebTickFile, tmp_path: Path, text: str
) -> None:
    claims(tick_file, NOW)
    (tmp_path / "state" / NAME).write_text(text)
    tick_file.plan(NOW + 100)

    assert f"0.0\n{NOW + 100!r}\n" == (tmp_path / "state" / NAME).read_text()
    assert [True, False] == [is_quiet(tick_file, NOW + after) for after in (99, 100)]


def test_a_symbolic_link_is_not_followed(tick_file: WebTickFile, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("precious")
    (tmp_path / "state").mkdir()
    os.symlink(target, tmp_path / "state" / NAME)

    with pytest.raises(OSError, match="symbolic links"):
        claims(tick_file, NOW + 10**9)
    assert "precious" == target.read_text()
