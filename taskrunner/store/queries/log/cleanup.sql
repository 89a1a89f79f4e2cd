-- Delete a batch of a task's runs that started before a moment, up to and with a given one.
delete from task_log where id in (
  select id from task_log
  where name = :name and started_at < :before and (started_at, id) <= (:started_at, :id)
  order by started_at, id limit :limit
)
returning id, outcome
