-- Record a failure; the task waits, or stays without attempts to be seen.
update task_adhoc
set next_run_at = :next_run_at, fail_delay = :fail_delay, failures = failures + 1,
  attempts_left = case when :gives_up = 1 then 0 else attempts_left end,
  failing_since = coalesce(failing_since, started_at), last_message = :message,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id
returning id
