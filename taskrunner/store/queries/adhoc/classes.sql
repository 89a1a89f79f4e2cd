-- The classes that have a waiting task and when the first of each is due: one look at the index per class.
with recursive class (name) as (
  select min(name) from task_adhoc where run_id is null and attempts_left > 0
  union all
  select (select min(name) from task_adhoc where run_id is null and attempts_left > 0 and name > class.name)
  from class where class.name is not null
)
select name, (
  select min(next_run_at) from task_adhoc where run_id is null and attempts_left > 0 and name = class.name
) as next_run_at
from class where name is not null
