"""Settling: log row and state of the task are written together, and the next task is claimed with them."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskrunner.errors import StoreBusyError, StoreError, StoreFullError, StoreRefusedError
from taskrunner.files import open_file
from taskrunner.records import Reply
from taskrunner.runner import messages as lines
from taskrunner.runner.execute import Skip, Unloadable
from taskrunner.runner.job import FinishedRun, next_fail_delay

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo
    from pathlib import Path

    from taskrunner.installation import Site
    from taskrunner.records import Run
    from taskrunner.runner.batch import Batch, Ran
    from taskrunner.runner.job import Job
    from taskrunner.runner.journal import RunJournal
    from taskrunner.runner.notify import Notifier
    from taskrunner.runner.output import Output
    from taskrunner.runner.presence import RunnerIdentity

    Claim = Callable[[], Reply[Batch | None]]

PATIENCE = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds between the tries to tell the database of a run."""

LONGEST_PATIENCE = 60.0
"""Seconds after which no further try is begun, as where a task has locked the database in this process."""

MOST_INTERRUPTIONS = 3
"""How often in a row a task may be interrupted and be due again at once; then it is charged as a failure."""

PARKED = 60.0
"""Seconds after which a task that could not be loaded is looked at again."""


def claim_nothing() -> Reply[Batch | None]:
    """Claim no task."""
    return Reply(None)


RESERVE = "reserve"
"""The name of a file that is kept to be removed: on a full disk, what came of a run still finds room."""

SIZE = 1024 * 1024
ROOM = 16 * SIZE
"""Bytes that have to be free before it is made: it is not to be what fills the disk."""


@dataclass(slots=True)
class DiskReserve:
    """The file, in the state directory. `spent`: this process had to free it."""

    path: Path
    spent: bool = False

    def keep(self) -> None:
        """Make the file if it is not there and there is room; without it, a full disk loses what it loses."""
        with suppress(OSError):
            room = os.statvfs(self.path.parent)
            if not self.path.exists() and room.f_bavail * room.f_frsize >= ROOM:
                descriptor = open_file(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                try:
                    os.posix_fallocate(descriptor, 0, SIZE)
                finally:
                    os.close(descriptor)

    def free(self) -> bool:
        """Remove the file, so that there is room; return whether it was there."""
        try:
            os.unlink(self.path)
        except OSError:
            return False
        self.spent = True
        return True


@dataclass(frozen=True, slots=True)
class Settler:
    """Writes what came of claimed tasks, and claims the next in the same transaction."""

    site: Site
    identity: RunnerIdentity
    output: Output
    journal: RunJournal
    disk_reserve: DiskReserve
    clock: Callable[[], float]
    wait: Callable[[float], None]
    zone: tzinfo
    notifier: Notifier | None = None

    def claim(self, claim: Claim) -> Batch | None:
        """Claim tasks in a transaction of its own. Raises StoreError, and then tries to hold nothing."""
        try:
            with self.site.store.transaction():
                claimed = claim()
        except StoreBusyError:
            raise
        except StoreError:  # of which the claim may have been committed all the same
            with suppress(StoreError):
                self.give_back()
            raise
        return claimed.get()

    def settle_and_claim(self, ran: Ran, claim: Claim = claim_nothing) -> Batch | None:
        """Settle what came of a batch and claim the next one in the same transaction; return that.

        Where the administrator's command is to hear of it, the next one is claimed after that: nothing is
        claimed to wait for a command.
        """
        changed = self.notifier is not None and any(map(self.notifier.hears_of, ran.finished))
        claim_now = claim_nothing if changed else claim
        try:
            settled, next_batch = self._write(ran, claim_now)
        except StoreError as error:
            if not ran.finished:
                raise
            self._settle_late(ran.finished, error)
            settled, next_batch = [True] * len(ran.results), self.claim(claim_now)
        for (job, result), is_settled in zip(ran.results, settled, strict=True):
            self._tell(job, result, is_settled=is_settled)
        return self.claim(claim) if changed else next_batch

    def give_back(self) -> None:
        """Start nothing of what was claimed: others may."""
        with self.site.store.transaction():
            self._release_claims()

    def report_failure(self, label: str, finished: FinishedRun) -> None:
        """Tell stdout of a failed run, where it hears of nothing else: enough for cron's mail."""
        if self.output.shown == "failures":
            self.output.tell(lines.failure_report(label, finished.run, self._next_try(finished)))

    def _next_try(self, finished: FinishedRun) -> str:
        if finished.by_hand:
            return lines.failed_by_hand(finished.run.name)
        if finished.is_exhausted:
            return "Given up."
        next_try_at = finished.run.settled_at + next_fail_delay(finished.fail_delay)
        return f"Next try: {lines.rfc2822(next_try_at, self.zone)}"

    def report_recovered(self, label: str, finished: FinishedRun) -> None:
        """Tell stdout, and the administrator's command, of a run that was settled for a dead runner."""
        if finished.run.failed:
            self.report_failure(label, finished)
        if self.notifier is not None:
            self.notifier.tell(finished, now=self.clock())

    def _tell(self, job: Job, result: FinishedRun | Skip | Unloadable, *, is_settled: bool) -> None:
        """Tell those who are to hear of it what came of a task, after it was settled."""
        if not is_settled and not self.journal.is_disturbed:  # else the helper process has settled it
            self.output.say(lines.superseded(job))
        if isinstance(result, FinishedRun):
            if result.run.failed:
                self.report_failure(job.label, result)
            if is_settled and self.notifier is not None:
                self.notifier.tell(result, now=self.clock())

    def _write(self, ran: Ran, claim: Claim) -> tuple[list[bool], Batch | None]:
        """Settle and claim in one transaction; on a full disk, once more with the reserve freed."""
        while True:
            try:
                with self.site.store.transaction():
                    settled = self._settle_all(ran)
                    if ran.has_left:
                        self.site.store.adhoc.release_claims(self.identity.id)
                    next_batch = claim()
                return [reply.get() for reply in settled], next_batch.get()
            except StoreFullError:
                if not self.disk_reserve.free():
                    raise

    def _settle_all(self, ran: Ran) -> list[Reply[bool]]:
        done = _finish_batch(self.site, [run.run for run in ran.finished]) if len(ran.results) > 1 else set()
        settled = []
        for job, result in ran.results:
            if not isinstance(result, FinishedRun):
                settled.append(self._pass_over(job, result))
            elif result.run.run_id not in done:
                settled.append(settle(self.site, result))
            else:
                settled.append(Reply(True))
        return settled

    def _settle_late(self, finished: list[FinishedRun], error: StoreError) -> None:
        """Try again for a while; what came of the runs is in the run journal, for the next cron.

        The transaction that failed may have been committed all the same: then nothing is left to settle, and
        what it claimed is not known to anybody.
        """
        names = " ".join(dict.fromkeys(run.run.name for run in finished))
        self.journal.secure()
        if isinstance(error, StoreRefusedError):
            finished = [self._storable(run, error, is_alone=len(finished) == 1) for run in finished]
        self.output.say(lines.not_written_yet(names, error))
        give_up_at = self.clock() + LONGEST_PATIENCE
        for seconds in PATIENCE:
            if self.clock() >= give_up_at:
                break  # each try may have waited long for a lock
            self.wait(seconds)
            try:
                with self.site.store.transaction():
                    for run in finished:
                        settle(self.site, run)
                    self._release_claims()
            except StoreError as another:
                error = another
            else:
                return
        raise not_written(names, error)

    def _storable(self, finished: FinishedRun, error: StoreError, *, is_alone: bool) -> FinishedRun:
        """Return a run without its texts if it is the one that the database refuses."""
        if not is_alone:
            try:
                with self.site.store.transaction():
                    settle(self.site, finished)
            except StoreRefusedError as refusal:
                error = refusal
            except StoreError:
                return finished  # it is tried again, with the others
            else:
                return finished
        self.output.say(lines.refused(finished.run.name, error))
        return without_text(finished, error)

    def _release_claims(self) -> None:
        self.site.store.adhoc.release_claims(self.identity.id)
        self.site.store.scheduled.release_claims(self.identity.id)

    def _pass_over(self, job: Job, reason: Skip | Unloadable) -> Reply[bool]:
        if isinstance(reason, Skip):
            write_skip(self.site, job, reason, self.clock())
        elif job.type == "scheduled":
            self.output.say(lines.left_due(job, str(reason.error)))
            self.site.store.scheduled.release_claims(self.identity.id)
        else:  # it waits until its plugin or its custom data has been corrected
            message = str(reason.error)
            self.output.say(lines.parked(job, message))
            next_run_at = self.clock() + PARKED
            self.site.store.adhoc.release(job.run_id, message=message, next_run_at=next_run_at)
        return Reply(True)


def not_written(name: str, error: StoreError) -> StoreError:
    """Return an error that names the run whose end could not be written: its task may be what holds it up."""
    message = f"the end of {name} could not be written, the next cron does it: {error}"
    hint = error.hint
    if isinstance(error, StoreBusyError):
        hint = f"perhaps {name} itself leaves a transaction of its own open; else: {error.hint}"
    return type(error)(message, hint=hint)


def without_text(finished: FinishedRun, error: StoreError) -> FinishedRun:
    """Return a finished run whose texts the database has refused, with none that it could refuse."""
    message = finished.run.message and ascii(finished.run.message)[1:-1].replace("\\x00", "")
    output = f"(the database refused its output: {ascii(str(error))[1:-1]}; its log file has it)\n"
    return finished._replace(run=finished.run._replace(message=message, output=output))


def settle(site: Site, finished: FinishedRun) -> Reply[bool]:
    """Write what came of a run, inside a transaction; the reply says whether the run was still the task's.

    Nothing is written when it was not: it was declared dead meanwhile, and another one may be under way.
    """
    run = finished.run
    if run.type == "scheduled":
        is_settled = _settle_scheduled(site, finished)
    elif run.adhoc_id is None:  # it was not queued: there is no row to settle
        is_settled = not site.store.log.find(run.run_id)
    elif run.outcome == "ok":
        return _finish_adhoc(site, run)
    else:
        is_settled = _settle_adhoc(site, finished)
    if is_settled:
        record(site, run)
    return Reply(is_settled)


def record(site: Site, run: Run) -> None:
    """Write the log row of a run, unless the config keeps none of its outcome."""
    if _is_kept(site, run):
        site.store.log.add(run)


def _is_kept(site: Site, run: Run) -> bool:
    mode = site.config.log.mode
    return mode == "all" or (mode == "failures" and run.outcome != "ok")


def _settle_scheduled(site: Site, finished: FinishedRun) -> bool:
    tasks, run = site.store.scheduled, finished.run
    if run.failed and not finished.by_hand:
        delay = next_fail_delay(finished.fail_delay)
        return tasks.fail(run, next_run_at=run.settled_at + delay, fail_delay=delay)
    row = tasks.find_for_change(run.name)
    if row is None:
        return False
    if run.outcome == "interrupted" and row.interruptions >= MOST_INTERRUPTIONS:
        delay = next_fail_delay(finished.fail_delay)
        return tasks.fail(run, next_run_at=run.settled_at + delay, fail_delay=delay)
    if run.outcome == "ok":
        planned = site.planner.next_after_run(row, started_at=run.started_at, now=run.ended_at)
        return tasks.finish(run, next_run_at=run.ended_at if finished.has_more else planned)
    waits_until = run.ended_at + finished.retry_in if run.outcome == "delayed" else row.next_run_at
    return tasks.release(run, next_run_at=waits_until)


def _finish_adhoc(site: Site, run: Run) -> Reply[bool]:
    """Wait for no answer: this is how most adhoc tasks end."""
    if not _is_kept(site, run):
        return site.store.adhoc.finish(run)
    was_its_own = site.store.log.add_for_task(run)
    site.store.adhoc.finish(run)
    return was_its_own


def _finish_batch(site: Site, runs: list[Run]) -> set[str]:
    """Remove the adhoc tasks that are done and keep their runs; return the ids of these runs.

    Not among them, to be settled one by one: a run that did not end well, a task that was asked to run again
    or has another run by now.
    """
    done = site.store.adhoc.finish_batch([run for run in runs if run.outcome == "ok"])
    kept = [run for run in runs if run.run_id in done and _is_kept(site, run)]
    if kept:
        site.store.log.add_many(kept)
    return done


def _settle_adhoc(site: Site, finished: FinishedRun) -> bool:
    tasks, run = site.store.adhoc, finished.run
    if run.failed or (run.outcome == "interrupted" and _is_interrupted_too_often(site, run)):
        delay = next_fail_delay(finished.fail_delay)
        next_run_at = run.settled_at + delay
        return tasks.fail(run, next_run_at=next_run_at, fail_delay=delay, gives_up=finished.gives_up)
    if run.outcome == "interrupted":
        due_at = run.due_at or run.ended_at
        return tasks.release(run.run_id, message=run.message, next_run_at=due_at, interrupted=True)
    if run.outcome == "delayed":
        return tasks.delay(run, next_run_at=run.ended_at + finished.retry_in)
    return tasks.finish(run).get()


def _is_interrupted_too_often(site: Site, run: Run) -> bool:
    row = site.store.adhoc.find(run.adhoc_id or 0)
    return row is not None and row.interruptions >= MOST_INTERRUPTIONS


def skip_misfire(site: Site, job: Job, now: float) -> bool:
    """Skip a slot that a task without late runs has missed, and log that; return whether it was one."""
    declaration = site.registry.get(job.name)
    late = job.started_at - (job.due_at or 0.0)
    if declaration.misfire != "skip" or late <= declaration.misfire_grace or job.fail_delay:
        return False
    reason = f"missed its slot by {late:.0f} s, more than its grace of {declaration.misfire_grace} s"
    record(site, job.run(outcome="skipped", ended_at=job.started_at, message=reason))
    write_skip(site, job, Skip(reason, off=False), now)
    return True


def write_skip(site: Site, job: Job, skip: Skip, now: float) -> None:
    """Pass over the slot of a claimed scheduled task, and plan the next."""
    row = site.store.scheduled.find_for_change(job.name)
    if row is not None:
        site.store.scheduled.skip(
            job.run_id,
            now=now,
            reason=skip.reason,
            off_reason=skip.reason if skip.off else None,
            next_run_at=site.planner.next_slot(row, now),
        )
