-- The tasks that have kept runs: one look at the index per task.
with recursive task (name) as (
  select min(name) from task_log
  union all
  select (select min(name) from task_log where name > task.name) from task where task.name is not null
)
select name from task where name is not null
