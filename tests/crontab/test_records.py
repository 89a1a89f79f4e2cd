"""Names of classes for commands."""

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskrunner.crontab.records import LONGEST_NAME, Names, name_of


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/sbin/logrotate /etc/logrotate.conf", "Logrotate"),
        ("sleep $((RANDOM % 3600)); certbot -q renew", "Certbot"),
        ("test -x /usr/bin/certbot -a \\! -d /run/systemd/system && certbot -q renew", "Certbot"),
        ("[ -x /usr/sbin/foo ] && /usr/sbin/foo", "Foo"),
        ("mysqldump --all-databases | gzip > /backup/all.sql.gz", "Mysqldump"),
        ("cd /srv/shop && php artisan schedule:run >> /dev/null 2>&1", "Artisan"),
        ("/usr/bin/php8.2 -f /var/www/html/wiki/maintenance/runJobs.php", "RunJobs"),
        ("nice -n 19 ionice -c3 /usr/local/bin/backup.sh", "Backup"),
        ("MAILTO=x LANG=C /opt/tools/report.py --daily", "Report"),
        ("cd / && run-parts --report /etc/cron.hourly", "RunParts"),
        ("/bin/true", "RunTrue"),
        ("7z a /backup/all.7z /srv", "Line9"),
        ("~/bin/x", "Line9"),
        ("$HOME/bin/daily.job", "Line9"),
        ("'", "Line9"),
        ("größe", "Line9"),
        ("None --now", "RunNone"),
        ("x" * 500, "X" + "x" * (LONGEST_NAME - 1)),
    ],
)
def test_a_class_is_called_as_the_program_that_its_command_starts(command, name):
    assert name == Names().new(command, line=9)


def test_equal_names_are_numbered_and_those_in_use_are_not_given():
    names = Names()

    given = [
        names.new(command, line=1)
        for command in ("sync", "sync -f", "sync2", "sync", "shell-task", "ShellTask")
    ]

    assert ["Sync", "Sync2", "Sync22", "Sync3", "ShellTask2", "ShellTask3"] == given


@given(st.lists(st.text(max_size=40), max_size=8))
def test_every_command_has_a_name_of_its_own_that_can_be_that_of_a_task(commands):
    names = Names()

    given = [names.new(command, line=number) for number, command in enumerate(commands)]

    assert len(commands) == len(set(given))
    assert all(name.isidentifier() and name.isascii() and not keyword.iskeyword(name) for name in given)
    assert not any(name.startswith("_") for name in given)


def test_a_long_hostile_command_is_named_at_once():
    for part in ("-u ", "$(", "-e '", "`", "flock -w ", "a=", "((("):
        name_of(part * 10_000)
