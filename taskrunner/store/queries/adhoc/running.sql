-- The classes that run, how many tasks of each, and when the oldest of these started.
select name, count(*) as running, min(started_at) as oldest_started_at
from task_adhoc where run_id is not null group by name
