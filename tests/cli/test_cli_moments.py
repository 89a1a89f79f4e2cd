"""Moments as people type them, looking back and looking ahead."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
import pytest

from taskrunner.cli.options import parse_moment

NOW = datetime(2026, 11, 21, 12, 57, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "back", "ahead"),
    [
        ("today", "Sat 21 00:00", "Sat 21 00:00"),
        ("yesterday", "Fri 20 00:00", "Fri 20 00:00"),
        ("tomorrow", "Sun 22 00:00", "Sun 22 00:00"),
        ("monday", "Mon 16 00:00", "Mon 23 00:00"),
        ("Saturday", "Sat 21 00:00", "Sat 28 00:00"),
        ("2d", "Thu 19 12:57", "Mon 23 12:57"),
        ("11:00", "Sat 21 11:00", "Sun 22 11:00"),
        ("13:57", "Sat 21 13:57", "Sat 21 13:57"),
        ("2026-11-02 08:00", "Mon 02 08:00", "Mon 02 08:00"),
        ("now", "Sat 21 12:57", "Sat 21 12:57"),
    ],
)
def test_a_moment_is_read(text: str, back: str, ahead: str) -> None:
    shown = [
        datetime.fromtimestamp(parse_moment(text, now=NOW, zone=UTC, ahead=looks), UTC)
        for looks in (False, True)
    ]

    assert [back, ahead] == [f"{moment:%a %d %H:%M}" for moment in shown]


def test_a_day_begins_in_the_zone_also_when_clocks_change() -> None:
    paris = ZoneInfo("Europe/Paris")
    after_change = datetime(2026, 10, 25, 12, 0, tzinfo=paris).timestamp()

    moment = datetime.fromtimestamp(parse_moment("today", now=after_change, zone=paris), paris)

    assert "2026-10-25T00:00:00+02:00" == moment.isoformat()


@pytest.mark.parametrize("text", ["whenever", "", "mon", "25:00"])
def test_what_cannot_be_read_is_told_with_what_can(text: str) -> None:
    with pytest.raises(click.BadParameter, match="cannot be read as a time; write .*'monday'"):
        parse_moment(text, now=NOW, zone=UTC)
