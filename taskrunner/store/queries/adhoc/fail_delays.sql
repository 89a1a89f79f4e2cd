-- How many queued tasks wait because they failed, and the longest of their delays.
select count(*) as failing, coalesce(max(fail_delay), 0) as longest
from task_adhoc where fail_delay > 0 and attempts_left > 0
