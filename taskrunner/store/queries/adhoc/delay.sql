-- Let a task wait that asked for it: the attempt counts, it has not failed.
update task_adhoc
set next_run_at = case when requested_run_at > :next_run_at then requested_run_at else :next_run_at end,
  attempts_left = case when attempts_left > 0 then attempts_left else coalesce(requested_attempts, 0) end,
  fail_delay = 0, interruptions = 0, last_message = :message,
  requested_run_at = null, requested_attempts = null,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id
returning id
