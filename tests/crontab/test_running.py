"""A crontab as administrators have it, imported by `taskrun init` and run by `taskrun cron`."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from taskrunner.crontab.parse import read_crontab
from taskrunner.crontab.records import Account, Host
from taskrunner.schedule import Schedule
from tests.acceptance.processes import RealSite
from tests.crontab.isc_cron import next_times, times
from tests.databases import ask, sqlite_url
from tests.patience import DEADLINE

CRONTAB = Path(__file__).parents[1] / "data" / "crontab.txt"
PLACES = re.compile(r"(?<![\w.])/(?=(usr|var|srv|opt|etc|backup|home|sbin)\b)")
STAND_INS = (
    "usr/sbin: logrotate anacron ntpdate tmpwatch",
    "usr/bin: certbot perl php python run-parts debian-sa1 apt-get mysqldump pg_dump rsync flock nice wget",
    "usr/bin: curl docker logger mail sleep su systemctl",
    "sbin: fstrim zpool",
    "usr/local/bin: sync-warehouse restic quarterly-report",
    "usr/share/mdadm: checkarray",
)
STAND_IN = """\
#!/bin/sh
echo "$(basename "$0") $*" | sed 's|{root}||g' >> {root}/witness
[ -t 0 ] || sed 's/^/< /' >> {root}/witness
"""
FOLDERS = ["var/log", "var/lock", "backup", "srv/shop", "srv/app/venv/bin", "var/www/moodle/admin/cli", "etc"]


@pytest.fixture
def site(tmp_path: Path) -> RealSite:
    """The site of an administrator, whose crontab is about the folders of this test."""
    root = tmp_path / "root"
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    (root / "srv/app/venv/bin/activate").touch()
    for line in STAND_INS:
        folder, _, names = line.partition(": ")
        for name in names.split():
            program = root / folder / name
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(STAND_IN.format(root=root))
            program.chmod(0o755)
    (tmp_path / "crontab").write_text(PLACES.sub(f"{root}/", CRONTAB.read_text("utf-8")), "utf-8")
    return RealSite(tmp_path)


def test_thirty_lines_are_imported_and_run(site):
    told = init(site)
    make_due(site)

    site.run("cron")

    rows = site.reads("list", "--plugin", "crontab")
    assert 31 == len(rows)
    assert [] == [(row["name"], row["last_message"]) for row in rows if row["last_outcome"] != "ok"]
    assert WITNESSED == witnessed(site)
    assert "Friday, or the 13th\n" == site.output("crontab.Echo")
    assert ["all databases.sql.gz", "etc-N.tar.gz", "shop-DAY.sql.gz", "wiki-DAY.dump"] == in_folder(
        site, "backup"
    )
    assert "month: 100%\n" == (site.root / "root/var/log/months").read_text()
    assert [f"- line {line}: " for line in (29, 61, 62)] == re.findall(r"(?m)^- line \d+: ", told)


def test_each_line_comes_when_cron_would_start_it(site):
    after = datetime(2027, 1, 31, 12, 34, tzinfo=UTC)

    crontab = read_crontab(
        CRONTAB.read_bytes(), Account("ann", "/"), host=Host(lambda _word: False, lambda _word: True)
    )

    for job in crontab.jobs:
        text = job.text if job.text.startswith("@") else " ".join(job.text.split()[:5])
        expected = next_times(times(text.split()[0] if text[0] == "@" else text), after, 5, days=366 * 4)
        assert expected == Schedule(job.entry.schedule, timezone="UTC").upcoming(after, 5), job.text


def init(site: RealSite) -> str:
    done = subprocess.run(
        [
            Path(sys.executable).with_name("taskrun"),
            "init",
            site.root,
            "--from-crontab",
            site.root / "crontab",
        ],
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def make_due(site: RealSite) -> None:
    site.run("list")
    ask(sqlite_url(site.root), "update task_scheduled set next_run_at = 0 where plugin = 'crontab'")


def witnessed(site: RealSite) -> list[str]:
    return sorted(map(timeless, (site.root / "root" / "witness").read_text("utf-8").splitlines()))


def in_folder(site: RealSite, folder: str) -> list[str]:
    return sorted(timeless(path.name) for path in (site.root / "root" / folder).iterdir())


def timeless(text: str) -> str:
    return re.sub(r"(?<=sleep )\d+$|(?<=etc-)\d+", "N", re.sub(r"\d{4}-\d\d-\d\d", "DAY", text))


WITNESSED = """\
< 
< Joe,
< Where are your kids?
apt-get -qq update
apt-get -qqd -y upgrade
certbot -q renew
certbot -q renew --deploy-hook systemctl reload nginx
checkarray --cron --all --idle --quiet
curl -fsS -m 10 --retry 5 https://hc.example.org/ping/f7e1
debian-sa1 1 1
docker exec -t db pg_dumpall -c -U postgres
docker system prune -af --filter until=168h
flock -n /var/lock/sync.lock /usr/local/bin/sync-warehouse --since DAY
fstrim --all
logger -t docker-prune
logrotate /etc/logrotate.conf
mail -s It's 10pm joe
mysqldump --single-transaction --routines shop
nice -n 19 ionice -c3 /usr/local/bin/restic backup --exclude-file=/etc/restic.exclude /srv
ntpdate -s pool.ntp.org
perl -e sleep int(rand(43200))
pg_dump -Fc wiki
php -f /var/www/nextcloud/cron.php
php /var/www/moodle/admin/cli/cron.php
php artisan schedule:run
python manage.py clearsessions
quarterly-report --to Jörg <joerg@example.org>
rsync -a --delete /srv/data/ backup@vault.example.org:/srv/data/
run-parts --report /etc/cron.hourly
sleep N
su postgres -c vacuumdb --all --analyze --quiet
tmpwatch -umc 168 /var/tmp
wget -q -O - https://www.example.org/wp-cron.php?doing_wp_cron
zpool scrub tank
""".splitlines()
