"""A site in a minute in which nothing is due, known from the cron before."""

from dataclasses import dataclass
from pathlib import Path

from taskrunner.heartbeat import beat, last_beat
from taskrunner.hosts import begin_counting
from taskrunner.idle import NAME, passes_idly
from taskrunner.idle_cache import remember, watch
from tests.runner.runner_site import RunnerSite, scheduled

YEARLY = scheduled("Yearly", schedule="0 0 1 1 *")


@dataclass
class IdleSite:
    """A site, and the environment its crons are started in."""

    site: RunnerSite
    environ: dict[str, str]

    @property
    def config(self) -> Path:
        return self.site.root / "taskrunner.toml"

    @property
    def state(self) -> Path:
        return self.site.root / "state"

    @property
    def memo(self) -> Path:
        return self.state / NAME

    def cron(self) -> None:
        """Do a whole cron, as the program does: one that leaves a note for the idle minute."""
        now = self.site.clock()
        seen = watch(str(self.config), environ=self.environ, cwd="/", now=now)
        with self.site.opened(self.environ) as opened:
            begin_counting(opened, beat(opened.config.state_dir, now), now)
            remember(opened, seen, environ=self.environ)
            self.site.runner(opened).work()

    def passes(self, *arguments: str, after: float = 60) -> bool:
        """Say whether the minute after the last one is passed idly; if not, nothing may have been done."""
        self.site.clock.now += after
        before = self.heartbeat()
        passed = passes_idly(
            arguments or ("--config", str(self.config), "cron"), environ=self.environ, now=self.site.clock()
        )
        assert self.heartbeat() == (self.site.clock() if passed else before)
        return passed

    def heartbeat(self) -> float | None:
        last = last_beat(self.state)
        return None if last is None else last.started_at
