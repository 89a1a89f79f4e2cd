"""A clock for a whole process, which says what it is told. Set before taskrunner is imported."""

import time


class ShimClock:
    """Stands still within a cron, so that what is due when can be foretold to the second."""

    def __init__(self) -> None:
        self.now = time.time()

    def install(self) -> None:
        """Let `time.time` say what this clock does, in this process and its children."""
        time.time = lambda: self.now
        time.time_ns = lambda: int(self.now * 1_000_000_000)


CLOCK = ShimClock()
