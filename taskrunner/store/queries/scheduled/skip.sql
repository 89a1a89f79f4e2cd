-- Pass over a slot: the task was not started, and is due again later.
update task_scheduled
set skips = skips + 1, skipped_since = coalesce(skipped_since, :now), skip_reason = :reason,
  off_reason = :off_reason, next_run_at = :next_run_at,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id
returning name
