"""Who takes a task, as a claim stamps it on the row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """The runner, the run, its moment and its process."""

    runner_id: str
    run_id: str
    now: float
    hostname: str
    pid: int

    def parameters(self) -> dict[str, object]:
        """Return the stamp as parameters of a claim."""
        return {
            "runner_id": self.runner_id,
            "run_id": self.run_id,
            "now": self.now,
            "hostname": self.hostname,
            "pid": self.pid,
        }
