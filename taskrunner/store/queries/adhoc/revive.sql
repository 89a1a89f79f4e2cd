-- Give a task that was given up its attempts back.
update task_adhoc
set attempts_left = :attempts_left, tries = 0, fail_delay = 0, failures = 0, failing_since = null,
  next_run_at = :next_run_at
where id = :id and run_id is null and attempts_left <= 0
returning id
