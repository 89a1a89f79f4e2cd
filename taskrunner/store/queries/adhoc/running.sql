-- The classes that run, how many tasks of each, since when the oldest: two looks at the index per task.
with recursive busy (run_id) as (
  select min(run_id) from task_adhoc where run_id is not null
  union all
  select (select min(run_id) from task_adhoc where run_id is not null and run_id > busy.run_id)
  from busy where busy.run_id is not null
)
select name, sum(1 - behind) as running, min(started_at) as oldest_started_at, sum(behind) as behind
from busy join task_adhoc on task_adhoc.run_id = busy.run_id
group by name
