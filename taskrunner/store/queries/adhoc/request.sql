-- Note that a running task is asked to run again; without moving it, what was asked for first holds.
update task_adhoc
set requested_run_at = case when :moves = 1 or requested_run_at is null then :next_run_at
    else requested_run_at end,
  requested_attempts = :attempts
where id = :id and run_id is not null
returning id
