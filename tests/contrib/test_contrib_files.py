"""What administrators copy from contrib: crontab, logrotate, systemd; read here, run by `make contrib`."""

import configparser
import re
from pathlib import Path

import pytest

from taskrunner.config import load_config
from tests.contrib.example_site import CONTRIB
from tests.contrib.taskrun_lines import FILES, commands_in, fault_of, text_of
from tests.guards.readme_session import page

UNITS = ("systemd/taskrun@.service", "systemd/taskrun@.timer")


def unit(name: str) -> configparser.ConfigParser:
    """Return a unit file; a key that stands there twice has the last value."""
    parser = configparser.ConfigParser(
        strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",)
    )
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text_of(name))
    return parser


@pytest.mark.parametrize("name", FILES)
def test_the_program_takes_every_command_that_a_file_names(name: str) -> None:
    assert {} == {line: fault for line in commands_in(text_of(name)) if (fault := fault_of(line))}


def test_a_command_that_the_program_does_not_take_is_noticed() -> None:
    assert "No such option" in fault_of("taskrun cron --keep-alvie 3")


def test_the_files_that_are_read_name_commands_at_all() -> None:
    named = [line for name in FILES for line in commands_in(text_of(name))]

    assert 10 < len(named)


def test_every_folder_of_contrib_is_in_the_table_of_its_page() -> None:
    named = set(re.findall(r"(?m)^\| \[contrib/([\w.]+)\]", page("contrib").read_text("utf-8")))

    assert {path.name for path in CONTRIB.iterdir()} == named


def test_the_crontab_sets_what_cron_does_not_and_starts_a_cron_every_minute() -> None:
    lines = [line for line in text_of("crontab").splitlines() if line and not line.startswith("#")]

    assert ["SHELL", "PATH", "LANG", "MAILTO"] == [line.partition("=")[0] for line in lines[:-1]]
    assert lines[-1].startswith("* * * * * /") and lines[-1].endswith(" cron")


def test_every_crontab_line_is_one_that_cron_takes() -> None:
    lines = re.findall(r"(?m)^#?(\* \* \* \* \* .*)$", text_of("crontab"))

    assert 3 == len(lines)
    assert [] == [line for line in lines if re.search(r"(?<!\\)%", line)]


def test_logrotate_is_for_the_file_that_the_crontab_appends_to() -> None:
    [appended] = re.findall(r">>(\S+)", text_of("crontab"))
    [rotated] = re.findall(r"(?m)^(/\S+) \{$", text_of("logrotate"))

    assert appended == rotated
    assert "copytruncate" not in re.sub("#.*", "", text_of("logrotate"))


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_has_its_sections_in_order_and_says_what_it_is(name: str) -> None:
    sections = unit(name).sections()

    assert ["Unit", "Service"] == sections or ["Unit", "Timer", "Install"] == sections
    assert unit(name)["Unit"]["Description"]
    assert "man:taskrun(1)" == unit(name)["Unit"]["Documentation"]


def test_the_timer_starts_the_service_of_its_name_every_minute() -> None:
    timer = unit("systemd/taskrun@.timer")

    assert {"OnCalendar": "minutely", "AccuracySec": "1s", "Persistent": "no"} == dict(timer["Timer"])
    assert "timers.target" == timer["Install"]["WantedBy"]


def test_a_stop_gives_the_task_time_before_the_second_signal_and_before_it_is_killed() -> None:
    text = text_of("systemd/taskrun@.service")
    service = unit("systemd/taskrun@.service")["Service"]

    first, waiting = re.findall(r"(?m)^ExecStop=(.*)$", text)
    patience = int(re.findall(r"timeout (\d+) tail", waiting)[0])
    assert "kill -s TERM $MAINPID" in first
    assert patience < int(service["TimeoutStopSec"])
    assert ("mixed", "exec", "143") == (service["KillMode"], service["Type"], service["SuccessExitStatus"])


def test_the_service_writes_where_its_configuration_says(tmp_path: Path) -> None:
    service = unit("systemd/taskrun@.service")["Service"]
    (tmp_path / "taskrunner.toml").write_text(text_of("systemd/taskrunner.toml"), "utf-8")

    config = load_config(None, environ={}, cwd=tmp_path)

    assert Path("/var/lib", service["StateDirectory"]) == config.state_dir
    assert Path("/var/log", service["LogsDirectory"]) == config.log_dir
    assert f"sqlite:{config.state_dir}/taskrunner.db" == config.database
    assert "--config /etc/taskrunner/taskrunner.toml cron" in service["ExecStart"]


def test_tmpfiles_makes_the_folders_of_the_site_for_the_user_of_the_service() -> None:
    made = dict(re.findall(r"(?m)^d (\S+) +\d+ (\w+)", text_of("systemd/tmpfiles.conf")))
    user = unit("systemd/taskrun@.service")["Service"]["User"]

    assert {
        "/etc/taskrunner": "root",
        "/etc/taskrunner/plugins": "root",
        "/var/lib/taskrunner": user,
        "/var/log/taskrunner": user,
    } == made
    assert f"\nu {user} - " in text_of("systemd/sysusers.conf")


def test_what_the_unit_says_about_its_hardening_is_there() -> None:
    """A comment names what to relax: each option it names stands in the unit, or is said not to."""
    text = text_of("systemd/taskrun@.service")
    options = set(unit("systemd/taskrun@.service")["Service"])
    comments = " ".join(re.findall(r"(?m)^#(.*)$", text))
    absent = {
        "ReadWritePaths",
        "DeviceAllow",
        "MemoryDenyWriteExecute",
        "ProcSubset",
        "IPAddressDeny",
        "OnFailure",
    }

    named = set(re.findall(r"\b([A-Z][A-Za-z]+)=", comments)) - {"OnFailure"}
    assert set() == named - options - absent
