-- Give back what was claimed and has not started: the attempts are not charged.
update task_adhoc
set attempts_left = attempts_left + 1, tries = tries - 1,
  first_started_at = case when tries > 1 then first_started_at end,
  next_run_at = coalesce(requested_run_at, next_run_at), interruptions = interruptions + :interrupted,
  requested_run_at = null, requested_attempts = null,
  runner_id = null, run_id = null, started_at = null, hostname = null, pid = null
where /*sqlite run_id in (select value from json_each(:run_ids)) */
  /*postgres run_id = any (cast(translate(:run_ids, '[]', '{}') as text[])) */
returning id
