"""A plugin as somebody else writes it, who has taskrunner from its wheel and checks types strictly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from taskrunner import (
    MORE,
    AdhocTask,
    Every,
    GiveUp,
    More,
    RetryLater,
    Schedule,
    ScheduledTask,
    TaskrunnerError,
    UnknownUserError,
    __version__,
    clear_static_caches,
    mtrace,
    mtrace_exception,
    queue_adhoc_task,
    queue_adhoc_tasks,
    reschedule_or_queue_adhoc_task,
)


@dataclass(frozen=True)
class Settings:
    """What `[plugin_settings.shop]` says."""

    sender: str
    folder: Path = Path("mails")
    at_once: int = 100


class SendOffers(ScheduledTask):
    """Send offers."""

    schedule = "0 7 * * 1-5"
    timezone = "Europe/Paris"
    timeout = 600

    def is_runnable(self) -> bool | str:
        return True if self.settings else "nobody is set as sender"

    def execute(self) -> More | None:
        settings = self.read_settings(Settings)
        for number in range(settings.at_once):
            self.progress(number, settings.at_once, f"mail {number}")
        queue_adhoc_task(SendOffer({"to": "ann", "from": settings.sender}), check_for_existing=True)
        return MORE


class TidyUp(ScheduledTask):
    """Tidy up."""

    schedule = Every(hours=2)
    isolation = "fork"

    def execute(self) -> None:
        clear_static_caches()
        mtrace(f"{self.name} {self.run_id} {self.last_run_at} with {__version__}")


class SendOffer(AdhocTask):
    """Send one offer."""

    attempts = 3
    concurrency_limit = 2

    def execute(self) -> None:
        to: str = self.custom_data["to"]
        if self.user is None:
            raise UnknownUserError(to)
        try:
            self.db.execute("select 1")
        except OSError as error:
            mtrace_exception(error)
            raise RetryLater(seconds=300) from error
        except TaskrunnerError as error:
            raise GiveUp(str(error)) from error


def queue_all(users: list[str]) -> int:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    queue_adhoc_tasks(
        SendOffer(
            {"to": user},
        )
        for user in users
    )
    reschedule_or_queue_adhoc_task(SendOffer({"to": "ann"}), next_run_at=tomorrow)
    return queue_adhoc_task(SendOffer({"to": "bob"}), next_run_at=tomorrow, user="bob")


def next_offers() -> list[datetime]:
    return Schedule("0 7 * * 1-5", timezone="Europe/Paris").upcoming(datetime.now(UTC), 3)
