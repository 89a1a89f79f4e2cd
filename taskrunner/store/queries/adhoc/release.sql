-- Give a task back that was not tried to its end: the attempt is not charged.
update task_adhoc
set attempts_left = attempts_left + 1, tries = tries - 1,
  next_run_at = case when requested_run_at > :next_run_at then requested_run_at else :next_run_at end,
  last_message = :message, interruptions = interruptions + :interrupted,
  requested_run_at = null, requested_attempts = null,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id = :run_id
returning id
