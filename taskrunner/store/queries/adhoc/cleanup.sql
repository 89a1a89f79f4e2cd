-- Delete a batch of the tasks that were given up and would have been tried again before a moment.
delete from task_adhoc where id in (
  select id from task_adhoc
  where run_id is null and attempts_left <= 0 and next_run_at < :before order by next_run_at, id limit :limit
)
returning id
