-- Give a task back that was not tried to its end, or asked to wait: not charged.
update task_scheduled
set last_run_at = started_at, last_ended_at = :ended_at, last_outcome = :outcome, last_message = :message,
  next_run_at = :next_run_at,
  interruptions = case when :outcome = 'interrupted' then interruptions + 1 else 0 end,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id
returning name
