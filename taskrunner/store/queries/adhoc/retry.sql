-- Make a waiting task due, with one attempt at least.
update task_adhoc
set next_run_at = :now, fail_delay = 0,
  attempts_left = case when attempts_left > 0 then attempts_left else 1 end
where id = :id and run_id is null
returning id
