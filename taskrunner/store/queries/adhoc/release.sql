-- Give a task back that was asked to stop: the attempt is not charged, and it is due as before.
update task_adhoc
set attempts_left = attempts_left + 1, last_message = :message,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id
returning id
