-- Record a success and when the task is due next; no row when the run is not the task's any more.
update task_scheduled
set last_run_at = started_at, last_ended_at = :ended_at, last_success_at = started_at, last_outcome = 'ok',
  last_message = null, next_run_at = :next_run_at, fail_delay = 0, failing_since = null, failures = 0,
  skips = 0, interruptions = 0, skipped_since = null, skip_reason = null, off_reason = null,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id
returning name
