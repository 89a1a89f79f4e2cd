-- Let a task wait that asked for it: the attempt counts, it has not failed.
update task_adhoc
set next_run_at = :next_run_at, fail_delay = 0, last_message = :message,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id
returning id
