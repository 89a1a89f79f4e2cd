"""`make contrib`: the files of contrib as the programs see them that they are for.

The tests read these files; this runs systemd, logrotate, cron, groff, promtool, Postfix and the shells on
them. Where one of those is missing it says in one line which Debian packages to install, and checks nothing.
"""

import getpass
import grp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.contrib.example_site import CONTRIB
from tests.contrib.postfix import storm

TASKRUN = Path(sys.executable).with_name("taskrun")
SEARCHED = os.pathsep.join([str(TASKRUN.parent), os.environ["PATH"], "/usr/sbin", "/sbin"])
PACKAGES = {
    "crontab": "cron",
    "fish": "fish",
    "groff": "groff",
    "logrotate": "logrotate",
    "man": "man-db",
    "mandoc": "mandoc",
    "postfix": "postfix",
    "promtool": "prometheus",
    "shellcheck": "shellcheck",
    "systemd-analyze": "systemd",
    "zsh": "zsh",
}
"""Program -> the Debian package that has it."""

MOST_EXPOSED = 15
"""What `systemd-analyze security` may say, times ten: below 2.0 is "OK"."""

MAILS = 200
"""As many go through Postfix."""

NO_DATE = 'WARNING: missing date, using "": TH'
"""What mandoc may say: a page that is the same whenever it is made has none."""


class WrongError(Exception):
    """What a tool said."""


def run(*command: str | Path, cwd: Path = CONTRIB, silent: bool = False) -> str:
    """Return what a tool prints; WrongError if it fails, or prints anything where it should be `silent`."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": SEARCHED, "HOME": str(cwd), "LANG": "C.UTF-8", "SYSTEMD_PAGER": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode or (silent and done.stdout):
        raise WrongError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def copy(name: str, to: Path, **instead: str) -> Path:
    """Copy a file of contrib with parts replaced; each has to be there."""
    text = (CONTRIB / name).read_text("utf-8")
    for old, new in instead.items():
        if old not in text:
            raise WrongError(f"{name} does not say {old!r}")
        text = text.replace(old, new)
    copied = to / Path(name).name
    copied.write_text(text, "utf-8")
    return copied


def crontab(_folder: Path) -> None:
    """cron takes the crontab."""
    run("crontab", "-n", "crontab")


def logrotate(folder: Path) -> None:
    """logrotate rotates what the crontab line appends to, and only when it is time."""
    log = folder / "cron.out"
    log.write_text("a line\n")
    user, group = getpass.getuser(), grp.getgrgid(os.getgid()).gr_name
    copied = copy(
        "logrotate",
        folder,
        **{"/var/log/taskrunner/cron.out": str(log), "su taskrun taskrun": f"su {user} {group}"},
    )
    copied.chmod(0o644)
    output = run("logrotate", "-d", copied)
    if "error:" in output:
        raise WrongError(output)
    run("logrotate", "--force", "--state", folder / "status", copied, silent=True)
    if not (folder / "cron.out.1").exists() or log.read_text():
        raise WrongError(f"nothing was rotated: {sorted(folder.iterdir())}")


def systemd(folder: Path) -> None:
    """systemd takes the units, makes user and folders, and finds the service hardened."""
    copy("systemd/taskrun@.service", folder, **{"/opt/taskrunner/bin/taskrun": str(TASKRUN)})
    copy("systemd/taskrun@.timer", folder)
    run(
        "systemd-analyze",
        "verify",
        "--man=no",
        "./taskrun@.service",
        "./taskrun@.timer",
        cwd=folder,
        silent=True,
    )
    output = run(
        *("systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager"),
        "./taskrun@.service",
        cwd=folder,
    )
    print("   ", output.splitlines()[-1].removeprefix("→ "))
    root = folder / "root"
    (root / "etc").mkdir(parents=True)
    run("systemd-sysusers", f"--root={root}", CONTRIB / "systemd" / "sysusers.conf")
    run("systemd-tmpfiles", f"--root={root}", "--create", CONTRIB / "systemd" / "tmpfiles.conf")
    if "\ntaskrun:x:" not in f"\n{(root / 'etc/passwd').read_text()}":
        raise WrongError("systemd-sysusers made no user taskrun")
    for made in ("etc/taskrunner/plugins", "var/lib/taskrunner", "var/log/taskrunner"):
        if not (root / made).is_dir():
            raise WrongError(f"systemd-tmpfiles made no {made}")


def alerts(folder: Path) -> None:
    """Prometheus takes the rules, and they do what alerts_test.yaml says."""
    rules = copy("prometheus/taskrun.rules.yaml", folder)
    cases = shutil.copy(Path(__file__).with_name("alerts_test.yaml"), folder)
    run("promtool", "check", "rules", rules)
    run("promtool", "test", "rules", cases, cwd=folder)


MANY = """
from taskrunner import ScheduledTask


class _Task(ScheduledTask):
    schedule = "* * * * *"

    def execute(self):
        if self.name.endswith("7"):
            raise ValueError


for number in range(500):
    globals()[f"Task{number}"] = type(f"Task{number}", (_Task,), {"__module__": __name__})
"""


def metrics(folder: Path) -> None:
    """Prometheus takes what `taskrun check --prometheus` writes of a site with 500 tasks that have run."""
    site = folder / "many"
    run(TASKRUN, "init", site)
    (site / "plugins" / "many.py").write_text(MANY, "utf-8")
    run(TASKRUN, "list", cwd=site)
    run(TASKRUN, "retry", "many.*", "--yes", cwd=site)
    run(TASKRUN, "cron", "--quiet", cwd=site)
    file = site / "taskrun.prom"
    subprocess.run([TASKRUN, "check", "--prometheus", file], cwd=site, check=False)
    text = file.read_text("utf-8")
    if (found := text.count("taskrun_task_runs_total{")) < 500:
        raise WrongError(f"{found} tasks of 500 have runs")
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode or done.stdout or done.stderr:
        raise WrongError(f"promtool check metrics: {done.stdout}{done.stderr}")


def man_page(_folder: Path) -> None:
    """Groff and mandoc have nothing against the man page, and man shows it."""
    page = CONTRIB / "man" / "taskrun.1"
    run("groff", "-ww", "-man", "-Tutf8", "-z", page, silent=True)
    output = subprocess.run(
        ["mandoc", "-Tlint", "-Wstyle", page], capture_output=True, text=True, check=False
    ).stdout
    if wrong := [line for line in output.splitlines() if NO_DATE not in line]:
        raise WrongError("\n".join(wrong))
    if "EXIT STATUS" not in run("man", "-l", page):
        raise WrongError("man -l shows no EXIT STATUS")


def dockerfile(_folder: Path) -> None:
    """hadolint and shellcheck have nothing against what the image is made of."""
    run("hadolint", "docker/Dockerfile", silent=True)
    run("shellcheck", "--severity=warning", "docker/every-minute", silent=True)


def completion(folder: Path) -> None:
    """The shells take the scripts that complete commands, and complete with them."""
    run(TASKRUN, "init", folder / "site")
    site = folder / "site"
    in_fish = run("fish", "-c", 'taskrun completion fish | source; complete -C "taskrun he"', cwd=site)
    in_bash = run(
        "bash",
        "-c",
        'eval "$(taskrun completion bash)"; COMP_WORDS=(taskrun he); COMP_CWORD=1; '
        '_taskrun_completion taskrun; echo "${COMPREPLY[@]}"',
        cwd=site,
    )
    in_zsh = run(
        "zsh",
        "-fc",
        'autoload -U compinit; compinit -u -d ./dump; eval "$(taskrun completion zsh)"; '
        "[[ $_comps[taskrun] == _taskrun_completion ]] && "
        "COMP_WORDS='taskrun he' COMP_CWORD=1 _TASKRUN_COMPLETE=zsh_complete taskrun",
        cwd=site,
    )
    for shell, output in (("fish", in_fish), ("bash", in_bash), ("zsh", in_zsh)):
        if "help" not in output.split():
            raise WrongError(f"{shell} does not complete taskrun he to help, but to {output!r}")


def mail_queue(folder: Path) -> None:
    """Postfix gets every mail of a queue, however often their senders and it are killed (as root alone)."""
    folder.chmod(0o755)
    outcome = storm(folder, messages=MAILS, seed=1)
    print("   ", outcome)
    if outcome.lost or outcome.left or outcome.refusable != outcome.refused.keys():
        raise WrongError(str(outcome))


CHECKS: tuple[Callable[[Path], None], ...] = (
    *(crontab, logrotate, systemd, alerts, metrics, man_page, dockerfile, completion, mail_queue),
)


def main() -> int:
    """Run every check; 1 if a tool is missing or says that something is wrong."""
    missing = sorted(package for tool, package in PACKAGES.items() if not shutil.which(tool, path=SEARCHED))
    if missing:
        print(f"nothing was checked: apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    failed = 0
    for check in CHECKS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(Path(folder))
                print(f"ok  {check.__doc__}")
            except WrongError as error:
                failed += 1
                print(f"NOT {check.__doc__}\n{error}")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
