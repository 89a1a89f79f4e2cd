-- The view of queued tasks shows their priority.
create or replace view v_task_adhoc as
select id, name, plugin, "user", to_timestamp(created_at) as created,
  to_timestamp(next_run_at) as next_run, fail_delay, attempts_left, failures, last_message,
  to_timestamp(started_at) as started, hostname, pid, priority
from task_adhoc;
