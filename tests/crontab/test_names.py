"""Names of classes for commands."""

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskrunner.crontab.names import LONGEST_NAME, Names, name_of


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/usr/sbin/logrotate /etc/logrotate.conf", "Logrotate"),
        ("certbot -q renew", "CertbotRenew"),
        ("sleep $((RANDOM % 3600)); certbot -q renew", "CertbotRenew"),
        ("perl -e 'sleep int(rand(3600))' && certbot -q renew", "CertbotRenew"),
        ("test -x /usr/bin/certbot -a \\! -d /run/systemd/system && certbot -q renew", "CertbotRenew"),
        ("[ -x /usr/sbin/foo ] && /usr/sbin/foo", "Foo"),
        ("mysqldump --all-databases | gzip > /backup/all.sql.gz", "Mysqldump"),
        ("find /tmp -type f -mtime +7 -delete", "FindTmp"),
        ("cd /srv/shop && php artisan schedule:run >> /dev/null 2>&1", "ArtisanScheduleRun"),
        ("/usr/bin/php /var/www/nextcloud/cron.php", "NextcloudCron"),
        ("/usr/bin/php8.2 -f /var/www/html/wiki/maintenance/runJobs.php", "RunJobs"),
        ("flock -n /var/lock/sync.lock /usr/local/bin/sync-all --quick", "SyncAll"),
        ("flock -w 10 /var/lock/sync.lock -c '/usr/local/bin/sync-all'", "SyncAll"),
        ("/usr/bin/flock -n /run/x.lock -c 'cd /srv && ./import.sh'", "Import"),
        ("sudo -u www-data /usr/bin/php /srv/x/tidy.php", "Tidy"),
        ("su - postgres -c 'vacuumdb --all'", "Vacuumdb"),
        ("nice -n 19 ionice -c3 /usr/local/bin/backup.sh", "Backup"),
        ("MAILTO=x LANG=C /opt/tools/report.py --daily", "Report"),
        ("docker system prune -af", "DockerSystemPrune"),
        ("docker exec -t db pg_dumpall", "DockerExecDb"),
        ("cd / && run-parts --report /etc/cron.hourly", "RunPartsCronHourly"),
        ("/bin/true", "RunTrue"),
        ("pg_dump shop", "PgDumpShop"),
        ("7z a /backup/all.7z /srv", "All7zSrv"),
        ("$HOME/bin/daily.job", "DailyJob"),
        ("~/bin/x", "Line9"),
        ("'", "Line9"),
        ("größe", "Line9"),
        ("None --now", "RunNone"),
        ("x" * 500, "X" + "x" * (LONGEST_NAME - 1)),
    ],
)
def test_a_class_is_called_as_what_its_command_is_for(command, name):
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
