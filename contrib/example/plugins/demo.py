"""Shows what a failure looks like; taskrunner.toml keeps it disabled."""

from pathlib import Path

from taskrunner import Every, ScheduledTask, mtrace

MENDED = Path(__file__).parent.parent / "data" / "mended"


class FailsOnPurpose(ScheduledTask):
    """Fail until somebody mends it."""

    schedule = Every(minutes=5)

    def execute(self) -> None:
        """Succeed if there is a file data/mended, else raise FileNotFoundError."""
        mtrace(f"attempt {self.attempt}, after a wait of {self.fail_delay} seconds")
        if not MENDED.exists():
            raise FileNotFoundError(f"failing on purpose until there is a file {MENDED}")
        mtrace("mended")
