from collections.abc import Callable
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskrunner.config import Config, TaskOverride
from taskrunner.config.schema import matches, merged

Load = Callable[..., Config]
Refusal = Callable[..., str]

NO_NAME = "is not the name of a task; only * stands for other characters"
FORUM = """\
[tasks."*"]
timeout = 60
isolation = "fork"

[tasks."forum.*"]
schedule = "0 3 * * *"
timeout = 120

[tasks."forum.Send*"]
timeout = 180
disabled = true

[tasks."forum.SendDigest"]
disabled = false
"""


def test_each_setting_comes_from_the_most_specific_section_that_sets_it(load: Load) -> None:
    override = merged(load(FORUM).tasks, "forum.SendDigest")

    expected = TaskOverride(
        "forum.SendDigest", 0, schedule="0 3 * * *", disabled=False, timeout=180, isolation="fork"
    )
    assert expected == override


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("schedule", 'taskrunner.toml line 5 ([tasks."forum.*"])'),
        ("timeout", 'taskrunner.toml line 9 ([tasks."forum.Send*"])'),
        ("disabled", 'taskrunner.toml line 13 ([tasks."forum.SendDigest"])'),
        ("isolation", 'taskrunner.toml line 1 ([tasks."*"])'),
        ("timezone", None),
    ],
)
def test_the_section_that_decides_is_known(load: Load, setting: str, expected: str | None) -> None:
    assert expected == load(FORUM).decided_by("forum.SendDigest", setting)


def test_a_task_that_no_section_matches_is_left_to_its_class(load: Load) -> None:
    config = load("[tasks.'forum.*']\ntimeout = 5")

    assert TaskOverride("wiki.Tidy", 0) == merged(config.tasks, "wiki.Tidy")
    assert config.decided_by("wiki.Tidy", "timeout") is None


def test_an_exact_key_beats_a_wildcard_with_as_many_characters(load: Load) -> None:
    config = load("[tasks.'forum.Tidy*']\ntimeout = 1\n[tasks.'forum.Tidy']\ntimeout = 2")

    expected = 2
    assert expected == merged(config.tasks, "forum.Tidy").timeout


def test_of_equally_specific_keys_the_first_of_the_file_decides(load: Load) -> None:
    config = load(
        "[tasks.'forum.T*']\ntimeout = 1\n[tasks.'*rum.Tidy']\ntimeout = 3\n[tasks.'f*m.Tidy']\ntimeout = 2"
    )

    expected = 3
    assert expected == merged(config.tasks, "forum.Tidy").timeout


def test_sections_written_as_keys_have_lines_too(load: Load) -> None:
    config = load("[tasks]\n'forum.*' = { timeout = 1 }\n'wiki.Tidy'.timeout = 2\n")

    expected = [("forum.*", 2), ("wiki.Tidy", 3)]
    assert expected == [(override.key, override.line) for override in config.tasks]


@given(
    st.text("ab*", max_size=8),
    st.text("ab", max_size=10),
)
def test_keys_match_as_in_a_shell(key: str, name: str) -> None:
    assert fnmatchcase(name, key) == matches(key, name)


def test_a_schedule_is_taken_as_it_is_up_to_256_characters(load: Load, refusal: Refusal) -> None:
    longest = "1," * 127 + "1 "

    assert longest == merged(load(f"[tasks.x]\nschedule = '{longest}'").tasks, "x").schedule
    assert "is too long; at most 256 characters" in refusal(f"[tasks.x]\nschedule = '{longest}*'")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[tasks.x]\nschedule = 5", "2: [tasks.x] schedule = 5 is not a text in quotes"),
        ("[tasks.'f.*']\ntimeout = -1", '2: [tasks."f.*"] timeout = -1 is too small; at least 0'),
        ("[tasks.x]\ntimezone = 'Pariss'", '2: [tasks.x] timezone = "Pariss" is not a time zone'),
        ("[tasks.x]\nscedule = ''", "2: unknown key 'scedule' in [tasks.x]; did you mean 'schedule'?"),
        ("[tasks.x]\nkey = ''", "2: unknown key 'key' in [tasks.x]"),
        (
            "[plugins.forum]\nfolder = 'x'",
            "2: unknown key 'folder' in [plugins.forum]; what the plugin itself reads belongs in"
            " [plugin_settings.forum]",
        ),
        ("[tasks]\nx = 1", "2: [tasks.x] is not a table"),
        (
            "[tasks.forum.SendDigest]\ntimeout = 1",
            '1: [tasks.forum] holds a table; a name with a dot needs quotes: [tasks."forum.SendDigest"]',
        ),
        (
            "[tasks.'forum.?']",
            '1: [tasks."forum.?"] is not the name of a task; only * stands for other characters',
        ),
        (
            "[tasks.'[ab]*']",
            '1: [tasks."[ab]*"] is not the name of a task; only * stands for other characters',
        ),
        ("[tasks.'']", '1: [tasks.""] is not the name of a task; only * stands for other characters'),
    ],
)
def test_a_wrong_section_is_said(refusal: Refusal, text: str, expected: str) -> None:
    assert refusal(text).startswith(f"taskrunner.toml line {expected}")
