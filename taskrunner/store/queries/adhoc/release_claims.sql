-- Give back what a runner has claimed and not started: the attempts are not charged.
update task_adhoc
set attempts_left = attempts_left + 1, tries = tries - 1,
  first_started_at = case when tries > 1 then first_started_at end,
  next_run_at = coalesce(requested_run_at, next_run_at),
  requested_run_at = null, requested_attempts = null,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where run_id is not null and runner_id = :runner_id
