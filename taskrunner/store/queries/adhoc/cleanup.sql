-- Delete a batch of the tasks that have no attempts left and last started before a moment.
delete from task_adhoc where id in (
  select id from task_adhoc
  where run_id is null and attempts_left <= 0 and next_run_at < :before order by id limit :limit
)
returning id
