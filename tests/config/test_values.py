from collections.abc import Callable
from pathlib import Path

import pytest

from taskrunner.config import Config, CronConfig, LogConfig

Load = Callable[..., Config]
Refusal = Callable[..., str]
FILE = "taskrunner.toml line"

WRONG_VALUES = [
    ("[cron]\nkeep_alive = 1000", "[cron] keep_alive = 1000 is too large; at most 900"),
    ("[cron]\nkeep_alive = -1", "[cron] keep_alive = -1 is too small; at least 0"),
    ("[cron]\nkeep_alive = true", "[cron] keep_alive = true is not a whole number"),
    ("[cron]\nkeep_alive = 1.5", "[cron] keep_alive = 1.5 is not a whole number"),
    ("[cron]\nkeep_alive = '5'", '[cron] keep_alive = "5" is not a whole number'),
    ("[cron]\nadhoc_max_runtime = 0", "[cron] adhoc_max_runtime = 0 is too small; at least 1"),
    (
        "[cron]\nstdout = 'failure'",
        "[cron] stdout = \"failure\" is not one of all | failures | none; did you mean 'failures'?",
    ),
    ("[cron]\nisolation = 1", "[cron] isolation = 1 is not one of none | fork"),
    ("[log]\ntimestamps = 1", "[log] timestamps = 1 is not true or false"),
    ("[log]\nretention_days = nan", "[log] retention_days = NaN is not a number"),
    ("[log]\nretention_days = inf", "[log] retention_days = Infinity is too large; at most 36525"),
    ("[log]\nretention_days = false", "[log] retention_days = false is not a number"),
    ("[schedule]\nsalt = 5", "[schedule] salt = 5 is not a text in quotes"),
    ("[schedule]\nsalt = 2026-11-21", '[schedule] salt = "2026-11-21" is not a text in quotes'),
    ('[schedule]\nsalt = "a\\u0000b"', '[schedule] salt = "a\\u0000b" holds a control character'),
    ("[notify]\ncommand = 'tell-ops'", '[notify] command = "tell-ops" is not a list of texts'),
    ("[notify]\ncommand = ['']", '[notify] command = [""] names no program'),
    (
        "[users]\nresolver = 'as_user'",
        '[users] resolver = "as_user" is not of the form "package.module:name"',
    ),
    ("[plugins.forum]\nenabled = 'no'", '[plugins.forum] enabled = "no" is not true or false'),
]


@pytest.mark.parametrize(("text", "expected"), WRONG_VALUES)
def test_a_wrong_value_is_said_with_line_and_key(refusal: Refusal, text: str, expected: str) -> None:
    assert f"{FILE} 2: {expected}" == refusal(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plugin_dirs = 'plugins'", 'plugin_dirs = "plugins" is not a list of texts'),
        ("plugin_dirs = ['a', 1]", 'plugin_dirs = ["a", 1] is not a list of texts'),
        ("log_dir = ''", 'log_dir = "" is empty'),
        ("log_dir = '~ann/log'", 'log_dir = "~ann/log" names another user\'s home; write the whole path'),
        ("log_dir = '~/log'", 'log_dir = "~/log" needs $HOME, which is not set'),
        ("cron = 5", "[cron] is not a table"),
        ("[[cron]]", "[cron] is not a table"),
        ("plugins.forum = false", "[plugins.forum] is not a table"),
        ("plugin_settings.mail = 1", "[plugin_settings.mail] is not a table"),
    ],
)
def test_a_wrong_type_is_said(refusal: Refusal, text: str, expected: str) -> None:
    assert f"{FILE} 1: {expected}" == refusal(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\n\n[cron]\nkeepalive = 5", "4: unknown key 'keepalive' in [cron]; did you mean 'keep_alive'?"),
        ("[corn]\n", "1: unknown key 'corn'; did you mean 'cron'?"),
        ("pluginsdirs = []", "1: unknown key 'pluginsdirs'; did you mean 'plugin_dirs'?"),
        (
            "[plugins.forum]\nenable = true",
            "2: unknown key 'enable' in [plugins.forum]; did you mean 'enabled'?",
        ),
        ("retain_runs = 5", "1: unknown key 'retain_runs'; it belongs in [log]"),
        ("[cron]\nlog_dir = 'x'", "2: unknown key 'log_dir' in [cron]; it belongs above the first section"),
        ("[cron]\nzzz = 1", "2: unknown key 'zzz' in [cron]"),
        ("file = 'x'", "1: unknown key 'file'; it belongs in [log]"),
        ("references = {}", "1: unknown key 'references'"),
    ],
)
def test_an_unknown_key_is_said_with_what_was_meant(refusal: Refusal, text: str, expected: str) -> None:
    assert f"{FILE} {expected}" == refusal(text)


def test_numbers_on_the_bounds_are_taken(load: Load) -> None:
    config = load("[cron]\nkeep_alive = 900\nadhoc_concurrency_limit = 0\n[log]\nretention_days = 0.5\n")

    assert CronConfig(keep_alive=900, adhoc_concurrency_limit=0) == config.cron
    assert LogConfig(retention_days=0.5) == config.log


def test_paths_are_absolute_relative_to_the_file_or_below_home(load: Load, tmp_path: Path) -> None:
    config = load('plugin_dirs = ["a", "/b", "~/c", "~"]\nstate_dir = "../s"', HOME="/home/ann")

    assert (tmp_path / "a", Path("/b"), Path("/home/ann/c"), Path("/home/ann")) == config.plugin_dirs
    assert tmp_path / "../s" == config.state_dir


@pytest.mark.parametrize(
    "pattern",
    [
        "{pid}",
        "{host}/{pid}.log",
        "%Y/%m/cron_{pid}.log",
        "100%%_{pid}.log",
        "%%d{pid}",
        "cron_%j.%H%M%S-{pid}",
    ],
)
def test_a_log_file_pattern_may_be(load: Load, pattern: str) -> None:
    assert pattern == load(f"[log]\nfile = '{pattern}'").log.file


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/var/log/{pid}.log", "is not relative; it starts in log_dir"),
        ("~/{pid}.log", "is not relative; it starts in log_dir"),
        ("../{pid}.log", "has a part of the path that is empty, '.' or '..'"),
        ("a//{pid}.log", "has a part of the path that is empty, '.' or '..'"),
        ("{pid}/", "has a part of the path that is empty, '.' or '..'"),
        ("", "has a part of the path that is empty, '.' or '..'"),
        ("%Y-%m-%d.log", "has no {pid}; two processes would write into one file"),
        ("%D_{pid}.log", "has '%D', which is not understood; write {pid} {host} %a"),
        ("{pid}.log%", "has '%', which is not understood"),
        ("%%%q{pid}", "has '%q', which is not understood"),
        ("{hots}_{pid}.log", "has '{hots}_{pid}.log', which is not understood"),
        ("{p%%id}{pid}", "which is not understood"),
        ("{pid}}.log", "has '}', which is not understood"),
        ("x" * 196 + "{pid}", "is too long; at most 200 characters"),
    ],
)
def test_a_log_file_pattern_must_not_be(refusal: Refusal, pattern: str, expected: str) -> None:
    assert expected in refusal(f"[log]\nfile = '{pattern}'")


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Pariss", "; did you mean 'Europe/Paris'?"),
        ("europe/paris", "; did you mean 'Europe/Paris'?"),
        ("Europe", ""),
        ("../etc/passwd", ""),
    ],
)
def test_an_unknown_zone_is_said(refusal: Refusal, zone: str, expected: str) -> None:
    message = refusal(TASKRUN_TIMEZONE=zone)

    assert message.startswith(f'TASKRUN_TIMEZONE = "{zone}" is not a time zone')
    assert expected in message


def test_settings_of_plugins_are_free(load: Load) -> None:
    config = load(
        "[plugin_settings.mail]\nbatch = 50\nhosts = ['a', 'b']\n[plugin_settings.mail.retry]\nn = 1"
    )

    expected = {"mail": {"batch": 50, "hosts": ["a", "b"], "retry": {"n": 1}}}
    assert expected == config.plugin_settings


def test_a_long_value_is_cut_in_the_message(refusal: Refusal) -> None:
    message = refusal(f"[schedule]\nsalt = '{'x' * 5000}'")

    assert message.endswith("x… is too long; at most 256 characters")
    assert len(message) < 160
