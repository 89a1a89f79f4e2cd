-- The tasks that were found in log files: one look at the index per task.
with recursive task (name) as (
  select min(name) from report_task
  union all
  select (select min(name) from report_task where name > task.name) from task where task.name is not null
)
select name from task where name is not null
