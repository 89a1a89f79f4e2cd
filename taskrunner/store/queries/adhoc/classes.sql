-- The classes that have a waiting task, and the first of each: three looks at the index per class.
with recursive class (name) as (
  select min(name) from task_adhoc where run_id is null and attempts_left > 0
  union all
  select (select min(name) from task_adhoc where run_id is null and attempts_left > 0 and name > class.name)
  from class where class.name is not null
)
select name,
  (select next_run_at from task_adhoc where run_id is null and attempts_left > 0 and name = class.name
    order by next_run_at, id limit 1) as next_run_at,
  (select id from task_adhoc where run_id is null and attempts_left > 0 and name = class.name
    order by next_run_at, id limit 1) as first_id
from class where name is not null
