-- How many tasks of each class run, are due, wait, have failed, were given up, and when the next is due.
select name,
  sum(case when run_id is not null then 1 else 0 end) as running,
  sum(case when run_id is null and attempts_left > 0 and next_run_at <= :now then 1 else 0 end) as due,
  sum(case when run_id is null and attempts_left > 0 and next_run_at > :now then 1 else 0 end) as waiting,
  sum(case when failures > 0 then 1 else 0 end) as failing,
  sum(case when run_id is null and attempts_left <= 0 then 1 else 0 end) as given_up,
  min(case when run_id is null and attempts_left > 0 then next_run_at end) as next_run_at
from task_adhoc group by name order by name
