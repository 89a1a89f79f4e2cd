-- The classes that have a waiting task, and the first of each: two looks at the index per class.
with recursive class (name) as (
  select min(name) from task_adhoc where run_id is null and attempts_left > 0
  union all
  select (select min(name) from task_adhoc where run_id is null and attempts_left > 0 and name > class.name)
  from class where class.name is not null
)
select class.name, task_adhoc.next_run_at, task_adhoc.id as first_id
from class join task_adhoc on task_adhoc.id = (
  select id from task_adhoc where run_id is null and attempts_left > 0 and name = class.name
  order by next_run_at, id limit 1
)
where class.name is not null
