-- Let a task that is done, and was asked to run again meanwhile, wait for that as if it were new.
update task_adhoc
set next_run_at = requested_run_at, attempts_left = requested_attempts, tries = 0, fail_delay = 0,
  failures = 0, interruptions = 0, failing_since = null, last_message = null, first_started_at = null,
  requested_run_at = null, requested_attempts = null,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id and requested_run_at is not null
returning id
