-- Record a failure; the task waits, or stays without attempts to be seen, unless it was asked for meanwhile.
update task_adhoc
set next_run_at = case when requested_run_at > :next_run_at then requested_run_at else :next_run_at end,
  fail_delay = :fail_delay, failures = failures + 1, interruptions = 0,
  attempts_left = case when attempts_left > 0 and :gives_up = 0 then attempts_left
    else coalesce(requested_attempts, 0) end,
  failing_since = coalesce(failing_since, started_at), last_message = :message,
  requested_run_at = null, requested_attempts = null,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id
returning id
