"""The promises of taskrunner, looked for in the ledger, the tables and the log files after a fault."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from taskrunner.records import Run
from taskrunner.store.runs import LogFilter
from tests.faults.site import FaultySite

EVERYTHING = 10_000_000


@dataclass
class Findings:
    """What was counted, and in `broken` every promise that does not hold."""

    queued: int = 0
    finished: int = 0
    lost: int = 0
    twice: int = 0
    crashed: int = 0
    overlapping: int = 0
    repeated: int = 0
    broken: list[str] = field(default_factory=list)

    def expect(self, holds: object, what: str) -> None:
        if not holds:
            self.broken.append(what)


def check(site: FaultySite, queued: set[int], *, kills: int, forgotten: int = 0) -> Findings:
    """Join ledger, tables and files. `queued`: the ids that were queued, each with its number as data.

    `forgotten`: of how many starts nothing may be known, since what was noted of them was lost.
    """
    found = Findings(queued=len(queued))
    with site.opened() as opened:
        rows = opened.store.log.list(LogFilter(limit=EVERYTHING))
        left = {row.id for row in opened.store.adhoc.list()}
        runners = opened.store.runners.list()
        runs = [opened.store.log.find(row.run_id)[0] for row in rows if row.outcome == "crashed"]
    _check_queue(found, rows, queued, left)
    _check_runs(found, site, rows, kills, forgotten)
    _check_outputs(found, runs)
    found.overlapping = _overlaps(rows)
    found.expect(found.overlapping == 0, f"I4: {found.overlapping} runs of one task overlap")
    found.expect(not runners, f"I8: runner rows are left: {runners}")
    found.expect(not _left_behind(site.root), f"I8: files are left: {_left_behind(site.root)}")
    return found


def _check_queue(found: Findings, rows: list[Run], queued: set[int], left: set[int]) -> None:
    ok = Counter(row.adhoc_id for row in rows if row.outcome == "ok" and row.adhoc_id is not None)
    slots = Counter((row.name, row.due_at) for row in rows if row.outcome == "ok" and row.type == "scheduled")
    found.finished = len(ok)
    found.lost = len(queued - set(ok) - left)
    found.twice = sum(count > 1 for count in ok.values()) + sum(count > 1 for count in slots.values())
    found.expect(found.lost == 0, f"I1: {found.lost} queued tasks are neither done nor queued")
    found.expect(found.twice == 0, f"I2: {found.twice} tasks or slots are recorded as done twice")


def _check_runs(found: Findings, site: FaultySite, rows: list[Run], kills: int, forgotten: int) -> None:
    notes = site.notes()
    by_run = Counter(row.run_id for row in rows)
    found.crashed = sum(row.outcome == "crashed" for row in rows)
    started = {note.run_id for note in notes if note.what == "start"}
    unrecorded = [run for run in started if by_run[run] != 1]
    is_expected = len(unrecorded) <= forgotten and not any(by_run[run] for run in unrecorded)
    found.expect(is_expected, f"I5: started runs without exactly one log row: {unrecorded[:3]}")
    starts = Counter((note.name, note.number) for note in notes if note.what == "start" and note.number)
    charged = Counter(row.adhoc_id for row in rows if row.outcome in ("crashed", "interrupted", "failed"))
    extra = sum(starts.values()) - len(starts)
    found.expect(extra <= kills + charged.total(), f"I3: {extra} starts too many for {kills} kills")
    effects = Counter((note.name, note.number) for note in notes if note.what == "effect" and note.number)
    found.repeated = effects.total() - len(effects)
    found.expect(found.repeated <= kills, f"{found.repeated} effects repeated by {kills} kills")


def _check_outputs(found: Findings, crashed: list[Run]) -> None:
    """A crashed run that had printed a line in its log file has that line in its row."""
    for run in crashed:
        log = Path(run.log_file or "/dev/null")
        if not log.exists():  # killed between the claim and the first line
            continue
        text = log.read_text("utf-8", "replace")
        _, _, behind = text.partition(f"... run id {run.run_id}\n")
        printed = behind.partition("\nExecute ")[0]
        found.expect(
            run.output.rstrip() == printed.rstrip() or printed.startswith(run.output),
            f"I9: run {run.run_id} printed {printed[:80]!r}, recorded is {run.output[:80]!r}",
        )


def _overlaps(rows: list[Run]) -> int:
    """Count runs of one adhoc task that started before another one of it had ended, which did not crash."""
    count = 0
    by_task: dict[int, list[Run]] = {}
    for row in rows:
        if row.adhoc_id is not None and row.outcome != "crashed":
            by_task.setdefault(row.adhoc_id, []).append(row)
    for runs in by_task.values():
        runs.sort(key=lambda run: run.started_at)
        count += sum(
            later.started_at < earlier.ended_at for earlier, later in zip(runs, runs[1:], strict=False)
        )
    return count


def _left_behind(root: Path) -> list[str]:
    """Return locks of dead runners, drafts and outcomes that nobody will look at again."""
    patterns = ("*/state/locks/runner-*", "*/state/.*", "*/state/ended/*")
    return sorted(str(path.relative_to(root)) for pattern in patterns for path in root.glob(pattern))
