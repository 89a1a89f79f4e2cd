-- Record a failure; the delay replaces the schedule until the task succeeds.
update task_scheduled
set last_run_at = started_at, last_ended_at = :ended_at, last_outcome = :outcome, last_message = :message,
  next_run_at = :next_run_at, fail_delay = :fail_delay, failures = failures + 1, interruptions = 0,
  failing_since = coalesce(failing_since, started_at), off_reason = null,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id
returning name
